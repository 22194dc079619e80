/** One signed request and its answer: what a machine in the middle may change, and what comes of it. */
import { describe, expect, test } from "bun:test"
import { concat, utf8 } from "../../src/protocol/bytes.ts"
import {
  type HeaderReader,
  openRequest,
  type PairKeys,
  readAnswer,
  readRequestHeaders,
  type SignedBytes,
  signAnswer,
  signRequest,
} from "../../src/protocol/exchange.ts"
import { signMessage } from "../../src/protocol/signatures.ts"
import { filled } from "../support/bytes.ts"

const now = Date.UTC(2026, 10, 23, 10)
const timestamp = "2026-11-23T10:00:00.000Z"
const pairId = "ab".repeat(16)
const ours: PairKeys = { send: filled(32, 1), receive: filled(32, 2) }
const theirs: PairKeys = { send: ours.receive, receive: ours.send }
const id = "019ab000-0000-7000-8000-000000000001"
const message = { v: 1, id, type: "message", text: "hello" } as const
const salt = filled(16, 3)

const reader =
  (headers: Readonly<Record<string, string>>): HeaderReader =>
  name =>
    headers[name] ?? null
const plain = signRequest(pairId, ours, message, now, null)
const sealed = signRequest(pairId, ours, message, now, salt)
const open = (request: SignedBytes, headers: Record<string, string | null> = {}, body = request.body) => {
  const merged = Object.entries({ ...request.headers, ...headers }).filter(([, value]) => value !== null)
  return openRequest(theirs, reader(Object.fromEntries(merged) as Record<string, string>), body)
}

describe("a request", () => {
  test("in plain JSON, as a shell script sends it", () => {
    expect([plain.headers, new TextDecoder().decode(plain.body)]).toEqual([
      {
        "Content-Type": "application/json",
        "X-Sento-Pair": pairId,
        "X-Sento-Timestamp": timestamp,
        "X-Sento-Signature": signMessage(ours.send, plain.body),
      },
      `{"v":1,"id":"${id}","type":"message","text":"hello","timestamp":"${timestamp}"}`,
    ])
  })

  test.each([
    ["plain", plain, false],
    ["sealed", sealed, true],
  ])("%s opens", (_, request, isSealed) =>
    expect(open(request)).toEqual({
      kind: "valid",
      signature: request.signature,
      isSealed,
      body: { ...message, timestamp },
      sentAt: now,
    }),
  )

  test("sealed shows nothing of its text", () => {
    expect(Buffer.from(sealed.body).includes("hello")).toBe(false)
  })

  const later = "2026-11-23T10:00:01.000Z"
  test.each([
    ["a byte changed", open(plain, {}, plain.body.with(8, 0x31)), "signature"],
    ["a byte added", open(plain, {}, concat(plain.body, utf8(" "))), "signature"],
    ["no signature", open(plain, { "X-Sento-Signature": null }), "signature"],
    [
      "the header's timestamp changed, to make an old message fresh",
      open(plain, { "X-Sento-Timestamp": later }),
      "timestamp header",
    ],
    ["the same under encryption", open(sealed, { "X-Sento-Timestamp": later }), "timestamp header"],
    ["the content coding removed", open(sealed, { "Content-Encoding": null }), "content coding removed"],
    ["a content coding added", open(plain, { "Content-Encoding": "aes128gcm" }), "content coding"],
  ])("forged: %s", (_, opened, reason) => expect(opened).toEqual({ kind: "forged", reason }))

  test("our own message played back to us does not verify", () => {
    expect(openRequest(ours, reader(plain.headers), plain.body)).toEqual({
      kind: "forged",
      reason: "signature",
    })
  })

  test.each([
    ["no UTF-8", filled(3, 0xff), "the body is not UTF-8 JSON", null],
    ["no JSON", utf8("hello"), "the body is not UTF-8 JSON", null],
    ["null", utf8("null"), "body: expected Object", null],
    ["no timestamp", utf8(`{"v":1,"id":"${id}","type":"unpair"}`), 'timestamp: expected "timestamp"', null],
    [
      "a list for a timestamp",
      utf8(`{"v":1,"id":"${id}","type":"unpair","timestamp":["${timestamp}"]}`),
      "timestamp: expected string",
      null,
    ],
    [
      "another version, of which no more is read",
      utf8(`{"v":2,"id":"${id}","type":"new","timestamp":"${timestamp}"}`),
      "v: expected 1",
      now,
    ],
    [
      "no text",
      utf8(`{"v":1,"id":"${id}","type":"message","timestamp":"${timestamp}"}`),
      'text: expected "text"',
      now,
    ],
  ])("rightly signed, but %s", (_, body, detail, sentAt) => {
    const signature = signMessage(ours.send, body)
    const headers = { "X-Sento-Signature": signature, "X-Sento-Timestamp": timestamp }
    expect(openRequest(theirs, reader(headers), body)).toEqual({
      kind: "invalid",
      signature,
      isSealed: false,
      detail,
      sentAt,
    })
  })
})

describe("the headers of a request", () => {
  const whole = plain.headers

  test.each([
    ["plain", whole, true],
    ["sealed", sealed.headers, true],
    ["another coding", { ...whole, "Content-Encoding": "gzip" }, false],
    ["two codings", { ...whole, "Content-Encoding": "aes128gcm, aes128gcm" }, false],
    ["a pair id in upper case", { ...whole, "X-Sento-Pair": pairId.toUpperCase() }, false],
    ["a pair id too short", { ...whole, "X-Sento-Pair": pairId.slice(2) }, false],
    ["two pair ids", { ...whole, "X-Sento-Pair": `${pairId}, ${pairId}` }, false],
    ["a lenient timestamp", { ...whole, "X-Sento-Timestamp": "2026-11-23" }, false],
    ["a signature in upper case", { ...whole, "X-Sento-Signature": "AB".repeat(32) }, false],
    ["no headers", {}, false],
  ])("%s", (_, headers, want) => expect(readRequestHeaders(reader(headers)) !== null).toBe(want))
})

describe("an answer", () => {
  const content = { status: 202, id, state: "accepted" } as const
  const asked = { signature: sealed.signature, id }
  const read = (
    answer: SignedBytes,
    status = 202,
    headers: Readonly<Record<string, string>> = answer.headers,
  ) => readAnswer(ours, asked, { status, header: reader(headers), body: answer.body })
  const accepted = signAnswer(theirs, asked.signature, content, null)
  const acceptedSealed = signAnswer(theirs, asked.signature, content, salt)
  const { "Content-Encoding": _, ...withoutCoding } = acceptedSealed.headers

  test.each([
    ["plain", accepted],
    ["sealed", acceptedSealed],
  ])("%s", (_, answer) => expect(read(answer)).toEqual({ v: 1, re: asked.signature, ...content }))

  test("a limit says in its header, too, how long to wait", () => {
    const limited = signAnswer(theirs, asked.signature, { status: 429, retryAfter: 11.2 }, null)
    expect(limited.headers["Retry-After"]).toBe("12")
  })

  const body = utf8(JSON.stringify({ v: 1, re: asked.signature, ...content }))
  const byMessageKey = signMessage(theirs.send, body)

  test.each([
    ["no signature", read(accepted, 202, {})],
    [
      "signed with the key of messages",
      read({ headers: { "X-Sento-Signature": byMessageKey }, body, signature: byMessageKey }),
    ],
    ["to another request", read(signAnswer(theirs, "00".repeat(32), content, null))],
    ["of another message", read(signAnswer(theirs, asked.signature, { ...content, id: "other" }, null))],
    ["with another HTTP status, so that a refusal is no acknowledgement", read(accepted, 400)],
    [
      "a refusal dressed as an acknowledgement",
      read(signAnswer(theirs, asked.signature, { status: 429, retryAfter: 1 }, null), 202),
    ],
    ["by the wrong side, our own answer played back", read(signAnswer(ours, asked.signature, content, null))],
    ["with its coding removed", read(acceptedSealed, 202, withoutCoding)],
    ["with a coding added", read(accepted, 202, { ...accepted.headers, "Content-Encoding": "aes128gcm" })],
    [
      "with another coding",
      read(acceptedSealed, 202, { ...acceptedSealed.headers, "Content-Encoding": "gzip" }),
    ],
    [
      "that is not as section 3 says",
      read(signAnswer(theirs, asked.signature, { status: 202, id } as never, null)),
    ],
  ])("counts as none: %s", (_, answer) => expect(answer).toBeNull())
})
