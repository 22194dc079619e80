import { expect, test } from "bun:test"
import { statSync } from "node:fs"
import { fairShare } from "../../src/store/retention.ts"
import { createTestStore, keep, receive, type TestStore } from "../support/store.ts"

const now = Date.UTC(2026, 10, 23, 10)
const day = 24 * 60 * 60 * 1000
const old = now - 30 * day
const young = old + 1
const policy = { days: 30, bytes: 100_000_000 }

const idsOf = ({ store }: TestStore): string[] => [
  ...store.inbox.recent(100_000).map(one => one.id),
  ...store.outbox.recent(100_000).map(one => one.id),
]

test.each([
  ["forgets a message that was typed 30 days ago", "delivered", old, false],
  ["keeps one that was typed a millisecond later", "delivered", young, true],
  ["forgets an uncertain one", "uncertain", old, false],
  ["forgets a dropped one", "dropped", old, false],
  ["keeps one that waits, however old", "waiting", 0, true],
  ["keeps one that is being typed, however old", "typing", 0, true],
] as const)("of what came, retention %s", (_, state, at, isKept) => {
  using stored = createTestStore()
  const id = receive(stored, "kai", at, { state })
  expect(stored.store.retention.sweep(policy, now)).toBe(isKept ? 0 : 1)
  expect(idsOf(stored)).toEqual(isKept ? [id] : [])
})

test.each([
  ["forgets a message that was accepted 30 days ago", "accepted", old, false],
  ["keeps one that was accepted a millisecond later", "accepted", young, true],
  ["forgets a refused one", "refused", old, false],
  ["forgets an expired one", "expired", old, false],
  ["forgets a dropped one", "dropped", old, false],
  ["keeps one that waits, however old", "queued", 0, true],
] as const)("of what was sent, retention %s", (_, state, at, isKept) => {
  using stored = createTestStore()
  const id = keep(stored, "kai", at, state)
  expect(stored.store.retention.sweep(policy, now)).toBe(isKept ? 0 : 1)
  expect(idsOf(stored)).toEqual(isKept ? [id] : [])
})

/** Pairs of messages, one each way, a minute apart; a pair of agents each, because of the limit a minute. */
function fill(stored: TestStore, count: number, text: string): string[] {
  const start = now - day
  return stored.store.now(() =>
    Array.from({ length: count }, (_, i) => i).flatMap(i => [
      receive(stored, `pair ${i}`, start + i * 60_000, { text, state: "delivered" }),
      keep(stored, `pair ${i}`, start + i * 60_000 + 1, "accepted", text),
    ]),
  )
}

test("above its size the database loses the oldest settled messages, and becomes smaller on the disk", () => {
  using stored = createTestStore()
  const { retention } = stored.store
  const text = "x".repeat(10_000)
  const waiting = receive(stored, "waiting", 1, { text })
  const queued = keep(stored, "waiting", 1, "queued", text)
  const ids = fill(stored, 200, text)
  const bytes = 2_000_000
  const sizeBefore = statSync(stored.path).size
  expect(retention.usedBytes()).toBeGreaterThan(bytes)
  const removed = retention.sweep({ days: 30, bytes }, now)
  expect(retention.usedBytes()).toBeLessThanOrEqual(bytes)
  expect(retention.usedBytes()).toBeGreaterThan(bytes / 2)
  expect(removed).toBeGreaterThan(0)
  expect(idsOf(stored).sort()).toEqual([waiting, queued, ...ids.slice(removed)].sort())
  stored.store.close()
  expect(statSync(stored.path).size).toBeLessThan(Math.min(sizeBefore, bytes * 1.1))
})

test("a database that is too large because of what waits loses the settled messages and nothing else", () => {
  using stored = createTestStore()
  const text = "x".repeat(10_000)
  const waiting = Array.from({ length: 50 }, (_, i) => receive(stored, `waiting ${i}`, 1, { text }))
  fill(stored, 5, text)
  expect(stored.store.retention.sweep({ days: 30, bytes: 1 }, now)).toBe(10)
  expect(idsOf(stored).sort()).toEqual(waiting.sort())
})

test.each([
  [
    "what came",
    (stored: TestStore, i: number) => receive(stored, "kai", now + i, { text: "x", state: "delivered" }),
  ],
  ["what was sent", (stored: TestStore, i: number) => keep(stored, "kai", now + i, "accepted", "x")],
])("a little too large because of many short ones, %s loses a tenth of it, and no more", (_, one) => {
  using stored = createTestStore()
  const { retention, now: at } = stored.store
  const ids = at(() => Array.from({ length: 400 }, (__, i) => one(stored, i * 7_000)))
  const removed = retention.sweep({ days: 1e6, bytes: retention.usedBytes() - 1 }, now)
  expect(removed).toBeWithin(40, 80)
  expect(idsOf(stored).toSorted()).toEqual(ids.slice(removed).toSorted())
})

test("messages of one millisecond are too many at once, and all go", () => {
  using stored = createTestStore()
  for (let i = 0; i < 20; i += 1) keep(stored, "kai", now, "accepted", "x".repeat(10_000))
  expect(stored.store.retention.sweep({ days: 30, bytes: 50_000 }, now)).toBe(20)
})

test("the id of a message that was forgotten is still known: it is not accepted a second time", () => {
  using stored = createTestStore()
  const id = receive(stored, "kai", now, { state: "delivered" })
  expect(stored.store.retention.sweep({ days: 0, bytes: 1 }, now)).toBe(1)
  expect(stored.store.inbox.hasSeen("kai", id)).toBe(true)
})

test("over weeks of traffic with a sweep every 10 minutes, the size stays bounded", () => {
  using stored = createTestStore()
  const text = "x".repeat(5_000)
  const bytes = 1_000_000
  const sizes: number[] = []
  for (let round = 0; round < 60; round += 1) {
    const at = now + round * 600_000
    stored.store.now(() => {
      for (let i = 0; i < 20; i += 1) keep(stored, `pair ${i}`, at + i, "accepted", text)
    })
    stored.store.retention.sweep({ days: 30, bytes }, at + 600_000)
    sizes.push(stored.store.retention.usedBytes())
  }
  expect(Math.max(...sizes)).toBeLessThanOrEqual(bytes)
  expect(sizes.at(-1)).toBeGreaterThan(bytes / 2)
})

const largest = 2_000_000

/** Four megabytes and more of one pair, in ways that a peer can bring about; and whether they can be removed. */
const floods: readonly (readonly [string, boolean, (stored: TestStore) => Map<number, number>])[] = [
  ["messages that were typed", true, stored => floodWith(stored, "x".repeat(10_000), 400, "delivered")],
  ["messages that wait", false, stored => floodWith(stored, "x".repeat(10_000), 400, "waiting")],
  ["messages of one letter", true, stored => floodWith(stored, "x", 3_000, "delivered")],
  ["ids", false, stored => floodWithIds(stored)],
  ["long texts, which lie in files too", true, stored => floodWithFiles(stored)],
  ["answers that it has us give", true, stored => floodOut(stored)],
]

function floodWith(stored: TestStore, text: string, count: number, state: "delivered" | "waiting") {
  stored.store.now(() => {
    for (let i = 0; i < count; i += 1) receive(stored, "flood", now + i * 6_001, { text, state })
  })
  return new Map<number, number>()
}

function floodWithFiles(stored: TestStore): Map<number, number> {
  floodWith(stored, "x", 40, "delivered")
  return new Map(stored.store.inbox.recent(40).map(one => [one.seq, 100_000]))
}

function floodWithIds({ store }: TestStore): Map<number, number> {
  store.now(() => {
    for (let i = 0; i < 15_000; i += 1) store.inbox.remember("flood", Bun.randomUUIDv7(), now + i)
  })
  return new Map()
}

function floodOut(stored: TestStore): Map<number, number> {
  stored.store.now(() => {
    for (let i = 0; i < 400; i += 1) keep(stored, "flood", now + i, "accepted", "x".repeat(10_000))
  })
  return new Map()
}

test.each(floods)(
  "a flood of %s evicts nothing of a pair that takes less than its share",
  (_, canGo, flood) => {
    using stored = createTestStore()
    const { store } = stored
    const [text, count] = ["a".repeat(4_000), 75]
    const history = store.now(() =>
      Array.from({ length: count }, (_, i) => i).flatMap(i => [
        receive(stored, "kai", now - day + i * 60_000, { text, state: "delivered" }),
        keep(stored, "kai", now - day + i * 60_000, "accepted", text),
      ]),
    )
    const files = flood(stored)
    store.retention.sweep({ days: 30, bytes: largest }, now + day, files)
    const left = idsOf(stored)
    expect(history.filter(id => !left.includes(id))).toEqual([])
    const ofFiles = [...files].filter(([seq]) => store.inbox.recent(1_000).some(one => one.seq === seq))
    const used = store.retention.usedBytes() + ofFiles.reduce((sum, [, bytes]) => sum + bytes, 0)
    expect(used <= largest).toBe(canGo)
    expect(used > largest / 2).toBe(true)
  },
)

test("a pair alone has all the room, a second one half of it, and who needs less leaves the rest", () => {
  expect(fairShare([90], 100)).toBe(Number.POSITIVE_INFINITY)
  expect(fairShare([190], 100)).toBe(100)
  expect(fairShare([190, 90], 100)).toBe(50)
  expect(fairShare([190, 20], 100)).toBe(80)
  expect(fairShare([], 0)).toBe(Number.POSITIVE_INFINITY)
  expect(fairShare([50, 50], 100)).toBe(Number.POSITIVE_INFINITY)
  expect(fairShare([1], -1)).toBe(0)
})

test("whatever each has, all together get the room, and nobody less than an equal part of it", () => {
  for (let round = 0; round < 2_000; round += 1) {
    const uses = Array.from({ length: 1 + (round % 9) }, () => Math.floor(Math.random() ** 4 * 1_000))
    const room = Math.floor(Math.random() * 1_500)
    const share = fairShare(uses, room)
    const given = uses.map(use => Math.min(use, share)).reduce((sum, one) => sum + one, 0)
    const needed = uses.reduce((sum, one) => sum + one, 0)
    expect(given).toBeCloseTo(Math.min(room, needed), 6)
    expect(share).toBeGreaterThanOrEqual(room / uses.length - 1e-6)
  }
})
