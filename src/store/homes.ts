/**
 * Where the agents of one user live: the first in the home directory, others in `~/.sento/agents/`. Each has an ordinary
 * home, whose directory keeps its name when the agent gets another one, because sockets and hooks know it.
 */
import { existsSync, mkdirSync, readdirSync, realpathSync } from "node:fs"
import { homedir } from "node:os"
import { dirname, join } from "node:path"
import { SentoError } from "../protocol/errors.ts"
import { shellWord } from "../protocol/shell.ts"
import { type Paths, pathsOf } from "./paths.ts"
import { passwdHome } from "./users.ts"

const agentsFolder = (userHome: string): string => join(userHome, ".sento", "agents")

/** Where `sento setup` notes what it wrote, for whichever agent. */
export const setupsPath = (userHome = homedir()): string => join(userHome, ".sento", "setups.json")

/** The homes of this user's agents that are set up, the first one's first. Nothing is read but directories. */
export function registeredHomes(userHome = homedir()): Paths[] {
  const folder = agentsFolder(userHome)
  const homes = [userHome, ...namesIn(folder).map(name => join(folder, name))]
  const seen = new Set<string>()
  return homes.flatMap(home => {
    const paths = pathsOrNull(home)
    if (paths === null || !existsSync(paths.config) || seen.has(realHome(home))) return []
    seen.add(realHome(home))
    return [paths]
  })
}

/**
 * The homes of the agents beside one, wherever a registry may be that has them: HOME is whatever the one who started a
 * Guardian says, so the registry of its own home and that of passwd(5) count too.
 */
export function homesBeside(own: string): Paths[] {
  const folder = dirname(own)
  const registry = folder.endsWith(agentsFolder("")) ? dirname(dirname(folder)) : own
  const roots = [...new Set([homedir(), passwdHome() ?? homedir(), registry])]
  const others = roots.flatMap(registeredHomes).filter(({ home }) => realHome(home) !== realHome(own))
  return [...new Map(others.map(paths => [realHome(paths.home), paths])).values()]
}

function realHome(home: string): string {
  try {
    return realpathSync(home)
  } catch {
    return home
  }
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
      `see \`ls -ld ${shellWord(dirname(paths.home))}\`: it must be a directory of yours, and its disk must have room`,
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
