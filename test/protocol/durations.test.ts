import { expect, test } from "bun:test"
import { readDuration } from "../../src/protocol/durations.ts"

test.each([
  ["90s", 90_000],
  ["30m", 1_800_000],
  ["2h", 7_200_000],
  ["1d", 86_400_000],
  ["365d", 31_536_000_000],
  ["366d", null],
  ["99999999d", null],
  ["0m", null],
  ["-5m", null],
  ["1.5h", null],
  ["30", null],
  ["m", null],
  ["30 m", null],
  ["30M", null],
  ["1h30m", null],
  ["٣m", null],
  ["30m\n", null],
  ["", null],
] as const)("the duration %j is %p milliseconds", (text, want) => expect(readDuration(text)).toBe(want))
