/**
 * One peer's business is not another's: every operation of the store, on two pairs whose messages have the same ids,
 * short ids and answers, gives what is kai's and changes nothing of lia's. `changes` is all that changed in the file.
 */
import { afterAll, describe, expect, test } from "bun:test"
import type { Store } from "../../src/store/store.ts"
import { type Cases, changesBetween, createTwoPairs } from "./two-pairs/fixture.ts"
import { inboxCases } from "./two-pairs/inbox.ts"
import { outboxCases, receiptCases } from "./two-pairs/outbox.ts"
import { ownCases } from "./two-pairs/own.ts"
import { pairingCases } from "./two-pairs/pairing.ts"
import { chatCases, pairCases, turnCases } from "./two-pairs/pairs.ts"

const cases: Cases = {
  ...inboxCases,
  ...outboxCases,
  ...receiptCases,
  ...pairCases,
  ...turnCases,
  ...chatCases,
  ...pairingCases,
  ...ownCases,
}

const twoPairs = createTwoPairs()
afterAll(() => twoPairs[Symbol.dispose]())

describe.each(Object.entries(cases))("%s", (_, ofOne) => {
  test.each(ofOne.map(one => [one.does, one] as const))("%s", (_, { given, act, gives, changes = {} }) => {
    // In whatever order SQLite finds the rows.
    for (const isReversed of [true, false]) {
      using opened = twoPairs.open(given, isReversed)
      const before = opened.snapshot()
      const came = act(opened.store)
      expect(came).toEqual(gives)
      expect(changesBetween(before, opened.snapshot())).toEqual(changes)
    }
  })
})

/** What says nothing of its own: the cases above run within it, or the store is no more. */
const ways = ["commit", "now", "scrub", "close"]

/** Every operation, as `part.operation`; of the chats, those of one chat. */
function operationsOf(store: Store): string[] {
  const parts = { ...store, chats: store.chats.of("kai") }
  return Object.entries(parts).flatMap(([name, part]) =>
    typeof part === "function" ? [name] : Object.keys(part).map(operation => `${name}.${operation}`),
  )
}

test("every operation of the store has such a case, and every case is one's", () => {
  using opened = twoPairs.open()
  expect([...Object.keys(cases), ...ways].sort()).toEqual(operationsOf(opened.store).sort())
  expect(Object.values(cases).every(ofOne => ofOne.length > 0)).toBe(true)
})
