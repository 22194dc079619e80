/** How long and how often the other side is told that a pair has ended, and who is told that asks. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { dropPair, endPair } from "../../../src/guardian/books/pairs.ts"
import type { Sender } from "../../../src/guardian/outbound/sender.ts"
import { createReminder, tellEnded } from "../../../src/guardian/pairing/unpairing.ts"
import { createTestContext, keysOfPeer, peerOf, type TestContext } from "../../support/context.ts"
import { settle } from "../../support/settle.ts"

const day = 24 * 60 * 60 * 1000
const minute = 60_000
let made: TestContext
let told: { name: string; host: string; sends: string; type: string }[]
let status: number | null
let signed: string[]

beforeEach(() => {
  made = createTestContext(["kai", "lia"])
  told = []
  status = null
  signed = []
})
afterEach(() => made[Symbol.dispose]())

const sender = {
  async tell(
    { name, peer }: { name: string; peer: { host: string; sendKey: string } },
    body: { type: string },
  ) {
    told.push({ name, host: peer.host, sends: peer.sendKey, type: body.type })
    if (status === 500) throw new Error("full")
    return { kind: "failed", status }
  },
  sign({ peer }: { peer: { id: string } }, body: { id: string }) {
    signed.push(body.id)
    return { headers: {}, body: new Uint8Array(), signature: `${peer.id} ${signed.length}` }
  },
} as unknown as Sender

const named = (name: string) => ({ name, peer: peerOf(name), keys: keysOfPeer })
const end = (name: string): void => endPair(made.context, named(name))

test("is told with the key of our direction alone, again and again for a day, until something hears it", async () => {
  end("kai")
  tellEnded(made.context, sender)
  await settle()
  expect(told).toEqual([{ name: "kai", host: "127.0.0.1", sends: "01".repeat(32), type: "unpair" }])
  made.now += day
  tellEnded(made.context, sender)
  await settle()
  expect(told).toHaveLength(2)
  made.now += 1
  tellEnded(made.context, sender)
  expect([told.length, made.stored.store.peers.untold()]).toEqual([2, []])
})

test.each([202, 403])("what says %i there is dialled no more, and may still ask", async heard => {
  const remind = createReminder(made.context, sender)
  end("kai")
  end("lia")
  status = heard
  tellEnded(made.context, sender)
  await settle()
  expect(told.map(one => one.name)).toEqual(["kai", "lia"])
  tellEnded(made.context, sender)
  await settle()
  expect(told).toHaveLength(2)
  expect(remind("kai")?.signature).toBe("kai 1")
  expect(told).toHaveLength(2)
})

test.each([200, 401, null, 500])("what says %p there is told again", async heard => {
  end("kai")
  status = heard
  for (const _ of [1, 2]) {
    tellEnded(made.context, sender)
    await settle()
  }
  expect(told).toHaveLength(2)
})

test("a pair that ended by its own word is told nothing", () => {
  dropPair(made.context, named("kai"), false, null)
  tellEnded(made.context, sender)
  expect(told).toEqual([])
})

test("who asks after the end has the answer, made once a minute, and none where there was no pair", async () => {
  end("lia")
  const remind = createReminder(made.context, sender)
  expect([remind("kai"), remind("strange"), told.length]).toEqual([null, null, 0])
  end("kai")
  const first = remind("kai")
  expect([first?.signature, told.map(one => one.name)]).toEqual(["kai 1", ["kai"]])
  made.now += minute - 1
  expect(remind("kai")).toBe(first)
  expect(remind("lia")?.signature).toBe("lia 2")
  made.now += 1
  expect(remind("kai")?.signature).toBe("kai 3")
  expect(new Set(signed).size).toBe(3)
  made.now += day
  expect([remind("kai"), remind("kai")]).toEqual([null, null])
  await settle()
})

test("a clock that was set back holds no answer for longer than that", () => {
  const remind = createReminder(made.context, sender)
  end("kai")
  remind("kai")
  made.now -= minute
  expect(remind("kai")?.signature).toBe("kai 2")
})
