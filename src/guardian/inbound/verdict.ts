/** What an attempt to type a message makes of it. Pure. */
import type { TypingOutcome } from "../../tmux/typing.ts"

/**
 *     delivered   settled: it was submitted
 *     uncertain   settled: it was pasted, and nobody knows whether it was submitted
 *     again       waiting: typed from the beginning, once and no oftener
 *     back        waiting: its paste did not stay, so that it is typed as if for the first time
 *     held        as it was: not pasted yet, or in the box without a return
 */
export type Verdict = "delivered" | "uncertain" | "again" | "back" | "held"

/** What was known of the message before the outcome. */
export type Before = {
  /** It was pasted, now or by an earlier attempt. */
  readonly isPasted: boolean
  /** No return was pressed behind it. */
  readonly isUnpressed: boolean
  /** It is typed for the second time already. */
  readonly isSecond: boolean
}

/**
 * Pressed and not taken is never pressed again: another return could answer a dialog that the first one has led to.
 * What took no return is typed once more, as Gemini CLI 0.61.0 takes the first message of a session, pasted before it
 * reads pastes as such.
 */
export function verdictOf(outcome: TypingOutcome, { isPasted, isUnpressed, isSecond }: Before): Verdict {
  const mayBeTypedAgain = isUnpressed && !isSecond
  switch (outcome.kind) {
    case "submitted":
      return "delivered"
    case "vanished":
      return "uncertain"
    case "stuck":
      return outcome.unpressed && mayBeTypedAgain ? "again" : "uncertain"
    case "held":
      if (outcome.pasted || !isPasted) return "held"
      if (!outcome.swallowed) return "back"
      return mayBeTypedAgain ? "again" : "uncertain"
    default:
      return outcome satisfies never
  }
}
