/** The tmux session in which a command runs. */
import { runTmux, socketOfEnvironment } from "../tmux/tmux.ts"
import type { Io } from "./io.ts"

export type SessionHere = {
  readonly session: string
  /** All that show this pane's window: a window may be linked into several, and sessions may be grouped. */
  readonly sessions: readonly string[]
  /** The ids of the session's other panes. */
  readonly beside: readonly string[]
  readonly socket: string
}

/** A server that hangs is none to wait for: a hook, which looks here too, has as long for all of it. */
const patienceMilliseconds = 2000

/** What a command looks for at a tmux that hangs keeps nobody from what else it does. */
export const tmuxPatience = (): AbortSignal => AbortSignal.timeout(5000)

/** Null outside of tmux, and where its server does not say. */
export async function sessionHere({ environment }: Pick<Io, "environment">): Promise<SessionHere | null> {
  const socket = socketOfEnvironment(environment.TMUX)
  if (socket === null) return null
  const pane = environment.TMUX_PANE
  const target = pane === undefined ? [] : ["-t", pane]
  const server = { socket, signal: AbortSignal.timeout(patienceMilliseconds) }
  const { status, stdout } = await runTmux(server, [
    ...["display-message", "-p", ...target, "#{pane_id} #{session_name}", ";"],
    ...["list-panes", "-a", "-F", "#{pane_id} #{session_name}"],
  ])
  const [first = "", ...others] = stdout.split("\n").filter(Boolean)
  const [, id, session] = /^(%\d+) (.+)$/.exec(first) ?? []
  if (status !== 0 || id === undefined || session === undefined) return null
  const panes = others.map(line => line.split(/ (.*)/s))
  const sessions = panes.flatMap(([pane, name = ""]) => (pane === id ? [name] : []))
  const beside = panes.flatMap(([pane = "", name]) => (pane !== id && name === session ? [pane] : []))
  return { session, sessions, beside, socket }
}
