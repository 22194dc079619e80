/** What is read of rows, beside others of the same pair and of another one. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { createTestStore, receive, type TestStore } from "../support/store.ts"
import { day, now } from "./two-pairs/fixture.ts"

let stored: TestStore
beforeEach(() => {
  stored = createTestStore({ random })
})
afterEach(() => stored[Symbol.dispose]())

/** The next ids are all alike where the test says so. */
let fixed: number | null = null
const random = (length: number): Uint8Array =>
  fixed === null ? crypto.getRandomValues(new Uint8Array(length)) : new Uint8Array(length).fill(fixed)

const put = (pair: string, text: string, at = now, isExposed?: boolean) =>
  stored.store.outbox.keep(
    { pair, name: pair, id: Bun.randomUUIDv7(), text, inReplyTo: null, hops: 0 },
    at,
    isExposed,
  )

test("an attempt that fails puts off its own message alone", () => {
  const { outbox } = stored.store
  const [first, second] = [put("kai", "one"), put("kai", "two")]
  outbox.postpone(first.seq, { attempts: 1, nextAt: now + 1000, askedFor: null }, "refused")
  expect(outbox.byId("kai", first.id)).toMatchObject({ attempts: 1, nextAt: now + 1000, reason: "refused" })
  expect(outbox.byId("kai", second.id)).toEqual(second)
})

test("what an attempt may have brought is marked from the start where one begins at once", () => {
  const { outbox } = stored.store
  expect([put("kai", "a").isExposed, put("kai", "b", now, true).isExposed]).toEqual([false, true])
  const [one, other] = [put("kai", "c"), put("kai", "d")]
  outbox.expose(one.seq)
  expect([one, other].map(({ id }) => outbox.byId("kai", id)?.isExposed)).toEqual([true, false])
})

test("the first of each pair that waits comes in the order in which they came, with how many of it do", () => {
  const { inbox, outbox } = stored.store
  for (const pair of ["zoe", "kai", "zoe", "ada"]) {
    put(pair, `to ${pair}`)
    receive(stored, pair, now, { text: `of ${pair}` })
  }
  for (const box of [inbox, outbox])
    expect(box.heads().map(({ message, count }) => [message.pair, message.seq, count])).toEqual([
      ["zoe", 1, 2],
      ["kai", 2, 1],
      ["ada", 4, 1],
    ])
})

test("of two messages with one short id it is that of the one that waits, or of the later one", () => {
  const { outbox } = stored.store
  fixed = 0
  const [old, late] = [put("kai", "old", now), put("kai", "late", now + 31 * day)]
  fixed = null
  expect([old.shortId, late.shortId]).toEqual(["0000", "0000"])
  expect(outbox.byShortId("0000")?.text).toBe("late")
  outbox.settle(late.seq, "accepted", null, now)
  expect(outbox.byShortId("0000")?.text).toBe("old")
  outbox.settle(old.seq, "accepted", null, now)
  expect(outbox.byShortId("0000")?.text).toBe("late")
})

test("a message whose owner released it says so, and no other one", () => {
  const { inbox } = stored.store
  const [one, other] = [receive(stored, "kai", now), receive(stored, "kai", now)]
  const seq = inbox.byId("kai", one)?.seq ?? 0
  expect(inbox.release(seq)).toBe(true)
  expect([one, other].map(id => inbox.byId("kai", id)?.isReleased)).toEqual([true, false])
})

test("pairs that ended are told with who ended them, and whether their owner has seen it", () => {
  const { peers } = stored.store
  peers.revoke("p1", "kai", true, null, now)
  peers.revoke("p2", "lia", false, null, now)
  const ends = () => peers.revocations().map(({ pair, byUs, isCleared }) => [pair, byUs, isCleared])
  expect(ends().sort()).toEqual([
    ["p1", true, false],
    ["p2", false, false],
  ])
  expect([peers.clear("lia"), peers.clear("lia")]).toEqual([1, 0])
  expect(ends().sort()).toEqual([
    ["p1", true, false],
    ["p2", false, true],
  ])
})
