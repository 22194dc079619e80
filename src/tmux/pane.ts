import { foregroundProcess, processStat, programOf } from "./process.ts"
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

/** Whether something can be typed into a pane now; `program` is what owns its keyboard. */
export type PaneState =
  | { readonly state: "absent" }
  | { readonly state: "shell"; readonly program: string }
  | { readonly state: "ready"; readonly program: string }

/** Programs that execute what is typed into them. */
const shells = new Set(
  "sh ash bash csh dash elvish fish ion ksh ksh93 mksh nu oil osh pwsh rc tcsh xonsh yash zsh busybox login su sudo ssh".split(
    " ",
  ),
)

/** The active pane of the session with exactly this name, or null when there is no such session. */
export async function findPane(server: TmuxServer, session: string): Promise<PinnedPane | null> {
  const answer = await runTmux(server, [
    "display-message",
    "-p",
    "-t",
    exactSession(session),
    "#{pane_id} #{pane_pid} #{session_name}",
  ])
  const [pane, pid, name] = answer.stdout.trim().split(/ (.*?) (.*)/s)
  if (answer.status !== 0 || !pane || name !== session) return null
  const stat = processStat(Number(pid))
  return stat === null ? null : { pane, pid: stat.pid, startTicks: stat.startTicks }
}

/** What the pinned pane is now: gone, a shell, or a program that takes text. */
export async function paneState(server: TmuxServer, pinned: PinnedPane): Promise<PaneState> {
  const answer = await runTmux(server, [
    "display-message",
    "-p",
    "-t",
    pinned.pane,
    "#{pane_id} #{pane_pid} #{pane_dead}",
  ])
  if (answer.status !== 0 || answer.stdout.trim() !== `${pinned.pane} ${pinned.pid} 0`)
    return { state: "absent" }
  if (processStat(pinned.pid)?.startTicks !== pinned.startTicks) return { state: "absent" }
  const foreground = foregroundProcess(pinned.pid)
  if (foreground === null) return { state: "absent" }
  const program = programOf(foreground.pid) ?? foreground.name
  return { state: shells.has(program) || shells.has(foreground.name) ? "shell" : "ready", program }
}

/**
 * Types a text into a pane as a paste and submits it with a carriage return that is a paste of its own:
 * as a key it would be lost in copy-mode, in the same paste it would not submit (Claude Code 2.1.330).
 * @throws Error when tmux refuses, with what it said
 */
export async function typeText(server: TmuxServer, pinned: PinnedPane, text: string): Promise<void> {
  await paste(server, pinned.pane, text, ["-p", "-r"])
  await Bun.sleep(settleMilliseconds)
  await paste(server, pinned.pane, "\r", ["-r"])
}

/** With less, Gemini CLI 0.61.0 takes the return as part of the paste. */
const settleMilliseconds = 150

async function paste(
  server: TmuxServer,
  pane: string,
  text: string,
  flags: readonly string[],
): Promise<void> {
  const buffer = `sento-${crypto.randomUUID()}`
  const answer = await runTmux(
    server,
    ["load-buffer", "-b", buffer, "-", ";", "paste-buffer", ...flags, "-d", "-b", buffer, "-t", pane],
    text,
  )
  if (answer.status !== 0) throw new Error(`tmux did not paste into ${pane}: ${answer.stderr.trim()}`)
}
