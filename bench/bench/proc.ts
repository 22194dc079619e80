/** What Linux counts of a process (proc(5)). */
import { readdirSync, readFileSync } from "node:fs"

/** Milliseconds of a clock tick in /proc: USER_HZ is 100 on every architecture that Bun runs on. */
const tickMilliseconds = 10

/** Mebibytes: what it has made itself, and all that is resident, the program's own file with it. */
export function memoryOf(pid: number): { anonymous: number; resident: number } {
  const mebibytes = rollupOf(pid)
  return { anonymous: mebibytes("Anonymous"), resident: mebibytes("Rss") }
}

/** Mebibytes: what it has made itself, and its share of what others have in memory too. */
export const proportionalOf = (pid: number): number => rollupOf(pid)("Pss")

function rollupOf(pid: number): (field: string) => number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")
  return field => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1]) / 1024
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

/** Milliseconds of the processor so far, of the threads that are there: exact, where a scheduler counts it. */
export function runTimeOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  return threads.reduce((sum, thread) => sum + runTimeOfThread(pid, thread), 0)
}

function runTimeOfThread(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]) / 1_000_000
  } catch {
    return 0
  }
}

/** Milliseconds of the processor so far, in steps of 10. */
export function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  // The name in brackets may hold spaces; utime and stime are the 14th and 15th field.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11]) + Number(fields[12])) * tickMilliseconds
}
