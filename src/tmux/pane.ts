import { processStat } from "./process.ts"
import { exactSession, runTmux, type TmuxServer } from "./tmux.ts"

/** One pane, pinned: the same id under another pid, or another start time, is another pane. */
export type PinnedPane = {
  /** tmux's own name for it, `%N`, never used twice in one server's life. */
  readonly pane: string
  /** The pane's first process. */
  readonly pid: number
  /** When that process started, in clock ticks since boot. */
  readonly startTicks: number
}

/** The active pane of the session with exactly this name, or its pane of this id (`%N`); null when there is none. */
export async function findPane(
  server: TmuxServer,
  session: string,
  wish: string | null = null,
): Promise<PinnedPane | null> {
  const answer = await runTmux(server, [
    "display-message",
    "-p",
    "-t",
    // In this session, which a window may have in common with others.
    `${exactSession(session)}${wish === null ? "" : `.${wish}`}`,
    "#{pane_id} #{pane_pid} #{session_name}",
  ])
  const [pane, pid, name] = answer.stdout.trim().split(/ (.*?) (.*)/s)
  if (answer.status !== 0 || !pane || name !== session || (wish !== null && wish !== pane)) return null
  const stat = processStat(Number(pid))
  return stat === null ? null : { pane, pid: stat.pid, startTicks: stat.startTicks }
}

/** How long tmux may take to say which panes there are. */
const panesMilliseconds = 1000

/**
 * The panes of the session with exactly this name; null where tmux does not answer soon.
 * @param session - or null for those of every session
 */
export async function panesOf(
  server: TmuxServer,
  session: string | null,
): Promise<readonly Pick<PinnedPane, "pane" | "pid">[] | null> {
  const format = "#{pane_id} #{pane_pid}"
  const which = session === null ? ["-a"] : ["-s", "-t", exactSession(session)]
  const answer = await Promise.race([
    runTmux(server, ["list-panes", ...which, "-F", format]),
    Bun.sleep(panesMilliseconds).then(() => null),
  ])
  if (answer === null) return null
  if (answer.status !== 0) return []
  return answer.stdout
    .trim()
    .split("\n")
    .map(line => ({ pane: line.split(" ")[0] ?? "", pid: Number(line.split(" ")[1]) }))
}
