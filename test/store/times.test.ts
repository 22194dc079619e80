/** Limits and lifetimes, a millisecond before and after each boundary. */
import { describe, expect, test } from "bun:test"
import { messageBucket, otherBucket } from "../../src/protocol/limiter.ts"
import { codeLimits } from "../../src/store/codes.ts"
import { joinLifetimeMilliseconds, lookBucket, mostJoinsWaiting } from "../../src/store/joins.ts"
import { pinTries } from "../../src/store/owner.ts"
import { defaultRetention } from "../../src/store/retention.ts"
import { mostWaitingBytes } from "../../src/store/waiting-room.ts"
import { createTestStore, receive } from "../support/store.ts"
import { day, hour, minute, now } from "./two-pairs/fixture.ts"

const times = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

test("the limits that docs/PROTOCOL.md and SECURITY name", () => {
  expect(codeLimits.map(({ most, milliseconds }) => [most, milliseconds])).toEqual([
    [10, hour],
    [30, day],
  ])
  expect(pinTries).toEqual({ most: 5, milliseconds: hour })
  expect([mostJoinsWaiting, lookBucket, joinLifetimeMilliseconds]).toEqual([
    3,
    { most: 10, seconds: 3600 },
    10 * minute,
  ])
  expect([mostWaitingBytes, defaultRetention]).toEqual([16 * 1024 * 1024, { days: 30, megabytes: 100 }])
  expect([messageBucket, otherBucket]).toEqual([
    { most: 10, seconds: 60 },
    { most: 60, seconds: 60 },
  ])
})

describe("codes", () => {
  test("the eleventh within an hour waits until the first is an hour old", () => {
    using stored = createTestStore()
    const { codes } = stored.store
    for (const i of times(10)) {
      expect(codes.limit(now + i * 1000)).toBeNull()
      codes.mint("0000", now + i * 1000)
    }
    const limit = (at: number) => codes.limit(at)?.retryAfterSeconds ?? null
    expect(codes.limit(now + 10_000)?.words).toBe("10 codes an hour")
    expect(limit(now + 10_000)).toBe(3590)
    expect(limit(now + 10_001)).toBe(3590)
    expect(limit(now + hour - 1)).toBe(1)
    expect(limit(now + hour)).toBeNull()
    codes.mint("0000", now + hour)
    expect(limit(now + hour + 999)).toBe(1)
    expect(limit(now + hour + 1000)).toBeNull()
  })

  test("the thirty-first within a day waits until the first is a day old", () => {
    using stored = createTestStore()
    const { codes } = stored.store
    for (const i of times(30)) {
      expect(codes.limit(now + i * 10 * minute)).toBeNull()
      codes.mint("0000", now + i * 10 * minute)
    }
    expect(codes.limit(now + 7 * hour)).toEqual({ words: "30 codes a day", retryAfterSeconds: 17 * 3600 })
    expect(codes.limit(now + day - 1)).toEqual({ words: "30 codes a day", retryAfterSeconds: 1 })
    expect(codes.limit(now + day)).toBeNull()
  })

  test("those that others burned do not count", () => {
    using stored = createTestStore()
    const { codes } = stored.store
    for (const i of times(10)) {
      codes.mint("0000", now + i)
      if (i === 4) codes.close("burned")
    }
    expect(codes.limit(now + 10)).toBeNull()
    codes.mint("0000", now + 10)
    expect(codes.limit(now + 11)).not.toBeNull()
  })

  test("one that is read alone is open from a minute before it was opened, where the clock was set back, to its end", () => {
    using stored = createTestStore()
    const { codes } = stored.store
    codes.mint("0000", now)
    const state = { expiresAt: now + 10 * minute, triesUsed: 0 }
    expect(codes.stateAt(now - minute)).toEqual(state)
    expect(codes.stateAt(now - minute - 1)).toBeNull()
    expect(codes.stateAt(now + 10 * minute - 1)).toEqual(state)
    expect(codes.stateAt(now + 10 * minute)).toBeNull()
    expect(codes.takeTry(now)).not.toBeNull()
    expect(codes.stateAt(now)).toEqual({ ...state, triesUsed: 1 })
    expect([codes.open(now - minute)?.symbols, codes.open(now - minute - 1)]).toEqual(["0000", null])
    expect(codes.stateAt(now)).toBeNull()
  })

  test("the limit counts them by when they were opened, also where the clock was set back meanwhile", () => {
    using stored = createTestStore()
    const { codes } = stored.store
    for (const i of times(10)) codes.mint("0000", now - i * minute)
    expect(codes.limit(now)?.retryAfterSeconds).toBe(51 * 60)
  })
})

describe("requests a minute of one pair", () => {
  test("the sixty-first waits, and is not counted", () => {
    using stored = createTestStore()
    const { inbox, now: at } = stored.store
    at(() => {
      for (const i of times(60)) expect(inbox.countOther("kai", now + i)).toBeNull()
    })
    for (const _ of times(3)) expect(inbox.countOther("kai", now + 60)).toBe(60)
    expect(inbox.countOther("kai", now + minute - 1)).toBe(1)
    expect(inbox.countOther("kai", now + minute)).toBeNull()
    expect(inbox.countOther("kai", now + minute)).toBe(1)
  })

  test("where the clock was set back they count from then on, and block for one window alone", () => {
    using stored = createTestStore()
    const { inbox, now: at } = stored.store
    at(() => {
      for (const _ of times(60)) inbox.countOther("kai", now + day)
    })
    expect(inbox.countOther("kai", now)).toBe(60)
    expect(inbox.countOther("kai", now + minute)).toBeNull()
  })
})

describe("messages a minute of one pair", () => {
  const admit = ({ store }: ReturnType<typeof createTestStore>, at: number) =>
    store.inbox.admit(
      "kai",
      "kai",
      { v: 1, id: Bun.randomUUIDv7(), type: "message", timestamp: new Date(at).toISOString(), text: "hi" },
      at,
    )

  test("the eleventh waits, and its id is not known then", () => {
    using stored = createTestStore()
    for (const i of times(10)) expect(admit(stored, now + i).kind).toBe("accepted")
    expect(admit(stored, now + 10)).toEqual({ kind: "limited", retryAfterSeconds: 60 })
    expect(admit(stored, now + minute - 1)).toEqual({ kind: "limited", retryAfterSeconds: 1 })
    expect(admit(stored, now + minute).kind).toBe("accepted")
    expect(stored.store.inbox.recent(100)).toHaveLength(11)
  })

  test("where the clock was set back they block for one window alone", () => {
    using stored = createTestStore()
    for (const _ of times(10)) admit(stored, now + day)
    expect(admit(stored, now)).toEqual({ kind: "limited", retryAfterSeconds: 60 })
    expect(admit(stored, now + minute).kind).toBe("accepted")
  })
})

test("a short id goes to no other message within thirty days", () => {
  using stored = createTestStore({ random: length => new Uint8Array(length) })
  const first = receive(stored, "kai", now, { state: "delivered" })
  expect(() => receive(stored, "lia", now + 30 * day - 1)).toThrow("full")
  const second = receive(stored, "lia", now + 30 * day)
  expect(stored.store.inbox.byShortId("0000")?.id).toBe(second)
  expect(stored.store.inbox.byId("kai", first)?.shortId).toBe("0000")
})

describe("turns", () => {
  const state = (id: string) => ({
    open: null,
    left: { ids: [id], hasOthers: false },
  })

  test("of more than 64 sessions the one that was quiet for longest is forgotten", () => {
    using stored = createTestStore()
    const { turns, now: at } = stored.store
    at(() => {
      for (const i of times(64)) turns.put(`session ${i}`, state(`${i}`), now + i)
      turns.put("session 0", state("0"), now + 64)
    })
    expect(turns.all()).toHaveLength(64)
    turns.put("session 64", state("64"), now + 65)
    expect(turns.all().map(one => one.session)).toEqual([
      ...times(62).map(i => `session ${i + 2}`),
      "session 0",
      "session 64",
    ])
  })

  test("of one millisecond the latest to come stay", () => {
    using stored = createTestStore()
    const { turns, now: at } = stored.store
    at(() => {
      for (const i of times(66)) turns.put(`session ${i}`, state(`${i}`), now)
    })
    expect(turns.all().map(one => one.session)).toEqual(times(64).map(i => `session ${i + 2}`))
  })
})
