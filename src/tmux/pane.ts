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
  // Not by a target: `=session:.%N` is a pane of whichever session, told as this one's (tmux 3.3a).
  const found =
    wish === null
      ? await activePane(server, session)
      : (await listPanes(server, session)).find(({ pane }) => pane === wish)
  const stat = found && processStat(found.pid)
  return found && stat ? { ...found, startTicks: stat.startTicks } : null
}

type Pane = Pick<PinnedPane, "pane" | "pid">

async function activePane(server: TmuxServer, session: string): Promise<Pane | null> {
  const format = "#{pane_id} #{pane_pid} #{session_name}"
  const answer = await runTmux(server, ["display-message", "-p", "-t", exactSession(session), format])
  const [pane, pid, name] = answer.stdout.trim().split(/ (.*?) (.*)/s)
  return answer.status !== 0 || !pane || name !== session ? null : { pane, pid: Number(pid) }
}

/** A busy machine may take seconds to start tmux. */
const panesMilliseconds = 5000

/**
 * The panes of the session with exactly this name; null where tmux does not answer in time.
 * @param session - or null for those of every session
 */
export const panesOf = (
  server: TmuxServer,
  session: string | null,
  milliseconds = panesMilliseconds,
): Promise<readonly Pane[] | null> =>
  Promise.race([listPanes(server, session), Bun.sleep(milliseconds).then(() => null)])

async function listPanes(server: TmuxServer, session: string | null): Promise<readonly Pane[]> {
  const which = session === null ? ["-a"] : ["-s", "-t", exactSession(session)]
  const answer = await runTmux(server, ["list-panes", ...which, "-F", "#{pane_id} #{pane_pid}"])
  if (answer.status !== 0) return []
  return answer.stdout
    .trim()
    .split("\n")
    .map(line => ({ pane: line.split(" ")[0] ?? "", pid: Number(line.split(" ")[1]) }))
}
