/** Collects that are not the peer's, or not the latest: they are handed nothing, and end nothing. */
import { afterEach, describe, expect, spyOn, test } from "bun:test"
import dns from "node:dns/promises"
import { readFileSync, writeFileSync } from "node:fs"
import { callDoor } from "../../src/guardian/door/client.ts"
import {
  type ClientPair,
  headerOf,
  newPair,
  packAnswer,
  post,
  type Request,
  signBytes,
  signPlain,
  stamp,
  uuidV7,
} from "../support/client.ts"
import {
  acceptedAnswer,
  type Collected,
  collectOf,
  empty,
  type Fields,
  type OpenCollect,
  openCollector,
  queue,
  sendCollect,
  type TestCollector,
} from "../support/collecting.ts"
import { openGuardian, sendFrom, type TestGuardian } from "../support/guardian.ts"
import { accepted, openPeer, signed } from "../support/peer.ts"
import { freePort } from "../support/ports.ts"
import { until } from "../support/world.ts"

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

type Scene = {
  readonly mira: TestGuardian
  readonly pair: ClientPair
  readonly eve: ClientPair
  readonly kai: TestCollector
  /** What kai has open. */
  readonly honest: OpenCollect
  /** An earlier collect of kai's, as somebody on the way recorded it. */
  readonly recorded: Request
}

/** mira can dial nobody; kai has a collect open, and eve is another peer. */
async function openScene(): Promise<Scene> {
  const [pair, eve] = [newPair(), newPair()]
  const mira = await openGuardian({ kai: { pair, fixed: true }, eve: { pair: eve, fixed: true } })
  open.push(mira)
  const kai = openCollector(mira, pair)
  await queue(mira, "kai", "first")
  const earlier = kai.collect()
  const first = await earlier.answer
  if (first.kind !== "carried") throw new Error("nothing was carried")
  const honest = kai.collect({ answer: packAnswer(pair, first, acceptedAnswer(first)) })
  await until("it to be open", () => mira.log().includes("accepted"))
  return { mira, pair, eve, kai, honest, recorded: earlier.request }
}

const textOf = (collected: Collected): unknown =>
  collected.kind === "carried" ? collected.body.text : collected

/** What is said now comes in what kai has open. */
async function comesStill({ mira, honest, kai, pair }: Scene, text: string): Promise<void> {
  const sending = sendFrom(mira.paths, "kai", text)
  const carried = await honest.answer
  expect(textOf(carried)).toBe(text)
  if (carried.kind !== "carried") return
  kai.collect({ waitSeconds: 0, answer: packAnswer(pair, carried, acceptedAnswer(carried)) })
  expect(await sending).toMatchObject({ status: "accepted" })
}

const altered = (request: Request): Request => {
  const body = Buffer.from(request.body)
  body[body.length - 1] = (body.at(-1) ?? 0) ^ 1
  return { ...request, body }
}

const withHeader = (request: Request, name: string, value: string): Request => ({
  ...request,
  headers: request.headers.map(([key, old]) => [key, key === name ? value : old] as const),
})

describe("hands over nothing and ends nothing: a collect", () => {
  test.each([
    [
      "that nobody signed",
      ({ mira, pair }) => collectOf({ ...pair, send: "00".repeat(32) }, mira.now + 50),
      403,
    ],
    ["whose bytes were changed", ({ mira, pair }) => altered(collectOf(pair, mira.now + 50)), 403],
    [
      "of the other direction's key",
      ({ mira, pair }) => collectOf({ ...pair, send: pair.receive }, mira.now + 50),
      403,
    ],
    [
      "of another peer in this pair's name",
      ({ mira, pair, eve }) => withHeader(collectOf(eve, mira.now + 50), "X-Sento-Pair", pair.id),
      403,
    ],
    [
      "of no pair",
      ({ mira, pair }) => withHeader(collectOf(pair, mira.now + 50), "X-Sento-Pair", "ab".repeat(16)),
      403,
    ],
    [
      "recorded, its time changed",
      ({ mira, recorded }) => withHeader(recorded, "X-Sento-Timestamp", stamp(mira.now + 50)),
      403,
    ],
    ["that is stale", ({ mira, pair }) => collectOf(pair, mira.now - 301_000), 401],
    ["from the future", ({ mira, pair }) => collectOf(pair, mira.now + 301_000), 401],
    ["with a wait too long", ({ mira, pair }) => collectOf(pair, mira.now + 50, { waitSeconds: 26 }), 400],
    ["that was played before", ({ recorded }) => recorded, 202],
    ["that is open", ({ honest }) => honest.request, 202],
    ["held back, and played after a later one", ({ mira, pair }) => collectOf(pair, mira.now - 1000), 202],
    [
      "held back, with an answer that somebody else made",
      ({ mira, pair }) =>
        collectOf(pair, mira.now - 1000, { answer: { status: 202, headers: {}, body: "e30" } }),
      202,
    ],
  ] as const satisfies readonly [string, (scene: Scene) => Request, number][])(
    "%s",
    async (_, make, status) => {
      const scene = await openScene()
      const collected = await sendCollect(scene.mira.port, scene.pair, make(scene)).answer
      if (status === 403) expect(collected).toEqual({ kind: "unsigned", status })
      else expect(collected).toMatchObject({ kind: "word", word: { status } })
      if (status === 202) expect(collected).toMatchObject({ word: { state: "duplicate" } })
      await comesStill(scene, "still")
    },
  )

  test("of another peer's own: it has its own, and only that", async () => {
    const scene = await openScene()
    expect(await openCollector(scene.mira, scene.eve).collect({ waitSeconds: 0 }).answer).toMatchObject({
      word: { status: 202, state: "accepted" },
    })
    await comesStill(scene, "still")
  })
})

test("a collect played a hundred times takes no room from the real one, and none of its messages", async () => {
  const scene = await openScene()
  const { mira, pair, recorded } = scene
  const words = await Promise.all(
    Array.from({ length: 100 }, () => sendCollect(mira.port, pair, recorded).answer),
  )
  const statuses = words.map(one => (one.kind === "word" ? one.word.status : one.kind))
  expect([...new Set(statuses)].sort()).toEqual([202, 429])
  await comesStill(scene, "still")
})

test("a later collect ends the open one with a signed 409, and what comes goes to the later", async () => {
  const scene = await openScene()
  const later = scene.kai.collect()
  expect(await scene.honest.answer).toMatchObject({ word: { status: 409, error: "replaced" } })
  await comesStill({ ...scene, honest: later }, "to the later")
})

test("an answer to a collect tells a stranger as little of an open one as of none", async () => {
  const { mira, pair } = await openScene()
  const forged = [pair.id, "ab".repeat(16)].map(id => collectOf({ ...newPair(), id }, mira.now + 50))
  const answers = await Promise.all(forged.map(request => post(mira.port, request)))
  expect(answers[0]).toEqual(answers[1] as (typeof answers)[0])
  expect(answers[0]).toMatchObject({ status: 403, body: Buffer.alloc(0) })
})

test("where the clock of both was set back, the next collect counts", async () => {
  const { mira, pair, honest } = await openScene()
  honest.close()
  mira.now -= 24 * 60 * 60 * 1000
  const after = sendCollect(mira.port, pair, collectOf(pair, mira.now, { waitSeconds: 0 }))
  expect(await after.answer).toMatchObject({ word: { status: 202, state: "accepted" } })
  const again = sendCollect(mira.port, pair, after.request)
  expect(await again.answer).toMatchObject({ word: { status: 202, state: "duplicate" } })
})

/** kai has taken a message, whose answer is to come. */
async function openTaken() {
  const pair = newPair()
  const mira = await openGuardian({ kai: { pair, fixed: true } })
  open.push(mira)
  const kai = openCollector(mira, pair)
  await queue(mira, "kai", "one", "two")
  return { mira, pair, kai, one: await kai.take() }
}

const stateOf = async ({ paths }: TestGuardian, text: string): Promise<unknown> =>
  (await callDoor(paths, "agent", { op: "log", limit: 100 })).find(entry => entry.text === text)?.state

describe("is none: a carried answer", () => {
  type Taken = Awaited<ReturnType<typeof openTaken>>
  const packed = ({ pair, one }: Taken, keys: Partial<ClientPair>, content: Fields = {}): Fields =>
    packAnswer({ ...pair, ...keys }, one, { ...acceptedAnswer(one), ...content })

  test.each([
    ["that nobody signed", taken => packed(taken, { send: "00".repeat(32) })],
    ["signed with the other direction's key", taken => packed(taken, { send: taken.pair.receive })],
    ["without a signature", taken => ({ ...packed(taken, {}), headers: {} })],
    ["of another status than it says", taken => ({ ...packed(taken, {}), status: 400 })],
    ["to another id", taken => packed(taken, {}, { id: uuidV7(taken.mira.now) })],
    ["to another request", taken => packed(taken, {}, { re: "ab".repeat(32) })],
    ["that says it was replaced", taken => packed(taken, {}, { status: 409, error: "replaced" })],
    [
      "that is a request of the peer's",
      ({ mira, pair }) => {
        const unpair = signPlain(pair, {
          v: 1,
          id: uuidV7(mira.now),
          timestamp: stamp(mira.now),
          type: "unpair",
        })
        return {
          status: 200,
          headers: { "X-Sento-Signature": unpair.signature },
          body: unpair.body.toString("base64url"),
        }
      },
    ],
    ["that did not come", () => undefined],
  ] as const satisfies readonly [string, (taken: Taken) => Fields | undefined][])("%s", async (_, make) => {
    const taken = await openTaken()
    const answer = make(taken)
    await taken.kai.collect({ waitSeconds: 0, ...(answer === undefined ? {} : { answer }) }).answer
    expect([await stateOf(taken.mira, "one"), await stateOf(taken.mira, "two")]).toEqual(["queued", "queued"])
    taken.mira.pass(2000)
    expect(await taken.kai.fetch(2)).toEqual(["one", "two"])
  })

  test("that belongs to the message before", async () => {
    const taken = await openTaken()
    const { kai, mira, pair, one } = taken
    const answer = packAnswer(pair, one, acceptedAnswer(one))
    const two = await kai.take({ answer })
    expect([await stateOf(mira, "one"), two.body.text]).toEqual(["accepted", "two"])
    await kai.collect({ waitSeconds: 0, answer }).answer
    expect(await stateOf(mira, "two")).toBe("queued")
  })

  test("that comes when its time was over, as for what was never carried", async () => {
    const { kai, mira, pair, one } = await openTaken()
    const answer = packAnswer(pair, one, acceptedAnswer(one))
    await mira.restart()
    await kai.collect({ waitSeconds: 0, answer }).answer
    await kai.collect({ waitSeconds: 0, answer }).answer
    expect(await stateOf(mira, "one")).toBe("queued")
    // A collect that is not held may have taken it, too: then it is tried again after its back-off.
    let isOver = false
    const fetched = kai.fetch(2).finally(() => {
      isOver = true
    })
    await until("both", () => {
      mira.pass(1000)
      return isOver
    })
    expect(await fetched).toEqual(["one", "two"])
  })
})

test("an answer that no collect can bring is refused, and the real one counts after it", async () => {
  const { kai, mira, pair, one } = await openTaken()
  const answer = packAnswer(pair, one, acceptedAnswer(one))
  const long = { ...answer, body: "A".repeat(6000) }
  expect(await kai.collect({ answer: long }).answer).toMatchObject({ word: { status: 400 } })
  expect((await kai.take({ answer })).body.text).toBe("two")
  expect(await stateOf(mira, "one")).toBe("accepted")
})

test("a collect says nothing in its headers that its signature does not cover", async () => {
  const { mira, pair } = await openScene()
  const body = Buffer.from(
    JSON.stringify({
      v: 1,
      id: uuidV7(mira.now),
      timestamp: stamp(mira.now + 60),
      type: "collect",
      waitSeconds: 0,
    }),
  )
  const request = signBytes(pair, body, stamp(mira.now + 61), false)
  const answer = await post(mira.port, request)
  expect([answer.status, headerOf(answer, "x-sento-signature")]).toEqual([403, null])
})

/** kai is known by a name, which leads where `leadsTo` says. */
async function openNamed(pair: ClientPair, port: number, leadsTo: () => string): Promise<TestGuardian> {
  const lookup = spyOn(dns, "lookup").mockImplementation((async () => ({
    address: leadsTo(),
    family: 4,
  })) as unknown as typeof dns.lookup)
  open.push({ [Symbol.asyncDispose]: async () => lookup.mockRestore() })
  const mira = await openGuardian({ kai: { pair, port } })
  open.push(mira)
  const config = JSON.parse(readFileSync(mira.paths.config, "utf8"))
  config.agents.kai.host = "kai.localhost"
  writeFileSync(mira.paths.config, JSON.stringify(config))
  await mira.restart()
  return mira
}

test("a collect that fails where a holder's name leads elsewhere takes as long as where nothing answers", async () => {
  const pair = newPair()
  const end = Promise.withResolvers<Response>()
  let held = 0
  const kai = await openPeer(pair, asked => {
    if (asked.body.type !== "collect")
      return signed(pair, { ...accepted(asked), missed: true }, asked.isSealed)
    if (asked.body.waitSeconds === 0) return empty(pair, asked)
    held += 1
    return end.promise
  })
  open.push(kai)
  let leadsTo = "127.0.0.1"
  const elsewhere: number[] = []
  const mira = await openNamed(pair, kai.port, () => {
    if (leadsTo !== "127.0.0.1") elsewhere.push(performance.now())
    return leadsTo
  })
  await sendFrom(mira.paths, "kai")
  await until("a collect that is held", () => held > 0)
  leadsTo = "127.0.0.9"
  end.resolve(new Response(null, { status: 500 }))
  await until("the look-up after the first one there", () => elsewhere.length > 1)
  const [first = 0, second = 0] = elsewhere
  expect(second - first).toBeGreaterThan(9_900)
}, 120_000)

test("a collect ends a dial that was refused where the name leads elsewhere, as one that hangs", async () => {
  const pair = newPair()
  let lookUps = 0
  const mira = await openNamed(pair, freePort(), () => {
    lookUps += 1
    return "127.0.0.9"
  })
  void sendFrom(mira.paths, "kai", "handed over")
  await until("the dial", () => lookUps > 0)
  await Bun.sleep(500)
  const began = performance.now()
  expect(textOf(await openCollector(mira, pair).collect().answer)).toBe("handed over")
  // Without, it would last until the dial's end, at 15 s.
  expect(performance.now() - began).toBeLessThan(12_000)
}, 120_000)
