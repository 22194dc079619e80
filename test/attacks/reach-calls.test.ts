/** Calls back: what a peer can have a Guardian dial, and what it learns by it. */
import { Database } from "bun:sqlite"
import { afterEach, expect, spyOn, test } from "bun:test"
import dns from "node:dns/promises"
import { readFileSync, writeFileSync } from "node:fs"
import { isIPv4 } from "node:net"
import { callDoor } from "../../src/guardian/door/client.ts"
import { ownAddresses } from "../../src/http/own-addresses.ts"
import {
  type ClientPair,
  headerOf,
  newPair,
  openExchange,
  readRequest,
  signPlain,
  spell,
  stamp,
  uuidV7,
} from "../support/client.ts"
import type { Fields } from "../support/collecting.ts"
import { openGuardian, sendFrom, type TestGuardian } from "../support/guardian.ts"
import { accepts, openPeer, type Peer, tell } from "../support/peer.ts"
import { freePort } from "../support/ports.ts"
import { until } from "../support/world.ts"

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

const turned = ({ id, send, receive }: ClientPair): ClientPair => ({ id, send: receive, receive: send })
const hello = (fields: Fields): Fields => ({ type: "hello", text: undefined, ...fields })
const calls = (peer: Peer): unknown[] =>
  peer.asked.map(({ body }) => body.callOf).filter(callOf => callOf !== undefined)

/** kai answers whatever it is told. */
async function openScene(): Promise<{ mira: TestGuardian; kai: Peer; pair: ClientPair }> {
  const pair = newPair()
  const kai = await openPeer(pair, accepts(pair))
  open.push(kai)
  const mira = await openGuardian({ kai: { pair, port: kai.port } })
  open.push(mira)
  return { mira, kai, pair }
}

function calledUnder({ paths }: TestGuardian, pair: ClientPair): unknown {
  using database = new Database(paths.database, { readonly: true })
  const row = database
    .query<{ value: string }, { key: string }>("SELECT value FROM facts WHERE key = $key")
    .get({ key: `called ${pair.id}` })
  return row === null ? null : JSON.parse(row.value)
}

test("two that ask each other at once are both called, and neither waits for the other", async () => {
  const pair = newPair()
  const [miraPort, kaiPort] = [freePort(), freePort()]
  const listenAt = (port: number) => ({ listen: { host: "127.0.0.1", port, names: [] } })
  const mira = await openGuardian({ kai: { pair, port: kaiPort } }, [], listenAt(miraPort))
  open.push(mira)
  const peers = { mira: { pair: turned(pair), port: miraPort } }
  const kai = await openGuardian(peers, [], { name: "kai", ...listenAt(kaiPort) })
  open.push(kai)
  mira.pass(61_000)
  kai.pass(61_000)
  await until("both to be called", () => calledUnder(mira, pair) !== null && calledUnder(kai, pair) !== null)
  expect([calledUnder(mira, pair), calledUnder(kai, pair)]).toEqual([
    { host: "127.0.0.1", port: miraPort },
    { host: "127.0.0.1", port: kaiPort },
  ])
  expect([mira, kai].filter(one => one.log().includes("fetches"))).toEqual([])
})

test("of a thousand that ask to be called, those beyond the limit of a pair are refused, and the last is answered", async () => {
  const { mira, kai, pair } = await openScene()
  const taken: string[] = []
  const statuses = new Map<unknown, number>()
  const ask = async (id: string): Promise<void> => {
    const { status } = await tell(mira, pair, hello({ id, port: kai.port, callBack: true }))
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    if (status === 202) taken.push(id)
  }
  for (let i = 0; i < 50; i += 1)
    await Promise.all(Array.from({ length: 20 }, (_, j) => ask(uuidV7(mira.now + 20 * i + j))))
  expect(statuses).toEqual(
    new Map([
      [202, 60],
      [429, 940],
    ]),
  )
  await until("the calls", () => taken.slice(-20).includes(String(calls(kai).at(-1))))
  expect(calls(kai).length).toBeLessThanOrEqual(60)
})

test("one call at a time: of those who asked meanwhile, the latest", async () => {
  const pair = newPair()
  const gate = Promise.withResolvers<void>()
  const kai = await openPeer(pair, async asked => {
    if (asked.body.callOf !== undefined) await gate.promise
    return accepts(pair)(asked)
  })
  open.push(kai)
  const mira = await openGuardian({ kai: { pair, port: kai.port } })
  open.push(mira)
  const ids = Array.from({ length: 5 }, (_, i) => uuidV7(mira.now + i))
  await tell(mira, pair, hello({ id: ids[0], port: kai.port, callBack: true }))
  await until("the first", () => calls(kai).length === 1)
  for (const id of ids.slice(1)) await tell(mira, pair, hello({ id, port: kai.port, callBack: true }))
  // One that asks for no call takes none away.
  await tell(mira, pair, hello({ id: uuidV7(mira.now + 9), port: kai.port }))
  gate.resolve()
  await until("the latest", () => calls(kai).length === 2)
  expect(calls(kai)).toEqual([ids[0], ids[4]])
})

/** Answers at an address that is not the peer's. */
async function openThird(
  answer: () => Response | Promise<Response>,
  at = freePort(),
): Promise<{ port: number; asked: Record<string, unknown>[] }> {
  const asked: Record<string, unknown>[] = []
  const server = Bun.serve({
    port: at,
    hostname: "127.0.0.2",
    async fetch(request) {
      asked.push({ path: new URL(request.url).pathname, size: (await request.arrayBuffer()).byteLength })
      return answer()
    },
  })
  open.push({ [Symbol.asyncDispose]: () => server.stop(true) })
  return { port: server.port ?? 0, asked }
}

test.each([
  ["403", () => new Response(null, { status: 403 })],
  ["a page", () => new Response("<html>")],
  ["another's answer", () => Response.json({ v: 1, status: 202, state: "accepted" })],
] as const)(
  "an innocent third party as `host` that answers with %s has one signed hello, and no time tells its answer",
  async (_, answer) => {
    const { mira, kai, pair } = await openScene()
    const third = await openThird(answer)
    const id = uuidV7(mira.now)
    const asking = hello({ id, host: "127.0.0.2", port: third.port, callBack: true })
    const said = await tell(mira, pair, asking)
    expect(said).toEqual({ v: 1, re: said.re, status: 202, id, state: "accepted" })
    await until("its end", () => mira.log().includes("does not answer there"))
    const end = performance.now() + 300
    await until("what could come at once", () => performance.now() > end)
    expect({ third: third.asked.length, calls: calls(kai) }).toEqual({ third: 1, calls: [] })
    expect(JSON.parse(readFileSync(mira.paths.config, "utf8")).agents.kai.port).toBe(kai.port)
  },
)

test("the call at the known address comes all the same, when the time of the other was over", async () => {
  const { mira, kai, pair } = await openScene()
  const gate = Promise.withResolvers<Response>()
  const third = await openThird(() => gate.promise)
  const id = uuidV7(mira.now)
  await tell(mira, pair, hello({ id, host: "127.0.0.2", port: third.port, callBack: true }))
  await until("the third party to be asked", () => third.asked.length === 1)
  expect(calls(kai)).toEqual([])
  mira.pass(10_000)
  gate.resolve(new Response(null, { status: 403 }))
  await until("the call", () => calls(kai).length === 1)
  expect([calls(kai), third.asked.length]).toEqual([[id], 1])
})

/** Says hello from an address of this machine. */
async function sayFrom(mira: TestGuardian, pair: ClientPair, address: string, fields: Fields): Promise<void> {
  const base = { v: 1, id: uuidV7(mira.now), timestamp: stamp(mira.now), type: "hello" }
  const request = signPlain(pair, { ...base, ...fields })
  const answer = await openExchange(mira.port, spell(mira.port, request), address).answer
  expect(answer === null ? null : headerOf(answer, "x-sento-signature")).not.toBeNull()
}

test("a hello passed on from another host: the address stays, and nobody there is asked", async () => {
  const { mira, kai, pair } = await openScene()
  const third = await openThird(() => new Response(null, { status: 403 }), kai.port)
  const before = readFileSync(mira.paths.config, "utf8")
  await sayFrom(mira, pair, "127.0.0.2", { port: kai.port, from: "127.0.0.3" })
  await sayFrom(mira, pair, "127.0.0.2", { port: kai.port })
  await sayFrom(mira, pair, "127.0.0.3", { port: kai.port, from: "127.0.0.2", callBack: true })
  await until("the call", () => calls(kai).length > 0)
  expect([third.asked, readFileSync(mira.paths.config, "utf8")]).toEqual([[], before])
})

test("a hello that was recorded is not answered by another call", async () => {
  const { mira, kai, pair } = await openScene()
  const base = { v: 1, id: uuidV7(mira.now), timestamp: stamp(mira.now), type: "hello" }
  const request = signPlain(pair, { ...base, port: kai.port, callBack: true })
  for (let i = 0; i < 5; i += 1) await openExchange(mira.port, spell(mira.port, request)).answer
  await until("the call", () => calls(kai).length > 0)
  await tell(mira, pair, { text: "after it" })
  expect(calls(kai)).toEqual([base.id])
})

/** kai answers whatever it is told while `isThere` says so. */
async function openFickle(
  isThere: () => boolean,
): Promise<{ mira: TestGuardian; kai: Peer; pair: ClientPair }> {
  const pair = newPair()
  const kai = await openPeer(pair, asked =>
    isThere() ? accepts(pair)(asked) : new Response(null, { status: 500 }),
  )
  open.push(kai)
  const mira = await openGuardian({ kai: { pair, port: kai.port } })
  open.push(mira)
  return { mira, kai, pair }
}

test("an attempt that fails while an ask has its time has the third party asked no second time", async () => {
  let isThere = false
  const { mira, kai, pair } = await openFickle(() => isThere)
  const third = await openThird(() => new Response(null, { status: 403 }))
  await tell(mira, pair, hello({ host: "127.0.0.2", port: third.port }))
  await until("its end", () => mira.log().includes("does not answer there"))
  const end = performance.now() + 10_500
  await sendFrom(mira.paths, "kai")
  await until("the attempt", () => kai.count() > 0)
  isThere = true
  await until("its time to be over", () => performance.now() > end)
  expect(third.asked).toHaveLength(1)
}, 120_000)

test("an address that is asked again and again in vain leaves room for another", async () => {
  const { mira, pair } = await openFickle(() => false)
  const third = await openThird(() => new Response(null, { status: 403 }))
  await tell(mira, pair, hello({ host: "127.0.0.2", port: third.port }))
  await until("its end", () => mira.log().includes("does not answer there"))
  for (let i = 0; i < 30; i += 1) {
    mira.pass(60_000)
    expect((await callDoor(mira.paths, "agent", { op: "probe", name: "kai" })).isReached).toBe(false)
    await Bun.sleep(30)
  }
  expect(third.asked.length).toBeGreaterThan(1)
  expect(third.asked.length).toBeLessThanOrEqual(6)
  mira.pass(10_000)
  const there = await openPeer(pair, accepts(pair))
  open.push(there)
  await tell(mira, pair, hello({ port: there.port }))
  await until("the other address", () => there.count() > 0)
}, 120_000)

const own = ownAddresses().find(({ address }) => isIPv4(address))?.address ?? ""

test.skipIf(own === "")(
  "our own address is told where the look-up led that it was found for, whatever the next one says",
  async () => {
    const pair = newPair()
    let lookUps = 0
    using _ = spyOn(dns, "lookup").mockImplementation((async () => {
      lookUps += 1
      return { address: own, family: 4 }
    }) as unknown as typeof dns.lookup)
    const told: unknown[] = []
    const kai = Bun.serve({
      port: freePort(),
      hostname: own,
      async fetch(request) {
        const body = readRequest(pair, true, Buffer.from(await request.arrayBuffer()))
        if (body.callBack === true) told.push({ from: body.from, lookUps })
        return new Response(null, { status: 403 })
      },
    })
    open.push({ [Symbol.asyncDispose]: () => kai.stop(true) })
    const mira = await openGuardian({ kai: { pair, port: kai.port ?? 0 } })
    open.push(mira)
    const config = JSON.parse(readFileSync(mira.paths.config, "utf8"))
    config.listen = { ...config.listen, hosts: ["all"], port: freePort() }
    Object.assign(config.agents.kai, { host: "kai.example", reached: own })
    writeFileSync(mira.paths.config, JSON.stringify(config))
    await mira.restart()
    await until("the hello", () => told.length > 0)
    expect(told[0]).toEqual({ from: own, lookUps: 1 })
  },
  120_000,
)

test.skipIf(own === "").each(["169.254.0.8", "224.0.0.251", "fe80::8"])(
  "of a hello that names %s, which nobody elsewhere can be at, the port alone counts",
  async host => {
    const pair = newPair()
    const asked: unknown[] = []
    const there = Bun.serve({
      port: freePort(),
      hostname: own,
      fetch(request) {
        asked.push(new URL(request.url).pathname)
        return new Response(null, { status: 403 })
      },
    })
    open.push({ [Symbol.asyncDispose]: () => there.stop(true) })
    const mira = await openGuardian({ kai: { pair, port: freePort() } })
    open.push(mira)
    const config = JSON.parse(readFileSync(mira.paths.config, "utf8"))
    Object.assign(config.agents.kai, { host: own, reached: own })
    writeFileSync(mira.paths.config, JSON.stringify(config))
    await mira.restart()
    await tell(mira, pair, hello({ host, port: there.port }))
    await until("the port where it was", () => asked.length > 0)
  },
)
