/** Messages that no peer made: forged, altered, reflected. Each gets the one answer, and nothing is kept. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { ask, type Besieged, besiege, oneAnswer, told } from "../support/besieged.ts"
import {
  type ClientPair,
  type Headers,
  headerOf,
  messageBody,
  newPair,
  openAnswer,
  post,
  type Request,
  sealBody,
  signBytes,
  signPlain,
  signSealed,
} from "../support/client.ts"
import { freePort } from "../support/ports.ts"
import { until } from "../support/world.ts"

/** What mira sends to the peer that it believes to be there. */
const sentByMira: { headers: Headers; body: Buffer }[] = []
const listening = Bun.serve({
  port: freePort(),
  hostname: "127.0.0.1",
  async fetch(request) {
    const headers = [...request.headers].filter(([name]) => /^(x-sento|content-(type|encoding))/.test(name))
    sentByMira.push({ headers, body: Buffer.from(await request.arrayBuffer()) })
    return new Response(null, { status: 500 })
  },
})

let mira: Besieged
beforeAll(async () => {
  mira = await besiege({ peers: 12, peerPort: listening.port ?? 0 })
})
afterAll(async () => {
  await mira.close()
  await listening.stop(true)
})

const kept = (): number => mira.query<{ n: number }>("SELECT count(*) AS n FROM inbox")[0]?.n ?? -1
const good = (pair: ClientPair): Request => signPlain(pair, messageBody(Date.now()))
const set = (request: Request, name: string, value: string): Request => ({
  ...request,
  headers: request.headers.map(([key, old]) => [key, key === name ? value : old] as const),
})
const without = (request: Request, name: string): Request => ({
  ...request,
  headers: request.headers.filter(([key]) => key !== name),
})

/** None of these is taken; the untouched one of the same pair then is. */
async function expectAllRefused(pair: ClientPair, attacks: Readonly<Record<string, Request>>): Promise<void> {
  const before = kept()
  const answers: Record<string, unknown> = {}
  for (const [what, request] of Object.entries(attacks)) answers[what] = await told(mira, request)
  expect(answers).toEqual(Object.fromEntries(Object.keys(attacks).map(what => [what, oneAnswer])))
  expect(kept()).toBe(before)
  expect(await ask(mira, pair, good(pair))).toMatchObject({ status: 202, state: "accepted" })
}

test("a signature of wrong length, case or encoding, doubled or of another key is refused", async () => {
  const { pair } = mira.peer()
  const request = good(pair)
  const sign = (value: string): Request => set(request, "X-Sento-Signature", value)
  const { signature } = request
  await expectAllRefused(pair, {
    none: without(request, "X-Sento-Signature"),
    empty: sign(""),
    short: sign(signature.slice(2)),
    long: sign(`${signature}00`),
    upper: sign(signature.toUpperCase().replace(/^\d/, "A")),
    base64: sign(Buffer.from(signature, "hex").toString("base64")),
    prefixed: sign(`0x${signature.slice(2)}`),
    padded: sign(`${signature.slice(0, -1)} `),
    listed: sign(`${signature}, ${signature}`),
    doubled: {
      ...request,
      headers: [...request.headers, ["X-Sento-Signature", signature]],
    },
    zero: sign("0".repeat(64)),
    partial: sign(signature.slice(0, 62) + (signature.endsWith("00") ? "01" : "00")),
    another: signPlain({ ...pair, send: newPair().send }, messageBody(Date.now())),
  })
})

test("a pair id that is unknown, malformed, doubled or another peer's is refused", async () => {
  const [mine, others] = [mira.peer().pair, mira.peer().pair]
  const request = good(mine)
  const name = (id: string): Request => set(request, "X-Sento-Pair", id)
  await expectAllRefused(mine, {
    unknown: name(newPair().id),
    zero: name("0".repeat(32)),
    none: without(request, "X-Sento-Pair"),
    cut: name(mine.id.slice(1)),
    upper: name(mine.id.toUpperCase().replace(/^\d/, "A")),
    proto: name("__proto__"),
    pattern: name(`${mine.id.slice(0, 31)}%`),
    doubled: { ...request, headers: [...request.headers, ["X-Sento-Pair", mine.id]] },
    "another peer's": name(others.id),
  })
})

test("a body that was changed on the way is refused, whatever the change", async () => {
  const { pair } = mira.peer()
  const plain = good(pair)
  const changed = (body: Buffer): Request => ({ ...plain, body })
  await expectAllRefused(pair, {
    text: changed(Buffer.from(plain.body.toString().replace('"hi"', '"ho"'))),
    "one bit": changed(Buffer.from(plain.body.map((byte, i) => (i === 9 ? byte ^ 1 : byte)))),
    spaces: changed(Buffer.from(JSON.stringify(JSON.parse(plain.body.toString()), null, 1))),
    cut: changed(plain.body.subarray(0, -1)),
    extended: changed(Buffer.concat([plain.body, Buffer.from("\n")])),
    empty: changed(Buffer.alloc(0)),
  })
})

test("a ciphertext cut, extended, of another direction or with a second record is refused", async () => {
  const { pair } = mira.peer()
  const body = messageBody(Date.now())
  const plain = Buffer.from(JSON.stringify(body))
  const signed = (sealed: Buffer): Request => signBytes(pair, sealed, String(body.timestamp), true)
  const sealed = sealBody(pair.send, plain)
  const onTheWay = (bytes: Buffer): Request => ({ ...signSealed(pair, body), body: bytes })
  await expectAllRefused(pair, {
    "cut on the way": onTheWay(sealed.subarray(0, -1)),
    "extended on the way": onTheWay(Buffer.concat([sealed, Buffer.alloc(1)])),
    "cut and signed": signed(sealed.subarray(0, -1)),
    "extended and signed": signed(Buffer.concat([sealed, Buffer.alloc(1)])),
    "a second record": signed(Buffer.concat([sealed, sealBody(pair.send, plain).subarray(21)])),
    "not the last record": signed(sealBody(pair.send, plain, { delimiter: 1 })),
    "another record size": signed(sealBody(pair.send, plain, { recordSize: 4096 })),
    "of the other direction": signed(sealBody(pair.receive, plain)),
    "the header alone": signed(sealed.subarray(0, 21)),
  })
})

test("a sealed body spliced under the salt of another one is refused", async () => {
  const { pair } = mira.peer()
  const [first, second] = [1, 2].map(() =>
    sealBody(pair.send, Buffer.from(JSON.stringify(messageBody(Date.now())))),
  ) as [Buffer, Buffer]
  const spliced = Buffer.concat([first.subarray(0, 16), second.subarray(16)])
  const stamp = String(messageBody(Date.now()).timestamp)
  await expectAllRefused(pair, { spliced: signBytes(pair, spliced, stamp, true) })
})

test("no two sealed bodies of ours have the same salt, over retries and a restart", async () => {
  const { name } = mira.peer()
  sentByMira.length = 0
  const sending = mira.world.start("mira", ["send", name, "the same words"])
  await until("a retry", () => sentByMira.length >= 2)
  // Before the Guardian: it would start another one.
  sending.kill()
  await sending.exited
  await mira.stop("SIGKILL")
  mira.query("UPDATE outbox SET next_at = 0")
  const before = sentByMira.length
  await mira.start()
  await until("a retry after the restart", () => sentByMira.length > before)
  const sealed = sentByMira.filter(({ body }) => body.length > 100)
  const salts = sealed.map(({ body }) => body.subarray(0, 16).toString("hex"))
  expect(new Set(salts).size).toBe(sealed.length)
  expect(sealed.every(({ body }) => !body.includes("the same words"))).toBe(true)
})

test("a message of ours played back to us is refused", async () => {
  const { name } = mira.peer()
  sentByMira.length = 0
  const sending = mira.world.start("mira", ["send", name, "to the peer"])
  const reflected = await until("our own message", () => sentByMira[0])
  expect(await told(mira, reflected)).toEqual(oneAnswer)
  await sending.exited
})

test("an answer of ours played back as a message is refused", async () => {
  const { pair } = mira.peer()
  const request = signSealed(pair, messageBody(Date.now()))
  const answer = await post(mira.port, request)
  expect(openAnswer(pair, request, answer)).toMatchObject({ status: 202 })
  const signature = headerOf(answer, "x-sento-signature") ?? ""
  const asMessage = { ...set(request, "X-Sento-Signature", signature), body: answer.body }
  expect(await told(mira, asMessage)).toEqual(oneAnswer)
})
