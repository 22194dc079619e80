import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs"

/** The fields of /proc/PID/stat that Sentō reads (proc_pid_stat(5)). */
export type ProcessStat = {
  readonly pid: number
  /** The first 15 bytes of the program's name, as the kernel keeps it. */
  readonly name: string
  /** `Z` once it has ended and nobody has asked for its exit status yet. */
  readonly state: string
  readonly parent: number
  readonly group: number
  /** The number of the controlling terminal, 0 without one. */
  readonly terminal: number
  /** The foreground process group of the controlling terminal, or -1. */
  readonly foregroundGroup: number
  /** Clock ticks between boot and the start of the process: tells a pid used again from the same process. */
  readonly startTicks: number
}

/** What the kernel says of a process, or null when it is gone. */
export function processStat(pid: number): ProcessStat | null {
  const line = readProc(`/proc/${pid}/stat`)
  if (line === null) return null
  const open = line.indexOf("(")
  const close = line.lastIndexOf(")")
  const fields = line.slice(close + 2).split(" ")
  return {
    pid,
    name: line.slice(open + 1, close),
    state: fields[0] ?? "",
    parent: Number(fields[1]),
    group: Number(fields[2]),
    terminal: Number(fields[4]),
    foregroundGroup: Number(fields[5]),
    startTicks: Number(fields[19]),
  }
}

/** A process and those above it, as far as they can be looked at: the last one is init's child, or the last that is there. */
export function* ancestryOf(pid: number): Generator<ProcessStat> {
  for (let next = pid; next > 1; ) {
    const stat = processStat(next)
    if (stat === null) return
    yield stat
    next = stat.parent
  }
}

/** Whether a process of this pid runs; one that only waits to be reaped does not. */
export function isAlive(pid: number): boolean {
  const stat = processStat(pid)
  return stat !== null && stat.state !== "Z"
}

/**
 * The process that owns the keyboard of the terminal in which `pid` runs: the leader of the terminal's
 * foreground group, or the process itself where that leader is gone. Null when `pid` is gone.
 */
export function foregroundProcess(pid: number): ProcessStat | null {
  const own = processStat(pid)
  if (own === null || own.foregroundGroup <= 0) return own
  return processStat(own.foregroundGroup) ?? own
}

/**
 * In how many namespaces of processes a process is, one within the other: more than this one are those in a container
 * (NSpid in /proc/PID/status, proc_pid_status(5)). 0 where that cannot be seen.
 */
export const namespacesOf = (pid: number): number =>
  /^NSpid:(.*)$/m
    .exec(readProc(`/proc/${pid}/status`) ?? "")?.[1]
    ?.trim()
    .split(/\s+/).length ?? 0

/**
 * The whole path of the program a process runs, or null when that may not be read: another user's, or a zombie's.
 * The kernel marks a file that was removed or replaced meanwhile, as an updater does.
 */
export const executableOf = (pid: number): string | null =>
  readLink(`/proc/${pid}/exe`)?.replace(/ \(deleted\)$/, "") ?? null

/** The directory a process works in, or null when that may not be read. */
export const directoryOf = (pid: number): string | null => readLink(`/proc/${pid}/cwd`)

/** The paths of what a process has open, as far as they may be read. */
export function openFilesOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap(number => readLink(`/proc/${pid}/fd/${number}`) ?? [])
  } catch {
    return []
  }
}

const terminalPath = /^\/dev\/(?:pts\/\d+|tty\w*|console)$/

/** Whether a process reads its standard input from a terminal; null when that may not be read. */
export function readsTerminal(pid: number): boolean | null {
  const input = readLink(`/proc/${pid}/fd/0`)
  return input === null ? null : terminalPath.test(input)
}

/**
 * Which terminal a descriptor of a process is: `this` one, `some` one (`/dev/tty`, whichever that was when it was
 * opened), or `none` of these; `unreadable` where that may not be seen. Another terminal with this number may be a
 * container's.
 * @param terminal - its number, as in {@link ProcessStat}
 */
export function terminalAt(
  pid: number,
  descriptor: 0 | 1 | 2,
  terminal: number,
): "this" | "some" | "none" | "unreadable" {
  const path = `/proc/${pid}/fd/${descriptor}`
  try {
    const target = readlinkSync(path)
    if (target === "/dev/tty") return "some"
    // Asked of a terminal alone: a file of a server that is away would keep us waiting.
    if (!terminalPath.test(target)) return "none"
    const file = statSync(path)
    if (file.rdev !== terminal) return "none"
    const own = statSync(target, { throwIfNoEntry: false })
    return own === undefined || own.rdev !== terminal || own.dev === file.dev ? "this" : "none"
  } catch (error) {
    return ["EACCES", "EPERM"].includes((error as { code?: string }).code ?? "") ? "unreadable" : "none"
  }
}

/** The environment that a process was started with, as `NAME=value`; empty when that may not be read. */
export const environmentOf = (pid: number): string[] =>
  (readProc(`/proc/${pid}/environ`) ?? "").split("\0").filter(Boolean)

/** All processes that are to be seen, threads of the kernel among them. */
export const allProcesses = (): number[] => readdirSync("/proc").filter(isPid).map(Number)

const isPid = (name: string): boolean => /^\d+$/.test(name)

/** The processes that a process started, from any of its threads; none on a kernel without CONFIG_PROC_CHILDREN. */
export function childrenOf(pid: number): number[] {
  return threadsOf(pid).flatMap(thread =>
    (readProc(`/proc/${pid}/task/${thread}/children`) ?? "").split(" ").filter(Boolean).map(Number),
  )
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

/** The arguments of a process, or null when it is gone. */
export function argumentsOf(pid: number): string[] | null {
  const line = readProc(`/proc/${pid}/cmdline`)
  return line === null ? null : line.split("\0").slice(0, -1)
}

function readProc(path: string): string | null {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return null
  }
}

function readLink(path: string): string | null {
  try {
    return readlinkSync(path)
  } catch {
    return null
  }
}
