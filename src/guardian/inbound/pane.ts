/** What the agent's pane is now, for whoever only looks. */
import type { PaneState } from "../../tmux/box-reading.ts"
import { HandsAway } from "../../tmux/hands.ts"
import { findTarget } from "../books/agent-pane.ts"
import type { Context } from "../context.ts"

/** The pane's state, for `guard status`. */
export async function lookAtAgent(context: Context): Promise<PaneState> {
  const target = await findTarget(context)
  if (target.kind === "none") return target.state
  const allowShell = context.config.current.tmux.allowShell ?? false
  return whileThere(context.hands.look(target, allowShell), "other")
}

/** Whether the pane shows that the agent does nothing; false where its program does not show it. */
export async function isAgentIdle(context: Context): Promise<boolean> {
  const target = await findTarget(context)
  if (target.kind === "none") return idleStates.includes(target.state)
  if (target.profile === "plain") return false
  return idleStates.includes(await whileThere(context.hands.look(target, false), "other"))
}

const idleStates: readonly PaneState[] = ["ready", "draft", "shell", "absent"]

/** What the hands answered, or `away` where they could not. */
export const whileThere = <Word>(work: Promise<Word>, away: Word): Promise<Word> =>
  work.catch(error => (error instanceof HandsAway ? away : Promise.reject(error)))
