/** Who has its turn, and when, of the pairs that something is to be sent to. */
import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test"
import { createLanes, type Step } from "../../../src/guardian/outbound/lanes.ts"
import { settle } from "../../support/settle.ts"
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

describe("by the timers alone", () => {
  beforeEach(() => void jest.useFakeTimers())
  afterEach(() => void jest.useRealTimers())

  const pass = async ({ clock }: ReturnType<typeof createTestLanes>, milliseconds: number): Promise<void> => {
    clock.now += milliseconds
    // For 0, Bun 1.4.5 takes 1.
    if (milliseconds > 0) jest.advanceTimersByTime(milliseconds)
    await settle()
  }

  test("of pairs for which nobody waits sixteen begin in 20 ms, and those for which somebody does at once", async () => {
    const test = createTestLanes(100)
    for (let i = 0; i < 40; i += 1) test.lanes.wake(`${i}`, false)
    await pass(test, 0)
    expect(test.begun).toHaveLength(16)
    await pass(test, 19)
    expect(test.begun).toHaveLength(16)
    test.lanes.wake("waited for")
    await pass(test, 0)
    expect(test.begun.slice(16)).toEqual(["waited for"])
    await pass(test, 1)
    expect(test.begun).toHaveLength(33)
    await pass(test, 20)
    expect(test.begun).toHaveLength(41)
  })

  test("a pair that is waited for begins once, whoever else asks for it meanwhile", async () => {
    for (const waits of [
      [true, false],
      [false, true],
    ]) {
      const test = createTestLanes(100)
      for (const isUrgent of waits) test.lanes.wake("a", isUrgent)
      await pass(test, 0)
      await test.end("a", idle)
      await pass(test, 20)
      expect([test.begun, test.lanes.isIdle("a")]).toEqual([["a"], true])
    }
  })

  test("a step that goes on stays among those that are waited for, or among those that are not", async () => {
    const test = createTestLanes(1)
    test.lanes.wake("a")
    for (const other of ["b", "c"]) test.lanes.wake(other, false)
    await pass(test, 0)
    await test.end("a", { kind: "again" })
    await pass(test, 0)
    await test.end("a", idle)
    await pass(test, 0)
    await test.end("b", { kind: "again" })
    await pass(test, 0)
    expect(test.begun).toEqual(["a", "a", "b", "c"])
    await test.end("c", idle)
    await pass(test, 0)
    expect(test.begun).toEqual(["a", "a", "b", "c", "b"])
  })

  test("each has its turn when its time has come, in whatever order the times were given", async () => {
    for (const order of [
      ["soon", "late"],
      ["late", "soon"],
    ]) {
      const test = createTestLanes(2)
      const times: Record<string, number> = { soon: start + 1000, late: start + 2000 }
      for (const pair of order) test.lanes.rest(pair, times[pair] ?? 0)
      await pass(test, 999)
      expect(test.begun).toEqual([])
      await pass(test, 1)
      expect(test.begun).toEqual(["soon"])
      await pass(test, 999)
      expect(test.begun).toEqual(["soon"])
      await pass(test, 1)
      expect(test.begun).toEqual(["soon", "late"])
    }
  })

  test("those whose time has come at once do not all begin at once, and one timer serves them all", async () => {
    const test = createTestLanes(100)
    for (let i = 0; i < 40; i += 1) test.lanes.rest(`${i}`, start + 2000 - i)
    expect(jest.getTimerCount()).toBe(1)
    await pass(test, 2000)
    expect(test.begun).toHaveLength(16)
  })

  test("a time that is near is looked at after 20 ms, so that many are one look", async () => {
    const test = createTestLanes(2)
    test.lanes.rest("a", start + 1)
    await pass(test, 19)
    expect(test.begun).toEqual([])
    await pass(test, 1)
    expect(test.begun).toEqual(["a"])
  })

  test("a time in the past is that of now, and one of exactly the longest wait ahead is waited for", async () => {
    const test = createTestLanes(2)
    test.lanes.rest("past", start - minute)
    test.lanes.rest("ahead", start + 5 * minute + 20)
    await pass(test, 20)
    expect(test.begun).toEqual(["past"])
    await pass(test, 5 * minute - 1)
    expect(test.begun).toEqual(["past"])
    await pass(test, 1)
    expect(test.begun).toEqual(["past", "ahead"])
  })

  test("nobody is begun, and no time is looked at, once all stops", async () => {
    const test = createTestLanes(2)
    test.lanes.rest("a", start + 1000)
    test.stop()
    test.lanes.rest("b", start + 500)
    expect(jest.getTimerCount()).toBe(1)
    test.lanes.wake("c")
    await test.lanes.stopped()
    expect(jest.getTimerCount()).toBe(0)
    await pass(test, 5000)
    expect(test.begun).toEqual([])
  })
})
