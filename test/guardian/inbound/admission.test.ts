/** What is looked at again between a signature and the disk, and what is counted: the receiver alone, on a real store. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { createReceiver, type ReceiverParts } from "../../../src/guardian/inbound/receiver.ts"
import { type PairKeys, readAnswer, signRequest } from "../../../src/protocol/exchange.ts"
import { formatTimestamp } from "../../../src/protocol/freshness.ts"
import type { Answer, UnstampedBody } from "../../../src/protocol/messages.ts"
import { createTestContext, peerOf, type TestContext } from "../../support/context.ts"

const pair = "ab".repeat(16)
const other = "cd".repeat(16)
/** The peer's: ours the other way round. */
const keys: PairKeys = { send: new Uint8Array(32).fill(2), receive: new Uint8Array(32).fill(1) }
const day = 24 * 60 * 60 * 1000

let made: TestContext
let receive: ReturnType<typeof createReceiver>
let admitted: string[]
let hasMissed: boolean

beforeEach(() => {
  made = createTestContext([])
  admitted = []
  hasMissed = false
  const agents = { kai: { ...peerOf("kai"), id: pair }, lea: { ...peerOf("lea"), id: other } }
  made.context.config.update(config => ({ ...config, agents }))
  const parts: ReceiverParts = {
    onAdmitted: (from, body) => void admitted.push(`${from.name} ${body.type}`),
    onRefused: () => null,
    carrying: { isLater: () => false, take: () => Promise.reject(new Error("no collects here")) },
    hasMissed: () => hasMissed,
    onCollected: () => {},
  }
  receive = createReceiver(made.context, parts)
})
afterEach(() => made[Symbol.dispose]())

const message = (fields: Partial<Extract<UnstampedBody, { type: "message" }>> = {}): UnstampedBody => ({
  v: 1,
  id: Bun.randomUUIDv7(),
  type: "message",
  text: "hello",
  ...fields,
})

type Sent = { readonly status: number; readonly answer: Answer | null }

/** @param sentAt - the timestamp that the peer puts on it */
function send(body: UnstampedBody, sentAt = made.now): Promise<Sent> {
  const request = signRequest(pair, keys, body, sentAt, null)
  const headers = new Headers(request.headers)
  const answered = receive({
    body: request.body,
    header: name => headers.get(name),
    address: "192.0.2.7",
    allow: () => {},
    hold: () => () => {},
    signal: new AbortController().signal,
  })
  return answered.then(async response => ({
    status: response.status,
    answer: readAnswer(
      keys,
      { signature: request.signature, id: body.id },
      {
        status: response.status,
        header: name => response.headers.get(name),
        body: new Uint8Array(await response.arrayBuffer()),
      },
    ),
  }))
}

const kept = (id: string): string | undefined => made.stored.store.inbox.byId(pair, id)?.text

describe("between the signature and the disk", () => {
  test("the pair is removed: refused like any stranger, and nothing kept", async () => {
    const body = message()
    const sending = send(body)
    made.remove("kai")
    expect(await sending).toEqual({ status: 403, answer: null })
    expect([kept(body.id), admitted]).toEqual([undefined, []])
  })

  test("another pair is: it is kept, and then set in motion", async () => {
    const body = message()
    const sending = send(body)
    made.remove("lea")
    expect(await sending).toMatchObject({ status: 202, answer: { state: "accepted" } })
    expect([kept(body.id), admitted]).toEqual(["hello", ["kai message"]])
  })

  test("the disk refuses: try later, nothing is set in motion, and the same message is taken then", async () => {
    const { commit } = made.stored.store
    const body = message()
    Object.assign(made.stored.store, { commit: () => Promise.reject(new Error("disk full")) })
    expect(await send(body)).toMatchObject({ status: 503, answer: { retryAfter: 30 } })
    expect([kept(body.id), admitted]).toEqual([undefined, []])
    Object.assign(made.stored.store, { commit })
    expect(await send(body)).toMatchObject({ status: 202, answer: { state: "accepted" } })
  })
})

describe("an old message", () => {
  const old = () => formatTimestamp(made.now - day - 1)

  test("is refused as expired", async () => {
    const body = message({ createdAt: old() })
    expect(await send(body)).toMatchObject({ status: 400, answer: { error: "expired" } })
    expect([kept(body.id), admitted]).toEqual([undefined, []])
  })

  test("that came before is a duplicate all the same: its sender may not have heard", async () => {
    const body = message({ createdAt: formatTimestamp(made.now) })
    await send(body)
    made.now += day + 60_000
    expect(await send(body)).toMatchObject({ status: 202, answer: { state: "duplicate" } })
    expect(admitted).toEqual(["kai message"])
  })

  test("of a day and no more is taken", async () => {
    expect(await send(message({ createdAt: formatTimestamp(made.now - day) }))).toMatchObject({ status: 202 })
  })
})

describe("60 a minute are answered, whoever sends them, and then none:", () => {
  const statuses = async (count: number, work: () => Promise<Sent>): Promise<Record<number, number>> => {
    const counts: Record<number, number> = {}
    for (let i = 0; i < count; i += 1) {
      const { status } = await work()
      counts[status] = (counts[status] ?? 0) + 1
    }
    return counts
  }

  test.each<[string, number, () => Promise<() => Promise<Sent>>]>([
    ["what is stale", 401, async () => () => send(message(), made.now - 301_000)],
    ["what is no valid body", 400, async () => () => send({ ...message(), text: "" } as UnstampedBody)],
    [
      "what has expired",
      400,
      async () => () => send(message({ createdAt: formatTimestamp(made.now - 2 * day) })),
    ],
    [
      "the same bytes of what was taken",
      202,
      async () => {
        const body = message()
        const sentAt = made.now
        await send(body, sentAt)
        return () => send(body, sentAt)
      },
    ],
    [
      "a collect that is not later than those before",
      202,
      async () => () => send({ v: 1, id: Bun.randomUUIDv7(), type: "collect", waitSeconds: 0 }),
    ],
  ])("%s", async (_, status, prepare) => {
    const work = await prepare()
    expect(await statuses(62, work)).toEqual({ [status]: 60, 429: 2 })
    // None of it keeps a new message out.
    expect(await send(message())).toMatchObject({ status: 202, answer: { state: "accepted" } })
    made.now += 60_000
    expect((await work()).status).toBe(status)
  })
})

test("a collect that was carried to us is none, however late it is", async () => {
  const taken: string[] = []
  const parts: ReceiverParts = {
    onAdmitted: () => {},
    onRefused: () => null,
    carrying: {
      isLater: () => true,
      take: async ({ name }, { id }) => {
        taken.push(name)
        return { kind: "content", content: { status: 202, id, state: "accepted" } }
      },
    },
    hasMissed: () => false,
    onCollected: () => {},
  }
  const receiveNow = createReceiver(made.context, parts)
  receive = request => receiveNow({ ...request, isCarried: true })
  const collect = (): UnstampedBody => ({ v: 1, id: Bun.randomUUIDv7(), type: "collect", waitSeconds: 0 })
  expect(await send(collect())).toMatchObject({ status: 202, answer: { state: "duplicate" } })
  expect(taken).toEqual([])
  receive = receiveNow
  expect(await send(collect())).toMatchObject({ status: 202, answer: { state: "accepted" } })
  expect(await send(collect(), made.now - 301_000)).toMatchObject({ status: 401 })
  expect(taken).toEqual(["kai"])
})

test("who has missed something is told so with what is taken, and not with what is refused", async () => {
  hasMissed = true
  expect(await send(message())).toMatchObject({ answer: { state: "accepted", missed: true } })
  expect((await send(message(), made.now - 301_000)).answer).not.toHaveProperty("missed")
  hasMissed = false
  expect((await send(message())).answer).not.toHaveProperty("missed")
})

test("what is refused for now, and comes again byte by byte, is taken once there is room", async () => {
  for (let i = 0; i < 10; i += 1) expect((await send(message())).status).toBe(202)
  const body = message()
  const sentAt = made.now
  expect(await send(body, sentAt)).toMatchObject({ status: 429 })
  expect(kept(body.id)).toBeUndefined()
  made.now += 60_000
  expect(await send(body, sentAt)).toMatchObject({ status: 202, answer: { state: "accepted" } })
  expect(await send(body, sentAt)).toMatchObject({ status: 202, answer: { state: "duplicate" } })
  expect(admitted).toHaveLength(11)
})
