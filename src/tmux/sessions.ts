import { runTmux, type TmuxServer } from "./tmux.ts"

/** A session of a tmux server, and the first process of its active pane. */
export type Session = { readonly name: string; readonly pid: number }

/** The sessions of a server, oldest first; none where no server runs. @throws no-tmux; config for another user's server */
export async function sessionsOf(server: TmuxServer): Promise<Session[]> {
  const format = "#{window_active}#{pane_active} #{pane_pid} #{session_created} #{session_name}"
  const { status, stdout } = await runTmux(server, ["list-panes", "-a", "-F", format])
  if (status !== 0) return []
  const active = stdout.split("\n").flatMap(line => {
    const [, pid, created, name] = /^11 (\d+) (\d+) (.+)$/.exec(line) ?? []
    return name === undefined ? [] : [{ name, pid: Number(pid), created: Number(created) }]
  })
  return active.sort((a, b) => a.created - b.created).map(({ name, pid }) => ({ name, pid }))
}
