import { exactSession, runTmux, type TmuxServer } from "./tmux.ts"

/**
 * Shows one line in the status bar of every client attached to the session.
 * @returns how many clients were told; 0 when nobody is attached
 */
export async function tellOwners(server: TmuxServer, session: string, text: string): Promise<number> {
  const listed = await runTmux(server, ["list-clients", "-t", exactSession(session), "-F", "#{client_name}"])
  const clients = listed.status === 0 ? listed.stdout.split("\n").filter(Boolean) : []
  for (const client of clients) {
    await runTmux(server, ["display-message", "-c", client, "-d", "8000", "--", literal(text)])
  }
  return clients.length
}

/**
 * A text that tmux shows as it is: `#` begins a format, `%` a part of the time, and a final `;` ends the
 * command; `-l`, which would say so, came with tmux 3.4.
 */
export function literal(text: string): string {
  return text
    .replace(/[\x00-\x1f\x7f-\x9f]+/g, " ")
    .replaceAll("#", "##")
    .replaceAll("%", "%%")
    .replace(/;$/, "\\;")
}
