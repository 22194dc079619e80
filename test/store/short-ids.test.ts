/** Ids that run out, or a source of random bytes that is none. */
import { expect, test } from "bun:test"
import { rmSync } from "node:fs"
import { dirname } from "node:path"
import type { ConfirmedPairing } from "../../src/protocol/requests.ts"
import { freshShortId } from "../../src/store/short-ids.ts"
import { openStore } from "../../src/store/store.ts"
import { createTestStore } from "../support/store.ts"

const request = (pairing: string): ConfirmedPairing => ({
  role: "minter",
  pairing,
  name: "kai",
  agent: "kai-00001",
  host: "127.0.0.1",
  port: 1,
  features: [],
  verifier: "65T6V-3FSB8",
  pairId: "aa".repeat(16),
  sendKey: "00".repeat(32),
  receiveKey: "11".repeat(32),
  decisionKey: "22".repeat(32),
})
const join = {
  symbols: "0001",
  host: "127.0.0.1",
  port: 1,
  name: "kai",
  agent: "kai-00001",
  localName: "kai",
}

test("where no short id is free, a message is put off and a request refused, and nothing looks for one for ever", () => {
  using stored = createTestStore()
  stored.store.close()
  const store = openStore(stored.path, length => new Uint8Array(length))
  const admit = () => {
    const id = Bun.randomUUIDv7()
    const body = { v: 1, id, type: "message", timestamp: "2026-11-23T10:00:00.000Z", text: "hi" } as const
    return store.inbox.admit("kai", "kai", body, 1)
  }
  expect(admit()).toEqual({ kind: "accepted", shortId: "0000" })
  expect(admit()).toEqual({ kind: "full" })
  const extra = { localName: "kai", replaces: false, confirm: null }
  expect(store.requests.keep(request("1"), extra, 1).id).toBe("0000")
  expect(() => store.requests.keep(request("2"), extra, 1)).toThrow("no short id is free")
  expect(() => store.joins.keep(join, 1)).toThrow("no short id is free")
  store.close()
  rmSync(dirname(stored.path), { recursive: true })
})

test("with half of all ids taken one that is free is met, each time", () => {
  const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length))
  for (let i = 0; i < 5_000; i += 1)
    expect(freshShortId(random, id => id.charCodeAt(0) % 2 === 0)).not.toBeNull()
})

test("one is looked for 64 times, of four bytes each", () => {
  const asked: number[] = []
  const random = (length: number): Uint8Array => {
    asked.push(length)
    return new Uint8Array(length)
  }
  expect(freshShortId(random, () => true)).toBeNull()
  expect(asked).toEqual(Array(64).fill(4))
})

test("an id is free again 30 days after its message, whichever way that went, and not before", () => {
  const days30 = 30 * 24 * 60 * 60 * 1000
  for (const way of ["inbox", "outbox"] as const) {
    using stored = createTestStore({ random: length => new Uint8Array(length) })
    const put = (at: number): string | null => {
      const id = Bun.randomUUIDv7()
      if (way === "outbox")
        return stored.store.outbox.keep(
          { pair: "kai", name: "kai", id, text: "hi", inReplyTo: null, hops: 0 },
          at,
        ).shortId
      const timestamp = new Date(at).toISOString()
      const admission = stored.store.inbox.admit(
        "kai",
        "kai",
        { v: 1, id, type: "message", timestamp, text: "hi" },
        at,
      )
      return admission.kind === "accepted" ? admission.shortId : null
    }
    const at = Date.UTC(2026, 10, 23)
    expect([put(at), put(at + days30 - 1), put(at + days30), put(at + days30)]).toEqual([
      "0000",
      null,
      "0000",
      null,
    ])
  }
})
