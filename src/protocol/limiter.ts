/**
 * How many requests a pair may make.
 * @see docs/PROTOCOL.md section 3
 */

/** At most `most` events in any window of `seconds`. */
export type Bucket = { readonly most: number; readonly seconds: number }

/** New messages of a pair. */
export const messageBucket: Bucket = { most: 10, seconds: 60 }

/** Everything else of a pair that only the peer can just have signed: hello, receipt, unpair, a message once more. */
export const otherBucket: Bucket = { most: 60, seconds: 60 }

/**
 * What is rightly signed and says nothing new: stale, the very bytes of an earlier request, no valid message. Anybody
 * who recorded one can send it for ever, so that it must keep nothing else of the pair out.
 */
export const repeatBucket: Bucket = { most: 60, seconds: 60 }

/**
 * Null when one more event may happen now; otherwise the whole seconds after which it may.
 * @param times - milliseconds since the epoch of the earlier events, in any order; those that lie in the
 *   future (the clock was set back) count as happening now, so that a changed clock gives no fresh quota
 * @param now - milliseconds since the epoch
 */
export function secondsUntilFree(bucket: Bucket, times: readonly number[], now: number): number | null {
  const windowStart = now - bucket.seconds * 1000
  const recent = times.map(time => Math.min(time, now)).filter(time => time > windowStart)
  if (recent.length < bucket.most) return null
  const freeing = recent.sort((a, b) => b - a)[bucket.most - 1] as number
  return Math.max(1, Math.ceil((freeing - windowStart) / 1000))
}
