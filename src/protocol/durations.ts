/** Spans of time as an owner types them. */

const unitMilliseconds = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** A pause for longer is one without an end. */
const mostMilliseconds = 365 * unitMilliseconds.d

/** Milliseconds of `90s`, `30m`, `2h` or `1d`; null for anything else, for nothing, and above 365 days. */
export function readDuration(text: string): number | null {
  const [, digits, unit] = /^(\d{1,8})([smhd])$/.exec(text) ?? []
  if (digits === undefined) return null
  const milliseconds = Number(digits) * unitMilliseconds[unit as keyof typeof unitMilliseconds]
  return milliseconds > 0 && milliseconds <= mostMilliseconds ? milliseconds : null
}
