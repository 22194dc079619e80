import { expect, test } from "bun:test"
import type { ReceiptState } from "../../src/protocol/messages.ts"
import { createTestStore, keep } from "../support/store.ts"

const now = Date.UTC(2026, 10, 23, 10)
const hour = 60 * 60 * 1000

test("after days of waiting, in which its holds changed, a message's delivery is told and taken", () => {
  using receiver = createTestStore()
  using sender = createTestStore()
  const id = keep(sender, "kai", now, "accepted")
  const timestamp = new Date(now).toISOString()
  const { inbox, receipts, retention } = receiver.store
  inbox.admit("mira", "mira", { v: 1, id, type: "message", timestamp, text: "hi" }, now)
  const tell = (state: ReceiptState, reason: string | null, at: number): boolean => {
    const isTold = receipts.note("mira", id, state, reason, Bun.randomUUIDv7(), at)
    const told = receipts.head("mira")
    if (told !== null) receipts.done(told)
    return isTold && sender.store.outbox.noteReceipt("kai", id, state, reason)
  }
  const holds = ["busy", "dialog", "draft", "copy mode"]
  expect(holds.map(reason => tell("held", reason, now))).toEqual([true, true, true, false])
  const later = now + 70 * hour
  receipts.forget(later)
  retention.sweep({ days: 1, bytes: 1e9 }, later)
  expect(holds.map(reason => tell("held", reason, later))).toEqual([false, false, false, false])
  expect(tell("delivered", null, later)).toBe(true)
  expect(sender.store.outbox.byId("kai", id)?.peerState).toBe("delivered")
})
