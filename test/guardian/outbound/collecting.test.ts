/** A collector alone: what it makes of each answer, with a peer of the test's own and a clock that the test turns. */
import { afterEach, beforeEach, describe, expect, jest, type Mock, spyOn, test } from "bun:test"
import dns from "node:dns/promises"
import { calledAt, keepCalled } from "../../../src/guardian/books/called.ts"
import { type CollectingParts, createCollecting } from "../../../src/guardian/outbound/collecting.ts"
import type { Sender } from "../../../src/guardian/outbound/sender.ts"
import * as ownAddresses from "../../../src/http/own-addresses.ts"
import type { Peer } from "../../../src/store/config.ts"
import { type ClientPair, messageBody, newPair, signSealed } from "../../support/client.ts"
import { carrying, type Fields, never } from "../../support/collecting.ts"
import { createTestContext, peerOf, type TestContext } from "../../support/context.ts"
import { type Answerer, type Asked, accepted, openPeer, signed } from "../../support/peer.ts"
import { freePort } from "../../support/ports.ts"
import { settle } from "../../support/settle.ts"
import { until } from "../../support/world.ts"

type Told = { readonly body: Fields; readonly over: Fields }

/** `hears`: what becomes of a hello that asks to be called. */
async function openScene(answers: readonly Answerer[], more: { readonly isThere?: boolean } = {}) {
  const pair = newPair()
  const made = createTestContext([])
  let count = 0
  /** How often the collector has asked for the time, and had when the last answer was given. */
  const clock = { looks: 0, atAnswer: 0 }
  const peer = await openPeer(pair, async asked => {
    count += 1
    const answer = await (answers[count - 1]?.(asked) ?? never())
    clock.atAnswer = clock.looks
    return answer
  })
  const port = more.isThere === false ? freePort() : peer.port
  made.context.config.update(config => ({
    ...config,
    agents: {
      kai: {
        ...peerOf("kai"),
        id: pair.id,
        port,
        sendKey: pair.receive,
        receiveKey: pair.send,
        features: ["aes128gcm"],
      },
    },
  }))
  const scene = {
    ...{ pair, made, peer, clock },
    told: [] as Told[],
    failures: [] as string[],
    reached: [] as string[],
    taken: [] as Fields[],
    hears: true,
    listening: ["127.0.0.1"] as string[],
    /** The receiver's answers; 202 where there is none. */
    statuses: [] as number[],
  }
  const sender = {
    async tell(_: unknown, body: Fields, over: Fields) {
      scene.told.push({ body, over })
      return { kind: scene.hears ? "accepted" : "failed" }
    },
    noteFailure: (_: string, failure: Fields) => scene.failures.push(`${failure.cause} ${failure.status}`),
    noteReached: (_: unknown, literal: string) => scene.reached.push(literal),
  } as unknown as Sender
  const receive: CollectingParts["receive"] = async ({ isCarried, address, body }) => {
    scene.taken.push({ isCarried, address, length: body.length })
    return new Response("answer", {
      status: scene.statuses.shift() ?? 202,
      headers: { "X-Sento-Signature": "ab" },
    })
  }
  const elapsed = (): number => {
    clock.looks += 1
    return made.now
  }
  Object.assign(made.context, { elapsed, listening: () => scene.listening })
  const collecting = createCollecting(made.context, { sender, receive })
  return Object.assign(scene, { collecting })
}

type Scene = Awaited<ReturnType<typeof openScene>>

let scenes: Scene[] = []
let random: Mock<() => number>
beforeEach(() => {
  scenes = []
  // A rest takes all of its time.
  random = spyOn(Math, "random").mockReturnValue(0)
})
afterEach(async () => {
  random.mockRestore()
  for (const { made, peer, collecting } of scenes) {
    made.stop()
    await collecting.stopped()
    await peer[Symbol.asyncDispose]()
    made[Symbol.dispose]()
  }
})

async function open(
  answers: readonly Answerer[] = [],
  more: { readonly isThere?: boolean } = {},
): Promise<Scene> {
  const scene = await openScene(answers, more)
  scenes.push(scene)
  return scene
}

/** One that the peer's word has brought to collecting. */
async function opened(...answers: readonly ((scene: { made: TestContext; pair: ClientPair }) => Answerer)[]) {
  const late: Answerer[] = answers.map((_, i) => asked => answers[i]?.(scene)(asked) ?? never())
  const scene = await open(late)
  scene.collecting.missed(scene.pair.id)
  return scene
}

const collects = ({ peer }: Scene) => peer.asked.map(({ body }) => body)
const count = (scene: Scene, wanted: number) =>
  until(`${wanted} collects`, () => collects(scene).length >= wanted)
const waits = (scene: Scene) => collects(scene).map(one => one.waitSeconds)

/** Nothing comes before this time, and something does then. */
async function restsFor(scene: Scene, milliseconds: number): Promise<void> {
  const before = collects(scene).length
  await taken(scene)
  scene.made.now += milliseconds - 1
  scene.collecting.look()
  await Bun.sleep(5)
  expect(collects(scene)).toHaveLength(before)
  scene.made.now += 1
  scene.collecting.look()
  await count(scene, before + 1)
}

/** The last answer has been taken: the collector looked at the clock since, and does so no more. */
async function taken({ clock }: Scene): Promise<void> {
  let before = -1
  await until("the answer to be taken", () => {
    const isStill = clock.looks > clock.atAnswer && clock.looks === before
    before = clock.looks
    return isStill
  })
}

type OfScene = (scene: { made: TestContext; pair: ClientPair }) => Answerer
const word =
  (content: Fields): OfScene =>
  ({ pair }) =>
  asked =>
    signed(pair, { v: 1, re: asked.re, ...content }, asked.isSealed)
const empty: OfScene =
  ({ pair }) =>
  asked =>
    signed(pair, accepted(asked), asked.isSealed)
/** As one that was held for so long. */
const heldFor =
  (milliseconds: number): OfScene =>
  ({ made, pair }) =>
  asked => {
    made.now += milliseconds
    return signed(pair, accepted(asked), asked.isSealed)
  }
const carried =
  (text = "hi"): OfScene =>
  ({ made, pair }) =>
  () =>
    carrying(signSealed(pair, messageBody(made.now, { text })))
const unsigned: OfScene = () => () => new Response("no", { status: 502 })
const hang: OfScene = () => () => never()
const close: OfScene = () => (_: Asked) => new Response(null, { status: 500 })

describe("a peer that has something for us", () => {
  test("is asked at once, without being held, and then with an open collect", async () => {
    const scene = await opened(empty, hang)
    await count(scene, 2)
    expect(waits(scene)).toEqual([0, 25])
    expect([scene.collecting.stateOf(scene.pair.id), scene.collecting.isCollecting(scene.pair.id)]).toEqual([
      "collecting",
      true,
    ])
    expect(scene.made.notices).toEqual([
      "kai cannot reach this machine, so this Guardian fetches kai's messages from there",
    ])
    expect(scene.reached).toEqual(["127.0.0.1"])
    expect(calledAt(scene.made.stored.store, scene.pair.id)).toBe(false)
  })

  test("whose answers come sooner than it was to hold them makes nobody spin: ever longer rests, to a minute", async () => {
    const scene = await opened(...Array.from({ length: 40 }, () => empty))
    await count(scene, 2)
    for (const wait of [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
      const before = collects(scene).length
      await restsFor(scene, wait)
      // The first one after a failure is not held.
      await count(scene, before + 2)
      expect(waits(scene).slice(-2)).toEqual([0, 25])
    }
  })

  test("that held one for a second is asked again at once, and counts anew", async () => {
    const scene = await opened(empty, empty, empty, heldFor(1000), heldFor(25_000), heldFor(999), hang)
    await count(scene, 2)
    await restsFor(scene, 1000)
    await count(scene, 6)
    await restsFor(scene, 1000)
  })

  test("that is gone, without contact for a day, is asked every five minutes at last, and what failed told ever more seldom", async () => {
    const scene = await open([], { isThere: false })
    scene.collecting.missed(scene.pair.id)
    let rests = 0
    for (const wait of [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000]) {
      rests += 1
      await until(`rest ${rests}`, () => random.mock.calls.length >= rests)
      scene.made.now += wait
      scene.collecting.look()
    }
    await until("the twelfth", () => random.mock.calls.length > rests)
    expect(scene.failures).toEqual(Array.from({ length: 4 }, () => "refused null"))
  })
})

describe("a signed word", () => {
  test("409: a copy of this home collects too, and is told of; for a minute nothing", async () => {
    const scene = await opened(word({ status: 409, error: "replaced" }), hang)
    await count(scene, 1)
    await until("the word", () => scene.made.notices.length > 0)
    expect(scene.made.notices).toEqual([
      expect.stringContaining("another Guardian fetches what kai has for this agent"),
    ])
    await restsFor(scene, 60_000)
    expect(scene.collecting.stateOf(scene.pair.id)).toBe("collecting")
  })

  test.each([429, 503])("%i: nothing for as long as it says", async status => {
    const scene = await opened(word({ status, retryAfter: 7 }), hang)
    await count(scene, 1)
    await restsFor(scene, 7000)
  })

  test.each([
    [429, true],
    [503, false],
  ])("%i: what was brought is brought again: %p", async (status, isBrought) => {
    const scene = await opened(carried(), word({ status, retryAfter: 7 }), hang)
    await count(scene, 2)
    expect(collects(scene).map(one => one.answer !== undefined)).toEqual([false, true])
    await restsFor(scene, 7000)
    expect(collects(scene)[2]?.answer !== undefined).toBe(isBrought)
  })

  test("400: it knows no collects, which is told; it is asked to call, and no more fetched from", async () => {
    const scene = await opened(word({ status: 400, error: "invalid", detail: "type" }))
    await until("the asking", () => scene.told.length > 0)
    expect([scene.collecting.stateOf(scene.pair.id), scene.made.notices]).toEqual([
      "older",
      ["kai has an older sento: its messages come only where it can reach this machine"],
    ])
    expect(scene.told[0]?.body).toMatchObject({ type: "hello", callBack: true })
    scene.made.now += 60_000
    scene.collecting.look()
    await Bun.sleep(5)
    expect(collects(scene)).toHaveLength(1)
  })

  test("401: it does not remember our last one, and the next is stamped by the clock", async () => {
    const scene = await opened(
      empty,
      ({ made, ...one }) =>
        asked =>
          word({ status: 401, error: "timestamp", now: new Date(made.now).toISOString() })({ made, ...one })(
            asked,
          ),
      hang,
    )
    await count(scene, 2)
    await restsFor(scene, 1000)
    scene.made.now -= 1
    const times = collects(scene).map(one => Date.parse(String(one.timestamp)))
    expect([(times[1] ?? 0) - (times[0] ?? 0), (times[2] ?? 0) - (times[0] ?? 0)]).toEqual([1, 1000])
  })

  test("duplicate: it knows a later one, so the next is a minute ahead", async () => {
    const scene = await opened(
      ({ pair }) =>
        asked =>
          signed(pair, { ...accepted(asked), state: "duplicate" }, asked.isSealed),
      hang,
    )
    await count(scene, 1)
    await restsFor(scene, 1000)
    const times = collects(scene).map(one => Date.parse(String(one.timestamp)))
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBe(60_001)
  })
})

describe("what is no answer of the peer's", () => {
  test.each([
    ["nothing signed", unsigned, "null 502"],
    ["an error of somebody between", close, "null 500"],
    [
      "an answer to another request",
      (({ pair }) =>
        asked =>
          signed(pair, { ...accepted(asked), re: "ab".repeat(32) }, asked.isSealed)) as OfScene,
      "null 202",
    ],
    [
      "a request of another pair",
      (({ made }) =>
        () =>
          carrying(signSealed(newPair(), messageBody(made.now)))) as OfScene,
      "null 200",
    ],
  ])("%s: it is no contact, and rests", async (_, answer, failure) => {
    const scene = await opened(answer, hang)
    await until("the failure", () => scene.failures.length > 0)
    expect([scene.failures, scene.collecting.lastHeard(scene.pair.id), scene.taken]).toEqual([
      [failure],
      null,
      [],
    ])
    await restsFor(scene, 1000)
  })
})

describe("what is carried", () => {
  test("is handed to the receiver, whose answer the next collect brings at once; the one after that does not", async () => {
    const scene = await opened(carried(), heldFor(1000), hang)
    await count(scene, 3)
    expect(scene.taken).toMatchObject([{ isCarried: true, address: "127.0.0.1" }])
    expect(collects(scene).map(one => one.answer)).toEqual([
      undefined,
      {
        status: 202,
        headers: { "X-Sento-Signature": "ab" },
        body: Buffer.from("answer").toString("base64url"),
      },
      undefined,
    ] as never)
    expect(waits(scene)).toEqual([0, 25, 25])
    expect(scene.collecting.lastHeard(scene.pair.id)).toBe(scene.made.now)
    expect(scene.made.stored.store.peers.lastContacts().get(scene.pair.id)).toBeNumber()
  })

  test("and was not taken is answered a second later", async () => {
    const scene = await opened(carried(), hang)
    scene.statuses.push(429)
    await until("it", () => scene.taken.length > 0)
    await count(scene, 1)
    await restsFor(scene, 1000)
    expect(collects(scene)[1]?.answer).toMatchObject({ status: 429 })
  })

  test("and is refused as a stranger's is brought no answer, and is a failure", async () => {
    const scene = await opened(carried(), hang)
    scene.statuses.push(403)
    await until("it", () => scene.taken.length > 0)
    await count(scene, 1)
    await restsFor(scene, 1000)
    expect(collects(scene)[1]).not.toHaveProperty("answer")
  })

  test("once more, by somebody on the way, is not handed over again", async () => {
    let once: globalThis.Response | null = null
    const again: OfScene =
      ({ made, pair }) =>
      () => {
        once ??= carrying(signSealed(pair, messageBody(made.now)))
        return once.clone() as globalThis.Response
      }
    const scene = await opened(again, again, carried("other"), again, hang)
    await count(scene, 2)
    await restsFor(scene, 1000)
    await count(scene, 4)
    await restsFor(scene, 1000)
    expect(scene.taken).toHaveLength(2)
  })

  test("comes 120 times a minute at the most", async () => {
    const scene = await opened(...Array.from({ length: 200 }, (_, i) => carried(`${i}`)))
    await count(scene, 120)
    await until("the last to be taken", () => scene.taken.length >= 120)
    await restsFor(scene, 60_000)
  }, 120_000)
})

describe("a peer that is asked to call", () => {
  test("calls, and is called; the id of another asking is none", async () => {
    const scene = await open()
    const { collecting, pair, told, made } = scene
    collecting.paired(pair.id)
    await until("the asking", () => told.length > 0)
    expect(told).toMatchObject([
      { body: { type: "hello", callBack: true, port: 9876 }, over: { literal: null, from: "127.0.0.1" } },
    ])
    collecting.called(pair.id, "another")
    collecting.called("another", String(told[0]?.body.id))
    expect([collecting.stateOf(pair.id), calledAt(made.stored.store, pair.id)]).toEqual(["asking", false])
    collecting.called(pair.id, String(told[0]?.body.id))
    expect([collecting.stateOf(pair.id), collecting.isCollecting(pair.id)]).toEqual(["called", false])
    expect(calledAt(made.stored.store, pair.id)).toEqual({ host: "127.0.0.1", port: 9876 })
    expect(made.notices).toEqual([])
    made.now += 6 * 60 * 60 * 1000 - 1
    collecting.look()
    expect(collecting.stateOf(pair.id)).toBe("called")
    made.now += 1
    collecting.look()
    expect(collecting.stateOf(pair.id)).toBe("asking")
  })

  test("and with which something was exchanged in the last day, is asked again after an hour", async () => {
    const { collecting, pair, told, made } = await open()
    collecting.paired(pair.id)
    await until("the asking", () => told.length > 0)
    collecting.heardFrom(pair.id)
    collecting.called(pair.id, String(told[0]?.body.id))
    made.now += 60 * 60 * 1000
    collecting.look()
    expect(collecting.stateOf(pair.id)).toBe("asking")
  })

  test("and does not within three seconds is fetched from", async () => {
    const scene = await open()
    const { collecting, pair, told, made } = scene
    collecting.paired(pair.id)
    await until("the asking", () => told.length > 0)
    await settle()
    made.now += 2999
    collecting.look()
    expect(collecting.stateOf(pair.id)).toBe("asking")
    made.now += 1
    collecting.look()
    await count(scene, 1)
    expect(collecting.stateOf(pair.id)).toBe("collecting")
  })

  test("and does not hear it is fetched from", async () => {
    const scene = await open()
    scene.hears = false
    scene.collecting.paired(scene.pair.id)
    await count(scene, 1)
    expect(scene.collecting.stateOf(scene.pair.id)).toBe("collecting")
  })

  test.each([
    ["nothing listens where it would come", [], 0],
    ["all of this machine is open", ["0.0.0.0"], 1],
    ["another address alone is", ["192.0.2.1"], 0],
  ])("is asked only where it could come: %s", async (_, listening, asked) => {
    const scene = await open()
    scene.listening = listening
    scene.collecting.paired(scene.pair.id)
    if (asked === 0) await count(scene, 1)
    else await until("the asking", () => scene.told.length > 0)
    expect(scene.told).toHaveLength(asked)
  })

  test("or by a name that its owner gave: whatever is listened at", async () => {
    const scene = await open()
    scene.listening = []
    scene.made.context.config.update(config => ({
      ...config,
      listen: { ...config.listen, names: ["mira.example"] },
    }))
    scene.collecting.paired(scene.pair.id)
    await until("the asking", () => scene.told.length > 0)
    expect(scene.told[0]?.body.host).toBe("mira.example")
  })

  test("while it is fetched from, and calls: the open collect is the last", async () => {
    const waiting = Promise.withResolvers<void>()
    const scene = await opened(empty, ({ pair }) => async asked => {
      await waiting.promise
      return signed(pair, accepted(asked), asked.isSealed)
    })
    const { collecting, pair, told, made } = scene
    await count(scene, 2)
    made.now += 60 * 60 * 1000
    collecting.look()
    await until("the asking", () => told.length > 0)
    expect([collecting.stateOf(pair.id), collecting.isCollecting(pair.id)]).toEqual(["asking", true])
    collecting.called(pair.id, String(told[0]?.body.id))
    expect(made.log).toContain("kai can reach this machine: its messages come by themselves")
    waiting.resolve()
    await Bun.sleep(20)
    expect(collects(scene)).toHaveLength(2)
  })
})

test("a peer counts as one with which something is exchanged for a day", async () => {
  const day = 24 * 60 * 60 * 1000
  for (const [ago, hours] of [
    [day - 1, 1],
    [day, 6],
  ] as const) {
    const { collecting, pair, told, made } = await open()
    collecting.answered(pair.id)
    expect(collecting.lastHeard(pair.id)).toBe(made.now)
    made.now += ago
    collecting.paired(pair.id)
    await until("the asking", () => told.length > 0)
    collecting.called(pair.id, String(told[0]?.body.id))
    made.now += hours * 60 * 60 * 1000 - 1
    collecting.look()
    expect(collecting.stateOf(pair.id)).toBe("called")
    made.now += 1
    collecting.look()
    expect(collecting.stateOf(pair.id)).toBe("asking")
  }
})

test("a peer whose name leads nowhere is not asked, and fetched from in vain", async () => {
  using _ = spyOn(dns, "lookup").mockRejectedValue(new Error("ENOTFOUND"))
  const scene = await open()
  const { collecting, pair, made, told } = scene
  made.context.config.update(({ agents: { kai }, ...config }) => ({
    ...config,
    agents: { kai: { ...(kai as Peer), host: "nobody.invalid" } },
  }))
  collecting.paired(pair.id)
  await until("its failure", () => scene.failures.length > 0)
  expect([collecting.stateOf(pair.id), told, scene.failures]).toEqual(["collecting", [], ["unresolved null"]])
})

test("looks by itself when a peer's time has come, the next one's too", async () => {
  jest.useFakeTimers()
  try {
    const scene = await open()
    const { collecting, pair, told, made } = scene
    const pass = async (milliseconds: number): Promise<void> => {
      made.now += milliseconds
      jest.advanceTimersByTime(milliseconds)
      await settle()
    }
    void collecting.resume(0)
    await pass(0)
    await pass(60_000)
    expect(told).toHaveLength(1)
    collecting.called(pair.id, String(told[0]?.body.id))
    await pass(6 * 60 * 60 * 1000)
    expect(told).toHaveLength(2)
    await pass(25_000)
    expect(collecting.stateOf(pair.id)).toBe("collecting")
  } finally {
    jest.useRealTimers()
  }
})

describe("another way", () => {
  test("is looked for again where what is listened at changed, and is none where nothing did", async () => {
    const scene = await open()
    const { collecting, pair, told } = scene
    collecting.paired(pair.id)
    await until("the asking", () => told.length > 0)
    expect(await collecting.moved()).toEqual([])
    scene.listening = ["127.0.0.2"]
    expect(await collecting.moved()).toEqual([{ pair: pair.id, from: "127.0.0.1", to: "127.0.0.2" }])
    await until("another asking", () => told.length > 1)
    scene.listening = ["0.0.0.0"]
    expect(await collecting.moved()).toEqual([{ pair: pair.id, from: "127.0.0.2", to: "127.0.0.1" }])
    await until("a third", () => told.length > 2)
    scene.listening = []
    expect(await collecting.moved()).toEqual([{ pair: pair.id, from: "127.0.0.1", to: "127.0.0.1" }])
  })

  test("cuts the open collect, and makes it anew", async () => {
    const scene = await opened(empty, hang, hang)
    await count(scene, 2)
    scene.collecting.readdressed(scene.pair.id)
    await count(scene, 3)
    // One that was cut was no failure.
    expect(waits(scene)).toEqual([0, 25, 25])
    expect(scene.failures).toEqual([])
  })

  test("and the end of the pair closes it, and forgets when it was heard", async () => {
    let isCut = false
    const scene = await opened(empty, () => asked => {
      void asked
      return never()
    })
    await count(scene, 2)
    const { collecting, pair } = scene
    expect(collecting.lastHeard(pair.id)).not.toBeNull()
    scene.made.remove("kai")
    collecting.ended(pair.id)
    isCut = true
    await Bun.sleep(20)
    expect([
      isCut,
      collects(scene).length,
      collecting.stateOf(pair.id),
      collecting.lastHeard(pair.id),
    ]).toEqual([true, 2, null, null])
    collecting.missed(pair.id)
    expect(collecting.stateOf(pair.id)).toBeNull()
  })
})

describe("a peer that is there again", () => {
  test.each(["answered", "hasten"] as const)("by %s: what was to be tried later is tried now", async how => {
    const scene = await opened(unsigned, hang)
    await until("the failure", () => scene.failures.length > 0)
    await taken(scene)
    scene.collecting[how](scene.pair.id)
    await count(scene, 2)
  })

  test("but one that said how long it wants to be left alone is", async () => {
    const scene = await opened(word({ status: 429, retryAfter: 7 }), hang)
    await count(scene, 1)
    await taken(scene)
    scene.collecting.answered(scene.pair.id)
    await Bun.sleep(5)
    expect(collects(scene)).toHaveLength(1)
    expect(scene.collecting.lastHeard(scene.pair.id)).toBe(scene.made.now)
  })
})

describe("a start", () => {
  const begin = async (
    prepare: (scene: Scene) => void,
    lastPort: number,
  ): Promise<readonly [string | null, number]> => {
    const scene = await open()
    prepare(scene)
    await scene.collecting.resume(lastPort)
    await settle()
    return [scene.collecting.stateOf(scene.pair.id), scene.told.length]
  }
  const store = ({ made }: Scene) => made.stored.store

  test.each<readonly [string, (scene: Scene) => void, number, readonly [string, number]]>([
    [
      "where it was, of a peer that called there",
      scene => keepCalled(store(scene), scene.pair.id, { host: "127.0.0.1", port: 9876 }),
      9876,
      ["called", 0],
    ],
    [
      "where it was, of a peer that called elsewhere",
      scene => keepCalled(store(scene), scene.pair.id, { host: "127.0.0.1", port: 9877 }),
      9876,
      ["asking", 1],
    ],
    [
      "where it was, of a peer that did not call",
      scene => keepCalled(store(scene), scene.pair.id, false),
      9876,
      ["asking", 1],
    ],
    ["where it was, of a peer of which nothing is known", () => {}, 9876, ["called", 0]],
    ["where nobody knows, of the same", () => {}, 0, ["called", 0]],
    ["elsewhere, by the port, of the same", () => {}, 9877, ["asking", 1]],
    [
      "elsewhere, by what was kept",
      scene => store(scene).facts.set("listened", { host: null, port: 9877 }),
      9876,
      ["asking", 1],
    ],
    [
      "elsewhere, by the name that was kept",
      scene => store(scene).facts.set("listened", { host: "old.example", port: 9876 }),
      9876,
      ["asking", 1],
    ],
    [
      "where it was, but shut to a peer that called there",
      scene => {
        scene.listening = []
        keepCalled(store(scene), scene.pair.id, { host: "127.0.0.1", port: 9876 })
      },
      9876,
      ["collecting", 0],
    ],
  ])("%s", async (_, prepare, lastPort, want) => {
    expect(await begin(prepare, lastPort)).toEqual([...want])
  })

  test("keeps where it is, and asks a peer of which nothing is known after a minute", async () => {
    const scene = await open()
    scene.collecting.resume(0)
    expect(store(scene).facts.get("listened")).toEqual({ host: null, port: 9876 })
    await settle()
    scene.made.now += 59_999
    scene.collecting.look()
    expect(scene.collecting.stateOf(scene.pair.id)).toBe("called")
    scene.made.now += 1
    scene.collecting.look()
    await until("the asking", () => scene.told.length > 0)
  })

  test("knows how long ago each was heard, and never of the future", async () => {
    const scene = await open()
    store(scene).peers.touch(scene.pair.id, scene.made.now - 5000)
    store(scene).peers.touch("ahead", scene.made.now + 5000)
    store(scene).peers.add("never", null)
    await scene.collecting.resume(0)
    expect([scene.pair.id, "ahead", "never"].map(scene.collecting.lastHeard)).toEqual([
      scene.made.now - 5000,
      scene.made.now,
      null,
    ])
  })

  test("leaves alone what begins while it looks how a peer is reached", async () => {
    const scene = await open([() => never()])
    keepCalled(store(scene), scene.pair.id, { host: "127.0.0.1", port: 9876 })
    const resuming = scene.collecting.resume(9876)
    scene.collecting.missed(scene.pair.id)
    await resuming
    expect(scene.collecting.stateOf(scene.pair.id)).toBe("collecting")
  })

  test("leaves alone what has begun meanwhile, and looks for no way to it", async () => {
    const scene = await opened(hang)
    scene.made.context.config.update(({ agents: { kai }, ...config }) => ({
      ...config,
      agents: { kai: { ...(kai as Peer), host: "192.0.2.1" } },
    }))
    keepCalled(store(scene), scene.pair.id, { host: "127.0.0.1", port: 9876 })
    using towards = spyOn(ownAddresses, "ownAddressTowards")
    await scene.collecting.resume(9877)
    expect(scene.collecting.stateOf(scene.pair.id)).toBe("collecting")
    expect(towards).not.toHaveBeenCalled()
  })
})

test("a disk that refuses is logged once, and it is tried again after 5 s", async () => {
  const scene = await open([() => never()])
  const { collecting, made, pair } = scene
  Object.defineProperty(made.context, "random", {
    value: () => {
      throw new Error("no randomness")
    },
  })
  collecting.missed(pair.id)
  await until("the word", () => made.log.includes("fetching failed: no randomness"))
  for (const wait of [4999, 1]) {
    made.now += wait
    collecting.look()
    await Bun.sleep(5)
  }
  expect(made.log.filter(line => line.startsWith("fetching failed"))).toHaveLength(1)
  Object.defineProperty(made.context, "random", {
    value: (length: number) => crypto.getRandomValues(new Uint8Array(length)),
  })
  made.now += 5000
  collecting.look()
  await count(scene, 1)
})
