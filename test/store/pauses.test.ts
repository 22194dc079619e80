import { expect, test } from "bun:test"
import type { Pause } from "../../src/store/peers.ts"
import { createTestStore, receive } from "../support/store.ts"

const now = Date.UTC(2026, 10, 23, 10)
const owner = (until: number | null): Pause => ({ until, reason: "owner" })
const loop: Pause = { until: null, reason: "loop" }

test.each([
  ["holds until its owner resumes", owner(null), now + 1e12, true],
  ["holds up to its end", owner(now), now - 1, true],
  ["is over at its end", owner(now), now, false],
  ["of a loop holds", loop, now + 1e12, true],
] as const)("a pause %s", (_, pause, at, isPaused) => {
  using stored = createTestStore()
  const { peers, inbox } = stored.store
  const id = receive(stored, "kai", now - 10)
  peers.pause("kai", pause)
  expect(peers.pauseOf("kai", at)).toEqual(isPaused ? pause : null)
  expect([...peers.pauses(at)]).toEqual(isPaused ? [["kai", pause]] : [])
  expect(inbox.next(at)?.id ?? null).toBe(isPaused ? null : id)
  expect(inbox.waitingCount()).toBe(1)
  peers.resume("kai")
  expect(peers.pauseOf("kai", at)).toBeNull()
  expect(inbox.next(at)?.id).toBe(id)
})

test("the messages of others pass those of a paused pair, and keep their order", () => {
  using stored = createTestStore()
  const { inbox, peers } = stored.store
  const first = receive(stored, "kai", now)
  const second = receive(stored, "lia", now)
  const third = receive(stored, "kai", now)
  peers.pause("kai", owner(null))
  expect(inbox.next(now)?.id).toBe(second)
  inbox.mark(inbox.next(now)?.seq as number, "delivered", now)
  expect(inbox.next(now)).toBeNull()
  peers.resume("kai")
  expect(inbox.next(now)?.id).toBe(first)
  inbox.mark(inbox.next(now)?.seq as number, "delivered", now)
  expect(inbox.next(now)?.id).toBe(third)
})

test("a pair of which much waits lets the others pass, and keeps its order", () => {
  using stored = createTestStore()
  const { inbox } = stored.store
  const [a, b, c] = [1, 2, 3].map(() => receive(stored, "kai", now))
  const [d, e] = [receive(stored, "lia", now), receive(stored, "noa", now)]
  const served: (string | undefined)[] = []
  for (let last: string | null = null; ; ) {
    const message = inbox.next(now, last)
    if (message === null) break
    inbox.mark(message.seq, "delivered", now)
    served.push(message.id)
    last = message.pair
  }
  expect(served).toEqual([a, d, b, e, c])
})

test("a message that is being typed comes first: of a pair paused since, and before one resumed since", () => {
  using stored = createTestStore()
  const { inbox, peers } = stored.store
  receive(stored, "kai", now)
  const begun = receive(stored, "lia", now, { state: "typing" })
  peers.pause("lia", owner(null))
  expect(inbox.next(now)?.id).toBe(begun)
})

test("the next end of a pause is the first that is to come", () => {
  using stored = createTestStore()
  const { peers } = stored.store
  expect(peers.nextPauseEnd(now)).toBeNull()
  peers.pause("kai", owner(null))
  peers.pause("lia", loop)
  expect(peers.nextPauseEnd(now)).toBeNull()
  peers.pause("noa", owner(now + 2000))
  peers.pause("uma", owner(now + 1000))
  expect(peers.nextPauseEnd(now)).toBe(now + 1000)
  expect(peers.nextPauseEnd(now + 1000)).toBe(now + 2000)
  expect(peers.nextPauseEnd(now + 2000)).toBeNull()
})

test("a pair that ended is not paused, and has no limit of its own", () => {
  using stored = createTestStore()
  const { peers } = stored.store
  peers.pause("kai", loop)
  peers.setHopLimit("kai", 41)
  expect(peers.hopLimit("kai")).toBe(41)
  peers.forget("kai")
  expect([peers.pauseOf("kai", now), peers.hopLimit("kai")]).toEqual([null, null])
})
