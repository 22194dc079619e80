/** What Linux counts of a process (proc(5)). */
import { readdirSync, readFileSync } from "node:fs"

/** Milliseconds of a clock tick in /proc: USER_HZ is 100 on every architecture that Bun runs on. */
const tickMilliseconds = 10

/** Mebibytes: what it has made itself, and all that is resident, the program's own file with it. */
export function memoryOf(pid: number): { anonymous: number; resident: number } {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")
  const mebibytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1]) / 1024
  return { anonymous: mebibytes("Anonymous"), resident: mebibytes("Rss") }
}

/** How often each thread has waited and been woken (voluntary context switches), by its id. */
export function wakeUpsOf(pid: number): ReadonlyMap<string, number> {
  const threads = readdirSync(`/proc/${pid}/task`)
  return new Map(threads.flatMap(thread => countOf(pid, thread)))
}

/** Nothing of a thread that has ended as we look. */
function countOf(pid: number, thread: string): readonly (readonly [string, number])[] {
  try {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8")
    return [[thread, Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1])]]
  } catch {
    return []
  }
}

/** Those of a thread that has begun in between count from its beginning; those of one that has ended are not known. */
export function wakeUpsBetween(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): number {
  return [...after].reduce((sum, [thread, count]) => sum + count - (before.get(thread) ?? 0), 0)
}

/** Milliseconds of the processor so far, in steps of 10. */
export function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  // The name in brackets may hold spaces; utime and stime are the 14th and 15th field.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11]) + Number(fields[12])) * tickMilliseconds
}
