/** What the owner's PIN stands before, and what may happen while it is looked at. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createDispatcher } from "../../src/guardian/dispatch.ts"
import type { DoorRequest } from "../../src/guardian/door/operations.ts"
import { createQuestions } from "../../src/guardian/pairing/questions.ts"
import { SentoError } from "../../src/protocol/errors.ts"
import { confirmedWith, createTestContext, type TestContext } from "../support/context.ts"
import { receive } from "../support/store.ts"

const cheap = { algorithm: "argon2id", memoryCost: 8, timeCost: 1 } as const

let made: TestContext
let questions: ReturnType<typeof createQuestions>
let ask: (request: object) => Promise<unknown>

beforeEach(async () => {
  made = createTestContext(["kai"])
  const pin = await Bun.password.hash("right", cheap)
  made.context.config.update(config => ({ ...config, owner: { pin } }))
  const sender = { tell: async () => ({ kind: "failed" }) } as never
  questions = createQuestions(made.context, sender, {} as never)
  const dispatch = createDispatcher({ context: made.context, sender, questions } as never)
  ask = request =>
    dispatch({ as: null, replace: false, ...request } as unknown as DoorRequest<"approve">, {} as never)
})
afterEach(() => made[Symbol.dispose]())

const request = (name: string): string =>
  made.stored.store.requests.keep(
    confirmedWith(name),
    { localName: name, replaces: false, confirm: null },
    made.now,
  ).id
const paired = (): string[] => Object.keys(made.context.config.current.agents)
const stateOf = (id: string): string | undefined => made.stored.store.requests.get(id)?.state
const errorOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "nothing",
    error => (error instanceof SentoError ? [error.code, error.message] : error),
  )

describe("a yes", () => {
  test("with the PIN pairs", async () => {
    const id = request("noa")
    expect(await ask({ op: "approve", id: null, pin: "right" })).toMatchObject({ outcome: "paired" })
    expect([stateOf(id), paired()]).toEqual(["approved", ["kai", "noa"]])
  })

  test.each([
    ["without it", null, "the owner's PIN is needed"],
    ["with a wrong one", "wrong", "the PIN is wrong"],
  ])("%s pairs nobody", async (_, pin, message) => {
    const id = request("noa")
    expect(await errorOf(ask({ op: "approve", id, pin }))).toEqual(["needs-pin", message])
    expect([stateOf(id), paired()]).toEqual(["waiting", ["kai"]])
  })

  test("is for what waited when it was said: not for what took its place while the PIN was looked at", async () => {
    const noa = request("noa")
    const saying = errorOf(ask({ op: "approve", id: null, pin: "right" }))
    questions.deny(noa)
    const lea = request("lea")
    expect(await saying).toEqual(["refused", "the request of noa was answered already: denied"])
    expect([stateOf(noa), stateOf(lea), paired()]).toEqual(["denied", "waiting", ["kai"]])
  })

  test("that could not be one takes no try of the PIN", async () => {
    const id = request("kai")
    expect(await errorOf(ask({ op: "approve", id, pin: "wrong" }))).toEqual([
      "usage",
      'an agent named "kai" is paired already',
    ])
    expect(made.notices).toEqual([])
  })
})

describe("a removal", () => {
  test("with the PIN ends the pair", async () => {
    await ask({ op: "remove", name: "kai", pin: "right" })
    expect([paired(), made.stored.store.peers.revocations().map(one => one.pair)]).toEqual([[], ["kai"]])
  })

  test.each([
    ["without it", null],
    ["with a wrong one", "wrong"],
  ])("%s ends none", async (_, pin) => {
    expect(await errorOf(ask({ op: "remove", name: "kai", pin }))).toMatchObject([
      "needs-pin",
      expect.any(String),
    ])
    expect([paired(), made.stored.store.peers.revocations()]).toEqual([["kai"], []])
  })

  test("of nobody takes no try of the PIN; of a pair that ended meanwhile ends no other", async () => {
    expect(await errorOf(ask({ op: "remove", name: "lea", pin: "wrong" }))).toMatchObject([
      "unknown-agent",
      expect.any(String),
    ])
    expect(made.notices).toEqual([])
    const removing = errorOf(ask({ op: "remove", name: "kai", pin: "right" }))
    made.remove("kai")
    expect(await removing).toMatchObject(["unknown-agent", expect.any(String)])
    expect(made.stored.store.peers.revocations()).toEqual([])
  })
})

describe("at the doors", () => {
  let log: string[]
  let parts: Record<string, unknown>
  const attempt = { literal: "192.0.2.7" }
  let answer: object
  const at =
    (door: "owner" | "agent") =>
    (request: object): Promise<unknown> =>
      createDispatcher(parts as never)(request as never, { door } as never) as Promise<unknown>
  beforeEach(() => {
    log = []
    answer = {}
    const note = (words: string) => () => void log.push(words)
    parts = {
      context: made.context,
      sender: { tell: async (_: unknown, body: { type: string }) => log.push(`said ${body.type}`) && answer },
      outbox: {
        withdraw: (id: string) => `message ${id}`,
        tellSender: (_: unknown, state: string, reason: string) => void log.push(`${state} ${reason}`),
      },
      joining: { withdraw: ({ id }: { id: string }) => `join ${id}` },
      minting: { close: () => true },
      delivery: {
        hold: () => null,
        look: async () => "ready",
        pausesChanged: note("woken"),
        wake: note("woken"),
      },
      ways: { of: () => ({ way: "dialled" }) },
      whereabouts: {
        shut: () => [],
        setHosts: async (hosts: string[]) => log.push(`hosts ${hosts}`),
        readdressed: (pair: string) => log.push(`readdressed ${pair}`),
      },
      handsState: null,
      onStop: note("stopped"),
    }
  })

  test.each<readonly [string, object, object]>([
    [
      "accepted",
      { kind: "accepted", ...attempt },
      { isReached: true, reason: null, aheadSeconds: 0, literal: "192.0.2.7" },
    ],
    [
      "accepted where it fetches",
      { kind: "accepted", literal: null },
      { isReached: true, reason: null, aheadSeconds: 0, isFetched: true },
    ],
    [
      "another time",
      { kind: "skewed", aheadSeconds: 9, ...attempt },
      { isReached: true, reason: "the clocks differ", aheadSeconds: 9, literal: "192.0.2.7" },
    ],
    [
      "a refusal",
      { kind: "refused", detail: "no", ...attempt },
      { isReached: true, reason: "no", aheadSeconds: null, literal: "192.0.2.7" },
    ],
    [
      "later",
      { kind: "later", reason: "busy", retryAfterSeconds: 7, ...attempt },
      { isReached: true, reason: "busy", aheadSeconds: null, retryAfterSeconds: 7, literal: "192.0.2.7" },
    ],
    [
      "nothing",
      { kind: "failed", reason: "gone", cause: "refused" },
      { isReached: false, reason: "gone", aheadSeconds: null, cause: "refused" },
    ],
    [
      "a stranger",
      { kind: "failed", reason: "who", cause: null },
      { isReached: false, reason: "who", aheadSeconds: null, cause: "stranger" },
    ],
  ])("a probe that meets %s", async (_, made, want) => {
    answer = made
    expect(await at("agent")({ op: "probe", name: "kai" })).toEqual({ way: "dialled", ...want })
    expect(log).toEqual(["said hello"])
  })

  test("a probe says where the peer has called, if it has", async () => {
    answer = { kind: "accepted", ...attempt }
    const called = async () =>
      ((await at("agent")({ op: "probe", name: "kai" })) as { calledAt?: string }).calledAt
    made.stored.store.facts.set("called kai", false)
    expect(await called()).toBeUndefined()
    made.stored.store.facts.set("called kai", { host: "fd00::1", port: 7 })
    expect(await called()).toBe("[fd00::1]:7")
  })

  test("cancel takes a join back for its owner alone", async () => {
    const { id } = made.stored.store.requests.keep(
      confirmedWith("noa", "joiner"),
      { localName: "noa", replaces: false, confirm: null },
      made.now,
    )
    const ask = { op: "cancel", id }
    expect([await at("owner")(ask), await at("agent")(ask)]).toEqual([`join ${id}`, `message ${id}`])
    expect(await at("owner")({ op: "cancel", id: "zzzz" })).toBe("message zzzz")
  })

  test("who answers, and what it does, as far as there is something to say", async () => {
    const alive = { pid: process.pid, name: "mira", host: "127.0.0.1", port: 9876 }
    expect(await at("agent")({ op: "alive" })).toEqual({
      ...alive,
      version: expect.any(String),
      commit: expect.any(String),
    })
    const quiet = (await at("agent")({ op: "status" })) as object
    expect(quiet).toMatchObject({
      ...{ running: true, session: { target: "mira", state: "ready" }, waiting: { inbox: 0, outbox: 0 } },
    })
    for (const key of ["hands", "paused", "held", "hosts", "shut"]) expect(quiet).not.toHaveProperty(key)
    made.stored.store.peers.pause("kai", { until: null, reason: "owner" })
    Object.assign(made.context, { listening: () => ["127.0.0.1", "192.0.2.9"] })
    Object.assign(parts, {
      handsState: () => ({ connected: true, tmux: null }),
      whereabouts: { shut: () => [{ host: "192.0.2.8", fault: "taken" }] },
      delivery: {
        look: async () => "busy",
        hold: () => ({ shortId: "k7q2", name: "kai", reason: "it works", state: "busy", since: made.now }),
      },
    })
    expect(await at("agent")({ op: "status" })).toMatchObject({
      session: { state: "busy" },
      hands: { connected: true, tmux: null },
      paused: [{ name: "kai", until: "resume", reason: "owner", waiting: 0 }],
      held: { id: "k7q2", from: "kai", reason: "it works", since: "2026-11-23T10:00:00.000Z" },
      hosts: ["192.0.2.9"],
      shut: [{ host: "192.0.2.8", fault: "taken" }],
    })
  })

  test("what changes whether something is typed has it looked at", async () => {
    const { inbox, peers } = made.stored.store
    const came = () => {
      const id = receive(made.stored, "kai", made.now)
      return inbox.byId("kai", id)?.shortId
    }
    const owner = at("owner")
    expect(await owner({ op: "pause", name: "kai", milliseconds: null })).toBe("resume")
    expect(log.splice(0)).toEqual(["woken"])
    const first = came()
    expect(await owner({ op: "release", id: first })).toEqual({ id: first, from: "kai", waitsFor: null })
    expect(log.splice(0)).toEqual(["woken"])
    expect(await owner({ op: "resume", name: "kai" })).toMatchObject({ wasPaused: true })
    expect([log.splice(0), peers.pauseOf("kai", made.now)]).toEqual([["woken"], null])
    await owner({ op: "drop", id: first })
    expect(log.splice(0)).toEqual([expect.stringMatching(/^refused /), "woken"])
    await owner({ op: "address", name: "kai", host: "192.0.2.1", port: 7 })
    await owner({ op: "listen", hosts: ["192.0.2.9"] })
    expect(log).toEqual(["readdressed kai", "hosts 192.0.2.9"])
  })

  test("the owner's small ones", async () => {
    const owner = at("owner")
    made.stored.store.peers.revoke("noa", "noa", false, null, made.now)
    expect(await owner({ op: "clear", name: "other" })).toEqual({ cleared: 0 })
    expect(await owner({ op: "clear", name: null })).toEqual({ cleared: 1 })
    expect(await owner({ op: "close" })).toEqual({ wasOpen: true })
    expect(await owner({ op: "rename", from: "kai", to: "lia" })).toBeNull()
    expect(paired()).toEqual(["lia"])
  })

  test("stop is noted for the next start, and done also where it cannot be", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sento-stop-"))
    try {
      Object.assign(made.context, { paths: { ...made.context.paths, stopped: join(folder, "stopped") } })
      expect(await at("owner")({ op: "stop" })).toBeNull()
      expect([log, existsSync(join(folder, "stopped"))]).toEqual([[], true])
      await new Promise(resolve => setImmediate(resolve))
      expect(log).toEqual(["stopped"])
      Object.assign(made.context, { paths: { ...made.context.paths, stopped: join(folder, "no/stopped") } })
      await at("owner")({ op: "stop" })
      await new Promise(resolve => setImmediate(resolve))
      expect([log.length, made.log.at(-1)]).toEqual([
        2,
        expect.stringContaining("cannot note that the owner"),
      ])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
