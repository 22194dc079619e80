/**
 * `sento hook EVENT`: what an agent program's hooks run. It tells the Guardian of the turn, and the program to go on
 * where a peer still waits. Whatever goes wrong, it says nothing and exits 0: it must never disturb the program.
 */
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { callDoor, HungUp, NoGuardian } from "../guardian/door/client.ts"
import type { TurnAnswer } from "../guardian/door/results.ts"
import { type HookReport, readHook, transcriptOf } from "../protocol/hooks.ts"
import type { Paths } from "../store/paths.ts"
import { type AddCommand, command } from "./command.ts"
import type { Io } from "./io.ts"
import { mayRevive } from "./reviving.ts"
import { findAgent } from "./which-agent.ts"

/** The words of `sento hook`. */
export const addHook: AddCommand = (program, { io, finish }) =>
  command(program, "hook", "tell the Guardian of an agent program's turn (what `sento setup` writes runs it)")
    .argument("<event>", "the program's name for it, such as Stop; its JSON on stdin")
    .action(event => finish(hook(io, event)))

/** Nothing a program tells of a turn is as long; what is longer is not read to its end. */
const mostInputBytes = 16 * 1024 * 1024
/** Of a transcript. A turn that is longer has no last words here, and the agent is asked for its answer. */
const mostTranscriptBytes = 4 * 1024 * 1024
/** For all of it: programs wait for their hooks. */
const patienceMilliseconds = 2000
/** For the input, of that: that it does not come is told, too. */
const inputMilliseconds = 1500
/** A Guardian that went this lately may be one that is restarted. One that was stopped makes no program wait. */
const justGoneMilliseconds = 10_000
const retryMilliseconds = 50

/** `sento hook EVENT` */
export async function hook(io: Io, event: string): Promise<number> {
  try {
    const signal = AbortSignal.timeout(patienceMilliseconds)
    if (io.isTerminal.stdin) return 0
    const input = await readInput(io, AbortSignal.timeout(inputMilliseconds))
    const report = readHook(event, input, readEnd(transcriptOf(event, input)))
    if (report !== null) await tellGuardian(io, report, signal)
  } catch {
    // No Guardian, no setup: none of that is the program's business.
  }
  return 0
}

/** On stdout what Claude Code, Codex and Gemini CLI take alike, or nothing. */
async function tellGuardian(io: Io, { session, event }: HookReport, signal: AbortSignal): Promise<void> {
  const found = await findAgent(io)
  if (found.kind === "open") return
  const { paths, stray } = found
  if (stray !== null) {
    const { source, named } = stray
    await callDoor(stray.pane.paths, "agent", { op: "stray", source, named }, { signal })
    return
  }
  const ask = (): Promise<TurnAnswer> => callDoor(paths, "agent", { op: "turn", session, event }, { signal })
  const { block } = await askAgain(ask, paths, signal).catch(async error => {
    // Before anything is loaded for it.
    if (!(error instanceof NoGuardian) || !mayRevive(paths)) throw error
    const { revive } = await import("./running.ts")
    await Promise.race([revive(io, paths), aborted(signal)])
    return ask()
  })
  if (block !== null) io.out(`${JSON.stringify({ decision: "block", reason: block })}\n`)
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => signal.addEventListener("abort", () => resolve(), { once: true }))

/**
 * Asks until a Guardian answers, as long as one may be coming back: what it is not told, it cannot heed.
 * @param ask - asks once, and throws {@link NoGuardian} or {@link HungUp} where there is none
 * @throws what `ask` threw last
 */
export async function askAgain<Answer>(
  ask: () => Promise<Answer>,
  paths: Paths,
  signal: AbortSignal,
): Promise<Answer> {
  let hasHungUp = false
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      hasHungUp ||= error instanceof HungUp
      const isAway = hasHungUp || (error instanceof NoGuardian && isJustGone(paths))
      if (!isAway || signal.aborted) throw error
    }
    await Bun.sleep(retryMilliseconds)
  }
}

/** Whether the directory of its door changed lately, as it does when a Guardian stops and takes its door away. */
function isJustGone({ agentSocket }: Paths): boolean {
  const changedAt = statSync(dirname(agentSocket), { throwIfNoEntry: false })?.mtimeMs
  return changedAt !== undefined && Math.abs(Date.now() - changedAt) < justGoneMilliseconds
}

/** Null for what is too long, does not end in time, or is no JSON. */
async function readInput(io: Io, signal: AbortSignal): Promise<unknown> {
  try {
    return JSON.parse(await readText(io, signal))
  } catch {
    return null
  }
}

/** @throws where it is too long, or does not end in time */
async function readText({ stdin }: Io, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  const { promise: late, reject } = Promise.withResolvers<never>()
  late.catch(() => {})
  signal.addEventListener("abort", () => reject(signal.reason))
  const reader = stdin().getReader()
  for (;;) {
    const { value, done } = await Promise.race([reader.read(), late])
    if (done) return Buffer.concat(chunks).toString()
    chunks.push(value)
    length += value.length
    if (length > mostInputBytes) throw new Error("too long")
  }
}

/** The last lines of a file, whole ones alone; null where there is no such file. */
function readEnd(path: string | null): string | null {
  if (path === null) return null
  let file: number
  try {
    // A pipe that nobody writes into would hang here.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch {
    return null
  }
  try {
    const found = fstatSync(file)
    if (!found.isFile()) return null
    const start = Math.max(0, found.size - mostTranscriptBytes)
    const bytes = Buffer.alloc(found.size - start)
    const text = bytes.toString("utf8", 0, readSync(file, bytes, 0, bytes.length, start))
    return start === 0 ? text : text.slice(text.indexOf("\n") + 1)
  } finally {
    closeSync(file)
  }
}
