/**
 * Admission of signed requests, in the order of docs/PROTOCOL.md section 3.
 */
import type { WireRequest } from "../../http/listener.ts"
import { refusal } from "../../http/listener.ts"
import {
  nobodysKeys,
  type OpenedRequest,
  openRequest,
  readRequestHeaders,
  type SignedBytes,
  signAnswer,
} from "../../protocol/exchange.ts"
import { formatTimestamp, readTimestamp, staleness } from "../../protocol/freshness.ts"
import { type AnswerContent, type MessageBody, messageLifetimeMilliseconds } from "../../protocol/messages.ts"
import { saltLength } from "../../protocol/sealing.ts"
import { faultPoint } from "../../store/faults.ts"
import { createContacts } from "../books/contacts.ts"
import { type Context, type NamedPeer, peerById } from "../context.ts"
import type { Carrying, Collect, CollectReply } from "../outbound/carrying.ts"
import { createRepeats, type Repeats } from "./repeats.ts"

/** A request as it came: over a connection of its own, or in the answer to one of ours. */
export type Arriving = WireRequest & { readonly isCarried?: boolean }

/** What an admitted body sets in motion; not told of a receipt that was one too many, nor of a collect. */
export type OnAdmitted = (from: NamedPeer, body: MessageBody, arriving: Arriving) => void

export type ReceiverParts = {
  readonly onAdmitted: OnAdmitted
  /**
   * Told the pair id of a request that is not rightly signed, or of no pair, before it is refused. What it returns is
   * the answer in place of the refusal.
   */
  readonly onRefused: (pair: string) => SignedBytes | null
  readonly carrying: Pick<Carrying, "isLater" | "take">
  /** Told of a pair that has come for what there is. */
  readonly onCollected: (pair: string) => void
  /** Whether something waits for a pair that could not be brought. */
  readonly hasMissed: (pair: string) => boolean
}

/** The answer, and what is new in the request; null where nothing is. */
type Decision = { readonly content: AnswerContent; readonly news: MessageBody | null }

const answered = (content: AnswerContent): Decision => ({ content, news: null })

type Authentic = Exclude<OpenedRequest, { kind: "forged" }>

/** Seconds after which a sender may try again when the disk refuses. */
const diskRetrySeconds = 30
/** … when too much of its pair waits to be typed. */
const fullRetrySeconds = 60

export function createReceiver(
  context: Context,
  { onAdmitted, onRefused, onCollected, carrying, hasMissed }: ReceiverParts,
): (request: Arriving) => Promise<Response> {
  const repeats = createRepeats(context.now)
  const contacts = createContacts(context)
  context.waiters.onEnd(pair => {
    repeats.forget(pair)
    contacts.forget(pair)
  })
  return async request => {
    const opened = authenticate(context, request)
    if ("refused" in opened) return refusedWith(opened.refused === null ? null : onRefused(opened.refused))
    const { from, authentic } = opened
    const collect = collectIn(context, authentic, request)
    if (collect !== null && carrying.isLater(from.peer.id, collect.sentAt)) {
      contacts.note(from.peer.id)
      onCollected(from.peer.id)
      const reply = await carrying.take(from, collect.body, collect.sentAt, request)
      return answerCollect(context, from, authentic, reply)
    }
    const decision = await admit(context, repeats, from, authentic)
    if (decision === null) return refusal()
    const { content, news } = decision
    if (news !== null) onAdmitted(from, news, request)
    const isMissed = content.status === 202 && hasMissed(from.peer.id)
    return respond(context, from, authentic, isMissed ? { ...content, missed: true } : content)
  }
}

/** A fresh collect over a connection of its own; anything else, or a carried one, is for {@link admit} to answer. */
function collectIn(
  context: Context,
  request: Authentic,
  { isCarried }: Arriving,
): { body: Collect; sentAt: number } | null {
  if (request.kind !== "valid" || request.body.type !== "collect" || isCarried === true) return null
  return isFresh(context, request) ? { body: request.body, sentAt: request.sentAt } : null
}

/** A carried request is answered with its very bytes. */
function answerCollect(context: Context, from: NamedPeer, request: Authentic, reply: CollectReply): Response {
  if (reply.kind === "content") return respond(context, from, request, reply.content)
  const { body, headers } = reply.request
  return new Response(body, { status: 200, headers })
}

const refusedWith = (carried: SignedBytes | null): Response =>
  carried === null ? refusal() : new Response(carried.body, { status: 200, headers: carried.headers })

/** `refused`: the pair id that it claims, or null where even that cannot be read. */
function authenticate(
  context: Context,
  request: WireRequest,
): { from: NamedPeer; authentic: Authentic } | { refused: string | null } {
  const refuse = (reason: string, refused: string | null): { refused: string | null } => {
    context.log.refused(reason, request.address)
    return { refused }
  }
  const headers = readRequestHeaders(request.header)
  if (headers === null) return refuse("malformed headers", null)
  const from = peerById(context, headers.pairId)
  const opened = openRequest(from?.keys ?? nobodysKeys, request.header, request.body)
  if (from !== null && opened.kind !== "forged") return { from, authentic: opened }
  // Told of both kinds, so that time tells nothing.
  const reason = from !== null && opened.kind === "forged" ? opened.reason : "unknown pair"
  return refuse(reason, headers.pairId)
}

/** On disk first: the answer is made after the commit, and a disk that refuses is a 503. */
async function admit(
  context: Context,
  repeats: Repeats,
  from: NamedPeer,
  request: Authentic,
): Promise<Decision | null> {
  faultPoint("before-message-is-kept")
  const isRepeat = isFresh(context, request) && repeats.note(from.peer.id, request.signature)
  try {
    const decision = await context.store.commit(() => decide(context, repeats, from, request, isRepeat))
    faultPoint("after-message-is-kept")
    return decision
  } catch (error) {
    const reason = `cannot keep a message from ${from.name}: ${(error as Error).message}`
    context.log.refused(reason, from.peer.host)
    return answered({ status: 503, retryAfter: diskRetrySeconds })
  }
}

/**
 * Null where the pair was removed since the signature was checked.
 * @param isRepeat - whether the very same bytes came before
 */
function decide(
  context: Context,
  repeats: Repeats,
  from: NamedPeer,
  request: Authentic,
  isRepeat: boolean,
): Decision | null {
  const pair = from.peer.id
  if (peerById(context, pair) === null) return null
  if (request.kind === "invalid")
    return sparing(repeats, pair, { status: 400, error: "invalid", detail: request.detail })
  // One that is later than those before was taken elsewhere.
  if (request.body.type === "collect")
    return sparing(repeats, pair, staleAnswer(context, request) ?? notLater(request.body.id))
  const old = nothingNew(context, pair, request, isRepeat)
  if (old !== null) return sparing(repeats, pair, old)
  // What was refused for now may come again byte by byte, from `curl --retry` or whoever recorded it.
  const wait = isRepeat ? repeats.count(pair) : null
  return wait === null ? decideNew(context, from, request.body) : answered({ status: 429, retryAfter: wait })
}

const isFresh = ({ now }: Context, { sentAt }: Authentic): boolean =>
  sentAt !== null && staleness(sentAt, now()) === null

type Valid = Extract<Authentic, { kind: "valid" }>

/** An answer that changes nothing, as often as there is room for such. */
function sparing(repeats: Repeats, pair: string, content: AnswerContent): Decision {
  const wait = repeats.count(pair)
  return answered(wait === null ? content : { status: 429, retryAfter: wait })
}

/** The answer to what anybody can send who recorded it, or null where only the peer can just have made the request. */
function nothingNew(context: Context, pair: string, request: Valid, isRepeat: boolean): AnswerContent | null {
  const { store, now } = context
  const { body } = request
  const stale = staleAnswer(context, request)
  if (stale !== null) return stale
  const hasSeen = store.inbox.hasSeen(pair, body.id)
  if (isExpired(body, now()) && !hasSeen)
    return { status: 400, error: "expired", detail: "createdAt: more than 24 hours ago" }
  return isRepeat && hasSeen ? { status: 202, id: body.id, state: "duplicate" } : null
}

const staleAnswer = ({ now }: Context, { sentAt }: Valid): AnswerContent | null =>
  staleness(sentAt, now()) === null ? null : { status: 401, error: "timestamp", now: formatTimestamp(now()) }

const notLater = (id: string): AnswerContent => ({ status: 202, id, state: "duplicate" })

/** Only what is taken counts as contact: what is refused, however often it comes, writes nothing to the disk. */
function decideNew(context: Context, from: NamedPeer, body: MessageBody): Decision {
  const { inbox, peers } = context.store
  const isMessage = body.type === "message" && !inbox.hasSeen(from.peer.id, body.id)
  const decision = isMessage ? admitMessage(context, from, body) : admitOther(context, from, body)
  if (decision.content.status === 202) peers.touch(from.peer.id, context.now())
  return decision
}

/** … that is no message, or one that came before. */
function admitOther(context: Context, from: NamedPeer, body: MessageBody): Decision {
  const { store } = context
  const pair = from.peer.id
  const now = context.now()
  const wait = store.inbox.countOther(pair, now)
  if (wait !== null) return answered({ status: 429, retryAfter: wait })
  if (store.inbox.remember(pair, body.id, now))
    return answered({ status: 202, id: body.id, state: "duplicate" })
  const isNews =
    body.type !== "receipt" || store.outbox.noteReceipt(pair, body.of, body.state, body.reason ?? null)
  return { content: { status: 202, id: body.id, state: "accepted" }, news: isNews ? body : null }
}

function isExpired(body: MessageBody, now: number): boolean {
  if (body.type !== "message" || body.createdAt === undefined) return false
  return now - (readTimestamp(body.createdAt) ?? now) > messageLifetimeMilliseconds
}

function admitMessage(
  context: Context,
  from: NamedPeer,
  body: Extract<MessageBody, { type: "message" }>,
): Decision {
  const admission = context.store.inbox.admit(from.peer.id, from.name, body, context.now())
  if (admission.kind === "limited") return answered({ status: 429, retryAfter: admission.retryAfterSeconds })
  if (admission.kind === "full") {
    context.log.refused(`too much from ${from.name} waits`, from.peer.host)
    return answered({ status: 503, retryAfter: fullRetrySeconds })
  }
  if (body.inReplyTo !== undefined)
    context.store.outbox.noteReceipt(from.peer.id, body.inReplyTo, "answered", null)
  return { content: { status: 202, id: body.id, state: "accepted" }, news: body }
}

function respond(context: Context, from: NamedPeer, request: Authentic, content: AnswerContent): Response {
  const salt = request.isSealed ? context.random(saltLength) : null
  const { body, headers } = signAnswer(from.keys, request.signature, content, salt)
  return new Response(body, { status: content.status, headers })
}
