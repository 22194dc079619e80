/**
 * What taking a message back comes to, as a pure machine. There is no word for it on the wire: what has left this
 * machine cannot be called back, and whoever takes it back is told which of the two it is.
 *
 *     queued     asked, and no attempt can have brought it    withdrawn
 *     queued     asked, and one may have                      withdrawn, in doubt
 *     withdrawn  the other side says that it has it           accepted, "withdrawn too late"
 *     settled    asked                                        as it was
 *
 * It is withdrawn on disk before anybody is told, so that no crash sends it after all, and it is not dialled or handed
 * over after that. An attempt under way goes on to its end, and what it brings is a proof like any other: a 202, dialled
 * or carried, a receipt, an answer.
 * @see docs/RELIABILITY.md, "Taking a message back"
 */

/** What is known of a message of ours, at the moment in which it is to be taken back. */
export type Standing = {
  readonly state: "queued" | "accepted" | "refused" | "expired" | "dropped" | "withdrawn"
  /** An attempt may have brought it, or be about to: that is on disk before it comes to a connection. */
  readonly isExposed: boolean
}

export type WithdrawalEffect =
  /** On disk, before anything else. */
  | { readonly kind: "withdraw"; readonly mayHaveArrived: boolean }
  /** Whoever waits for what becomes of it is told. */
  | { readonly kind: "tell-waiters"; readonly mayHaveArrived: boolean }
  /** What waited behind it is next. */
  | { readonly kind: "try-next" }

/** What is to be done, in that order; nothing where it is settled. */
export function withdraw(standing: Standing): readonly WithdrawalEffect[] {
  if (standing.state !== "queued") return []
  const mayHaveArrived = standing.isExposed
  return [
    { kind: "withdraw", mayHaveArrived },
    { kind: "tell-waiters", mayHaveArrived },
    { kind: "try-next" },
  ]
}

/** Why an attempt had no answer; null where something answered that is not the peer. */
type FailureCause = "unresolved" | "unroutable" | "refused" | "timed-out" | "failed" | null

/**
 * Whether an attempt that had no answer of the peer's may have brought the message all the same: not where no
 * connection came to be.
 */
export const mayHaveBrought = (cause: FailureCause): boolean =>
  cause !== "unresolved" && cause !== "unroutable" && cause !== "refused"
