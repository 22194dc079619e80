/** The one pane that is typed into: the session's active one at first use, the same from then on. */
import * as v from "valibot"
import { SentoError } from "../../protocol/errors.ts"
import { shellWord } from "../../protocol/shell.ts"
import { HandsAway, isRunning, type Target } from "../../tmux/hands.ts"
import type { OwnHands } from "../../tmux/own-hands.ts"
import type { PinnedPane } from "../../tmux/pane.ts"
import type { Context } from "../context.ts"
import type { Distrusted } from "../door/callers.ts"
import { pinSchema } from "../terminal/hands-messages.ts"
import { ownTerminal } from "../terminal/own-terminal.ts"

type PaneParts = Pick<Context, "config" | "store" | "log" | "hands">

/** The pinned pane, where it is still the same; tmux that is not there counts as no pane. */
export async function findTarget(context: PaneParts): Promise<Target> {
  const { session, profile } = context.config.current.tmux
  const kept = readPin(context)
  try {
    const { pane, target } = await context.hands.find(kept, { session, profile })
    // Hands that name another one each time would have each of them written; a pin that is not kept is found again.
    if (pane !== null && !isSamePin(pane, kept) && context.log.sparingly("pin", pinWords(context, pane)))
      keepPin(context, pane)
    return target
  } catch (error) {
    if (error instanceof HandsAway)
      return { kind: "none", state: "other", reason: error.message, isAway: true }
    if (!(error instanceof SentoError) || error.code !== "no-tmux") throw error
    return { kind: "none", state: "absent", reason: "tmux is not installed" }
  }
}

/**
 * Whose descendants are not the owner: the pinned pane's process. Where that pane is not there any more, or none
 * is pinned yet, every pane of the session is the agent's; and where there is no such session any more, every pane of
 * the server, for it may have been given another name. Nobody in hardened mode: which processes are the agent's
 * is the agent's own word there (it could name the owner's), and none of its user's can reach the door.
 * @throws try-later where tmux hangs, and nobody can say which panes there are
 */
export async function agentProcesses(books: Pick<Context, "config" | "store">): Promise<Distrusted> {
  const terminal = ownTerminal(books.config.current)
  if (terminal === null) return new Map()
  const pin = readPin(books)
  const own =
    pin !== null && isRunning(pin) ? [[pin.pid, "it was started in the agent's own pane"] as const] : []
  const panes = await terminal.panes(books.config.current.tmux.session).catch(noneWithoutTmux)
  if (panes?.some(one => one.pane === pin?.pane && one.pid === pin.pid)) return new Map(own)
  if (panes?.length === 0 && pin !== null && own.length === 0) return allPanes(terminal)
  if (panes !== null)
    return new Map([...panes.map(one => [one.pid, "it was started in the agent's session"] as const), ...own])
  if (own.length > 0) return new Map(own)
  throw new SentoError("try-later", "tmux does not say which pane is the agent's", "see `sento guard status`")
}

async function allPanes(terminal: OwnHands): Promise<Distrusted> {
  const panes = (await terminal.panes(null).catch(noneWithoutTmux)) ?? []
  const reason =
    "the agent's session is not there, and it was started in another one, which may be the agent's"
  return new Map(panes.map(one => [one.pid, reason]))
}

function noneWithoutTmux(error: unknown): [] {
  if (error instanceof SentoError && error.code === "no-tmux") return []
  throw error
}

/**
 * Pins the session's active pane as it is now, on the owner's word.
 * @throws no-session; try-later where nobody can look
 */
export async function attach(context: PaneParts): Promise<PinnedPane> {
  const { session } = context.config.current.tmux
  const found = await context.hands.take(session).catch(throwPlainly)
  if (found === null)
    throw new SentoError(
      "no-session",
      `there is no tmux session named ${JSON.stringify(session)}`,
      `start it with \`tmux new -s ${shellWord(session)}\`, or name another: \`sento init --session NAME\``,
    )
  context.log.write(pinWords(context, found))
  keepPin(context, found)
  return found
}

function throwPlainly(error: unknown): never {
  if (!(error instanceof HandsAway)) throw error
  throw new SentoError("try-later", error.message, "run `sento doctor`")
}

const keepPin = (context: PaneParts, pane: PinnedPane): void => context.store.facts.set(pinKey(context), pane)

const pinWords = ({ config }: PaneParts, { pane }: PinnedPane): string =>
  `attached to pane ${pane} of session ${config.current.tmux.session}`

/** What the hands of the agent's user said counts in hardened mode alone: it could name any process. */
const pinKey = ({ config }: Pick<Context, "config">): string =>
  config.current.hardened === undefined ? "pane" : "pane of the hands"

function readPin(context: Pick<Context, "config" | "store">): PinnedPane | null {
  const kept = v.safeParse(pinSchema, context.store.facts.get(pinKey(context)))
  return kept.success ? kept.output : null
}

const isSamePin = (pane: PinnedPane, kept: PinnedPane | null): boolean =>
  kept !== null && pane.pane === kept.pane && pane.pid === kept.pid && pane.startTicks === kept.startTicks
