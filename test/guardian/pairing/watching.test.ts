/** Commands that wait for the end of a pairing: which events each is told, and which one ends its wait. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import type { About } from "../../../src/guardian/context.ts"
import type { PairingEvent } from "../../../src/guardian/door/results.ts"
import {
  type WatchedParts,
  watchCode,
  watchJoin,
  watchQuestion,
} from "../../../src/guardian/pairing/watching.ts"
import type { Question } from "../../../src/protocol/questions.ts"
import { createTestContext, type TestContext } from "../../support/context.ts"
import { settle } from "../../support/settle.ts"
import { until } from "../../support/world.ts"

let made: TestContext
let emitted: PairingEvent[]
let gone: AbortController
let waiting: Question[]
let opened: [boolean, string][]
let joins: object[]
let own: string | null

beforeEach(() => {
  made = createTestContext([])
  emitted = []
  gone = new AbortController()
  waiting = []
  opened = []
  joins = []
  own = null
})
afterEach(() => made[Symbol.dispose]())

const question = (id: string, kind: Question["kind"] = "request"): Question => ({
  ...{ id, kind, name: "kai", as: "kai", claimedHost: null, host: "192.0.2.7", port: 9876 },
  ...{ verifier: null, taken: false, createdAt: 0, expiresAt: 0 },
})

const parts = () =>
  ({
    context: made.context,
    minting: {
      open(long: boolean, door: string) {
        opened.push([long, door])
        return { symbols: "4F2K", expiresAt: made.now, createdAt: made.now }
      },
      isOpen: (symbols: string, door: string) => `${symbols} ${door}` === own,
    },
    joining: {
      async join(request: object, emit: (event: PairingEvent) => void) {
        joins.push(request)
        emit({ event: "found", name: "kai", host: "192.0.2.7", port: 9876 })
        return { id: "k7q2" }
      },
    },
    questions: {
      waiting: () => waiting,
      async askToJoin(request: object) {
        joins.push(request)
        return question("m3x9", "join")
      },
    },
  }) as unknown as WatchedParts

const call = (door: "owner" | "agent" = "owner") =>
  ({ door, emit: (event: PairingEvent) => void emitted.push(event), gone: gone.signal }) as never
const happens = (event: object, about: About): void => made.context.events.emit(event as PairingEvent, about)
const words = () => emitted.map(one => ("id" in one ? `${one.event} ${one.id}` : one.event))
const minter = (id: string): About => ({ role: "minter", id })

describe("who opened a code", () => {
  const pair = (more: object = {}) =>
    watchCode(parts(), { op: "pair", long: false, wait: true, ...more } as never, call("agent"))

  test("is told the code, and whatever comes of it, until its end", async () => {
    const end = pair({ long: true })
    expect([opened, words()]).toEqual([[[true, "agent"]], ["code"]])
    happens({ event: "request", id: "k7q2" }, minter("k7q2"))
    happens({ event: "request", id: "x" }, { role: "joiner", id: "x" })
    happens({ event: "failed" }, { role: "join", id: "j" })
    happens({ event: "answered", id: "k7q2" }, minter("k7q2"))
    happens({ event: "paired", name: "kai", id: "p" }, minter("k7q2"))
    expect(await end).toMatchObject({ event: "paired" })
    happens({ event: "closed" }, null)
    expect(words()).toEqual(["code", "request k7q2", "failed", "answered k7q2", "paired p"])
  })

  test.each(["denied", "expired", "closed", "burned", "failed"])("hears its end: %s", async event => {
    const end = pair()
    happens({ event }, null)
    expect(await end).toEqual({ event } as never)
  })

  test("and does not wait has the code alone", async () => {
    expect(await pair({ wait: false })).toBeNull()
    happens({ event: "closed" }, null)
    expect(words()).toEqual(["code"])
  })

  test("while a request waits is shown that, and no new code is opened; a join is no request", async () => {
    waiting = [question("m3x9", "join"), question("k7q2")]
    void pair()
    expect([opened, words()]).toEqual([[], ["request m3x9", "request k7q2"]])
    waiting = [question("m3x9", "join")]
    emitted = []
    void pair()
    expect([opened.length, words()]).toEqual([1, ["code", "request m3x9"]])
  })

  test.each(["gone", "stopping"])("hears nothing any more once it is %s", async how => {
    const end = pair()
    if (how === "gone") gone.abort()
    else made.stop()
    expect(await end).toBeNull()
    happens({ event: "closed" }, null)
    expect(words()).toEqual(["code"])
  })

  test("is told each place under which others reach this machine, its owner's name first", () => {
    const listen = { ...made.context.config.current.listen, names: ["mira.example"] }
    made.context.config.update(config => ({ ...config, listen }))
    const addresses = () => {
      emitted = []
      void pair({ wait: false })
      const [code] = emitted
      return code?.event === "code" ? (code.addresses ?? []).map(one => one.address) : []
    }
    expect(addresses()).toEqual([])
    Object.assign(made.context, { listening: () => ["127.0.0.1", "192.0.2.99"] })
    expect(addresses()).toEqual(["SENTO-4F2K@mira.example:9876", "SENTO-4F2K@192.0.2.99:9876"])
    made.context.config.update(config => ({ ...config, listen: { ...listen, names: [] } }))
    expect(addresses()).toEqual(["SENTO-4F2K@192.0.2.99:9876"])
  })
})

describe("who joins", () => {
  const join = (door: "owner" | "agent", more: object = {}) =>
    watchJoin(
      parts(),
      {
        op: "join",
        symbols: "SENTO-4f2k",
        host: null,
        port: null,
        as: null,
        replace: true,
        pin: null,
        ...more,
      } as never,
      call(door),
    )

  test("as an owner joins, and hears of that request alone", async () => {
    const end = join("owner")
    await settle()
    expect(joins).toMatchObject([{ symbols: "4F2K", replace: true }])
    happens({ event: "denied" }, { role: "joiner", id: "other" })
    happens({ event: "denied" }, { role: "joiner", id: "k7q2" })
    expect(await end).toEqual({ event: "denied" })
    expect(words()).toEqual(["found", "denied"])
  })

  test("as an agent has its owner asked, who alone says which pair to replace", async () => {
    const end = join("agent")
    await settle()
    expect([joins, words()]).toMatchObject([[{ symbols: "4F2K", replace: false }], ["request m3x9"]])
    happens({ event: "expired" }, { role: "join", id: "m3x9" })
    expect(await end).toEqual({ event: "expired" })
  })

  test("with a code of this agent's own is told so, and nobody is asked", async () => {
    own = "4F2K agent"
    for (const door of ["agent", "owner"] as const) {
      own = `4F2K ${door}`
      await expect(join(door)).rejects.toThrow(
        "SENTO-4F2K is this agent's own code: the other owner types it",
      )
    }
    expect(joins).toEqual([])
  })

  test("with what is no code is told so", async () => {
    await expect(join("owner", { symbols: "hello!" })).rejects.toThrow('"hello!" is no code')
  })

  test("needs the owner's PIN at the owner's door", async () => {
    const pin = await Bun.password.hash("1234", { algorithm: "argon2id", memoryCost: 8, timeCost: 1 })
    made.context.config.update(config => ({ ...config, owner: { pin } }))
    await expect(join("owner")).rejects.toThrow("PIN")
    expect(joins).toEqual([])
    void join("owner", { pin: "1234" })
    void join("agent")
    await until("both", () => joins.length === 2)
  })
})

describe("a prompt for one question", () => {
  const watch = (id: string) => watchQuestion(parts(), { op: "question", id } as never, call())

  test("shows it, and hears its end and no other's", async () => {
    waiting = [question("k7q2"), question("b3x9")]
    const end = watch("k7q2")
    expect(words()).toEqual(["request k7q2"])
    happens({ event: "denied" }, minter("b3x9"))
    happens({ event: "denied" }, minter("k7q2"))
    expect(await end).toEqual({ event: "denied" })
  })

  test("that waits no more has expired", async () => {
    waiting = [question("b3x9")]
    expect(await watch("k7q2")).toEqual({ event: "answered", id: "k7q2", state: "expired" })
    expect(emitted).toEqual([])
  })
})
