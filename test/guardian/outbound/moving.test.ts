/** Peers that move: ports that change heal by themselves, and nobody else can move them. */

import { Database } from "bun:sqlite"
import { afterEach, expect, spyOn, test } from "bun:test"
import dns from "node:dns/promises"
import { readFileSync, writeFileSync } from "node:fs"
import { createServer, connect as dial, type Server, type Socket } from "node:net"
import { callDoor } from "../../../src/guardian/door/client.ts"
import type { SendResult } from "../../../src/guardian/door/results.ts"
import {
  type ClientPair,
  newPair,
  post,
  type Request,
  readRequest,
  signAnswer,
  signSealed,
  stamp,
  uuidV7,
} from "../../support/client.ts"
import { openGuardian, sendFrom, type TestGuardian } from "../../support/guardian.ts"
import { freePort } from "../../support/ports.ts"
import {
  createWorld,
  finished,
  initAgent,
  jsonLines,
  pairAgents,
  setUpAgent,
  until,
  type World,
} from "../../support/world.ts"

let world: World | null = null
const open: { stop(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.stop()
  await world?.close()
  world = null
})

type Fields = Record<string, unknown>
type ConfigFile = { listen: Fields; agents: Record<string, Fields> }

const configPath = (name: string): string => `${world?.home(name)}/.sento-config.json`
const readConfig = (path: string): ConfigFile => JSON.parse(readFileSync(path, "utf8"))
const addressOf = (path: string, name: string): Fields => {
  const { host, port } = readConfig(path).agents[name] ?? {}
  return { host, port }
}
function edit(path: string, change: (config: ConfigFile) => void): void {
  const config = readConfig(path)
  change(config)
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 })
}
const logOf = (name: string): string => readFileSync(`${world?.home(name)}/.sento/guardian.log`, "utf8")

/** Two agents that are paired; kai's pane shows what arrives. */
async function openPair(): Promise<{ world: World; kaiPort: number; miraPort: number }> {
  world = createWorld()
  initAgent(world, "mira")
  await world.guard("mira")
  const { port: kaiPort } = await setUpAgent(world, "kai")
  await pairAgents(world, "mira", "kai")
  await until("each to have reached the other", () =>
    [readConfig(configPath("mira")).agents.kai, readConfig(configPath("kai")).agents.mira].every(
      peer => peer?.reached === "127.0.0.1",
    ),
  )
  const miraPort = (await world.status("mira"))?.port ?? 0
  return { world, kaiPort, miraPort }
}

async function stop(name: string): Promise<void> {
  expect((await world?.sento(name, ["guard", "stop"]))?.exit).toBe(0)
}
async function start(name: string): Promise<number> {
  expect((await world?.sento(name, ["guard"]))?.exit).toBe(0)
  return (await world?.status(name))?.port ?? 0
}

/** Another program on a port. */
function takePort(port: number, status: number): void {
  open.push(Bun.serve({ port, hostname: "127.0.0.1", fetch: () => new Response(null, { status }) }))
}

/** A free port a few steps from this one. */
function freePortNear(port: number): number {
  for (const candidate of [port + 3, port - 3, port + 4, port - 4, port + 5, port - 5, port + 6, port - 6])
    try {
      Bun.serve({ port: candidate, hostname: "127.0.0.1", fetch: () => new Response() }).stop(true)
      return candidate
    } catch {}
  throw new Error(`no free port near ${port}`)
}

const isAt = (name: string, peer: string, port: number) => () =>
  addressOf(configPath(name), peer).port === port

test("a peer that starts on another port says so, and what waited for it arrives", async () => {
  const { world, kaiPort } = await openPair()
  await stop("kai")
  takePort(kaiPort, 404)
  const queued = await world.sento("mira", ["send", "kai", "are you there?"])
  expect(queued.exit).toBe(75)
  expect(queued.stderr).toContain("another program may have its port")
  edit(configPath("kai"), config => {
    config.listen.port = freePort()
  })
  const port = await start("kai")
  expect(port).not.toBe(kaiPort)
  await world.shows("kai", "are you there?")
  await until("mira's address of kai", isAt("mira", "kai", port))
  const moved = `kai moved from 127.0.0.1:${kaiPort} to 127.0.0.1:${port}`
  await until("the word", () => logOf("mira").includes(moved))
}, 120_000)

test("a peer that says nothing is found on a neighbouring port", async () => {
  const { world, kaiPort } = await openPair()
  await stop("kai")
  takePort(kaiPort, 403)
  edit(configPath("kai"), config => {
    config.listen.port = freePortNear(kaiPort)
    config.agents.mira = { ...config.agents.mira, host: "127.0.0.1", port: freePort(), fixed: true }
  })
  const port = await start("kai")
  await world.sento("mira", ["send", "kai", "found you"])
  // Where one stands still for the three seconds that a port is given, it is looked for again after a minute.
  await until("kai to be found", async () => (await world.screen("kai")).includes("found you"), 200_000)
  expect(addressOf(configPath("mira"), "kai").port).toBe(port)
}, 300_000)

test("both ends move at once, and find each other", async () => {
  const { world, kaiPort, miraPort } = await openPair()
  for (const [name, port] of [
    ["kai", kaiPort],
    ["mira", miraPort],
  ] as const) {
    await stop(name)
    takePort(port, 403)
    edit(configPath(name), config => {
      config.listen.port = freePortNear(port)
    })
  }
  const [kai, mira] = [await start("kai"), await start("mira")]
  await until("both to know", () => isAt("mira", "kai", kai)() && isAt("kai", "mira", mira)(), 200_000)
  expect((await world.sento("mira", ["send", "kai", "hi"])).exit).toBe(0)
}, 300_000)

test("an address that the owner set stays, though the peer moved and is near", async () => {
  const { world, kaiPort } = await openPair()
  await stop("mira")
  edit(configPath("mira"), config => {
    config.agents.kai = { ...config.agents.kai, fixed: true }
  })
  await start("mira")
  await stop("kai")
  edit(configPath("kai"), config => {
    config.listen.port = freePortNear(kaiPort)
  })
  takePort(kaiPort, 403)
  await start("kai")
  // mira calls kai where its owner says that it is, and nowhere else: so kai fetches what there is for it.
  await until("kai to fetch", () => logOf("kai").includes("fetches mira's messages"))
  const wayTo = async () => (await world.ask("mira", "agent", { op: "agents" })).agents[0]?.way
  await until("mira to know", async () => (await wayTo()) === "fetched")
  expect((await world.sento("mira", ["send", "kai", "hi"])).exit).toBe(0)
  await world.shows("kai", "hi")
  expect(addressOf(configPath("mira"), "kai").port).toBe(kaiPort)
  expect(logOf("mira")).not.toContain("kai moved")
}, 120_000)

/** Passes connections on and keeps what was sent. */
async function openRelay(to: number): Promise<{ port: number; requests: Buffer[] }> {
  const requests: Buffer[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer(incoming => {
    const outgoing = dial(to, "127.0.0.1")
    const parts: Buffer[] = []
    for (const socket of [incoming, outgoing]) {
      sockets.add(socket)
      socket.on("error", () => socket.destroy())
    }
    incoming.on("data", part => parts.push(Buffer.from(part)))
    incoming.on("close", () => outgoing.destroy())
    outgoing.on("close", () => {
      requests.push(Buffer.concat(parts))
      incoming.destroy()
    })
    incoming.pipe(outgoing).pipe(incoming)
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, "127.0.0.1", resolve)
  await promise
  open.push({
    stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  })
  const address = server.address()
  return { port: typeof address === "object" ? (address?.port ?? 0) : 0, requests }
}

test("a replayed hello of a peer's earlier address changes nothing", async () => {
  const { world, kaiPort, miraPort } = await openPair()
  const relay = await openRelay(miraPort)
  await stop("kai")
  edit(configPath("kai"), config => {
    config.listen.port = freePort()
    config.agents.mira = { ...config.agents.mira, port: relay.port, fixed: true }
  })
  const first = await start("kai")
  await until("the first move", isAt("mira", "kai", first))
  const hello = await until("the hello on the way", () => relay.requests[0])
  await stop("kai")
  edit(configPath("kai"), config => {
    config.listen.port = freePort()
  })
  const second = await start("kai")
  await until("the second move", isAt("mira", "kai", second))
  const answered = await rawPost(miraPort, hello)
  expect(answered).toContain("HTTP/1.1 202")
  const altered = Buffer.from(hello)
  altered.writeUInt8((altered.at(-1) ?? 0) ^ 1, altered.length - 1)
  expect(await rawPost(miraPort, altered)).toContain("HTTP/1.1 403")
  expect((await world.sento("mira", ["send", "kai", "still there"])).exit).toBe(0)
  expect(addressOf(configPath("mira"), "kai")).toEqual({ host: "127.0.0.1", port: second })
  expect([kaiPort, first]).not.toContain(second)
  expect(logOf("mira").match(/kai moved/g)).toHaveLength(2)
}, 120_000)

function rawPost(port: number, bytes: Buffer): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = dial(port, "127.0.0.1", () => socket.write(bytes))
  socket.on("data", part => {
    resolve(part.toString("latin1"))
    socket.destroy()
  })
  socket.on("error", reject)
  return promise
}

test("a peer that lost its pairs is told apart from one that does not run", async () => {
  const { world, kaiPort } = await openPair()
  await stop("kai")
  const off = await world.sento("mira", ["send", "kai", "one"])
  expect(off).toMatchObject({ exit: 75 })
  expect(off.stderr).toContain(`nothing listens on 127.0.0.1:${kaiPort}`)
  edit(configPath("kai"), config => {
    config.agents = {}
  })
  expect(await start("kai")).toBe(kaiPort)
  const stranger = "kai's address answers, but does not know this pair: kai may have been restored"
  const doctor = await world.sento("mira", ["doctor", "kai"])
  expect(doctor.stdout).toContain(stranger)
  expect(doctor.stdout).toContain("pair again")
  await until("the log", async () =>
    (await world.sento("mira", ["log"])).stdout.includes(`waits to be sent: ${stranger}`),
  )
}, 120_000)

// From here on kai is played by the test, which holds its keys; mira's Guardian is real.

const kai: ClientPair = newPair()
const now = Date.parse("2026-11-23T10:00:00.000Z")

/** Where kai answers, and calls whoever asks it to; `asked` grows by what it was asked, but for collects, which it does not know. */
function openKai(
  hold: Promise<void> = Promise.resolve(),
  at = freePort(),
): { port: number; asked: Fields[] } {
  const asked: Fields[] = []
  const server = Bun.serve({
    port: at,
    hostname: "127.0.0.1",
    async fetch(request) {
      const body = readRequest(kai, true, Buffer.from(await request.arrayBuffer()))
      const isKnown = body.type !== "collect"
      if (isKnown) asked.push(body)
      await hold
      const re = request.headers.get("x-sento-signature")
      const content = isKnown
        ? { status: 202, id: body.id, state: "accepted" }
        : { status: 400, error: "invalid", detail: "type" }
      const answer = signAnswer(kai, { v: 1, re, ...content }, true)
      if (body.callBack === true)
        setImmediate(
          () => void post(Number(body.port), hello({ port: server.port, callOf: body.id })).catch(() => {}),
        )
      return new Response(new Uint8Array(answer.body), { status: content.status, headers: answer.headers })
    },
  })
  open.push({ stop: () => server.stop(true) })
  return { port: server.port ?? 0, asked }
}

const hello = (fields: Fields, at = now): Request =>
  signSealed(kai, { v: 1, id: uuidV7(at), timestamp: stamp(at), type: "hello", ...fields })

const kaiOf = (mira: TestGuardian): Fields => addressOf(mira.paths.config, "kai")

test("a hello that names an address where nothing answers leaves the old one", async () => {
  const old = openKai()
  await using mira = await openGuardian({ kai: { pair: kai, port: old.port } })
  expect((await post(mira.port, hello({ port: freePort() }))).status).toBe(202)
  await until("the end of the check", () => mira.log().includes("does not answer there"))
  expect(kaiOf(mira)).toEqual({ host: "127.0.0.1", port: old.port })
  const sent = await send(mira)
  expect(sent.status).toBe("accepted")
})

test("a hello that names an address where a stranger answers leaves the old one", async () => {
  const old = openKai()
  const stranger = freePort()
  takePort(stranger, 202)
  await using mira = await openGuardian({ kai: { pair: kai, port: old.port } })
  await post(mira.port, hello({ port: stranger }))
  await until("the end of the check", () => mira.log().includes("does not answer there"))
  expect(kaiOf(mira).port).toBe(old.port)
})

test("loopback does not swap to another host: of such a hello the port alone counts", async () => {
  const [old, other] = [openKai(), openKai()]
  await using mira = await openGuardian({ kai: { pair: kai, port: old.port } })
  await post(mira.port, hello({ host: "192.0.2.7", port: other.port }))
  await until("the new port", () => kaiOf(mira).port === other.port)
  expect(kaiOf(mira).host).toBe("127.0.0.1")
  expect(other.asked).toMatchObject([{ type: "hello", port: mira.port }])
})

test("a name that leads to this machine is not asked for a peer elsewhere, nor taken as its address", async () => {
  const other = openKai()
  await using mira = await openGuardian({ kai: { pair: kai, port: other.port } })
  using lookup = spyOn(dns, "lookup").mockImplementation((async () => ({
    address: "127.0.0.1",
    family: 4,
  })) as unknown as typeof dns.lookup)
  const moveKai = async (host: string): Promise<void> => {
    edit(mira.paths.config, config => {
      config.agents.kai = { ...config.agents.kai, host }
    })
    await mira.restart()
  }
  await moveKai("192.0.2.7")
  await post(mira.port, hello({ host: "kai.example", port: other.port }))
  await until("the end of the check", () => mira.log().includes("does not answer there"))
  expect(kaiOf(mira).host).toBe("192.0.2.7")
  await moveKai("kai.example")
  const probe = await callDoor(mira.paths, "agent", { op: "probe", name: "kai" })
  expect(probe).toMatchObject({
    isReached: false,
    reason: "the host name kai.example leads to 127.0.0.1, which is this machine",
  })
  expect(lookup).toHaveBeenCalledTimes(2)
  expect(other.asked).toEqual([])
})

test("an address that a joiner named is taken once it has given a signed answer there", async () => {
  world = createWorld()
  initAgent(world, "mira")
  await world.guard("mira")
  initAgent(world, "kai")
  edit(configPath("kai"), config => {
    config.listen = { host: "127.0.0.9", port: 0, names: ["127.0.0.9"] }
  })
  const { port } = await world.guard("kai")
  await pairAgents(world, "mira", "kai")
  const moved = `kai moved from 127.0.0.1:${port} to 127.0.0.9:${port}`
  await until("mira's address of kai", () => logOf("mira").includes(moved))
  const address = { host: "127.0.0.9", port, reached: "127.0.0.9" }
  expect(readConfig(configPath("mira")).agents.kai).toMatchObject(address)
  expect(logOf("mira")).toContain("kai at 127.0.0.9, calling from 127.0.0.1, proved the code")
  expect((await world.sento("mira", ["send", "kai", "hi"])).exit).toBe(0)
}, 120_000)

test("a stale hello changes nothing, though its address would answer", async () => {
  const [old, other] = [openKai(), openKai()]
  await using mira = await openGuardian({ kai: { pair: kai, port: old.port } })
  expect((await post(mira.port, hello({ port: other.port }, now - 301_000))).status).toBe(401)
  const probe = await callDoor(mira.paths, "agent", { op: "probe", name: "kai" })
  expect(probe.isReached).toBe(true)
  expect(other.asked).toEqual([])
  expect(kaiOf(mira).port).toBe(old.port)
})

test("a flood of hellos asks one address at a time, and of the rest the latest", async () => {
  const gate = Promise.withResolvers<void>()
  const old = openKai()
  const slow = openKai(gate.promise)
  const skipped = openKai()
  const last = openKai()
  await using mira = await openGuardian({ kai: { pair: kai, port: old.port } })
  await post(mira.port, hello({ port: slow.port }))
  await until("the first check", () => slow.asked.length === 1)
  for (let i = 0; i < 4; i += 1) await post(mira.port, hello({ port: skipped.port }))
  await post(mira.port, hello({ port: last.port }))
  expect([slow, skipped, last].map(one => one.asked.length)).toEqual([1, 0, 0])
  gate.resolve()
  await until("the last address", () => kaiOf(mira).port === last.port)
  expect([slow, skipped, last].map(one => one.asked.length)).toEqual([1, 0, 1])
})

test("a Guardian that stops while it asks an address leaves everything as it was, and asks it again", async () => {
  const gate = Promise.withResolvers<void>()
  const old = openKai()
  const slow = openKai(gate.promise)
  const mira = await openGuardian({ kai: { pair: kai, port: old.port } })
  await post(mira.port, hello({ port: slow.port }))
  await until("the check", () => slow.asked.length === 1)
  await mira.restart()
  expect(kaiOf(mira).port).toBe(old.port)
  gate.resolve()
  await until("the address that was asked", () => kaiOf(mira).port === slow.port)
  await mira[Symbol.asyncDispose]()
})

/** mira's Guardian, started again on a port that it did not have before. */
async function moveMira(mira: TestGuardian): Promise<void> {
  edit(mira.paths.config, config => {
    config.listen.port = freePort()
  })
  const before = mira.port
  await mira.restart()
  expect(mira.port).not.toBe(before)
}

/** Whether kai has called mira where it is now. */
function hasCalled(mira: TestGuardian): boolean {
  using database = new Database(mira.paths.database, { readonly: true })
  const row = database.query("SELECT value FROM facts WHERE key LIKE 'called %'").get() as {
    value: string
  } | null
  return row !== null && (JSON.parse(row.value) as { port?: number }).port === mira.port
}

test("a Guardian that moved tells a peer that is off as soon as it runs, and once", async () => {
  const port = freePort()
  await using mira = await openGuardian({ kai: { pair: kai, port } })
  await moveMira(mira)
  await until("the search", () => mira.log().includes("kai was not found on another port"))
  const there = openKai(undefined, port)
  await until("the next try", () => there.asked.length === 1)
  expect(there.asked).toMatchObject([{ type: "hello", port: mira.port }])
  await until("the call to be noted", () => hasCalled(mira))
  await mira.restart()
  await callDoor(mira.paths, "agent", { op: "probe", name: "kai" })
  expect(there.asked).toHaveLength(2)
})

test("a peer that was off all the while is told at the next start, on the same port", async () => {
  const port = freePort()
  await using mira = await openGuardian({ kai: { pair: kai, port } })
  await moveMira(mira)
  await until("the search", () => mira.log().includes("kai was not found on another port"))
  const moved = mira.port
  const restarted = mira.restart()
  const there = openKai(undefined, port)
  await restarted
  await until("the hello", () => there.asked.length > 0)
  expect(mira.port).toBe(moved)
  expect(there.asked[0]).toMatchObject({ type: "hello", port: moved })
})

test("an address that its owner set in the file while the Guardian ran stays", async () => {
  const [old, other] = [openKai(), openKai()]
  await using mira = await openGuardian({ kai: { pair: kai, port: old.port } })
  edit(mira.paths.config, config => {
    config.agents.kai = { ...config.agents.kai, fixed: true }
  })
  await post(mira.port, hello({ port: other.port }))
  await until("the check", () => other.asked.length === 1)
  await mira.restart()
  expect(kaiOf(mira).port).toBe(old.port)
  expect(mira.log()).not.toContain("kai moved")
})

/** Pairs of which it is not known where they were reached; what a Guardian that runs holds is read at its next start. */
async function forgetReached(mira: TestGuardian): Promise<void> {
  edit(mira.paths.config, config => {
    delete config.agents.kai?.reached
  })
  await mira.restart()
}
const reachedOf = (mira: TestGuardian): unknown => readConfig(mira.paths.config).agents.kai?.reached
const send = (mira: TestGuardian): Promise<SendResult> => sendFrom(mira.paths, "kai")
const checkEnds = (mira: TestGuardian): Promise<unknown> =>
  until("the end of the check", () => mira.log().includes("does not answer there"))

test("an address that a new pair named is asked again where the first request was lost", async () => {
  await using mira = await openGuardian({ kai: { pair: kai, port: freePort() } })
  await forgetReached(mira)
  const lost = Promise.withResolvers<void>()
  let tries = 0
  const there = openKai()
  const relay = createServer(socket => {
    tries += 1
    socket.on("error", () => socket.destroy())
    if (tries === 1) void lost.promise.then(() => socket.destroy())
    else socket.pipe(dial(there.port, "127.0.0.1")).pipe(socket)
  })
  await new Promise<void>(resolve => relay.listen(0, "127.0.0.1", resolve))
  open.push({ stop: () => relay.close() })
  const { port } = relay.address() as { port: number }
  await post(mira.port, hello({ port }))
  await until("the first request", () => tries === 1)
  mira.pass(10_000)
  lost.resolve()
  await until("the address that it named", () => kaiOf(mira).port === port)
  expect([tries, reachedOf(mira)]).toEqual([2, "127.0.0.1"])
})

test("an address that was named in vain is asked again once the known one fails", async () => {
  const port = freePort()
  await using mira = await openGuardian({ kai: { pair: kai, port: freePort() } })
  await post(mira.port, hello({ port }))
  await checkEnds(mira)
  const there = openKai(undefined, port)
  mira.pass(10_000)
  await send(mira)
  await until("the address that it named", () => kaiOf(mira).port === port)
  await until("what waited", () => there.asked.some(body => body.type === "message"))
})

test("an address that was named in vain is forgotten once the known one answers", async () => {
  const old = openKai()
  await using mira = await openGuardian({ kai: { pair: kai, port: old.port } })
  const port = freePort()
  await post(mira.port, hello({ port }))
  await checkEnds(mira)
  expect(placesOf(mira)).toEqual({ [kai.id]: { host: "127.0.0.1", port } })
  const isAnswered = async (): Promise<boolean> => (await send(mira)).status === "accepted"
  await until("the known address to answer", isAnswered)
  // What the ask came to must not show before its time is over: until then it is as if the address were silent.
  expect(placesOf(mira)).toEqual({ [kai.id]: { host: "127.0.0.1", port } })
  mira.pass(10_000)
  await until("the known address to answer again", isAnswered)
  expect(placesOf(mira)).toEqual({})
})

function placesOf(mira: TestGuardian): unknown {
  using database = new Database(mira.paths.database, { readonly: true })
  const row = database.query("SELECT value FROM facts WHERE key = 'named places'").get()
  return JSON.parse((row as { value: string }).value)
}

test("an address that answered while the config could not be written is taken later", async () => {
  const there = openKai()
  await using mira = await openGuardian({ kai: { pair: kai, port: freePort() } })
  const good = readFileSync(mira.paths.config)
  writeFileSync(mira.paths.config, "{")
  await post(mira.port, hello({ port: there.port }))
  await until("the end of the check", () => mira.log().includes("an address was not settled"))
  writeFileSync(mira.paths.config, good)
  mira.pass(10_000)
  await send(mira)
  await until("the address that it named", () => kaiOf(mira).port === there.port)
})

test("a pair of a build that did not note where it was reached is searched where there was contact with it", async () => {
  const old = openKai()
  await using mira = await openGuardian({ kai: { pair: kai, port: old.port } })
  await forgetReached(mira)
  expect(reachedOf(mira)).toBeUndefined()
  await send(mira)
  await forgetReached(mira)
  expect(reachedOf(mira)).toBe("127.0.0.1")
})

test("a new pair that said hello and was never reached is not taken for one of an older build", async () => {
  await using mira = await openGuardian({ kai: { pair: kai, port: freePort() } })
  await forgetReached(mira)
  await post(mira.port, hello({ port: freePort() }))
  await checkEnds(mira)
  await mira.restart()
  expect(reachedOf(mira)).toBeUndefined()
})

test("a joiner whose first hello is lost says it again, and its own address is taken", async () => {
  world = createWorld()
  initAgent(world, "mira")
  const { port: miraPort } = await world.guard("mira")
  initAgent(world, "kai")
  edit(configPath("kai"), config => {
    config.listen = { host: "127.0.0.9", port: 0, names: ["127.0.0.9"] }
  })
  const { port } = await world.guard("kai")
  let hellos = 0
  const lossy = createServer(socket => {
    socket.on("error", () => socket.destroy())
    socket.once("data", first => {
      if (first.includes("POST /v1/messages")) hellos += 1
      if (hellos === 1) return socket.destroy()
      const there = dial(miraPort, "127.0.0.1")
      there.on("error", () => socket.destroy())
      there.write(first)
      socket.pipe(there).pipe(socket)
    })
  })
  // The joiner keeps the host it was told and the port that the minter says.
  await new Promise<void>(resolve => lossy.listen(miraPort, "127.0.0.3", resolve))
  open.push({ stop: () => lossy.close() })
  const minting = world.start("mira", ["pair", "--json"])
  const { lines } = jsonLines(minting)
  const code = await until("a code", () => lines.find(line => line.event === "code")?.code as string)
  const joining = finished(world.start("kai", ["pair", `${code}@127.0.0.3:${miraPort}`, "--json"]))
  await until("approval", async () => (await world?.sento("mira", ["approve"]))?.exit === 0)
  expect((await joining).exit).toBe(0)
  await until("its own address", () => addressOf(configPath("mira"), "kai").host === "127.0.0.9")
  expect(addressOf(configPath("mira"), "kai")).toEqual({ host: "127.0.0.9", port })
  expect(hellos).toBeGreaterThan(1)
}, 120_000)
