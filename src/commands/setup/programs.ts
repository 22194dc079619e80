/** Which agent programs `sento setup` knows: all of them, for the compiler asks for each. */
import { SentoError } from "../../protocol/errors.ts"
import { type AgentProgramName, agentProgramNames } from "../../protocol/names.ts"
import { claude } from "./programs/claude.ts"
import { codex } from "./programs/codex.ts"
import { gemini } from "./programs/gemini.ts"
import { opencode } from "./programs/opencode.ts"
import type { ProgramSetup, Scope } from "./scope.ts"

const setups: Readonly<Record<AgentProgramName, (scope: Scope) => ProgramSetup>> = {
  claude,
  codex,
  gemini,
  opencode,
}

/** What an agent program is told, and where it looks for it. @throws usage for a name that is none of them */
export const findSetup = (name: string, scope: Scope): ProgramSetup => setups[requireProgram(name)](scope)

/** The agent program of that name. @throws usage */
export function requireProgram(name: string): AgentProgramName {
  const known = agentProgramNames.find(one => one === name)
  if (known !== undefined) return known
  throw new SentoError(
    "usage",
    `${JSON.stringify(name)} is no agent program that sento can set up`,
    `give one of ${agentProgramNames.join(", ")}`,
  )
}
