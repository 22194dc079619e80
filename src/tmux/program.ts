import { readFileSync } from "node:fs"
import { basename } from "node:path"
import type { ProfileName } from "../protocol/names.ts"
import { argumentsOf, foregroundProcess, type ProcessStat, processStat, programOf } from "./process.ts"

/** The program that owns a pane's keyboard. */
export type Program = {
  /** The file name of its executable: `claude`, `node`, `bash`. */
  readonly executable: string
  /** The kernel's name for it. */
  readonly name: string
  readonly arguments: readonly string[]
}

/** Programs that execute what is typed into them, or pass it to one that does. */
const shells = new Set(
  "sh ash bash csh dash elvish fish ion ksh ksh93 mksh nu oil osh pwsh rc tcsh xonsh yash zsh busybox login su sudo ssh mosh-client".split(
    " ",
  ),
)

/** File names and package directories by which a program is known, whether native or a script. */
const agentPrograms = [
  {
    profile: "claude",
    names: ["claude"],
    scripts: /(^|\/)(claude|@anthropic-ai\/claude-code\/.*)$/,
  },
  { profile: "codex", names: ["codex"], scripts: /(^|\/)(codex|codex\.js)$/ },
  { profile: "gemini", names: ["gemini"], scripts: /(^|\/)(gemini|gemini\.js|@google\/gemini-cli\/.*)$/ },
  {
    profile: "opencode",
    names: ["opencode", ".opencode"],
    scripts: /(^|\/)(opencode|opencode-ai\/.*)$/,
  },
] as const

const runtimes = new Set(["node", "nodejs", "bun", "deno"])

/** True for a program that executes what is typed into it. */
export function isShell(program: Program): boolean {
  return [program.executable, program.name.replace(/^-/, "")].some(name => shells.has(name))
}

/** The agent program that this is, or null when no profile knows it (`plain` is the owner's choice alone). */
export function detectProfile(program: Program): Exclude<ProfileName, "plain"> | null {
  const script = runtimes.has(program.executable) ? scriptOf(program.arguments) : null
  const found = agentPrograms.find(
    agent =>
      (agent.names as readonly string[]).includes(program.executable) ||
      (script !== null && agent.scripts.test(script)),
  )
  return found?.profile ?? null
}

/** What a person calls the program: the script's name rather than its runtime's. */
export function programLabel(program: Program): string {
  const script = runtimes.has(program.executable) ? scriptOf(program.arguments) : null
  return basename(script ?? program.executable)
}

/**
 * The program that owns the keyboard of the terminal in which `pid` runs, or null when `pid` is gone.
 * A script's shell (`sh -c "claude; read"`) leads the group in which its agent runs: then it is the agent.
 */
export function keyboardOwner(pid: number): Program | null {
  const leader = foregroundProcess(pid)
  if (leader === null) return null
  const program = describeProgram(leader)
  if (!isShell(program)) return program
  const group = descendants(leader.pid)
    .map(processStat)
    .filter(stat => stat?.group === leader.group)
  return (
    group
      .flatMap(stat => (stat === null ? [] : [describeProgram(stat)]))
      .find(child => detectProfile(child) !== null) ?? program
  )
}

/** The program that a process runs. */
export function describeProgram(stat: ProcessStat): Program {
  return {
    executable: executableName(stat),
    name: stat.name,
    arguments: argumentsOf(stat.pid) ?? [],
  }
}

/** npm names the native programs of its packages `bun.exe`, `claude.exe` on every system. */
function executableName(stat: ProcessStat): string {
  return (programOf(stat.pid) ?? stat.name).replace(/\.exe$/, "")
}

/** The first argument after the runtime's own options. */
function scriptOf(programArguments: readonly string[]): string | null {
  return programArguments.slice(1).find(argument => !argument.startsWith("-") && argument !== "run") ?? null
}

function descendants(pid: number): number[] {
  const children = childrenOf(pid)
  return [...children, ...children.flatMap(descendants)]
}

/** Empty on a kernel without CONFIG_PROC_CHILDREN: the shell is then taken for what it is. */
function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number)
  } catch {
    return []
  }
}
