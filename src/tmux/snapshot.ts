import type { PinnedPane } from "./pane.ts"
import { processStat } from "./process.ts"
import { keyboardOwner, type Program } from "./program.ts"
import { type Line, parseScreen } from "./screen.ts"
import { runTmux, type TmuxServer } from "./tmux.ts"

/** All that one look at a pane tells. */
export type Snapshot = {
  readonly cursor: { readonly x: number; readonly y: number }
  readonly title: string
  /** tmux's name for the foreground command; compared inside tmux, where /proc is out of reach. */
  readonly command: string
  readonly copyMode: boolean
  readonly alternateScreen: boolean
  readonly width: number
  readonly height: number
  readonly lines: readonly Line[]
  readonly program: Program
}

/** A look at the pinned pane: what it shows, or why it is not there any more. */
export type Look =
  | { readonly kind: "seen"; readonly snapshot: Snapshot }
  | { readonly kind: "absent"; readonly reason: string }

const fields = [
  "#{pane_id} #{pane_pid} #{pane_dead} #{cursor_x} #{cursor_y} #{pane_in_mode} #{alternate_on} #{pane_width} #{pane_height}",
  "#{pane_current_command}",
  "#{pane_title}",
].join("\n")

/**
 * Looks at the pinned pane with one tmux process.
 * @param history - lines of scrollback to read in addition to the screen
 */
export async function look(server: TmuxServer, pinned: PinnedPane, history = 0): Promise<Look> {
  const start = history > 0 ? ["-S", `-${history}`] : []
  const answer = await runTmux(server, [
    ...["display-message", "-p", "-t", pinned.pane, fields, ";"],
    ...["capture-pane", "-p", "-e", ...start, "-t", pinned.pane],
  ])
  if (answer.status !== 0) return { kind: "absent", reason: reasonOf(answer.stderr) }
  return readLook(pinned, answer.stdout)
}

function readLook(pinned: PinnedPane, answer: string): Look {
  const [numbers = "", command = "", title = "", ...screen] = answer.split("\n")
  const [pane, pid, dead, x, y, mode, alternate, width, height] = numbers.split(" ")
  if (pane !== pinned.pane || Number(pid) !== pinned.pid)
    return absent("another program was started in the pane")
  if (dead === "1") return absent("the program in the pane ended")
  if (processStat(pinned.pid)?.startTicks !== pinned.startTicks)
    return absent("the process in the pane is another one")
  const program = keyboardOwner(pinned.pid)
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
      lines: parseScreen(screen.join("\n")),
      program,
    },
  }
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
