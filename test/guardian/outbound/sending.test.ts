/** What a door's `send` and `reply` come to, and what who waits is told: the outbox is the test's own. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import type { MessageEvent } from "../../../src/guardian/door/results.ts"
import type { OutboxWorker, Outgoing } from "../../../src/guardian/outbound/outbox-worker.ts"
import { reply, send } from "../../../src/guardian/outbound/sending.ts"
import { SentoError } from "../../../src/protocol/errors.ts"
import type { ReceiptState } from "../../../src/protocol/messages.ts"
import { createTestContext, type TestContext } from "../../support/context.ts"
import { settle } from "../../support/settle.ts"
import { receive } from "../../support/store.ts"

let made: TestContext
let sent: { to: string; outgoing: Outgoing }[]
let told: string[]
let events: MessageEvent[]
let gone: AbortController
/** What the outbox's promise waits for. */
let sending: Promise<unknown>
let result: object

beforeEach(() => {
  made = createTestContext(["kai", "lia"])
  sent = []
  told = []
  events = []
  gone = new AbortController()
  sending = Promise.resolve()
  result = { id: "id", to: "kai", status: "accepted" }
})
afterEach(() => made[Symbol.dispose]())

const outbox = {
  async send(to: string, outgoing: Outgoing) {
    sent.push({ to, outgoing })
    const { id, text, inReplyTo, hops, onKept } = outgoing
    const { store } = made.stored
    const message = { pair: to, name: to, id: id ?? Bun.randomUUIDv7(), text, inReplyTo, hops }
    const kept = store.outbox.byId(to, message.id) ?? store.outbox.keep(message, made.now)
    onKept?.(kept)
    await sending
    return result
  },
  tellSender: ({ id }: { id: string }, state: string) => void told.push(`${id} ${state}`),
} as unknown as OutboxWorker

const ask = (more: object = {}) =>
  send(
    made.context,
    outbox,
    { op: "send", to: "kai", text: "hi", messageId: null, replyTo: null, wait: false, ...more } as never,
    { door: "agent", emit: (event: MessageEvent) => void events.push(event), gone: gone.signal } as never,
  )
const came = (pair = "kai", hops = 0): { id: string; shortId: string } => {
  const id = receive(made.stored, pair, made.now, { hops })
  return { id, shortId: made.stored.store.inbox.byId(pair, id)?.shortId ?? "" }
}
const errorOf = async (work: () => Promise<unknown>): Promise<SentoError> => {
  try {
    await work()
  } catch (error) {
    if (error instanceof SentoError) return error
    throw error
  }
  throw new Error("it went")
}

describe("send", () => {
  test("hands it to the outbox, a new conversation's first", async () => {
    expect(await ask({ messageId: "m" })).toEqual(result as never)
    expect(sent).toEqual([{ to: "kai", outgoing: { id: "m", text: "hi", inReplyTo: null, hops: 0 } }])
    expect(events).toEqual([])
  })

  test("as an answer names what it answers, and is one more in the row", async () => {
    const { id, shortId } = came("kai", 4)
    await ask({ replyTo: shortId.toUpperCase() })
    expect(sent[0]?.outgoing).toEqual({ id: null, text: "hi", inReplyTo: id, hops: 5 })
  })

  test.each<readonly [string, () => string, string, string]>([
    ["what came from somebody else", () => came("lia").shortId, "usage", "did not come from kai"],
    ["what nobody sent", () => "zzzz", "unknown-message", `no message "zzzz" came in`],
    ["what is no id", () => "no id", "unknown-message", `"no id" is no id of a message`],
    [
      "what is no id of 64 units",
      () => "x ".repeat(32),
      "unknown-message",
      `${JSON.stringify("x ".repeat(32))} is no id`,
    ],
    [
      "what is no id of 65 units",
      () => `${"x ".repeat(32)}y`,
      "unknown-message",
      `${JSON.stringify(`${"x ".repeat(32)}…`)} is no id`,
    ],
    ["what is no id and long", () => "x ".repeat(50), "unknown-message", `${"x ".repeat(32)}…" is no id`],
  ])("answers not %s", async (_, id, code, words) => {
    const error = await errorOf(() => ask({ replyTo: id() }))
    expect(error.code).toBe(code as never)
    expect(error.message).toContain(words)
    expect(sent).toEqual([])
  })
})

describe("reply", () => {
  const answer = (id: string) =>
    reply(made.context, outbox, { op: "reply", id, text: "yes", messageId: "m" } as never)

  test("goes to whom it came from, under the name of today", async () => {
    const { id, shortId } = came("kai", 2)
    made.context.config.update(config => {
      const { kai, ...rest } = config.agents
      return { ...config, agents: { ...rest, noa: kai as never } }
    })
    await answer(shortId)
    expect(sent).toEqual([{ to: "noa", outgoing: { id: "m", text: "yes", inReplyTo: id, hops: 3 } }])
  })

  test("to a pair that has ended goes nowhere", async () => {
    const { shortId } = came()
    made.remove("kai")
    const error = await errorOf(async () => answer(shortId))
    expect([error.code, error.message, sent]).toEqual(["refused", "the pair with kai has ended", []])
  })
})

describe("who waits", () => {
  const wait = { wait: true, messageId: "01a22b75-c444-7445-920f-f72b13a8cac7" }
  const id = wait.messageId
  const { waiters } = { waiters: () => made.context.waiters }
  const news = (state: ReceiptState | "accepted", reason: string | null = null, pair = "kai", of = id) =>
    waiters().tell(pair, of, { kind: "state", state, reason })
  const say = (text: string, pair = "kai", of = id) =>
    waiters().tell(pair, of, { kind: "reply", shortId: "k7q2", text })

  test("is told what becomes of it, and then the answer, with nothing in it that a terminal obeys", async () => {
    const waiting = ask(wait)
    await settle()
    news("accepted")
    news("accepted")
    news("held", "busy")
    news("delivered")
    say("yes\u001b[31m")
    expect(await waiting).toEqual({
      ...result,
      reply: { id: "k7q2", text: expect.stringContaining("yes") },
    } as never)
    expect(((await waiting) as { reply: { text: string } }).reply.text).not.toContain("\u001b")
    expect(events).toEqual([
      { event: "sent", result: result as never },
      { event: "news", state: "accepted", reason: null },
      { event: "news", state: "held", reason: "busy" },
      { event: "news", state: "delivered", reason: null },
    ])
    expect(waiters().has("kai", id)).toBe(false)
  })

  test("is told once that it came, though the peer's word of it is quicker than its 202", async () => {
    const held = Promise.withResolvers<void>()
    sending = held.promise
    const waiting = ask(wait)
    await settle()
    news("held", "busy")
    held.resolve()
    await settle()
    news("accepted")
    say("yes")
    await waiting
    expect(events.map(one => (one.event === "news" ? one.state : one.event))).toEqual([
      "accepted",
      "held",
      "sent",
    ])
  })

  test("is told nothing of another pair's message, nor of another one of the same pair", async () => {
    const waiting = ask(wait)
    await settle()
    news("failed", null, "lia")
    say("not this", "lia")
    say("nor this", "kai", "other")
    say("yes")
    expect(await waiting).toMatchObject({ reply: { text: "yes" } })
  })

  test.each<readonly [ReceiptState, string | null, string, string]>([
    ["failed", null, "failed", "kai had the message and gave no answer: no reason was told"],
    ["failed", "no-answer", "failed", "kai had the message and gave no answer: "],
    ["refused", null, "refused", "kai had the message, and did not give it to its agent: refused"],
    ["expired", null, "timed-out", "kai had the message, and did not give it to its agent: expired"],
    ["refused", "why not", "refused", 'kai had the message, and did not give it to its agent: "why not"'],
  ])("hears an end without an answer: %s, %p", async (state, reason, code, words) => {
    const waiting = errorOf(() => ask(wait))
    await settle()
    news(state, reason)
    const error = await waiting
    expect(error.code).toBe(code as never)
    expect(error.message).toContain(words)
    expect(waiters().has("kai", id)).toBe(false)
  })

  test("hears that it was withdrawn", async () => {
    const waiting = errorOf(() => ask(wait))
    await settle()
    waiters().tell("kai", id, { kind: "ended", state: "withdrawn", reason: "it never left" })
    expect((await waiting).message).toBe("the message to kai was withdrawn: it never left")
  })

  test.each(["gone", "stopping"] as const)("ends without a result: %s", async how => {
    const waiting = ask(wait)
    await settle()
    if (how === "gone") gone.abort()
    else made.stop()
    expect(await waiting).toBeNull()
    expect(waiters().has("kai", id)).toBe(false)
  })

  test("waits no more where the message is not kept", async () => {
    sending = Promise.reject(new SentoError("refused", "no"))
    expect((await errorOf(() => ask(wait))).message).toBe("no")
    expect(waiters().has("kai", id)).toBe(false)
  })

  describe("and asks again", () => {
    const answered = (state: "waiting" | "delivered" = "waiting"): string => {
      const body = {
        v: 1,
        id: Bun.randomUUIDv7(),
        type: "message",
        timestamp: "",
        text: "yes",
        inReplyTo: id,
      } as const
      const { inbox } = made.stored.store
      inbox.admit("kai", "kai", body, made.now)
      const row = inbox.byId("kai", body.id)
      if (row !== null && state !== "waiting") inbox.mark(row.seq, state, made.now)
      return body.id
    }

    test("has the answer that waits, which is typed no more and told as taken", async () => {
      const answer = answered()
      expect(await ask(wait)).toMatchObject({ reply: { text: "yes" } })
      expect(told).toEqual([`${answer} delivered`])
      expect(made.stored.store.inbox.byId("kai", answer)?.state).toBe("delivered")
    })

    test("has the one that was typed, which is told no more", async () => {
      answered("delivered")
      expect(await ask(wait)).toMatchObject({ reply: { text: "yes" } })
      expect(told).toEqual([])
    })

    test.each([
      [null, ["accepted"]],
      ["held", ["accepted", "held"]],
    ] as const)("is told how far it is: %p", async (state, want) => {
      const { outbox } = made.stored.store
      const kept = outbox.keep(
        { pair: "kai", name: "kai", id, text: "hi", inReplyTo: null, hops: 0 },
        made.now,
      )
      outbox.settle(kept.seq, "accepted", null, made.now)
      if (state !== null) outbox.noteReceipt("kai", id, state, "busy")
      const waiting = ask(wait)
      await settle()
      say("yes")
      await waiting
      expect(events.flatMap(one => (one.event === "news" ? one.state : []))).toEqual([...want])
    })
  })
})
