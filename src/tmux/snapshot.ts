import { keyboardOwner, type Program } from "./keyboard-owner.ts"
import type { PinnedPane } from "./pane.ts"
import { processStat } from "./process.ts"
import { parseScreen, type Screen } from "./screen.ts"
import { runTmux, type TmuxServer } from "./tmux.ts"

/** When each session of the server last had a key of a client, in seconds since the epoch: a key to any changes it. */
export const sessionKeysFormat = "#{S:#{session_activity} }"

/** All that one look at a pane tells. */
export type Snapshot = Screen & {
  /** tmux's name for the foreground command; compared inside tmux, where /proc is out of reach. */
  readonly command: string
  readonly copyMode: boolean
  readonly program: Program
  /** When the last key of a client went to this pane, in milliseconds since the epoch (whole seconds); null for none. */
  readonly lastKeyAt: number | null
  /** The terminals of the clients whose keys go to this pane. */
  readonly keyboards: readonly string[]
  /** When each session of the server had its last key; compared inside tmux, so that none comes unseen. */
  readonly sessionKeys: string
}

/** A look at the pinned pane: what it shows, or why it is not there any more. */
export type Look =
  | { readonly kind: "seen"; readonly snapshot: Snapshot }
  | { readonly kind: "absent"; readonly reason: string }

/** What tmux says in one line each: no title has a line break. */
const fields = [
  "#{pane_id} #{pane_pid} #{pane_dead} #{cursor_x} #{cursor_y} #{pane_in_mode} #{alternate_on} #{pane_width} #{pane_height}",
  "#{window_id} #{pane_active}#{pane_synchronized}",
  "#{pane_current_command}",
  "#{pane_title}",
  sessionKeysFormat,
].join("\n")

const clientFields = "#{client_activity} #{window_id} #{client_readonly} #{client_flags} #{client_tty}"
const endOfClients = "end of clients"

/**
 * Looks at the pinned pane with one tmux process.
 * @param history - lines of scrollback to read in addition to the screen
 */
export async function look(server: TmuxServer, pinned: PinnedPane, history = 0): Promise<Look> {
  const start = history > 0 ? ["-S", `-${history}`] : []
  const answer = await runTmux(server, [
    ...["display-message", "-p", "-t", pinned.pane, fields, ";"],
    ...["list-clients", "-F", clientFields, ";", "display-message", "-p", endOfClients, ";"],
    ...["capture-pane", "-p", "-e", ...start, "-t", pinned.pane],
  ])
  if (answer.status !== 0) return { kind: "absent", reason: reasonOf(answer.stderr) }
  return readLook(pinned, answer.stdout)
}

function readLook(pinned: PinnedPane, answer: string): Look {
  const [numbers = "", place = "", command = "", title = "", sessionKeys = "", ...rest] = answer.split("\n")
  const end = rest.indexOf(endOfClients)
  const [pane, pid, dead, x, y, mode, alternate, width, height] = numbers.split(" ")
  if (pane !== pinned.pane || Number(pid) !== pinned.pid)
    return absent("another program was started in the pane")
  if (dead === "1") return absent("the program in the pane ended")
  if (processStat(pinned.pid)?.startTicks !== pinned.startTicks)
    return absent("the process in the pane is another one")
  const program = keyboardOwner(pinned.pid)
  const typing = clientsTyping(place, rest.slice(0, end))
  if (program === null) return absent("the program in the pane ended")
  return {
    kind: "seen",
    snapshot: {
      cursor: { x: Number(x), y: Number(y) },
      title,
      command,
      copyMode: Number(mode) > 0,
      alternateScreen: alternate === "1",
      width: Number(width),
      height: Number(height),
      lines: parseScreen(rest.slice(end + 1).join("\n")),
      program,
      lastKeyAt: typing.length === 0 ? null : Math.max(...typing.map(client => client.lastKeyAt)),
      keyboards: typing.map(({ terminal }) => terminal),
      sessionKeys,
    },
  }
}

/**
 * A client's keys go to the active pane of the window it shows, to all of them where they are synchronised, and to
 * one of its own choice with the flag `active-pane`; none of a read-only client arrive. The mouse, a focus that comes
 * or goes, and answers of its terminal count too; keys that a program sends do not (`send-keys`, control mode; tmux 3.3a).
 */
function clientsTyping(place: string, clients: readonly string[]): { lastKeyAt: number; terminal: string }[] {
  const [window, flags] = place.split(" ")
  return clients.flatMap(client => {
    const [activity, shown, readOnly, clientFlags = "", terminal = ""] = client.split(" ")
    const reaches = flags !== "00" || clientFlags.split(",").includes("active-pane")
    if (shown !== window || readOnly !== "0" || !reaches) return []
    return [{ lastKeyAt: Number(activity) * 1000, terminal }]
  })
}

function absent(reason: string): Look {
  return { kind: "absent", reason }
}

function reasonOf(stderr: string): string {
  if (/no server running|error connecting|lost server|server exited/.test(stderr))
    return "the tmux server is not running"
  if (/can't find/.test(stderr)) return "the pane was closed"
  return `tmux says: ${stderr.trim()}`
}
