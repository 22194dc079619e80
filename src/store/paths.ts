import { homedir } from "node:os"
import { join, resolve } from "node:path"
import { SentoError } from "../protocol/errors.ts"

/** Where one agent keeps its things; another home is another agent. */
export type Paths = {
  readonly home: string
  readonly config: string
  /** `.sento/`, 0700. */
  readonly folder: string
  readonly database: string
  readonly lock: string
  readonly log: string
  /** Is there while the owner wants no Guardian: only the owner starts one again. */
  readonly stopped: string
  readonly ownerSocket: string
  readonly agentSocket: string
  /** Whether this is the agent's user in hardened mode, who can reach the agent's door and nothing else. */
  readonly isAgentSide: boolean
}

/** Longest path of a unix socket on Linux: `sun_path` has 108 bytes with the closing zero (unix(7)). */
const mostSocketPathBytes = 107

/**
 * The files below `SENTO_HOME`, or below the home directory where it is not set.
 * @param sentoDoor - the agent's door of a Guardian that runs as another user (`SENTO_DOOR`)
 * @throws config when the path is too long for a unix socket
 */
export function pathsOf(sentoHome: string | undefined, sentoDoor?: string): Paths {
  const home = resolve(sentoHome || homedir())
  const folder = join(home, ".sento")
  const paths = {
    home,
    config: join(home, ".sento-config.json"),
    folder,
    database: join(folder, "sento.db"),
    lock: join(folder, "guardian.lock"),
    log: join(folder, "guardian.log"),
    stopped: join(folder, "stopped"),
    ownerSocket: join(folder, "owner.sock"),
    agentSocket: sentoDoor ? resolve(sentoDoor) : join(folder, "agent.sock"),
    isAgentSide: Boolean(sentoDoor),
  }
  if (Buffer.byteLength(paths.ownerSocket) > mostSocketPathBytes)
    throw new SentoError(
      "config",
      `the path ${paths.ownerSocket} is too long for a socket (${mostSocketPathBytes} bytes at the most)`,
      "set SENTO_HOME to a directory with a shorter path",
    )
  return paths
}
