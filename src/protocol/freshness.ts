/**
 * Timestamps and how old they may be.
 * @see docs/PROTOCOL.md section 3
 */

/** Seconds by which a timestamp may differ from the receiver's clock, either way. */
export const toleranceSeconds = 300

/** RFC 3339 section 5.6, without the lower-case letters and the leap second that it merely allows. */
const pattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:Z|[+-](\d\d):(\d\d))$/

/** Milliseconds since the epoch, or null where the text is not RFC 3339 (`Date.parse` is too lenient). */
export function readTimestamp(text: string): number | null {
  const fields = pattern.exec(text)
  if (fields === null) return null
  const [year, month, day, hour, minute, second, offsetHour, offsetMinute] = fields
    .slice(1)
    .map(field => Number(field ?? 0)) as [number, number, number, number, number, number, number, number]
  const isDay = month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month)
  const isTime = hour <= 23 && minute <= 59 && second <= 59 && offsetHour <= 23 && offsetMinute <= 59
  return isDay && isTime ? Date.parse(text) : null
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

function daysOf(year: number, month: number): number {
  return new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()
}
