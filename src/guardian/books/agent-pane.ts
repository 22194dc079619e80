/** The one pane that is typed into: the session's active one at first use, the same from then on. */
import { SentoError } from "../../protocol/errors.ts"
import { shellWord } from "../../protocol/shell.ts"
import { HandsAway, isRunning, type Target } from "../../tmux/hands.ts"
import type { PinnedPane } from "../../tmux/pane.ts"
import type { Context } from "../context.ts"
import { othersPanes } from "./agent-processes.ts"
import { pinKeyOf, pinnedIn } from "./pins.ts"

type PaneParts = Pick<Context, "config" | "store" | "log" | "hands" | "paths">

/** The pinned pane, where it is still the same; tmux that is not there counts as no pane. */
export async function findTarget(context: PaneParts): Promise<Target> {
  const { session, profile } = context.config.current.tmux
  const kept = readPin(context)
  try {
    const taken = kept !== null && isRunning(kept) ? [] : othersPanes(context.paths)
    const { pane, target } = await context.hands.find(kept, { session, profile, taken })
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
 * Pins the session's active pane as it is now, or the one that is named, on the owner's word.
 * @throws no-session; try-later where nobody can look
 */
export async function attach(context: PaneParts, wish: string | null = null): Promise<PinnedPane> {
  const { session } = context.config.current.tmux
  const found = await context.hands.take(session, wish).catch(throwPlainly)
  if (found === null && wish !== null && (await context.hands.take(session)) !== null)
    throw new SentoError(
      "usage",
      `the tmux session ${session} has no pane ${wish}`,
      `see \`tmux list-panes -s -t ${shellWord(session)} -F '#{pane_id} #{pane_current_command}'\``,
    )
  if (found === null)
    throw new SentoError(
      "no-session",
      `there is no tmux session named ${JSON.stringify(session)}`,
      `start it with \`tmux new -s ${shellWord(session)}\`, or name another: \`sento init --session NAME\``,
    )
  if (othersPanes(context.paths).includes(found.pid))
    throw new SentoError(
      "failed",
      `the active pane of ${session} is another agent's`,
      "make this agent's own pane the active one, and run it again",
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

const pinKey = ({ config }: Pick<Context, "config">): string => pinKeyOf(config.current)

const readPin = ({ config, store }: Pick<Context, "config" | "store">): PinnedPane | null =>
  pinnedIn(store.facts, config.current)

const isSamePin = (pane: PinnedPane, kept: PinnedPane | null): boolean =>
  kept !== null && pane.pane === kept.pane && pane.pid === kept.pid && pane.startTicks === kept.startTicks
