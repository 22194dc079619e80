/** Recorded requests sent again: at once, later, after a restart, with a clock that is wrong, to somebody else. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { ask, type Besieged, besiege, hasClock, oneAnswer, told } from "../support/besieged.ts"
import {
  type ClientPair,
  messageBody,
  openCarried,
  post,
  type Request,
  signPlain,
  signSealed,
  stamp,
  uuidV7,
} from "../support/client.ts"

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

let mira: Besieged
beforeAll(async () => {
  mira = await besiege({ peers: 30 })
})
afterAll(() => mira.close())

const accepted = { status: 202, state: "accepted" }
const duplicate = { status: 202, state: "duplicate" }
const stale = { status: 401, error: "timestamp" }

/** How often a text is in the inbox: more than once would be a replay that worked. */
const countOf = (pair: ClientPair): number =>
  mira.query<{ n: number }>("SELECT count(*) AS n FROM inbox WHERE pair = ?", pair.id)[0]?.n ?? -1

async function restart(offsetMilliseconds = 0): Promise<void> {
  await mira.stop("SIGKILL")
  await mira.start({ SENTO_CLOCK_OFFSET: String(offsetMilliseconds / second) })
}

/** As if everything that the Guardian remembers had happened earlier: time passes without a test that waits. */
function letPass(milliseconds: number): void {
  for (const change of [
    "UPDATE seen SET first_at = first_at - ?1, last_at = last_at - ?1",
    "UPDATE other_requests SET at = at - ?1",
  ])
    mira.query(change, milliseconds)
}

test("a message played again at once is a duplicate, sealed or plain, and is kept once", async () => {
  for (const sign of [signPlain, signSealed]) {
    const { pair } = mira.peer()
    const recorded = sign(pair, messageBody(Date.now()))
    expect(await ask(mira, pair, recorded)).toMatchObject(accepted)
    for (let i = 0; i < 3; i += 1) expect(await ask(mira, pair, recorded)).toMatchObject(duplicate)
    expect(countOf(pair)).toBe(1)
  }
})

test("twenty copies of one message at the same instant are kept once", async () => {
  const { pair } = mira.peer()
  const recorded = signSealed(pair, messageBody(Date.now()))
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(mira, pair, recorded)))
  expect(answers.map(answer => answer.state).sort()).toEqual(["accepted", ...Array(19).fill("duplicate")])
  expect(countOf(pair)).toBe(1)
})

test("a message played again after a kill -9 is a duplicate", async () => {
  const { pair } = mira.peer()
  const recorded = signPlain(pair, messageBody(Date.now()))
  expect(await ask(mira, pair, recorded)).toMatchObject(accepted)
  await restart()
  expect(await ask(mira, pair, recorded)).toMatchObject(duplicate)
  expect(countOf(pair)).toBe(1)
})

test.skipIf(!hasClock).each([
  ["ahead and back again", [20 * minute, 0], stale],
  ["back", [-4 * minute], duplicate],
  ["back by a day", [-day], stale],
] as const)("a message played again after the clock was set %s is not taken", async (_, offsets, last) => {
  const { pair } = mira.peer()
  const recorded = signPlain(pair, messageBody(Date.now()))
  expect(await ask(mira, pair, recorded)).toMatchObject(accepted)
  const answers = []
  for (const offset of offsets) {
    await restart(offset)
    answers.push(await ask(mira, pair, recorded))
  }
  expect(answers[0]).toMatchObject(last)
  for (const answer of answers) expect(answer.state).not.toBe("accepted")
  expect(countOf(pair)).toBe(1)
  await restart()
})

test("a message that is sent on under another peer's pair is refused", async () => {
  const [pair, other] = [mira.peer().pair, mira.peer().pair]
  const recorded = signSealed(pair, messageBody(Date.now()))
  const readdressed: Request = {
    ...recorded,
    headers: recorded.headers.map(
      ([key, value]) => [key, key === "X-Sento-Pair" ? other.id : value] as const,
    ),
  }
  expect(await told(mira, readdressed)).toEqual(oneAnswer)
  expect([countOf(pair), countOf(other)]).toEqual([0, 0])
})

test.each([
  ["a stale one", -301],
  ["one from the future", 301],
  ["one of ten years ago", -10 * 365 * 24 * 3600],
] as const)("timestamps: %s gets a signed 401 and is not kept", async (_, seconds) => {
  const { pair } = mira.peer()
  const late = signPlain(pair, messageBody(Date.now() + seconds * second))
  expect(await ask(mira, pair, late)).toMatchObject(stale)
  expect(countOf(pair)).toBe(0)
})

test("a stale message whose timestamp header was rewritten is refused", async () => {
  const { pair } = mira.peer()
  const recorded = signPlain(pair, messageBody(Date.now() - 15 * minute))
  const fresh = (value: string): Request => ({
    ...recorded,
    headers: recorded.headers.map(([key, old]) => [key, key === "X-Sento-Timestamp" ? value : old] as const),
  })
  for (const value of [stamp(Date.now()), stamp(Date.now()).replace("Z", "+00:00")])
    expect(await told(mira, fresh(value))).toEqual(oneAnswer)
})

test("an id that was seen is a duplicate after 15 minutes, a day and a restart, newly signed or not", async () => {
  const { pair } = mira.peer()
  const id = uuidV7(Date.now())
  const send = () => ask(mira, pair, signPlain(pair, messageBody(Date.now(), { id })))
  expect(await send()).toMatchObject(accepted)
  for (const time of [15 * minute, day]) {
    letPass(time)
    expect(await send()).toMatchObject(duplicate)
    await restart()
    expect(await send()).toMatchObject(duplicate)
  }
  expect(countOf(pair)).toBe(1)
})

test("a third party's replays drain no quota of new messages, nor that of another peer", async () => {
  const [pair, other] = [mira.peer().pair, mira.peer().pair]
  const recorded = signPlain(pair, messageBody(Date.now()))
  expect(await ask(mira, pair, recorded)).toMatchObject(accepted)
  const replays = await Promise.all(Array.from({ length: 100 }, () => ask(mira, pair, recorded)))
  expect(replays.filter(answer => answer.status === 202)).toHaveLength(60)
  expect(replays.filter(answer => answer.status === 429)).toHaveLength(40)
  for (const one of [pair, other])
    for (let i = 0; i < 9; i += 1)
      expect(await ask(mira, one, signPlain(one, messageBody(Date.now())))).toMatchObject(accepted)
})

test.each([
  ["a message", {}],
  ["a hello", { type: "hello", port: 1 }],
  ["a receipt", { type: "receipt", of: uuidV7(1), state: "held" }],
  ["what is stale", { timestamp: stamp(Date.now() - hour) }],
  ["what is no message", { type: "shout" }],
  ["a message of yesterday", { createdAt: stamp(Date.now() - 25 * hour) }],
] as const)(
  "one recording of %s, played again for ever, keeps out no hello, receipt, retry or unpair of the pair",
  async (_, fields) => {
    const { pair } = mira.peer()
    const sign = (more: Record<string, unknown>) => signPlain(pair, messageBody(Date.now(), more))
    const message = uuidV7(Date.now())
    expect(await ask(mira, pair, sign({ id: message }))).toMatchObject(accepted)
    const recorded = sign(fields)
    const replays = await Promise.all(Array.from({ length: 100 }, () => ask(mira, pair, recorded)))
    expect(replays.filter(answer => answer.status === 429).length).toBeGreaterThanOrEqual(39)
    for (const type of ["hello", "receipt", "hello"])
      expect(await ask(mira, pair, sign({ type, port: 1, of: uuidV7(2), state: "held" }))).toMatchObject(
        accepted,
      )
    expect(await ask(mira, pair, sign({ id: message }))).toMatchObject(duplicate)
    expect(await ask(mira, pair, sign({ type: "unpair" }))).toMatchObject(accepted)
  },
)

test("a recording that is played again shows no contact with a peer that is silent", async () => {
  const { pair } = mira.peer()
  const lastContact = (): unknown =>
    mira.query<{ at: number }>("SELECT last_contact_at AS at FROM peers WHERE pair = ?", pair.id)[0]?.at
  const recorded = signPlain(pair, messageBody(Date.now()))
  const stale = signPlain(pair, messageBody(Date.now() - hour))
  expect(await ask(mira, pair, recorded)).toMatchObject(accepted)
  const at = lastContact()
  for (const one of [recorded, stale]) await ask(mira, pair, one)
  expect(lastContact()).toBe(at)
})

test("what was recorded of a pair is worth nothing once the pair is removed, nor is its stolen config", async () => {
  const { name, pair } = mira.peer()
  const recorded = signSealed(pair, messageBody(Date.now()))
  expect(await ask(mira, pair, recorded)).toMatchObject(accepted)
  expect((await mira.world.sento("mira", ["agents", "remove", name])).exit).toBe(0)
  for (const restarted of [false, true]) {
    if (restarted) await restart()
    await expectEnd(pair, recorded)
    await expectEnd(pair, signSealed(pair, messageBody(Date.now())))
    await expectEnd(pair, signPlain(pair, messageBody(Date.now(), { type: "hello", port: 9 })))
    expect(Object.keys(mira.config().agents)).not.toContain(name)
  }
})

/** Whoever knows the pair's id is told that it has ended, and nothing else. */
async function expectEnd(pair: ClientPair, request: Request): Promise<void> {
  expect(openCarried(pair, await post(mira.port, request)).body.type).toBe("unpair")
}

test("a removed pair stays removed where an old copy of the config brings it back", async () => {
  const { name, pair } = mira.peer()
  const copy = readFileSync(mira.paths.config)
  expect((await mira.world.sento("mira", ["agents", "remove", name])).exit).toBe(0)
  await mira.stop("door")
  writeFileSync(mira.paths.config, copy)
  await mira.start()
  await expectEnd(pair, signSealed(pair, messageBody(Date.now())))
  expect(Object.keys(mira.config().agents)).not.toContain(name)
})

test("with an old copy of sento.db, what was recorded more than 5 minutes ago is refused as stale", async () => {
  const { pair } = mira.peer()
  await mira.stop("door")
  copyFileSync(mira.paths.database, `${mira.paths.database}.copy`)
  await mira.start({ SENTO_CLOCK_OFFSET: String((-6 * minute) / second) })
  const recorded = signPlain(pair, messageBody(Date.now() - 6 * minute))
  expect((await ask(mira, pair, recorded)).state).toBe(hasClock ? "accepted" : undefined)
  await mira.stop("door")
  for (const end of ["-wal", "-shm"]) rmSync(mira.paths.database + end, { force: true })
  copyFileSync(`${mira.paths.database}.copy`, mira.paths.database)
  await mira.start()
  expect(await ask(mira, pair, recorded)).toMatchObject(stale)
  expect(countOf(pair)).toBe(0)
})
