import { describe, expect, test } from "bun:test"
import * as v from "valibot"
import {
  holdsRequest,
  laterThan,
  nextCollectMilliseconds,
  packAnswer,
  unpackAnswer,
  wayTo,
} from "../../src/protocol/collects.ts"
import { type PairKeys, readAnswer, signAnswer, signRequest } from "../../src/protocol/exchange.ts"
import { bodySchema, carriedAnswerSchema, mostCarriedAnswerBytes } from "../../src/protocol/messages.ts"

const one = new Uint8Array(32).fill(1)
const other = new Uint8Array(32).fill(2)
const holder: PairKeys = { send: one, receive: other }
const collector: PairKeys = { send: other, receive: one }
const pair = "ab".repeat(16)
const id = "01890000-0000-7000-8000-000000000001"
const now = Date.parse("2026-11-30T10:00:00Z")
const reader = (headers: Readonly<Record<string, string>>) => (name: string) => new Headers(headers).get(name)

const hello = { v: 1, id, type: "hello", port: 9876 } as const
const carried = (body: Parameters<typeof signRequest>[2] = hello, keys = holder, ofPair = pair) => {
  const request = signRequest(ofPair, keys, body, now, null)
  return { status: 200, header: reader(request.headers), body: request.body }
}

describe("what a 200 holds", () => {
  test.each([
    ["a request of this pair", carried(), true],
    [
      "one that is rightly signed and no valid body: the receiver answers it",
      carried({ ...hello, port: 0 }),
      true,
    ],
    ["one of another pair", carried(hello, holder, "cd".repeat(16)), false],
    ["one of our own, played back", carried(hello, collector), false],
    ["one that was altered", { ...carried(), body: new Uint8Array([...carried().body, 32]) }, false],
    ["one with another status", { ...carried(), status: 202 }, false],
    ["a collect", carried({ v: 1, id, type: "collect", waitSeconds: 0 }), false],
    ["nothing", { status: 200, header: () => null, body: new Uint8Array() }, false],
  ])("%s", (_, response, want) => expect(holdsRequest(pair, collector, response, null)).toBe(want))

  test("in the answer to anything else, `unpair` alone", () => {
    expect(holdsRequest(pair, collector, carried({ v: 1, id, type: "unpair" }), "unpair")).toBe(true)
    expect(holdsRequest(pair, collector, carried(), "unpair")).toBe(false)
    expect(holdsRequest(pair, collector, carried({ ...hello, port: 0 }), "unpair")).toBe(false)
  })
})

describe("an answer in a collect", () => {
  const request = { signature: "00".repeat(32), id }
  const salts = [null, new Uint8Array(16).fill(7)] as const

  test.each([
    ["accepted", { status: 202, id, state: "accepted" }],
    ["refused", { status: 400, error: "invalid", detail: "…".repeat(100) }],
    ["stale", { status: 401, error: "timestamp", now: "2026-11-30T10:00:00.000Z" }],
    ["later", { status: 429, retryAfter: 3 }],
    ["full", { status: 503, retryAfter: 60 }],
  ] as const)("arrives as it would have by itself: %s, plain and sealed", (_, content) => {
    for (const salt of salts) {
      const signed = signAnswer(collector, request.signature, content, salt)
      const response = { status: content.status, header: reader(signed.headers), body: signed.body }
      const packed = packAnswer(response)
      expect(v.is(carriedAnswerSchema, packed)).toBe(true)
      if (packed === null) throw new Error("not packed")
      const unpacked = unpackAnswer(JSON.parse(JSON.stringify(packed)))
      expect(readAnswer(holder, request, unpacked)).toEqual(readAnswer(holder, request, response))
      expect(readAnswer(holder, request, unpacked)).toMatchObject(content)
      expect(unpacked.header("Retry-After")).toBe("retryAfter" in content ? String(content.retryAfter) : null)
    }
  })

  test("swapped, altered or of another status it is none", () => {
    const signed = signAnswer(collector, request.signature, { status: 202, id, state: "accepted" }, null)
    const packed = packAnswer({ status: 202, header: reader(signed.headers), body: signed.body })
    if (packed === null) throw new Error("not packed")
    const read = (of: typeof request, answer: typeof packed) => readAnswer(holder, of, unpackAnswer(answer))
    expect(read(request, packed)).not.toBeNull()
    expect(read({ ...request, signature: "11".repeat(32) }, packed)).toBeNull()
    expect(read({ ...request, id: id.replace(/1$/, "2") }, packed)).toBeNull()
    expect(read(request, { ...packed, status: 429 })).toBeNull()
    expect(read(request, { ...packed, body: packed.body.replace(/^./, "_") })).toBeNull()
    expect(read(request, { ...packed, headers: {} })).toBeNull()
  })

  test("of 4 KiB it fits, and no longer one is made or taken", () => {
    const response = (length: number) => ({ status: 202, header: () => null, body: new Uint8Array(length) })
    const packed = packAnswer(response(mostCarriedAnswerBytes))
    expect(v.is(carriedAnswerSchema, packed)).toBe(true)
    expect(packAnswer(response(mostCarriedAnswerBytes + 1))).toBeNull()
    expect(v.is(carriedAnswerSchema, { ...packed, body: `${packed?.body}AA` })).toBe(false)
  })

  test.each([
    ["the least status", { status: 100 }],
    ["the greatest", { status: 599 }],
    [
      "headers of 64 signs",
      { headers: { "Content-Encoding": "a".repeat(64), "Retry-After": "0".repeat(64) } },
    ],
  ])("is taken with %s", (_, change) =>
    expect(v.is(carriedAnswerSchema, { status: 202, headers: {}, body: "", ...change })).toBe(true),
  )

  test.each([
    ["a status of none", { status: 99 }],
    ["a status above all", { status: 600 }],
    ["a long coding", { headers: { "Content-Encoding": "a".repeat(65) } }],
    ["a long wait", { headers: { "Retry-After": "0".repeat(65) } }],
    ["a fraction", { status: 202.5 }],
    ["another alphabet", { body: "+" }],
    ["a header that is no text", { headers: { "Retry-After": 3 } }],
    ["a long header", { headers: { "X-Sento-Signature": "0".repeat(65) } }],
  ])("is refused with %s", (_, change) =>
    expect(v.is(carriedAnswerSchema, { status: 202, headers: {}, body: "", ...change })).toBe(false),
  )
})

describe("a collect's body", () => {
  const body = { v: 1, id, timestamp: "2026-11-30T10:00:00.000Z", type: "collect", waitSeconds: 25 }
  test.each([
    ["waits for up to 25 s", body, true],
    ["or not at all", { ...body, waitSeconds: 0 }, true],
    ["no longer", { ...body, waitSeconds: 26 }, false],
    ["nor for part of a second", { ...body, waitSeconds: 0.5 }, false],
    ["nor for less than nothing", { ...body, waitSeconds: -1 }, false],
    ["says for how long", { ...body, waitSeconds: undefined }, false],
  ])("%s", (_, value, want) => expect(v.is(bodySchema, value)).toBe(want))
})

test.each([
  ["what is open is used", { isOpen: true, endedAt: null, hasAnsweredDial: true }, { kind: "carry" }],
  [
    "a pair that never came is dialled",
    { isOpen: false, endedAt: null, hasAnsweredDial: false },
    { kind: "dial" },
  ],
  [
    "one that was here a moment ago is waited for",
    { isOpen: false, endedAt: 1000 - nextCollectMilliseconds + 1, hasAnsweredDial: false },
    { kind: "wait", until: 1001 },
  ],
  [
    "for a minute",
    { isOpen: false, endedAt: 1000 - nextCollectMilliseconds, hasAnsweredDial: false },
    { kind: "dial" },
  ],
  [
    "one that answers dials is dialled",
    { isOpen: false, endedAt: 999, hasAnsweredDial: true },
    { kind: "dial" },
  ],
] as const)("the way to a pair: %s", (_, seen, want) => expect(wayTo(seen, 1000)).toEqual(want))

test.each([
  ["the first is of now", null, 1000, 1000],
  ["later ones too", 900, 1000, 1000],
  ["two in one millisecond differ", 1000, 1000, 1001],
  ["a clock that was set back makes none earlier", 1400, 1000, 1401],
  ["unless nobody would take it", 1500, 1000, 1000],
] as const)("a collect's timestamp: %s", (_, last, at, want) => expect(laterThan(last, at, 500)).toBe(want))
