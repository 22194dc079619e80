/** What an agent's session is now, and in words. */
import type { GuardStatus, SessionState } from "../guardian/door/results.ts"
import { ownTerminal } from "../guardian/terminal/own-terminal.ts"
import type { Config } from "../store/config.ts"

/** A tmux that hangs keeps nobody from a list. */
const lookMilliseconds = 3000

/**
 * What the session's pane is now, looked at from here; absent where there is no tmux. In hardened mode nothing of the
 * owner's looks there, and `other` says that it cannot be typed into.
 */
export async function sessionState(config: Config): Promise<SessionState> {
  const terminal = ownTerminal(config)
  if (terminal === null) return "other"
  const { session, profile, allowShell = false } = config.tmux
  try {
    const looked = terminal
      .find(null, { session, profile })
      .then(({ target }) => (target.kind === "none" ? target.state : terminal.look(target, allowShell)))
    return await Promise.race([looked, Bun.sleep(lookMilliseconds).then(() => "other" as const)])
  } catch {
    return "absent"
  }
}

/** The states of a session, for people. */
export const sessionWords: Readonly<Record<SessionState, string>> = {
  ready: "ready",
  busy: "busy, messages wait",
  dialog: "a dialog is open, messages wait",
  draft: "something is being typed, messages wait",
  shell: "a shell runs there, messages wait for the agent",
  "copy-mode": "its pane is in copy mode, messages wait",
  other: "what runs there cannot be typed into now, messages wait",
  absent: "there is no such tmux session, messages wait",
}

/** What a Guardian sees of its session; in hardened mode nothing is where nobody is there to look. */
export const seenWords = ({ session, hands }: Pick<GuardStatus, "session" | "hands">): string =>
  hands === undefined || hands.connected ? sessionWords[session.state] : `${hands.reason}, messages wait`
