/** The agent program in the agent's pane, as /proc shows it. */
import { pinOf } from "../guardian/books/agent-processes.ts"
import { ownTerminal } from "../guardian/terminal/own-terminal.ts"
import { SentoError } from "../protocol/errors.ts"
import type { AgentProgramName } from "../protocol/names.ts"
import type { Config } from "../store/config.ts"
import type { Paths } from "../store/paths.ts"
import { detectProfile, keyboardOwner } from "../tmux/keyboard-owner.ts"
import { directoryOf, environmentOf } from "../tmux/process.ts"

export type Environment = Readonly<Record<string, string | undefined>>

export type AgentProcess = {
  readonly name: AgentProgramName
  /** Without its own name. */
  readonly arguments: readonly string[]
  /** As it was started, or null where that may not be read. */
  readonly environment: Environment | null
  /** In which it works now, or null where that may not be read. */
  readonly directory: string | null
}

/** Null where no agent program is seen there, and in hardened mode, where the pane is another user's. */
export async function agentProcessOf(paths: Paths, config: Config): Promise<AgentProcess | null> {
  const pid = await panePid(paths, config)
  const owner = pid === null ? null : keyboardOwner(pid)
  const name = owner === null ? null : detectProfile(owner)
  if (owner?.pid === undefined || name === null) return null
  const variables = environmentOf(owner.pid)
  return {
    name,
    arguments: owner.arguments.slice(1),
    environment: variables.length === 0 ? null : Object.fromEntries(variables.map(pairOf)),
    directory: directoryOf(owner.pid),
  }
}

async function panePid(paths: Paths, { hardened, tmux }: Config): Promise<number | null> {
  try {
    const found = await ownTerminal({ hardened, tmux })?.find(pinOf(paths), tmux)
    return found?.pane?.pid ?? null
  } catch (error) {
    if (error instanceof SentoError) return null
    throw error
  }
}

function pairOf(entry: string): [string, string] {
  const [name = "", ...value] = entry.split("=")
  return [name, value.join("=")]
}
