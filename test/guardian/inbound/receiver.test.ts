/** docs/PROTOCOL.md section 3 over real HTTP, spoken by a client that was written from it. */
import { Database } from "bun:sqlite"
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { connect } from "node:net"
import { nobodysKeys } from "../../../src/protocol/exchange.ts"
import {
  type ClientPair,
  exchange,
  type Headers,
  headerOf,
  messageBody,
  newPair,
  openAnswer,
  post,
  type Request,
  type Response,
  sealBody,
  signBytes,
  signPlain,
  signSealed,
  spell,
  stamp,
  uuidV7,
} from "../../support/client.ts"
import { openGuardian, type TestGuardian } from "../../support/guardian.ts"

const kai = newPair()
const secondMilliseconds = 1000
const hourMilliseconds = 3600 * secondMilliseconds

/** What is wrong with a good request: the bytes to send instead. */
type Spoil = (good: Request, port: number, now: number) => Uint8Array

const withHeaders =
  (change: (headers: Headers) => Headers): Spoil =>
  (good, port) =>
    spell(port, { ...good, headers: change(good.headers) })
const setHeader = (name: string, value: string): Spoil =>
  withHeaders(headers => [...headers.filter(([key]) => key !== name), [name, value]])
const dropHeader = (name: string): Spoil => withHeaders(headers => headers.filter(([key]) => key !== name))
const addHeader = (name: string, value: string): Spoil => withHeaders(headers => [...headers, [name, value]])
const doubleHeader = (name: string): Spoil =>
  withHeaders(headers => headers.flatMap(header => (header[0] === name ? [header, header] : [header])))
const startLine =
  (line: string): Spoil =>
  (good, port) =>
    spell(port, good, line)
const hostHeader =
  (host: string): Spoil =>
  (good, port) =>
    spell(port, good, undefined, host)
/** Other bytes, rightly signed. */
const sealedAs =
  (make: (plain: Buffer) => Buffer, pair: ClientPair = kai): Spoil =>
  (_, port, now) => {
    const body = messageBody(now)
    return spell(port, signBytes(pair, make(Buffer.from(JSON.stringify(body))), String(body.timestamp), true))
  }
const stamped = (text: string): Spoil => setHeader("X-Sento-Timestamp", text)

const refusals: readonly (readonly [string, string, Spoil])[] = [
  ["an unknown path", "path", startLine("POST /v1/nothing HTTP/1.1")],
  ["the root", "path", startLine("POST / HTTP/1.1")],
  ["a path in another case", "path", startLine("POST /V1/messages HTTP/1.1")],
  ["a percent-encoded path", "path", startLine("POST /v1/%6dessages HTTP/1.1")],
  ["a path with a slash too many", "path", startLine("POST /v1/messages/ HTTP/1.1")],
  ["an inherited property as a path", "path", startLine("POST /v1/../constructor HTTP/1.1")],
  ["a fragment", "path", startLine("POST /v1/messages#a HTTP/1.1")],
  ["a query string", "path", startLine("POST /v1/messages?a=1 HTTP/1.1")],
  ["an empty query string", "path", startLine("POST /v1/messages? HTTP/1.1")],
  ["GET", "method", startLine("GET /v1/messages HTTP/1.1")],
  ["PUT", "method", startLine("PUT /v1/messages HTTP/1.1")],
  ["DELETE", "method", startLine("DELETE /v1/messages HTTP/1.1")],
  ["a preflight of a browser", "method", startLine("OPTIONS /v1/messages HTTP/1.1")],
  ["HTTP/1.0 without a host", "path", (good, port) => spell(port, good, "POST /v1/messages HTTP/1.0", null)],
  ["a rebound host name", "host", hostHeader("evil.example")],
  [
    "a rebound host name with our port",
    "host",
    (good, port) => spell(port, good, undefined, `evil.example:${port}`),
  ],
  ["a host that only starts like an address", "host", hostHeader("127.0.0.1.evil.example")],
  ["a short spelling of an address", "host", hostHeader("127.1")],
  ["an empty host", "path", hostHeader("")],
  ["a host header twice", "host", addHeader("Host", "127.0.0.1")],
  ["a browser's origin", "browser", addHeader("Origin", "http://127.0.0.1")],
  ["a null origin", "browser", addHeader("Origin", "null")],
  ["a browser's fetch metadata", "browser", addHeader("Sec-Fetch-Site", "same-origin")],
  ["no content type", "content type", dropHeader("Content-Type")],
  ["a form's content type", "content type", setHeader("Content-Type", "text/plain")],
  [
    "a content type that only starts like JSON",
    "content type",
    setHeader("Content-Type", "application/jsonp"),
  ],
  ["another charset", "content type", setHeader("Content-Type", "application/json; charset=utf-16")],
  ["no pair header", "malformed headers", dropHeader("X-Sento-Pair")],
  ["no timestamp header", "malformed headers", dropHeader("X-Sento-Timestamp")],
  ["no signature header", "malformed headers", dropHeader("X-Sento-Signature")],
  ["a doubled pair header", "malformed headers", doubleHeader("X-Sento-Pair")],
  ["a doubled timestamp header", "malformed headers", doubleHeader("X-Sento-Timestamp")],
  ["a doubled signature header", "malformed headers", doubleHeader("X-Sento-Signature")],
  ["a doubled content type", "content type", doubleHeader("Content-Type")],
  ["an upper-case pair id", "malformed headers", setHeader("X-Sento-Pair", "A".repeat(32))],
  ["a pair id cut short", "malformed headers", setHeader("X-Sento-Pair", kai.id.slice(1))],
  ["an upper-case signature", "malformed headers", setHeader("X-Sento-Signature", "AB".repeat(32))],
  ["a signature cut short", "malformed headers", setHeader("X-Sento-Signature", "ab".repeat(31))],
  ["a partial signature of the right length", "signature", setHeader("X-Sento-Signature", "0".repeat(64))],
  ["a signature too long", "malformed headers", setHeader("X-Sento-Signature", "ab".repeat(33))],
  ["a signature that is not hex", "malformed headers", setHeader("X-Sento-Signature", "xy".repeat(32))],
  ["a lower-case T", "malformed headers", stamped("2026-11-23t10:00:00Z")],
  ["a lower-case Z", "malformed headers", stamped("2026-11-23T10:00:00z")],
  ["a leap second", "malformed headers", stamped("2026-12-31T23:59:60Z")],
  ["a day that is not in the calendar", "malformed headers", stamped("2026-02-30T10:00:00Z")],
  ["a timestamp without a zone", "malformed headers", stamped("2026-11-23T10:00:00")],
  ["a timestamp as Date prints it", "malformed headers", stamped("Mon, 23 Nov 2026 10:00:00 GMT")],
  ["an unknown coding", "malformed headers", addHeader("Content-Encoding", "gzip")],
  ["an unknown pair", "unknown pair", setHeader("X-Sento-Pair", "0".repeat(32))],
  [
    "a message signed with the other direction's key",
    "signature",
    (_, port, now) => spell(port, signPlain({ ...kai, send: kai.receive }, messageBody(now))),
  ],
  [
    "a changed body",
    "signature",
    (good, port) => spell(port, { ...good, body: Buffer.from(good.body.toString().replace("hi", "ho")) }),
  ],
  ["an emptied body", "signature", (good, port) => spell(port, { ...good, body: Buffer.alloc(0) })],
  ["a changed timestamp header", "timestamp header", stamped("2026-11-23T10:00:01.000Z")],
  ["the same instant spelt otherwise", "timestamp header", stamped("2026-11-23T10:00:00.000+00:00")],
  ["a coding added to a plain body", "content coding", addHeader("Content-Encoding", "aes128gcm")],
  [
    "a coding taken off a sealed body",
    "content coding removed",
    (_, port, now) => {
      const sealed = signSealed(kai, messageBody(now))
      return spell(port, {
        ...sealed,
        headers: sealed.headers.filter(([name]) => name !== "Content-Encoding"),
      })
    },
  ],
  ["a sealed body cut short", "content coding", sealedAs(plain => sealBody(kai.send, plain).subarray(0, -1))],
  [
    "a sealed body extended",
    "content coding",
    sealedAs(plain => Buffer.concat([sealBody(kai.send, plain), Buffer.alloc(1)])),
  ],
  [
    "a second record",
    "content coding",
    sealedAs(plain => Buffer.concat([sealBody(kai.send, plain), sealBody(kai.send, plain).subarray(21)])),
  ],
  [
    "a record that is not the last",
    "content coding",
    sealedAs(plain => sealBody(kai.send, plain, { delimiter: 1 })),
  ],
  [
    "another record size",
    "content coding",
    sealedAs(plain => sealBody(kai.send, plain, { recordSize: 4096 })),
  ],
  [
    "a body sealed with the other direction's key",
    "content coding",
    sealedAs(plain => sealBody(kai.receive, plain)),
  ],
]

const oneAnswer = "HTTP/1.1 403 Forbidden\nDate:\nContent-Length: 0"

describe("the one answer", () => {
  let guardian: TestGuardian
  beforeAll(async () => {
    guardian = await openGuardian({ kai: { pair: kai } })
  })
  afterAll(() => guardian[Symbol.asyncDispose]())

  /** The reason only the local log knows; the clock moves on so that its limit lets every line through. */
  async function refusedFor(
    bytes: (good: Request) => Uint8Array,
  ): Promise<{ response: Response | null; reason: string }> {
    const before = guardian.log().length
    const response = await exchange(guardian.port, bytes(signPlain(kai, messageBody(guardian.now))))
    const reason = /refused \d+ requests? \((.*?)\)/.exec(guardian.log().slice(before))?.[1] ?? "not refused"
    guardian.now += 2 * secondMilliseconds
    return { response, reason }
  }

  test.each(refusals)("refuses %s (%s)", async (_, reason, spoil) => {
    guardian.now = Date.parse("2026-11-23T10:00:00.000Z")
    const told = await refusedFor(good => {
      const bytes = spoil(good, guardian.port, guardian.now)
      guardian.now += refusals.findIndex(row => row[2] === spoil) * 2 * secondMilliseconds
      return bytes
    })
    expect({ head: told.response?.head, length: told.response?.body.length, reason: told.reason }).toEqual({
      head: oneAnswer,
      length: 0,
      reason,
    })
  })

  test.each([
    ["hello", "malformed hello", "{}"],
    ["confirm", "malformed confirm", "{}"],
    ["decision", "malformed decision poll", "not JSON"],
    ["decision", "unknown decision poll", JSON.stringify({ pairing: "A".repeat(22), tag: "A".repeat(43) })],
  ])("a closed pairing door: %s is refused (%s)", async (path, reason, text) => {
    guardian.now += hourMilliseconds
    const json: Headers = [["Content-Type", "application/json"]]
    const request = { headers: json, body: Buffer.from(text) }
    const told = await refusedFor(() => spell(guardian.port, request, `POST /v1/pair/${path} HTTP/1.1`))
    expect(told).toMatchObject({ reason, response: { head: oneAnswer } })
  })

  test("a well-formed hello while no code is open gets the one answer too", async () => {
    guardian.now += hourMilliseconds
    const hello = {
      v: 1,
      suite: "CPACE-RISTR255-SHA512",
      name: "noa",
      agent: "test-agent-noa",
      port: 9876,
      nonce: "A".repeat(22),
      features: [],
    }
    const request = {
      headers: [["Content-Type", "application/json"]] as const,
      body: Buffer.from(JSON.stringify(hello)),
    }
    const told = await refusedFor(() => spell(guardian.port, request, "POST /v1/pair/hello HTTP/1.1"))
    expect(told).toMatchObject({ response: { head: oneAnswer } })
    expect(["not refused", "malformed hello"]).not.toContain(told.reason)
  })

  test("a refused request does not spoil the next one on the same connection", async () => {
    guardian.now += hourMilliseconds
    const forged = signPlain({ ...kai, send: kai.receive }, messageBody(guardian.now))
    const good = signPlain(kai, messageBody(guardian.now))
    const { promise, resolve } = Promise.withResolvers<string>()
    let received = ""
    const socket = connect(guardian.port, "127.0.0.1", () =>
      socket.write(Buffer.concat([spell(guardian.port, forged), spell(guardian.port, good)])),
    )
    socket.on("data", chunk => {
      received += chunk
      if (received.includes(good.signature)) resolve(received)
    })
    expect((await promise).match(/^HTTP\/1.1 \d+/gm)).toEqual(["HTTP/1.1 403", "HTTP/1.1 202"])
    socket.destroy()
  })

  test("checks in the order of section 3: the first thing that is wrong is the one in the log", async () => {
    const wrong: { reason: string; start?: string; host?: string; headers: Headers }[] = [
      { reason: "path", start: "GET /nothing HTTP/1.1", host: "evil.example", headers: [["Origin", "null"]] },
      {
        reason: "method",
        start: "GET /v1/messages HTTP/1.1",
        host: "evil.example",
        headers: [["Origin", "null"]],
      },
      { reason: "host", host: "evil.example", headers: [["Origin", "null"]] },
      { reason: "browser", headers: [["Origin", "null"]] },
      { reason: "content type", headers: [["X-Sento-Pair", "?"]] },
      { reason: "malformed headers", headers: [["Content-Type", "application/json"]] },
    ]
    for (const { reason, start, host, headers } of wrong) {
      guardian.now += hourMilliseconds
      const told = await refusedFor(() =>
        spell(guardian.port, { headers, body: Buffer.from("{}") }, start, host),
      )
      expect(told).toMatchObject({ reason, response: { head: oneAnswer } })
    }
  })

  test("writes one line a second and kind for a flood of forged requests, with their count, and no secret", async () => {
    guardian.now += hourMilliseconds
    const before = guardian.log().length
    const flood = (): Promise<unknown> =>
      Promise.all(
        Array.from({ length: 100 }, () => {
          const forged = signPlain({ ...kai, send: kai.receive }, messageBody(guardian.now, { text: "hush" }))
          return post(guardian.port, forged)
        }),
      )
    await flood()
    guardian.now += 2 * secondMilliseconds
    await flood()
    const added = guardian.log().slice(before)
    expect(added.match(/refused .*/g)).toEqual([
      "refused 1 request (signature), the last from 127.0.0.1",
      "refused 100 requests (signature), the last from 127.0.0.1",
    ])
    for (const secret of [kai.send, kai.receive, kai.id, "hush"]) expect(guardian.log()).not.toContain(secret)
  })
})

/** Sends and opens the answer. Nothing listens at the peer's address, so it may say that a receipt could not be brought. */
async function ask(guardian: TestGuardian, request: Request, pair = kai): Promise<Record<string, unknown>> {
  const { v, re, missed, ...answer } = openAnswer(pair, request, await post(guardian.port, request))
  expect({ v, re }).toEqual({ v: 1, re: request.signature })
  expect(missed === undefined || (missed === true && answer.status === 202)).toBe(true)
  return answer
}

const send = (guardian: TestGuardian, fields: Record<string, unknown> = {}, pair = kai) =>
  ask(guardian, signPlain(pair, messageBody(guardian.now, fields)), pair)

describe("signed answers", () => {
  test.each([
    ["plain", signPlain],
    ["sealed", signSealed],
  ] as const)(
    "a %s message is accepted, answered alike, and a repetition is a duplicate",
    async (kind, sign) => {
      await using guardian = await openGuardian({ kai: { pair: kai } })
      const body = messageBody(guardian.now)
      const request = sign(kai, body)
      const response = await post(guardian.port, request)
      expect(openAnswer(kai, request, response)).toEqual({
        v: 1,
        re: request.signature,
        status: 202,
        id: body.id,
        state: "accepted",
      })
      expect(headerOf(response, "content-encoding")).toBe(kind === "sealed" ? "aes128gcm" : null)
      expect(headerOf(response, "server")).toBeNull()
      expect(await ask(guardian, sign(kai, body))).toEqual({ status: 202, id: body.id, state: "duplicate" })
    },
  )

  const invalid: readonly (readonly [string, (now: number) => Uint8Array])[] = [
    ["no JSON", () => Buffer.from("hello")],
    ["nothing at all", () => Buffer.alloc(0)],
    ["no UTF-8", () => Buffer.concat([Buffer.from('{"text":"'), Buffer.from([0xff]), Buffer.from('"}')])],
    ["a byte order mark", now => Buffer.from(`\ufeff${JSON.stringify(messageBody(now))}`)],
    ["an array", () => Buffer.from("[]")],
    ["null", () => Buffer.from("null")],
    ...(
      [
        ["another version", { v: 2 }],
        ["a text version", { v: "1" }],
        ["an id that is no UUIDv7", { id: "0190163d-8694-4abc-8abc-0123456789ab" }],
        ["an upper-case id", { id: uuidV7(0).toUpperCase().replace(/^0/, "A") }],
        ["no type", { type: undefined }],
        ["an unknown type", { type: "shout" }],
        ["no text", { text: undefined }],
        ["an empty text", { text: "" }],
        ["a text of one unit too many", { text: "a".repeat(32_769) }],
        ["a text that is no string", { text: { toString: "x" } }],
        ["hops that are no count", { hops: -1 }],
        ["half a hop", { hops: 0.5 }],
        ["an inReplyTo that is no id", { inReplyTo: "x" }],
        ["a createdAt that is no timestamp", { createdAt: "yesterday" }],
        ["a hello without a port", { type: "hello" }],
        ["a hello to port 0", { type: "hello", port: 0 }],
        ["a hello to a host that is none", { type: "hello", port: 1, host: "a b" }],
        ["a receipt of nothing", { type: "receipt", state: "held" }],
        ["a receipt of an unknown state", { type: "receipt", of: uuidV7(0), state: "eaten" }],
      ] as const
    ).map(
      ([what, fields]) =>
        [what, (now: number) => Buffer.from(JSON.stringify(messageBody(now, fields)))] as const,
    ),
  ]
  test("400 for each body that is rightly signed and no message, plain and sealed", async () => {
    await using guardian = await openGuardian({ kai: { pair: kai } })
    for (const [what, bytes] of invalid)
      for (const isSealed of [false, true]) {
        const plain = bytes(guardian.now)
        const body = isSealed ? sealBody(kai.send, plain) : plain
        const answer = await ask(guardian, signBytes(kai, body, stamp(guardian.now), isSealed))
        expect<unknown>({ what, ...answer }).toEqual({
          what,
          status: 400,
          error: "invalid",
          detail: expect.stringMatching(/^.{3,}/),
        })
        guardian.now += 2 * secondMilliseconds
      }
  })

  test("accepts the longest text and every optional field, known and unknown", async () => {
    await using guardian = await openGuardian({ kai: { pair: kai } })
    const fields = {
      text: "ä".repeat(32_768),
      hops: 3,
      inReplyTo: uuidV7(1),
      createdAt: stamp(guardian.now),
      more: 1,
    }
    expect(await send(guardian, fields)).toMatchObject({ status: 202, state: "accepted" })
  })

  test("takes a body of exactly 128 KiB, and 413 without a signature for one byte more", async () => {
    await using guardian = await openGuardian({ kai: { pair: kai } })
    const sized = (length: number): Request => {
      const body = messageBody(guardian.now, { padding: "" })
      const missing = length - Buffer.byteLength(JSON.stringify(body))
      return signPlain(kai, { ...body, padding: "a".repeat(missing) })
    }
    expect(await ask(guardian, sized(128 * 1024))).toMatchObject({ status: 202 })
    const refused = await post(guardian.port, sized(128 * 1024 + 1))
    expect({
      status: refused.status,
      length: refused.body.length,
      sign: headerOf(refused, "x-sento-signature"),
    }).toEqual({
      status: 413,
      length: 0,
      sign: null,
    })
  })

  test("400 for a message whose createdAt is more than 24 hours ago, and not a millisecond earlier", async () => {
    await using guardian = await openGuardian({ kai: { pair: kai } })
    const createdAt = (age: number): Record<string, unknown> => ({ createdAt: stamp(guardian.now - age) })
    expect(await send(guardian, createdAt(24 * hourMilliseconds))).toMatchObject({ status: 202 })
    expect(await send(guardian, createdAt(24 * hourMilliseconds + 1))).toMatchObject({
      status: 400,
      error: "expired",
    })
  })

  test.each([
    ["the oldest tolerated", -300_000, 202],
    ["a stale one", -300_001, 401],
    ["the furthest ahead", 300_000, 202],
    ["one from the future", 300_001, 401],
  ] as const)("timestamps: %s", async (_, offset, status) => {
    await using guardian = await openGuardian({ kai: { pair: kai } })
    const answer = await ask(guardian, signPlain(kai, messageBody(guardian.now + offset)))
    const now = stamp(guardian.now)
    expect(answer).toMatchObject(status === 401 ? { status, error: "timestamp", now } : { status })
  })

  test("503 with Retry-After when the disk refuses, and nothing is half kept", async () => {
    await using guardian = await openGuardian({ kai: { pair: kai } })
    using database = new Database(guardian.paths.database)
    database.run("CREATE TRIGGER full BEFORE INSERT ON inbox BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    const request = signPlain(kai, messageBody(guardian.now))
    const response = await post(guardian.port, request)
    expect(openAnswer(kai, request, response)).toMatchObject({ status: 503, retryAfter: 30 })
    expect(headerOf(response, "retry-after")).toBe("30")
    for (let i = 0; i < 5; i += 1) expect(await ask(guardian, request)).toMatchObject({ status: 503 })
    expect(guardian.log().match(/disk full/g)).toHaveLength(1)
    database.run("DROP TRIGGER full")
    expect(await ask(guardian, request)).toMatchObject({ status: 202, state: "accepted" })
  })
})

test("503 while too much of a pair waits, and accepted when there is room again", async () => {
  await using guardian = await openGuardian({ kai: { pair: kai } })
  expect(await send(guardian)).toMatchObject({ status: 202 })
  using database = new Database(guardian.paths.database)
  database.run("UPDATE waiting SET bytes = 16777215 WHERE box = 'inbox'")
  const request = signPlain(kai, messageBody(guardian.now))
  expect(await ask(guardian, request)).toMatchObject({ status: 503, retryAfter: 60 })
  expect(guardian.log()).toContain("too much from kai waits")
  database.run("UPDATE waiting SET bytes = 0")
  expect(await ask(guardian, request)).toMatchObject({ status: 202, state: "accepted" })
})

describe("removal", () => {
  test("an unpair drops what waits of that pair, so that it is never typed", async () => {
    await using guardian = await openGuardian({ kai: { pair: kai } })
    expect(await send(guardian)).toMatchObject({ status: 202 })
    expect(await send(guardian, { type: "unpair" })).toMatchObject({ status: 202 })
    using database = new Database(guardian.paths.database, { readonly: true })
    expect(database.query("SELECT state FROM inbox").all()).toEqual([{ state: "dropped" }])
  })
})

describe("limits", () => {
  const admitted = { status: 202, state: "accepted" }

  async function sendTen(guardian: TestGuardian): Promise<void> {
    for (let i = 0; i < 10; i += 1) expect(await send(guardian)).toMatchObject(admitted)
  }

  test("10 new messages, then 429; a restart gives no fresh quota, a minute does", async () => {
    await using guardian = await openGuardian({ kai: { pair: kai } })
    await sendTen(guardian)
    const request = signSealed(kai, messageBody(guardian.now))
    const response = await post(guardian.port, request)
    expect(openAnswer(kai, request, response)).toMatchObject({ status: 429, retryAfter: 60 })
    expect(headerOf(response, "retry-after")).toBe("60")
    await guardian.restart()
    expect(await send(guardian)).toMatchObject({ status: 429 })
    guardian.now += 60 * secondMilliseconds
    await sendTen(guardian)
  })

  test("what was limited was not kept: the same id is accepted later", async () => {
    await using guardian = await openGuardian({ kai: { pair: kai } })
    await sendTen(guardian)
    const id = uuidV7(guardian.now)
    expect(await send(guardian, { id })).toMatchObject({ status: 429 })
    guardian.now += 60 * secondMilliseconds
    expect(await send(guardian, { id })).toMatchObject({ ...admitted, id })
  })

  test("replays never drain the first bucket, nor another pair's; 60 of them, then 429", async () => {
    const noa = newPair()
    await using guardian = await openGuardian({ kai: { pair: kai }, noa: { pair: noa } })
    const replay = signPlain(kai, messageBody(guardian.now))
    expect(await ask(guardian, replay)).toMatchObject(admitted)
    for (let i = 0; i < 60; i += 1) expect(await ask(guardian, replay)).toMatchObject({ state: "duplicate" })
    expect(await ask(guardian, replay)).toMatchObject({ status: 429, retryAfter: 60 })
    for (let i = 0; i < 9; i += 1) expect(await send(guardian)).toMatchObject(admitted)
    expect(await send(guardian, {}, noa)).toMatchObject(admitted)
  })

  test("60 others that the peer alone can have signed, then 429; a restart gives no fresh quota", async () => {
    await using guardian = await openGuardian({ kai: { pair: kai } })
    const again = { id: uuidV7(guardian.now) }
    expect(await send(guardian, again)).toMatchObject(admitted)
    for (let i = 0; i < 60; i += 1)
      expect(await send(guardian, { ...again, hops: i })).toMatchObject({ state: "duplicate" })
    await guardian.restart()
    expect(await send(guardian, { ...again, hops: 60 })).toMatchObject({ status: 429, retryAfter: 60 })
    expect(await send(guardian)).toMatchObject(admitted)
  })

  test("messages that are refused because they are a day old count with what says nothing new", async () => {
    await using guardian = await openGuardian({ kai: { pair: kai } })
    const old = { createdAt: stamp(guardian.now - 25 * hourMilliseconds) }
    for (let i = 0; i < 60; i += 1) expect(await send(guardian, old)).toMatchObject({ status: 400 })
    expect(await send(guardian, old)).toMatchObject({ status: 429, retryAfter: 60 })
    expect(await send(guardian)).toMatchObject(admitted)
  })

  test.each([
    ["back an hour", -hourMilliseconds],
    ["back ten years", -87_600 * hourMilliseconds],
  ])("a clock that jumps %s gives no fresh quota", async (_, jump) => {
    await using guardian = await openGuardian({ kai: { pair: kai } })
    await sendTen(guardian)
    guardian.now += jump
    expect(await send(guardian)).toMatchObject({ status: 429 })
  })

  test("a clock that jumped ahead and came back blocks nobody for longer than a minute", async () => {
    await using guardian = await openGuardian({ kai: { pair: kai } })
    guardian.now += 48 * hourMilliseconds
    await sendTen(guardian)
    guardian.now -= 48 * hourMilliseconds
    expect(await send(guardian)).toMatchObject({ status: 429 })
    guardian.now += 61 * secondMilliseconds
    expect(await send(guardian)).toMatchObject(admitted)
  })
})

test("for an unknown pair id a signature is computed all the same, with nobody's keys, which open nothing", async () => {
  await using guardian = await openGuardian({ kai: { pair: kai } })
  const zero = "0".repeat(64)
  const unknown = signPlain({ ...newPair(), send: zero }, messageBody(guardian.now))
  const { receive } = nobodysKeys
  let uses = 0
  const get = (): Uint8Array => {
    uses += 1
    return receive
  }
  Object.defineProperty(nobodysKeys, "receive", { configurable: true, get })
  const answer = await post(guardian.port, unknown).finally(() =>
    Object.defineProperty(nobodysKeys, "receive", { value: receive }),
  )
  expect(answer).toMatchObject({ head: oneAnswer })
  expect(uses).toBeGreaterThan(0)
})

describe("replays", () => {
  test("an id is a duplicate after a restart and for 48 hours after it was last seen, a message's while it is kept", async () => {
    await using guardian = await openGuardian({ kai: { pair: kai } })
    const [message, hello] = [{ id: uuidV7(1) }, { id: uuidV7(2), type: "hello", port: 1 }]
    for (const one of [message, hello]) expect(await send(guardian, one)).toMatchObject({ state: "accepted" })
    for (const hours of [1, 47, 48]) {
      guardian.pass(hours * hourMilliseconds)
      await guardian.restart()
      for (const one of [message, hello])
        expect({ hours, ...(await send(guardian, one)) }).toMatchObject({ hours, state: "duplicate" })
    }
    guardian.pass(48 * hourMilliseconds + secondMilliseconds)
    expect(await send(guardian, hello)).toMatchObject({ state: "accepted" })
    expect(await send(guardian, message)).toMatchObject({ state: "duplicate" })
  })

  test.each([
    ["as it starts", true],
    ["while it runs", false],
  ] as const)(
    "a message played again after the clock was 31 days ahead %s is a duplicate",
    async (_, restarts) => {
      await using guardian = await openGuardian({ kai: { pair: kai } })
      const set = async (days: number): Promise<void> => {
        guardian.now += days * 24 * hourMilliseconds
        if (restarts) await guardian.restart()
      }
      const minute = 60 * secondMilliseconds
      guardian.pass(20 * minute)
      const recorded = signPlain(kai, messageBody(guardian.now))
      expect(await ask(guardian, recorded)).toMatchObject({ state: "accepted" })
      using database = new Database(guardian.paths.database)
      database.run("UPDATE inbox SET state = 'delivered', settled_at = received_at")
      await set(31)
      // Two looks: the first would forget the message, and the second its id.
      for (const minutes of [2, 2]) guardian.pass(minutes * minute)
      await set(-31)
      expect(await ask(guardian, recorded)).toMatchObject({ state: "duplicate" })
    },
  )

  test("a recorded request is refused as stale 15 minutes later, before and after a restart", async () => {
    await using guardian = await openGuardian({ kai: { pair: kai } })
    const recorded = signPlain(kai, messageBody(guardian.now))
    expect(await ask(guardian, recorded)).toMatchObject({ state: "accepted" })
    guardian.now += 15 * 60 * secondMilliseconds
    expect(await ask(guardian, recorded)).toMatchObject({ status: 401 })
    await guardian.restart()
    expect(await ask(guardian, recorded)).toMatchObject({ status: 401 })
  })

  test("an unpair ends the pair at once: the same pair is unknown from then on, also after a restart", async () => {
    await using guardian = await openGuardian({ kai: { pair: kai } })
    expect(await send(guardian, { type: "unpair" })).toMatchObject({ status: 202 })
    expect(await post(guardian.port, signPlain(kai, messageBody(guardian.now)))).toMatchObject({
      head: oneAnswer,
    })
    await guardian.restart()
    expect(await post(guardian.port, signPlain(kai, messageBody(guardian.now)))).toMatchObject({
      head: oneAnswer,
    })
    expect(guardian.log()).toContain("revoked by kai")
  })
})
