/** Whether a peer's words act at once, as far as one can see it. */
import { ownTerminal } from "../guardian/terminal/own-terminal.ts"
import type { Config } from "../store/config.ts"
import { tmuxPatience } from "./session-here.ts"

/** An agent can stop its tmux, and must hide nothing by that. */
const nobodyKnows = "as far as one can see: its tmux does not answer"

/** What says that the agent acts without asking; null where nothing does, and in hardened mode, where nobody looks. */
export async function unaskedOf(config: Config): Promise<string | null> {
  const signal = tmuxPatience()
  const terminal = ownTerminal(config, signal)
  if (terminal === null) return null
  const unasked = await terminal.unasked(config.tmux.session).catch(() => null)
  return unasked ?? (signal.aborted ? nobodyKnows : null)
}

export const unaskedWords = (name: string, unasked: string): string =>
  `${name} acts without asking (${unasked}): a peer's words take effect at once`
