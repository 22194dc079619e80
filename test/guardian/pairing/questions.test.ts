/** An owner's answers: to which question, how often, how late. The store is real; nobody is dialled. */
import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test"
import { createQuestions } from "../../../src/guardian/pairing/questions.ts"
import { SentoError } from "../../../src/protocol/errors.ts"
import type { AskedJoin } from "../../../src/store/joins.ts"
import type { PairingRequest } from "../../../src/store/requests.ts"
import { confirmedWith, createTestContext, type TestContext } from "../../support/context.ts"

const minute = 60_000
const hour = 60 * minute
const asIs = { as: null, replace: false }
const wish = { symbols: "4F2K", host: "192.0.2.7", port: 9876, as: null, replace: false, heard: false }
const found = { host: "192.0.2.7", port: 9876, name: "noa", agent: "agent-noa" }

let made: TestContext
let joined: { readonly asked: AskedJoin; readonly end: PromiseWithResolvers<PairingRequest> }[]
let looks: number
const opened: ReturnType<typeof createQuestions>[] = []
let isHeard: boolean

beforeEach(() => {
  made = createTestContext(["kai"])
  joined = []
  looks = 0
  isHeard = false
})
afterEach(() => {
  // A timer would find the store closed.
  for (const questions of opened.splice(0)) questions.stop()
  made[Symbol.dispose]()
})

type Parts = Parameters<typeof createQuestions>

function open() {
  const sender = { tell: async () => ({ kind: "failed" }) } as unknown as Parts[1]
  const joining = {
    carryOut: (asked: AskedJoin) => {
      const end = Promise.withResolvers<PairingRequest>()
      joined.push({ asked, end })
      return end.promise
    },
    find: async () => {
      looks += 1
      return { ...found, isHeard }
    },
  } as unknown as Parts[2]
  const questions = createQuestions(made.context, sender, joining)
  opened.push(questions)
  return questions
}

/** An agent that proved our code. */
function request(name: string): string {
  const extra = { localName: name, replaces: false, confirm: null }
  return made.stored.store.requests.keep(confirmedWith(name), extra, made.now).id
}

const stateOf = (id: string): string | undefined => made.stored.store.requests.get(id)?.state

async function errorOf(work: () => unknown): Promise<SentoError> {
  try {
    await work()
  } catch (error) {
    if (error instanceof SentoError) return error
    throw error
  }
  throw new Error("nothing was thrown")
}

describe("which question", () => {
  test("the only one, where no id is given", async () => {
    const id = request("noa")
    expect(await open().approve(null, asIs)).toEqual({
      outcome: "paired",
      name: "noa",
      id: "noa".padEnd(32, "0"),
    })
    expect(stateOf(id)).toBe("approved")
    expect(Object.keys(made.context.config.current.agents)).toEqual(["kai", "noa"])
    expect(made.events).toEqual([`answered approved of minter ${id}`, `paired of minter ${id}`])
  })

  test.each(["approve", "deny"] as const)("none of two, where %s names none", async what => {
    const [noa, lea] = [request("noa"), request("lea")]
    const questions = open()
    const answer = () => (what === "approve" ? questions.approve(null, asIs) : questions.deny(null))
    const error = await errorOf(answer)
    expect(error.message).toContain("several requests wait: ")
    for (const words of [`${noa} (noa, 1234)`, `${lea} (lea, 1234)`]) expect(error.message).toContain(words)
    expect([error.code, stateOf(noa), stateOf(lea)]).toEqual(["usage", "waiting", "waiting"])
    expect(Object.keys(made.context.config.current.agents)).toEqual(["kai"])
  })

  test("the one that is named, in any case and with blanks, and not the other", async () => {
    const [noa, lea] = [request("noa"), request("lea")]
    await open().approve(lea.toUpperCase(), asIs)
    expect([stateOf(noa), stateOf(lea)]).toEqual(["waiting", "approved"])
    expect(open().deny(noa)).toEqual({ name: "noa", id: noa })
    expect(made.events.slice(-2)).toEqual([`answered denied of minter ${noa}`, `denied of minter ${noa}`])
  })

  test("not the only one, where another is named", async () => {
    const id = request("noa")
    const other = id === "aaaa" ? "bbbb" : "aaaa"
    const error = await errorOf(() => open().approve(other, asIs))
    expect(error.message).toBe(`no request "${other}" waits`)
    expect(error.hint).toBe(`waiting: ${id} (noa, 1234)`)
    expect(stateOf(id)).toBe("waiting")
  })

  test("none, where none waits", async () => {
    expect((await errorOf(() => open().approve(null, asIs))).message).toBe("no request waits")
    expect((await errorOf(() => open().deny("k7q2"))).message).toBe("no request waits")
  })
})

describe("a yes", () => {
  test("that is said twice pairs once, and the second is told so", async () => {
    const id = request("noa")
    const questions = open()
    await questions.approve(id, asIs)
    const error = await errorOf(() => questions.approve(id, asIs))
    expect([error.code, error.message]).toEqual([
      "refused",
      "the request of noa was answered already: approved",
    ])
    expect(made.events.filter(event => event.startsWith("paired"))).toHaveLength(1)
  })

  test("behind a no pairs nobody", async () => {
    const [id, other] = [request("noa"), request("lea")]
    const questions = open()
    questions.deny(id)
    const error = await errorOf(() => questions.approve(id, asIs))
    expect(error.message).toBe("the request of noa was answered already: denied")
    expect([stateOf(id), stateOf(other)]).toEqual(["denied", "waiting"])
    expect(await questions.answer(id, "yes", "chat")).toEqual({ kind: "late" })
    expect(Object.keys(made.context.config.current.agents)).toEqual(["kai"])
  })

  test("at the moment at which the question ends is late, also where its sweep is later still", async () => {
    const id = request("noa")
    const questions = open()
    made.now += 24 * hour - 1
    expect(questions.waiting().map(one => one.id)).toEqual([id])
    made.now += 1
    expect(questions.waiting()).toEqual([])
    expect(await questions.answer(id, "yes", "popup")).toEqual({ kind: "late" })
    expect((await errorOf(() => questions.approve(id, asIs))).code).toBe("refused")
    expect(Object.keys(made.context.config.current.agents)).toEqual(["kai"])
  })

  test("for a name that is taken pairs nobody, and under another or in its place it does", async () => {
    const id = request("kai")
    const questions = open()
    const error = await errorOf(() => questions.approve(id, asIs))
    expect(error.message).toBe('an agent named "kai" is paired already')
    expect(error.hint).toContain(`sento approve ${id} --as`)
    expect(await errorOf(() => questions.requireAnswerable(null, asIs))).toMatchObject({ code: "usage" })
    expect(stateOf(id)).toBe("waiting")
    expect(questions.requireAnswerable(null, { as: "kai2", replace: false })).toMatchObject({ id })
    expect(questions.requireAnswerable(null, { as: null, replace: true })).toMatchObject({ id })
    expect(await questions.approve(id, { as: "kai2", replace: false })).toMatchObject({ name: "kai2" })
  })

  test("from a surface, with a PIN set, is none, and a no is one", async () => {
    made.context.config.update(config => ({ ...config, owner: { pin: "x" } }) as never)
    const id = request("noa")
    const questions = open()
    expect(await questions.answer(id, "yes", "chat")).toEqual({
      kind: "impossible",
      text: `A PIN is set: say yes in a terminal, with \`sento approve ${id}\`.`,
    })
    expect(stateOf(id)).toBe("waiting")
    expect(await questions.answer(id, "no", "chat")).toEqual({
      kind: "done",
      text: "Denied. Nothing is paired.",
    })
    expect([stateOf(id), made.log.at(-2)]).toEqual(["denied", `the owner said no to ${id} by chat`])
  })

  test("from a surface pairs, and what hinders it is said there", async () => {
    const [noa, kai] = [request("noa"), request("kai")]
    const questions = open()
    expect(await questions.answer(noa, "yes", "chat")).toEqual({ kind: "done", text: "Paired with noa." })
    const taken = await questions.answer(kai, "yes", "chat")
    expect(taken).toMatchObject({ kind: "impossible" })
    expect("text" in taken ? taken.text : "").toMatch(
      /^an agent named "kai" is paired already; keep both with/,
    )
  })

  test("that fails by a bug of ours says so, and where to look", async () => {
    const id = request("noa")
    const questions = open()
    made.context.config.update = () => {
      throw new TypeError("a bug")
    }
    expect(await questions.answer(id, "yes", "chat")).toEqual({
      kind: "impossible",
      text: "the Guardian failed; see `sento guard logs`",
    })
    expect(made.log.at(-1)).toContain("bug: TypeError: a bug")
  })
})

describe("a join that the agent asks for", () => {
  const ask = (questions: ReturnType<typeof open>, change: Partial<typeof wish> = {}) => {
    const events: string[] = []
    return questions.askToJoin({ ...wish, ...change }, event => void events.push(event.event))
  }

  test("waits for a yes, and is the same when it is asked for again, without another look", async () => {
    const questions = open()
    const { id } = await ask(questions)
    expect([(await ask(questions)).id, (await ask(questions, { port: null as never })).id]).toEqual([id, id])
    expect([looks, joined.length, questions.waiting().length]).toEqual([1, 0, 1])
    expect(made.events).toEqual(Array(3).fill(`request of join ${id}`))
    expect(made.log[0]).toBe(`the agent asks to join noa at 192.0.2.7:9876 (${id})`)
  })

  test("of another code, host or port is looked for; the same place found, it is another question by its code alone", async () => {
    const questions = open()
    const { id } = await ask(questions)
    expect((await ask(questions, { host: "kai.example" })).id).toBe(id)
    expect((await ask(questions, { port: 9877 })).id).toBe(id)
    expect((await ask(questions, { symbols: "7KQ2" })).id).not.toBe(id)
    expect([looks, questions.waiting().length]).toEqual([4, 2])
  })

  test("that mDNS found is known for that", async () => {
    isHeard = true
    const questions = open()
    const { id } = await ask(questions)
    expect(made.stored.store.facts.get("joins by mDNS")).toEqual([id])
  })

  test("three wait at once, and no fourth is looked for", async () => {
    const questions = open()
    for (const symbols of ["AAAA", "BBBB", "CCCC"]) await ask(questions, { symbols })
    const error = await errorOf(() => ask(questions, { symbols: "DDDD" }))
    expect([error.code, looks]).toEqual(["try-later", 3])
    expect(error.message).toBe("the owner is asked no more than 3 such questions at once")
    expect(await ask(questions, { symbols: "AAAA" })).toMatchObject({ name: "noa" })
  })

  test("ten looks an hour, over a restart too, whatever became of them", async () => {
    let questions = open()
    for (let i = 0; i < 10; i += 1) {
      const { id } = await ask(questions, { symbols: `AAA${i}` })
      questions.deny(id)
      made.now += minute
      questions = open()
    }
    const error = await errorOf(() => ask(questions))
    expect(error.message).toBe("an agent may look for others 10 times an hour; again in 3000 s")
    made.now += 50 * minute
    expect(await ask(questions)).toMatchObject({ kind: "join" })
    expect((await errorOf(() => ask(questions, { symbols: "BBBB" }))).message).toContain("again in 60 s")
  })

  test("said yes to twice is carried out once, and does not wait meanwhile", async () => {
    const questions = open()
    const { id } = await ask(questions)
    const first = questions.approve(id, asIs)
    expect(questions.waiting()).toEqual([])
    const second = await errorOf(() => questions.approve(id, asIs))
    expect(second.message).toBe("the request of noa was answered already: approved")
    expect((await errorOf(() => questions.deny(id))).code).toBe("refused")
    expect(await questions.answer(id, "yes", "chat")).toEqual({ kind: "late" })
    made.stored.store.joins.settle(id, "approved")
    joined[0]?.end.resolve({ ...confirmedWith("noa", "joiner"), id } as PairingRequest)
    expect(await first).toEqual({ outcome: "asked", name: "noa", id, verifier: "1234" })
    expect(joined.map(one => [one.asked.id, one.asked.symbols])).toEqual([[id, "4F2K"]])
    expect(made.events.slice(1)).toEqual([`answered approved of join ${id}`, `verifier of join ${id}`])
  })

  test("that fails is over: the owner can join by their own hand", async () => {
    const questions = open()
    const { id } = await ask(questions)
    const answer = errorOf(() => questions.approve(id, asIs))
    joined[0]?.end.reject(new SentoError("unreachable", "nobody is there"))
    expect((await answer).message).toBe("nobody is there")
    expect(made.stored.store.joins.stateOf(id)?.state).toBe("failed")
    expect(made.events.slice(1)).toEqual([`answered failed of join ${id}`, `failed of join ${id}`])
    expect(questions.waiting()).toEqual([])
  })

  test("that the Guardian's end has cut stands, and is asked again", async () => {
    const questions = open()
    const { id } = await ask(questions)
    const answer = questions.approve(id, asIs).catch((error: Error) => error.message)
    made.stop()
    joined[0]?.end.reject(new Error("stopping"))
    expect(await answer).toBe("stopping")
    expect(made.stored.store.joins.stateOf(id)?.state).toBe("waiting")
    expect(made.events).toEqual([`request of join ${id}`])
  })

  test("ends after ten minutes", async () => {
    const before = open()
    const { id } = await ask(before)
    before.stop()
    made.now += 10 * minute - 1
    open()
    expect([before.waiting().length, made.stored.store.joins.stateOf(id)?.state]).toEqual([1, "waiting"])
    made.now += 1
    expect(before.waiting()).toEqual([])
    open()
    expect(made.stored.store.joins.stateOf(id)?.state).toBe("expired")
    expect(made.events.slice(1)).toEqual([`answered expired of join ${id}`, `expired of join ${id}`])
    expect(made.log.at(-1)).toBe(`nobody answered whether to join noa (${id})`)
  })

  test("is looked at by itself when the first one's time is over, and not before a second has passed", async () => {
    const waits: number[] = []
    using _ = spyOn(globalThis, "setTimeout").mockImplementation(((__: () => void, wait: number) => {
      waits.push(wait)
      return { unref() {} }
    }) as never)
    using __ = spyOn(globalThis, "clearTimeout").mockImplementation(() => {})
    const questions = open()
    expect(waits).toEqual([])
    await ask(questions)
    made.now += 4 * minute
    await ask(questions, { symbols: "7KQ2" })
    made.now += 6 * minute - 500
    open()
    expect(waits).toEqual([10 * minute, 6 * minute, 1000])
    for (const one of opened.splice(0)) one.stop()
  })

  test("that fails may be asked for again, and others end in their time meanwhile", async () => {
    const questions = open()
    const { id } = await ask(questions)
    const { id: other } = await ask(questions, { symbols: "7KQ2" })
    const answer = errorOf(() => questions.approve(id, { as: "noa2", replace: true }))
    made.now += 10 * minute
    joined[0]?.end.reject(new SentoError("unreachable", "nobody is there", "is it on?"))
    await answer
    // As the one that was under way has ended, the others' time is looked at.
    expect(made.stored.store.joins.stateOf(other)?.state).toBe("expired")
    expect((await ask(questions)).id).not.toBe(id)
  })

  test("is carried out under the name that the owner gave, or the one that was asked for", async () => {
    const names: string[] = []
    const sender = { tell: async () => ({ kind: "failed" }) } as unknown as Parts[1]
    const joining = {
      find: async () => ({ ...found, isHeard }),
      carryOut: async (asked: AskedJoin, as: { name: string; replace: boolean }) => {
        names.push(`${as.name} ${as.replace}`)
        made.stored.store.joins.settle(asked.id, "approved")
        return { ...confirmedWith("noa", "joiner"), id: asked.id } as PairingRequest
      },
    } as unknown as Parts[2]
    const questions = createQuestions(made.context, sender, joining)
    await questions.approve((await ask(questions)).id, asIs)
    await questions.approve((await ask(questions, { symbols: "AAAA", as: "ally" as never })).id, asIs)
    await questions.approve((await ask(questions, { symbols: "BBBB" })).id, { as: "noa2", replace: true })
    expect(names).toEqual(["noa false", "ally false", "noa2 true"])
  })

  test("says what it fails by, and nothing of a bug of ours", async () => {
    const questions = open()
    const told: unknown[] = []
    made.context.events.on(event => void told.push(event))
    for (const [symbols, error] of [
      ["AAAA", new SentoError("unreachable", "nobody is there", "is it on?")],
      ["BBBB", new TypeError("a secret")],
    ] as const) {
      const { id } = await ask(questions, { symbols })
      const answer = questions.approve(id, asIs).catch(() => null)
      joined.at(-1)?.end.reject(error)
      await answer
    }
    expect(told.filter(one => (one as { event: string }).event === "failed")).toEqual([
      { event: "failed", code: "unreachable", message: "nobody is there", hint: "is it on?" },
      { event: "failed", code: "failed", message: "the Guardian failed", hint: "see `sento guard logs`" },
    ])
  })

  test("is named among several that wait as what it is", async () => {
    const questions = open()
    const { id } = await ask(questions)
    const noa = request("noa")
    expect((await errorOf(() => questions.deny(null))).message).toBe(
      `several requests wait: ${noa} (noa, 1234), ${id} (join noa)`,
    )
    expect((await errorOf(() => questions.deny("no id"))).message).toBe('no request "no id" waits')
  })

  test("that waits already tells where it was found, and none that is found by no network is noted as such", async () => {
    const questions = open()
    const events: unknown[] = []
    await ask(questions)
    await questions.askToJoin(wish, event => void events.push(event))
    expect(events).toEqual([{ event: "found", name: "noa", host: "192.0.2.7", port: 9876 }])
    expect(made.stored.store.facts.get("joins by mDNS")).toBeNull()
  })

  test("is denied like any other", async () => {
    const questions = open()
    const { id } = await ask(questions)
    expect(questions.deny(id)).toEqual({ name: "noa", id })
    expect(made.stored.store.joins.stateOf(id)?.state).toBe("denied")
    expect(made.events.slice(1)).toEqual([`answered denied of join ${id}`, `denied of join ${id}`])
  })
})
