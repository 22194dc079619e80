/**
 * Who is at the other end of a local door. The owner's door refuses a process that the agent started: one that
 * is an agent program, has the environment of one, or is the agent's pane process or the Guardian, itself or by
 * an ancestor. docs/SECURITY.md says what that stops and what it does not.
 */
import { readFileSync } from "node:fs"
import { SentoError } from "../../protocol/errors.ts"
import { agentVariable } from "../../tmux/agent-programs.ts"
import { describeProgram, detectProfile } from "../../tmux/keyboard-owner.ts"
import { ancestryOf, type ProcessStat, processStat } from "../../tmux/process.ts"
import { sharedServerAbove } from "../../tmux/shared-server.ts"

/** Processes whose descendants are not the owner, by pid, and why. */
export type Distrusted = ReadonlyMap<number, string>

/**
 * Why the caller may not speak for the owner, or null when it may. Of a process that has ended, or whose parent
 * ends as we look, nobody can say who started it.
 * @param pid - the process at the other end
 * @param distrusted - the agent's pane process and the Guardian
 */
export function reasonToDistrust(pid: number, distrusted: Distrusted): string | null {
  const panes = panesOf(distrusted)
  for (let next = pid; next > 1; ) {
    const stat = processStat(next)
    if (stat === null) return "it has ended, or who started it has"
    const reason = distrusted.get(stat.pid) ?? paneReason(stat.pid, panes) ?? programReason(stat)
    if (reason !== null) return reason
    next = stat.parent
  }
  return null
}

/** @throws not-owner where there is a {@link reasonToDistrust} */
export function refuseDistrusted(pid: number, distrusted: Distrusted): void {
  const reason = reasonToDistrust(pid, distrusted)
  if (reason === null) return
  throw new SentoError(
    "not-owner",
    `only the owner may do this: ${reason}`,
    "run it in a terminal of your own",
  )
}

/**
 * Nobody speaks as one agent from another one's pane. A server that serves several panes is nobody's: whoever runs a
 * command below it has found out for which of them.
 * @throws refused
 */
export function refuseOther(pid: number, others: Distrusted): void {
  if (sharedServerAbove(pid) !== null) return
  const panes = panesOf(others)
  for (const stat of ancestryOf(pid)) {
    const reason = others.get(stat.pid) ?? paneReason(stat.pid, panes)
    if (reason === undefined || reason === null) continue
    throw new SentoError(
      "refused",
      `one agent does not speak as another: ${reason}`,
      "run it in the agent's own pane or a terminal of your own",
    )
  }
}

/** What tmux put into the environment of each distrusted pane's process, and why that one is distrusted. */
function panesOf(distrusted: Distrusted): ReadonlyMap<string, string> {
  const others = [...distrusted].filter(([pid]) => pid !== process.pid)
  return new Map(
    others.flatMap(([pid, reason]) => {
      const pane = paneOf(pid)
      return pane === null ? [] : [[pane, reason]]
    }),
  )
}

/**
 * A process that nobody's child is any more still has its pane's variables, unless it took them away: setsid(1) forks
 * where it leads its group, so in `bash -c 'setsid sento approve'` nothing else tells whose it was.
 */
function paneReason(pid: number, panes: ReadonlyMap<string, string>): string | null {
  const reason = panes.size === 0 ? undefined : panes.get(paneOf(pid) ?? "")
  return reason === undefined ? null : `${reason} (TMUX_PANE says so)`
}

/** `TMUX` and `TMUX_PANE` of a process: one pane of one server; null where it is in none, or cannot be looked at. */
function paneOf(pid: number): string | null {
  const own = environmentOf(pid).filter(entry => /^TMUX(?:_PANE)?=/.test(entry))
  return own.length === 2 ? own.sort().join("\0") : null
}

/** An agent program has an environment that its owner gave it; what it starts has one of its making. */
function programReason(stat: ProcessStat): string | null {
  const words = "it was started by an agent program"
  const variable = agentVariable(environmentOf(stat.pid))
  if (variable !== null) return `${words} (${variable} is set)`
  const program = detectProfile(describeProgram(stat))
  return program === null ? null : `${words} (${program})`
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0")
  } catch {
    return []
  }
}
