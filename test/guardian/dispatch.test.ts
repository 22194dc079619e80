/** What the owner's PIN stands before, and what may happen while it is looked at. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { createDispatcher } from "../../src/guardian/dispatch.ts"
import type { DoorRequest } from "../../src/guardian/door/operations.ts"
import { createQuestions } from "../../src/guardian/pairing/questions.ts"
import { SentoError } from "../../src/protocol/errors.ts"
import { confirmedWith, createTestContext, type TestContext } from "../support/context.ts"

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
