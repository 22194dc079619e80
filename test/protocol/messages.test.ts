import { describe, expect, test } from "bun:test"
import * as v from "valibot"
import { toBase64Url } from "../../src/protocol/bytes.ts"
import { answerSchema, bodySchema, describeIssues, envelopeSchema } from "../../src/protocol/messages.ts"
import {
  confirmSchema,
  decisionAnswerSchema,
  helloAnswerSchema,
  helloSchema,
  introSchema,
} from "../../src/protocol/pairing-messages.ts"
import { filled } from "../support/bytes.ts"

const id = "019ab000-0000-7000-8000-000000000001"
const timestamp = "2026-11-23T10:00:00.000Z"
const envelope = { v: 1, id, timestamp }
const message = { ...envelope, type: "message", text: "hello" }
const greeting = { ...envelope, type: "hello", port: 9876 }
const receipt = { ...envelope, type: "receipt", of: id, state: "delivered" }

describe("a body", () => {
  test.each([
    ["a message", message],
    ["one with all it may have", { ...message, createdAt: timestamp, inReplyTo: id, hops: 3 }],
    ["the longest text", { ...message, text: "a".repeat(32_768) }],
    ["a stamp with an offset", { ...message, timestamp: "2026-11-23T11:00:00+01:00" }],
    ["no hop", { ...message, hops: 0 }],
    ["the most hops", { ...message, hops: 1_000_000 }],
    ["port 1", { ...greeting, port: 1 }],
    ["port 65535", { ...greeting, port: 65_535 }],
    ["hello that asks to be called", { ...greeting, from: "192.0.2.1", callBack: true }],
    ["hello that calls", { ...greeting, callOf: id }],
    ["hello", greeting],
    ["hello with a host", { ...greeting, host: "hana.lan" }],
    ["hello with an IPv6 host", { ...greeting, host: "fd00::1" }],
    ["a receipt", receipt],
    ["a receipt with a reason", { ...receipt, state: "refused", reason: "too long" }],
    ["unpair", { ...envelope, type: "unpair" }],
  ])("%s", (_, body) => expect(v.parse(bodySchema, body)).toEqual(body as never))

  test("what it does not know is left out, so a newer peer can add to it", () => {
    expect(v.parse(bodySchema, { ...message, colour: "red" })).toEqual(message as never)
  })

  test.each([
    ["null", null],
    ["an array", [message]],
    ["another version", { ...message, v: 2 }],
    ["a version as text", { ...message, v: "1" }],
    ["an unknown type", { ...message, type: "shell" }],
    ["the type constructor", { ...message, type: "constructor" }],
    ["no text", { ...envelope, type: "message" }],
    ["an empty text", { ...message, text: "" }],
    ["a text one unit too long", { ...message, text: "a".repeat(32_769) }],
    ["a text too long in UTF-16 units, though not in characters", { ...message, text: "😀".repeat(16_385) }],
    ["a list for a text", { ...message, text: ["hello"] }],
    ["an id of another version", { ...message, id: id.replace("-7", "-4") }],
    ["an id in upper case, which would be a second one", { ...message, id: id.toUpperCase() }],
    ["an id with a line break behind", { ...message, id: `${id}\n` }],
    ["a stamp that Date.parse would take", { ...message, timestamp: "2026-11-23" }],
    ["a createdAt that is none", { ...message, createdAt: "yesterday" }],
    ["a hop too many", { ...message, hops: 1_000_001 }],
    ["a call back that is not asked for", { ...greeting, callBack: false }],
    ["an address of its own that is a name", { ...greeting, from: "hana.lan" }],
    ["a fractional hop", { ...message, hops: 0.5 }],
    ["a negative hop", { ...message, hops: -1 }],
    ["hello without a port", { ...envelope, type: "hello" }],
    ["port 0", { ...greeting, port: 0 }],
    ["port 65536", { ...greeting, port: 65_536 }],
    ["port as text", { ...greeting, port: "9876" }],
    ["a host with a path", { ...greeting, host: "hana/v1" }],
    ["a host that is this machine", { ...greeting, host: "0.0.0.0" }],
    ["a host that a resolver reads as a number", { ...greeting, host: "0x7f000001" }],
    ["a receipt of nothing", { ...envelope, type: "receipt", state: "delivered" }],
    ["a receipt with an unknown state", { ...receipt, state: "read" }],
    ["a reason longer than 200", { ...receipt, reason: "a".repeat(201) }],
  ])("refuses %s", (_, body) => expect(v.is(bodySchema, body)).toBe(false))

  test("the envelope is read of any type, so that a 400 can name the id", () => {
    expect(v.parse(envelopeSchema, { ...message, type: "new" })).toEqual({
      ...envelope,
      type: "new",
    } as never)
  })
})

describe("an answer", () => {
  const answered = { v: 1, re: "ab".repeat(32) }

  test.each([
    ["accepted", { ...answered, status: 202, id, state: "accepted" }],
    ["duplicate", { ...answered, status: 202, id, state: "duplicate" }],
    ["accepted, and something is missed", { ...answered, status: 202, id, state: "accepted", missed: true }],
    ["replaced", { ...answered, status: 409, error: "replaced" }],
    ["the longest wait", { ...answered, status: 503, retryAfter: 86_400 }],
    ["invalid", { ...answered, status: 400, error: "body", detail: "text: expected >=1" }],
    ["stale", { ...answered, status: 401, error: "timestamp", now: timestamp }],
    ["too many", { ...answered, status: 429, retryAfter: 12 }],
    ["shutting down", { ...answered, status: 503, retryAfter: 0 }],
  ])("%s", (_, answer) => expect(v.parse(answerSchema, answer)).toEqual(answer as never))

  test.each([
    ["another status", { ...answered, status: 200, id, state: "accepted" }],
    ["an unsigned kind", { ...answered, status: 403 }],
    ["no re", { v: 1, status: 429, retryAfter: 1 }],
    ["a short re", { v: 1, re: "ab", status: 429, retryAfter: 1 }],
    ["a state there is not", { ...answered, status: 202, id, state: "delivered" }],
    ["a miss that is none", { ...answered, status: 202, id, state: "accepted", missed: false }],
    ["a wait below zero", { ...answered, status: 429, retryAfter: -1 }],
    [
      "a wait without end, as 1e999 is read",
      JSON.parse(`{"v":1,"re":"${answered.re}","status":429,"retryAfter":1e999}`),
    ],
    ["a wait longer than a message lives", { ...answered, status: 503, retryAfter: 86_401 }],
  ])("refuses %s", (_, answer) => expect(v.is(answerSchema, answer)).toBe(false))
})

describe("what is said of a body that does not fit", () => {
  const secret = "SECRET-\u001b[2J"
  const said = (body: unknown): string => {
    const result = v.safeParse(bodySchema, body)
    return result.success ? "" : describeIssues(result.issues)
  }

  test.each([
    ["an empty text", { ...message, text: "" }, "text: expected >=1"],
    [
      "an unknown type",
      { ...message, type: secret },
      'type: expected ("message" | "hello" | "collect" | "receipt" | "unpair")',
    ],
    ["no object", secret, "body: expected Object"],
    [
      "a stamp, without the source of its check",
      { ...message, timestamp: secret },
      "timestamp: expected another value",
    ],
    ["a host", { ...greeting, host: secret }, "host: expected another value"],
    [
      "no more than three of them",
      { type: "message" },
      'v: expected "v"; id: expected "id"; timestamp: expected "timestamp"',
    ],
  ])("%s", (_, body, want) => expect(said(body)).toBe(want))

  test("no value and no key of the body is in it", () => {
    const bodies = [message, greeting, receipt].flatMap(body =>
      Object.keys(body).map(key => ({ ...body, [key]: secret, [secret]: secret })),
    )
    expect(bodies.map(said).filter(text => text.includes("SECRET"))).toEqual([])
  })
})

describe("what two Guardians say while they pair", () => {
  const bytes = (length: number): string => toBase64Url(filled(length, 1))
  const hello = {
    v: 1,
    suite: "CPACE-RISTR255-SHA512",
    name: "fritz",
    agent: "fritz-001",
    port: 9877,
    nonce: bytes(16),
    features: ["aes128gcm", "something-newer"],
  }
  const { suite: _, ...common } = hello
  const intro = { ...common, pairing: bytes(16) }

  test("hello and intro are read with their bytes decoded", () => {
    expect([v.parse(helloSchema, hello), v.parse(introSchema, intro)]).toEqual([
      { ...hello, nonce: filled(16, 1) },
      { ...intro, nonce: filled(16, 1), pairing: filled(16, 1) },
    ] as never)
  })

  test.each([
    ["the first port", { ...hello, port: 1 }],
    ["the last port", { ...hello, port: 65_535 }],
    ["32 features of 64 signs", { ...hello, features: Array(32).fill("a".repeat(64)) }],
    ["an agent id of eight", { ...hello, agent: "12345678" }],
  ])("hello takes %s", (_, body) => expect(v.is(helloSchema, body)).toBe(true))

  test("the answer to it has an intro of 4,096 signs at the most", () => {
    const is = (length: number): boolean =>
      v.is(helloAnswerSchema, { intro: "a".repeat(length), Y: bytes(32) })
    expect([is(4096), is(4097)]).toEqual([true, false])
  })

  test.each([
    ["port 0", { ...hello, port: 0 }],
    ["port 65536", { ...hello, port: 65_536 }],
    ["another suite", { ...hello, suite: "CPACE-X25519-SHA512" }],
    ["another version", { ...hello, v: 2 }],
    ["no name", { ...hello, name: undefined }],
    ["a name in upper case", { ...hello, name: "Fritz" }],
    ["an agent id of seven", { ...hello, agent: "1234567" }],
    ["an agent id with a space", { ...hello, agent: "fritz 0001" }],
    ["a short nonce", { ...hello, nonce: bytes(15) }],
    ["a padded nonce", { ...hello, nonce: `${bytes(16)}==` }],
    ["33 features", { ...hello, features: Array(33).fill("a") }],
    ["a feature of 65", { ...hello, features: ["a".repeat(65)] }],
    ["a host with a user", { ...hello, host: "a@b" }],
  ])("hello refuses %s", (_, body) => expect(v.is(helloSchema, body)).toBe(false))

  test.each([
    ["whole", { pairing: bytes(16), Y: bytes(32), tag: bytes(32) }, true],
    [
      "a point that does not decode, which the machine refuses",
      { pairing: bytes(16), Y: toBase64Url(filled(32, 255)), tag: bytes(32) },
      true,
    ],
    ["a short tag", { pairing: bytes(16), Y: bytes(32), tag: bytes(31) }, false],
    ["an empty tag", { pairing: bytes(16), Y: bytes(32), tag: "" }, false],
    ["a long point", { pairing: bytes(16), Y: bytes(33), tag: bytes(32) }, false],
  ])("confirm: %s", (_, body, want) => expect(v.is(confirmSchema, body)).toBe(want))

  test.each([
    ["approved", true],
    ["poll", false],
    ["toString", false],
  ])("a decision is %s: %p", (state, want) =>
    expect(v.is(decisionAnswerSchema, { state, tag: bytes(32) })).toBe(want),
  )
})
