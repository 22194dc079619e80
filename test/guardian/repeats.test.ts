import { expect, test } from "bun:test"
import { createRepeats } from "../../src/guardian/repeats.ts"

const minute = 60_000
const start = Date.UTC(2026, 10, 23, 10)

/** @returns how often a pair is answered at this time before it is told to wait, and how long */
function drain(repeats: ReturnType<typeof createRepeats>, pair = "kai"): readonly [number, number] {
  for (let answered = 0; ; answered += 1) {
    const wait = repeats.count(pair)
    if (wait !== null) return [answered, wait]
  }
}

test("sixty answers a minute to each pair", () => {
  let now = start
  const repeats = createRepeats(() => now)
  expect([drain(repeats), drain(repeats, "noa")]).toEqual([
    [60, 60],
    [60, 60],
  ])
  now += minute / 2
  expect(drain(repeats)).toEqual([0, 30])
  now += minute / 2
  expect(drain(repeats)).toEqual([60, 60])
})

test("a clock that was ahead and is set back blocks nobody for longer than a minute", () => {
  let now = start + 60 * minute
  const repeats = createRepeats(() => now)
  drain(repeats)
  now = start
  expect(drain(repeats)).toEqual([0, 60])
  now += minute
  expect(drain(repeats)).toEqual([60, 60])
})

test("a signature is known for as long as it can be fresh, and those of other pairs are others", () => {
  let now = start
  const repeats = createRepeats(() => now)
  expect(["a", "a", "b", "a"].map(one => repeats.note("kai", one))).toEqual([false, true, false, true])
  expect(repeats.note("noa", "a")).toBe(false)
  now += 10 * minute
  expect(repeats.note("kai", "a")).toBe(true)
  now += 1
  expect([repeats.note("kai", "c"), repeats.note("kai", "a")]).toEqual([false, false])
})

test("of more than a thousand signatures of a pair the oldest goes", () => {
  const repeats = createRepeats(() => start)
  for (let i = 0; i < 1001; i += 1) repeats.note("kai", String(i))
  expect(["1000", "1", "0"].map(one => repeats.note("kai", one))).toEqual([true, true, false])
})
