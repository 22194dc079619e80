import { statSync } from "node:fs"
import { exactSession, runTmux, shellWords, spawnTmux, type TmuxServer } from "./tmux.ts"

/** A client attached to a session. */
export type Client = {
  /** As tmux targets it: its terminal. */
  readonly name: string
  readonly pid: number
  /** Whether a person can type there: not with `attach -r`, and not for a program in control mode. */
  readonly canType: boolean
  readonly columns: number
  readonly rows: number
}

/** The clients attached to the session with exactly this name. */
export async function attachedClients(server: TmuxServer, session: string): Promise<Client[]> {
  const listed = await runTmux(server, [
    "list-clients",
    "-t",
    exactSession(session),
    "-F",
    "#{client_pid} #{client_readonly}#{client_control_mode} #{client_width} #{client_height} #{client_name}",
  ])
  if (listed.status !== 0) return []
  return listed.stdout.split("\n").flatMap(line => {
    const [, pid, flags, columns, rows, name] = /^(\d+) (\d\d) (\d+) (\d+) (.+)$/.exec(line) ?? []
    if (name === undefined) return []
    return [{ name, pid: Number(pid), canType: flags === "00", columns: Number(columns), rows: Number(rows) }]
  })
}

/** Room for the question's lines, also where long names break them. */
const wished = { columns: 84, rows: 20 } as const

/**
 * Runs a command in a popup over one client, and takes it away when the command ends.
 * @param command - words; quoted here, because tmux hands them to a shell
 * @returns the command's exit status; 0 at once where another popup was there (tmux 3.3a)
 */
export function showPopup(server: TmuxServer, client: Client, command: readonly string[]): Promise<number> {
  // One that is larger than its client is not shown at all (tmux 3.3a).
  const columns = Math.min(wished.columns, client.columns)
  const rows = Math.min(wished.rows, client.rows)
  const size = ["-w", String(columns), "-h", String(rows)]
  const child = spawnTmux(server, ["display-popup", "-c", client.name, ...size, "-E", shellWords(command)])
  return child.exited
}

/** Whether the server runs as this very user: what it starts can then speak for the owner. */
export async function isOwnServer(server: TmuxServer): Promise<boolean> {
  const answer = await runTmux(server, ["display-message", "-p", "#{socket_path}"])
  const path = answer.stdout.trim()
  return answer.status === 0 && statSync(path, { throwIfNoEntry: false })?.uid === process.getuid?.()
}
