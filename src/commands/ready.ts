/** What has to be there before most commands. */
import type { Config } from "../store/config.ts"
import type { Paths } from "../store/paths.ts"
import { otherBuildWords } from "./builds.ts"
import { findConfig, needConfig } from "./home.ts"
import type { Io } from "./io.ts"
import { ensureGuardian } from "./running.ts"
import { tell } from "./terminal.ts"

/** A config, asked for where there is none, and a Guardian that answers; at the agent's side the latter alone. */
export async function ensureReady(io: Io, paths: Paths, isJson: boolean): Promise<void> {
  if (!paths.isAgentSide) await ensureConfig(io, paths, isJson)
  const other = otherBuildWords(await ensureGuardian(io, paths))
  if (other !== null) tell(io, `sento: note: ${other}`)
}

/** The config that is there; where there is none, the questions first, which are not loaded otherwise. */
export async function ensureConfig(io: Io, paths: Paths, isJson: boolean): Promise<Config> {
  const config = paths.isAgentSide ? needConfig(io, paths) : findConfig(io, paths)
  if (config !== null) return config
  const { askForConfig } = await import("./init.ts")
  await askForConfig(io, paths, isJson)
  return ensureConfig(io, paths, isJson)
}
