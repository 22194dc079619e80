import type { Paths } from "../store/paths.ts"
import { ensureGuardian } from "./guard.ts"
import { ensureConfig } from "./init.ts"

/** A config, asked for where there is none, and a Guardian that answers; at the agent's side the latter alone. */
export async function ensureReady(paths: Paths, isJson: boolean): Promise<void> {
  if (!paths.isAgentSide) await ensureConfig(paths, isJson)
  await ensureGuardian(paths)
}
