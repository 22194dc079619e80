/** Two Guardians of which only one can be dialled: what the other fetches, in which order, and who believes what. */
import { Database } from "bun:sqlite"
import { afterEach, describe, expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { callDoor } from "../../../src/guardian/door/client.ts"
import { graceSeconds } from "../../../src/protocol/collects.ts"
import { mostWaitSeconds } from "../../../src/protocol/messages.ts"
import { type ClientPair, newPair, openExchange, spell } from "../../support/client.ts"
import { collectOf, openCollector, queue, type TestCollector } from "../../support/collecting.ts"
import { openGuardian, sendFrom, type TestGuardian } from "../../support/guardian.ts"
import { accepts, openPeer } from "../../support/peer.ts"
import { freePort } from "../../support/ports.ts"
import { plainEnvironment, until } from "../../support/world.ts"

const main = join(import.meta.dir, "../../../src/main.ts")

const turned = ({ id, send, receive }: ClientPair): ClientPair => ({ id, send: receive, receive: send })

type Two = { readonly mira: TestGuardian; readonly kai: TestGuardian; readonly pair: ClientPair }

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

/**
 * mira listens where kai dials; kai's address at mira is one where nothing listens, by its owner's word, until kai
 * can be dialled.
 */
async function openTwo({ isDialled = false } = {}): Promise<Two> {
  const pair = newPair()
  const kaiPort = freePort()
  const mira = await openGuardian({ kai: { pair, fixed: true, ...(isDialled ? { port: kaiPort } : {}) } })
  open.push(mira)
  const peers = { mira: { pair: turned(pair), port: mira.port, fixed: true } }
  const listen = { host: "127.0.0.1", port: kaiPort, names: [] }
  const kai = await openGuardian(peers, [], { name: "kai", listen })
  open.push(kai)
  // Another test may have taken the port meanwhile.
  return kai.port === kaiPort ? { mira, kai, pair } : openTwo({ isDialled })
}

/** … and kai collects, because it heard that something was missed. */
async function openCollecting(options: Parameters<typeof openTwo>[0] = {}): Promise<Two> {
  const two = await openTwo(options)
  await queue(two.mira, "kai", "first")
  await sendFrom(two.kai.paths, "mira", "hello")
  await until("the first", async () => (await received(two.kai)).length === 1)
  return two
}

/** What a Guardian has from its peer, the oldest first. */
async function received({ paths }: TestGuardian): Promise<string[]> {
  using database = new Database(paths.database, { readonly: true })
  return database
    .query<{ text: string }, []>("SELECT text FROM inbox ORDER BY seq")
    .all()
    .map(({ text }) => text)
}

async function sent({ paths }: TestGuardian): Promise<string[]> {
  const entries = await callDoor(paths, "agent", { op: "log", limit: 1000 })
  return entries.filter(one => one.direction === "out").map(one => one.text)
}

const hasReceived = (guardian: TestGuardian, ...texts: string[]): Promise<unknown> =>
  until(`${texts.length} to be there`, async () => Bun.deepEquals(await received(guardian), texts))

const pass = (milliseconds: number, ...guardians: TestGuardian[]): void => {
  for (const guardian of guardians) guardian.pass(milliseconds)
}

test("what cannot be dialled is fetched: at the word that something was missed", async () => {
  const { mira, kai } = await openTwo()
  const first = await sendFrom(mira.paths, "kai", "one")
  expect(first.status).toBe("queued")
  // kai says anything: it hears that something waits for it.
  await sendFrom(kai.paths, "mira", "hello")
  await until("the first", async () => (await received(kai)).length === 1)
  for (const text of ["two", "three", "four"])
    expect((await sendFrom(mira.paths, "kai", text)).status).not.toBe("queued")
  expect(await received(kai)).toEqual(["one", "two", "three", "four"])
  expect(kai.log()).toContain("fetches mira's messages from there")
})

test("what waits is carried in the order in which it was sent, each once, past a 429 in the middle", async () => {
  const { mira, kai } = await openTwo()
  const texts = Array.from({ length: 14 }, (_, i) => `message ${i}`)
  await queue(mira, "kai", ...texts)
  await sendFrom(kai.paths, "mira", "hello")
  await hasReceived(kai, ...texts.slice(0, 10))
  pass(61_000, kai, mira)
  await until("the others", async () => {
    pass(1000, mira, kai)
    return (await received(kai)).length >= 14
  })
  expect(await received(kai)).toEqual(texts)
})

describe("each message arrives once, in order, where", () => {
  const texts = ["one", "two", "three", "four"]
  test.each([
    ["the holder is restarted while a collect is open", ({ mira }) => mira.restart()],
    ["the collector is restarted while its collect is open", ({ kai }) => kai.restart()],
    ["both are", ({ mira, kai }) => Promise.all([mira.restart(), kai.restart()])],
  ] as const satisfies readonly [string, (two: Two) => Promise<unknown>][])("%s", async (_, restart) => {
    const two = await openCollecting()
    const sending: Promise<unknown>[] = []
    for (const [i, text] of texts.entries()) {
      if (i % 2 === 0) await restart(two)
      sending.push(sendFrom(two.mira.paths, "kai", text))
      await until("it to be kept", async () => (await sent(two.mira)).includes(text))
    }
    await until("all", async () => {
      pass(5_000, two.mira, two.kai)
      return (await received(two.kai)).length === 5
    })
    expect(await received(two.kai)).toEqual(["first", ...texts])
    await Promise.allSettled(sending)
  })
})

/** mira, and a kai that is the test's own client; what mira dials, it answers. */
async function openClient(
  port?: number,
): Promise<{ mira: TestGuardian; kai: TestCollector; pair: ClientPair }> {
  const pair = newPair()
  const mira = await openGuardian({ kai: { pair, fixed: true, ...(port === undefined ? {} : { port }) } })
  open.push(mira)
  return { mira, kai: openCollector(mira, pair), pair }
}

test("a connection that dies silently: what was put into it comes with the next collect, within a minute", async () => {
  const { mira, kai } = await openClient()
  await queue(mira, "kai", "into the void", "behind it")
  // Its answer never gets there, and nobody sees that.
  await kai.take()
  // The collector gives it up 35 s after it asked, and comes again a second later.
  mira.pass((mostWaitSeconds + graceSeconds) * 1000 + 1000)
  await kai.collect({ waitSeconds: 0 }).answer
  await until("its failure", () => mira.log().includes("the peer's answer did not come"))
  expect(await kai.fetch(2)).toEqual(["into the void", "behind it"])
})

test("a message that was dialled is cut short by a collect, and carried", async () => {
  const silent = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Promise<Response>(() => {}) })
  open.push({ [Symbol.asyncDispose]: () => silent.stop(true) })
  const { mira, kai } = await openClient(silent.port)
  const sending = sendFrom(mira.paths, "kai", "one")
  await until("it to be dialled", () => silent.pendingRequests > 0)
  expect(await kai.fetch(1)).toEqual(["one"])
  expect((await sending).status).toBe("accepted")
})

test("a peer that never reads what is carried to it holds up nobody else", async () => {
  const [pair, other] = [newPair(), newPair()]
  const mira = await openGuardian({ kai: { pair, fixed: true }, lee: { pair: other, fixed: true } })
  open.push(mira)
  await queue(mira, "kai", "x".repeat(30_000))
  await queue(mira, "lee", "one", "two")
  const { socket } = openExchange(mira.port, spell(mira.port, collectOf(pair, mira.now)))
  socket.pause()
  expect(await openCollector(mira, other).fetch(2)).toEqual(["one", "two"])
  socket.destroy()
})

test("a peer that takes and never answers holds up nobody else", async () => {
  const [pair, other] = [newPair(), newPair()]
  const mira = await openGuardian({ kai: { pair, fixed: true }, lee: { pair: other, fixed: true } })
  open.push(mira)
  const [kai, lee] = [openCollector(mira, pair), openCollector(mira, other)]
  await queue(mira, "kai", "taken")
  await queue(mira, "lee", "one", "two")
  await kai.take()
  expect(await lee.fetch(2)).toEqual(["one", "two"])
})

function contactOf({ paths }: TestGuardian, pair: ClientPair): number | null {
  using database = new Database(paths.database, { readonly: true })
  const row = database
    .query<{ at: number }, { $pair: string }>("SELECT last_contact_at AS at FROM peers WHERE pair = $pair")
    .get({ $pair: pair.id })
  return row?.at ?? null
}

function seedCalled({ paths }: TestGuardian, pair: ClientPair, value: unknown): void {
  using database = new Database(paths.database)
  database
    .query(
      "INSERT INTO facts (key, value) VALUES ($key, $value) ON CONFLICT (key) DO UPDATE SET value = $value",
    )
    .run({ $key: `called ${pair.id}`, $value: JSON.stringify(value) })
}

describe("whatever kai believes of its being dialled, a message gets through", () => {
  const beliefs = [
    ["that it was called", (port: number) => ({ host: "127.0.0.1", port })],
    ["that it was called elsewhere", () => ({ host: "127.0.0.1", port: 1 })],
    ["that it was not called", () => false],
    ["nothing", () => null],
  ] as const
  const cases = beliefs.flatMap(([belief, kept]) =>
    [true, false].map(isDialled => [belief, isDialled ? "can" : "cannot", kept, isDialled] as const),
  )

  test.each(cases)("%s, where it %s be: when it says anything", async (_, __, kept, isDialled) => {
    const { mira, kai, pair } = await openTwo({ isDialled })
    seedCalled(kai, pair, kept(kai.port))
    await kai.restart()
    const { status } = await sendFrom(mira.paths, "kai", "for you")
    expect(isDialled ? status === "accepted" : true).toBe(true)
    await sendFrom(kai.paths, "mira", "anything")
    await hasReceived(kai, "for you")
    expect(await received(mira)).toEqual(["anything"])
  })

  test.each(cases.filter(([, , , isDialled]) => !isDialled))(
    "%s, where it %s be: within six hours, though nobody says anything",
    async (_, __, kept) => {
      const { mira, kai, pair } = await openTwo()
      seedCalled(kai, pair, kept(kai.port))
      await kai.restart()
      await sendFrom(mira.paths, "kai", "for you")
      const isThere = async (): Promise<boolean> => (await received(kai)).length === 1
      // What an asking brings takes moments of its own, in which the clock is not turned.
      for (let hours = 0; hours < 6; hours += 0.5) {
        pass(30 * 60_000, mira, kai)
        if (await until("it to be there", isThere, 300).catch(() => false)) break
      }
      await until("it to be there", isThere)
    },
  )
})

describe("whatever mira believes of kai's collecting, a message gets through:", () => {
  test("it does no more: it is waited for a minute, with no dial, and then dialled", async () => {
    const pair = newPair()
    const there = await openPeer(pair, accepts(pair))
    open.push(there)
    const mira = await openGuardian({ kai: { pair, port: there.port, fixed: true } })
    open.push(mira)
    const collect = openCollector(mira, pair).collect()
    await until("it to be open", () => contactOf(mira, pair) === mira.now)
    collect.close()
    await collect.answer
    const sending = sendFrom(mira.paths, "kai", "late")
    await until("it to be kept", async () => (await mira.status()).waiting.outbox === 1)
    mira.pass(58_000)
    expect(there.count()).toBe(0)
    mira.pass(3000)
    expect((await sending).status).toBe("accepted")
    // A hello may follow it.
    expect(there.asked.flatMap(({ body }) => (body.type === "message" ? [body.text] : []))).toEqual(["late"])
  })

  test("it never heard of it, as it was started anew", async () => {
    const { mira, kai } = await openCollecting()
    await mira.restart()
    await sendFrom(mira.paths, "kai", "after the start")
    await until("it to be there", async () => {
      pass(5000, mira, kai)
      return (await received(kai)).length === 2
    })
  })
})

test("the shell client: what it sends arrives, and what waits for it waits", async () => {
  const { mira, pair } = await openClient()
  mira.now = Date.now()
  await queue(mira, "kai", "for a shell")
  const home = mkdtempSync(join(tmpdir(), "sento-shell-"))
  open.push({ [Symbol.asyncDispose]: async () => rmSync(home, { recursive: true }) })
  const peer = { id: pair.id, host: "127.0.0.1", port: mira.port, sendKey: pair.send }
  writeFileSync(join(home, ".sento-config.json"), JSON.stringify({ agents: { mira: peer } }))
  const child = Bun.spawn(["sh", join(import.meta.dir, "../../../docs/send.sh"), "mira", "from a shell"], {
    env: { ...plainEnvironment, SENTO_HOME: home },
    stdio: ["ignore", "pipe", "inherit"],
  })
  const said = JSON.parse(await child.stdout.text())
  expect(said).toMatchObject({ status: 202, state: "accepted", missed: true })
  expect(await received(mira)).toEqual(["from a shell"])
  expect((await mira.status()).waiting.outbox).toBe(1)
})

describe("the end of a pair", () => {
  const configOf = ({ paths }: TestGuardian): Promise<string> => Bun.file(paths.config).text()
  /** By a process that is no child of the Guardian, which is in this one. */
  const remove = ({ paths }: TestGuardian, name: string): void => {
    const words = ["setsid", "-f", process.execPath, main, "agents", "remove", name]
    Bun.spawn(words, {
      env: { ...plainEnvironment, SENTO_HOME: paths.home },
      stdio: ["ignore", "ignore", "inherit"],
    })
  }

  test("is carried in the open collect: the collector's keys are gone, and nothing of it is typed", async () => {
    const { mira, kai, pair } = await openCollecting()
    remove(mira, "kai")
    await until("its keys to be gone", async () => !(await configOf(kai)).includes(pair.id))
    expect(kai.log()).toContain("revoked by mira")
    expect(await received(kai)).toEqual(["first"])
    const { length } = mira.log()
    pass(120_000, mira, kai)
    await kai.restart()
    expect([kai.log().includes("bug"), mira.log().slice(length).includes("unknown pair")]).toEqual([
      false,
      false,
    ])
  })

  test("where none is open, it comes in the answer to the next request of that pair, once a minute", async () => {
    const { mira, kai, pair } = await openTwo()
    remove(mira, "kai")
    await until("its end here", async () => !(await configOf(mira)).includes(pair.id))
    const sending = sendFrom(kai.paths, "mira", "still there?").catch(error => error)
    await until("its keys to be gone", async () => !(await configOf(kai)).includes(pair.id))
    await sending
  })

  test("… with the same bytes for a minute, so that nobody uses them up; after a day there is the one 403", async () => {
    const { mira, kai, pair } = await openClient()
    remove(mira, "kai")
    await until("its end here", async () => !(await configOf(mira)).includes(pair.id))
    const says = async (): Promise<unknown> => {
      const collected = await kai.collect({ waitSeconds: 0 }).answer
      return collected.kind === "carried" ? [collected.body.type, collected.body.id] : collected
    }
    const first = await says()
    expect(first).toEqual(["unpair", expect.any(String)])
    mira.pass(59_000)
    expect(await says()).toEqual(first)
    mira.pass(2000)
    const second = await says()
    expect(second).toEqual(["unpair", expect.any(String)])
    expect(second).not.toEqual(first)
    mira.pass(24 * 60 * 60 * 1000)
    expect(await says()).toEqual({ kind: "unsigned", status: 403 })
  })

  test("by the one that collects: what it had open is closed, and the holder forgets it", async () => {
    const { mira, kai, pair } = await openCollecting()
    remove(kai, "mira")
    await until("its keys to be gone", async () => !(await configOf(mira)).includes(pair.id))
    expect(mira.log()).toContain("revoked by kai")
    expect(await Promise.all([configOf(kai), configOf(mira)])).not.toContain(pair.id)
    using database = new Database(kai.paths.database, { readonly: true })
    const keys = database.query<{ key: string }, []>("SELECT key FROM facts").all()
    expect(keys.filter(({ key }) => key.startsWith("called "))).toEqual([])
  })
})
