/** Where peers may be, by a clock of the test's and with a network that is none: which address is asked, when, and what it comes to. */
import { afterEach, beforeEach, describe, expect, jest, type Mock, spyOn, test } from "bun:test"
import { openNamedPlaces } from "../../../src/guardian/books/claims.ts"
import { peerById } from "../../../src/guardian/context.ts"
import { createMoving } from "../../../src/guardian/outbound/moving.ts"
import type { Attempt, Sender } from "../../../src/guardian/outbound/sender.ts"
import * as client from "../../../src/http/client.ts"
import type { Place } from "../../../src/protocol/moving.ts"
import type { Peer } from "../../../src/store/config.ts"
import { createTestContext, peerOf, type TestContext } from "../../support/context.ts"
import { settle } from "../../support/settle.ts"

const second = 1000
type Asked = {
  readonly place: string
  readonly callOf: unknown
  readonly milliseconds: number
  end(literal: string | null): Promise<void>
}

let made: TestContext
let asked: Asked[]
let hastened: string[]
let literals: Map<string, string>
let moving: ReturnType<typeof createMoving>
let mocks: Mock<never>[]

async function pass(milliseconds: number): Promise<void> {
  made.now += milliseconds
  jest.advanceTimersByTime(milliseconds)
  await settle()
}

const sender = {
  ask(
    { peer: { host, port } }: { peer: Place },
    hello: { callOf?: string },
    milliseconds: number,
  ): Promise<Attempt> {
    const { promise, resolve } = Promise.withResolvers<Attempt>()
    asked.push({
      ...{ place: `${host}:${port}`, callOf: hello.callOf, milliseconds },
      async end(literal) {
        resolve((literal === null ? failed() : { kind: "accepted", literal }) as Attempt)
        await settle()
      },
    })
    return promise
  },
} as unknown as Sender

type Failed = Extract<Attempt, { kind: "failed" }>
const failed = (more: Partial<Failed> = {}): Failed => ({
  ...{ kind: "failed", reason: "no", status: null, cause: "refused", retryAfterSeconds: null },
  ...more,
})

const open = () => createMoving(made.context, sender, pair => void hastened.push(pair))
const setPeer = (change: Partial<Peer> = {}, name = "kai"): void =>
  made.context.config.update(config => ({
    ...config,
    agents: { ...config.agents, [name]: { ...peerOf(name), host: "192.0.2.1", port: 7, ...change } },
  }))
const known = (name = "kai") => {
  const found = peerById(made.context, name)
  if (found === null) throw new Error(`no ${name}`)
  return found
}
const hear = (port: number, callOf: string | null = null, host?: string): boolean =>
  moving.heard(known(), { port, ...(host === undefined ? {} : { host }) }, callOf)
const places = () => asked.map(({ place }) => place)
const named = () => openNamedPlaces(made.context).of("kai")

beforeEach(() => {
  jest.useFakeTimers()
  made = createTestContext([])
  setPeer({ reached: "192.0.2.1" })
  asked = []
  hastened = []
  literals = new Map()
  mocks = [
    spyOn(client, "lookUp").mockImplementation((async (host: string) =>
      literals.has(host) ? (literals.get(host) ?? null) : host) as never) as never,
  ]
  moving = open()
})
afterEach(async () => {
  made.stop()
  await settle()
  for (const one of asked) await one.end(null)
  for (const mock of mocks) mock.mockRestore()
  jest.useRealTimers()
  made[Symbol.dispose]()
})

describe("an address that a hello names", () => {
  test("is asked for 9 s, and taken where the peer answers there", async () => {
    expect(hear(8)).toBe(true)
    expect(named()).toEqual({ host: "192.0.2.1", port: 8 })
    await settle()
    expect(asked).toMatchObject([{ place: "192.0.2.1:8", callOf: undefined, milliseconds: 9000 }])
    expect(hastened).toEqual([])
    await asked[0]?.end("192.0.2.1")
    expect(known().peer).toMatchObject({ host: "192.0.2.1", port: 8, reached: "192.0.2.1" })
    expect([named(), hastened, made.log]).toEqual([
      null,
      ["kai"],
      ["kai moved from 192.0.2.1:7 to 192.0.2.1:8"],
    ])
  })

  test("that is the known one is settled, and asked for nothing", async () => {
    hear(8)
    await settle()
    expect(hear(7)).toBe(false)
    expect(named()).toBeNull()
    await asked[0]?.end(null)
    await pass(20 * second)
    expect(places()).toEqual(["192.0.2.1:8"])
  })

  test("in vain leaves the known one, and what waits goes there, when 10 s are over, however soon it failed", async () => {
    hear(8)
    await settle()
    await pass(second)
    await asked[0]?.end(null)
    expect(made.log).toEqual([
      "kai says that it is at 192.0.2.1:8, but does not answer there: its address stays",
    ])
    await pass(9 * second - 1)
    expect(hastened).toEqual([])
    await pass(1)
    expect([hastened, known().peer.port, named()]).toEqual([["kai"], 7, { host: "192.0.2.1", port: 8 }])
  })

  test("meanwhile is asked next, the latest alone, and 10 s later where the first was in vain", async () => {
    hear(8)
    await settle()
    for (const port of [9, 10, 11]) hear(port)
    await asked[0]?.end(null)
    await pass(10 * second - 1)
    expect(places()).toEqual(["192.0.2.1:8"])
    await pass(1)
    expect(places()).toEqual(["192.0.2.1:8", "192.0.2.1:11"])
    await asked[1]?.end("192.0.2.1")
    expect([known().peer.port, named()]).toEqual([11, null])
  })

  test("that was taken does not settle one that was named meanwhile", async () => {
    hear(8)
    await settle()
    hear(9)
    await asked[0]?.end("192.0.2.1")
    expect([known().peer.port, named()]).toEqual([8, { host: "192.0.2.1", port: 9 }])
    expect(places()).toEqual(["192.0.2.1:8", "192.0.2.1:9"])
  })

  test("is called at, with the id, where the hello asks for that", async () => {
    hear(8, "call")
    await settle()
    expect(asked).toMatchObject([{ place: "192.0.2.1:8", callOf: "call" }])
    await asked[0]?.end("192.0.2.1")
    await settle()
    expect(asked).toHaveLength(1)
  })

  test("in vain has it called where it was", async () => {
    hear(8, "call")
    await settle()
    await asked[0]?.end(null)
    await pass(10 * second)
    expect(asked[1]).toMatchObject({ place: "192.0.2.1:7", callOf: "call", milliseconds: 9000 })
    await asked[1]?.end("192.0.2.1")
    expect(hastened).toEqual(["kai", "kai"])
    await pass(60 * second)
    expect(asked).toHaveLength(2)
  })

  test("a call asked for where it is known is made there, and in vain takes 10 s", async () => {
    expect(hear(7, "call")).toBe(false)
    await settle()
    expect(asked).toMatchObject([{ place: "192.0.2.1:7", callOf: "call" }])
    hear(7, "other")
    await asked[0]?.end(null)
    await pass(10 * second - 1)
    expect([asked.length, hastened, made.log]).toEqual([1, [], []])
    await pass(1)
    expect(asked[1]).toMatchObject({ place: "192.0.2.1:7", callOf: "other" })
    await asked[1]?.end("192.0.2.1")
    expect(hastened).toEqual(["kai"])
  })

  test("a call that was asked for meanwhile is made with the next address, which asks for none", async () => {
    hear(8)
    await settle()
    hear(7, "call")
    hear(9)
    await asked[0]?.end("192.0.2.1")
    expect(asked[1]).toMatchObject({ place: "192.0.2.1:9", callOf: "call" })
  })

  test("is not taken where its owner has set another one meanwhile", async () => {
    for (const change of [{ port: 70 }, { fixed: true }] as const) {
      setPeer({ reached: "192.0.2.1" })
      hear(8)
      await settle()
      setPeer({ reached: "192.0.2.1", ...change })
      await asked.at(-1)?.end("192.0.2.1")
      expect(known().peer).toMatchObject({ port: 7, ...change })
      await pass(20 * second)
    }
    expect(made.log).toEqual([])
  })

  test("of a pair that has ended meanwhile is none any more", async () => {
    hear(8)
    await settle()
    made.remove("kai")
    await asked[0]?.end("192.0.2.1")
    expect(made.log).toEqual([])
  })

  test("is not asked while the Guardian stops", async () => {
    hear(8)
    made.stop()
    await moving.stopped()
    expect(asked).toHaveLength(0)
  })

  test("ten in vain within an hour are the most: the next waits, which is said in minutes", async () => {
    for (let i = 0; i < 10; i += 1) {
      hear(100 + i)
      await settle()
      await asked[i]?.end(null)
      await pass(10 * second)
    }
    expect([asked.length, made.log.length]).toEqual([10, 10])
    hear(200)
    await settle()
    expect(made.log.at(-1)).toBe(
      "kai named 10 addresses within an hour that do not answer: the next is asked in 59 min",
    )
    await pass(3_500_000 - 1)
    expect(asked).toHaveLength(10)
    await pass(1)
    expect(places().at(-1)).toBe("192.0.2.1:200")
  })

  test("whoever looks ends a wait whose time has come, and no other", async () => {
    hear(8)
    await settle()
    hear(9)
    await asked[0]?.end(null)
    made.now += 10 * second - 1
    moving.look()
    await settle()
    expect(asked).toHaveLength(1)
    made.now += 1
    moving.look()
    await settle()
    expect(places()).toEqual(["192.0.2.1:8", "192.0.2.1:9"])
  })
})

describe("a peer of which nothing is known but what it named", () => {
  beforeEach(() => setPeer())

  test("is asked there twice more, each 10 s later, and then where an attempt fails, ever more seldom", async () => {
    hear(7)
    await settle()
    for (const count of [1, 2, 3]) {
      expect(asked).toHaveLength(count)
      await asked.at(-1)?.end(null)
      await pass(10 * second)
    }
    await pass(60 * second)
    expect(asked).toHaveLength(3)
    moving.missed("kai", failed(), false)
    await settle()
    expect(asked).toHaveLength(3)
    // 10 s, 40 s, 160 s from the beginning of the last one.
    await pass(90 * second - 1)
    moving.missed("kai", failed(), false)
    await settle()
    expect(asked).toHaveLength(3)
    await pass(1)
    moving.missed("kai", failed(), false)
    moving.missed("kai", failed(), false)
    await settle()
    expect(places()).toEqual(Array.from({ length: 4 }, () => "192.0.2.1:7"))
  })

  test("is asked there at the next start", async () => {
    hear(7)
    await settle()
    asked = []
    moving = open()
    moving.resume()
    await settle()
    expect(places()).toEqual(["192.0.2.1:7"])
  })

  test("counts as reached where it was, in a config of an older build, only by contact with it, and by an address", async () => {
    setPeer({ host: "kai.example" }, "lia")
    setPeer({ fixed: true }, "eve")
    setPeer({}, "noa")
    for (const pair of ["kai", "lia", "eve"]) made.stored.store.peers.touch(pair, made.now)
    moving.resume()
    const reached = ["kai", "lia", "eve", "noa"].map(name => known(name).peer.reached)
    expect(reached).toEqual(["192.0.2.1", undefined, undefined, undefined])
    const { config } = made.context
    const update = spyOn(config, "update")
    moving.resume()
    expect(update).not.toHaveBeenCalled()
  })
})

describe("where a peer gave an answer", () => {
  test("is noted, once, and settles what it named", () => {
    setPeer()
    openNamedPlaces(made.context).note("kai", { host: "192.0.2.1", port: 8 })
    moving = open()
    moving.reached(known(), "192.0.2.1")
    expect([known().peer.reached, named()]).toEqual(["192.0.2.1", null])
    const update = spyOn(made.context.config, "update")
    moving.reached(known(), "192.0.2.1")
    expect(update).not.toHaveBeenCalled()
    moving.reached(known(), "192.0.2.2")
    expect(known().peer.reached).toBe("192.0.2.2")
  })

  test("is none of another address, of one that its owner has set, nor of a pair that has ended", () => {
    setPeer()
    const before = known()
    openNamedPlaces(made.context).note("kai", { host: "192.0.2.1", port: 70 })
    moving = open()
    for (const change of [{ port: 8 }, { host: "192.0.2.9" }, { fixed: true }]) {
      setPeer(change)
      moving.reached(before, "192.0.2.1")
      expect(known().peer).not.toHaveProperty("reached")
      expect(named()).toEqual({ host: "192.0.2.1", port: 70 })
    }
    made.remove("kai")
    moving.reached(before, "192.0.2.1")
  })

  test("while another is asked leaves that to be settled", async () => {
    hear(8)
    await settle()
    moving.reached(known(), "192.0.2.1")
    expect(named()).toEqual({ host: "192.0.2.1", port: 8 })
  })
})

describe("a peer that is missed", () => {
  const miss = async (more: Partial<Failed> = {}, hasCollected = false): Promise<void> => {
    moving.missed("kai", failed(more), hasCollected)
    await settle()
  }

  test("is looked for at eight ports at once, for 3 s each, and taken where it answers", async () => {
    await miss()
    expect(places()).toEqual([8, 6, 9, 5, 10, 4, 11, 3].map(port => `192.0.2.1:${port}`))
    expect(asked[0]).toMatchObject({ callOf: undefined, milliseconds: 3000 })
    for (const one of asked.slice(0, 8)) await one.end(null)
    expect(asked).toHaveLength(16)
    for (const [i, one] of asked.slice(8, 16).entries()) await one.end(i === 2 ? "192.0.2.1" : null)
    expect(known().peer).toMatchObject({ port: Number(asked[10]?.place.split(":")[1]), reached: "192.0.2.1" })
    expect([hastened, asked.length]).toEqual([["kai"], 16])
  })

  test("in vain is told once, and looked for again after a minute; a clock that was set back ends no searches", async () => {
    const searched = async (): Promise<boolean> => {
      const before = asked.length
      await miss()
      const isSearched = asked.length > before
      for (let i = before; i < asked.length; i += 1) await asked[i]?.end(null)
      return isSearched
    }
    expect(await searched()).toBe(true)
    expect(made.log).toEqual(["kai was not found on another port of 192.0.2.1"])
    await pass(60 * second - 1)
    expect(await searched()).toBe(false)
    await pass(1)
    expect(await searched()).toBe(true)
    expect(await searched()).toBe(false)
    made.now -= 1
    expect(await searched()).toBe(true)
    expect(made.log).toHaveLength(1)
  })

  test.each<readonly [string, Partial<Failed>, boolean, Partial<Peer>]>([
    ["comes for what there is", {}, true, {}],
    ["has a name that leads elsewhere", { isElsewhere: true }, false, {}],
    ["was never reached", {}, false, { reached: undefined }],
    ["is where its owner says", {}, false, { fixed: true }],
    ["is silent, on another machine", { cause: "timed-out" }, false, {}],
    ["has a name that leads nowhere now", {}, false, { host: "nowhere.example" }],
    ["has a name that leads to another address now", {}, false, { host: "moved.example" }],
  ])("and %s is not looked for", async (_, more, hasCollected, change) => {
    literals.set("moved.example", "192.0.2.8")
    literals.set("nowhere.example", null as never)
    setPeer({ reached: "192.0.2.1", ...change })
    await miss(more, hasCollected)
    expect([asked, made.log]).toEqual([[], []])
  })

  test("by a name is looked for where that leads, and keeps the name", async () => {
    literals.set("kai.example", "192.0.2.1")
    setPeer({ reached: "192.0.2.1", host: "kai.example" })
    await miss()
    expect(places()[0]).toBe("192.0.2.1:8")
    await asked[0]?.end("192.0.2.1")
    for (const one of asked.slice(1)) await one.end(null)
    expect(known().peer).toMatchObject({ host: "kai.example", port: 8 })
  })

  test("of this machine is not looked for at our own port; silence is enough there", async () => {
    Object.assign(made.context, { address: { host: "127.0.0.1", port: 8 } })
    setPeer({ reached: "127.0.0.1", host: "127.0.0.1" })
    await miss({ cause: "timed-out" })
    expect(places()).toEqual([6, 9, 5, 10, 4, 11, 3, 12].map(port => `127.0.0.1:${port}`))
  })

  test("two are looked for at once, and sixteen at the most, those among them that were not found for 10 s", async () => {
    const names = Array.from({ length: 18 }, (_, i) => `p${i}`)
    for (const name of names) setPeer({ reached: "192.0.2.1", port: 20_000 }, name)
    const missAll = async (): Promise<void> => {
      for (const name of names) moving.missed(name, failed(), false)
      await settle()
    }
    await missAll()
    expect(asked).toHaveLength(16)
    let done = 0
    while (done < asked.length) {
      const some = asked.slice(done)
      done = asked.length
      for (const one of some) await one.end(null)
    }
    const found = () => made.log.filter(line => line.includes("was not found")).length
    expect(found()).toBe(16)
    await missAll()
    await pass(10 * second - 1)
    await missAll()
    expect(asked).toHaveLength(done)
    await pass(1)
    for (const [i] of names.entries()) {
      setPeer({ reached: "192.0.2.1", port: 20_000 }, `q${i}`)
      moving.missed(`q${i}`, failed(), false)
    }
    await settle()
    expect(asked).toHaveLength(done + 16)
    for (let i = done; i < asked.length; i += 1) await asked[i]?.end(null)
    expect(asked).toHaveLength(2 * done)
  })

  test("those whose pair ends before their turn are in nobody's way", async () => {
    const names = Array.from({ length: 16 }, (_, i) => `p${i}`)
    for (const name of [...names, "late"]) setPeer({ reached: "192.0.2.1", port: 20_000 }, name)
    for (const name of names) moving.missed(name, failed(), false)
    await settle()
    for (const name of names.slice(2)) made.remove(name)
    for (let i = 0; i < asked.length; i += 1) await asked[i]?.end(null)
    // The two that were looked for in vain rest.
    const searched = asked.length
    moving.missed("late", failed(), false)
    await settle()
    expect(asked).toHaveLength(searched + 8)
  })

  test("nor are those whose name leads nowhere", async () => {
    literals.set("nowhere.example", null as never)
    const names = Array.from({ length: 16 }, (_, i) => `p${i}`)
    for (const name of names) {
      setPeer({ reached: "192.0.2.1", host: "nowhere.example" }, name)
      moving.missed(name, failed(), false)
    }
    for (let i = 0; i < 5; i += 1) await settle()
    await miss()
    expect(asked).toHaveLength(8)
  })

  test("and whose pair has ended is not, nor by a Guardian that stops", async () => {
    made.remove("kai")
    await miss()
    setPeer({ reached: "192.0.2.1" })
    made.stop()
    await miss()
    expect(asked).toEqual([])
  })

  test("of a new pair of the name is looked for anew, and told anew", async () => {
    await miss()
    for (let i = 0; i < asked.length; i += 1) await asked[i]?.end(null)
    const count = asked.length
    moving.forget("kai")
    await pass(10 * second)
    await miss()
    for (let i = count; i < asked.length; i += 1) await asked[i]?.end(null)
    expect([asked.length, made.log.length]).toEqual([2 * count, 2])
  })
})
