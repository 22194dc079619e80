/**
 * Which words about a message are told, and which are taken, as pure tables.
 *
 *     accepted → held (and held for another reason) → delivered → answered
 *                                                   → uncertain → answered
 *                             delivered, uncertain → failed → answered after all
 *     accepted, held → expired | refused            final, as is answered
 *
 * @see docs/PROTOCOL.md section 3, "Receipts"
 */
import { visibleLine } from "./layout.ts"
import { mostReceipts, type ReceiptState } from "./messages.ts"
import { noAnswerReasons } from "./turns.ts"

/** The last word on a message; null before the first. */
export type Word = { readonly state: ReceiptState; readonly reason: string | null }

/** Words arrive in any order; none takes back a later one. */
const ranks: Readonly<Record<ReceiptState, number>> = {
  held: 0,
  delivered: 1,
  uncertain: 1,
  failed: 2,
  expired: 3,
  refused: 3,
  answered: 3,
}

/** Words of waiting that are told and taken of one message; what becomes of it at last is told beyond them. */
const mostHolds = mostReceipts - 2

const mostOf = (state: ReceiptState): number => (state === "held" ? mostHolds : mostReceipts)

const finalStates: readonly ReceiptState[] = ["answered", "expired", "refused"]

/**
 * Whether a receiver tells this word.
 * @param made - how many were told of this message before
 */
export function isWorthTelling(last: Word | null, made: number, next: Word): boolean {
  if (last !== null && last.state === next.state && last.reason === next.reason) return false
  // The end of a turn may be known before the end of the typing that started it.
  if (last?.state === "failed") return false
  return made < mostOf(next.state)
}

/**
 * Whether a sender takes this word about a message that it really sent.
 * @param taken - how many it took of this message before
 */
export function isTaken(last: ReceiptState | null, taken: number, next: ReceiptState): boolean {
  if (last !== null && finalStates.includes(last)) return false
  if (next === "answered") return true
  const isBackwards = last !== null && ranks[next] < ranks[last]
  return taken < mostOf(next) && !isBackwards
}

/** Why a message is `refused` that had come: its owner dropped it before it was typed. */
export const droppedReason = "dropped by its owner"

/** The reasons that a Guardian gives; docs/PROTOCOL.md leaves them free. */
const usualReasons: ReadonlySet<string> = new Set([
  ...["busy", "dialog", "draft", "no agent", "copy mode", "not ready", "no session", "loop", "paused"],
  droppedReason,
  ...Object.values(noAnswerReasons),
])

/**
 * A reason as a person or a model is told it. What is none of the usual ones is quoted: a peer chooses it, and stands
 * in our own words with it.
 */
export const reasonWords = (reason: string): string =>
  usualReasons.has(reason) ? reason : JSON.stringify(visibleLine(reason))
