/**
 * `sento hook EVENT`: what an agent program's hooks run. It tells the Guardian of the turn, and the program to go on
 * where a peer still waits. Whatever goes wrong, it says nothing and exits 0: it must never disturb the program.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs"
import type { TurnAnswer } from "../guardian/door-requests.ts"
import { type HookReport, readHook, transcriptOf } from "../protocol/hooks.ts"
import { pathsOf } from "../store/paths.ts"
import { callDoor } from "./door.ts"

/** Nothing a program tells of a turn is as long; what is longer is not read to its end. */
const mostInputBytes = 16 * 1024 * 1024
/** Of a transcript. A turn that is longer has no last words here, and the agent is asked for its answer. */
const mostTranscriptBytes = 4 * 1024 * 1024
/** For all of it: programs wait for their hooks. */
const patienceMilliseconds = 2000

/** `sento hook EVENT` */
export async function hook(event: string): Promise<number> {
  try {
    const signal = AbortSignal.timeout(patienceMilliseconds)
    const input: unknown = JSON.parse(await readInput(signal))
    const report = readHook(event, input, readEnd(transcriptOf(event, input)))
    if (report !== null) await tellGuardian(report, signal)
  } catch {
    // No Guardian, no setup, no JSON: none of that is the program's business.
  }
  return 0
}

/** On stdout what Claude Code, Codex and Gemini CLI take alike, or nothing. */
async function tellGuardian({ session, event }: HookReport, signal: AbortSignal): Promise<void> {
  const paths = pathsOf(process.env.SENTO_HOME, process.env.SENTO_DOOR)
  const { block } = await callDoor<TurnAnswer>(paths, "agent", { op: "turn", session, event }, { signal })
  if (block !== null) process.stdout.write(`${JSON.stringify({ decision: "block", reason: block })}\n`)
}

/** @throws where it is too long, or does not end in time */
async function readInput(signal: AbortSignal): Promise<string> {
  if (process.stdin.isTTY) throw new Error("a terminal")
  const chunks: Uint8Array[] = []
  let length = 0
  const { promise: late, reject } = Promise.withResolvers<never>()
  late.catch(() => {})
  signal.addEventListener("abort", () => reject(signal.reason))
  const reader = Bun.stdin.stream().getReader()
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
