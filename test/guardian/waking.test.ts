/** What is taken for sleep, and when is looked behind it. */
import { afterEach, expect, jest, test } from "bun:test"
import { createPermits, sleep } from "../../src/guardian/sleep.ts"
import { watchForSleep } from "../../src/guardian/waking.ts"
import { settle } from "../support/settle.ts"

afterEach(() => {
  jest.useRealTimers()
})

/** Two clocks that the test turns, and how often it was woken. */
function open() {
  const made = {
    now: 1_000_000,
    elapsed: 5_000,
    woken: 0,
    log: [] as string[],
    stopping: new AbortController(),
  }
  const look = watchForSleep(
    {
      now: () => made.now,
      elapsed: () => made.elapsed,
      log: { write: (line: string) => made.log.push(line) } as never,
      stopping: made.stopping.signal,
    },
    () => {
      made.woken += 1
    },
  )
  return Object.assign(made, { look })
}

test("time that passed by both clocks is no sleep, nor what a clock is set right by", () => {
  jest.useFakeTimers()
  const one = open()
  one.now += 600_000
  one.elapsed += 600_000
  one.look()
  one.now += 29_999
  one.look()
  one.now -= 3_600_000
  one.look()
  jest.advanceTimersByTime(60_000)
  expect([one.woken, one.log]).toEqual([0, []])
})

test("behind a sleep it is looked at once, after 5 s and after 20 s, and then no more", () => {
  jest.useFakeTimers()
  const one = open()
  one.now += 30_000
  one.look()
  one.look()
  const seen = [1, 4998, 1, 14_999, 1, 600_000].map(wait => {
    jest.advanceTimersByTime(wait)
    return one.woken
  })
  expect(seen).toEqual([1, 1, 2, 2, 3, 3])
  expect(one.log).toEqual(["the machine slept for 30 s, or its clock was set ahead"])
})

test("a clock that is set back and ahead again slept for as long as it was set ahead", () => {
  jest.useFakeTimers()
  const one = open()
  one.now -= 100_000
  one.look()
  one.now += 100_000
  one.look()
  jest.advanceTimersByTime(60_000)
  expect(one.woken).toBe(3)
})

test("nothing is looked at any more as the Guardian stops", () => {
  jest.useFakeTimers()
  const one = open()
  one.now += 60_000
  one.look()
  one.stopping.abort()
  jest.advanceTimersByTime(60_000)
  expect(one.woken).toBe(0)
})

test("a wait is over at its time, or as it is cut, and at once where it was cut before", async () => {
  jest.useFakeTimers()
  const ended: string[] = []
  const cut = new AbortController()
  const wait = (name: string, signal: AbortSignal): Promise<void> =>
    sleep(1000, signal).then(() => void ended.push(name))
  const all = [
    wait("in time", new AbortController().signal),
    wait("cut", cut.signal),
    wait("before", AbortSignal.abort()),
  ]
  await all[2]
  expect(ended).toEqual(["before"])
  cut.abort()
  await all[1]
  expect(ended).toEqual(["before", "cut"])
  jest.advanceTimersByTime(1000)
  await all[0]
  expect(ended).toEqual(["before", "cut", "in time"])
  expect(jest.getTimerCount()).toBe(0)
})

test("so many tasks at once and no more, the others in their order, also where one fails", async () => {
  const permits = createPermits(2)
  const [begun, releases]: [number[], (() => void)[]] = [[], []]
  const use = (name: number): Promise<unknown> =>
    permits
      .use(() => {
        begun.push(name)
        const { promise, resolve, reject } = Promise.withResolvers<void>()
        releases[name] = name === 0 ? () => reject(new Error("no")) : resolve
        return promise
      })
      .catch(error => (error as Error).message)
  const all = [0, 1, 2, 3].map(use)
  await settle()
  expect(begun).toEqual([0, 1])
  releases[0]?.()
  expect(await all[0]).toBe("no")
  await settle()
  expect(begun).toEqual([0, 1, 2])
  releases[1]?.()
  releases[2]?.()
  await settle()
  releases[3]?.()
  await Promise.all(all)
  const more = [4, 5, 6].map(use)
  await settle()
  expect(begun).toEqual([0, 1, 2, 3, 4, 5])
  for (const name of [4, 5]) releases[name]?.()
  await settle()
  releases[6]?.()
  await Promise.all(more)
})
