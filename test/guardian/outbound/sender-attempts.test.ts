/** A sender alone: who is told what of an attempt, and in which way it goes. The peer is real, the holder's end is not. */
import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test"
import type { NamedPeer } from "../../../src/guardian/context.ts"
import { keysOf } from "../../../src/guardian/context.ts"
import type { Carrying, WireAnswer } from "../../../src/guardian/outbound/carrying.ts"
import { createSender, isElsewhere, type SenderEvents } from "../../../src/guardian/outbound/sender.ts"
import * as sleeping from "../../../src/guardian/sleep.ts"
import * as client from "../../../src/http/client.ts"
import type { Way } from "../../../src/protocol/collects.ts"
import type { SignedBytes } from "../../../src/protocol/exchange.ts"
import type { UnstampedBody } from "../../../src/protocol/messages.ts"
import type { Peer } from "../../../src/store/config.ts"
import { type ClientPair, messageBody, newPair, signAnswer, signPlain } from "../../support/client.ts"
import { carrying as carriedAnswer, never } from "../../support/collecting.ts"
import { createTestContext, peerOf, type TestContext } from "../../support/context.ts"
import { type Answerer, accepted, type Peer as Listening, openPeer, signed } from "../../support/peer.ts"
import { freePort } from "../../support/ports.ts"
import { until } from "../../support/world.ts"

let made: TestContext
let pair: ClientPair
let peer: Listening
let answerer: Answerer
let told: string[]
/** How the holder's end says that something goes, and what it hands over comes to. */
let way: Way
let isFetching: boolean
let carried: (request: SignedBytes, id: string) => Promise<WireAnswer>
let watchers: (() => void)[]

beforeEach(async () => {
  made = createTestContext([])
  pair = newPair()
  answerer = asked => signed(pair, accepted(asked), asked.isSealed)
  peer = await openPeer(pair, asked => answerer(asked))
  told = []
  way = { kind: "dial" }
  isFetching = false
  watchers = []
  add({})
})
afterEach(async () => {
  made.stop()
  await peer[Symbol.asyncDispose]()
  made[Symbol.dispose]()
})

function add(more: Partial<Peer>): void {
  const keys = { sendKey: pair.receive, receiveKey: pair.send }
  const kai = {
    ...peerOf("kai"),
    id: pair.id,
    port: peer.port,
    features: ["aes128gcm"],
    ...keys,
    ...more,
  } as Peer
  made.context.config.update(config => ({ ...config, agents: { ...config.agents, kai } }))
}

const to = (more: Partial<Peer> = {}): NamedPeer => {
  const kai = { ...made.context.config.current.agents.kai, ...more } as Peer
  return { name: "kai", peer: kai, keys: keysOf(kai) }
}

function open() {
  const carrying = {
    way: () => way,
    isFetching: () => isFetching,
    answeredDial: () => void told.push("answered a dial"),
    onNext(_: string, tell: () => void) {
      watchers.push(tell)
      return () => {
        watchers = watchers.filter(one => one !== tell)
      }
    },
    carry: (_: string, id: string, make: () => SignedBytes) => carried(make(), id),
  } as unknown as Carrying
  const events: SenderEvents = {
    onFailed: (_, failure) => told.push(`failed: ${failure.cause} ${failure.status}`),
    onReached: (_, literal) => told.push(`reached at ${literal}`),
    onAnswered: () => told.push("answered"),
    onMissed: () => told.push("missed"),
    onCarried: async () => told.push("carried"),
  }
  return createSender(made.context, carrying, events)
}

const body = (more: Partial<UnstampedBody> = {}): UnstampedBody =>
  ({ v: 1, id: Bun.randomUUIDv7(), type: "message", text: "hi", ...more }) as UnstampedBody
const word =
  (content: Record<string, unknown>): Answerer =>
  asked =>
    signed(pair, { v: 1, re: asked.re, ...content }, asked.isSealed)

describe("an attempt", () => {
  test("that the peer answers is a contact, and told with where it was", async () => {
    const sender = open()
    expect(await sender.tell(to(), body())).toMatchObject({
      kind: "accepted",
      isMissed: false,
      literal: "127.0.0.1",
    })
    expect(told).toEqual(["answered a dial", "answered", "reached at 127.0.0.1"])
    expect(made.stored.store.peers.lastContacts().get(pair.id)).toBe(made.now)
    expect([sender.hasMissed(pair.id), sender.isFree(pair.id)]).toEqual([false, true])
  })

  test("by whose answer something waits there is told so", async () => {
    answerer = asked => signed(pair, { ...accepted(asked), missed: true }, asked.isSealed)
    await open().tell(to(), body())
    expect(told.at(-1)).toBe("missed")
  })

  test.each<readonly [string, Record<string, unknown>, object]>([
    [
      "a refusal",
      { status: 400, error: "invalid", detail: "te\nxt" },
      { kind: "refused", detail: "invalid: te xt" },
    ],
    [
      "another time",
      { status: 401, error: "timestamp", now: "2026-11-23T09:50:00.000Z" },
      { kind: "skewed", aheadSeconds: 600 },
    ],
    [
      "too much",
      { status: 429, retryAfter: 7 },
      { kind: "later", retryAfterSeconds: 7, reason: "kai takes 10 messages a minute" },
    ],
    [
      "no room",
      { status: 503, retryAfter: 60 },
      { kind: "later", retryAfterSeconds: 60, reason: "kai cannot take messages now" },
    ],
  ])("has the peer's word: %s", async (_, content, want) => {
    answerer = word(content)
    const attempt = await open().tell(to(), body())
    const { detail, ...rest } = attempt as { detail?: string }
    expect({
      ...rest,
      ...(detail === undefined ? {} : { detail: detail.replace(/\s/g, " ") }),
    }).toMatchObject(want)
    expect(told).toEqual(["answered a dial", "answered", "reached at 127.0.0.1"])
  })

  test("has of a long refusal 200 characters", async () => {
    answerer = word({ status: 400, error: "invalid", detail: "x".repeat(300) })
    const attempt = await open().tell(to(), body())
    expect(attempt.kind === "refused" && attempt.detail.length).toBe(200)
  })

  test.each<readonly [string, () => Response, number | null]>([
    ["without a wish", () => new Response("", { status: 502 }), null],
    ["with one", () => new Response("", { status: 429, headers: { "Retry-After": "120" } }), 120],
    [
      "with one that is none",
      () => new Response("", { status: 429, headers: { "Retry-After": "soon" } }),
      null,
    ],
    [
      "with one for years",
      () => new Response("", { status: 503, headers: { "Retry-After": "12345678" } }),
      null,
    ],
  ])("that somebody else answers has failed, %s", async (_, answer, retryAfterSeconds) => {
    answerer = answer
    const sender = open()
    const { status } = answer()
    expect(await sender.tell(to(), body())).toMatchObject({
      kind: "failed",
      status,
      cause: null,
      retryAfterSeconds,
    })
    expect(told).toEqual([`failed: null ${status}`])
    expect([sender.hasMissed(pair.id), made.stored.store.peers.lastContacts().size]).toEqual([true, 0])
  })

  test("that says that a later collect came is no answer to a message", async () => {
    answerer = word({ status: 409, error: "replaced" })
    expect(await open().tell(to(), body())).toMatchObject({ kind: "failed", status: 409 })
  })

  test("that is answered by the pair's end has failed, and the end is taken", async () => {
    answerer = () =>
      carriedAnswer(signPlain(pair, messageBody(made.now, { type: "unpair", text: undefined })))
    const attempt = await open().tell(to(), body())
    expect([attempt.kind === "failed" && attempt.reason, told]).toEqual([
      "kai ended the pair",
      ["carried", "failed: null 200"],
    ])
  })

  test("at which nothing listens has failed, and is missed until the next is answered, or the pair is forgotten", async () => {
    const sender = open()
    const port = freePort()
    for (const end of [() => sender.tell(to(), body()), async () => sender.forget(pair.id)]) {
      expect(await sender.tell(to({ port }), body())).toMatchObject({ kind: "failed", cause: "refused" })
      expect(sender.hasMissed(pair.id)).toBe(true)
      isFetching = true
      expect(sender.hasMissed(pair.id)).toBe(false)
      isFetching = false
      await end()
      expect(sender.hasMissed(pair.id)).toBe(false)
    }
  })

  test("by the Guardian before this one is missed too, as long as what it did not bring waits", async () => {
    const { outbox } = made.stored.store
    const row = { pair: pair.id, name: "kai", text: "hi", inReplyTo: null, hops: 0 }
    const { seq } = outbox.keep({ ...row, id: Bun.randomUUIDv7() }, made.now)
    expect(open().hasMissed(pair.id)).toBe(false)
    const postponed = { attempts: 1, nextAt: made.now + 60_000 }
    outbox.postpone(seq, { ...postponed, askedFor: null }, "nobody there")
    // What waits behind it was not tried.
    outbox.keep({ ...row, id: Bun.randomUUIDv7() }, made.now)
    const sender = open()
    expect([sender.hasMissed(pair.id), sender.hasMissed("another")]).toEqual([true, false])
    await sender.tell(to(), body())
    expect(sender.hasMissed(pair.id)).toBe(false)
    outbox.postpone(seq, { ...postponed, askedFor: 60_000 }, "it asked for it")
    expect(open().hasMissed(pair.id)).toBe(false)
    outbox.postpone(seq, { ...postponed, askedFor: null }, "nobody there")
    outbox.settle(seq, "expired", null, made.now)
    expect(open().hasMissed(pair.id)).toBe(false)
  })

  test("of a peer that comes for what there is is not missed", async () => {
    isFetching = true
    const sender = open()
    await sender.tell(to({ port: freePort() }), body())
    isFetching = false
    expect(sender.hasMissed(pair.id)).toBe(false)
    expect(told).toEqual(["failed: refused null"])
  })

  test("beside the others is dialled, whatever the peer fetches, and is told but not missed", async () => {
    way = { kind: "carry" }
    const sender = open()
    expect(await sender.ask(to(), body())).toMatchObject({ kind: "accepted" })
    expect(await sender.ask(to({ port: freePort() }), body())).toMatchObject({ kind: "failed" })
    expect([told, sender.hasMissed(pair.id)]).toEqual([
      ["answered a dial", "answered", "reached at 127.0.0.1"],
      false,
    ])
  })
})

describe("what is not to go any more", () => {
  test.each([
    ["as its turn comes", [false], 1],
    ["as it is dialled", [true, false], 2],
  ])("%s is not sent, and says nothing of the peer", async (_, answers, times) => {
    let asked = 0
    const attempt = await open().tell(to(), body(), null, async () => {
      asked += 1
      return answers[asked - 1] ?? false
    })
    expect(attempt).toMatchObject({ kind: "failed", isUnwanted: true })
    expect([asked, peer.count(), told]).toEqual([times, 0, []])
  })

  test("is whatever a pair that has ended is told but that", async () => {
    const sender = open()
    const kai = to()
    made.remove("kai")
    expect(await sender.tell(kai, body())).toMatchObject({ isUnwanted: true })
    expect(await sender.tell(kai, body({ type: "unpair" }))).toMatchObject({ kind: "accepted" })
    expect(peer.asked.map(one => one.body.type)).toEqual(["unpair"])
  })
})

describe("one after the other", () => {
  test("of a pair, also where one fails; a pair is not free meanwhile", async () => {
    const first = Promise.withResolvers<void>()
    answerer = async asked => {
      if (peer.count() === 1) await first.promise
      return peer.count() === 1
        ? new Response("", { status: 500 })
        : signed(pair, accepted(asked), asked.isSealed)
    }
    const sender = open()
    const both = [sender.tell(to(), body()), sender.tell(to(), body())]
    await until("the first", () => peer.count() === 1)
    expect(sender.isFree(pair.id)).toBe(false)
    first.resolve()
    expect((await Promise.all(both)).map(one => one.kind)).toEqual(["failed", "accepted"])
    await sender.stopped()
    expect(sender.isFree(pair.id)).toBe(true)
  })

  test("a pair that will come is not free either", () => {
    way = { kind: "wait", until: 5 }
    expect(open().isFree(pair.id)).toBe(false)
  })
})

describe("a peer that comes for what there is", () => {
  const answerTo = (request: SignedBytes, id: string): WireAnswer => {
    const content = { v: 1, re: request.signature, status: 202, id, state: "accepted" }
    const { body, headers } = signAnswer(pair, content, true)
    const found = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
    return {
      kind: "answered",
      literal: null,
      status: 202,
      header: name => found.get(name.toLowerCase()) ?? null,
      body: new Uint8Array(body),
    }
  }

  test("has it handed over, which says nothing of where it is", async () => {
    way = { kind: "carry" }
    carried = async (request, id) => answerTo(request, id)
    const attempt = await open().tell(to(), body())
    expect(attempt).toMatchObject({ kind: "accepted", literal: null })
    expect([told, peer.count()]).toEqual([["answered"], 0])
  })

  test("and does not answer what it took is a failure", async () => {
    way = { kind: "carry" }
    carried = async () => ({ kind: "unreachable", literal: null, cause: "timed-out", reason: "late" })
    expect(await open().tell(to(), body())).toMatchObject({
      kind: "failed",
      cause: "timed-out",
      reason: "late",
    })
    expect(told).toEqual(["failed: timed-out null"])
  })

  test("is waited for, and has it as it comes", async () => {
    way = { kind: "wait", until: made.now + 60_000 }
    carried = async (request, id) => answerTo(request, id)
    const sender = open()
    expect(sender.untilFetched(pair.id)).toBe(60_000)
    const telling = sender.tell(to(), body())
    await until("the watch", () => watchers.length === 1)
    way = { kind: "carry" }
    expect(sender.untilFetched(pair.id)).toBeNull()
    watchers[0]?.()
    expect(await telling).toMatchObject({ kind: "accepted", literal: null })
    expect([watchers, peer.count()]).toEqual([[], 0])
  })

  test("and does not come in its time has not come, and is not dialled", async () => {
    way = { kind: "wait", until: made.now + 20 }
    expect(await open().tell(to(), body())).toMatchObject({
      kind: "failed",
      cause: "timed-out",
      reason: "kai has not come for what waits here yet",
    })
    expect([told, peer.count(), watchers]).toEqual([["failed: timed-out null"], 0, []])
  })

  test("is waited for no longer than an attempt may take", async () => {
    way = { kind: "wait", until: made.now + 60_000 }
    const timers = spyOn(globalThis, "setTimeout")
    const telling = open().tell(to(), body())
    await until("the watch", () => watchers.length === 1)
    const waits = timers.mock.calls.map(([, wait]) => wait)
    timers.mockRestore()
    expect([waits.includes(15_000), waits.includes(60_000)]).toEqual([true, false])
    made.stop()
    expect(await telling).toMatchObject({ kind: "failed", cause: "timed-out" })
  })

  test("while it is dialled has that cut, and it handed over: it may have come twice", async () => {
    answerer = never
    carried = async (request, id) => answerTo(request, id)
    const telling = open().tell(to(), body())
    await until("the dial", () => peer.count() === 1)
    way = { kind: "carry" }
    for (const tell of watchers) tell()
    expect(await telling).toMatchObject({ kind: "accepted", literal: null })
    expect(told).toEqual(["answered"])
  })

  test("and then fails: the dial that was cut may have brought it", async () => {
    answerer = never
    carried = async () => ({ kind: "unreachable", literal: null, cause: "refused", reason: "gone" })
    const telling = open().tell(to(), body())
    await until("the dial", () => peer.count() === 1)
    way = { kind: "carry" }
    for (const tell of watchers) tell()
    expect(await telling).toMatchObject({ kind: "failed", wasCut: true })
    way = { kind: "carry" }
    expect(await open().tell(to(), body())).not.toHaveProperty("wasCut")
  })
})

test("a hello that tells of its way says our end there, and nothing else does", async () => {
  const sender = open()
  const over = { literal: null, from: "192.0.2.1" }
  await sender.tell(to(), body({ type: "hello", text: undefined } as never), over)
  await sender.tell(to(), body(), over)
  expect(peer.asked.map(one => [one.body.type, one.body.from])).toEqual([
    ["hello", "192.0.2.1"],
    ["message", undefined],
  ])
})

test("a Guardian that stops tells nobody anything more", async () => {
  const sender = open()
  made.stop()
  expect(await sender.tell(to(), body())).toMatchObject({
    kind: "failed",
    reason: "the Guardian is stopping",
  })
  expect(peer.count()).toBe(0)
})

test("a failure where its name leads elsewhere takes as long as silence there, and says so", async () => {
  const waits: number[] = []
  using _ = spyOn(sleeping, "sleep").mockImplementation(async milliseconds => void waits.push(milliseconds))
  using __ = spyOn(client, "post").mockImplementation(async () => ({
    ...{ kind: "answered", status: 502, literal: "192.0.2.8", body: new Uint8Array() },
    header: () => null,
  }))
  const there = to({ host: "kai.example", reached: "192.0.2.7" })
  const hello = {
    v: 1,
    id: Bun.randomUUIDv7(),
    type: "hello",
    name: "mira",
    port: 9876,
    features: [],
  } as never
  expect(await open().ask(there, hello, 60_000)).toMatchObject({ kind: "failed", isElsewhere: true })
  expect(waits).toHaveLength(1)
  expect(waits[0]).toBeWithin(1, 60_001)
  const where = to({ host: "kai.example", reached: "192.0.2.8" })
  expect(await open().ask(where, hello, 60_000)).not.toHaveProperty("isElsewhere")
  expect(waits).toHaveLength(1)
})

test.each<readonly [string, Partial<Peer>, string | null, boolean]>([
  ["where it was", { host: "kai.example", reached: "192.0.2.7" }, "192.0.2.7", false],
  ["where it never was", { host: "kai.example", reached: "192.0.2.7" }, "192.0.2.8", true],
  ["where it never was, and it was nowhere yet", { host: "kai.example" }, "192.0.2.8", true],
  ["by its owner's word", { host: "kai.example", fixed: true }, "192.0.2.8", false],
  ["at the literal that is its host", { host: "192.0.2.8" }, "192.0.2.8", false],
  ["nowhere", { host: "kai.example" }, null, false],
])("a name that leads %s", (_, more, literal, want) => {
  expect(isElsewhere({ ...peerOf("kai"), ...more } as Peer, literal)).toBe(want)
})

test("who else is known to be at the peer's address is named", async () => {
  answerer = () => new Response("", { status: 403 })
  const reason = async () => {
    const made = await open().tell(to(), body())
    return made.kind === "failed" ? made.reason : ""
  }
  const plain = await reason()
  made.context.config.update(config => ({
    ...config,
    agents: { ...config.agents, lia: { ...peerOf("lia"), port: peer.port }, noa: peerOf("noa") },
  }))
  const other = await reason()
  Object.assign(made.context, { address: { host: "127.0.0.1", port: peer.port } })
  const own = await reason()
  expect([
    plain.includes("lia"),
    other.includes("lia"),
    other.includes("noa"),
    own.includes("this agent"),
  ]).toEqual([false, true, false, true])
})
