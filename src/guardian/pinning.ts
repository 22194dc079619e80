/** The one pane that is typed into: the session's active one at first use, the same from then on. */
import { statSync } from "node:fs"
import * as v from "valibot"
import { SentoError } from "../protocol/errors.ts"
import type { ProfileName } from "../protocol/names.ts"
import { findPane, type PinnedPane, panesOf } from "../tmux/pane.ts"
import { isAlive, processStat } from "../tmux/process.ts"
import {
  detectProfile,
  holdOf,
  keyboardOwner,
  namedAgent,
  onlyDirectly,
  type Program,
  programLabel,
} from "../tmux/program.ts"
import { runTmux, type TmuxServer } from "../tmux/tmux.ts"
import type { Distrusted } from "./callers.ts"
import type { Context } from "./context.ts"

/** A pane with the profile of what runs in it, or why there is none to type into. */
export type Target =
  | { readonly kind: "pane"; readonly pane: PinnedPane; readonly profile: ProfileName }
  | { readonly kind: "none"; readonly state: "absent" | "other" | "shell"; readonly reason: string }

type Books = Pick<Context, "config" | "store" | "log">

const pinSchema = v.object({ pane: v.string(), pid: v.number(), startTicks: v.number() })

export const serverOf = (context: Pick<Context, "config">): TmuxServer => ({
  socket: context.config.current.tmux.socket,
})

/** The pinned pane, where it is still the same; tmux that is not there counts as no pane. */
export async function findTarget(context: Books): Promise<Target> {
  try {
    const kept = readPin(context)
    if (kept !== null && (await isSame(serverOf(context), kept))) return withProfile(context, kept)
    return await adopt(context, kept)
  } catch (error) {
    if (!(error instanceof SentoError) || error.code !== "no-tmux") throw error
    return { kind: "none", state: "absent", reason: "tmux is not installed" }
  }
}

/**
 * In hardened mode the agent's user can make a link of its tmux socket, to a server of the owner's own: what a
 * peer says is not typed there. The pid is compared again in the call that types.
 */
function isOwnersInHardened({ config }: Books, { pid }: PinnedPane): boolean {
  if (config.current.hardened === undefined) return false
  const stat = statSync(`/proc/${pid}`, { throwIfNoEntry: false })
  return stat === undefined || stat.uid === process.getuid?.()
}

/**
 * Whose descendants are not the owner: the pinned pane's process. Where that pane is not there any more, or none
 * is pinned yet, every pane of the session is the agent's. In hardened mode tmux is the agent's, and says what it
 * likes; but there the agent cannot reach the door.
 * @throws try-later where tmux hangs, and nobody can say which panes there are
 */
export async function agentProcesses(books: Pick<Context, "config" | "store">): Promise<Distrusted> {
  const pin = readPin(books)
  const own =
    pin !== null && isRunning(pin) ? [[pin.pid, "it was started in the agent's own pane"] as const] : []
  if (books.config.current.hardened !== undefined) return new Map(own)
  const panes = await panesOf(serverOf(books), books.config.current.tmux.session).catch(noneWithoutTmux)
  if (panes?.some(one => one.pane === pin?.pane && one.pid === pin.pid)) return new Map(own)
  if (panes !== null)
    return new Map([...panes.map(one => [one.pid, "it was started in the agent's session"] as const), ...own])
  if (own.length > 0) return new Map(own)
  throw new SentoError("try-later", "tmux does not say which pane is the agent's", "see `sento guard status`")
}

function noneWithoutTmux(error: unknown): [] {
  if (error instanceof SentoError && error.code === "no-tmux") return []
  throw error
}

/**
 * Pins the session's active pane as it is now, on the owner's word.
 * @throws no-session
 */
export async function attach(context: Books): Promise<PinnedPane> {
  const { session } = context.config.current.tmux
  const found = await findPane(serverOf(context), session)
  if (found === null)
    throw new SentoError(
      "no-session",
      `there is no tmux session named ${JSON.stringify(session)}`,
      `start it with \`tmux new -s ${session}\`, or name another: \`sento init --session NAME\``,
    )
  context.store.facts.set("pane", found)
  context.log.write(`attached to pane ${found.pane} of session ${session}`)
  return found
}

function readPin(context: Pick<Context, "store">): PinnedPane | null {
  const kept = v.safeParse(pinSchema, context.store.facts.get("pane"))
  return kept.success ? kept.output : null
}

const isRunning = ({ pid, startTicks }: PinnedPane): boolean =>
  isAlive(pid) && processStat(pid)?.startTicks === startTicks

/** Same id, same process: a pane that was respawned, or one of another server with the same id, is another. */
async function isSame(server: TmuxServer, pin: PinnedPane): Promise<boolean> {
  if (!isRunning(pin)) return false
  const answer = await runTmux(server, ["display-message", "-p", "-t", pin.pane, "#{pane_id} #{pane_pid}"])
  return answer.status === 0 && answer.stdout.trim() === `${pin.pane} ${pin.pid}`
}

/**
 * At first use whatever the session's active pane is. Later a new pane is taken by itself only when the agent
 * program that belongs there runs in it; anything else waits for the owner's word.
 */
async function adopt(context: Books, kept: PinnedPane | null): Promise<Target> {
  const { session, profile } = context.config.current.tmux
  const found = await findPane(serverOf(context), session)
  if (found === null)
    return { kind: "none", state: "absent", reason: `there is no tmux session named ${session}` }
  const owner = keyboardOwner(found.pid)
  const detected = owner === null ? null : detectProfile(owner)
  const isKnown = detected !== null && (profile === null || profile === detected)
  if (kept !== null && !isKnown)
    return {
      kind: "none",
      state: "other",
      reason: `the session ${session} is another one now; \`sento guard attach\` takes it as it is`,
    }
  await attach(context)
  return withProfile(context, found)
}

function withProfile(context: Books, pane: PinnedPane): Target {
  if (isOwnersInHardened(context, pane))
    return {
      kind: "none",
      state: "other",
      reason: `the session ${context.config.current.tmux.session} runs as the Guardian's own user, not as the agent's`,
    }
  const chosen = context.config.current.tmux.profile
  if (chosen !== null) return { kind: "pane", pane, profile: chosen }
  const owner = keyboardOwner(pane.pid)
  if (owner === null) return { kind: "none", state: "absent", reason: "the pane's program has ended" }
  const profile = detectProfile(owner)
  if (profile !== null) return { kind: "pane", pane, profile }
  const hold = holdOf(owner) ?? { state: "other", reason: unknownProgram(owner) }
  return { kind: "none", ...hold }
}

/** `plain` is proposed only where nothing names a program that has a profile of its own. */
function unknownProgram(program: Program): string {
  const words = `${programLabel(program)} runs in the pane, which no profile knows`
  const agent = namedAgent(program)
  if (agent !== null) return `${words}; ${onlyDirectly(agent)}`
  return `${words}; \`sento init --profile plain\` lets it be typed into`
}
