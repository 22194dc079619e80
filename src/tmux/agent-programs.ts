/**
 * The agent programs, and how files, words and variables tell which one it is. Pure: what a process runs is read in
 * keyboard-owner.ts. Looked at with Claude Code 2.1.332, Codex 0.169.0, Gemini CLI 0.61.0 and OpenCode 1.18.33, their
 * installers, and the packages of Homebrew and nixpkgs.
 */
import { type AgentProgramName, agentProgramNames } from "../protocol/names.ts"
import type { AgentProgram } from "./profile.ts"
import { claude } from "./programs/claude.ts"
import { codex } from "./programs/codex.ts"
import { gemini } from "./programs/gemini.ts"
import { opencode } from "./programs/opencode.ts"

/** All that is known of each agent program. */
export const agentPrograms: { readonly [Name in AgentProgramName]: AgentProgram<Name> } = {
  claude,
  codex,
  gemini,
  opencode,
}

/**
 * File names of a program: its own, npm's on every system (`claude.exe`), a Nix wrapper's (`.claude-wrapped`), and
 * those of release files (`codex-x86_64-unknown-linux-musl`, `opencode-linux-x64-baseline-musl`,
 * `claude-2.1.332-linux-x64`). With another ending it is a text about it: `claude.ts`, `codex.md`.
 */
const platform =
  /(?:-linux-(?:x64|arm64)(?:-baseline)?(?:-musl)?|-(?:x86_64|aarch64)-unknown-linux-(?:musl|gnu))/.source
const fileName = new RegExp(
  `^\\.*(${agentProgramNames.join("|")})(?:-v?\\d+\\.\\d+\\.\\d+)?(?:${platform})?(?:-wrapped_*)*(?:\\.exe)?$`,
)

/** The agent program that a file is, or null. @param path - whole, or as much of it as is known */
export function agentOfFile(path: string): AgentProgramName | null {
  const name = fileName.exec(path.slice(path.lastIndexOf("/") + 1))?.[1]
  if (name !== undefined) return name as AgentProgramName
  const isOf = (agent: AgentProgramName): boolean => agentPrograms[agent].paths.some(one => one.test(path))
  return agentProgramNames.find(isOf) ?? null
}

/**
 * The agent program that words name, or null: for words to the owner alone, never for a decision, for
 * `less claude-code/README.md` names one too.
 */
export function agentIn(words: readonly string[]): AgentProgramName | null {
  const text = words.join(" ").toLowerCase()
  return agentProgramNames.find(name => new RegExp(`(?<![a-z0-9])${name}(?![a-z0-9])`).test(text)) ?? null
}

/** Agreed on by several programs, for whichever of them it is. */
const sharedVariable = /^AI_AGENT$/

const variables: readonly RegExp[] = [
  sharedVariable,
  ...agentProgramNames.flatMap(name => agentPrograms[name].variables ?? []),
]

/** The variable by which a process works for an agent program, or null. @param environment - `NAME=value` */
export function agentVariable(environment: readonly string[]): string | null {
  const names = environment.filter(entry => entry.includes("=")).map(entry => entry.split("=", 1)[0] ?? "")
  return names.find(name => variables.some(pattern => pattern.test(name))) ?? null
}
