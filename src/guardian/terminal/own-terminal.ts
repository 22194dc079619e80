/** The one way to tmux of what runs as the owner: there is none in hardened mode. */

import type { Config } from "../../store/config.ts"
import { findUser } from "../../store/users.ts"
import type { Hands } from "../../tmux/hands.ts"
import { createHands, type OwnHands } from "../../tmux/own-hands.ts"
import { createRemoteHands, type RemoteHands, type RemoteOptions } from "./remote-hands.ts"

/**
 * Hands of this process at the agent's terminal. Null in hardened mode: there tmux is the agent's, its server could
 * have any client run a program, and no process of the owner's is its client, whatever the config says of a socket.
 * @param signal - ends its clients: of a tmux that hangs, each would be waited for without end
 */
export const ownTerminal = (
  { hardened, tmux }: Pick<Config, "hardened" | "tmux">,
  signal?: AbortSignal,
): OwnHands | null =>
  hardened === undefined
    ? createHands({ socket: tmux.socket, ...(signal === undefined ? {} : { signal }) })
    : null

/** Who works at the agent's terminal for a Guardian: itself, or in hardened mode a process of the agent's user. */
export function openTerminal(
  config: Config,
  more: Pick<RemoteOptions, "log" | "stopping">,
): { readonly hands: Hands; readonly remote: RemoteHands | null } {
  const own = ownTerminal(config)
  if (own !== null) return { hands: own, remote: null }
  const user = config.hardened?.user ?? ""
  const remote = createRemoteHands({ ...more, user, uid: findUser(user)?.uid ?? -1 })
  return { hands: remote.hands, remote }
}
