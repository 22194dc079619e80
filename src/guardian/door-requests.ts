/**
 * What can be asked of a Guardian over its two local doors: one JSON request a connection, then any number
 * of `{"event":…}` lines, then one `{"result":…}` or `{"error":{code,message,hint}}`.
 */
import * as v from "valibot"
import { isHost } from "../protocol/addresses.ts"
import { nameSchema } from "../protocol/names.ts"
import type { PaneState } from "../tmux/profiles/profile.ts"

const id = v.pipe(v.string(), v.maxLength(64))
const optionalName = v.optional(v.nullable(nameSchema), null)
const text = v.string()

/** Requests that an agent may make too. */
const agentRequests = [
  v.object({ op: v.literal("status") }),
  v.object({ op: v.literal("agents") }),
  v.object({ op: v.literal("requests") }),
  v.object({ op: v.literal("probe"), name: v.string() }),
  v.object({
    op: v.literal("pair"),
    long: v.optional(v.boolean(), false),
    wait: v.optional(v.boolean(), true),
  }),
  v.object({ op: v.literal("send"), to: v.string(), text, replyTo: v.optional(v.nullable(id), null) }),
  v.object({ op: v.literal("reply"), id, text }),
] as const

/** Requests that are the owner's alone. */
const ownerRequests = [
  v.object({
    op: v.literal("join"),
    symbols: v.string(),
    host: v.nullable(v.pipe(v.string(), v.check(isHost))),
    port: v.nullable(v.number()),
    as: optionalName,
    replace: v.optional(v.boolean(), false),
  }),
  v.object({
    op: v.literal("approve"),
    id: v.nullable(id),
    as: optionalName,
    replace: v.optional(v.boolean(), false),
  }),
  v.object({ op: v.literal("deny"), id: v.nullable(id) }),
  v.object({ op: v.literal("remove"), name: v.string() }),
  v.object({ op: v.literal("rename"), from: v.string(), to: nameSchema }),
  v.object({ op: v.literal("attach") }),
  v.object({ op: v.literal("stop") }),
] as const

export const agentRequestSchema = v.variant("op", agentRequests)
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
      readonly name: string
      readonly host: string
      readonly verifier: string
      /** True where an agent of that name is paired already. */
      readonly taken: boolean
    }
  /** Somebody answered this request, perhaps elsewhere. */
  | { readonly event: "answered"; readonly id: string; readonly state: "approved" | "denied" | "expired" }
  | { readonly event: "found"; readonly name: string; readonly host: string; readonly port: number }
  | { readonly event: "several"; readonly candidates: readonly Candidate[] }
  | { readonly event: "verifier"; readonly verifier: string; readonly name: string }
  | { readonly event: "paired"; readonly name: string; readonly id: string }
  | { readonly event: "denied" }
  | { readonly event: "expired" }
  | { readonly event: "burned"; readonly address: string }

export type Candidate = { readonly name: string; readonly host: string; readonly port: number }

/** The state of the agent's pane as `guard status` tells it. */
export type SessionState = PaneState

export type GuardStatus = {
  readonly running: true
  readonly pid: number
  readonly name: string
  readonly host: string
  readonly port: number
  readonly session: { readonly target: string; readonly state: SessionState }
  readonly waiting: { readonly inbox: number; readonly outbox: number }
  /** Why the oldest message is not typed now; absent where none is held. */
  readonly held?: {
    readonly id: string
    readonly from: string
    readonly reason: string
    readonly since: string
  }
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
}

export type SendResult = {
  readonly id: string
  readonly to: string
  readonly status: "delivered" | "accepted" | "queued"
  readonly reason?: string
}
