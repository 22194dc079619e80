/** Which program reads the keys of a terminal. The rules are in docs/DELIVERY.md, "Ways of installing and starting". */
import { realpathSync } from "node:fs"
import { basename, isAbsolute, join } from "node:path"
import { type AgentProgramName, agentProgramNames } from "../protocol/names.ts"
import { agentIn, agentOfFile } from "./agent-programs.ts"
import { isPromptingBy } from "./interpreters.ts"
import {
  allProcesses,
  argumentsOf,
  childrenOf,
  directoryOf,
  environmentOf,
  executableOf,
  type ProcessStat,
  processStat,
  readsTerminal,
  terminalAt,
} from "./process.ts"
import {
  interpreterOf,
  isKnownOtherwise,
  isLauncher,
  isRuntime,
  type Kind,
  kindOf,
  loadedBy,
  type Named,
  scriptOf,
} from "./shells.ts"

/** The program that owns a pane's keyboard. */
export type Program = Named & {
  readonly pid?: number
  /** Whole paths of what it is: its executable, and a runtime's script, as called and with links resolved. */
  readonly files?: readonly string[]
  /** It started something on another terminal, as a relay does: the agent program there, for words alone, or null. */
  readonly behind?: AgentProgramName | null
  /** Several agent programs side by side, of which nobody can say which one reads. */
  readonly several?: readonly AgentProgramName[]
  /** How it got at the terminal, where that is no way in which an agent program is typed into. */
  readonly aside?: typeof apart | typeof loaded
}

const apart = "in a session of its own"
const loaded = "started by a dynamic loader"

/** True for a program that does with a key what nobody can foresee: `plain` types into it only where the owner allows shells. */
export const isShell = (program: Program): boolean =>
  program.several === undefined && agentAside(program) === null && kindOfProgram(program) !== "other"

const kindOfProgram = (program: Program): Kind => (program.behind === undefined ? kindOf(program) : "relay")

/** The agent program that this is, or null when no profile knows it (`plain` is the owner's choice alone). */
export function detectProfile(program: Program): AgentProgramName | null {
  return program.several !== undefined || program.aside !== undefined ? null : agentOf(program)
}

const agentAside = (program: Program): AgentProgramName | null =>
  program.aside === undefined ? null : agentOf(program)

function agentOf(program: Program): AgentProgramName | null {
  const own = program.files ?? [program.executable]
  const called = isKnownOtherwise(program)
    ? titleOf(program)
    : [program.arguments[0] ?? "", ...kernelName(program)]
  return [...own, ...called].map(agentOfFile).find(agent => agent !== null) ?? null
}

/** Of a script that was started by its own path the kernel's name is the script's, which stands in the arguments. */
function kernelName({ name, arguments: [, ...rest] }: Program): readonly string[] {
  return rest.some(argument => basename(argument).startsWith(name)) ? [] : [name]
}

/** A runtime that was given a title has it in place of its arguments; of a shell the names are its script's. */
function titleOf(program: Program): readonly string[] {
  const [title = ""] = program.arguments
  return isRuntime(program) && agentProgramNames.includes(title as AgentProgramName) ? [title] : []
}

/** What a person calls the program: the script's name rather than its runtime's. */
export function programLabel(program: Program): string {
  // npm names the native programs of its packages so on every system.
  return basename(scriptOf(program) ?? program.executable).replace(/\.exe$/, "")
}

/** The agent program that something about this one names: for words to the owner alone. */
export const namedAgent = (program: Program): AgentProgramName | null =>
  program.behind ?? program.several?.[0] ?? agentAside(program) ?? agentIn(program.arguments)

/** Why nothing is typed into a program of this kind unasked, for the owner; null where that is its profile's matter. */
export function holdOf(
  program: Program,
): { readonly state: "shell" | "other"; readonly reason: string } | null {
  if (program.several !== undefined)
    return { state: "other", reason: `${program.several.join(" and ")} run in the pane at once` }
  const aside = program.aside === undefined ? "" : `, ${program.aside}`
  const agent = agentAside(program)
  if (agent !== null) return { state: "other", reason: `${agent} runs in the pane${aside}` }
  const kind = kindOfProgram(program)
  return kind === "other" ? null : holdOfKind(program, kind, aside)
}

function holdOfKind(program: Program, kind: Exclude<Kind, "other">, aside: string) {
  const label = programLabel(program)
  const what: Readonly<Record<typeof kind, string>> = {
    shell: `a shell (${label}) runs in the pane${aside}`,
    script: `a shell (${label}) runs in the pane${aside}`,
    commands: `${label} runs in the pane${aside}, which takes keys as commands`,
    filter: `${label} runs in the pane${aside}, which takes keys as commands`,
    relay: `${label} runs in the pane${aside}, which hands keys on to another terminal`,
  }
  const agent = kind === "shell" ? null : namedAgent(program)
  const reason = agent === null ? what[kind] : `${what[kind]}; ${onlyDirectly(agent)}`
  return { state: kind === "commands" || kind === "filter" ? "other" : "shell", reason } as const
}

/** The hint where an agent program is named that cannot be reached. */
export const onlyDirectly = (agent: AgentProgramName): string =>
  `${agent}, which it names, is typed into only where it runs in the pane itself`

/**
 * The program that owns the keyboard of the terminal in which `pid` runs, or null when `pid` is gone: an agent
 * program of the terminal's foreground group, whoever leads the group; otherwise whoever of it a key would reach.
 */
export function keyboardOwner(pid: number): Program | null {
  const own = processStat(pid)
  if (own === null) return null
  const leader = own.foregroundGroup > 0 ? processStat(own.foregroundGroup) : null
  const first = describeProgram(leader === null || leader.state === "Z" ? own : leader)
  if (detectProfile(first) !== null) return first
  // `setsid -c` took the terminal away for its child.
  if (own.foregroundGroup <= 0) return { ...first, behind: agentBelow(own) }
  const group = membersOf(own, own)
  if (!pidsOf(group).includes(own.foregroundGroup) && leader !== null) group.push(...membersOf(leader, own))
  const agent = agentAmong(group, first)
  if (agent !== null) return agent
  const reader = readerAmong(group) ?? first
  // Asked last, for it looks at every process there is.
  return holdOf(reader) === null ? (strayAmong(own, pidsOf(group)) ?? reader) : reader
}

const pidsOf = (group: readonly Member[]): number[] =>
  group.flatMap(({ pid, children }) => [pid, ...pidsOf(children)])

/** The program that a process runs. */
export function describeProgram(stat: ProcessStat): Program {
  const path = executableOf(stat.pid)
  const words = argumentsOf(stat.pid) ?? []
  // Another user's executable may not be read: then what it was called by, unless that is a title.
  const called = (words[0] ?? "").includes(" ") ? "" : basename(words[0] ?? "").replace(/^-/, "")
  const executable = path === null ? called || stat.name : basename(path)
  const behindLoader = loadedBy(executable, words)
  if (behindLoader !== null) return describeLoaded(stat, behindLoader)
  const program = asked(stat.pid, { executable, name: stat.name, arguments: words })
  return {
    ...program,
    pid: stat.pid,
    files: [...(path === null ? [] : [path]), ...scriptFiles(stat.pid, program)],
  }
}

/** Of what a dynamic loader runs the kernel knows the loader alone. */
function describeLoaded(stat: ProcessStat, words: readonly string[]): Program {
  const [path = ""] = words
  const program = asked(stat.pid, { executable: basename(path), name: stat.name, arguments: words })
  const files = [...filesAt(stat.pid, path), ...scriptFiles(stat.pid, program)]
  return { ...program, files: [path, ...files], aside: loaded }
}

function asked(pid: number, program: Named): Named {
  const name = interpreterOf(program)
  if (name === null || !isPromptingBy(name, environmentOf(pid))) return program
  return { ...program, isAskedToPrompt: true }
}

/** A script by its path as it was given, and by the file that it leads to; nothing for one that is not there. */
function scriptFiles(pid: number, program: Named): string[] {
  const script = isRuntime(program) ? scriptOf(program) : null
  if (script === null) return []
  return script.startsWith("npm:") ? [script] : filesAt(pid, script)
}

function filesAt(pid: number, script: string): string[] {
  const path = isAbsolute(script) ? script : join(directoryOf(pid) ?? "/nowhere", script)
  try {
    return [path, realpathSync(path)]
  } catch {
    // An updater may have taken it away; what `bun run NAME` names is no file.
    return isAbsolute(script) ? [path] : []
  }
}

/** A process that may read the terminal, with those that it started there. */
type Member = { readonly pid: number; readonly program: Program; readonly children: readonly Member[] }

/**
 * Those that may read the terminal among a process and its descendants, nearest first; below an agent program
 * nobody is looked for, for what it starts is its own matter.
 */
function membersOf(stat: ProcessStat, pane: ProcessStat): Member[] {
  const below = () => childrenOf(stat.pid).flatMap(pid => processStat(pid) ?? [])
  const program = stat.state === "Z" ? null : readerIn(stat, pane)
  if (program === null) return below().flatMap(child => membersOf(child, pane))
  if (agentOf(program) !== null) return [{ pid: stat.pid, program, children: [] }]
  const started = below()
  const children = started.flatMap(child => membersOf(child, pane))
  const elsewhere = started.find(child => child.terminal !== 0 && child.terminal !== pane.terminal)
  if (elsewhere === undefined) return [{ pid: stat.pid, program, children }]
  return [{ pid: stat.pid, program: { ...program, behind: agentBelow(elsewhere) }, children }]
}

/**
 * The program of a process of the terminal's foreground group, or of one that has the terminal as its input and not
 * as its controlling terminal: no group keeps that one from reading (n_tty_read of Linux). Null for any other.
 */
function readerIn(stat: ProcessStat, pane: ProcessStat): Program | null {
  if (stat.group === pane.foregroundGroup) return describeProgram(stat)
  if (stat.terminal === pane.terminal) return null
  // Of what may not be looked at, one with a terminal of its own will read that one.
  const nothing = stat.terminal === 0 ? ["none"] : ["none", "unreadable"]
  const has = (descriptor: 0 | 2) => !nothing.includes(terminalAt(stat.pid, descriptor, pane.terminal))
  if (!has(0) && !has(2)) return null
  const program: Program = { ...describeProgram(stat), aside: apart }
  // A pager reads keys from there where its input is a file.
  return has(0) || kindOf(program) === "commands" ? program : null
}

/**
 * A program that nobody can foresee among the processes that may read the terminal and are nobody's children any
 * more, or belong to somebody else; null without one.
 */
function strayAmong(pane: ProcessStat, known: readonly number[]): Program | null {
  const strays = allProcesses()
    .filter(pid => !known.includes(pid) && terminalAt(pid, 0, pane.terminal) === "this")
    .flatMap(pid => processStat(pid) ?? [])
    .flatMap(stat => membersOf(stat, pane))
  return strays.flatMap(readersOf).find(program => holdOf(program) !== null) ?? null
}

function agentBelow(stat: ProcessStat): AgentProgramName | null {
  const own = detectProfile(describeProgram(stat))
  if (own !== null) return own
  const below = childrenOf(stat.pid).flatMap(pid => processStat(pid) ?? [])
  return below.map(agentBelow).find(agent => agent !== null) ?? null
}

/** Of several kinds the one with the terminal as its input: what a script started with `&` has none. */
function agentAmong(group: readonly Member[], first: Program): Program | null {
  const agents = agentsOf(group)
  const reading = agents.filter(({ pid }) => readsTerminal(pid) === true)
  const [agent = null] = [agents, reading].filter(some => kindsOf(some).length === 1).flat()
  if (agent !== null || agents.length === 0) return agent?.program ?? null
  return { ...first, several: kindsOf(agents) }
}

const kindsOf = (agents: readonly Member[]): AgentProgramName[] =>
  agentProgramNames.filter(name => agents.some(({ program }) => detectProfile(program) === name))

const agentsOf = (group: readonly Member[]): Member[] =>
  group.flatMap(member => (detectProfile(member.program) === null ? agentsOf(member.children) : [member]))

/**
 * Whoever a key might reach: an agent program that is not typed into goes first, then one that nobody can foresee,
 * and what only started another last.
 */
function readerAmong(group: readonly Member[]): Program | null {
  const readers = group.flatMap(readersOf)
  return (
    readers.find(program => agentAside(program) !== null) ??
    readers.find(isShell) ??
    readers.find(program => !isLauncher(program)) ??
    readers[0] ??
    null
  )
}

/**
 * A script's shell waits for its child. What it started with `&` has no terminal to read from (POSIX.1-2017, XCU
 * 2.9.3.1), so then the shell itself may be reading.
 */
function readersOf({ pid, program, children }: Member): Program[] {
  const kind = kindOfProgram(program)
  if (kind === "filter" && readsTerminal(pid) === false) return children.flatMap(readersOf)
  if (kind !== "script") return [program, ...children.flatMap(readersOf)]
  const reading = children.filter(child => child.program.aside === apart || readsTerminal(child.pid) === true)
  return reading.length === 0 ? [program] : reading.flatMap(readersOf)
}
