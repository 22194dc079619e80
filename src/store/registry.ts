/** The agents of one user by their names, as their configs say them. */
import { homedir } from "node:os"
import { basename } from "node:path"
import { visibleText } from "../protocol/layout.ts"
import { type Config, readConfig } from "./config.ts"
import { registeredHomes } from "./homes.ts"
import type { Paths } from "./paths.ts"

export type Registered = {
  /** As its config says; where that cannot be read, as its directory does. */
  readonly name: string
  readonly paths: Paths
  /** Null where it cannot be read. */
  readonly config: Config | null
}

/** All of them, the first one first. What is wrong with one of them is no business of another's. */
export const readRegistry = (userHome = homedir()): Registered[] =>
  registeredHomes(userHome).map(readRegistered)

/** One of them, which is not read twice. */
export function readRegistered(paths: Paths): Registered {
  const config = configOrNull(paths)
  return { name: config?.name ?? visibleText(basename(paths.home)), paths, config }
}

function configOrNull(paths: Paths): Config | null {
  try {
    return readConfig(paths)?.config ?? null
  } catch {
    return null
  }
}
