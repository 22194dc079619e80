/**
 * When a message that was not acknowledged is tried again, as a pure table.
 * @see docs/PROTOCOL.md section 4
 */
import { messageLifetimeMilliseconds } from "./messages.ts"

/** The first wait; each further one is twice as long, up to the longest. */
export const firstWaitMilliseconds = 1000
export const longestWaitMilliseconds = 5 * 60 * 1000
/** A peer that asks for less than the back-off is tried ever more seldom, up to this: it must not make us spin. */
const mostFloorMilliseconds = 60_000

/** What one attempt brought, as far as it matters for the next. */
export type AttemptOutcome =
  | { readonly kind: "accepted" }
  /** A signed 400: the peer will never take it. */
  | { readonly kind: "refused" }
  /** A signed 429 or 503 with the peer's own wish. */
  | { readonly kind: "later"; readonly retryAfterSeconds: number }
  /** A signed 401: the clocks differ; time alone may mend it. */
  | { readonly kind: "skewed" }
  /** No answer of the peer's; `retryAfterSeconds`: what an unsigned answer asked for, or null. */
  | { readonly kind: "failed"; readonly retryAfterSeconds: number | null }

export type AfterAttempt =
  | { readonly state: "accepted" }
  | { readonly state: "refused" }
  | { readonly state: "expired" }
  /** @property nextAt - milliseconds since the epoch */
  | { readonly state: "queued"; readonly nextAt: number }

/**
 * What becomes of a message after an attempt.
 * @param attempts - how many were made, this one included
 * @param createdAt - milliseconds since the epoch, when it was first to be sent
 * @param random - uniform in [0, 1): spreads the tries of many senders over half of each wait
 */
export function afterAttempt(
  outcome: AttemptOutcome,
  attempts: number,
  createdAt: number,
  now: number,
  random: number,
): AfterAttempt {
  if (outcome.kind === "accepted" || outcome.kind === "refused") return { state: outcome.kind }
  const nextAt = now + waitMilliseconds(outcome, attempts, random)
  return isExpired(createdAt, nextAt) ? { state: "expired" } : { state: "queued", nextAt }
}

/** Whether a message of this age may not be tried at this time any more: the receiver would refuse it. */
export const isExpired = (createdAt: number, now: number): boolean =>
  now - createdAt >= messageLifetimeMilliseconds

function waitMilliseconds(
  outcome: Exclude<AttemptOutcome, { kind: "accepted" | "refused" }>,
  attempts: number,
  random: number,
): number {
  const backOff = Math.min(longestWaitMilliseconds, firstWaitMilliseconds * 2 ** (attempts - 1))
  const jittered = backOff * (1 - random / 2)
  if (outcome.kind === "later")
    return Math.max(outcome.retryAfterSeconds * 1000, Math.min(mostFloorMilliseconds, jittered))
  if (outcome.kind !== "failed" || outcome.retryAfterSeconds === null) return jittered
  return Math.min(longestWaitMilliseconds, Math.max(jittered, outcome.retryAfterSeconds * 1000))
}
