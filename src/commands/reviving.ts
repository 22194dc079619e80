/** Whether a Guardian that does not run is started by what needs it. */
import { existsSync } from "node:fs"
import type { Paths } from "../store/paths.ts"

/** Not one that its owner has stopped, nor another user's, nor one that was never set up. */
export const mayRevive = ({ isAgentSide, stopped, config }: Paths): boolean =>
  !isAgentSide && !existsSync(stopped) && existsSync(config)
