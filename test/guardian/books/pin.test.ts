/** What the owner is told of PINs that somebody tries, where a Guardian runs and where none does. */
import { expect, test } from "bun:test"
import { dirname } from "node:path"
import { requirePin } from "../../../src/guardian/books/pin.ts"
import { createNotices, deferNotices, type Teller, tellDeferred } from "../../../src/guardian/notices.ts"
import type { Config } from "../../../src/store/config.ts"
import { pathsOf } from "../../../src/store/paths.ts"
import { createTestStore, type TestStore } from "../../support/store.ts"

const now = Date.UTC(2026, 10, 23, 10)
const log = { write: () => {}, refused: () => {}, sparingly: () => true }
const cheap = { algorithm: "argon2id", memoryCost: 8, timeCost: 1 } as const

async function open(stored: TestStore, notices: Teller) {
  const config: Config = {
    version: 1,
    name: "mira",
    agent: "mira-0001",
    listen: { hosts: [], port: 0, names: [] },
    tmux: { session: "mira", socket: null, profile: null },
    owner: { pin: await Bun.password.hash("right", cheap) },
    agents: {},
  }
  const holder = { current: config, update: () => {} }
  const books = {
    paths: pathsOf(dirname(stored.path)),
    store: stored.store,
    config: holder,
    log,
    now: () => now,
    notices,
  }
  return (pin: string): Promise<string> =>
    requirePin(books, pin).then(
      () => "taken",
      error => error.code,
    )
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
