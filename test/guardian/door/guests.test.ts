/** Whom a local door lets in: of which user, how many at once, and how much may wait to be read. */
import { beforeEach, expect, test } from "bun:test"
import { createGuests, type GuestLimits } from "../../../src/guardian/door/guests.ts"
import { errorOf } from "../../support/errors.ts"

let refused: string[]
beforeEach(() => {
  refused = []
})
const open = (uids: ReadonlySet<number> | null = null, limits?: GuestLimits) =>
  createGuests({
    uids,
    refused: (reason, from) => void refused.push(`${reason} (${from})`),
    ...(limits === undefined ? {} : { limits }),
  })

/** Lets in as many as there is room for. @returns what ends their stays */
function fill(guests: ReturnType<typeof open>, isLong: boolean, unread = () => 0): (() => void)[] {
  const ends: (() => void)[] = []
  for (;;)
    try {
      ends.push(guests.admit(7, () => unread(), isLong))
    } catch {
      return ends
    }
}

test("64 requests are under way at once, of those that can take long 48, and a guest reads within 10 s", () => {
  expect(fill(open(), false)).toHaveLength(64)
  const guests = open()
  expect(fill(guests, true)).toHaveLength(48)
  expect(fill(guests, false)).toHaveLength(16)
  expect(guests.readMilliseconds).toBe(10_000)
})

test("of an odd number, the long ones have the greater part", () => {
  const guests = open(null, { callers: 5, unreadBytes: 1, readMilliseconds: 1 })
  expect(fill(guests, true)).toHaveLength(4)
  expect(fill(guests, false)).toHaveLength(1)
})

test("a full door says how many there are, and that nothing was done; one that goes makes room", () => {
  const guests = open(null, { callers: 4, unreadBytes: 1, readMilliseconds: 1 })
  const ends = fill(guests, true)
  expect(ends).toHaveLength(3)
  expect(errorOf(() => guests.admit(7, () => 0, true))).toMatchObject({
    code: "failed",
    message: "nothing was done: 3 requests are under way at this door",
    hint: "let some of those that wait end, then run it again",
  })
  expect(refused.at(-1)).toBe(
    "at the local door: nothing was done: 3 requests are under way at this door (uid 7)",
  )
  ends[0]?.()
  expect(fill(guests, true)).toHaveLength(1)
  ends[1]?.()
  ends[1]?.()
  expect(fill(guests, false)).toHaveLength(2)
})

test("up to 1 MiB of all of them together waits to be read; over that nobody is let in", () => {
  const guests = open()
  let bytes = 512 * 1024
  for (let i = 0; i < 2; i += 1) guests.admit(7, () => bytes, false)
  const end = guests.admit(7, () => 0, false)
  bytes += 1
  expect(errorOf(() => guests.admit(7, () => 0, false))).toMatchObject({
    code: "failed",
    message: "nothing was done: earlier callers have not read their answers yet",
    hint: "run it again",
  })
  end()
  bytes -= 1
  expect(() => guests.admit(7, () => 0, false)).not.toThrow()
})

test("the shared door is the agent's user's and the Guardian's, and is named in the log", () => {
  const guests = open(new Set([7, 8]))
  for (const uid of [7, 8]) expect(() => guests.requireUser(uid)).not.toThrow()
  expect(errorOf(() => guests.requireUser(9))).toMatchObject({
    code: "refused",
    message: "this door is another user's",
    hint: "use the Guardian of your own user",
  })
  expect(refused).toEqual(["at the shared door: this door is another user's (uid 9)"])
  expect(() => open().requireUser(9)).not.toThrow()
})
