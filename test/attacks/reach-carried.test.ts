/** What a Guardian that collects can be given in the answer, by the peer or by whoever is on the way. */

import { Database } from "bun:sqlite"
import { afterEach, describe, expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { callDoor } from "../../src/guardian/door/client.ts"
import { type ClientPair, newPair, post, type Request, signSealed, stamp, uuidV7 } from "../support/client.ts"
import { carrying, empty, type Fields, type Holder, never, openHeld } from "../support/collecting.ts"
import { openGuardian, sendFrom, type TestGuardian } from "../support/guardian.ts"
import { type Asked, accepted, accepts, openPeer, signed, tell } from "../support/peer.ts"
import { until } from "../support/world.ts"

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

const start = Date.parse("2026-11-23T10:00:00.000Z")

function requestOf(pair: ClientPair, fields: Fields = {}): Request {
  const base = { v: 1, id: uuidV7(start), timestamp: stamp(start), type: "message", text: "carried" }
  return signSealed(pair, { ...base, ...fields })
}

async function received({ paths }: TestGuardian): Promise<string[]> {
  const entries = await callDoor(paths, "agent", { op: "log", limit: 1000 })
  return entries.filter(one => one.direction === "in").map(one => one.text)
}

async function held(
  pair: ClientPair,
  onCollect: (asked: Asked, count: number) => Response | Promise<Response>,
): Promise<Holder> {
  const holder = await openHeld(pair, onCollect)
  open.push(holder)
  return holder
}

/** The first collect only shows that there is an answer. The second gets this, and those after it wait. */
const second =
  (pair: ClientPair, answer: () => Response) =>
  (asked: Asked, count: number): Response | Promise<Response> =>
    count === 1 ? empty(pair, asked) : count === 2 ? answer() : never()

const altered = (request: Request): Request => {
  const body = Buffer.from(request.body)
  body[body.length - 1] = (body.at(-1) ?? 0) ^ 1
  return { ...request, body }
}

const without = (request: Request, name: string): Request => ({
  ...request,
  headers: request.headers.filter(([key]) => key !== name),
})

describe("is a failed collect, and has no answer: a carried request", () => {
  test.each([
    ["that was altered", pair => carrying(altered(requestOf(pair)))],
    ["that nobody signed", pair => carrying(requestOf({ ...pair, send: "00".repeat(32) }))],
    ["of our own, played back", pair => carrying(requestOf({ ...pair, send: pair.receive }))],
    ["of another pair", pair => carrying(requestOf({ ...newPair(), send: pair.send }))],
    ["of no pair", pair => carrying(without(requestOf(pair), "X-Sento-Pair"))],
    ["under another time", pair => carrying(without(requestOf(pair), "X-Sento-Timestamp"))],
    ["that is a collect", pair => carrying(requestOf(pair, { type: "collect", waitSeconds: 25 }))],
    ["with another status", pair => new Response(carrying(requestOf(pair)).body, { status: 500 })],
    ["that is longer than any", () => new Response("x".repeat(200_000))],
    ["that is empty", () => new Response()],
  ] as const satisfies readonly [string, (pair: ClientPair) => Response][])("%s", async (_, make) => {
    const pair = newPair()
    const holder = await held(
      pair,
      second(pair, () => make(pair)),
    )
    await until("the next", () => holder.collects().length > 2)
    expect(await received(holder.guardian)).toEqual([])
    expect(holder.collects().filter(body => "answer" in body)).toEqual([])
    // After a failure the next one only shows that there is an answer.
    expect(holder.collects().map(body => body.waitSeconds)).toEqual([0, 25, 0])
  })
})

test("a carried request that is repeated under a new signature is one message, and a duplicate", async () => {
  const pair = newPair()
  const id = uuidV7(start)
  const holder = await held(pair, (asked, count) => {
    if (count === 1) return empty(pair, asked)
    return count < 4 ? carrying(requestOf(pair, { id })) : never()
  })
  await until("the answers", () => holder.collects().length === 4)
  expect(await received(holder.guardian)).toEqual(["carried"])
  expect(holder.collects().map(body => (body.answer as { status: number } | undefined)?.status)).toEqual([
    undefined,
    undefined,
    202,
    202,
  ])
})

test("a carried request played again byte by byte makes no collector spin", async () => {
  const pair = newPair()
  const recorded = requestOf(pair)
  const holder = await held(pair, (asked, count) => (count === 1 ? empty(pair, asked) : carrying(recorded)))
  await spinsNot(holder)
  expect(await received(holder.guardian)).toEqual(["carried"])
})

/** Within a second of the first collect there are few: those that follow each other at once, and one after a rest. */
async function spinsNot(holder: Holder): Promise<void> {
  const end = performance.now() + 1000
  await until("a second", () => performance.now() > end)
  expect(holder.collects().length).toBeLessThan(8)
}

describe("makes no collector spin: a peer, or whoever is on the way, that answers each collect at once with", () => {
  test.each([
    ["nothing", (pair, asked) => empty(pair, asked)],
    [
      "that it is a duplicate",
      (pair, asked) => signed(pair, { ...accepted(asked), state: "duplicate" }, asked.isSealed),
    ],
    [
      "that it is a duplicate, but where it is not to wait",
      (pair, asked) =>
        asked.body.waitSeconds === 0
          ? empty(pair, asked)
          : signed(pair, { ...accepted(asked), state: "duplicate" }, asked.isSealed),
    ],
    ["the one 403", () => new Response(null, { status: 403 })],
    [
      "the wrong time",
      (pair, { re, isSealed }) =>
        signed(pair, { v: 1, re, status: 401, error: "timestamp", now: stamp(start) }, isSealed),
    ],
    [
      "a request that is stale",
      pair => carrying(requestOf(pair, { id: uuidV7(start), timestamp: stamp(start - 400_000) })),
    ],
    ["a request that is none", pair => carrying(requestOf(pair, { text: "" }))],
    [
      "that another collects",
      (pair, { re, isSealed }) => signed(pair, { v: 1, re, status: 409, error: "replaced" }, isSealed),
    ],
  ] as const satisfies readonly [string, (pair: ClientPair, asked: Asked) => Response][])(
    "%s",
    async (_, answer) => {
      const pair = newPair()
      await spinsNot(await held(pair, asked => answer(pair, asked)))
    },
  )
})

test("a peer that carries without end is asked 120 times a minute at the most", async () => {
  const pair = newPair()
  const holder = await held(pair, (asked, count) =>
    count === 1
      ? empty(pair, asked)
      : carrying(
          requestOf(pair, {
            type: "receipt",
            id: uuidV7(start + count),
            of: uuidV7(start),
            state: "delivered",
          }),
        ),
  )
  await until("an end of it", () => holder.collects().length >= 60)
  await spinsEnd(holder)
})

/** Whatever it is given. */
async function spinsEnd(holder: Holder): Promise<void> {
  let [last, since] = [-1, 0]
  await until("no more to come", () => {
    const now = holder.collects().length
    if (now !== last) [last, since] = [now, performance.now()]
    return performance.now() - since > 200
  })
  expect(last).toBeLessThanOrEqual(120)
}

test("an answer to the last collect that is lost is brought again, until one that brought it is answered", async () => {
  const pair = newPair()
  const holder = await held(pair, (asked, count) => {
    if (count === 2) return carrying(requestOf(pair))
    if (count === 3) return new Response(null, { status: 502 })
    return count < 5 ? empty(pair, asked) : never()
  })
  await until("the one after", () => holder.collects().length === 5)
  const answers = holder.collects().map(body => body.answer)
  expect([typeof answers[2], answers[3], answers[4]]).toEqual(["object", answers[2], undefined])
  expect(await received(holder.guardian)).toEqual(["carried"])
})

test("a carried `callOf` calls nobody and counts as no call", async () => {
  const pair = newPair()
  const gate = Promise.withResolvers<Response>()
  const holder = await held(pair, (one, count) =>
    count === 1 ? empty(pair, one) : count === 2 ? gate.promise : never(),
  )
  await until("the open one", () => holder.collects().length === 2)
  holder.guardian.pass(60 * 60 * 1000)
  const asking = await until("it to ask", () => holder.peer.asked.find(({ body }) => body.callBack === true))
  const call = { type: "hello", text: undefined, port: holder.peer.port, callOf: asking.id }
  const helloCount = holder.peer.asked.filter(({ body }) => body.type === "hello").length
  gate.resolve(
    carrying(requestOf(pair, { ...call, id: uuidV7(start + 1), timestamp: stamp(holder.guardian.now) })),
  )
  await until("its answer", () => holder.collects().length === 3)
  expect(holder.collects()[2]).toMatchObject({ answer: { status: 202 }, waitSeconds: 25 })
  expect(holder.peer.asked.filter(({ body }) => body.type === "hello")).toHaveLength(helloCount)
  expect(holder.guardian.log()).not.toContain("its messages come by themselves")
  expect(
    await tell(holder.guardian, pair, { ...call, id: uuidV7(start + 2), callOf: uuidV7(start) }),
  ).toMatchObject({
    status: 202,
  })
  expect(holder.guardian.log()).not.toContain("its messages come by themselves")
  // Over its own listener, and with the id of the latest asking, the same words are a call.
  await tell(holder.guardian, pair, { ...call, id: uuidV7(start + 3) })
  await until("its word", () => holder.guardian.log().includes("its messages come by themselves"))
})

test("a signed answer of another collect's is none of this one's", async () => {
  const pair = newPair()
  let first: Asked | null = null
  const holder = await held(pair, (asked, count) => {
    first ??= asked
    if (count === 2) return signed(pair, accepted(first), asked.isSealed)
    return count === 1 ? empty(pair, asked) : never()
  })
  await until("the next", () => holder.collects().length === 3)
  expect(holder.collects().map(body => body.waitSeconds)).toEqual([0, 25, 0])
})

describe("two machines with the same keys", () => {
  test("a collector that is replaced tells its owner once, and rests for a minute", async () => {
    const pair = newPair()
    const holder = await held(pair, (asked, count) => {
      if (count === 1) return empty(pair, asked)
      const { re, isSealed } = asked
      return signed(pair, { v: 1, re, status: 409, error: "replaced" }, isSealed)
    })
    const told = (): number => holder.guardian.log().split("another Guardian fetches what kai has").length - 1
    await until("the word", () => told() === 1)
    holder.guardian.pass(59_000)
    expect(holder.collects()).toHaveLength(2)
    holder.guardian.pass(2000)
    await until("the next", () => holder.collects().length === 3)
    // Again: its rest begins when the answer is read.
    await until("one more", () => {
      holder.guardian.pass(61_000)
      return holder.collects().length > 3
    })
    expect(told()).toBe(1)
  })
})

describe("an older peer", () => {
  const older =
    (pair: ClientPair) =>
    ({ re, isSealed }: Asked): Response =>
      signed(pair, { v: 1, re, status: 400, error: "invalid", detail: "type" }, isSealed)

  test("is told of once, collected from no more, and tried again a day later", async () => {
    const pair = newPair()
    const holder = await openHeld(pair, older(pair), asked =>
      signed(
        pair,
        { ...accepted(asked), ...(asked.body.type === "message" ? { missed: true } : {}) },
        asked.isSealed,
      ),
    )
    open.push(holder)
    const told = (): number => holder.guardian.log().split("has an older sento").length - 1
    await until("the word", () => told() === 1)
    holder.guardian.pass(23 * 60 * 60 * 1000)
    expect(holder.collects()).toHaveLength(1)
    holder.guardian.pass(60 * 60 * 1000 + 1000)
    await until("it to be asked", () => holder.peer.asked.at(-1)?.body.callBack === true)
    const asks = (): number => holder.peer.asked.filter(({ body }) => body.callBack === true).length
    const before = asks()
    holder.guardian.pass(11_000)
    await until("a try", () => holder.collects().length === 2 || asks() > before)
    expect(told()).toBe(1)
  })

  test("what is sent to it is dialled, and what it sends arrives", async () => {
    const pair = newPair()
    await using peer = await openPeer(pair, asked =>
      (asked.body.type === "collect" ? older(pair) : accepts(pair))(asked),
    )
    await using guardian = await openGuardian({ kai: { pair, port: peer.port } })
    guardian.pass(61_000)
    await until("it to be asked", () => peer.asked.some(({ body }) => body.callBack === true))
    await until("its word", () => {
      guardian.pass(11_000)
      return guardian.log().includes("has an older sento")
    })
    expect(peer.asked.filter(({ body }) => body.type === "collect")).toHaveLength(1)
    expect((await sendFrom(guardian.paths, "kai", "there")).status).toBe("accepted")
    expect(await tell(guardian, pair, { text: "back" })).toEqual(expect.objectContaining({ status: 202 }))
    expect(await received(guardian)).toEqual(["back"])
  })

  test("is collected from again once it says that something was missed", async () => {
    const pair = newPair()
    let isOld = true
    const holder = await held(pair, asked => (isOld ? older(pair)(asked) : never()))
    await until("the word", () => holder.guardian.log().includes("has an older sento"))
    const { length } = holder.collects()
    isOld = false
    await sendFrom(holder.guardian.paths, "kai", "news?")
    expect(holder.collects()).toHaveLength(length)
    holder.guardian.pass(61_000)
    await until("a collect", () => holder.collects().length > length)
  })
})

test("a peer that takes a collect and never answers holds up no other", async () => {
  const pair = newPair()
  const holder = await held(pair, never)
  const other = newPair()
  expect(await post(holder.guardian.port, requestOf(other))).toMatchObject({ status: 403 })
  expect((await sendFrom(holder.guardian.paths, "kai", "beside it")).status).toBe("accepted")
})

test("an end of the pair that is carried: the keys are gone, and the collecting", async () => {
  const pair = newPair()
  const end = requestOf(pair, { type: "unpair", text: undefined })
  const holder = await held(
    pair,
    second(pair, () => carrying(end)),
  )
  await until("the end of the pair", async () => !(await configOf(holder.guardian)).includes(pair.id))
  expect(holder.guardian.log()).toContain("revoked by kai")
  holder.guardian.pass(24 * 60 * 60 * 1000)
  expect(holder.collects()).toHaveLength(2)
  expect(factsOf(holder.guardian)).not.toContain(`called ${pair.id}`)
})

test("… in the answer to what was dialled: it ends there, too", async () => {
  const pair = newPair()
  const end = requestOf(pair, { type: "unpair", text: undefined })
  await using peer = await openPeer(pair, () => carrying(end))
  await using guardian = await openGuardian({ kai: { pair, port: peer.port, fixed: true } })
  await sendFrom(guardian.paths, "kai", "still there?").catch(() => null)
  await until("the end of the pair", async () => !(await configOf(guardian)).includes(pair.id))
})

test("a config that cannot be written ends no Guardian that fetches, nor what it fetches", async () => {
  const pair = newPair()
  const end = requestOf(pair, { type: "unpair", text: undefined })
  const broken = Promise.withResolvers<Response>()
  const holder = await held(pair, (asked, count) => (count === 2 ? broken.promise : empty(pair, asked)))
  writeFileSync(holder.guardian.paths.config, "{")
  broken.resolve(carrying(end))
  await until("the word", () => holder.guardian.log().includes("fetching failed"))
  expect(await holder.guardian.status()).toMatchObject({ name: "mira" })
})

function factsOf({ paths }: TestGuardian): unknown[] {
  using database = new Database(paths.database, { readonly: true })
  return database
    .query<{ key: string }, []>("SELECT key FROM facts")
    .all()
    .map(({ key }) => key)
}

const configOf = ({ paths }: TestGuardian): Promise<string> => Bun.file(paths.config).text()
