/** What a sender makes of answers: a peer that lies, and a machine in the middle that has no key. */
import { Database } from "bun:sqlite"
import { afterEach, expect, test } from "bun:test"
import { callDoor } from "../../../src/guardian/door/client.ts"
import type { SendResult } from "../../../src/guardian/door/results.ts"
import { newPair, signAnswer, stamp, uuidV7 } from "../../support/client.ts"
import { openGuardian, sendFrom, type TestGuardian } from "../../support/guardian.ts"
import { type Answerer, type Asked, accepted, openPeer, tell } from "../../support/peer.ts"
import { until } from "../../support/world.ts"

const kai = newPair()
const now = Date.parse("2026-11-23T10:00:00.000Z")

const send = (guardian: TestGuardian): Promise<SendResult> => sendFrom(guardian.paths, "kai")

/** What the sender said, and how often the peer was asked. */
async function sendTo(answerer: Answerer, features?: readonly string[]): Promise<string> {
  await using peer = await openPeer(kai, answerer)
  await using guardian = await openGuardian({
    kai: { pair: kai, port: peer.port, ...(features === undefined ? {} : { features }) },
  })
  const told = await send(guardian).then(
    ({ status, reason }) => (reason === undefined ? status : `${status}: ${reason}`),
    error => `${error.code}: ${error.message}`,
  )
  expect(peer.count()).toBe(1)
  return told
}

type Options = { readonly status?: number; readonly isSealed?: boolean; readonly pair?: typeof kai }
const answer = (content: Record<string, unknown>, { isSealed = true, pair = kai, status }: Options = {}) => {
  const { body, headers } = signAnswer(pair, content, isSealed)
  return new Response(new Uint8Array(body), { status: status ?? Number(content.status), headers })
}

test.each([
  ["a sealed answer to a sealed request", (asked: Asked) => answer(accepted(asked)), undefined],
  [
    "a plain answer to a sealed request",
    (asked: Asked) => answer(accepted(asked), { isSealed: false }),
    undefined,
  ],
  ["a plain answer to a plain request", (asked: Asked) => answer(accepted(asked), { isSealed: false }), []],
  ["a duplicate", (asked: Asked) => answer({ ...accepted(asked), state: "duplicate" }), undefined],
] as const)("counts %s as accepted", async (_, answerer, features) => {
  expect(await sendTo(answerer, features)).toBe("accepted")
})

const cut = (asked: Asked): Response => {
  const whole = answer(accepted(asked))
  return new Response(
    signAnswer(kai, accepted(asked), true).body.subarray(0, -1) as Uint8Array<ArrayBuffer>,
    {
      status: 202,
      headers: whole.headers,
    },
  )
}
const withHeaders = (response: Response, headers: Record<string, string>): Response => {
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value)
  return response
}
const endless = (): Response =>
  new Response(
    new ReadableStream({
      pull: controller => controller.enqueue(new Uint8Array(65_536)),
    }),
    { status: 202 },
  )

test.each<readonly [string, string, Answerer]>([
  ["a wrong signature", "HTTP 202", asked => answer(accepted(asked), { pair: newPair() })],
  [
    "an answer signed with our own key",
    "HTTP 202",
    asked => answer(accepted(asked), { pair: { ...kai, send: kai.receive } }),
  ],
  ["an answer to another request", "HTTP 202", asked => answer({ ...accepted(asked), re: "0".repeat(64) })],
  ["an answer about another message", "HTTP 202", asked => answer({ ...accepted(asked), id: uuidV7(now) })],
  ["a 202 that comes as 200", "HTTP 200", asked => answer(accepted(asked), { status: 200 })],
  [
    "a 429 that comes as 202",
    "HTTP 202",
    ({ re }) => answer({ v: 1, re, status: 429, retryAfter: 1 }, { status: 202 }),
  ],
  ["another version", "HTTP 202", asked => answer({ ...accepted(asked), v: 2 })],
  ["a signed status of nobody's", "HTTP 418", ({ re }) => answer({ v: 1, re, status: 418 })],
  ["an unsigned 202", "HTTP 202", asked => Response.json(accepted(asked), { status: 202 })],
  [
    "an unsigned 400",
    "HTTP 400",
    ({ re }) => Response.json({ v: 1, re, status: 400, error: "x", detail: "y" }, { status: 400 }),
  ],
  [
    "an unsigned 401",
    "HTTP 401",
    ({ re }) => Response.json({ v: 1, re, status: 401, error: "timestamp", now: stamp(0) }, { status: 401 }),
  ],
  [
    "an unsigned 429",
    "HTTP 429",
    () => new Response(null, { status: 429, headers: { "Retry-After": "99999999" } }),
  ],
  [
    "an unsigned 503",
    "HTTP 503",
    () => new Response(null, { status: 503, headers: { "Retry-After": "99999999" } }),
  ],
  ["a bare 403", "does not know this pair", () => new Response(null, { status: 403 })],
  [
    "a redirect",
    "HTTP 307",
    () => new Response(null, { status: 307, headers: { Location: "/v1/messages" } }),
  ],
  [
    "a signature in upper case",
    "HTTP 202",
    asked => {
      const good = answer(accepted(asked))
      return withHeaders(good, {
        "X-Sento-Signature": String(good.headers.get("x-sento-signature")).toUpperCase(),
      })
    },
  ],
  [
    "a coding taken off a sealed answer",
    "HTTP 202",
    asked => {
      const good = answer(accepted(asked))
      good.headers.delete("content-encoding")
      return good
    },
  ],
  [
    "a coding put on a plain answer",
    "HTTP 202",
    asked => withHeaders(answer(accepted(asked), { isSealed: false }), { "Content-Encoding": "aes128gcm" }),
  ],
  [
    "another coding on a plain answer",
    "HTTP 202",
    asked => withHeaders(answer(accepted(asked), { isSealed: false }), { "Content-Encoding": "gzip" }),
  ],
  ["an answer cut short", "HTTP 202", cut],
  ["a huge answer", "too long", () => new Response("a".repeat(128 * 1024 + 1), { status: 202 })],
  ["an endless answer", "too long", endless],
])("takes %s for a failed transport, asked once for now and nothing final", async (_, says, answerer) => {
  const told = await sendTo(answerer)
  expect(told).toStartWith("queued: ")
  expect(told).toContain(says)
})

test.each([
  ["behind", 400, "this machine's clock is 400 s behind kai's"],
  ["ahead of", -400, "this machine's clock is 400 s ahead of kai's"],
] as const)("a signed 401 tells that our clock is %s theirs, and by how much", async (_, seconds, says) => {
  const theirs = stamp(now + seconds * 1000)
  const told = await sendTo(({ re }) => answer({ v: 1, re, status: 401, error: "timestamp", now: theirs }))
  expect(told).toBe(`queued: ${says}; set both with \`timedatectl\``)
})

test("a signed 400 is the peer's own refusal; a signed 429 or 503 says when to try again", async () => {
  expect(await sendTo(({ re }) => answer({ v: 1, re, status: 400, error: "invalid", detail: "text" }))).toBe(
    "refused: kai refused the message: invalid: text",
  )
  for (const status of [429, 503])
    expect(await sendTo(({ re }) => answer({ v: 1, re, status, retryAfter: 7 }))).toStartWith("queued: kai ")
})

test("a request repeated with its id is told what became of that message, which is sent once", async () => {
  await using peer = await openPeer(kai, asked => answer(accepted(asked)))
  await using guardian = await openGuardian({
    kai: { pair: kai, port: peer.port },
    lia: { pair: newPair(), port: peer.port },
  })
  const ask = (request: { to?: string; text?: string; messageId: string }): Promise<string> =>
    callDoor(guardian.paths, "agent", { op: "send", to: "kai", text: "hi", ...request }).then(
      sent => `${sent?.id} ${sent?.status}`,
      error => error.code,
    )
  const messageId = uuidV7(now)
  const both = await Promise.all([ask({ messageId }), ask({ messageId })])
  expect([...both, await ask({ messageId })]).toEqual(Array(3).fill(`${messageId} accepted`))
  expect(peer.count()).toBe(1)
  expect(await ask({ messageId, text: "other" })).toBe("usage")
  expect(await ask({ messageId, to: "lia" })).toBe("usage")
  for (const bad of ["", "1", messageId.toUpperCase(), "0".repeat(36), `${messageId}\n`])
    expect(await ask({ messageId: bad })).toBe("usage")
  expect(peer.count()).toBe(1)
})

test("where too much waits for a peer, nothing more is kept, and that is said", async () => {
  await using peer = await openPeer(kai, () => new Response(null, { status: 500 }))
  await using guardian = await openGuardian({ kai: { pair: kai, port: peer.port } })
  expect((await send(guardian)).status).toBe("queued")
  using database = new Database(guardian.paths.database)
  database.run("UPDATE waiting SET bytes = 16777215 WHERE box = 'outbox'")
  await expect(send(guardian)).rejects.toMatchObject({
    code: "failed",
    message: "the message cannot be kept: 16 MiB of text wait for kai already",
    hint: "`sento doctor kai` says why they wait; send it again when they are through",
  })
  expect(database.query("SELECT text FROM outbox").all()).toHaveLength(1)
})

test("order is kept within a pair over retries: nothing passes a message that did not get through", async () => {
  await using peer = await openPeer(kai, asked =>
    peer.count() < 3 ? new Response(null, { status: 500 }) : answer(accepted(asked)),
  )
  await using guardian = await openGuardian({ kai: { pair: kai, port: peer.port } })
  const texts = ["one", "two", "three"]
  for (const text of texts) await callDoor(guardian.paths, "agent", { op: "send", to: "kai", text })
  await tell(guardian, kai, {})
  const sent = () => peer.asked.filter(one => one.body.type === "message").map(one => one.body.text)
  await until("the last one", () => sent().at(-1) === "three")
  expect([...new Set(sent())]).toEqual(texts)
  expect(sent().slice(-3)).toEqual(texts)
})

const aDay = 24 * 60 * 60 * 1000

test("a wait of our own counts no longer than five minutes where the clock was set back", async () => {
  await using peer = await openPeer(kai, () => new Response(null, { status: 500 }))
  await using guardian = await openGuardian({ kai: { pair: kai, port: peer.port } })
  expect((await send(guardian)).status).toBe("queued")
  const asked = peer.count()
  guardian.now -= aDay
  await guardian.restart()
  await until("another attempt", () => peer.count() > asked)
})

test("a wait that the peer asked for is kept over a restart, and no longer than it asked", async () => {
  await using peer = await openPeer(kai, ({ re }) => answer({ v: 1, re, status: 503, retryAfter: 3600 }))
  await using guardian = await openGuardian({ kai: { pair: kai, port: peer.port } })
  expect((await send(guardian)).status).toBe("queued")
  await guardian.restart()
  guardian.now += 3599 * 1000
  // It stands behind the first, which would be tried before it.
  expect((await send(guardian)).reason).toBe("kai cannot take messages now")
  expect(peer.count()).toBe(1)
  guardian.now -= aDay
  await guardian.restart()
  await until("the next attempt", () => peer.count() === 2)
})

const proxies = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] as const
const before = Object.fromEntries(proxies.map(name => [name, process.env[name]]))
afterEach(() => {
  for (const name of proxies)
    if (before[name] === undefined) delete process.env[name]
    else process.env[name] = before[name]
})

test("proxy variables are ignored", async () => {
  let asked = 0
  await using proxy = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => {
      asked += 1
      return new Response(null, { status: 502 })
    },
  })
  for (const name of proxies) process.env[name] = `http://127.0.0.1:${proxy.port}`
  expect(await sendTo(asked => answer(accepted(asked)))).toBe("accepted")
  expect(asked).toBe(0)
})

test("a slow answer is waited for no longer than the deadline", async () => {
  const { post } = await import("../../../src/http/client.ts")
  const never = Promise.withResolvers<Response>()
  await using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => never.promise })
  const dripping = new ReadableStream({
    pull: controller => Bun.sleep(20).then(() => controller.enqueue(new Uint8Array(1))),
  })
  await using dripper = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(dripping) })
  for (const { port } of [server, dripper])
    expect(
      await post("127.0.0.1", port ?? 0, "/", {
        headers: {},
        body: new Uint8Array(1),
        timeoutMilliseconds: 150,
      }),
    ).toMatchObject({ kind: "unreachable", cause: "timed-out" })
  never.resolve(new Response())
})
