/** What the holder of collects grants, and what it remembers. */
import { Database } from "bun:sqlite"
import { afterEach, describe, expect, spyOn, test } from "bun:test"
import type { NamedPeer } from "../../../src/guardian/context.ts"
import { type CollectReply, createCarrying, type Held } from "../../../src/guardian/outbound/carrying.ts"
import type { SignedBytes } from "../../../src/protocol/exchange.ts"
import type { CarriedAnswer } from "../../../src/protocol/messages.ts"
import { type ClientPair, newPair, packAnswer } from "../../support/client.ts"
import { acceptedAnswer, type Collected, openCollector, openHolder, queue } from "../../support/collecting.ts"
import { openGuardian, sendFrom, type TestGuardian } from "../../support/guardian.ts"
import { accepted, openPeer, signed, tell } from "../../support/peer.ts"
import { until } from "../../support/world.ts"

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

async function openScene() {
  const pair = newPair()
  const mira = await openHolder(pair)
  open.push(mira)
  return { mira, pair, kai: openCollector(mira, pair) }
}

/** A holder alone, with a clock of the test's, and no listener. */
function openLane(most = 2, hasWaiting: (pair: string) => boolean = () => false) {
  const clock = { now: 1_000_000, elapsed: 0 }
  const stopping = new AbortController()
  const collected: string[] = []
  const carrying = createCarrying(
    { now: () => clock.now, elapsed: () => clock.elapsed, stopping: stopping.signal },
    most,
    { onCollect: pair => collected.push(pair), hasWaiting },
  )
  let stamp = 0
  let held = 0
  const heldOpen: Held = {
    signal: new AbortController().signal,
    allow: () => {},
    hold: () => {
      held += 1
      return () => {
        held -= 1
      }
    },
  }
  return {
    carrying,
    clock,
    stopping,
    collected,
    held: () => held,
    take: (
      pair: string,
      waitSeconds = 25,
      one: Partial<Held> = {},
      answer?: CarriedAnswer,
    ): Promise<CollectReply> =>
      carrying.take(
        {
          name: pair,
          peer: { id: pair },
          keys: { send: new Uint8Array(32), receive: new Uint8Array(32) },
        } as NamedPeer,
        {
          v: 1,
          id: "id",
          timestamp: "",
          type: "collect",
          waitSeconds,
          ...(answer === undefined ? {} : { answer }),
        },
        ++stamp,
        { ...heldOpen, ...one },
      ),
  }
}

const request: SignedBytes = { headers: {}, body: new Uint8Array(1), signature: "ab" }
const contentOf = async (reply: Promise<CollectReply>): Promise<unknown> => {
  const one = await reply
  return one.kind === "content" ? one.content : one.kind
}

describe("beyond the most that may be open", () => {
  test("one for which nothing waits is asked to come again in 30 s; one for which something does is held", async () => {
    const waiting = new Set<string>(["d"])
    const lane = openLane(2, pair => waiting.has(pair))
    const first = lane.take("a")
    void lane.take("b")
    expect(await contentOf(lane.take("c"))).toEqual({ status: 503, retryAfter: 30 })
    void lane.take("d")
    expect(lane.held()).toBe(3)
    // A pair's own open one is no more in the way.
    void lane.take("a")
    expect(await contentOf(first)).toEqual({ status: 409, error: "replaced" })
    lane.stopping.abort()
  })

  test("of those that are open a pair's own is one, and no more", async () => {
    const waiting = new Set<string>(["c"])
    const lane = openLane(2, pair => waiting.has(pair))
    for (const pair of ["a", "b", "c"]) void lane.take(pair)
    expect(lane.held()).toBe(3)
    expect(await contentOf(lane.take("a"))).toEqual({ status: 503, retryAfter: 30 })
    lane.stopping.abort()
  })

  test("what was answered, closed or given up makes room", async () => {
    const lane = openLane(1)
    const gone = new AbortController()
    const first = lane.take("a", 25, { signal: gone.signal })
    expect(await contentOf(lane.take("b"))).toMatchObject({ status: 503 })
    gone.abort()
    await first
    const second = lane.take("b")
    void lane.carrying.carry("b", "id", () => request)
    expect(await contentOf(second)).toBe("carried")
    expect([lane.held(), lane.carrying.way("c").kind]).toEqual([0, "dial"])
    void lane.take("c")
    expect(lane.held()).toBe(1)
    lane.stopping.abort()
  })

  test("one that is refused has brought its answer all the same", async () => {
    const lane = openLane(1)
    void lane.take("a")
    const carried = lane.carrying.carry("a", "id", () => request)
    void lane.take("b")
    await lane.take("a")
    expect(await carried).toMatchObject({ kind: "unreachable", reason: "the peer's answer did not come" })
    lane.stopping.abort()
  })
})

test("a pair has 120 in any minute, however they are spread, and what was refused is none of them", async () => {
  const lane = openLane(8)
  const take = () => contentOf(lane.take("a", 0))
  const replies: unknown[] = []
  for (let i = 0; i < 120; i += 1) {
    lane.clock.elapsed += 400
    replies.push(await take())
  }
  expect(replies).toEqual(Array.from({ length: 120 }, () => ({ status: 202, id: "id", state: "accepted" })))
  expect(await take()).toEqual({ status: 429, retryAfter: 13 })
  expect(await contentOf(lane.take("b", 0))).toMatchObject({ status: 202 })
  lane.clock.elapsed += 12_399
  expect(await take()).toMatchObject({ status: 429 })
  lane.clock.elapsed += 1
  expect([await take(), await take()]).toMatchObject([{ status: 202 }, { status: 429 }])
})

test("a connection may take 10 s longer than it is held for, and is let go once", async () => {
  const lane = openLane(8)
  const allowed: number[] = []
  const one = { allow: (seconds: number) => void allowed.push(seconds) }
  void lane.take("a", 25, one)
  await lane.take("b", 0, one)
  expect([allowed, lane.held()]).toEqual([[35, 10], 1])
  lane.stopping.abort()
})

test("one that was closed before it is held is answered at once", async () => {
  const lane = openLane(8)
  expect(await contentOf(lane.take("a", 25, { signal: AbortSignal.abort() }))).toMatchObject({ status: 202 })
  expect(lane.held()).toBe(0)
})

test("who is told of the next collect of a pair is told once, of that pair's, unless it ended the watch", () => {
  const lane = openLane(8)
  const told: string[] = []
  const watch = (pair: string, name: string) => lane.carrying.onNext(pair, () => told.push(name))
  watch("a", "one")
  const end = watch("a", "two")
  watch("b", "other")
  end()
  end()
  void lane.take("a", 0)
  void lane.take("a", 0)
  expect(told).toEqual(["one"])
  watch("a", "three")
  end()
  void lane.take("a", 0)
  expect(told).toEqual(["one", "three"])
  watch("a", "four")()
  void lane.take("a", 0)
  void lane.take("b", 0)
  expect(told).toEqual(["one", "three", "other"])
})

test("only what is later than all before of its pair counts, unless that is further ahead than any that is fresh", () => {
  const lane = openLane(8)
  const isLater = (pair: string, sentAt: number) => lane.carrying.isLater(pair, sentAt)
  expect(isLater("a", 5)).toBe(true)
  void lane.take("a", 0)
  expect([isLater("a", 1), isLater("a", 2), isLater("b", 1)]).toEqual([false, true, true])
  // The one before is of the time 1; the greatest that is fresh is 300 s ahead.
  lane.clock.now = 1 - 300_000
  expect(isLater("a", 1)).toBe(false)
  lane.clock.now -= 1
  expect(isLater("a", 1)).toBe(true)
})

test("what it has collected is known until it answers a dial; one that is not held is no collecting", async () => {
  const lane = openLane(8)
  const has = () => lane.carrying.hasCollected("a")
  const seen = [has()]
  await lane.take("a", 0)
  seen.push(has())
  void lane.take("a", 1)
  seen.push(has(), lane.carrying.isFetching("a"))
  lane.carrying.answeredDial("a")
  seen.push(has())
  expect(seen).toEqual([false, false, true, true, false])
  lane.stopping.abort()
})

test("a carried request whose answer does not come has failed after 15 s, and is over for the next", async () => {
  const lane = openLane(8)
  void lane.take("a")
  const timers = spyOn(globalThis, "setTimeout")
  const handed = lane.carrying.carry("a", "id", () => request)
  const [late] = timers.mock.calls.find(([, wait]) => wait === 15_000) ?? []
  timers.mockRestore()
  ;(late as () => void)()
  expect(await handed).toEqual({
    kind: "unreachable",
    literal: null,
    cause: "timed-out",
    reason: "the peer fetched what waited here, and did not answer in time",
  })
  void lane.take("a")
  expect(lane.collected).toEqual(["a", "a"])
  const next = lane.carrying.carry("a", "id", () => request)
  void lane.take("a")
  expect(await next).toMatchObject({ reason: "the peer's answer did not come" })
  lane.stopping.abort()
})

test("a Guardian that stops answers what is open, and holds no more", async () => {
  const lane = openLane(8)
  const replies = ["a", "b"].map(pair => contentOf(lane.take(pair)))
  void lane.take("c")
  const handed = lane.carrying.carry("c", "id", () => request)
  lane.stopping.abort()
  const ended = { status: 202, id: "id", state: "accepted" }
  expect(await Promise.all([...replies, contentOf(lane.take("d"))])).toEqual([ended, ended, ended])
  expect(await handed).toMatchObject({ kind: "unreachable" })
  expect(lane.held()).toBe(0)
})

test("what has ended is forgotten: its open one is answered, and its carried request fails", async () => {
  const lane = openLane(8)
  void lane.take("a")
  const handed = lane.carrying.carry("a", "id", () => request)
  const openOne = lane.take("b", 600)
  lane.carrying.tidy(pair => pair === "c")
  expect(await handed).toMatchObject({ kind: "unreachable", reason: "the pair has ended" })
  expect(await contentOf(openOne)).toEqual({ status: 202, id: "id", state: "accepted" })
  expect([lane.carrying.hasCollected("a"), lane.carrying.way("b").kind, lane.held()]).toEqual([
    false,
    "dial",
    0,
  ])
})

test.each([
  ["nothing", undefined],
  ["what is none", { status: 202, headers: {}, body: "e30" }],
] as const)(
  "a collect hastens what waits, but one that comes with %s in place of an answer does not",
  async (_, answer) => {
    const lane = openLane(8)
    void lane.take("a")
    expect(lane.collected).toEqual(["a"])
    const handed = lane.carrying.carry("a", "id", () => request)
    void lane.take("a", 0, {}, answer)
    expect(await handed).toMatchObject({ kind: "unreachable", reason: "the peer's answer did not come" })
    expect(lane.collected).toEqual(["a"])
    void lane.take("a")
    expect(lane.collected).toEqual(["a", "a"])
    lane.stopping.abort()
  },
)

test("one at a time: what is under way keeps out the next", async () => {
  const lane = openLane(8)
  void lane.take("a")
  const first = lane.carrying.carry("a", "id", () => request)
  expect(await lane.carrying.carry("a", "id", () => request)).toMatchObject({ kind: "unreachable" })
  lane.carrying.forget("a")
  await first
})

test.each([
  ["nothing was collected", [], "dial"],
  ["one is open", [["take", 25]], "carry"],
  ["one ended just now", [["take", 25], ["end"]], "wait"],
  ["one ended 59 s ago", [["take", 25], ["end"], 59_999], "wait"],
  ["one ended a minute ago", [["take", 25], ["end"], 60_000], "dial"],
  ["it has answered a dial since", [["take", 25], ["end"], ["dial"]], "dial"],
  ["it answered a dial while one was open", [["take", 25], ["dial"], ["end"]], "dial"],
  ["it answered a dial before", [["dial"], 10_001, ["take", 25], ["end"]], "wait"],
  ["it answered one while that may have been on its way", [["dial"], 10_000, ["take", 25], ["end"]], "dial"],
  ["one that does not wait came last", [["take", 25], ["end"], ["dial"], ["take", 0], ["end"]], "dial"],
  ["none that waits came", [["take", 0], ["end"]], "dial"],
] as const)("how something goes to a pair: %s", async (_, script, kind) => {
  const lane = openLane()
  let gone = new AbortController()
  let last: Promise<unknown> = Promise.resolve()
  for (const step of script) {
    if (typeof step === "number") lane.clock.elapsed += step
    else if (step[0] === "take") {
      gone = new AbortController()
      last = lane.take("a", step[1], { signal: gone.signal })
    } else if (step[0] === "dial") lane.carrying.answeredDial("a")
    else {
      gone.abort()
      await last
    }
  }
  expect(lane.carrying.way("a").kind).toBe(kind)
  lane.stopping.abort()
})

test("120 collects a minute a pair, then 429 with the time, and none of another pair's", async () => {
  const { mira, kai } = await openScene()
  const words = []
  const began = performance.now()
  for (let i = 0; i < 121; i += 1) words.push(await kai.collect({ waitSeconds: 0 }).answer)
  const statuses = words.map(statusOf)
  expect(statuses).toEqual([...Array(120).fill(202), 429])
  const last = words.at(-1)
  const least = 59 - (performance.now() - began) / 1000
  expect(last?.kind === "word" ? Number(last.word.retryAfter) : 0).toBeGreaterThan(least)
  mira.pass(61_000)
  // By now the Guardian has something to say itself.
  expect<unknown[]>(["carried", 202]).toContain(statusOf(await kai.collect({ waitSeconds: 0 }).answer))
})

const statusOf = (one: Collected): unknown => (one.kind === "word" ? one.word.status : one.kind)

test("an answer that came with a 429 is not taken, and counts when it comes again", async () => {
  const { mira, pair, kai } = await openScene()
  for (let i = 0; i < 119; i += 1) await kai.collect({ waitSeconds: 0 }).answer
  await queue(mira, "kai", "one")
  const carried = await kai.take()
  const answer = packAnswer(pair, carried, acceptedAnswer(carried))
  expect(await kai.collect({ answer }).answer).toMatchObject({ word: { status: 429 } })
  mira.pass(61_000)
  await kai.collect({ waitSeconds: 0, answer }).answer
  await until("its end", () => mira.log().includes("accepted"))
})

function contactOf({ paths }: TestGuardian, pair: ClientPair): number | null {
  using database = new Database(paths.database, { readonly: true })
  const row = database
    .query<{ at: number }, { $pair: string }>("SELECT last_contact_at AS at FROM peers WHERE pair = $pair")
    .get({ $pair: pair.id })
  return row?.at ?? null
}

test("contact is written once a minute, however often it collects", async () => {
  const { mira, pair, kai } = await openScene()
  const begun = mira.now
  const contacts: unknown[] = []
  for (const milliseconds of [0, 1000, 29_000, 25_000, 6000, 1000]) {
    mira.pass(milliseconds)
    await kai.collect({ waitSeconds: 0 }).answer
    contacts.push((contactOf(mira, pair) ?? 0) - begun)
  }
  expect(contacts).toEqual([0, 0, 0, 0, 61_000, 61_000])
})

test("`missed` is said where something waits that could not be brought, and never while the pair collects", async () => {
  const { mira, pair, kai } = await openScene()
  const says = async (): Promise<unknown> =>
    (await tell(mira, pair, { type: "hello", text: undefined, port: 1 })).missed
  expect(await says()).toBeUndefined()
  await queue(mira, "kai", "one")
  expect(await says()).toBe(true)
  const carried = await kai.take()
  expect(await says()).toBeUndefined()
  await kai.collect({ waitSeconds: 0, answer: packAnswer(pair, carried, acceptedAnswer(carried)) }).answer
  await until("its end", () => mira.log().includes("accepted"))
  mira.pass(61_000)
  expect(await says()).toBeUndefined()
  await queue(mira, "kai", "two")
  expect(await says()).toBe(true)
})

test("an idle pair that collects asks once while its collect is held, and keeps its number when it ran out", async () => {
  const pair = newPair()
  let held = 0
  const peer = await openPeer(pair, asked => {
    if (asked.body.type !== "collect")
      return signed(pair, { ...accepted(asked), missed: true }, asked.isSealed)
    if (asked.body.waitSeconds === 0) return signed(pair, accepted(asked), asked.isSealed)
    held += 1
    return new Promise<Response>(() => {})
  })
  open.push(peer)
  const guardian = await openGuardian({ kai: { pair, port: peer.port, fixed: true } })
  open.push(guardian)
  await sendFrom(guardian.paths, "kai", "anything")
  await until("it to be held", () => held === 1)
  const { length } = peer.asked
  const end = performance.now() + 500
  await until("half a second", () => performance.now() > end)
  expect(peer.asked).toHaveLength(length)
})
