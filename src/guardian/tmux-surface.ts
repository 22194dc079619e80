/** The owner at the agent's session: a popup on every attached client, notices in its status line. */
import { tellOwners } from "../tmux/owners.ts"
import type { Context } from "./context.ts"
import { serverOf } from "./pinning.ts"
import type { Surface } from "./surfaces.ts"

export function createTmuxSurface(context: Context): Surface {
  return {
    name: "tmux",
    ask() {},
    withdraw() {},
    tell({ text }) {
      void tellOwners(serverOf(context), context.config.current.tmux.session, `sento: ${text}`).catch(
        () => {},
      )
    },
    stopped: () => Promise.resolve(),
  }
}
