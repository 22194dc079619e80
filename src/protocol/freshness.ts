/**
 * Timestamps and how old they may be.
 * @see docs/PROTOCOL.md section 3
 */

/** Seconds by which a timestamp may differ from the receiver's clock, either way. */
export const toleranceSeconds = 300

/** RFC 3339 section 5.6, without the lower-case letters and the leap second that it merely allows. */
const pattern =
  /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/

/** Milliseconds since the epoch, or null where the text is not RFC 3339 (`Date.parse` is too lenient). */
export function readTimestamp(text: string): number | null {
  const [, year, month, day] = pattern.exec(text) ?? []
  return Number(day) <= daysOf(Number(year), Number(month)) ? Date.parse(text) : null
}

/** `2026-11-23T10:00:00.000Z`. */
export const formatTimestamp = (milliseconds: number): string => new Date(milliseconds).toISOString()

/**
 * Seconds by which `sentAt` lies outside the tolerated window, or null when it is fresh.
 * @param sentAt - milliseconds since the epoch, from the signed body
 * @param now - milliseconds since the epoch, the receiver's clock
 */
export function staleness(sentAt: number, now: number): number | null {
  const skewSeconds = (now - sentAt) / 1000
  return Math.abs(skewSeconds) <= toleranceSeconds ? null : skewSeconds
}

/** Two clocks read at once: the one that can be set, and milliseconds since some moment, which nobody sets. */
export type Moment = { readonly now: number; readonly elapsed: number }

/** The last look at the clocks, and since when the first was not set ahead; `elapsed` of each. */
export type Steadiness = { readonly last: Moment; readonly since: number }

/** What a further look says. A clock that is set back, or a little ahead, forgets nothing too early. */
export function lookAgain({ last, since }: Steadiness, at: Moment): Steadiness {
  const setAhead = at.now - last.now - (at.elapsed - last.elapsed)
  return { last: at, since: setAhead > toleranceSeconds * 1000 ? at.elapsed : since }
}

/**
 * Whether what is old by the clock may be forgotten. One that was set ahead and is set right again takes as fresh what
 * came minutes before: that must be stale for good by then.
 */
export const mayForget = ({ last, since }: Steadiness): boolean =>
  last.elapsed - since >= staleForGoodMilliseconds

/** A timestamp may be so far ahead when it comes, and behind when it comes again. */
export const staleForGoodMilliseconds = 2 * toleranceSeconds * 1000

function daysOf(year: number, month: number): number {
  return new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()
}

/** A moment in a sentence: `2026-11-25 03:35 UTC`. @param time - milliseconds since the epoch */
export const minuteWords = (time: number): string =>
  `${formatTimestamp(time).slice(0, 16).replace("T", " ")} UTC`
