/** A machine in the middle of a sender and its peer: it sees and changes everything, and has no key. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { type Besieged, besiege, oneAnswer, told } from "../support/besieged.ts"
import {
  type ClientPair,
  messageBody,
  newPair,
  readRequest,
  signAnswer,
  signSealed,
  stamp,
  uuidV7,
} from "../support/client.ts"
import { freePort } from "../support/ports.ts"
import { until } from "../support/world.ts"

/** What the peer was asked, and how to answer it rightly. */
type Asked = { readonly pair: ClientPair; readonly re: string; readonly body: Record<string, unknown> }
type Answerer = (asked: Asked) => Response

/** By pair id: who answers for that peer, and what it was asked. */
const answerers = new Map<string, { pair: ClientPair; answerer: Answerer; asked: Asked[] }>()
const peers = Bun.serve({
  port: freePort(),
  hostname: "127.0.0.1",
  async fetch(request) {
    const known = answerers.get(request.headers.get("x-sento-pair") ?? "")
    if (known === undefined) return new Response(null, { status: 403 })
    const isSealed = request.headers.get("content-encoding") === "aes128gcm"
    const body = readRequest(known.pair, isSealed, Buffer.from(await request.arrayBuffer()))
    const asked = { pair: known.pair, re: request.headers.get("x-sento-signature") ?? "", body }
    known.asked.push(asked)
    return known.answerer(asked)
  },
})

/** Somewhere that nothing must ever be sent to. */
let strayed = 0
const elsewhere = Bun.serve({
  port: freePort(),
  hostname: "127.0.0.1",
  fetch: () => {
    strayed += 1
    return new Response(null, { status: 202 })
  },
})

let mira: Besieged
beforeAll(async () => {
  const proxy = `http://127.0.0.1:${elsewhere.port}`
  const names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"]
  mira = await besiege({
    peers: 32,
    peerPort: peers.port ?? 0,
    environment: Object.fromEntries(names.map(name => [name, proxy])),
  })
})
afterAll(async () => {
  await mira.close()
  await Promise.all([peers.stop(true), elsewhere.stop(true)])
})

function answer(
  pair: ClientPair,
  content: Record<string, unknown>,
  status = Number(content.status),
): Response {
  const { body, headers } = signAnswer(pair, content, true)
  return new Response(new Uint8Array(body), { status, headers })
}
const acceptance = ({ re, body }: Asked) => ({ v: 1, re, status: 202, id: body.id, state: "accepted" })
const accept: Answerer = asked => answer(asked.pair, acceptance(asked))

/** Sends to a fresh peer that answers so; what the sender was told, and what waits then. */
async function send(answerer: Answerer): Promise<{
  exit: number
  state: unknown
  waitsSeconds: number
  asked: readonly Asked[]
  name: string
}> {
  const { name, pair } = mira.peer()
  const known = { pair, answerer, asked: [] as Asked[] }
  answerers.set(pair.id, known)
  const { exit } = await mira.world.sento("mira", ["send", name, "hi"])
  const sql = "SELECT state, next_at FROM outbox WHERE pair = ? ORDER BY seq DESC"
  const [row] = mira.query<{ state: string; next_at: number }>(sql, pair.id)
  const waitsSeconds = ((row?.next_at ?? 0) - Date.now()) / 1000
  return { exit, state: row?.state, waitsSeconds, asked: known.asked, name }
}

test("a rightly signed acknowledgement settles, past every proxy variable", async () => {
  expect(await send(accept)).toMatchObject({ exit: 0, state: "accepted" })
  expect(strayed).toBe(0)
})

const forged: readonly (readonly [string, Answerer])[] = [
  ["an acknowledgement without a signature", asked => Response.json(acceptance(asked), { status: 202 })],
  ["one signed with another key", asked => answer(newPair(), acceptance(asked))],
  ["one signed with the request's own signature", asked => echoed(asked)],
  ["one for another request", asked => answer(asked.pair, { ...acceptance(asked), re: "0".repeat(64) })],
  ["one for another message", asked => answer(asked.pair, { ...acceptance(asked), id: uuidV7(1) })],
  ["one whose status was changed on the way", asked => answer(asked.pair, acceptance(asked), 200)],
  ["a refusal without a signature", ({ re }) => refuse(re)],
  ["a refusal that was a 202 on the way", asked => answer(asked.pair, acceptance(asked), 400)],
  ["one whose content coding was taken off", asked => stripped(accept(asked), "Content-Encoding")],
  ["one whose signature was taken off", asked => stripped(accept(asked), "X-Sento-Signature")],
  ["a 403, a 404 and a 500 of anybody's", () => new Response(null, { status: 404 })],
]

const refuse = (re: string): Response =>
  Response.json({ v: 1, re, status: 400, error: "invalid", detail: "no" }, { status: 400 })

function echoed(asked: Asked): Response {
  const headers = { "Content-Type": "application/json", "X-Sento-Signature": asked.re }
  return new Response(JSON.stringify(acceptance(asked)), { status: 202, headers })
}

function stripped(response: Response, name: string): Response {
  response.headers.delete(name)
  return response
}

test.each(forged)("forged: %s settles nothing, and the message waits", async (_, answerer) => {
  expect(await send(answerer)).toMatchObject({ exit: 75, state: "queued" })
})

test("a recorded acknowledgement played back for the next message settles nothing", async () => {
  let recorded: ReturnType<typeof signAnswer> | null = null
  const replay: Answerer = asked => {
    recorded ??= signAnswer(asked.pair, acceptance(asked), true)
    return new Response(new Uint8Array(recorded.body), { status: 202, headers: recorded.headers })
  }
  const first = await send(replay)
  expect(first).toMatchObject({ exit: 0, state: "accepted" })
  expect((await mira.world.sento("mira", ["send", first.name, "again"])).exit).toBe(75)
  const sql = "SELECT state FROM outbox WHERE name = ? ORDER BY seq"
  expect(mira.query<{ state: string }>(sql, first.name).map(row => row.state)).toEqual(["accepted", "queued"])
})

test.each([
  [
    "a forged `now`",
    ({ re }: Asked) =>
      Response.json({ v: 1, re, status: 401, error: "timestamp", now: stamp(0) }, { status: 401 }),
  ],
  [
    "a `now` that the peer itself lies about",
    ({ re, pair }: Asked) => answer(pair, { v: 1, re, status: 401, error: "timestamp", now: stamp(0) }),
  ],
] as const)("%s moves none of our timestamps", async (_, answerer) => {
  const { asked } = await send(answerer)
  await until("the next try", () => asked.length > 1)
  for (const { body } of asked)
    expect(Math.abs(Date.parse(String(body.timestamp)) - Date.now())).toBeLessThan(120_000)
})

test.each([429, 503])(
  "a forged Retry-After of a day on a %d puts nothing off for more than 5 minutes",
  async status => {
    const sent = await send(() => new Response(null, { status, headers: { "Retry-After": "86400" } }))
    expect(sent).toMatchObject({ exit: 75, state: "queued" })
    expect(sent.waitsSeconds).toBeGreaterThan(200)
    expect(sent.waitsSeconds).toBeLessThanOrEqual(300)
  },
)

test.each([301, 302, 303, 307, 308])("a redirect (%d) is not followed, and settles nothing", async status => {
  const Location = `http://127.0.0.1:${elsewhere.port}/v1/messages`
  expect(await send(() => new Response(null, { status, headers: { Location } }))).toMatchObject({
    exit: 75,
    state: "queued",
  })
  expect(strayed).toBe(0)
})

test.each([
  ["the content coding taken off", "Content-Encoding", null],
  ["another content coding", "Content-Encoding", "gzip"],
  ["the timestamp taken off", "X-Sento-Timestamp", null],
  ["a later timestamp", "X-Sento-Timestamp", stamp(Date.now() + 1000)],
  ["the pair taken off", "X-Sento-Pair", null],
] as const)(
  "a header changed on the way, %s: the one answer, and the untouched one is still new",
  async (_, name, value) => {
    const { pair } = mira.peer()
    const request = signSealed(pair, messageBody(Date.now()))
    const others = request.headers.filter(([key]) => key !== name)
    const headers = value === null ? others : [...others, [name, value] as const]
    expect(await told(mira, { ...request, headers })).toEqual(oneAnswer)
    expect(await told(mira, request)).toMatchObject({ status: 202 })
  },
)
