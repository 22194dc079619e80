/** `sento agents --local`: this user's own agents on this machine. Only reads, and needs no Guardian. */

import { formatAddress } from "../protocol/addresses.ts"
import { SentoError } from "../protocol/errors.ts"
import { type Registered, readRegistry } from "../store/registry.ts"
import type { Io } from "./io.ts"
import { guardStatus } from "./running.ts"
import { sessionState } from "./session-state.ts"
import { print, printJson, table, tell } from "./terminal.ts"
import { userHomeOf } from "./which-agent.ts"

/** `sento agents --local` */
export async function localAgents(io: Io, isJson: boolean): Promise<number> {
  const rows = await Promise.all(readRegistry(userHomeOf(io)).map(rowOf))
  if (isJson) printJson(io, { agents: rows })
  else if (rows.length === 0) tell(io, "no agent of yours is set up on this machine; run `sento init`")
  else
    print(
      io,
      table([
        ["NAME", "SESSION", "STATE", "GUARDIAN", "PAIRED", "HOME"],
        ...rows.map(({ name, session, state, guardian, paired, home }) => [
          name,
          session ?? "?",
          state ?? "its config cannot be read",
          guardian === null ? "does not run" : formatAddress(guardian.host, guardian.port),
          String(paired),
          home,
        ]),
      ]),
    )
  return 0
}

async function rowOf({ name, config, paths }: Registered) {
  const running = await guardStatus(paths).catch(noAnswer)
  const session = config?.tmux.session ?? null
  const state = running?.session.state ?? (config === null ? null : await sessionState(config))
  const guardian = running === null ? null : { pid: running.pid, host: running.host, port: running.port }
  return {
    name,
    session,
    state,
    guardian,
    paired: Object.keys(config?.agents ?? {}).length,
    home: paths.home,
  }
}

/** One that hangs is not one to list from. */
function noAnswer(error: unknown): null {
  if (error instanceof SentoError) return null
  throw error
}
