/** What becomes of what a peer has sent, once it is on disk: who is given it, told of it, woken by it. */
import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test"
import { createArrivals } from "../../../src/guardian/inbound/arrivals.ts"
import type { Arriving } from "../../../src/guardian/inbound/receiver.ts"
import type { News } from "../../../src/guardian/waiters.ts"
import type { MessageBody } from "../../../src/protocol/messages.ts"
import { DatabaseLocked } from "../../../src/store/database.ts"
import { createTestContext, keysOfPeer, peerOf, type TestContext } from "../../support/context.ts"
import { keep } from "../../support/store.ts"

let made: TestContext
let did: string[]
let isAsking: boolean
let take: ReturnType<typeof createArrivals>

beforeEach(() => {
  made = createTestContext(["kai", "lia"])
  did = []
  isAsking = false
  const note = (words: string) => () => void did.push(words)
  take = createArrivals(made.context, {
    outbox: {
      hasten: (pair: string) => did.push(`hasten ${pair}`),
      tellSender: ({ id }: { id: string }, state: string, reason: string | null) =>
        did.push(`${id} ${state} ${reason}`),
    } as never,
    delivery: { arrived: note("typed"), wake: note("woken") } as never,
    moving: {
      heard: (_: unknown, hello: { seen: string | null; port: number }, callBack: string | null) => {
        did.push(`heard of ${hello.port}, seen ${hello.seen}, call ${callBack}`)
        return isAsking
      },
    } as never,
    collecting: {
      heardFrom: (pair: string) => did.push(`from ${pair}`),
      called: (pair: string, id: string) => did.push(`${pair} called for ${id}`),
    } as never,
  })
})
afterEach(() => made[Symbol.dispose]())

const kai = { name: "kai", peer: peerOf("kai"), keys: keysOfPeer }
const over: Arriving = { address: "192.0.2.7" } as Arriving
const id = "01a22b75-c444-7445-920f-f72b13a8cac7"
const base = { v: 1, id, timestamp: "" } as const
const message = (more: object = {}) =>
  ({ ...base, type: "message", text: "yes", ...more }) as Extract<MessageBody, { type: "message" }>
const inbox = () => made.stored.store.inbox
/** It is on disk, and then it arrives. */
function arrives(body = message()): void {
  inbox().admit("kai", "kai", body, made.now)
  take(kai, body, over)
}
function waitFor(of: string, pair = "kai"): News[] {
  const heard: News[] = []
  made.context.waiters.wait({ pair, id: of, hear: news => heard.push(news) })
  return heard
}

describe("a message", () => {
  test("is typed, and what waits for its peer is tried", () => {
    arrives()
    expect(did).toEqual(["from kai", "typed", "hasten kai"])
  })

  test("of a paused pair is held, and its sender told so", () => {
    made.stored.store.peers.pause("lia", { until: null, reason: "owner" })
    arrives()
    expect(did).toContain("typed")
    did.length = 0
    made.stored.store.peers.pause("kai", { until: made.now + 1, reason: "owner" })
    arrives(message({ id: Bun.randomUUIDv7() }))
    expect(did).toEqual(["from kai", expect.stringMatching(/ held paused$/), "hasten kai"])
  })

  test("that answers what somebody waits for is given to them and not typed, also past a pause", () => {
    made.stored.store.peers.pause("kai", { until: null, reason: "owner" })
    const heard = waitFor("asked")
    const others = [waitFor("other"), waitFor("asked", "lia")]
    arrives(message({ inReplyTo: "asked" }))
    const row = inbox().byId("kai", id)
    expect(heard).toEqual([{ kind: "reply", shortId: row?.shortId as string, text: "yes" }])
    expect([row?.state, others, did]).toEqual([
      "delivered",
      [[], []],
      ["from kai", `${id} delivered null`, "hasten kai"],
    ])
  })

  test.each([
    ["answers what nobody waits for", message({ inReplyTo: "asked" })],
    ["answers nothing, though somebody waits", message()],
  ])("that %s is typed", (_, body) => {
    const heard = waitFor("something")
    arrives(body)
    expect([did.includes("typed"), heard]).toEqual([true, []])
  })

  test("that is being typed already is given to nobody", () => {
    const heard = waitFor("asked")
    const body = message({ inReplyTo: "asked" })
    inbox().admit("kai", "kai", body, made.now)
    inbox().mark(inbox().byId("kai", id)?.seq ?? 0, "typing", made.now)
    take(kai, body, over)
    expect([heard, did.includes("typed")]).toEqual([[], true])
  })

  test("that is not there any more sets nothing in motion but what waits", () => {
    take(kai, message(), over)
    expect(did).toEqual(["from kai", "hasten kai"])
  })

  test("of which the disk takes no note waits, and is looked at again; a bug is one", () => {
    using _ = spyOn(inbox(), "claim").mockImplementation(() => {
      throw new DatabaseLocked()
    })
    waitFor("asked")
    arrives(message({ inReplyTo: "asked" }))
    expect(did).toEqual(["from kai", "woken", "hasten kai"])
    expect(made.log.at(-1)).toContain("from kai waits: ")
    using __ = spyOn(inbox(), "claim").mockImplementation(() => {
      throw new Error("bug")
    })
    expect(() => take(kai, message({ inReplyTo: "asked" }), over)).toThrow("bug")
  })
})

describe("a receipt", () => {
  const receipt = (of: string, state: string, reason?: string) =>
    ({ ...base, type: "receipt", of, state, ...(reason === undefined ? {} : { reason }) }) as MessageBody

  test("is told to who waits for that message of that pair, and hastens what waits", () => {
    const of = keep(made.stored, "kai", made.now, "accepted")
    const heard = waitFor(of)
    const others = [waitFor("other"), waitFor(of, "lia")]
    take(kai, receipt(of, "delivered"), over)
    take(kai, receipt(of, "held", "busy"), over)
    expect([heard, others, made.notices]).toEqual([
      [
        { kind: "state", state: "delivered", reason: null },
        { kind: "state", state: "held", reason: "busy" },
      ],
      [[], []],
      [],
    ])
    expect(did).toEqual(["from kai", "hasten kai", "from kai", "hasten kai"])
  })

  test("of another pair's message is told to nobody", () => {
    const of = keep(made.stored, "lia", made.now, "accepted")
    const heard = [waitFor(of), waitFor(of, "lia")]
    take(kai, receipt(of, "held", "loop"), over)
    expect([heard, made.notices]).toEqual([[[], []], []])
  })

  test.each([
    ["held", "loop", 1],
    ["held", "busy", 0],
    ["refused", "loop", 0],
  ])("%s for %s: the owner is told %i times that the other side holds a loop", (state, reason, times) => {
    const of = keep(made.stored, "kai", made.now, "accepted")
    take(kai, receipt(of, state, reason), over)
    expect(made.notices).toEqual(
      Array(times).fill(
        "kai's Guardian holds our message: 0 replies in a row; kai's owner runs `sento agents resume mira`",
      ),
    )
  })
})

test("an end ends the pair, and hastens nothing", () => {
  take(kai, { ...base, type: "unpair" } as MessageBody, over)
  expect([did, Object.keys(made.context.config.current.agents)]).toEqual([["from kai"], ["lia"]])
})

test("a collect is heard, and that is all", () => {
  take(kai, { ...base, type: "collect", waitSeconds: 0 } as MessageBody, over)
  expect(did).toEqual(["from kai"])
})

describe("a hello", () => {
  const hello = (more: object = {}) => ({ ...base, type: "hello", port: 7, ...more }) as MessageBody

  test("tells where its peer is, and hastens what waits unless an address is asked first", () => {
    take(kai, hello(), over)
    isAsking = true
    take(kai, hello(), over)
    expect(did).toEqual([
      ...["from kai", "heard of 7, seen 192.0.2.7, call null", "hasten kai"],
      ...["from kai", "heard of 7, seen 192.0.2.7, call null"],
    ])
  })

  test("may ask to be called, and may be the call that was asked for", () => {
    take(kai, hello({ callBack: true, callOf: "h1" }), over)
    expect(did).toEqual([
      "from kai",
      "kai called for h1",
      `heard of 7, seen 192.0.2.7, call ${id}`,
      "hasten kai",
    ])
  })

  test("that was carried shows no address, and is no call", () => {
    take(kai, hello({ callBack: false, callOf: "h1" }), { ...over, isCarried: true })
    expect(did).toEqual(["from kai", "heard of 7, seen null, call null", "hasten kai"])
  })
})
