/** The agent program in the agent's pane, as /proc shows it. */
import { uptime } from "node:os"
import { pinOf } from "../guardian/books/agent-processes.ts"
import { ownTerminal } from "../guardian/terminal/own-terminal.ts"
import { SentoError } from "../protocol/errors.ts"
import type { AgentProgramName } from "../protocol/names.ts"
import type { Config } from "../store/config.ts"
import type { Paths } from "../store/paths.ts"
import { detectProfile, keyboardOwner } from "../tmux/keyboard-owner.ts"
import { argumentsOf, childrenOf, directoryOf, environmentOf, processStat } from "../tmux/process.ts"
import { sharedServerOf } from "../tmux/shared-server.ts"
import { tmuxPatience } from "./session-here.ts"

export type Environment = Readonly<Record<string, string | undefined>>

export type AgentProcess = {
  readonly name: AgentProgramName
  readonly pid: number
  /** Without its own name. */
  readonly arguments: readonly string[]
  /** As it was started, or null where that may not be read. */
  readonly environment: Environment | null
  /** In which it works now, or null where that may not be read. */
  readonly directory: string | null
  /** When it was started, in milliseconds since the epoch, to a second or so. */
  readonly startedAt: number
  /** Whether it has a `sento mcp` running: then it has read a setup. */
  readonly hasServer: boolean
}

/** Null where no agent program is seen there, and in hardened mode, where the pane is another user's. */
export async function agentProcessOf(paths: Paths, config: Config): Promise<AgentProcess | null> {
  const pid = await panePid(paths, config)
  const owner = pid === null ? null : keyboardOwner(pid)
  const name = owner === null ? null : detectProfile(owner)
  if (owner?.pid === undefined || name === null) return null
  const stat = processStat(owner.pid)
  if (stat === null) return null
  return {
    name,
    pid: owner.pid,
    arguments: owner.arguments.slice(1),
    environment: readEnvironment(environmentOf(owner.pid)),
    directory: directoryOf(owner.pid),
    startedAt: Date.now() - (uptime() - stat.startTicks / ticksPerSecond) * 1000,
    hasServer: [owner.pid, sharedServerOf(owner.pid)?.pid ?? []].flat().flatMap(childrenOf).some(isServer),
  }
}

/** The kernel's USER_HZ: 100 on x86-64 and arm64 (time(7)). */
const ticksPerSecond = 100

const isServer = (pid: number): boolean => {
  const words = argumentsOf(pid) ?? []
  return words.at(-1) === "mcp" && words.slice(0, -1).some(word => /sento|\/src\/main\.ts$/.test(word))
}

async function panePid(paths: Paths, { hardened, tmux }: Config): Promise<number | null> {
  try {
    const found = await ownTerminal({ hardened, tmux }, tmuxPatience())?.find(pinOf(paths), tmux)
    return found?.pane?.pid ?? null
  } catch (error) {
    if (error instanceof SentoError) return null
    throw error
  }
}

/** @param variables - `NAME=value` @returns null for none: then they may not be read */
export function readEnvironment(variables: readonly string[]): Environment | null {
  const pairs = variables.map(entry => {
    const [name = "", ...value] = entry.split("=")
    return [name, value.join("=")] as const
  })
  return pairs.length === 0 ? null : Object.fromEntries(pairs)
}
