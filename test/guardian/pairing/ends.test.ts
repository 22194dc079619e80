/** A command that waits for an answer is told at once when none can come any more, and only what is true. */
import { Database } from "bun:sqlite"
import { expect, test } from "bun:test"
import { callDoor } from "../../../src/guardian/door/client.ts"
import type { MessageEvent } from "../../../src/guardian/door/results.ts"
import { newPair, uuidV7 } from "../../support/client.ts"
import { openGuardian, type TestGuardian } from "../../support/guardian.ts"
import { accepts, openPeer, signed, tell } from "../../support/peer.ts"
import { until } from "../../support/world.ts"

const kai = newPair()
const lia = newPair()
const aDay = 24 * 60 * 60 * 1000

type Waiting = { readonly news: MessageEvent[]; readonly end: Promise<string> }

/** `send --wait` at the door: what it is told, and its end in words. */
function wait(guardian: TestGuardian, messageId: string, isWaiting = true): Waiting {
  const news: MessageEvent[] = []
  const request = { op: "send", to: "kai", text: "hi", wait: isWaiting, messageId } as const
  const onEvent = (event: MessageEvent): void => void news.push(event)
  const asked = callDoor(guardian.paths, "agent", request, { onEvent })
  const end = asked.then(
    result => result?.reply?.text ?? result?.status ?? "nothing",
    error => `${error.code}: ${error.message}`,
  )
  return { news, end }
}

const isSent = ({ news }: Waiting) => until("its first word", () => news.some(one => one.event === "sent"))

function rows(guardian: TestGuardian, query: string): unknown[] {
  using database = new Database(guardian.paths.database, { readonly: true })
  return database.query(query).all()
}

test.each([
  ["queued", false, [{ state: "dropped", reason: "revoked by kai" }]],
  ["with its peer", true, [{ state: "accepted", reason: null }]],
])("`--wait` ends at once where its message is %s and the peer ends the pair", async (_, isThere, want) => {
  await using peer = await openPeer(kai, isThere ? accepts(kai) : () => new Response(null, { status: 500 }))
  await using guardian = await openGuardian({ kai: { pair: kai, port: peer.port } })
  const waiting = wait(guardian, uuidV7(guardian.now))
  await isSent(waiting)
  await tell(guardian, kai, { type: "unpair" })
  expect(await waiting.end).toBe("refused: the pair with kai has ended: revoked by kai")
  expect(rows(guardian, "SELECT state, reason FROM outbox")).toEqual(want)
})

test("a `send` whose first attempt hangs ends at once where its pair does", async () => {
  const never = Promise.withResolvers<Response>()
  await using peer = await openPeer(kai, () => never.promise)
  await using guardian = await openGuardian({ kai: { pair: kai, port: peer.port } })
  const waiting = wait(guardian, uuidV7(guardian.now), false)
  await until("the attempt", () => peer.count() > 0)
  await tell(guardian, kai, { type: "unpair" })
  expect(await waiting.end).toBe("refused: the pair with kai has ended: revoked by kai")
  never.resolve(new Response())
})

test("`--wait` ends where a later attempt is refused", async () => {
  await using peer = await openPeer(kai, ({ re, isSealed }) =>
    peer.count() === 1
      ? new Response(null, { status: 500 })
      : signed(kai, { v: 1, re, status: 400, error: "invalid", detail: "text" }, isSealed),
  )
  await using guardian = await openGuardian({ kai: { pair: kai, port: peer.port } })
  const waiting = wait(guardian, uuidV7(guardian.now))
  await isSent(waiting)
  await tell(guardian, kai, { type: "receipt", of: uuidV7(0), state: "held" })
  await tell(guardian, kai, {})
  expect(await waiting.end).toBe("refused: kai refused the message: invalid: text")
})

test("a message that waits for 24 hours expires, and `--wait` with it", async () => {
  await using peer = await openPeer(kai, () => new Response(null, { status: 500 }))
  await using guardian = await openGuardian({ kai: { pair: kai, port: peer.port } })
  const waiting = wait(guardian, uuidV7(guardian.now))
  await isSent(waiting)
  const asked = peer.count()
  guardian.now += aDay
  await tell(guardian, kai, {})
  expect(await waiting.end).toStartWith("timed-out: the message to kai has expired: kai's address gave")
  expect(rows(guardian, "SELECT state FROM outbox")).toEqual([{ state: "expired" }])
  expect(peer.asked.slice(asked).filter(one => one.body.type === "message")).toEqual([])
})

test("`--wait` hears five words of a message at the most, however many its peer says", async () => {
  await using peer = await openPeer(kai, accepts(kai))
  await using guardian = await openGuardian({ kai: { pair: kai, port: peer.port } })
  const messageId = uuidV7(guardian.now)
  const waiting = wait(guardian, messageId)
  await isSent(waiting)
  for (let i = 0; i < 12; i += 1)
    await tell(guardian, kai, { type: "receipt", of: messageId, state: "delivered", reason: `${i % 2}` })
  await tell(guardian, kai, { inReplyTo: messageId, text: "at last" })
  expect(await waiting.end).toBe("at last")
  expect(waiting.news.filter(one => one.event === "news")).toHaveLength(1 + 5)
})

test("a peer's word on a message is behind the news that it has it", async () => {
  const messageId = uuidV7(0)
  await using peer = await openPeer(kai, async asked => {
    if (asked.id === messageId) await tell(guardian, kai, { type: "receipt", of: messageId, state: "held" })
    return accepts(kai)(asked)
  })
  await using guardian = await openGuardian({ kai: { pair: kai, port: peer.port } })
  const waiting = wait(guardian, messageId)
  await isSent(waiting)
  expect(waiting.news.map(one => (one.event === "news" ? one.state : one.event))).toEqual([
    "accepted",
    "held",
    "sent",
  ])
})

test("an answer counts for a command only where it comes from the peer that was asked", async () => {
  await using peer = await openPeer(kai, accepts(kai))
  await using guardian = await openGuardian({
    kai: { pair: kai, port: peer.port },
    lia: { pair: lia, port: 1 },
  })
  const messageId = uuidV7(guardian.now)
  const waiting = wait(guardian, messageId)
  await isSent(waiting)
  await tell(guardian, lia, { inReplyTo: messageId, text: "I am lia" })
  await tell(guardian, kai, { inReplyTo: messageId, text: "I am kai" })
  expect(await waiting.end).toBe("I am kai")
  expect(rows(guardian, "SELECT text FROM inbox WHERE state = 'waiting'")).toEqual([{ text: "I am lia" }])
})

test("an answer that a command asks for again is told to its sender as delivered", async () => {
  await using peer = await openPeer(kai, accepts(kai))
  await using guardian = await openGuardian({ kai: { pair: kai, port: peer.port } })
  const messageId = uuidV7(guardian.now)
  expect(await wait(guardian, messageId, false).end).toBe("accepted")
  await tell(guardian, kai, { inReplyTo: messageId, text: "early" })
  expect(await wait(guardian, messageId).end).toBe("early")
  await until("the receipt", () => peer.asked.some(one => one.body.state === "delivered"))
})

test("whoever sends the same message again as its answer comes hears of it at once", async () => {
  const answer = Promise.withResolvers<void>()
  await using peer = await openPeer(kai, asked => answer.promise.then(() => accepts(kai)(asked)))
  await using guardian = await openGuardian({ kai: { pair: kai, port: peer.port } })
  const messageId = uuidV7(guardian.now)
  const sends = [wait(guardian, messageId, false).end]
  await until("the attempt", () => peer.count() > 0)
  // One of them is in the very commit that notes the answer.
  // No more than the door takes at once.
  for (let i = 0; i < 45; i += 1) {
    sends.push(wait(guardian, messageId, false).end)
    if (i === 20) answer.resolve()
    await new Promise(setImmediate)
  }
  expect(new Set(await Promise.all(sends))).toEqual(new Set(["accepted"]))
})
