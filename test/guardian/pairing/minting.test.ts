/** A code and what proved it go to the disk together, or neither does: the minter alone, on a real store. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { codeEvent, createMinting } from "../../../src/guardian/pairing/minting.ts"
import type { WireRequest } from "../../../src/http/listener.ts"
import { decodeJson, toBase64Url } from "../../../src/protocol/bytes.ts"
import { type JoinerState, stepJoiner } from "../../../src/protocol/joiner.ts"
import { decisionPollTag, decisionStateTag } from "../../../src/protocol/key-schedule.ts"
import { confirmedWith, createTestContext, type TestContext } from "../../support/context.ts"
import { joinerOf, meet } from "../../support/pairing.ts"
import { until } from "../../support/world.ts"

const minute = 60_000

let made: TestContext
let minting: ReturnType<typeof createMinting>

beforeEach(() => {
  made = createTestContext([])
  minting = createMinting(made.context)
})
afterEach(async () => {
  await minting.stop()
  made[Symbol.dispose]()
})

const request = (body: Uint8Array): WireRequest => ({
  body,
  header: () => null,
  address: "192.0.2.7",
  allow: () => {},
  hold: () => () => {},
  signal: new AbortController().signal,
})

/** What a joiner that knows these symbols posts, up to its proof. */
async function proofOf(symbols: string, seed = 1): Promise<Uint8Array> {
  const { hello, ...state } = { ...joinerOf(symbols, undefined, seed) }
  const answer = (await minting.hello(request(hello)).json()) as { intro: string; Y: string }
  const met = meet({ hello, ...state } as JoinerState, answer)
  const [, effects] = stepJoiner(met, { kind: "consented" })
  const post = effects.find(effect => effect.kind === "post-confirm")
  return post?.body ?? new Uint8Array()
}

const confirm = async (body: Uint8Array): Promise<{ status: number; tag: unknown }> => {
  const response = await minting.confirm(request(body))
  const { tag } = response.status === 202 ? ((await response.json()) as { tag: unknown }) : { tag: null }
  return { status: response.status, tag }
}

const openCode = () => made.stored.store.codes.open(made.now)
const waiting = () => made.stored.store.requests.waiting("minter")

test("the right code: it is spent, the request waits, the owner is asked, and nobody else gets in by it", async () => {
  const { symbols } = minting.open(false, "owner")
  const [proof, late] = [await proofOf(symbols), await proofOf(symbols, 7)]
  const { status, tag } = await confirm(proof)
  expect([status, typeof tag, openCode(), waiting().length]).toEqual([202, "string", null, 1])
  expect(waiting()[0]).toMatchObject({ name: "fritz", host: "192.0.2.7", state: "waiting" })
  expect(made.events).toEqual([`request of minter ${waiting()[0]?.id}`])
  // The very same proof, whose answer was lost, gets the same answer, and asks nobody again.
  expect(await confirm(proof)).toEqual({ status: 202, tag })
  expect(await confirm(late)).toEqual({ status: 403, tag: null })
  expect([waiting().length, made.events.length]).toEqual([1, 1])
})

test("a disk that keeps no request spends no code: both or neither", async () => {
  const { symbols } = minting.open(false, "owner")
  const proof = await proofOf(symbols)
  const { requests } = made.stored.store
  const { keep } = requests
  requests.keep = () => {
    throw new Error("database or disk is full")
  }
  expect(await confirm(proof).catch((error: Error) => error.message)).toBe("database or disk is full")
  expect([openCode()?.symbols, waiting(), made.events]).toEqual([symbols, [], []])
  requests.keep = keep
})

test("a claim that cannot be noted takes the request and the spent code with it", async () => {
  const { symbols } = minting.open(false, "owner")
  const self = { name: "fritz", agent: "fritz-001", port: 9877, host: "fritz.lan" }
  const joiner = joinerOf(symbols, self)
  const answer = (await minting.hello(request(joiner.hello)).json()) as { intro: string; Y: string }
  const [, effects] = stepJoiner(meet(joiner, answer), { kind: "consented" })
  const proof = effects.find(effect => effect.kind === "post-confirm")?.body ?? new Uint8Array()
  const { facts } = made.stored.store
  const { set } = facts
  facts.set = () => {
    throw new Error("database or disk is full")
  }
  expect(await confirm(proof).catch((error: Error) => error.message)).toBe("database or disk is full")
  expect([openCode()?.symbols, waiting()]).toEqual([symbols, []])
  facts.set = set
})

test("three wrong codes burn it, each counted on disk before it is judged, and the owner is told by whom", async () => {
  const { symbols } = minting.open(false, "owner")
  const wrong = symbols === "4F2K" ? "4F2M" : "4F2K"
  const proofs = [
    await proofOf(wrong, 1),
    await proofOf(wrong, 2),
    await proofOf(wrong, 3),
    await proofOf(symbols, 4),
  ]
  for (const [i, proof] of proofs.slice(0, 2).entries()) {
    expect(await confirm(proof)).toEqual({ status: 403, tag: null })
    expect([i, openCode()?.symbols]).toEqual([i, symbols])
  }
  await confirm(proofs[2] ?? new Uint8Array())
  expect([openCode(), made.events]).toEqual([null, ["burned"]])
  expect(made.notices).toEqual([
    "the pairing code was burned by 3 wrong tries, the last from 192.0.2.7; `sento pair` makes a new one",
  ])
  // The right one comes too late.
  expect(await confirm(proofs[3] ?? new Uint8Array())).toEqual({ status: 403, tag: null })
  expect(waiting()).toEqual([])
})

test("tries that are gone stay gone over a restart", async () => {
  const { symbols } = minting.open(false, "owner")
  const wrong = symbols === "4F2K" ? "4F2M" : "4F2K"
  for (const seed of [1, 2]) await confirm(await proofOf(wrong, seed))
  await minting.stop()
  minting = createMinting(made.context)
  await confirm(await proofOf(wrong, 3))
  expect(openCode()).toBeNull()
})

test("the right code a moment too late, as its timer is later still, pairs nobody", async () => {
  const { symbols } = minting.open(false, "owner")
  const proof = await proofOf(symbols)
  made.now += 10 * minute
  // The handshake would have died before; the code alone is looked at here.
  expect(await confirm(proof)).toEqual({ status: 403, tag: null })
  expect(waiting()).toEqual([])
})

test("at the agent's door no code is shown but one that was opened there", () => {
  minting.open(false, "owner")
  expect(() => minting.open(false, "agent")).toThrow("a code that the owner may have passed on is open until")
  const { symbols } = minting.open(true, "owner")
  expect([minting.isOpen(symbols, "owner"), minting.isOpen(symbols, "agent")]).toEqual([true, false])
})

test("… that one is shown there again, is known there, and a long one is not had in its place", () => {
  const { symbols } = minting.open(false, "agent")
  expect(minting.open(false, "agent").symbols).toBe(symbols)
  expect([minting.isOpen(symbols, "agent"), minting.isOpen(symbols, "owner")]).toEqual([true, true])
  expect(minting.isOpen("0000", "owner")).toBe(false)
  expect(() => minting.open(true, "agent")).toThrow("a short code is open until")
  // The owner gets the same, and with a long one the agent's is over.
  expect(minting.open(false, "owner").symbols).toBe(symbols)
  const long = minting.open(true, "owner")
  expect([long.symbols.length, minting.isOpen(symbols, "agent"), made.events]).toEqual([
    8,
    false,
    ["replaced"],
  ])
})

test("one from before a restart may be anybody's: the agent is not shown it", async () => {
  minting.open(false, "agent")
  await minting.stop()
  minting = createMinting(made.context)
  expect(() => minting.open(false, "agent")).toThrow("a code that the owner may have passed on")
})

test("ten codes an hour, and no eleventh", () => {
  for (let i = 0; i < 10; i += 1) {
    minting.open(i % 2 === 1, "owner")
    made.stored.store.codes.close("expired")
  }
  expect(() => minting.open(false, "owner")).toThrow("no more than")
  expect(openCode()).toBeNull()
})

test("what is no JSON of ours is refused, whatever stands open", async () => {
  minting.open(false, "owner")
  for (const body of [new Uint8Array(), new TextEncoder().encode('{"v":1}')]) {
    const answers = [
      minting.hello(request(body)),
      minting.confirm(request(body)),
      minting.decision(request(body)),
    ]
    for (const answer of answers) expect((await answer).status).toBe(403)
  }
  expect(made.log.filter(line => line.startsWith("refused: malformed"))).toHaveLength(6)
  expect(decodeJson(new Uint8Array())).toBeUndefined()
})

describe("a poll for the owner's decision", () => {
  const key = new Uint8Array(32).fill(5)
  const pairing = toBase64Url(new Uint8Array(16).fill(9))
  const keep = (name: string, ofPairing: string): string =>
    made.stored.store.requests.keep(
      { ...confirmedWith(name), pairing: ofPairing },
      { localName: name, replaces: false, confirm: null },
      made.now,
    ).id

  type Answer = { readonly status: number; readonly state: string; readonly isSigned: boolean }
  async function poll(
    secret: Uint8Array = key,
    allowed: number[] = [],
    of: string = pairing,
  ): Promise<Answer> {
    const body = JSON.stringify({ pairing: of, tag: toBase64Url(decisionPollTag(secret)) })
    const asked = { ...request(new TextEncoder().encode(body)), allow: (s: number) => void allowed.push(s) }
    const response = await minting.decision(asked)
    if (response.status !== 200) return { status: response.status, state: "", isSigned: false }
    const { state, tag } = (await response.json()) as { state: string; tag: string }
    return { status: 200, state, isSigned: tag === toBase64Url(decisionStateTag(key, state)) }
  }

  test.each(["approved", "denied", "expired"] as const)(
    "that comes behind it hears %s at once",
    async state => {
      made.stored.store.requests.settle(keep("noa", pairing), state, made.now)
      expect(await poll()).toEqual({ status: 200, state, isSigned: true })
    },
  )

  test("that comes before it hears it as it is made, and is let wait for 25 s and some", async () => {
    const id = keep("noa", pairing)
    const allowed: number[] = []
    const polling = poll(key, allowed)
    const about = { role: "minter", id } as const
    // Neither another's answer, nor a join's failure, nor any other word is this one's.
    made.context.events.emit({ event: "answered", id: "aaaa", state: "approved" }, about)
    made.context.events.emit({ event: "answered", id, state: "failed" }, about)
    made.context.events.emit({ event: "burned", address: "192.0.2.7" }, null)
    made.context.events.emit({ event: "answered", id, state: "denied" }, about)
    expect(await polling).toEqual({ status: 200, state: "denied", isSigned: true })
    expect(allowed).toEqual([30])
  })

  test("that still waits as the Guardian stops is told to wait", async () => {
    keep("noa", pairing)
    const polling = poll()
    made.stop()
    expect(await polling).toEqual({ status: 200, state: "waiting", isSigned: true })
  })

  test("by who has another key, or of no request, is refused, and says nothing", async () => {
    made.stored.store.requests.settle(keep("noa", pairing), "approved", made.now)
    const refused = { status: 403, state: "", isSigned: false }
    expect(await poll(new Uint8Array(32).fill(6))).toEqual(refused)
    const unknown = toBase64Url(new Uint8Array(16).fill(8))
    // With no request there is no key: that of zeros opens nothing.
    for (const secret of [key, new Uint8Array(32)]) expect(await poll(secret, [], unknown)).toEqual(refused)
    expect(made.log.filter(line => line.includes("unknown decision poll"))).toHaveLength(3)
  })
})

test("whoever proved the code is named in the log, with where it says that it is", async () => {
  const { symbols } = minting.open(false, "owner")
  await confirm(await proofOf(symbols))
  const [{ id } = { id: "" }] = waiting()
  expect(made.log.at(-1)).toBe(`fritz at 192.0.2.7 proved the code and waits for the owner (${id})`)
  expect(waiting()[0]).toMatchObject({ localName: "fritz", replaces: false })
  expect(made.log[0]).toStartWith("a code was opened until 2026-11-23 10:10 UTC")
})

test("a code whose time is over is closed by its timer, and said to be", async () => {
  const { symbols } = minting.open(false, "owner")
  await minting.stop()
  // A Guardian that starts as the code's last moment comes sets the timer for that.
  made.now += 10 * minute - 20
  minting = createMinting(made.context)
  expect(minting.isOpen(symbols, "owner")).toBe(true)
  await until("its end", () => made.events.includes("expired"))
  made.now += 20
  expect(openCode()).toBeNull()
})

test("a spent code's timer says nothing", async () => {
  const { symbols } = minting.open(false, "owner")
  await minting.stop()
  made.now += 10 * minute - 30
  minting = createMinting(made.context)
  await confirm(await proofOf(symbols))
  const other = minting.open(false, "owner")
  // Timers come in their order: behind this one the other would have come.
  await new Promise(resolve => setTimeout(resolve, 60))
  expect([made.events.includes("expired"), openCode()?.symbols]).toEqual([false, other.symbols])
})

test.each([
  ["no address", [], { address: null }],
  [
    "addresses, the first of which is shown",
    [{ address: "192.0.2.7:9876" }, { address: "192.0.2.8:9876" }],
    { address: "192.0.2.7:9876", addresses: [{ address: "192.0.2.7:9876" }, { address: "192.0.2.8:9876" }] },
  ],
])("the code as it is shown, with %s", (_, addresses, want) => {
  const code = minting.open(false, "owner")
  expect(codeEvent(code, addresses as never) as unknown).toEqual({
    event: "code",
    code: `SENTO-${code.symbols}`,
    expiresAt: "2026-11-23T10:10:00.000Z",
    ...want,
  })
})

test("a code that its owner closes is of no more use, and there is none to close again", async () => {
  expect([minting.close(), made.events]).toEqual([false, []])
  const { symbols } = minting.open(false, "owner")
  const proof = await proofOf(symbols)
  expect([minting.close(), openCode(), made.events]).toEqual([true, null, ["closed"]])
  expect(await confirm(proof)).toEqual({ status: 403, tag: null })
  expect([minting.close(), made.events]).toEqual([false, ["closed"]])
  expect(waiting()).toEqual([])
  made.now += 20 * minute
  expect(minting.open(false, "owner").symbols).toHaveLength(4)
  expect(made.events).toEqual(["closed"])
})

test("whose code is open is said at the door where it was opened, and at the owner's", () => {
  const own = minting.open(false, "owner").symbols
  expect([
    minting.isOpen(own, "owner"),
    minting.isOpen(own, "agent"),
    minting.isOpen("ZZZZ", "owner"),
  ]).toEqual([true, false, false])
  expect(() => minting.open(false, "agent")).toThrow("a code that the owner may have passed on is open until")
  minting.close()
  const agents = minting.open(false, "agent").symbols
  expect([minting.isOpen(agents, "owner"), minting.isOpen(agents, "agent")]).toEqual([true, true])
  expect(made.events).toEqual(["closed"])
  expect(minting.isOpen(own, "owner")).toBe(own === agents)
  minting.close()
  expect([minting.isOpen(agents, "owner"), minting.isOpen(agents, "agent")]).toEqual([false, false])
})
