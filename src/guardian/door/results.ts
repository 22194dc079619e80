/** What a Guardian tells and answers at its local doors, as the commands print it with `--json`. */
import type { ReceiptState } from "../../protocol/messages.ts"
import type { Question } from "../../protocol/questions.ts"
import type { PaneState } from "../../tmux/box-reading.ts"
import type { HandsState } from "../terminal/remote-hands.ts"

/** Events of a pairing, as `sento pair --json` prints them. */
export type PairingEvent =
  | {
      readonly event: "code"
      readonly code: string
      readonly expiresAt: string
      readonly address: string | null
      /** The code with each address that others can use, the best one first; `vpn` is its interface. Absent where there is none. */
      readonly addresses?: readonly { readonly address: string; readonly vpn: string | null }[]
    }
  | QuestionEvent
  /** Somebody answered this request, perhaps elsewhere. */
  | { readonly event: "answered"; readonly id: string; readonly state: QuestionEnd }
  | { readonly event: "found"; readonly name: string; readonly host: string; readonly port: number }
  | { readonly event: "several"; readonly candidates: readonly Candidate[] }
  | { readonly event: "verifier"; readonly verifier: string; readonly name: string }
  | { readonly event: "paired"; readonly name: string; readonly id: string }
  | { readonly event: "denied" }
  | { readonly event: "expired" }
  /** The owner closed the code that was shown. */
  | { readonly event: "closed" }
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

/** A question for the owner. `expiresAt` is RFC 3339. */
export type QuestionEvent = Omit<Question, "createdAt" | "expiresAt"> & {
  readonly event: "request"
  readonly expiresAt: string
}

/** How a question ended; `failed`: the owner said yes to a join, and it could not be carried out. */
export type QuestionEnd = "approved" | "denied" | "expired" | "failed"

/** What an approval came to: a pair, or a join that now waits for the other owner. */
export type Approval =
  | { readonly outcome: "paired"; readonly name: string; readonly id: string }
  | { readonly outcome: "asked"; readonly name: string; readonly id: string; readonly verifier: string }

/** What becomes of a message, to a command that waits for the answer. */
export type MessageEvent =
  | { readonly event: "sent"; readonly result: SendResult }
  | { readonly event: "news"; readonly state: ReceiptState | "accepted"; readonly reason: string | null }

export type Candidate = { readonly name: string; readonly host: string; readonly port: number }

/** The state of the agent's pane as `guard status` tells it. */
export type SessionState = PaneState

/** A Guardian that answers at its door, and where it listens. */
export type Alive = {
  readonly pid: number
  /** Of its build; absent from one before 0.2.0. */
  readonly version?: string
  readonly commit?: string
  readonly name: string
  /** The address to show; loopback where it listens on no other. */
  readonly host: string
  readonly port: number
  /** All that others can use, the best one first; absent where it listens on loopback alone. */
  readonly hosts?: readonly string[]
  /** Where it is to listen and cannot, and tries again; absent where there is no such address. */
  readonly shut?: readonly ShutHost[]
}

/** `absent`: this machine does not have the address now; `taken`: another program has the port there. */
export type ShutHost = { readonly host: string; readonly fault: "absent" | "taken" | "unusable" }

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

/** Where a peer is; `fixed`: by its owner's word here, so that it never changes by itself. */
export type PeerPlace = { readonly host: string; readonly port: number; readonly fixed: boolean }

/** @see resumePair */
export type Resumed = {
  readonly wasPaused: boolean
  /** After a loop: how many more replies are typed before it stops again. */
  readonly moreReplies: number | null
}

/**
 * How messages go between this side and a peer, as far as this side has seen: `direct`: each dials the other;
 * `fetched`: the peer fetches from here; `fetching`: this side fetches from there; `both-fetch`: both do; null: not
 * known yet.
 */
export type PeerWay = {
  readonly way: "direct" | "fetched" | "fetching" | "both-fetch" | null
  /** Why nothing comes of it now, for a person; absent where it is there, as far as is known. */
  readonly away?: string
}

/** What `Partial` is absent where no Guardian runs. */
export type AgentRow = Partial<PeerWay> & {
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
  /** Why there was no answer, as the client has it; `stranger`: what answered is not the peer. Absent where one came. */
  readonly cause?: "unresolved" | "unroutable" | "refused" | "timed-out" | "failed" | "stranger"
  /** The IP literal that gave the answer; absent where none did, or it was fetched. */
  readonly literal?: string
  /** It takes no more for so long; absent otherwise. */
  readonly retryAfterSeconds?: number
  /** How the peer reaches us. */
  readonly way: PeerWay["way"]
  /** Our address and port at which it calls; absent where it does not. */
  readonly calledAt?: string
  /** It cannot be dialled, and came for it; absent where it was dialled. */
  readonly isFetched?: true
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
  /** The short id of the message that it answers; null where it answers none, or that one is forgotten. */
  readonly inReplyToShortId: string | null
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
  /** Of one that is queued: what `sento cancel` takes. */
  readonly shortId?: string
  readonly to: string
  readonly status: "delivered" | "accepted" | "queued"
  readonly reason?: string
  /** Where that agent is paused here: until when what comes from it is kept and not typed. */
  readonly paused?: PauseEnd
  /** The answer that was waited for: its short id and its visible text. */
  readonly reply?: { readonly id: string; readonly text: string }
}

/** What was taken back; a message that was tried may have arrived all the same. */
export type Withdrawn =
  | {
      readonly kind: "message"
      readonly id: string
      readonly shortId: string | null
      readonly to: string
      readonly mayHaveArrived: boolean
    }
  /** A join that waited for the other owner's yes. */
  | { readonly kind: "join"; readonly id: string; readonly name: string }

/** A message that is dropped, or typed though its pair is paused. */
export type Handled = {
  readonly id: string
  readonly from: string
  /** Of one that is released: why it waits all the same, or null. */
  readonly waitsFor: string | null
}

/** What a hook says to its program: the sentence with which the turn goes on, or null. */
export type TurnAnswer = { readonly block: string | null }
