/** The tmux session in which a command runs. */
import { runTmux, socketOfEnvironment } from "../tmux/tmux.ts"
import type { Io } from "./io.ts"

export type SessionHere = { readonly session: string; readonly socket: string }

/** Null outside of tmux, and where its server does not say. */
export async function sessionHere({ environment }: Pick<Io, "environment">): Promise<SessionHere | null> {
  const socket = socketOfEnvironment(environment.TMUX)
  if (socket === null) return null
  const pane = environment.TMUX_PANE
  const target = pane === undefined ? [] : ["-t", pane]
  const answer = await runTmux({ socket }, ["display-message", "-p", ...target, "#{session_name}"])
  return answer.status === 0 ? { session: answer.stdout.trim(), socket } : null
}
