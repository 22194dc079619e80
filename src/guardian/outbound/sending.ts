/** Messages and answers as a local door asks for them. */
import { readShortId } from "../../protocol/codes.ts"
import { SentoError } from "../../protocol/errors.ts"
import { visibleText } from "../../protocol/layout.ts"
import type { ReceiptState } from "../../protocol/messages.ts"
import { reasonWords } from "../../protocol/receipts.ts"
import type { Received } from "../../store/inbox.ts"
import type { Sent } from "../../store/outbox.ts"
import { type Context, peerById } from "../context.ts"
import type { DoorRequest } from "../door/operations.ts"
import type { MessageEvent, SendResult } from "../door/results.ts"
import type { DoorCall } from "../door/server.ts"
import { endedError, type News } from "../waiters.ts"
import type { OutboxWorker } from "./outbox-worker.ts"

/** Sends; where the caller waits, tells what becomes of the message until the answer comes or the caller hangs up. */
export async function send(
  context: Context,
  outbox: OutboxWorker,
  request: DoorRequest<"send">,
  { emit, gone }: DoorCall<MessageEvent>,
): Promise<SendResult | null> {
  const { to, text, replyTo, messageId: id } = request
  const answered = replyTo === null ? null : receivedFrom(context, replyTo, to)
  const hops = answered === null ? 0 : answered.hops + 1
  const outgoing = { id, text, inReplyTo: answered?.id ?? null, hops }
  if (!request.wait) return outbox.send(to, outgoing)
  const { promise, resolve, reject } = Promise.withResolvers<Reply | null>()
  // It may be rejected before it is awaited: the peer's word can come while the message is still being sent.
  promise.catch(() => {})
  let isThere = false
  const hear = (state: ReceiptState | "accepted", reason: string | null): void => {
    // What the peer says of a message may be quicker than its 202.
    if (!isThere) emit({ event: "news", state: "accepted", reason: null })
    isThere = true
    if (state === "failed") reject(noAnswer(to, reason))
    else if (state === "refused" || state === "expired") reject(notTyped(to, state, reason))
    else if (state !== "accepted") emit({ event: "news", state, reason })
  }
  let stop = (): void => {}
  const onKept = (sent: Sent): void => {
    const { pair, id } = sent
    stop = context.waiters.wait({
      pair,
      id,
      hear: news => {
        if (news.kind === "reply") resolve(news)
        else if (news.kind === "ended") reject(endedError(to, news))
        else hear(news.state, news.reason)
      },
    })
    const reply = earlierReply(context, outbox, sent)
    if (reply !== null) resolve(reply)
    if (sent.state === "accepted") hear(sent.peerState ?? "accepted", sent.peerReason)
  }
  for (const signal of [gone, context.stopping])
    signal.addEventListener("abort", () => resolve(null), { once: true })
  try {
    const result = await outbox.send(to, { ...outgoing, onKept })
    emit({ event: "sent", result })
    const reply = await promise
    return reply === null ? null : { ...result, reply: { id: reply.shortId, text: visibleText(reply.text) } }
  } finally {
    stop()
  }
}

/** The agent had the message, and its turn is over. */
const noAnswer = (to: string, reason: string | null): SentoError =>
  new SentoError(
    "failed",
    `${to} had the message and gave no answer: ${reason === null ? "no reason was told" : reasonWords(reason)}`,
    `ask again: \`sento send ${to} TEXT --wait\`; an answer that comes later will be typed into the agent's session`,
  )

/** It came, and its agent never had it. */
const notTyped = (to: string, state: "refused" | "expired", reason: string | null): SentoError =>
  new SentoError(
    state === "refused" ? "refused" : "timed-out",
    `${to} had the message, and did not give it to its agent: ${reason === null ? state : reasonWords(reason)}`,
    `\`sento log ${to}\` shows it`,
  )

type Reply = Extract<News, { kind: "reply" }>

/**
 * The answer that came already, where a caller asks again because the Guardian died under its first request. One
 * that was typed by then is given too: that caller waits for it, and can know it by its id.
 */
function earlierReply({ store, now }: Context, outbox: OutboxWorker, { pair, id }: Sent): Reply | null {
  const answer = store.inbox.answerTo(pair, id)
  if (answer === null) return null
  if (store.inbox.claim(answer.seq, now())) outbox.tellSender(answer, "delivered", null)
  return { kind: "reply", shortId: answer.shortId, text: answer.text }
}

/** A message with this short id that came from this agent. @throws unknown-message, usage */
function receivedFrom(context: Context, id: string, name: string): Received {
  const message = requireReceived(context, id)
  if (peerById(context, message.pair)?.name === name) return message
  throw new SentoError(
    "usage",
    `message ${JSON.stringify(id)} did not come from ${name}`,
    `it came from ${message.name}: \`sento reply ${message.shortId} TEXT\``,
  )
}

/** Answers the message with this short id; the answer goes to whom it came from, under whatever name now. */
export function reply(
  context: Context,
  outbox: OutboxWorker,
  { id, text, messageId }: DoorRequest<"reply">,
): Promise<SendResult> {
  const message = requireReceived(context, id)
  const peer = peerById(context, message.pair)
  if (peer === null)
    throw new SentoError("refused", `the pair with ${message.name} has ended`, "pair again with `sento pair`")
  return outbox.send(peer.name, { id: messageId, text, inReplyTo: message.id, hops: message.hops + 1 })
}

/** @throws unknown-message */
function requireReceived(context: Context, id: string): Received {
  const shortId = readShortId(id)
  if (shortId === null)
    throw new SentoError(
      "unknown-message",
      `${JSON.stringify(id.length > 64 ? `${id.slice(0, 64)}…` : id)} is no id of a message`,
      "the id stands in the delivered line, `← agent mira [k7q2]: …`: `sento reply k7q2 TEXT`",
    )
  const message = context.store.inbox.byShortId(shortId)
  if (message !== null) return message
  throw new SentoError(
    "unknown-message",
    `no message ${JSON.stringify(id)} came in`,
    "run `sento log` to see those that did",
  )
}
