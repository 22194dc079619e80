/**
 * Bodies of messages and of their answers.
 * @see docs/PROTOCOL.md section 3
 */
import * as v from "valibot"
import { hostSchema } from "./addresses.ts"
import { readTimestamp } from "./freshness.ts"

export const messagesPath = "/v1/messages"

/** The longest text, in UTF-16 units. */
export const mostTextUnits = 32_768

/** The largest body, in bytes on the wire. */
export const mostBodyBytes = 128 * 1024

/** The most replies in a row that a message may say it follows. */
export const mostHops = 1_000_000

/** How long a sender tries, and how old `createdAt` may be at the receiver. */
export const messageLifetimeMilliseconds = 24 * 60 * 60 * 1000

/** How long a receiver remembers an id after it was last seen. */
export const idLifetimeMilliseconds = 48 * 60 * 60 * 1000

/** What names a message, chosen by its sender. */
export const messageIdSchema = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
)
const uuid = v.pipe(v.string(), v.regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/))
const timestamp = v.pipe(
  v.string(),
  v.maxLength(40),
  v.check(text => readTimestamp(text) !== null),
)
const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535))

/** How long a collect may ask to be held open, in seconds: proxies cut at 30 or 60. */
export const mostWaitSeconds = 25

/** The longest body of an answer that a collect brings, in bytes. */
export const mostCarriedAnswerBytes = 4096

/**
 * What a carried request was answered, as the next collect brings it: those of the headers that there were, and the
 * body's bytes as base64url.
 * @see docs/PROTOCOL.md section 7
 */
export const carriedAnswerSchema = v.object({
  status: v.pipe(v.number(), v.integer(), v.minValue(100), v.maxValue(599)),
  headers: v.object({
    "Content-Encoding": v.optional(v.pipe(v.string(), v.maxLength(64))),
    "Retry-After": v.optional(v.pipe(v.string(), v.maxLength(64))),
    "X-Sento-Signature": v.optional(v.pipe(v.string(), v.maxLength(64))),
  }),
  body: v.pipe(
    v.string(),
    v.maxLength(Math.ceil((mostCarriedAnswerBytes * 4) / 3)),
    v.regex(/^[A-Za-z0-9_-]*$/),
  ),
})

export type CarriedAnswer = v.InferOutput<typeof carriedAnswerSchema>

/** Every signed body has these; they are checked before the rest, so that a 400 can name the id. */
const envelope = { v: v.literal(1), id: messageIdSchema, timestamp }
export const envelopeSchema = v.object({ ...envelope, type: v.string() })

/** Receipts that are taken for one message, so that they cannot be used to flood. */
export const mostReceipts = 5

export const receiptStates = [
  "held",
  "delivered",
  "answered",
  "expired",
  "refused",
  "uncertain",
  "failed",
] as const

/**
 * What a receiver says of a message; `answered` follows from the reply itself, `failed`: the agent had it, and its
 * turn ended without an answer.
 */
export type ReceiptState = (typeof receiptStates)[number]

export const bodySchema = v.variant("type", [
  v.object({
    ...envelope,
    type: v.literal("message"),
    text: v.pipe(v.string(), v.minLength(1), v.maxLength(mostTextUnits)),
    createdAt: v.optional(timestamp),
    inReplyTo: v.optional(uuid),
    hops: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(mostHops))),
  }),
  v.object({
    ...envelope,
    type: v.literal("hello"),
    host: v.optional(hostSchema),
    port,
    /** The sender's own address on the way to this peer, as it sees it. */
    from: v.optional(v.pipe(v.string(), v.ip())),
    /** Asks to be called: the receiver says `hello` with this one's id as `callOf`, over a connection of its own. */
    callBack: v.optional(v.literal(true)),
    callOf: v.optional(messageIdSchema),
  }),
  v.object({
    ...envelope,
    type: v.literal("collect"),
    waitSeconds: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(mostWaitSeconds)),
    answer: v.optional(carriedAnswerSchema),
  }),
  v.object({
    ...envelope,
    type: v.literal("receipt"),
    of: uuid,
    state: v.picklist(receiptStates),
    reason: v.optional(v.pipe(v.string(), v.maxLength(200))),
  }),
  v.object({ ...envelope, type: v.literal("unpair") }),
])

/** A signed request's body; `timestamp` is that of this attempt, `id` stays the same over retries. */
export type MessageBody = v.InferOutput<typeof bodySchema>

/** A body before an attempt stamps it. */
export type UnstampedBody = MessageBody extends infer Body
  ? Body extends MessageBody
    ? Omit<Body, "timestamp">
    : never
  : never

/** Seconds, a day at most: JSON's 1e999 is Infinity, and no timer waits for that. */
const retryAfter = v.pipe(v.number(), v.minValue(0), v.maxValue(86_400))
const answered = { v: v.literal(1), re: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)) }

export const answerSchema = v.variant("status", [
  v.object({
    ...answered,
    status: v.literal(202),
    id: v.string(),
    state: v.picklist(["accepted", "duplicate"]),
    /** Something waits for the one who asked, and the last attempt to bring it failed. */
    missed: v.optional(v.literal(true)),
  }),
  v.object({ ...answered, status: v.literal(400), error: v.string(), detail: v.string() }),
  v.object({ ...answered, status: v.literal(401), error: v.literal("timestamp"), now: timestamp }),
  /** A later collect of the pair came. */
  v.object({ ...answered, status: v.literal(409), error: v.literal("replaced") }),
  v.object({ ...answered, status: v.literal(429), retryAfter }),
  v.object({ ...answered, status: v.literal(503), retryAfter }),
])

/** A signed answer; `re` is the signature of the request it answers. */
export type Answer = v.InferOutput<typeof answerSchema>

/** An answer before it is tied to its request. */
export type AnswerContent = Answer extends infer One
  ? One extends Answer
    ? Omit<One, "v" | "re">
    : never
  : never

/** What failed checks of a schema say, for a person: `text: expected >=1`, without any value of the input. */
export function describeIssues(issues: readonly v.BaseIssue<unknown>[]): string {
  return issues.slice(0, 3).map(describeIssue).join("; ")
}

function describeIssue({ path, expected }: v.BaseIssue<unknown>): string {
  const where = path?.map(item => String(item.key)).join(".") ?? "body"
  return `${where}: expected ${expected ?? "another value"}`
}
