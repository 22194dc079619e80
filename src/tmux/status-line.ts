import { attachedClients } from "./popup.ts"
import { runTmux, type TmuxServer } from "./tmux.ts"

/**
 * Shows one line in the status bar of every client attached to the session.
 * @returns how many clients were told; 0 when nobody is attached
 */
export async function tellOwners(server: TmuxServer, session: string, text: string): Promise<number> {
  const clients = await attachedClients(server, session)
  for (const { name } of clients)
    await runTmux(server, ["display-message", "-c", name, "-d", "8000", "--", literal(text)])
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
