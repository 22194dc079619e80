/** The config as a command reads it: a file that others could read is the owner's to know of. */
import { SentoError } from "../protocol/errors.ts"
import { type Config, noConfig, readConfig } from "../store/config.ts"
import type { Paths } from "../store/paths.ts"
import type { Io } from "./io.ts"
import { tell } from "./terminal.ts"

/** The config, or null where there is none; says so when it had to be tightened. @throws config */
export function findConfig(io: Io, paths: Paths): Config | null {
  const read = readConfig(paths)
  if (read?.wasTightened)
    tell(io, `sento: note: ${paths.config} could be read by others; now it is yours alone`)
  return read?.config ?? null
}

/** The config. @throws config where there is none, too; not-owner at the agent's side of hardened mode */
export function needConfig(io: Io, paths: Paths): Config {
  refuseAgentSide(paths)
  const config = findConfig(io, paths)
  if (config === null) throw noConfig(paths)
  return config
}

/** @throws not-owner at the agent's side of hardened mode */
export function refuseAgentSide({ isAgentSide }: Paths): void {
  if (isAgentSide)
    throw new SentoError(
      "not-owner",
      "the config is the owner's: SENTO_DOOR says that this is the agent's side",
      "the owner runs it as the user of the Guardian",
    )
}
