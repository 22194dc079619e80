/**
 * Where the agents of one user live: the first in the home directory, others in `~/.sento/agents/`. Each has an ordinary
 * home, whose directory keeps its name when the agent gets another one, because sockets and hooks know it.
 */
import { existsSync, mkdirSync, readdirSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { SentoError } from "../protocol/errors.ts"
import { type Paths, pathsOf } from "./paths.ts"

const agentsFolder = (userHome: string): string => join(userHome, ".sento", "agents")

/** The homes of this user's agents that are set up, the first one's first. Nothing is read but directories. */
export function registeredHomes(userHome = homedir()): Paths[] {
  const folder = agentsFolder(userHome)
  const homes = [userHome, ...namesIn(folder).map(name => join(folder, name))]
  return homes.flatMap(home => {
    const paths = pathsOrNull(home)
    return paths !== null && existsSync(paths.config) ? [paths] : []
  })
}

/**
 * Where another agent goes: the home directory while no agent lives there, then a directory of its own, which is made.
 * One that has something in it is another agent's, or was.
 * @throws config where the path is too long for a socket, or cannot be made
 */
export function makeHome(name: string, userHome = homedir()): Paths {
  const first = pathsOf(userHome)
  if (!existsSync(first.config)) return first
  const folder = agentsFolder(userHome)
  let free = name
  for (let number = 2; namesIn(join(folder, free)).length > 0; number += 1) free = `${name}-${number}`
  const paths = pathsOrNull(join(folder, free))
  if (paths === null)
    throw new SentoError(
      "config",
      `the path of ${join(folder, free)} would be too long for a socket`,
      "give the agent a shorter name",
    )
  try {
    mkdirSync(paths.home, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new SentoError(
      "config",
      `cannot make ${paths.home}: ${(error as Error).message}`,
      "free some space or mend the directory's permissions",
    )
  }
  return paths
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

/** Null where the path is too long for a socket. */
function pathsOrNull(home: string): Paths | null {
  try {
    return pathsOf(home)
  } catch {
    return null
  }
}
