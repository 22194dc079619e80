/** A collector of several peers, by a clock of the test's and with a network that is none: whose turn it is, and by which way. */
import { afterEach, beforeEach, describe, expect, jest, type Mock, spyOn, test } from "bun:test"
import * as calledBooks from "../../../src/guardian/books/called.ts"
import { type CollectingParts, createCollecting } from "../../../src/guardian/outbound/collecting.ts"
import * as client from "../../../src/http/client.ts"
import * as ownAddresses from "../../../src/http/own-addresses.ts"
import * as limiter from "../../../src/protocol/limiter.ts"
import type { Peer } from "../../../src/store/config.ts"
import { messageBody, newPair, readRequest, signAnswer, signSealed } from "../../support/client.ts"
import type { Fields } from "../../support/collecting.ts"
import { createTestContext, peerOf, type TestContext } from "../../support/context.ts"
import { settle } from "../../support/settle.ts"

const [second, minute, hour] = [1000, 60_000, 3_600_000]
const keys = newPair()

type Posted = {
  readonly host: string
  readonly body: Fields
  readonly signature: string
  readonly signal: AbortSignal
  answer(answer: client.PostAnswer): Promise<void>
  /** With a signed word. */
  say(content: Fields): Promise<void>
  refuse(): Promise<void>
}

let made: TestContext
let posted: Posted[]
let looked: unknown[][]
/** Where a name leads, and our end of a way; by what is asked for. */
let literals: Map<string, string>
let owns: Map<string, string>
let listening: string[]
let told: { name: string; body: Fields; over: Fields; end: (kind?: string) => Promise<void> }[]
let failures: string[]
/** How many carried requests the receiver was given. */
let taken: number
let reached: string[]
let collecting: ReturnType<typeof createCollecting>
let mocks: Mock<never>[]

/** Time goes on, for the timers and for the collector's clock. */
async function pass(milliseconds: number): Promise<void> {
  made.now += milliseconds
  jest.advanceTimersByTime(milliseconds)
  await settle()
}

function post(host: string, _: number, __: string, options: client.PostOptions): Promise<client.PostAnswer> {
  const { promise, resolve } = Promise.withResolvers<client.PostAnswer>()
  const signature = options.headers["X-Sento-Signature"] ?? ""
  const isSealed = options.headers["Content-Encoding"] !== undefined
  const body = readRequest(keys, isSealed, Buffer.from(options.body))
  const signal = options.signal ?? new AbortController().signal
  const answer = async (one: client.PostAnswer): Promise<void> => {
    resolve(one)
    await settle()
  }
  signal.addEventListener("abort", () => resolve(unreachable("failed")))
  posted.push({
    ...{ host, body, signature, signal, answer },
    say(content) {
      const word = signAnswer(keys, { v: 1, re: signature, id: body.id, ...content }, isSealed)
      const headers = new Headers(word.headers)
      return answer({
        ...{ kind: "answered", status: Number(content.status), literal: host },
        header: name => headers.get(name),
        body: new Uint8Array(word.body),
      })
    },
    refuse: () => answer(unreachable("refused")),
  })
  return promise
}
const unreachable = (cause: "refused" | "failed"): client.PostAnswer => ({
  ...{ kind: "unreachable", cause, literal: null, reason: cause },
})

const sender = {
  tell(peer: { name: string }, body: Fields, over: Fields) {
    const { promise, resolve } = Promise.withResolvers<{ kind: string }>()
    told.push({
      ...{ name: peer.name, body, over },
      async end(kind = "accepted") {
        resolve({ kind })
        await settle()
      },
    })
    return promise
  },
  noteFailure: (pair: string, { cause }: Fields) => failures.push(`${pair} ${cause}`),
  noteReached: ({ name }: { name: string }, literal: string) => reached.push(`${name} ${literal}`),
} as unknown as CollectingParts["sender"]

function setPeers(names: readonly string[], change: Partial<Peer> = {}): void {
  const agents = names.map(name => {
    const peer = { ...peerOf(name), sendKey: keys.receive, receiveKey: keys.send, ...change }
    return [name, peer] as const
  })
  made.context.config.update(config => ({ ...config, agents: Object.fromEntries(agents) }))
}

beforeEach(() => {
  jest.useFakeTimers()
  made = createTestContext([])
  posted = []
  looked = []
  literals = new Map()
  owns = new Map()
  listening = ["127.0.0.1"]
  told = []
  failures = []
  taken = 0
  reached = []
  const lookUp = async (...words: unknown[]) => {
    looked.push(words)
    return literals.get(String(words[0])) ?? null
  }
  mocks = [
    spyOn(client, "post").mockImplementation(post) as never,
    spyOn(client, "lookUp").mockImplementation(lookUp as never) as never,
    spyOn(ownAddresses, "ownAddressTowards").mockImplementation(async literal => {
      if (typeof literal !== "string") throw new Error("no literal")
      return owns.get(literal) ?? null
    }) as never,
    spyOn(Math, "random").mockReturnValue(0) as never,
  ]
  Object.assign(made.context, { listening: () => listening })
  const receive: CollectingParts["receive"] = async () => {
    taken += 1
    return new Response("answer", { status: 202 })
  }
  collecting = createCollecting(made.context, { sender, receive })
})
afterEach(async () => {
  made.stop()
  await settle()
  for (const one of told) await one.end()
  for (const mock of mocks) mock.mockRestore()
  jest.useRealTimers()
  made[Symbol.dispose]()
})

const some = (count: number): string[] => Array.from({ length: count }, (_, i) => `p${i}`)
const empty = { status: 202, state: "accepted" }

describe("of many", () => {
  test("sixteen are asked at once, as long as they take", async () => {
    setPeers(some(20))
    for (const pair of some(20)) collecting.paired(pair)
    await settle()
    expect(told.map(({ name }) => name)).toEqual(some(16))
    await pass(minute)
    expect(told).toHaveLength(16)
    await told[3]?.end()
    expect(told.map(({ name }) => name)).toEqual(some(17))
  })

  test("nobody waits for an asking: no more than sixteen begin within 20 ms", async () => {
    setPeers(some(20))
    for (const pair of some(20)) collecting.paired(pair)
    await settle()
    for (const one of told.slice(0, 16)) await one.end()
    expect(told).toHaveLength(16)
    await pass(20)
    expect(told).toHaveLength(20)
  })

  test("512 collects are open at once", async () => {
    using _ = spyOn(calledBooks, "keepCalled").mockImplementation(() => {})
    setPeers(some(514))
    for (const pair of some(514)) collecting.missed(pair)
    await settle()
    expect(posted).toHaveLength(16)
    for (let i = 0; i < 40; i += 1) await pass(20)
    expect(posted).toHaveLength(512)
    await posted[0]?.answer(unreachable("refused"))
    await pass(20)
    expect(posted.length).toBe(513)
  })

  test("who is asked no more by its turn is not, and that is no trouble", async () => {
    setPeers(some(18))
    for (const pair of some(18)) collecting.paired(pair)
    await settle()
    made.remove("p16")
    made.remove("p17")
    collecting.ended("p17")
    await told[0]?.end()
    await pass(20)
    expect([told.length, made.log.filter(line => line.startsWith("fetching failed"))]).toEqual([16, []])
  })

  test("who is fetched from no more by its turn is not, and that is no trouble", async () => {
    setPeers(some(18))
    for (const pair of some(18)) collecting.missed(pair)
    await settle()
    made.remove("p16")
    made.remove("p17")
    collecting.ended("p17")
    await pass(20)
    expect([posted.length, made.log.filter(line => line.startsWith("fetching failed"))]).toEqual([16, []])
  })
})

describe("one timer for all", () => {
  test.each([
    ["the nearer one last", ["far", "near"]],
    ["the nearer one first", ["near", "far"]],
  ])("looks when the next one's time has come: %s", async (_, order) => {
    setPeers(["far", "near"])
    for (const pair of order) {
      if (pair === "far") collecting.missed(pair)
      else {
        collecting.paired(pair)
        await settle()
        await told[0]?.end()
      }
    }
    await settle()
    await pass(20)
    // And the lanes' own have gone by.
    expect(jest.getTimerCount()).toBe(1)
    await pass(3 * second - 21)
    expect(collecting.stateOf("near")).toBe("asking")
    await pass(1)
    expect(collecting.stateOf("near")).toBe("collecting")
    await pass(20)
    expect(jest.getTimerCount()).toBe(1)
    // The farther one's is an hour ahead, and the nearer one's is six by now.
    await pass(hour - 3 * second - 21)
    expect(told.map(({ name }) => name)).toEqual(["near"])
    await pass(1)
    expect(told.map(({ name }) => name)).toEqual(["near", "far"])
  })

  test("a pair that is not there any more has no time, and is forgotten with what is open to it", async () => {
    setPeers(["kai"])
    collecting.missed("kai")
    await settle()
    collecting.heardFrom("kai")
    made.remove("kai")
    collecting.look()
    expect([collecting.stateOf("kai"), collecting.lastHeard("kai"), posted[0]?.signal.aborted]).toEqual([
      null,
      null,
      true,
    ])
  })

  test("none stands once the Guardian has stopped", async () => {
    setPeers(["kai", "lia"])
    collecting.missed("kai")
    await settle()
    await pass(20)
    expect(jest.getTimerCount()).toBe(1)
    made.stop()
    await collecting.stopped()
    expect(jest.getTimerCount()).toBe(0)
    collecting.look()
    collecting.missed("lia")
    expect([jest.getTimerCount(), collecting.stateOf("lia")]).toEqual([0, null])
  })
})

describe("the way to a peer", () => {
  const to = (host: string, more: Partial<Peer> = {}): void => setPeers(["kai"], { host, port: 7, ...more })

  test("of this machine is by whichever of its addresses is open, the first one", async () => {
    listening = ["192.0.2.1", "127.0.0.3", "127.0.0.4"]
    to("127.0.0.9")
    collecting.paired("kai")
    await settle()
    expect([looked, told[0]?.over]).toEqual([[], { literal: null, from: "127.0.0.3" }])
  })

  test("at an address is looked up nowhere, and is ours that leads there", async () => {
    owns.set("192.0.2.9", "192.0.2.1")
    listening = ["192.0.2.1"]
    to("192.0.2.9")
    collecting.paired("kai")
    await settle()
    expect([looked, told[0]?.over]).toEqual([[], { literal: "192.0.2.9", from: "192.0.2.1" }])
    await told[0]?.end()
    collecting.called("kai", String(told[0]?.body.id))
    expect(calledBooks.calledAt(made.stored.store, "kai")).toEqual({ host: "192.0.2.1", port: 9876 })
  })

  test("by a name is looked up, for 3 s, and what is said is said where it leads", async () => {
    literals.set("kai.example", "192.0.2.9")
    owns.set("192.0.2.9", "192.0.2.1")
    listening = ["192.0.2.1"]
    to("kai.example")
    collecting.paired("kai")
    await settle()
    expect(looked).toEqual([["kai.example", 3000, made.context.stopping]])
    expect(told[0]?.over).toEqual({ literal: "192.0.2.9", from: "192.0.2.1" })
  })

  test.each([
    ["whose name leads nowhere", "kai.example"],
    ["to whose address no way leads", "192.0.2.9"],
  ])("%s: it is not asked, and asked as soon as it has answered", async (_, host) => {
    to(host)
    collecting.paired("kai")
    await settle()
    expect([told.length, posted.length, collecting.stateOf("kai")]).toEqual([0, 1, "collecting"])
    literals.set("kai.example", "192.0.2.9")
    owns.set("192.0.2.9", "192.0.2.1")
    listening = ["192.0.2.1"]
    await posted[0]?.say(empty)
    expect([told.length, collecting.stateOf("kai"), made.notices]).toEqual([1, "asking", []])
  })

  test("on which nobody could call: it is never asked, and fetched from", async () => {
    owns.set("192.0.2.9", "192.0.2.1")
    to("192.0.2.9")
    collecting.paired("kai")
    await settle()
    await posted[0]?.say(empty)
    expect([told.length, collecting.stateOf("kai"), made.notices.length]).toEqual([0, "collecting", 1])
    await pass(7 * hour)
    expect(told).toEqual([])
  })

  test("is another one where another address of ours leads there, or others are let in at it", async () => {
    owns.set("192.0.2.9", "192.0.2.1")
    listening = ["192.0.2.1", "192.0.2.2"]
    to("192.0.2.9")
    collecting.paired("kai")
    await settle()
    expect(await collecting.moved()).toEqual([])
    owns.set("192.0.2.9", "192.0.2.2")
    expect(await collecting.moved()).toEqual([{ pair: "kai", from: "192.0.2.1", to: "192.0.2.2" }])
    await told[0]?.end()
    await settle()
    expect(told[1]?.over).toEqual({ literal: "192.0.2.9", from: "192.0.2.2" })
    expect(await collecting.moved()).toEqual([])
    listening = ["192.0.2.1"]
    expect(await collecting.moved()).toEqual([{ pair: "kai", from: "192.0.2.2", to: "192.0.2.2" }])
    owns.delete("192.0.2.9")
    expect(await collecting.moved()).toEqual([])
    made.remove("kai")
    expect(await collecting.moved()).toEqual([])
  })

  test("to each of several is told in the order of the pairs", async () => {
    setPeers(["kai", "lia"])
    for (const pair of ["kai", "lia"]) collecting.paired(pair)
    await settle()
    listening = ["127.0.0.2"]
    expect((await collecting.moved()).map(({ pair, to }) => `${pair} ${to}`)).toEqual([
      "kai 127.0.0.2",
      "lia 127.0.0.2",
    ])
  })

  test("that leads where the peer never was: what failed there takes as long as silence would", async () => {
    literals.set("kai.example", "192.0.2.8")
    to("kai.example", { reached: "192.0.2.9" })
    collecting.missed("kai")
    await settle()
    await posted[0]?.answer({
      ...{ kind: "answered", status: 502, literal: "192.0.2.8", body: new Uint8Array() },
      header: () => null,
    })
    await pass(9 * second)
    expect([failures, posted.length]).toEqual([[], 1])
    await pass(second)
    expect(failures).toEqual(["kai null"])
  })

  test("is looked at again with an answer of a peer that was asked there and is fetched from", async () => {
    owns.set("192.0.2.9", "192.0.2.1")
    listening = ["192.0.2.1", "192.0.2.2"]
    to("192.0.2.9")
    collecting.answered("kai")
    expect(collecting.stateOf("kai")).toBeNull()
    collecting.paired("kai")
    await settle()
    await told[0]?.end()
    await pass(3 * second)
    expect([collecting.stateOf("kai"), posted.length]).toEqual(["collecting", 1])
    owns.set("192.0.2.9", "192.0.2.2")
    collecting.answered("kai")
    await settle()
    expect([posted[0]?.signal.aborted, posted.length, told[1]?.over.from]).toEqual([true, 2, "192.0.2.2"])
  })

  test("is not looked at with an answer of a peer that was never asked", async () => {
    owns.set("192.0.2.9", "192.0.2.1")
    listening = ["192.0.2.1"]
    to("192.0.2.9")
    collecting.missed("kai")
    await settle()
    collecting.answered("kai")
    await settle()
    expect([posted.length, posted[0]?.signal.aborted, told.length]).toEqual([1, false, 0])
  })
})

describe("one peer", () => {
  beforeEach(() => setPeers(["kai"]))
  const request = () => signSealed({ ...keys, id: "kai" }, messageBody(made.now))
  /** Gives it in the answer to the open collect. */
  async function carry({ headers, body }: ReturnType<typeof signSealed>): Promise<void> {
    await pass(20)
    const given = new Headers(Object.fromEntries(headers))
    await posted.at(-1)?.answer({
      ...{ kind: "answered", status: 200, literal: "127.0.0.1" },
      header: name => given.get(name),
      body: new Uint8Array(body),
    })
  }

  test("that was called and says again that something was missed keeps the collect that is open", async () => {
    collecting.missed("kai")
    await settle()
    await pass(hour)
    await told[0]?.end()
    collecting.called("kai", String(told[0]?.body.id))
    expect(collecting.stateOf("kai")).toBe("called")
    collecting.missed("kai")
    await settle()
    expect([posted.length, posted[0]?.signal.aborted]).toEqual([1, false])
    await posted[0]?.say(empty)
    expect(posted).toHaveLength(2)
  })

  test("is asked what there is within 35 s of a collect, of one that is not held within 10", async () => {
    const waits: number[] = []
    mocks.push(
      spyOn(client, "post").mockImplementation((host, port, path, options) => {
        waits.push(options.timeoutMilliseconds)
        return post(host, port, path, options)
      }) as never,
    )
    collecting.missed("kai")
    await settle()
    await posted[0]?.say(empty)
    expect(waits).toEqual([10 * second, 35 * second])
  })

  test("of failures that are held nothing is told, of others ever more seldom", async () => {
    collecting.missed("kai")
    await settle()
    await posted[0]?.say(empty)
    await posted[1]?.refuse()
    expect(failures).toEqual([])
    for (const wait of [1, 2, 4, 8, 16]) {
      await pass(wait * second)
      await posted.at(-1)?.refuse()
    }
    // The held one was the first: then the second, and the fourth.
    expect([posted.length, failures]).toEqual([7, ["kai refused", "kai refused"]])
  })

  test("that does not answer is left alone for up to half as long again", async () => {
    mocks.push(spyOn(Math, "random").mockReturnValue(0.5) as never)
    collecting.missed("kai")
    await settle()
    await posted[0]?.refuse()
    await pass(749)
    expect(posted).toHaveLength(1)
    await pass(1)
    expect(posted).toHaveLength(2)
  })

  test.each([
    [600_000, -600_000],
    [599_999, 1],
    [0, 1],
    [-5, 5],
  ])("where the clock was set back by %i ms the next collect is stamped %i ms later", async (back, later) => {
    collecting.missed("kai")
    await settle()
    made.now -= back
    await posted[0]?.say(empty)
    const [first = 0, second = 0] = posted.map(({ body }) => Date.parse(String(body.timestamp)))
    expect(second - first).toBe(later)
  })

  test("that is slow with a collect that is not to be held has shown nothing of how long it holds one", async () => {
    collecting.missed("kai")
    await settle()
    for (const [took, wait] of [
      [2, 0],
      [0, 1],
      [2, 0],
      [0, 0],
    ] as const) {
      made.now += took * second
      await posted.at(-1)?.say(empty)
      await pass(wait * second + 20)
    }
    expect(posted.map(({ body }) => body.waitSeconds)).toEqual([0, 25, 0, 25])
    await pass(second)
    expect(posted).toHaveLength(4)
    await pass(second)
    expect(posted).toHaveLength(5)
  })

  test("from which was fetched 120 times within a minute is left alone until that is over", async () => {
    collecting.missed("kai")
    await settle()
    for (let i = 0; i < 120; i += 1) await carry(request())
    await pass(20)
    expect(posted).toHaveLength(120)
    using looks = spyOn(limiter, "secondsUntilFree")
    // The first one was 2.4 s before the last.
    await pass(minute - 4000)
    expect([looks.mock.calls.length, posted.length]).toEqual([0, 120])
    await pass(4000)
    expect(posted).toHaveLength(121)
  })

  test("what was carried is known again as one of the last 128", async () => {
    const first = request()
    collecting.missed("kai")
    await settle()
    await carry(first)
    for (let i = 0; i < 127; i += 1) {
      if (i === 63) await pass(minute)
      await carry(request())
    }
    expect(taken).toBe(128)
    await carry(first)
    expect(taken).toBe(128)
    await pass(minute)
    await carry(request())
    await carry(first)
    expect(taken).toBe(130)
  })

  test("that calls by now is brought an answer still, three times and once more", async () => {
    collecting.missed("kai")
    await settle()
    await pass(hour)
    await told[0]?.end()
    await carry(request())
    collecting.called("kai", String(told[0]?.body.id))
    expect(collecting.stateOf("kai")).toBe("called")
    for (const wait of [1, 2, 4, 8, 16]) {
      await posted.at(-1)?.refuse()
      await pass(wait * second)
    }
    expect(posted.map(one => one.body.answer !== undefined)).toEqual([false, true, true, true, true])
  })

  test("an asking that was for another call is none", async () => {
    collecting.paired("kai")
    await settle()
    await told[0]?.end()
    collecting.readdressed("kai")
    collecting.called("kai", String(told[0]?.body.id))
    expect(collecting.stateOf("kai")).toBe("asking")
    await settle()
    collecting.called("kai", String(told[1]?.body.id))
    expect(collecting.stateOf("kai")).toBe("called")
  })

  test("where the Guardian is is written once, and when it is elsewhere", async () => {
    const set = spyOn(made.stored.store.facts, "set")
    const writes = () => set.mock.calls.filter(([key]) => key === "listened").length
    for (const [port, want] of [
      [9876, 1],
      [9876, 1],
      [9877, 2],
    ] as const) {
      Object.assign(made.context, { address: { host: "127.0.0.1", port } })
      await collecting.resume(0)
      expect(writes()).toBe(want)
    }
  })

  test("that is removed while a start looks at others has none", async () => {
    setPeers(["kai", "lia"])
    const resuming = collecting.resume(0)
    made.remove("lia")
    await resuming
    expect(["kai", "lia"].map(collecting.stateOf)).toEqual(["called", null])
  })

  test("a disk that refuses that is logged, and the start goes on", async () => {
    using _ = spyOn(made.stored.store.facts, "set").mockImplementation(() => {
      throw new Error("read-only")
    })
    await collecting.resume(0)
    expect([made.log, collecting.stateOf("kai")]).toEqual([
      ["it cannot be kept where this Guardian is: read-only"],
      "called",
    ])
    collecting.missed("kai")
    expect(made.log.at(-1)).toBe("it cannot be kept how a peer is reached: read-only")
    expect(collecting.stateOf("kai")).toBe("collecting")
  })

  test("books that cannot be read keep nobody from being fetched from", async () => {
    using _ = spyOn(calledBooks, "allCalled").mockImplementation(() => {
      throw new Error("locked")
    })
    await collecting.resume(0)
    expect([made.log, collecting.stateOf("kai")]).toEqual([
      ["it is not known how a peer reaches us: locked"],
      "called",
    ])
  })

  test("trouble is said once, tried again after 5 s, and said again where it is another", async () => {
    setPeers(["kai"], { features: ["aes128gcm"] })
    let words = "no randomness"
    let tries = 0
    const random = (): never => {
      tries += 1
      throw new Error(words)
    }
    Object.assign(made.context, { random })
    const said = () => made.log.filter(line => line.startsWith("fetching failed"))
    collecting.missed("kai")
    await settle()
    expect([tries, said()]).toEqual([1, ["fetching failed: no randomness"]])
    await pass(5 * second - 1)
    expect(tries).toBe(1)
    await pass(1)
    expect([tries, said().length]).toEqual([2, 1])
    words = "no more"
    await pass(5 * second)
    expect([tries, said()[1]]).toEqual([3, "fetching failed: no more"])
  })
})
