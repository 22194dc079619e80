/** What the owner is told of PINs that somebody tries, where a Guardian runs and where none does. */
import { expect, test } from "bun:test"
import { dirname } from "node:path"
import { leastPinLength, requireLength, requirePin, setPin } from "../../../src/guardian/books/pin.ts"
import { createNotices, deferNotices, type Teller, tellDeferred } from "../../../src/guardian/notices.ts"
import type { Config } from "../../../src/store/config.ts"
import { pathsOf } from "../../../src/store/paths.ts"
import { errorOf, rejectionOf } from "../../support/errors.ts"
import { createTestStore, type TestStore } from "../../support/store.ts"

const now = Date.UTC(2026, 10, 23, 10, 0, 58)
const log = { write: () => {}, refused: () => {}, sparingly: () => true }
const cheap = { algorithm: "argon2id", memoryCost: 8, timeCost: 1 } as const

async function open(stored: TestStore, notices: Teller) {
  const books = booksOf(stored, notices, { pin: await Bun.password.hash("right", cheap) })
  return (pin: string): Promise<string> =>
    requirePin(books, pin).then(
      () => "taken",
      error => error.code,
    )
}

function booksOf(stored: TestStore, notices: Teller, owner?: Config["owner"]) {
  const config: Config = {
    version: 1,
    name: "mira",
    agent: "mira-0001",
    listen: { hosts: [], port: 0, names: [] },
    tmux: { session: "mira", socket: null, profile: null },
    ...(owner === undefined ? {} : { owner }),
    agents: {},
  }
  const holder = {
    current: config,
    update(change: (config: Config) => Config) {
      holder.current = change(holder.current)
    },
  }
  return {
    paths: pathsOf(dirname(stored.path)),
    store: stored.store,
    config: holder,
    log,
    now: () => now,
    notices,
  }
}

const wrong = (tries: number): string =>
  `a wrong PIN was given, ${tries} of 5 within an hour: if it was not you, somebody types in your place`
const locked =
  "5 wrong PINs were given within an hour: none is taken until 2026-11-23 11:00 UTC, not yours either; " +
  "if it was not you, somebody types in your place"

test("the owner is told of each wrong PIN, and once that it is locked, however often it is tried then", async () => {
  using stored = createTestStore()
  const notices = createNotices(stored.store.owner, log, () => now)
  const told: string[] = []
  notices.on(({ text }) => told.push(text))
  const given = await open(stored, notices)
  expect(await given("right")).toBe("taken")
  expect(told).toEqual([])
  for (let i = 0; i < 5; i += 1) expect(await given("wrong")).toBe("needs-pin")
  for (const pin of ["wrong", "right", "wrong"]) expect(await given(pin)).toBe("try-later")
  expect(told).toEqual([...[1, 2, 3, 4].map(wrong), locked])
})

test("the right PIN after a wrong one takes nothing back of what the owner was told", async () => {
  using stored = createTestStore()
  const notices = createNotices(stored.store.owner, log, () => now)
  const told: string[] = []
  notices.on(({ text }) => told.push(text))
  const given = await open(stored, notices)
  for (const pin of ["wrong", "right", "wrong", "right"]) await given(pin)
  expect(told).toEqual([wrong(1), wrong(1)])
})

test("of one that was given while no Guardian ran, the owner is told when one does, once", async () => {
  using stored = createTestStore()
  const { facts, owner } = stored.store
  const given = await open(stored, deferNotices(facts))
  for (const pin of ["wrong", "wrong", "right"]) await given(pin)
  const notices = createNotices(owner, log, () => now)
  const told: string[] = []
  notices.on(({ text }) => told.push(text))
  tellDeferred(facts, notices)
  tellDeferred(facts, notices)
  expect(told).toEqual([wrong(1), wrong(2)])
})

test("a PIN has four characters at least", () => {
  expect(leastPinLength).toBe(4)
  expect(() => requireLength("1234")).not.toThrow()
  expect(errorOf(() => requireLength("123"))).toMatchObject({
    code: "usage",
    hint: "give at least 4 characters",
  })
})

test("where none is set none is asked for; set, it is changed and taken away with itself alone, and nothing else with it", async () => {
  using stored = createTestStore()
  const told: string[] = []
  const telegram = { token: "t", chat: 1 }
  const books = booksOf(stored, { tell: (_, text) => told.push(text) }, { telegram } as never)
  const owner = () => books.config.current.owner
  await setPin(books, null, null)
  expect(owner()).toEqual({ telegram } as never)
  expect((await rejectionOf(setPin(books, null, "123"))).code).toBe("usage")
  expect(owner()).toEqual({ telegram } as never)
  await setPin(books, null, "1234")
  const first = owner()?.pin ?? ""
  expect(owner()).toEqual({ telegram, pin: first } as never)
  // OWASP's first choice: 19 MiB, 2 passes, one lane.
  expect(first).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$")
  expect((await rejectionOf(setPin(books, null, "12345"))).message).toBe("the owner's PIN is needed")
  expect((await rejectionOf(setPin(books, "4321", "12345"))).message).toBe("the PIN is wrong")
  expect([owner()?.pin, told]).toEqual([first, [wrong(1)]])
  await setPin(books, "1234", "12345")
  expect(await requirePin(books, "12345")).toBeNull()
  expect((await rejectionOf(requirePin(books, "1234"))).code).toBe("needs-pin")
  await setPin(books, "12345", null)
  expect(owner()).toEqual({ telegram } as never)
  expect(await requirePin(books, null)).toBeNull()
})

test("a config without anything of the owner's takes one", async () => {
  using stored = createTestStore()
  const books = booksOf(stored, { tell: () => {} })
  await setPin(books, null, "1234")
  expect(books.config.current.owner).toEqual({ pin: expect.any(String) })
})

test("the lock ends an hour after the first of the wrong ones, which is said in whole seconds", async () => {
  using stored = createTestStore()
  const books = booksOf(stored, { tell: () => {} }, { pin: await Bun.password.hash("right", cheap) })
  for (let i = 0; i < 5; i += 1) await requirePin(books, "wrong").catch(() => {})
  expect(await rejectionOf(requirePin(books, "right"))).toMatchObject({
    code: "try-later",
    hint: "try again in 3600 s",
  })
  Object.assign(books, { now: () => now + 3_599_000 })
  expect((await rejectionOf(requirePin(books, "right"))).hint).toBe("try again in 1 s")
  Object.assign(books, { now: () => now + 3_600_000 })
  expect(await requirePin(books, "right")).toBeNull()
})
