/** What has to be there before most commands. */
import type { Paths } from "../store/paths.ts"
import { otherBuildWords } from "./builds.ts"
import { ensureConfig } from "./init.ts"
import type { Io } from "./io.ts"
import { ensureGuardian } from "./running.ts"
import { tell } from "./terminal.ts"

/** A config, asked for where there is none, and a Guardian that answers; at the agent's side the latter alone. */
export async function ensureReady(io: Io, paths: Paths, isJson: boolean): Promise<void> {
  if (!paths.isAgentSide) await ensureConfig(io, paths, isJson)
  const other = otherBuildWords(await ensureGuardian(io, paths))
  if (other !== null) tell(io, `sento: note: ${other}`)
}
