/** A joiner with one minter: what it makes of each answer, and how it asks for the other owner's: how often, until when. */
import { afterEach, beforeEach, describe, expect, type Mock, spyOn, test } from "bun:test"
import * as v from "valibot"
import { type Handshake, resumeHandshake, sayHello } from "../../../src/guardian/pairing/handshake.ts"
import { decodeJson, toBase64Url } from "../../../src/protocol/bytes.ts"
import { decisionStateTag } from "../../../src/protocol/key-schedule.ts"
import { type MinterState, stepMinter } from "../../../src/protocol/minter.ts"
import { confirmSchema } from "../../../src/protocol/pairing-messages.ts"
import { requestLifetimeMilliseconds } from "../../../src/protocol/requests.ts"
import type { PairingRequest } from "../../../src/store/requests.ts"
import { hex } from "../../support/bytes.ts"
import { confirmedWith, createTestContext, type TestContext } from "../../support/context.ts"
import { rejectionOf } from "../../support/errors.ts"
import { confirmEvent, hana, helloAnswer, helloEvent, opened } from "../../support/pairing.ts"
import { freePort } from "../../support/ports.ts"
import { until } from "../../support/world.ts"

/** How long a hello, a proof and a question may take. */
const posts = [5000, 15_000, 35_000]

let made: TestContext
let asked: string[]
/** What happens as the minter is asked so many times. */
let onAsked: (count: number) => void
/** What it answers; null: 404. */
let answers: (path: string, body: Uint8Array) => Response | Promise<Response> | null
let minter: ReturnType<typeof serve>
let settled: string[]
/** The waits between, none of which takes its time. */
let waits: number[]
let timers: Mock<typeof setTimeout>

const serve = () =>
  Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const path = new URL(request.url).pathname
      asked.push(path)
      onAsked(asked.length)
      return (await answers(path, await request.bytes())) ?? new Response("", { status: 404 })
    },
  })

beforeEach(() => {
  made = createTestContext([])
  asked = []
  settled = []
  waits = []
  onAsked = () => {}
  answers = () => null
  minter = serve()
  const set = globalThis.setTimeout
  timers = spyOn(globalThis, "setTimeout").mockImplementation(((act: () => void, wait = 0) => {
    if (wait < 2000 || posts.includes(wait)) return set(act, wait)
    waits.push(wait)
    return set(act, 0)
  }) as never)
})
afterEach(async () => {
  timers.mockRestore()
  made.stop()
  await minter.stop(true)
  made[Symbol.dispose]()
})

function request(): PairingRequest {
  const extra = { localName: "noa", replaces: false, confirm: null }
  const place = { host: "127.0.0.1", port: minter.port ?? 0 }
  return made.stored.store.requests.keep({ ...confirmedWith("noa", "joiner"), ...place }, extra, made.now)
}
const resume = (one: PairingRequest): Promise<void> =>
  resumeHandshake(made.context, one, (_, outcome) => void settled.push(outcome))

test("whoever answers at once without an end is asked ever more seldom, down to every half minute", async () => {
  const one = request()
  using _ = spyOn(performance, "now").mockReturnValue(0)
  onAsked = count => {
    if (count === 8) made.stored.store.requests.settle(one.id, "denied", made.now)
  }
  await resume(one)
  expect([asked.length, new Set(asked)]).toEqual([8, new Set(["/v1/pair/decision"])])
  expect(waits).toEqual([2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000])
  // Its owner gave the name to another one: what comes of it is of no more use.
  expect(settled).toEqual([])
})

test("one that held the question for 5 s is asked again at once", async () => {
  const one = request()
  let clock = 0
  using _ = spyOn(performance, "now").mockImplementation(() => clock)
  onAsked = count => {
    clock += count === 2 ? 5000 : 4999
    if (count === 4) made.stored.store.requests.settle(one.id, "denied", made.now)
  }
  await resume(one)
  expect(waits).toEqual([2000, 2000, 4000])
})

test("is asked for as long as the request can live, and then it has expired", async () => {
  const one = request()
  onAsked = count => {
    made.now = one.createdAt + requestLifetimeMilliseconds + (count === 2 ? 1 : 0)
  }
  await resume(one)
  expect([asked.length, settled]).toEqual([2, ["expired"]])
})

test("a Guardian that stops asks no more, and settles nothing", async () => {
  const one = request()
  onAsked = () => made.stop()
  await resume(one)
  expect([asked.length, settled]).toEqual([1, []])
})

test("a request that waits no more is not asked for", async () => {
  const one = request()
  made.stored.store.requests.settle(one.id, "denied", made.now)
  await resume(one)
  expect([asked, settled]).toEqual([[], []])
})

test("an end counts with the other owner's tag and in a 200 alone; what is none is asked for again", async () => {
  using _ = spyOn(performance, "now").mockReturnValue(0)
  const one = request()
  const tag = (state: "approved" | "denied") => toBase64Url(decisionStateTag(hex(one.decisionKey), state))
  const denied = { state: "denied", tag: tag("denied") }
  const given = [
    Response.json(denied, { status: 202 }),
    Response.json({ state: "denied", tag: tag("approved") }),
    Response.json({ state: "approved", tag: tag("approved") }),
  ]
  answers = () => given.shift() ?? null
  await resume(one)
  expect([asked.length, settled, waits]).toEqual([3, ["approved"], [2000, 4000]])
})

test("a minter that is gone for a while is asked again", async () => {
  const place = { host: "127.0.0.1", port: freePort() }
  const kept = { localName: "noa", replaces: false, confirm: null }
  const one = made.stored.store.requests.keep({ ...confirmedWith("noa", "joiner"), ...place }, kept, made.now)
  const resumed = resume(one)
  await until("the second wait", () => waits.length > 1)
  made.stored.store.requests.settle(one.id, "denied", made.now)
  await resumed
  expect([waits.slice(0, 2), settled]).toEqual([[2000, 4000], []])
})

describe("a handshake", () => {
  let port = 0
  beforeEach(() => {
    port = minter.port ?? 0
  })
  const place = () => ({ host: "127.0.0.1", port })
  const hello = (symbols = "4F2K") =>
    sayHello(made.context, symbols, place(), (_, end) => void settled.push(end))
  const consent = (more = {}) => ({
    ...{ symbols: "4F2K", as: { name: "boss", replace: false }, askedId: null, isHeard: false },
    ...more,
  })
  async function met(symbols = "4F2K"): Promise<Handshake> {
    const answer = await hello(symbols)
    if (!("confirm" in answer)) throw new Error(`missed: ${answer.reason}`)
    return answer
  }

  /** A minter whose code is 4F2K. @param statuses - of its answers */
  function open({ hello: greeting = 200, confirm = 202, self = hana } = {}): void {
    let state: MinterState = opened()
    answers = (path, body) => {
      if (path === "/v1/pair/hello") {
        const event = helloEvent(body, 100, { self })
        // Whoever plays an intro back does not look whose hello it is.
        const [next, effects] = stepMinter(state, { ...event, hello: { ...event.hello, agent: "any" } })
        state = next
        return Response.json(helloAnswer(effects), { status: greeting })
      }
      if (path !== "/v1/pair/confirm") return null
      const [judging] = stepMinter(state, confirmEvent(v.parse(confirmSchema, decodeJson(body))))
      const [, effects] = stepMinter(judging, { kind: "try-taken", left: 2 })
      const tag = effects.find(effect => effect.kind === "answer-confirm")?.tag
      return tag === undefined
        ? new Response("", { status: 403 })
        : Response.json({ tag }, { status: confirm })
    }
  }

  test("is one where an open code answers, with the name that is claimed there", async () => {
    open()
    expect(await met()).toMatchObject({ intro: { name: "hana", port: 9876 }, place: place() })
    expect(asked).toEqual(["/v1/pair/hello"])
  })

  test.each<readonly [string, () => void, object]>([
    [
      "a refusal",
      () => {
        answers = () => new Response("", { status: 403 })
      },
      { cause: "no-code", reason: "HTTP 403" },
    ],
    [
      "another status",
      () => {
        answers = () => new Response("", { status: 402 })
      },
      { cause: "stranger", reason: "HTTP 402" },
    ],
    [
      "a right answer with another status",
      () => open({ hello: 202 }),
      { cause: "stranger", reason: "HTTP 202" },
    ],
    [
      "what is no answer",
      () => {
        answers = () => new Response("{}")
      },
      { cause: "stranger", reason: "malformed-answer" },
    ],
    [
      "this agent itself",
      () => open({ self: { ...hana, agent: "agent-mira" } }),
      { cause: "own", reason: "own-agent" },
    ],
  ])("is none with %s", async (_, prepare, want) => {
    prepare()
    expect(await hello()).toEqual({ place: place(), ...want } as never)
  })

  test("is none where nobody listens", async () => {
    await minter.stop(true)
    expect(await hello()).toMatchObject({ place: place(), cause: "refused" })
  })

  test("is a request that waits, under the name of its owner's choice, and where the minter was reached", async () => {
    open()
    const found = await met()
    made.stored.store.joinTries.add("4F2K", made.now)
    const kept = await found.confirm(consent())
    made.stop()
    expect(kept).toMatchObject({
      ...{ role: "joiner", name: "hana", agent: "hana-0001", ...place() },
      ...{ localName: "boss", replaces: false, state: "waiting" },
    })
    expect(made.stored.store.joinTries.made("4F2K", made.now)).toBe(0)
  })

  test.each([
    [true, "denied"],
    [false, "waiting"],
  ])("in the place of another agent: %p; another join of that name is %s", async (replace, state) => {
    open()
    const { requests } = made.stored.store
    const extra = { localName: "boss", replaces: false, confirm: null }
    const other = requests.keep(confirmedWith("noa", "joiner"), extra, made.now)
    const found = await met()
    const kept = await found.confirm(consent({ as: { name: "boss", replace } }))
    made.stop()
    expect([kept.replaces, requests.get(other.id)?.state]).toEqual([replace, state] as never)
  })

  test("is the question's own where an agent asked for it, which has its yes", async () => {
    open()
    const found = await met()
    const join = made.stored.store.joins.keep(
      { symbols: "4F2K", ...place(), name: "hana", agent: "hana-0001", localName: "boss" },
      made.now,
    )
    const kept = await found.confirm(consent({ askedId: join.id }))
    made.stop()
    expect([kept.id, made.stored.store.joins.stateOf(join.id)?.state]).toEqual([join.id, "approved"])
  })

  test("with another code is refused, and counted; by mDNS it is said to be by mDNS", async () => {
    open()
    const count = (words: string) => made.stored.store.joinTries.made(words, made.now)
    const first = await met("4F2M")
    expect(await rejectionOf(first.confirm(consent({ symbols: "4F2M" })))).toMatchObject({
      code: "refused",
      message: "the code is wrong, or no longer open",
    })
    expect([count("4F2M"), count("4F2M by mDNS")]).toEqual([1, 0])
    const second = await met("4F2M")
    expect(await rejectionOf(second.confirm(consent({ symbols: "4F2M", isHeard: true })))).toMatchObject({
      code: "refused",
      message: "whoever answered on the network has another code",
      hint: expect.stringContaining("use CODE@HOST"),
    })
    expect([count("4F2M"), count("4F2M by mDNS")]).toEqual([2, 1])
  })

  test("whose right tag came with another status than 202 is none", async () => {
    open({ confirm: 200 })
    const found = await met()
    expect((await rejectionOf(found.confirm(consent()))).message).toBe("the code is wrong, or no longer open")
  })

  test.each([
    [false, "try the same code again"],
    [true, "use CODE@HOST, with an address that the other owner's `sento pair` prints"],
  ])("whose minter is gone by the yes has had no answer; found by mDNS: %p", async (isHeard, hint) => {
    open()
    const found = await met()
    await minter.stop(true)
    expect(await rejectionOf(found.confirm(consent({ isHeard })))).toMatchObject({
      code: "unreachable",
      message: expect.stringContaining("no answer to the code: "),
      hint,
    })
  })
})
