import { expect, test } from "bun:test"
import { statSync } from "node:fs"
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
