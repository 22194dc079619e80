/** What becomes of a message, attempt for attempt: the store is real, the sender the test's, and so is the clock. */
import { afterEach, beforeEach, describe, expect, jest, type Mock, spyOn, test } from "bun:test"
import { createOutboxWorker, type Outgoing } from "../../../src/guardian/outbound/outbox-worker.ts"
import type { Attempt, IsWanted, Sender } from "../../../src/guardian/outbound/sender.ts"
import { DatabaseLocked } from "../../../src/store/database.ts"
import { createTestContext, type TestContext } from "../../support/context.ts"
import { rejectionOf } from "../../support/errors.ts"
import { settle } from "../../support/settle.ts"
import { keep } from "../../support/store.ts"
import { until } from "../../support/world.ts"

type Asked = {
  readonly pair: string
  readonly body: Readonly<Record<string, unknown>>
  readonly end: (attempt: Attempt) => void
}

let made: TestContext
let asked: Asked[]
/** What the next attempts bring; one for which nothing is here waits to be ended. */
let brings: Attempt[]
let isFree: boolean
let untilFetched: number | null
/** How often the worker has asked for that. */
let looks: number
let random: Mock<() => number>

beforeEach(() => {
  made = createTestContext(["kai", "lia"])
  asked = []
  brings = []
  isFree = true
  untilFetched = null
  looks = 0
  random = spyOn(Math, "random").mockReturnValue(0)
})
afterEach(() => {
  random.mockRestore()
  made[Symbol.dispose]()
})

const accepted = { kind: "accepted", literal: "127.0.0.1" } as Attempt
const failed = (more: object = {}): Attempt =>
  ({
    kind: "failed",
    reason: "nothing listens there",
    status: null,
    cause: "refused",
    retryAfterSeconds: null,
    ...more,
  }) as Attempt
const unwanted = failed({ isUnwanted: true })

function open() {
  const sender = {
    async tell(peer: { peer: { id: string } }, body: Asked["body"], _: null, isWanted?: IsWanted) {
      if (isWanted !== undefined && !(await isWanted())) return unwanted
      const { promise, resolve } = Promise.withResolvers<Attempt>()
      asked.push({ pair: peer.peer.id, body, end: resolve })
      const attempt = brings.shift()
      return attempt ?? promise
    },
    isFree: () => isFree,
    untilFetched() {
      looks += 1
      return untilFetched
    },
  } as unknown as Sender
  return createOutboxWorker(made.context, sender)
}

const text = (words: string, more: Partial<Outgoing> = {}): Outgoing => ({
  ...{ id: null, text: words, inReplyTo: null, hops: 0 },
  ...more,
})
const texts = () => asked.map(({ body }) => body.text ?? `${body.type} ${body.state}`)
const row = (id: string, pair = "kai") => made.stored.store.outbox.byId(pair, id)
/** Time passes, and is looked at. */
async function pass(worker: ReturnType<typeof open>, milliseconds: number): Promise<void> {
  made.now += milliseconds
  worker.look()
  await settle()
}

describe("a message", () => {
  test("is on disk before it is tried, and is accepted where the peer has it", async () => {
    brings = [accepted]
    const kept: unknown[] = []
    const onKept = (sent: { state: string; isExposed: boolean }) =>
      kept.push([sent.state, sent.isExposed, asked.length])
    const sent = await open().send("kai", text("hi", { hops: 3, inReplyTo: "it", onKept }))
    expect(kept).toEqual([["queued", true, 0]])
    expect(sent).toEqual({ id: sent.id, to: "kai", status: "accepted" })
    expect(asked).toMatchObject([
      {
        pair: "kai",
        body: {
          ...{ v: 1, id: sent.id, type: "message", text: "hi", hops: 3, inReplyTo: "it" },
          createdAt: "2026-11-23T10:00:00.000Z",
        },
      },
    ])
    expect(row(sent.id)).toMatchObject({ state: "accepted", reason: null, settledAt: made.now })
  })

  test("that answers nothing says so by leaving it out, and claims no more replies than can be said", async () => {
    brings = [accepted]
    await open().send("kai", text("hi", { hops: 5_000_000 }))
    expect(asked[0]?.body).not.toHaveProperty("inReplyTo")
    expect(asked[0]?.body.hops).toBe(1_000_000)
  })

  test.each<readonly [string, Attempt, string, boolean]>([
    ["where nothing listens never left", failed(), "nothing listens there", false],
    ["without an answer may have come", failed({ cause: "timed-out", reason: "late" }), "late", true],
    ["that was cut may have come", failed({ wasCut: true }), "nothing listens there", true],
    [
      "that the peer wants later was seen there",
      { kind: "later", retryAfterSeconds: 7, reason: "busy", literal: null } as Attempt,
      "busy",
      true,
    ],
    [
      "of a clock that is ahead says so",
      { kind: "skewed", aheadSeconds: 400, literal: null } as Attempt,
      "this machine's clock is 400 s ahead of kai's; set both with `timedatectl`",
      true,
    ],
    [
      "of a clock that is behind says so",
      { kind: "skewed", aheadSeconds: -400, literal: null } as Attempt,
      "this machine's clock is 400 s behind kai's; set both with `timedatectl`",
      true,
    ],
  ])("%s", async (_, attempt, reason, isExposed) => {
    brings = [attempt]
    const sent = await open().send("kai", text("hi"))
    expect(sent).toMatchObject({ status: "queued", reason, shortId: row(sent.id)?.shortId as string })
    expect(row(sent.id)).toMatchObject({ state: "queued", attempts: 1, reason, isExposed })
  })

  test("is tried again after 1, 2 and 4 s, and told to whoever asks again", async () => {
    brings = [failed(), failed(), failed(), accepted]
    const worker = open()
    const { id } = await worker.send("kai", text("hi"))
    const counts: number[] = []
    for (const wait of [999, 1, 1999, 1, 3999, 1]) {
      await pass(worker, wait)
      counts.push(asked.length)
    }
    expect(counts).toEqual([1, 2, 2, 3, 3, 4])
    expect(row(id)?.state).toBe("accepted")
    expect(made.log.filter(line => line.includes("waits:"))).toHaveLength(1)
  })

  test("that the peer wants later is not hastened before that; any other is", async () => {
    brings = [{ kind: "later", retryAfterSeconds: 7, reason: "busy", literal: null } as Attempt, failed()]
    const worker = open()
    await worker.send("kai", text("to kai"))
    await worker.send("lia", text("to lia"))
    worker.hasten("kai")
    worker.hasten("lia")
    await until("lia's", () => asked.length === 3)
    expect(texts()).toEqual(["to kai", "to lia", "to lia"])
    await pass(worker, 6999)
    expect(asked).toHaveLength(3)
    await pass(worker, 1)
    expect(texts().at(-1)).toBe("to kai")
  })

  test("that is refused has ended, and the next one goes", async () => {
    brings = [{ kind: "refused", detail: "too long", literal: null } as Attempt, accepted]
    const worker = open()
    const error = await rejectionOf(worker.send("kai", text("hi")))
    expect([error.code, error.message]).toEqual(["refused", "kai refused the message: too long"])
    expect((await worker.send("kai", text("next"))).status).toBe("accepted")
    expect(made.stored.store.outbox.recent(2).map(one => one.state)).toEqual(["accepted", "refused"])
  })

  test("of a day ago is not tried, and one that would be tried then has ended", async () => {
    const day = 24 * 60 * 60 * 1000
    const old = keep(made.stored, "kai", made.now - day, "queued", "old")
    const late = keep(made.stored, "lia", made.now - day + 1000, "queued", "late")
    brings = [failed({ reason: "gone" })]
    const worker = open()
    worker.resume()
    await until("both ends", () => row(old)?.state !== "queued" && row(late, "lia")?.state !== "queued")
    expect(texts()).toEqual(["late"])
    expect([row(old), row(late, "lia")]).toMatchObject([
      { state: "expired", reason: "not delivered within 24 hours" },
      { state: "expired", reason: "gone" },
    ])
  })

  test("behind another one that waits is queued, and says why", async () => {
    brings = [failed({ reason: "" }), failed({ reason: "no way" })]
    const worker = open()
    await worker.send("kai", text("first"))
    expect(await worker.send("kai", text("second"))).toMatchObject({ status: "queued", reason: "no way" })
    untilFetched = null
    expect(texts()).toEqual(["first", "first"])
    expect(row(asked[0]?.body.id as string)?.attempts).toBe(2)
  })

  test("is not told of another pair's", async () => {
    const worker = open()
    const kais = worker.send("kai", text("to kai"))
    const lias = worker.send("lia", text("to lia"))
    await until("both", () => asked.length === 2)
    asked.find(one => one.pair === "lia")?.end(failed({ reason: "lia's" }))
    expect(await lias).toMatchObject({ status: "queued", reason: "lia's" })
    asked.find(one => one.pair === "kai")?.end(accepted)
    expect(await kais).toMatchObject({ status: "accepted" })
  })

  test("waits without an attempt while its pair comes for what there is", async () => {
    untilFetched = 5000
    const worker = open()
    void worker.send("kai", text("hi"))
    await settle()
    expect(asked).toHaveLength(0)
    await pass(worker, 4999)
    expect([asked.length, looks]).toEqual([0, 1])
    untilFetched = null
    await pass(worker, 1)
    expect(texts()).toEqual(["hi"])
    asked[0]?.end(accepted)
  })

  test("whose attempt takes long is queued, after 20 s", async () => {
    const timers = spyOn(globalThis, "setTimeout")
    const sending = open().send("kai", text("hi"))
    await until("the attempt", () => asked.length > 0)
    const [late, , ...words] = timers.mock.calls.find(([, wait]) => wait === 20_000) ?? []
    timers.mockRestore()
    ;(late as (...words: unknown[]) => void)(...words)
    expect(await sending).toMatchObject({ status: "queued", reason: "no answer yet" })
    asked[0]?.end(accepted)
  })
})

describe("the same id", () => {
  const id = "01a22b75-c444-7445-920f-f72b13a8cac7"

  test("and text again is the same message, whatever became of it", async () => {
    brings = [failed(), accepted]
    const worker = open()
    expect((await worker.send("kai", text("hi", { id }))).status).toBe("queued")
    expect((await worker.send("kai", text("hi", { id }))).status).toBe("accepted")
    expect((await worker.send("kai", text("hi", { id }))).status).toBe("accepted")
    expect(texts()).toEqual(["hi", "hi"])
    expect(made.stored.store.outbox.recent(5)).toHaveLength(1)
  })

  test.each<readonly [string, string, Partial<Outgoing>]>([
    ["with another text", "kai", { text: "other" }],
    ["as an answer to another", "kai", { inReplyTo: "it" }],
    ["to another agent", "lia", {}],
  ])("%s is refused, and nothing is kept", async (_, to, more) => {
    brings = [failed()]
    const worker = open()
    await worker.send("kai", text("hi", { id }))
    const error = await rejectionOf(worker.send(to, text("hi", { id, ...more })))
    expect([error.code, error.message]).toEqual(["usage", `the id ${id} is that of another message`])
    expect(made.stored.store.outbox.recent(5)).toHaveLength(1)
  })

  test("of one that ended says how", async () => {
    const refused = { kind: "refused", detail: "no", literal: null } as Attempt
    brings = [refused]
    const worker = open()
    await rejectionOf(worker.send("kai", text("hi", { id })))
    expect((await rejectionOf(worker.send("kai", text("hi", { id })))).message).toContain(
      "refused the message: no",
    )
  })
})

describe("what cannot be sent is not kept", () => {
  test.each<readonly [string, string, string]>([
    ["noa", "hi", "unknown-agent"],
    ["kai", " ", "usage"],
    ["kai", "a".repeat(70_000), "too-long"],
  ])("%s %#", async (to, words, code) => {
    expect((await rejectionOf(open().send(to, text(words)))).code).toBe(code as never)
    expect(made.stored.store.outbox.recent(5)).toEqual([])
  })

  test("where too much waits for one agent; another's goes", async () => {
    const { outbox } = made.stored.store
    using _ = spyOn(outbox, "hasRoom").mockImplementation(pair => pair !== "kai")
    const worker = open()
    const error = await rejectionOf(worker.send("kai", text("hi")))
    expect([error.code, error.message]).toEqual([
      "failed",
      "the message cannot be kept: 16 MiB of text wait for kai already",
    ])
    brings = [accepted]
    expect((await worker.send("lia", text("hi"))).status).toBe("accepted")
  })

  test("where the disk refuses, or is locked", async () => {
    const { store } = made.stored
    const worker = open()
    for (const [error, code] of [
      [new Error("full"), "failed"],
      [new DatabaseLocked(), "try-later"],
    ] as const) {
      using _ = spyOn(store, "commit").mockRejectedValue(error)
      const thrown = await rejectionOf(worker.send("kai", text("hi")))
      expect(thrown.code).toBe(code)
    }
    expect(asked).toEqual([])
  })
})

describe("receipts", () => {
  const tell = (
    worker: ReturnType<typeof open>,
    id: string,
    state: "delivered" | "held" = "delivered",
    pair = "kai",
  ) => worker.tellSender({ pair, id, shortId: "abcd", name: pair, released: 0 } as never, state, null)

  test("go before messages, the same word once, each told until it was heard", async () => {
    const worker = open()
    tell(worker, "m1")
    await until("the first", () => asked.length === 1)
    tell(worker, "m1")
    asked[0]?.end(failed())
    await settle()
    await pass(worker, 999)
    expect(asked).toHaveLength(1)
    await pass(worker, 1)
    const sending = worker.send("kai", text("hi"))
    asked[1]?.end(accepted)
    await until("the message", () => asked.length === 3)
    expect(texts()).toEqual(["receipt delivered", "receipt delivered", "hi"])
    expect(asked[1]?.body).toEqual({ ...asked[0]?.body, type: "receipt", of: "m1" })
    expect(asked[0]?.body).not.toHaveProperty("reason")
    expect(worker.hasWaiting("kai")).toBe(true)
    asked[2]?.end(accepted)
    await sending
    expect([worker.hasWaiting("kai"), worker.hasWaiting("lia")]).toEqual([false, false])
    await pass(worker, 60_000)
    expect(asked).toHaveLength(3)
  })

  test("ten in a row at the most before a message that is due", async () => {
    const worker = open()
    isFree = false
    brings = Array.from({ length: 30 }, () => accepted)
    for (let i = 0; i < 25; i += 1)
      made.stored.store.receipts.note("kai", `m${i}`, "delivered", null, Bun.randomUUIDv7(), made.now)
    keep(made.stored, "kai", made.now, "queued", "one")
    keep(made.stored, "kai", made.now, "queued", "two")
    worker.resume()
    await until("all", () => asked.length === 27)
    expect(texts().flatMap((one, i) => (one === "one" || one === "two" ? [i] : []))).toEqual([10, 21])
  })

  test("are all told where no message is due", async () => {
    const worker = open()
    brings = Array.from({ length: 15 }, () => accepted)
    for (let i = 0; i < 15; i += 1)
      made.stored.store.receipts.note("kai", `m${i}`, "delivered", null, Bun.randomUUIDv7(), made.now)
    worker.resume()
    await until("all", () => asked.length === 15)
  })
})

describe("a start", () => {
  test("goes on with what is due, and later with what is not; a time of a wrong clock counts as due", async () => {
    const { outbox } = made.stored.store
    const minutes = 60_000
    const at = (name: string, ahead: number): void => {
      const { seq } = outbox.keep(
        { pair: name, name, id: Bun.randomUUIDv7(), text: `to ${name}`, inReplyTo: null, hops: 0 },
        made.now,
      )
      outbox.postpone(seq, { attempts: 1, nextAt: made.now + ahead, askedFor: null }, "")
    }
    at("kai", 5 * minutes)
    at("lia", 5 * minutes + 10_001)
    const worker = open()
    worker.resume()
    await settle()
    expect(texts()).toEqual(["to lia"])
    await pass(worker, 5 * minutes - 1)
    expect(texts()).toEqual(["to lia"])
    await pass(worker, 1)
    expect(texts()).toEqual(["to lia", "to kai"])
  })

  test("begins with what is due at once, and leaves what is not to its time", async () => {
    jest.useFakeTimers()
    try {
      const { outbox } = made.stored.store
      for (const [name, ahead] of [
        ["kai", 0],
        ["lia", 1],
      ] as const) {
        const fields = { pair: name, name, id: Bun.randomUUIDv7(), text: `to ${name}` }
        const { seq } = outbox.keep({ ...fields, inReplyTo: null, hops: 0 }, made.now)
        outbox.postpone(seq, { attempts: 1, nextAt: made.now + ahead, askedFor: null }, "")
      }
      open().resume()
      await settle()
      expect(texts()).toEqual(["to kai"])
      made.now += 20
      jest.advanceTimersByTime(20)
      await settle()
      expect(texts()).toEqual(["to kai", "to lia"])
    } finally {
      jest.useRealTimers()
    }
  })

  test("a wait that the peer asked for is kept to, however long, and no longer", async () => {
    const { outbox } = made.stored.store
    const hour = 3_600_000
    const { seq } = outbox.keep(
      { pair: "kai", name: "kai", id: Bun.randomUUIDv7(), text: "hi", inReplyTo: null, hops: 0 },
      made.now,
    )
    outbox.postpone(seq, { attempts: 1, nextAt: made.now + hour, askedFor: hour }, "")
    const worker = open()
    worker.resume()
    await settle()
    expect(asked).toEqual([])
    made.now -= 10_001
    worker.hasten("kai")
    await until("it", () => asked.length === 1)
  })

  test("of a pair that is gone does nothing", async () => {
    keep(made.stored, "noa", made.now, "queued")
    open().resume()
    await settle()
    expect(asked).toEqual([])
  })
})

test("what waits for a pair that the config lacks for a while goes when the pair is there and heard from", async () => {
  const worker = open()
  brings = [failed()]
  const { id } = await worker.send("kai", text("late"))
  const { kai, ...others } = made.context.config.current.agents
  made.context.config.update(config => ({ ...config, agents: others }))
  await pass(worker, 600_000)
  expect(asked).toHaveLength(1)
  made.context.config.update(config => ({ ...config, agents: { ...others, ...(kai && { kai }) } }))
  brings = [accepted]
  worker.hasten("kai")
  await until("it to go", () => row(id)?.state === "accepted")
})

describe("a Guardian that stops", () => {
  test("leaves what an attempt did not bring as it was, and keeps that it was accepted", async () => {
    const worker = open()
    const sending = [worker.send("kai", text("one")), worker.send("lia", text("two"))]
    await until("both", () => asked.length === 2)
    made.stop()
    for (const one of await Promise.all(sending))
      expect(one).toMatchObject({ status: "queued", reason: "the Guardian is stopping" })
    asked[0]?.end(failed({ wasCut: true }))
    asked[1]?.end(accepted)
    await worker.stopped()
    const { outbox } = made.stored.store
    expect(outbox.recent(2).map(one => [one.name, one.state, one.attempts])).toEqual([
      ["lia", "accepted", 0],
      ["kai", "queued", 0],
    ])
  })
})

describe("a disk that refuses what an attempt brought", () => {
  test("has it tried again after 5 s, says so to who waits, and once in the log", async () => {
    const worker = open()
    const sending = worker.send("kai", text("hi"))
    await until("the attempt", () => asked.length === 1)
    const full = spyOn(made.stored.store, "commit").mockRejectedValue(new Error("full"))
    asked[0]?.end(accepted)
    expect(await sending).toMatchObject({
      status: "queued",
      reason: "an attempt, or what became of it, cannot be noted here: full",
    })
    await pass(worker, 4999)
    expect(asked).toHaveLength(1)
    await pass(worker, 1)
    expect(asked).toHaveLength(2)
    asked[1]?.end(accepted)
    await settle()
    expect(made.log.filter(line => line === "sending failed: full")).toHaveLength(1)
    full.mockRestore()
    await pass(worker, 5000)
    asked[2]?.end(accepted)
    await until("its end", () => !worker.hasWaiting("kai"))
  })
})

test("while the pair is paused here, the sender is told so", async () => {
  made.stored.store.peers.pause("kai", { until: null, reason: "owner" })
  brings = [accepted, accepted]
  const worker = open()
  expect(await worker.send("kai", text("hi"))).toMatchObject({ status: "accepted", paused: "resume" })
  expect(await worker.send("lia", text("hi"))).not.toHaveProperty("paused")
})

test("who waits for the pair to end hears it at once", async () => {
  const worker = open()
  const sending = rejectionOf(worker.send("kai", text("hi")))
  await until("the attempt", () => asked.length === 1)
  made.context.waiters.endPair("lia", "revoked by lia")
  made.context.waiters.endPair("kai", "revoked by kai")
  expect((await sending).message).toBe("the pair with kai has ended: revoked by kai")
  asked[0]?.end(accepted)
})

test("an attempt is noted as one that may have brought it before it leaves, also where others were before it", async () => {
  isFree = false
  const worker = open()
  const exposed: unknown[] = []
  const { outbox } = made.stored.store
  void worker.send("kai", text("hi", { onKept: sent => exposed.push(sent.isExposed) }))
  await until("the attempt", () => asked.length === 1)
  exposed.push(outbox.byId("kai", asked[0]?.body.id as string)?.isExposed)
  expect(exposed).toEqual([false, true])
  asked[0]?.end(accepted)
})

test("a message whose call fails behind the commit is on its way all the same", async () => {
  brings = [failed()]
  const worker = open()
  const onKept = (): never => {
    throw new Error("the caller has gone")
  }
  await expect(worker.send("kai", text("hello", { onKept }))).rejects.toThrow("the caller has gone")
  await until("the attempt", () => asked.length > 0)
  expect(texts()).toEqual(["hello"])
})
