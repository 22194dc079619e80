/** What the setups of all agent programs are made with: for whom, where, and with which hooks. */
import { homedir } from "node:os"
import { isAbsolute, join, resolve } from "node:path"
import type { HookEventName } from "../../protocol/hooks.ts"
import type { AgentProgramName } from "../../protocol/names.ts"
import { behindLinks } from "../../store/links.ts"
import type { Entry, Part } from "./parts.ts"
import { hookGroup, type Sento } from "./texts.ts"

/** The variable that says where each agent program keeps the user's files. */
export const placeVariables = {
  claude: "CLAUDE_CONFIG_DIR",
  codex: "CODEX_HOME",
  gemini: "GEMINI_CLI_HOME",
  opencode: "XDG_CONFIG_HOME",
} as const satisfies Readonly<Record<AgentProgramName, string>>

type PlaceVariable = (typeof placeVariables)[AgentProgramName]
type Environment = Readonly<Partial<Record<PlaceVariable | "HOME", string | undefined>>>

/** For whom: every session of the user, or those in one project's directory. */
export type Scope = {
  readonly sento: Sento
  /** The project's directory, or null for the user. */
  readonly project: string | null
  readonly environment: Environment
}

/** What a setup comes to. */
export type ProgramSetup = {
  readonly parts: readonly Part[]
  /** Nothing above it is removed, be it empty. */
  readonly root: string
  /** What the owner does next, so that the program reads it. */
  readonly next: string
  /**
   * What is yet to be done or will be met in the program itself, as its own files say; null where there is nothing.
   * @param programArguments - of the one that runs, without its name; empty where none does
   */
  readonly pending?: (programArguments: readonly string[]) => Pending | null
}

/** `fix` is what to do, null where nothing is. */
export type Pending = { readonly is: string; readonly fix: string | null }

/** A hook that hangs must not hold a turn for long. */
export const hookSeconds = 10
/** More than the longest wait of the tool `send_message`. */
export const toolSeconds = 660

/** A directory named by a variable, or one below the home directory; and what is never removed. */
export function placeOf(
  environment: Environment,
  variable: PlaceVariable,
  ...path: string[]
): { readonly folder: string; readonly root: string } {
  const named = environment[variable]
  if (named) return { folder: absolute(named), root: absolute(named) }
  const home = absolute(environment.HOME || homedir())
  return { folder: join(home, ...path), root: home }
}

/** What a program's variable says, absolute: what it says to whoever stands in another directory. */
export function placesOf(program: AgentProgramName, { project, environment }: Scope): Environment {
  const variable = placeVariables[program]
  const named = environment[variable]
  return named && project === null ? { [variable]: absolute(named) } : {}
}

/** The same in a project. */
export const projectPlace = (project: string, ...path: string[]) => ({
  folder: join(project, ...path),
  root: project,
})

/** One entry for each event. @param events - those that protocol/hooks.ts reads; @param timeout - in the program's unit */
export const hooksOf = (sento: Sento, events: readonly HookEventName[], timeout: number): Entry[] =>
  events.map(event => ({ path: ["hooks", event], key: null, value: hookGroup(sento, event, timeout) }))

/** Behind a link, `..` is not what it seems to be. */
const absolute = (path: string): string =>
  path.split("/").includes("..")
    ? behindLinks(isAbsolute(path) ? path : `${process.cwd()}/${path}`)
    : resolve(path)
