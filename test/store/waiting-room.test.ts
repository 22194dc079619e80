import { expect, test } from "bun:test"
import { mostWaitingBytes } from "../../src/store/waiting-room.ts"
import { createTestStore, keep, receive } from "../support/store.ts"

const minute = 60_000
const quarter = "ä".repeat(mostWaitingBytes / 8)

test("of one pair so much waits to be typed, and no more until some of it is settled", () => {
  using stored = createTestStore()
  const { inbox } = stored.store
  const ids = [0, 1, 2, 3].map(i => receive(stored, "kai", i * minute, { text: quarter }))
  expect(() => receive(stored, "kai", 4 * minute, { text: "x" })).toThrow("full")
  expect(inbox.hasSeen("kai", ids[0] as string)).toBe(true)
  receive(stored, "lia", 4 * minute)
  const seq = inbox.byId("kai", ids[0] as string)?.seq as number
  for (const state of ["typing", "waiting", "typing"] as const) inbox.mark(seq, state, 5 * minute)
  expect(() => receive(stored, "kai", 6 * minute, { text: "x" })).toThrow("full")
  inbox.mark(seq, "delivered", 7 * minute)
  receive(stored, "kai", 8 * minute, { text: quarter })
  inbox.drop("kai", 9 * minute)
  for (let i = 0; i < 4; i += 1) receive(stored, "kai", (10 + i) * minute, { text: quarter })
})

test("… and so much to be sent", () => {
  using stored = createTestStore()
  const { outbox } = stored.store
  for (let i = 0; i < 4; i += 1) keep(stored, "kai", 0, "queued", quarter)
  expect([outbox.hasRoom("kai", "x"), outbox.hasRoom("lia", "x")]).toEqual([false, true])
  const head = outbox.head("kai")
  outbox.postpone(head?.seq as number, { attempts: 1, nextAt: 0, askedFor: null }, "no answer")
  expect(outbox.hasRoom("kai", "x")).toBe(false)
  outbox.settle(head?.seq as number, "accepted", null, 0)
  expect(outbox.hasRoom("kai", quarter)).toBe(true)
})
