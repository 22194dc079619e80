/** Whether a peer's words act at once, as far as one can see it. */
import { ownTerminal } from "../guardian/terminal/own-terminal.ts"
import type { Config } from "../store/config.ts"

/** What says that the agent acts without asking; null where nothing does, and in hardened mode, where nobody looks. */
export async function unaskedOf(config: Config): Promise<string | null> {
  const terminal = ownTerminal(config)
  if (terminal === null) return null
  return terminal.unasked(config.tmux.session).catch(() => null)
}

export const unaskedWords = (name: string, unasked: string): string =>
  `${name} acts without asking (${unasked}): a peer's words take effect at once`
