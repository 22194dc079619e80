import { describe, expect, test } from "bun:test"
import {
  formatTimestamp,
  lookAgain,
  mayForget,
  readTimestamp,
  staleness,
} from "../../src/protocol/freshness.ts"

const now = Date.UTC(2026, 10, 23, 10)

describe("a timestamp of RFC 3339", () => {
  test.each([
    ["as we write it", "2026-11-23T10:00:00.000Z", now],
    ["without a fraction", "2026-11-23T10:00:00Z", now],
    ["with one digit of it", "2026-11-23T10:00:00.5Z", now + 500],
    ["with nine, the rest cut off", "2026-11-23T10:00:00.123456789Z", now + 123],
    ["with an offset to the east", "2026-11-23T11:30:00+01:30", now],
    ["with an offset to the west", "2026-11-22T22:00:00-12:00", now],
    ["with the largest offset", "2026-11-24T09:59:00+23:59", now],
    ["with -00:00", "2026-11-23T10:00:00-00:00", now],
    ["1 January", "2026-01-01T00:00:00Z", Date.UTC(2026, 0, 1)],
    ["29 February of a leap year", "2028-02-29T00:00:00Z", Date.UTC(2028, 1, 29)],
    ["29 February 2000", "2000-02-29T00:00:00Z", Date.UTC(2000, 1, 29)],
    ["the last second of a year", "2026-12-31T23:59:59Z", Date.UTC(2026, 11, 31, 23, 59, 59)],
    ["the year 0, a leap year", "0000-02-29T00:00:00Z", -62162121600000],
  ])("%s", (_, text, want) => expect(readTimestamp(text)).toBe(want))

  test.each([
    ["29 February of another year", "2026-02-29T00:00:00Z"],
    ["29 February 2100", "2100-02-29T00:00:00Z"],
    ["31 April, which Date.parse rolls over", "2026-04-31T00:00:00Z"],
    ["day 0", "2026-11-00T00:00:00Z"],
    ["month 13", "2026-13-01T00:00:00Z"],
    ["month 0", "2026-00-01T00:00:00Z"],
    ["24:00", "2026-11-23T24:00:00Z"],
    ["minute 60", "2026-11-23T10:60:00Z"],
    ["a leap second", "2026-12-31T23:59:60Z"],
    ["an offset of 24 hours", "2026-11-23T10:00:00+24:00"],
    ["an offset of 60 minutes", "2026-11-23T10:00:00+00:60"],
    ["an offset without a colon", "2026-11-23T10:00:00+0100"],
    ["an offset without minutes", "2026-11-23T10:00:00+01"],
    ["a missing Z, which would be local time", "2026-11-23T10:00:00"],
    ["lower-case t", "2026-11-23t10:00:00Z"],
    ["lower-case z", "2026-11-23T10:00:00z"],
    ["a space for T", "2026-11-23 10:00:00Z"],
    ["a date alone", "2026-11-23"],
    ["no seconds", "2026-11-23T10:00Z"],
    ["a point without digits", "2026-11-23T10:00:00.Z"],
    ["ten digits of fraction", "2026-11-23T10:00:00.1234567890Z"],
    ["a comma", "2026-11-23T10:00:00,5Z"],
    ["a year of five digits", "12026-11-23T10:00:00Z"],
    ["a signed year", "+002026-11-23T10:00:00Z"],
    ["a space before", " 2026-11-23T10:00:00Z"],
    ["a line break behind", "2026-11-23T10:00:00Z\n"],
    ["two of them, as joined headers are", "2026-11-23T10:00:00Z, 2026-11-23T10:00:00Z"],
    ["full-width digits", "２026-11-23T10:00:00Z"],
    ["an HTTP date", "Mon, 23 Nov 2026 10:00:00 GMT"],
    ["milliseconds since the epoch", String(now)],
    ["nothing", ""],
  ])("refuses %s", (_, text) => expect(readTimestamp(text)).toBeNull())

  test("what we write is what we read", () => {
    expect([formatTimestamp(now), readTimestamp(formatTimestamp(now + 7))]).toEqual([
      "2026-11-23T10:00:00.000Z",
      now + 7,
    ])
  })
})

describe("staleness", () => {
  test.each([
    ["accepts this very moment", now, null],
    ["accepts the oldest tolerated message", now - 300_000, null],
    ["refuses one a millisecond older", now - 300_001, 300.001],
    ["old timestamp is refused", now - 301_000, 301],
    ["accepts a sender's clock that is ahead by the tolerance", now + 300_000, null],
    ["new timestamp is refused", now + 301_000, -301],
    ["a time that is not a number is never fresh", Number.NaN, Number.NaN],
  ])("%s", (_, sentAt, want) => expect(staleness(sentAt, now)).toBe(want))
})

describe("what is old is forgotten", () => {
  const day = 24 * 60
  /** Looks at the clock that can be set and at the other one, in minutes. */
  test.each([
    ["once the process has run for 10 minutes", [[10, 10]], true],
    ["not before", [[9.9, 9.9]], false],
    [
      "though the clock was set ahead by what is tolerated",
      [
        [10, 10],
        [25, 20],
      ],
      true,
    ],
    [
      "not where it was by a moment more",
      [
        [10, 10],
        [25.002, 20],
      ],
      false,
    ],
    [
      "not as the clock was set 31 days ahead",
      [
        [10, 10],
        [20 + 31 * day, 20],
      ],
      false,
    ],
    [
      "nor minutes later",
      [
        [10, 10],
        [20 + 31 * day, 20],
        [25 + 31 * day, 25],
      ],
      false,
    ],
    [
      "but 10 minutes later",
      [
        [10, 10],
        [20 + 31 * day, 20],
        [30 + 31 * day, 30],
      ],
      true,
    ],
    [
      "where the clock was set ahead by 5 minutes",
      [
        [10, 10],
        [25, 20],
      ],
      true,
    ],
    [
      "not by more",
      [
        [10, 10],
        [25.1, 20],
      ],
      false,
    ],
    [
      "where the clock was set back",
      [
        [10, 10],
        [20 - day, 20],
      ],
      true,
    ],
    [
      "not after a night's sleep, which only the clock counts",
      [
        [10, 10],
        [500, 20],
      ],
      false,
    ],
  ] as const)("%s", (_, looks, want) => {
    const moments = looks.map(([now, elapsed]) => ({ now: now * 60_000, elapsed: elapsed * 60_000 }))
    const began = { last: { now: 0, elapsed: 0 }, since: 0 }
    expect(mayForget(moments.reduce(lookAgain, began))).toBe(want)
  })
})
