/**
 * Which of a user's agents a command is for. In this order: `--agent` or SENTO_AGENT; SENTO_DOOR; SENTO_HOME; the agent
 * from whose pane this process descends; the one whose tmux session this is; the only one. What the environment says
 * may be another agent's, so an agent's own words are checked against the pane: nobody speaks as another one.
 */
import { homedir } from "node:os"
import { resolve } from "node:path"
import { SentoError } from "../protocol/errors.ts"
import { registeredHomes } from "../store/homes.ts"
import { pathsOf } from "../store/paths.ts"
import type { Found, Stray } from "./found-agent.ts"
import type { Io } from "./io.ts"

/** The directory of this user's first agent. */
export const userHomeOf = ({ environment }: Pick<Io, "environment">): string => environment.HOME || homedir()

/**
 * Finds it. Where there is one agent alone, no process and no tmux is asked, and nothing is loaded.
 * @param wish - the value of `--agent`
 * @throws usage for a name that none of them has
 */
export async function findAgent(io: Io, wish?: string): Promise<Found> {
  const homes = registeredHomes(userHomeOf(io))
  const { SENTO_AGENT, SENTO_DOOR, SENTO_HOME } = io.environment
  const byName = wish ?? SENTO_AGENT
  const elsewhere = SENTO_DOOR || (SENTO_HOME && !homes.some(({ home }) => home === resolve(SENTO_HOME)))
  if (!byName && homes.length + (elsewhere ? 1 : 0) < 2)
    return {
      kind: "found",
      paths: pathsOf(SENTO_HOME || homes[0]?.home || userHomeOf(io), SENTO_DOOR),
      stray: null,
    }
  const { tellApart } = await import("./telling-apart.ts")
  return tellApart(io, homes, wish)
}

/** The agent's own words go to the agent whose pane they come from. @throws refused */
export function requireOwnPane(stray: Stray | null): void {
  if (stray === null) return
  const { pane, named, source } = stray
  throw new SentoError(
    "refused",
    `this runs in ${pane.name}'s pane, and ${source} names ${named}: one agent does not speak as another`,
    source === "--agent" ? "leave --agent away" : `run it without ${source}: \`env -u ${source} sento …\``,
  )
}
