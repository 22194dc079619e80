import { describe, expect, test } from "bun:test"
import {
  type Bucket,
  messageBucket,
  otherBucket,
  repeatBucket,
  secondsUntilFree,
} from "../../src/protocol/limiter.ts"

const now = Date.UTC(2026, 10, 23, 10)
const three: Bucket = { most: 3, seconds: 60 }
const ago = (...seconds: readonly number[]): number[] => seconds.map(one => now - one * 1000)

describe("three a minute", () => {
  test.each([
    ["nothing yet", [], null],
    ["two just now", ago(0, 0), null],
    ["three just now wait a minute", ago(0, 0, 0), 60],
    ["the oldest frees its place", ago(50, 20, 10), 10],
    ["in any order", ago(10, 50, 20), 10],
    ["a part of a second is rounded up, so that one who waits is let in", ago(50.5, 20, 10), 10],
    ["a millisecond before the window ends", ago(59.999, 20, 10), 1],
    ["at the window's end its place is free", ago(60, 20, 10), null],
    ["older ones do not count", ago(3600, 61, 60, 5), null],
    ["more than are allowed wait for as many to leave", ago(50, 40, 30, 20, 10), 30],
    ["a clock set back gives no fresh quota", ago(-3600, -3600, -3600), 60],
    ["a clock set back leaves free places free", ago(-3600, -3600), null],
  ])("%s", (_, times, want) => expect(secondsUntilFree(three, times, now)).toBe(want))
})

test("one who waits as long as told is let in, and not a second earlier", () => {
  const times = ago(41.3, 20, 10)
  const seconds = secondsUntilFree(three, times, now) ?? 0
  expect([
    secondsUntilFree(three, times, now + seconds * 1000),
    secondsUntilFree(three, times, now + (seconds - 1) * 1000),
  ]).toEqual([null, 1])
})

test("the times handed over stay as they were", () => {
  const times = ago(10, 50, 20)
  secondsUntilFree(three, times, now)
  expect(times).toEqual(ago(10, 50, 20))
})

test("ten messages, sixty others, and sixty that say nothing new, a minute", () => {
  expect([messageBucket, otherBucket, repeatBucket]).toEqual([
    { most: 10, seconds: 60 },
    { most: 60, seconds: 60 },
    { most: 60, seconds: 60 },
  ])
})
