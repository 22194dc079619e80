/** Who has its turn, and when, of the pairs that something is to be sent to. */
import { expect, test } from "bun:test"
import { createLanes, type Step } from "../../../src/guardian/outbound/lanes.ts"
import { until } from "../../support/world.ts"

const start = Date.UTC(2026, 10, 23, 10)
const minute = 60 * 1000

/** Lanes whose steps end when the test says so; `begun` is in the order of the beginnings. */
function createTestLanes(most: number) {
  const stopping = new AbortController()
  const begun: string[] = []
  const ends = new Map<string, (next: Step) => void>()
  const clock = { now: start }
  const lanes = createLanes({
    most,
    now: () => clock.now,
    stopping: stopping.signal,
    step(pair) {
      begun.push(pair)
      return new Promise(resolve => ends.set(pair, resolve))
    },
  })
  return {
    lanes,
    begun,
    clock,
    stop: () => stopping.abort(),
    async end(pair: string, next: Step): Promise<void> {
      ends.get(pair)?.(next)
      await Promise.resolve()
      await Promise.resolve()
    },
  }
}

const began = ({ begun }: { begun: string[] }, pairs: readonly string[]): Promise<unknown> =>
  until(`${pairs} to begin`, () => Bun.deepEquals(begun, pairs))

const idle: Step = { kind: "idle" }

test("no more than so many at once, whoever somebody waits for first, and each pair once at a time", async () => {
  const test = createTestLanes(2)
  for (const pair of ["a", "b", "c", "a"]) test.lanes.wake(pair, false)
  test.lanes.wake("d")
  await began(test, ["d", "a"])
  test.lanes.wake("a", false)
  await test.end("d", idle)
  await began(test, ["d", "a", "b"])
  await test.end("a", idle)
  await began(test, ["d", "a", "b", "a"])
  await test.end("a", { kind: "again" })
  await began(test, ["d", "a", "b", "a", "a"])
  test.stop()
  for (const pair of ["a", "b"]) await test.end(pair, idle)
  await test.lanes.stopped()
  expect(test.begun).toEqual(["d", "a", "b", "a", "a"])
})

test("a pair that rests has its turn at its time", async () => {
  const test = createTestLanes(2)
  test.lanes.rest("late", start + 4 * minute)
  test.lanes.rest("soon", start + 1)
  test.clock.now = start + 1
  await began(test, ["soon"])
  await test.end("soon", { kind: "rest", until: start + 2 })
  test.clock.now = start + 4 * minute
  await until("both", () => test.begun.length === 3)
  expect(test.begun.slice(1).sort()).toEqual(["late", "soon"])
})

test("a time that the clock was set back from is no reason to wait until then", async () => {
  const test = createTestLanes(1)
  test.lanes.rest("a", start + 1000)
  test.lanes.rest("b", start + 1)
  test.clock.now = start - 10 * minute
  await began(test, ["a"])
})

test("a pair is idle before something is to be sent to it, and when nothing is any more", async () => {
  const test = createTestLanes(1)
  const isIdle = (): boolean[] => ["a", "b"].map(test.lanes.isIdle)
  expect(isIdle()).toEqual([true, true])
  for (const pair of ["a", "b"]) test.lanes.wake(pair, false)
  expect(isIdle()).toEqual([false, false])
  await began(test, ["a"])
  expect(isIdle()).toEqual([false, false])
  await test.end("a", { kind: "rest", until: start + 4 * minute })
  await began(test, ["a", "b"])
  expect(isIdle()).toEqual([false, false])
  await test.end("b", idle)
  expect(isIdle()).toEqual([false, true])
  test.lanes.wake("a")
  expect(isIdle()).toEqual([false, true])
  await began(test, ["a", "b", "a"])
  await test.end("a", idle)
  expect(isIdle()).toEqual([true, true])
})
