/** Commands that wait for what becomes of a message of ours. */
import { SentoError } from "../protocol/errors.ts"
import type { ReceiptState } from "../protocol/messages.ts"

export type News =
  | { readonly kind: "state"; readonly state: ReceiptState | "accepted"; readonly reason: string | null }
  /** `text` as it came: not sanitised. */
  | { readonly kind: "reply"; readonly shortId: string; readonly text: string }
  | Ended

/** Nothing more becomes of it. */
export type Ended = {
  readonly kind: "ended"
  readonly state: "refused" | "expired" | "dropped" | "withdrawn"
  readonly reason: string
}

type Waiter = {
  readonly pair: string
  /** Of our message; null: only the end of the pair is of interest. */
  readonly id: string | null
  readonly hear: (news: News) => void
}

export type Waiters = ReturnType<typeof createWaiters>

export function createWaiters() {
  const waiters = new Set<Waiter>()
  const onEnds = new Set<(pair: string) => void>()
  const ofMessage = (pair: string, id: string): Waiter[] =>
    [...waiters].filter(one => one.pair === pair && one.id === id)
  return {
    /** @returns what ends the wait */
    wait(waiter: Waiter): () => void {
      waiters.add(waiter)
      return () => {
        waiters.delete(waiter)
      }
    },
    /** Whether somebody waits for what becomes of this message that went to this pair. */
    has: (pair: string, id: string): boolean => ofMessage(pair, id).length > 0,
    tell(pair: string, id: string, news: News): void {
      for (const one of ofMessage(pair, id)) one.hear(news)
    },
    /** Told of each pair that has ended. */
    onEnd: (tell: (pair: string) => void): unknown => onEnds.add(tell),
    endPair(pair: string, reason: string): void {
      for (const tell of onEnds) tell(pair)
      for (const one of [...waiters].filter(one => one.pair === pair))
        one.hear({ kind: "ended", state: "dropped", reason })
    },
  }
}

/** What a command is told whose message has ended. @param to - the other agent's name */
export function endedError(to: string, { state, reason }: Omit<Ended, "kind">): SentoError {
  switch (state) {
    case "refused":
      return new SentoError("refused", `${to} refused the message: ${reason}`)
    case "expired":
      return new SentoError(
        "timed-out",
        `the message to ${to} has expired: ${reason}`,
        `see \`sento doctor ${to}\`, then send it again`,
      )
    case "withdrawn":
      return new SentoError(
        "failed",
        `the message to ${to} was withdrawn: ${reason}`,
        `\`sento log ${to}\` shows it`,
      )
    case "dropped":
      return new SentoError(
        "refused",
        `the pair with ${to} has ended: ${reason}`,
        "to go on, pair again: `sento pair`",
      )
  }
}
