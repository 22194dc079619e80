/** Which messages `sento log` shows. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { type LogWish, logOf } from "../../../src/guardian/books/history.ts"
import type { LogEntry } from "../../../src/guardian/door/results.ts"
import { SentoError } from "../../../src/protocol/errors.ts"
import { createTestContext, type TestContext } from "../../support/context.ts"
import { errorOf } from "../../support/errors.ts"

let made: TestContext
beforeEach(() => {
  made = createTestContext(["kai", "lia"])
})
afterEach(() => made[Symbol.dispose]())

const all: LogWish = { name: null, thread: null, since: null, grep: null, way: null }

function log(wish: Partial<LogWish> = {}, most = 100): LogEntry[] {
  const { store } = made.stored
  const { inbox, outbox, peers } = store
  const config = made.context.config.current
  return logOf({ config, inbox, outbox, peers }, { ...all, ...wish }, most, made.now)
}

const texts = (wish: Partial<LogWish> = {}, most = 100): string[] => log(wish, most).map(one => one.text)

let minute = 0
beforeEach(() => {
  minute = 0
})

function said(text: string, { by = "kai", inReplyTo }: { by?: string; inReplyTo?: string } = {}): string {
  const id = Bun.randomUUIDv7()
  minute += 1
  const at = made.now + minute * 60_000
  const body = { v: 1, id, type: "message", timestamp: new Date(at).toISOString(), text } as const
  made.stored.store.inbox.admit(by, by, inReplyTo === undefined ? body : { ...body, inReplyTo }, at)
  return id
}

function sent(text: string, { to = "kai", inReplyTo = null as string | null } = {}): string {
  const id = Bun.randomUUIDv7()
  minute += 1
  made.stored.store.outbox.keep(
    { pair: to, name: to, id, text, inReplyTo, hops: 0 },
    made.now + minute * 60_000,
  )
  return id
}

const shortIdOf = (id: string): string => log().find(one => one.id === id)?.shortId ?? ""

test("who is paired no more is known by what was said or told; who never was is not", () => {
  said("from noa", { by: "noa" })
  sent("to eve", { to: "eve" })
  expect(texts({ name: "noa" })).toEqual(["from noa"])
  expect(texts({ name: "eve" })).toEqual(["to eve"])
  expect(texts({ name: "kai" })).toEqual([])
  for (const name of ["noa", "eve"]) expect(texts({ name, grep: "nothing like it" })).toEqual([])
  expect(errorOf(() => log({ name: "una" })).code).toBe("unknown-agent")
})

test("a thread is what a message answers, what that answers, and all that answers any of them", () => {
  const question = sent("which?")
  const answer = said("that one", { inReplyTo: question })
  sent("something else")
  said("lia's", { by: "lia" })
  const thanks = sent("thanks", { inReplyTo: answer })
  said("and another", { inReplyTo: question })
  said("no trouble", { inReplyTo: thanks })
  const thread = ["which?", "that one", "thanks", "and another", "no trouble"]
  for (const id of [question, answer, thanks])
    for (const one of [shortIdOf(id), `[${shortIdOf(id)}]`]) expect(texts({ thread: one })).toEqual(thread)
  expect(texts({ thread: question })).toEqual(thread)
  expect(texts({ thread: question, way: "in" })).toEqual(["that one", "and another", "no trouble"])
  const entries = log({ thread: question })
  expect(entries.map(one => one.inReplyToShortId)).toEqual([
    null,
    shortIdOf(question),
    shortIdOf(answer),
    shortIdOf(question),
    shortIdOf(thanks),
  ])
})

test("a peer that answers in a circle, or itself, ends no reader", () => {
  const [one, two] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()]
  const { inbox } = made.stored.store
  for (const [id, inReplyTo] of [
    [one, two],
    [two, one],
  ] as const)
    inbox.admit("kai", "kai", { v: 1, id, type: "message", timestamp: "", text: id, inReplyTo }, made.now)
  const self = sent("mine")
  said("to itself", { inReplyTo: self })
  expect(texts({ thread: shortIdOf(one) })).toEqual([one])
  expect(texts({ thread: self })).toEqual(["mine", "to itself"])
})

test.each(["zzzz", "no id", "01a22b75-c444-7445-920f-f72b13a8cac7"])("no message has the id %j", id => {
  sent("hello")
  expect(() => log({ thread: id })).toThrow(SentoError)
})

describe("of many only those", () => {
  beforeEach(() => {
    for (let i = 0; i < 50; i += 1) {
      sent(`to kai ${i}`)
      said(`from lia ${i}`, { by: "lia" })
    }
    said("Ein Café in Paris", { by: "kai" })
  })

  test("that went one way", () => {
    expect(texts({ way: "out" }, 2)).toEqual(["to kai 48", "to kai 49"])
    expect(texts({ way: "in" }, 2)).toEqual(["from lia 49", "Ein Café in Paris"])
  })

  test("of one agent, however many others there are since", () => {
    expect(texts({ name: "kai", way: "in" }, 5)).toEqual(["Ein Café in Paris"])
  })

  test("with a text, in either case and spelling, however far back", () => {
    expect(texts({ grep: "KAI 1" }, 3)).toEqual(["to kai 17", "to kai 18", "to kai 19"])
    expect(texts({ grep: "cafe\u0301" })).toEqual(["Ein Café in Paris"])
    expect(texts({ grep: "%" })).toEqual([])
  })

  test("that are not older", () => {
    expect(texts({ since: made.now + (minute - 1) * 60_000 })).toEqual(["from lia 49", "Ein Café in Paris"])
  })

  test("and none is an error where the agent is known", () => {
    expect(texts({ name: "lia", grep: "nothing of the kind" })).toEqual([])
    expect(() => log({ name: "noa" })).toThrow('no agent named "noa" is paired')
  })
})

test("what came at one moment stands in the order in which it came", () => {
  for (const text of ["one", "two", "three"]) {
    minute -= 1
    sent(text)
  }
  expect(texts()).toEqual(["one", "two", "three"])
})

test("a thread with one agent has nothing of another's, and is none since it ended", () => {
  const question = sent("which?")
  expect(texts({ thread: question, name: "kai" })).toEqual(["which?"])
  expect(texts({ thread: question, name: "lia" })).toEqual([])
  expect(texts({ thread: question, since: made.now + minute * 60_000 })).toEqual(["which?"])
  expect(texts({ thread: question, since: made.now + minute * 60_000 + 1 })).toEqual([])
  expect(texts({ thread: question, grep: "WHICH" })).toEqual(["which?"])
  expect(texts({ thread: question, grep: "what" })).toEqual([])
})

test("what waits says why, and what is over does not", () => {
  const { peers, inbox, outbox } = made.stored.store
  said("held")
  said("released")
  said("typed")
  said("lia's", { by: "lia" })
  const back = sent("taken back")
  const doubtful = sent("in doubt")
  const loop = sent("one too many")
  const busy = sent("busy there")
  peers.pause("kai", { until: null, reason: "owner" })
  const seqOf = (text: string): number => {
    const shortId = log().find(one => one.text === text)?.shortId ?? ""
    return inbox.byShortId(shortId)?.seq ?? outbox.byShortId(shortId)?.seq ?? 0
  }
  inbox.release(seqOf("released"))
  inbox.mark(seqOf("typed"), "delivered", made.now)
  outbox.withdraw(outbox.withId(back)?.seq ?? 0, false, made.now)
  outbox.withdraw(outbox.withId(doubtful)?.seq ?? 0, true, made.now)
  outbox.settle(outbox.withId(loop)?.seq ?? 0, "accepted", null, made.now)
  outbox.noteReceipt("kai", loop, "held", "loop")
  outbox.settle(outbox.withId(busy)?.seq ?? 0, "accepted", null, made.now)
  outbox.noteReceipt("kai", busy, "held", "busy")
  const reasons = Object.fromEntries(log().map(one => [one.text, one.reason]))
  expect(reasons).toEqual({
    held: "paused until `sento agents resume kai`",
    released: null,
    typed: null,
    "busy there": null,
    "lia's": null,
    "taken back": "it never left this machine",
    "in doubt": "it may have arrived",
    "one too many": "0 replies in a row; kai's owner runs `sento agents resume mira`",
  })
  expect(log().find(one => one.text === "one too many")).toMatchObject({
    peerState: "held",
    peerReason: "loop",
  })
  expect(log().find(one => one.text === "held")).toMatchObject({
    peerState: null,
    peerReason: null,
    settledAt: null,
  })
  expect(log().find(one => one.text === "typed")).toMatchObject({ settledAt: "2026-11-23T10:00:00.000Z" })
})
