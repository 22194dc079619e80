import type { PinnedPane } from "./pane.ts"
import { runTmux, type TmuxServer } from "./tmux.ts"

/**
 * Longest line, in bytes, that is typed where the terminal itself collects lines (canonical mode, termios(3)).
 * Linux keeps 4,095 bytes of a line and drops the rest without a word (N_TTY_BUF_SIZE; measured on Linux 6
 * with tmux 3.3a: 4,095 arrived whole, 4,096 and 8,200 as 4,095). The margin is for what a person has begun.
 */
export const mostLineBytes = 4000

/**
 * True unless the program in the pane collects its lines itself. A terminal that stty(1) cannot read counts
 * as collecting.
 */
export async function terminalCollectsLines(server: TmuxServer, pinned: PinnedPane): Promise<boolean> {
  const answer = await runTmux(server, ["display-message", "-p", "-t", pinned.pane, "#{pane_tty}"])
  const path = answer.stdout.trim()
  if (answer.status !== 0 || path === "") return true
  const stty = Bun.spawn(["stty", "-F", path, "-a"], { stdin: "ignore", stdout: "pipe", stderr: "ignore" })
  const modes = await new Response(stty.stdout).text()
  return (await stty.exited) !== 0 || !/(^|\s)-icanon\b/.test(modes)
}
