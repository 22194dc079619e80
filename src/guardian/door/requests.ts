/**
 * What can be asked of a Guardian over its two local doors: one JSON request a connection, then any number
 * of `{"event":…}` lines, then one `{"result":…}` or `{"error":{code,message,hint}}`.
 */
import * as v from "valibot"
import { isHost } from "../../protocol/addresses.ts"
import { mostIdUnits, mostLastWords, mostTags } from "../../protocol/hooks.ts"
import { messageIdSchema, type ReceiptState } from "../../protocol/messages.ts"
import { nameSchema } from "../../protocol/names.ts"
import type { PaneState } from "../../tmux/composer.ts"
import { handsRequestSchema } from "../terminal/hands-messages.ts"
import type { HandsState } from "../terminal/remote-hands.ts"

const id = v.pipe(v.string(), v.maxLength(64))
/** A short id as somebody gave it, told by its name where it is none. */
const shortId = v.string()
const optionalName = v.optional(v.nullable(nameSchema), null)
const text = v.string()
/**
 * The id that the message is to have, a UUIDv7 of the caller's own: a request that got no answer can be repeated with
 * the same one, and is kept once. Null: the Guardian chooses.
 */
const messageId = v.optional(v.nullable(messageIdSchema), null)
/** The owner's PIN, where one is set. */
const pin = v.optional(v.nullable(v.pipe(v.string(), v.maxLength(256))), null)

const turnId = v.pipe(v.string(), v.minLength(1), v.maxLength(mostIdUnits))
const turn = v.nullable(turnId)
const digest = v.nullable(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)))
const turnEvent = v.variant("kind", [
  v.object({
    kind: v.literal("prompt"),
    turn,
    tags: v.pipe(v.array(v.object({ name: nameSchema, id })), v.maxLength(mostTags)),
    digest,
    author: v.nullable(v.picklist(["program", "sento"])),
  }),
  v.object({
    kind: v.literal("ended"),
    turn,
    text: v.pipe(v.string(), v.maxLength(mostLastWords)),
    isContinued: v.boolean(),
    hasBackground: v.boolean(),
    digest,
  }),
  v.object({ kind: v.literal("person"), turn }),
  v.object({ kind: v.literal("failed"), turn }),
  v.object({ kind: v.literal("gone") }),
  v.object({ kind: v.literal("unseen") }),
])

/** Requests that an agent may make too. */
const agentRequests = [
  /** Who answers here; unlike `status`, without a look at the agent's pane. */
  v.object({ op: v.literal("alive") }),
  v.object({ op: v.literal("status") }),
  v.object({ op: v.literal("agents") }),
  v.object({ op: v.literal("requests") }),
  v.object({ op: v.literal("probe"), name: v.string() }),
  v.object({
    op: v.literal("pair"),
    long: v.optional(v.boolean(), false),
    wait: v.optional(v.boolean(), true),
  }),
  v.object({
    op: v.literal("send"),
    to: v.string(),
    text,
    messageId,
    /** The short id of the message that this answers. */
    replyTo: v.optional(v.nullable(shortId), null),
    /** Whether to go on telling what becomes of it, until the answer comes. */
    wait: v.optional(v.boolean(), false),
  }),
  v.object({ op: v.literal("reply"), id: shortId, text, messageId }),
  /** What a hook of the agent program tells of a turn; null: of whichever session. */
  v.object({ op: v.literal("turn"), session: turn, event: turnEvent }),
  v.object({
    op: v.literal("log"),
    /** Only the messages from and to this agent. */
    name: v.optional(v.nullable(v.string()), null),
    limit: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000)),
  }),
  /** At the agent's door it asks the agent's own owner first. */
  v.object({
    op: v.literal("join"),
    symbols: v.string(),
    host: v.nullable(v.pipe(v.string(), v.check(isHost))),
    port: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535))),
    as: optionalName,
    replace: v.optional(v.boolean(), false),
    /** At the owner's door. */
    pin,
  }),
] as const

/** Requests that are the owner's alone. */
const ownerRequests = [
  v.object({
    op: v.literal("approve"),
    id: v.nullable(id),
    as: optionalName,
    replace: v.optional(v.boolean(), false),
    pin,
  }),
  v.object({ op: v.literal("deny"), id: v.nullable(id) }),
  /** One question, and what becomes of it: for a prompt that is to be withdrawn. */
  v.object({ op: v.literal("question"), id }),
  v.object({ op: v.literal("remove"), name: v.string(), pin }),
  /** Whether this is the owner's PIN. */
  v.object({ op: v.literal("confirm"), pin }),
  /** Sets the owner's PIN, or takes it away. `pin` is the one that holds until now. */
  v.object({ op: v.literal("pin"), pin, next: v.nullable(v.pipe(v.string(), v.maxLength(256))) }),
  v.object({ op: v.literal("rename"), from: v.string(), to: nameSchema }),
  v.object({
    op: v.literal("pause"),
    name: v.string(),
    milliseconds: v.nullable(v.pipe(v.number(), v.minValue(1), v.maxValue(366 * 24 * 60 * 60 * 1000))),
  }),
  v.object({ op: v.literal("resume"), name: v.string() }),
  v.object({ op: v.literal("attach") }),
  v.object({ op: v.literal("stop") }),
] as const

export const agentRequestSchema = v.variant("op", [...agentRequests, handsRequestSchema])
export const ownerRequestSchema = v.variant("op", [...agentRequests, ...ownerRequests])

export type DoorRequest = v.InferOutput<typeof ownerRequestSchema>
/** A request as a client writes it: what has a default may be left out. */
export type DoorRequestInput = v.InferInput<typeof ownerRequestSchema>
export type DoorName = "owner" | "agent"

/** Events of a pairing, as `sento pair --json` prints them. */
export type PairingEvent =
  | {
      readonly event: "code"
      readonly code: string
      readonly expiresAt: string
      readonly address: string | null
    }
  | {
      readonly event: "request"
      readonly id: string
      /** `request`: another agent proved our code; `join`: our own agent asks to join another. */
      readonly kind: "request" | "join"
      readonly name: string
      /** What it will be called here. */
      readonly as: string
      /** Of a request: the address it called from. */
      readonly host: string
      /** Where a joiner says that it is, if that is not where it called from; or null. */
      readonly claimedHost: string | null
      readonly port: number
      /** Null before the other side has proved anything. */
      readonly verifier: string | null
      /** RFC 3339. */
      readonly expiresAt: string
      /** True where an agent called like that is paired here already, or a join waits that is to be called so. */
      readonly taken: boolean
    }
  /** Somebody answered this request, perhaps elsewhere. */
  | { readonly event: "answered"; readonly id: string; readonly state: QuestionEnd }
  | { readonly event: "found"; readonly name: string; readonly host: string; readonly port: number }
  | { readonly event: "several"; readonly candidates: readonly Candidate[] }
  | { readonly event: "verifier"; readonly verifier: string; readonly name: string }
  | { readonly event: "paired"; readonly name: string; readonly id: string }
  | { readonly event: "denied" }
  | { readonly event: "expired" }
  | { readonly event: "burned"; readonly address: string }
  /** Another code was opened in place of the one that was shown; the wait goes on. */
  | { readonly event: "replaced" }
  /** The owner said yes to a join, and it could not be carried out. */
  | {
      readonly event: "failed"
      readonly code: string
      readonly message: string
      readonly hint: string | null
    }

/** How a question ended; `failed`: the owner said yes to a join, and it could not be carried out. */
export type QuestionEnd = "approved" | "denied" | "expired" | "failed"

/** What an approval came to: a pair, or a join that now waits for the other owner. */
export type Answer =
  | { readonly outcome: "paired"; readonly name: string; readonly id: string }
  | { readonly outcome: "asked"; readonly name: string; readonly id: string; readonly verifier: string }

/** What becomes of a message, to a command that waits for the answer. */
export type MessageEvent =
  | { readonly event: "sent"; readonly result: SendResult }
  | { readonly event: "news"; readonly state: ReceiptState | "accepted"; readonly reason: string | null }

export type DoorEvent = PairingEvent | MessageEvent

export type Candidate = { readonly name: string; readonly host: string; readonly port: number }

/** The state of the agent's pane as `guard status` tells it. */
export type SessionState = PaneState

/** A Guardian that answers at its door, and where it listens. */
export type Alive = {
  readonly pid: number
  readonly name: string
  readonly host: string
  readonly port: number
}

export type GuardStatus = Alive & {
  readonly running: true
  readonly session: { readonly target: string; readonly state: SessionState }
  /** In hardened mode: whether `sento hands` is at the terminal. */
  readonly hands?: HandsState
  readonly waiting: { readonly inbox: number; readonly outbox: number }
  /** Agents whose messages are kept and not typed; absent where there are none. */
  readonly paused?: readonly PausedAgent[]
  /** Why the oldest message is not typed now; absent where none is held. */
  readonly held?: {
    readonly id: string
    readonly from: string
    readonly reason: string
    readonly since: string
  }
}

/** When a pause ends: an RFC 3339 timestamp, or `resume`: when the owner says so. */
export type PauseEnd = string

export type PausedAgent = {
  readonly name: string
  readonly until: PauseEnd
  /** `owner`: `sento agents pause`; `loop`: too many replies in a row. */
  readonly reason: "owner" | "loop"
  readonly waiting: number
}

/** An agent whose Guardian holds our message as one reply too many: its owner lets the agents go on. */
export type LoopThere = { readonly name: string; readonly replies: number }

/** @see resumePair */
export type Resumed = {
  readonly wasPaused: boolean
  /** After a loop: how many more replies are typed before it stops again. */
  readonly moreReplies: number | null
}

export type AgentRow = {
  readonly name: string
  readonly id: string
  readonly host: string
  readonly port: number
  readonly pairedAt: string
  readonly lastContactAt: string | null
  /** Messages from it that wait to be typed and to it that wait to be sent. */
  readonly waiting: number
  /** RFC 3339, or `resume` for a pause without an end; null where it is not paused. */
  readonly pausedUntil: PauseEnd | null
  readonly pauseReason: "owner" | "loop" | null
  /** Replies in a row after which its Guardian holds our message; absent where it does not. */
  readonly loopThere?: number
}

/** What a signed hello to a peer brought; `reason` is for a person, null where all is well. */
export type Probe = {
  readonly isReached: boolean
  readonly reason: string | null
  readonly aheadSeconds: number | null
}

export type AgentList = {
  readonly self: { readonly name: string; readonly host: string; readonly port: number }
  readonly agents: readonly AgentRow[]
  /** Agents that ended the pair and are not paired again; absent where there are none. */
  readonly revoked?: readonly { readonly name: string; readonly at: string }[]
}

/** A message as `sento log --json` tells it. */
export type LogEntry = {
  readonly at: string
  readonly direction: "in" | "out"
  readonly name: string
  readonly id: string
  readonly shortId: string | null
  readonly inReplyTo: string | null
  readonly text: string
  readonly state: string
  readonly reason: string | null
  /** What the other side last said became of it, and why; null before it said anything. */
  readonly peerState: string | null
  readonly peerReason: string | null
  readonly settledAt: string | null
}

export type SendResult = {
  readonly id: string
  readonly to: string
  readonly status: "delivered" | "accepted" | "queued"
  readonly reason?: string
  /** Where that agent is paused here: until when what comes from it is kept and not typed. */
  readonly paused?: PauseEnd
  /** The answer that was waited for: its short id and its visible text. */
  readonly reply?: { readonly id: string; readonly text: string }
}

/** What a hook says to its program: the sentence with which the turn goes on, or null. */
export type TurnAnswer = { readonly block: string | null }
