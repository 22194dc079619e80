/**
 * Admission of signed requests, in the order of docs/PROTOCOL.md section 3.
 */
import type { WireHandler, WireRequest } from "../http/listener.ts"
import { refusal } from "../http/listener.ts"
import {
  nobodysKeys,
  type OpenedRequest,
  openRequest,
  readRequestHeaders,
  signAnswer,
} from "../protocol/exchange.ts"
import { formatTimestamp, readTimestamp, staleness } from "../protocol/freshness.ts"
import { type AnswerContent, type MessageBody, messageLifetimeMilliseconds } from "../protocol/messages.ts"
import { saltLength } from "../protocol/sealing.ts"
import { faultPoint } from "../store/faults.ts"
import { type Context, type NamedPeer, peerById } from "./context.ts"

/** What an admitted body sets in motion. */
export type OnAdmitted = (from: NamedPeer, body: MessageBody) => void

type Authentic = Exclude<OpenedRequest, { kind: "forged" }>

/** Seconds after which a sender may try again when the disk refuses. */
const diskRetrySeconds = 30

export function createReceiver(context: Context, onAdmitted: OnAdmitted): WireHandler {
  return async request => {
    const opened = authenticate(context, request)
    if (opened === null) return refusal()
    const { from, authentic } = opened
    const content = await admit(context, from, authentic)
    if (content === null) return refusal()
    if (content.status === 202 && content.state === "accepted" && authentic.kind === "valid")
      onAdmitted(from, authentic.body)
    return respond(context, from, authentic, content)
  }
}

function authenticate(
  context: Context,
  request: WireRequest,
): { from: NamedPeer; authentic: Authentic } | null {
  const refuse = (reason: string): null => {
    context.log.refused(reason, request.address)
    return null
  }
  const headers = readRequestHeaders(request.header)
  if (headers === null) return refuse("malformed headers")
  const from = peerById(context, headers.pairId)
  const opened = openRequest(from?.keys ?? nobodysKeys, request.header, request.body)
  if (from === null) return refuse("unknown pair")
  return opened.kind === "forged" ? refuse(opened.reason) : { from, authentic: opened }
}

/** On disk first: the answer is made after the commit, and a disk that refuses is a 503. */
async function admit(context: Context, from: NamedPeer, request: Authentic): Promise<AnswerContent | null> {
  faultPoint("before-message-is-kept")
  try {
    const content = await context.store.commit(() => decide(context, from, request))
    faultPoint("after-message-is-kept")
    return content
  } catch (error) {
    const reason = `cannot keep a message from ${from.name}: ${(error as Error).message}`
    context.log.refused(reason, from.peer.host)
    return { status: 503, retryAfter: diskRetrySeconds }
  }
}

/** Null where the pair was removed since the signature was checked. */
function decide(context: Context, from: NamedPeer, request: Authentic): AnswerContent | null {
  const { store } = context
  const pair = from.peer.id
  if (peerById(context, pair) === null) return null
  const now = context.now()
  store.peers.touch(pair, now)
  if (request.kind === "valid" && request.body.type === "message" && isNewAndFresh(context, pair, request))
    return admitMessage(context, from, request.body)
  const wait = store.inbox.countOther(pair, now)
  if (wait !== null) return { status: 429, retryAfter: wait }
  if (request.kind === "invalid") return { status: 400, error: "invalid", detail: request.detail }
  if (staleness(request.sentAt, now) !== null)
    return { status: 401, error: "timestamp", now: formatTimestamp(now) }
  const { id } = request.body
  if (store.inbox.remember(pair, id, now)) return { status: 202, id, state: "duplicate" }
  if (request.body.type === "receipt") noteReceipt(context, pair, request.body)
  return { status: 202, id, state: "accepted" }
}

/** Counts only for a message that we really sent to this pair, and five times at the most. */
function noteReceipt(context: Context, pair: string, body: Extract<MessageBody, { type: "receipt" }>): void {
  context.store.outbox.noteReceipt(pair, body.of, body.state, body.reason ?? null)
}

function isNewAndFresh(
  context: Context,
  pair: string,
  request: Extract<Authentic, { kind: "valid" }>,
): boolean {
  return (
    staleness(request.sentAt, context.now()) === null && !context.store.inbox.hasSeen(pair, request.body.id)
  )
}

function admitMessage(
  context: Context,
  from: NamedPeer,
  body: Extract<MessageBody, { type: "message" }>,
): AnswerContent {
  const now = context.now()
  const createdAt = body.createdAt === undefined ? null : readTimestamp(body.createdAt)
  if (createdAt !== null && now - createdAt > messageLifetimeMilliseconds)
    return { status: 400, error: "expired", detail: "createdAt: more than 24 hours ago" }
  const admission = context.store.inbox.admit(from.peer.id, from.name, body, now)
  if (admission.kind === "accepted" && body.inReplyTo !== undefined)
    context.store.outbox.noteReceipt(from.peer.id, body.inReplyTo, "answered", null)
  return admission.kind === "limited"
    ? { status: 429, retryAfter: admission.retryAfterSeconds }
    : { status: 202, id: body.id, state: "accepted" }
}

function respond(context: Context, from: NamedPeer, request: Authentic, content: AnswerContent): Response {
  const salt = request.isSealed ? context.random(saltLength) : null
  const { body, headers } = signAnswer(from.keys, request.signature, content, salt)
  return new Response(body, { status: content.status, headers })
}
