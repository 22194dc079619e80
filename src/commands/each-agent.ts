/** A command for all of a user's agents, one after another. */
import { exitStatus, SentoError } from "../protocol/errors.ts"
import type { Paths } from "../store/paths.ts"
import { readRegistry } from "../store/registry.ts"
import type { Io } from "./io.ts"
import { tell } from "./terminal.ts"
import { userHomeOf } from "./which-agent.ts"

/**
 * What fails for one is told, and keeps nothing from the others.
 * @returns the first exit status that is not 0
 * @throws config where no agent is set up
 */
export async function forEach(io: Io, act: (paths: Paths, name: string) => Promise<number>): Promise<number> {
  const agents = readRegistry(userHomeOf(io))
  if (agents.length === 0)
    throw new SentoError("config", "no agent of this user is set up", "run `sento init`")
  let status = 0
  for (const { name, paths } of agents) {
    const own = await act(paths, name).catch(error => told(io, name, error))
    status ||= own
  }
  return status
}

function told(io: Io, name: string, error: unknown): number {
  if (!(error instanceof SentoError)) throw error
  tell(io, `sento: error: ${name}: ${error.message}${error.hint === null ? "" : `; ${error.hint}`}`)
  return exitStatus[error.code]
}
