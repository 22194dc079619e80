/** Who has its turn, and when, of the pairs that something is to be sent to. */
import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test"
import { createLanes, type Step } from "../../../src/guardian/outbound/lanes.ts"
import { longestWaitMilliseconds } from "../../../src/protocol/retries.ts"
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

describe("by the clock", () => {
  beforeEach(() => void jest.useFakeTimers())
  afterEach(() => void jest.useRealTimers())

  /** What was asked for happens, and whatever follows of it. */
  async function settle(): Promise<void> {
    for (let i = 0; i < 20; i += 1) await Promise.resolve()
  }

  /** Time goes on, for the timers and for the lanes' clock. */
  async function pass({ clock }: { clock: { now: number } }, milliseconds: number): Promise<void> {
    clock.now += milliseconds
    jest.advanceTimersByTime(milliseconds)
    await settle()
  }

  const some = (count: number, name: string): string[] =>
    Array.from({ length: count }, (_, i) => `${name}${i}`)

  test("sixteen of those that nobody waits for begin within 20 ms, and the next ones then", async () => {
    const lanes = createTestLanes(100)
    for (const pair of some(40, "a")) lanes.lanes.wake(pair, false)
    await settle()
    expect(lanes.begun).toEqual(some(16, "a"))
    await pass(lanes, 19)
    expect(lanes.begun).toHaveLength(16)
    await pass(lanes, 1)
    expect(lanes.begun).toHaveLength(32)
    await pass(lanes, 20)
    expect(lanes.begun).toEqual(some(40, "a"))
    await pass(lanes, 20)
    for (const pair of some(20, "b")) lanes.lanes.wake(pair, false)
    await settle()
    expect(lanes.begun).toHaveLength(56)
    lanes.stop()
  })

  test("the 20 ms begin with the first one", async () => {
    const lanes = createTestLanes(100)
    lanes.lanes.wake("first", false)
    await settle()
    await pass(lanes, 20)
    for (const pair of some(17, "a")) lanes.lanes.wake(pair, false)
    await settle()
    expect(lanes.begun).toEqual(["first", ...some(16, "a")])
    lanes.stop()
  })

  test("whoever somebody waits for begins beside the sixteen, as often as asked", async () => {
    const lanes = createTestLanes(100)
    for (const pair of some(17, "a")) lanes.lanes.wake(pair, false)
    await settle()
    for (const pair of some(3, "u")) lanes.lanes.wake(pair)
    await settle()
    expect(lanes.begun).toEqual([...some(16, "a"), ...some(3, "u")])
    await lanes.end("u0", { kind: "again" })
    await settle()
    expect(lanes.begun.slice(19)).toEqual(["u0"])
    await lanes.end("a0", { kind: "again" })
    await settle()
    expect(lanes.begun).toHaveLength(20)
    lanes.lanes.wake("a0")
    await settle()
    expect(lanes.begun.slice(20)).toEqual(["a0"])
    await lanes.end("a0", idle)
    await pass(lanes, 20)
    expect(lanes.begun.slice(21)).toEqual(["a16"])
    lanes.stop()
  })

  test("a pair that is woken both ways goes once, and first", async () => {
    const lanes = createTestLanes(1)
    for (const [pair, isUrgent] of [
      ["a", false],
      ["b", true],
      ["b", false],
      ["a", true],
    ] as const)
      lanes.lanes.wake(pair, isUrgent)
    await settle()
    for (const pair of ["b", "a"]) {
      await lanes.end(pair, idle)
      await settle()
    }
    expect(lanes.begun).toEqual(["b", "a"])
    expect(["a", "b"].map(lanes.lanes.isIdle)).toEqual([true, true])
    lanes.stop()
  })

  test("what came for a pair during its step has it go once more, and at once", async () => {
    const lanes = createTestLanes(1)
    for (const pair of ["a", "b"]) lanes.lanes.wake(pair, false)
    await settle()
    lanes.lanes.wake("a", false)
    await lanes.end("a", { kind: "rest", until: start + minute })
    await settle()
    expect([lanes.begun, lanes.lanes.isResting("a")]).toEqual([["a", "a"], false])
    await lanes.end("a", idle)
    await settle()
    expect(lanes.begun).toEqual(["a", "a", "b"])
    lanes.stop()
  })

  test("each pair has its turn at its time, the nearest first, with one timer for all of them", async () => {
    const lanes = createTestLanes(100)
    for (const [pair, minutes] of [
      ["b", 2],
      ["a", 1],
      ["d", 4],
      ["c", 3],
    ] as const)
      lanes.lanes.rest(pair, start + minutes * minute)
    expect(jest.getTimerCount()).toBe(1)
    for (const count of [1, 2, 3, 4]) {
      await pass(lanes, minute - 1)
      expect(lanes.begun).toHaveLength(count - 1)
      await pass(lanes, 1)
      expect(lanes.begun).toHaveLength(count)
    }
    expect(lanes.begun).toEqual(["a", "b", "c", "d"])
    await pass(lanes, 20)
    expect(jest.getTimerCount()).toBe(0)
  })

  test("times that lie closer together than 20 ms are one look, one that has gone by too", async () => {
    const lanes = createTestLanes(100)
    lanes.lanes.rest("past", start - minute)
    await pass(lanes, 19)
    expect(lanes.begun).toEqual([])
    lanes.lanes.rest("now", lanes.clock.now + 1)
    await pass(lanes, 1)
    expect(lanes.begun).toEqual(["past", "now"])
    expect(["past", "now"].map(lanes.lanes.isResting)).toEqual([false, false])
  })

  test("a pair that is woken rests no more, and one that is waited for goes before those whose time has come", async () => {
    const lanes = createTestLanes(1)
    lanes.lanes.rest("a", start + minute)
    lanes.lanes.rest("b", start + minute)
    expect(["a", "c"].map(lanes.lanes.isResting)).toEqual([true, false])
    lanes.clock.now += minute
    lanes.lanes.look()
    lanes.lanes.wake("b")
    expect(["a", "b"].map(lanes.lanes.isResting)).toEqual([false, false])
    await settle()
    await lanes.end("b", idle)
    await settle()
    expect(lanes.begun).toEqual(["b", "a"])
    lanes.stop()
  })

  test("a look before its time leaves a pair at rest, up to the longest wait; what is further ahead is looked at", async () => {
    const lanes = createTestLanes(100)
    lanes.lanes.rest("longest", start + longestWaitMilliseconds)
    lanes.lanes.rest("longer", start + longestWaitMilliseconds + 1)
    lanes.lanes.look()
    await settle()
    expect(lanes.begun).toEqual(["longer"])
    await pass(lanes, longestWaitMilliseconds - 1)
    expect(lanes.begun).toEqual(["longer"])
    await pass(lanes, 1)
    expect(lanes.begun).toEqual(["longer", "longest"])
  })

  test("of a time that is further ahead than the longest wait the clock is looked at after that", async () => {
    const lanes = createTestLanes(100)
    lanes.lanes.rest("a", start + 2 * longestWaitMilliseconds)
    jest.advanceTimersByTime(longestWaitMilliseconds - 1)
    await settle()
    expect(lanes.begun).toEqual([])
    jest.advanceTimersByTime(1)
    await settle()
    expect(lanes.begun).toEqual(["a"])
  })

  test("while the Guardian stops nothing begins and no timer is set; the one that is goes when all have ended", async () => {
    const lanes = createTestLanes(100)
    lanes.lanes.rest("a", start + minute)
    lanes.stop()
    await lanes.lanes.stopped()
    expect(jest.getTimerCount()).toBe(0)
    lanes.lanes.rest("b", start + 1)
    expect(jest.getTimerCount()).toBe(0)
    lanes.lanes.wake("c")
    await settle()
    expect(lanes.begun).toEqual([])
  })

  test("stopped says so when the last step has ended", async () => {
    const lanes = createTestLanes(100)
    lanes.lanes.wake("a")
    await settle()
    let isStopped = false
    const stopped = lanes.lanes.stopped().then(() => {
      isStopped = true
    })
    await settle()
    expect(isStopped).toBe(false)
    await lanes.end("a", idle)
    await stopped
    expect(isStopped).toBe(true)
  })
})
