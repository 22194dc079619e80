/** guardian.log: one line an event, never a secret, never without bound. */
import { appendFileSync, closeSync, openSync, readSync, renameSync, rmSync, statSync } from "node:fs"
import { utf8 } from "../protocol/bytes.ts"
import { formatTimestamp } from "../protocol/freshness.ts"
import { areStepsTraced } from "../store/faults.ts"

export type Log = {
  write(line: string): void
  /** Counts a refusal, and writes at most one line a second for each reason. */
  refused(reason: string, address: string): void
  /**
   * A line of a kind that the agent can bring about as often as it likes: {@link burst} at once, then one every half
   * minute with how many were left out, so that it cannot turn the log over and out of sight.
   * @returns whether it was written
   */
  sparingly(kind: string, line: string): boolean
}

const mostBytes = 1024 * 1024
/** guardian.log.1 and guardian.log.2 hold what came before. */
const oldFiles = 2
const refusalMilliseconds = 1000
const burst = 30
const sparingMilliseconds = 30_000
const lineBreak = utf8("\n")

type Named = { readonly kind: string }

/** A machine's step in a test build with `SENTO_TRACE=on`, by names alone: what they hold may be secret. */
export function traceStep(
  log: Pick<Log, "write">,
  machine: string,
  [from, event, to]: readonly [string, Named, string],
  effects: readonly Named[],
): void {
  if (!areStepsTraced()) return
  const asked = effects.map(one => `, ${one.kind}`).join("")
  log.write(`${machine}: ${from} + ${event.kind} → ${to}${asked}`)
}

/**
 * @param now - milliseconds since the epoch
 * @param echo - told each line too, for somebody who watches
 */
export function openLog(path: string, now: () => number, echo: (line: string) => void = () => {}): Log {
  let size = sizeOf(path)
  let isCut = isLineOpen(path, size)
  const refusals = new Map<string, { loggedAt: number; count: number }>()

  function write(line: string): void {
    const whole = `${formatTimestamp(now())} ${oneLine(line)}`
    const text = utf8(`${whole}\n`)
    echo(whole)
    if (size + text.length > mostBytes) {
      size = rotate(path)
      isCut = isLineOpen(path, size)
    }
    const bytes = isCut ? Buffer.concat([lineBreak, text]) : text
    const isWhole = isAppended(path, bytes)
    size = isWhole ? size + bytes.length : sizeOf(path)
    isCut = !isWhole && isLineOpen(path, size)
  }

  function refused(reason: string, address: string): void {
    const past = refusals.get(reason) ?? { loggedAt: Number.NEGATIVE_INFINITY, count: 0 }
    past.count += 1
    refusals.set(reason, past)
    if (Math.abs(now() - past.loggedAt) < refusalMilliseconds) return
    write(`refused ${past.count} request${past.count === 1 ? "" : "s"} (${reason}), the last from ${address}`)
    past.count = 0
    past.loggedAt = now()
  }

  const kinds = new Map<string, { lines: number; at: number; leftOut: number }>()

  function sparingly(kind: string, line: string): boolean {
    const past = kinds.get(kind) ?? { lines: burst, at: now(), leftOut: 0 }
    kinds.set(kind, past)
    const regained = Math.floor(Math.abs(now() - past.at) / sparingMilliseconds)
    past.lines = Math.min(burst, past.lines + regained)
    if (regained > 0) past.at = now()
    if (past.lines === 0) {
      past.leftOut += 1
      return false
    }
    write(past.leftOut === 0 ? line : `${line} (${past.leftOut} lines like this were left out)`)
    past.lines -= 1
    past.leftOut = 0
    return true
  }

  return { write, refused, sparingly }
}

/** A full disk must not stop the Guardian (what matters is in sento.db), and can leave a part of the line. */
function isAppended(path: string, bytes: Uint8Array): boolean {
  try {
    appendFileSync(path, bytes, { mode: 0o600 })
    return true
  } catch {
    return false
  }
}

/** Whether the file ends in a line that was cut: the next one begins a line of its own. */
function isLineOpen(path: string, size: number): boolean {
  if (size === 0) return false
  try {
    const file = openSync(path, "r")
    try {
      const last = Buffer.alloc(1)
      return readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a
    } finally {
      closeSync(file)
    }
  } catch {
    return false
  }
}

function rotate(path: string): number {
  rmSync(`${path}.${oldFiles}`, { force: true })
  for (let i = oldFiles - 1; i >= 0; i -= 1) {
    try {
      renameSync(i === 0 ? path : `${path}.${i}`, `${path}.${i + 1}`)
    } catch {}
  }
  return sizeOf(path)
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

/** Control characters of whatever kind as escapes: a log line is one line, and harmless to look at. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, escaped)

/** As JSON may write it: `\n`, and by its code units what `JSON.stringify` leaves as it is (U+009B, U+200B, U+2028). */
function escaped(sign: string): string {
  const short = JSON.stringify(sign).slice(1, -1)
  if (short !== sign) return short
  return sign
    .split("")
    .map(unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("")
}
