/**
 * What goes between the Guardian and `sento hands` over the shared door, as lines of JSON: after the request `hands`
 * the Guardian gives orders, and every order is answered once. What the hands say is the agent's word: it is checked
 * for its form, cut short, and never a path or a command that anything here would open or run.
 */
import * as v from "valibot"
import { visibleText } from "../../protocol/layout.ts"
import { profileNames } from "../../protocol/names.ts"
import type { PaneState } from "../../tmux/box-reading.ts"
import type { Found } from "../../tmux/hands.ts"
import type { Left } from "../../tmux/loop.ts"
import type { PinnedPane } from "../../tmux/pane.ts"
import type { Sighting, TypingOutcome } from "../../tmux/typing.ts"

/** tmux' own name for a pane. */
export const paneId = v.pipe(v.string(), v.regex(/^%\d{1,10}$/))

/** A pane as it is kept: what the hands said it is. */
export const pinSchema = v.object({
  pane: paneId,
  pid: v.pipe(v.number(), v.integer(), v.minValue(1)),
  startTicks: v.pipe(v.number(), v.integer(), v.minValue(0)),
})

/** Of these messages. Another build's may be another: then neither side goes on. */
export const handsVersion = 1

/** Longest line of either side, in bytes: a message's text is the longest part (docs/PROTOCOL.md section 6). */
export const mostHandsBytes = 256 * 1024

const mostReasonUnits = 200

const stateNames = ["ready", "busy", "dialog", "draft", "shell", "copy-mode", "other", "absent"] as const
const state = v.picklist(stateNames)
/** Words for the owner: one line of visible text. */
const reason = v.pipe(
  v.string(),
  v.maxLength(4096),
  v.transform(text => visibleText(text).replace(/\s+/g, " ").slice(0, mostReasonUnits).toWellFormed()),
)
const left = v.nullable(v.picklist(["not now", "with other words"]))
const session = v.pipe(v.string(), v.maxLength(1024))
const profile = v.picklist(profileNames)
const target = v.object({ pane: pinSchema, profile })

const orderSchema = v.variant("op", [
  v.object({
    op: v.literal("find"),
    kept: v.nullable(pinSchema),
    wish: v.object({ session, profile: v.nullable(profile) }),
  }),
  v.object({ op: v.literal("take"), session, pane: v.optional(v.nullable(paneId), null) }),
  v.object({ op: v.literal("look"), target, allowShell: v.boolean() }),
  v.object({
    op: v.literal("type"),
    target,
    text: v.string(),
    resume: v.boolean(),
    unseen: v.boolean(),
    pastedAt: v.nullable(v.number()),
    unpressed: v.boolean(),
    deliver: v.picklist(["hold", "queue"]),
    allowShell: v.boolean(),
  }),
  v.object({ op: v.literal("takeOut"), target, text: v.string(), pastedAt: v.nullable(v.number()) }),
  v.object({ op: v.literal("findOnScreen"), target, shortId: v.pipe(v.string(), v.maxLength(64)) }),
  v.object({ op: v.literal("tell"), session, text: v.pipe(v.string(), v.maxLength(4096)) }),
])

/** What the hands are asked to do. */
export type HandsOrder = v.InferOutput<typeof orderSchema>

const answers = {
  find: v.object({
    pane: v.nullable(pinSchema),
    target: v.variant("kind", [
      v.object({ kind: v.literal("pane"), ...target.entries }),
      v.object({
        kind: v.literal("none"),
        state: v.picklist(["absent", "other", "shell"]),
        reason,
        isAnew: v.exactOptional(v.literal(true)),
      }),
    ]),
  }),
  take: v.nullable(pinSchema),
  look: state,
  type: v.variant("kind", [
    v.object({ kind: v.literal("submitted") }),
    v.object({
      kind: v.literal("held"),
      state,
      reason,
      pasted: v.boolean(),
      unseen: v.exactOptional(v.literal(true)),
      swallowed: v.exactOptional(v.literal(true)),
      unpressed: v.exactOptional(v.literal(true)),
    }),
    v.object({ kind: v.literal("stuck"), reason, left, unpressed: v.exactOptional(v.literal(true)) }),
    v.object({ kind: v.literal("vanished"), reason }),
  ]),
  takeOut: left,
  findOnScreen: v.picklist(["in-box", "submitted", "not-seen"]),
  tell: v.null(),
} as const

/** What answers each order. */
export type AnswerOf = {
  readonly find: Found
  readonly take: PinnedPane | null
  readonly look: PaneState
  readonly type: TypingOutcome
  readonly takeOut: Left | null
  readonly findOnScreen: Sighting
  readonly tell: null
}

type Schemas = typeof answers
/** The orders of which every answer passes, and nothing else: a change of the hands is to be followed here. */
export type Answered = {
  [Op in keyof AnswerOf]: AnswerOf[Op] extends v.InferInput<Schemas[Op]>
    ? v.InferOutput<Schemas[Op]> extends AnswerOf[Op]
      ? Op
      : never
    : never
}[keyof AnswerOf]

/** What an order's answer is, or null where it has not the form of one. */
export function readAnswer<Op extends Answered>(op: Op, answer: unknown): { value: AnswerOf[Op] } | null {
  const schema = answers[op] as unknown as v.GenericSchema<unknown, AnswerOf[Op]>
  const parsed = v.safeParse(schema, answer)
  return parsed.success ? { value: parsed.output } : null
}

const id = v.pipe(v.number(), v.integer(), v.minValue(1))

/** The first line of `sento hands`. @property tmux - its version, null where there is none */
export const handsRequestSchema = v.object({
  op: v.literal("hands"),
  version: v.pipe(v.number(), v.integer()),
  tmux: v.nullable(v.pipe(v.string(), v.regex(/^[\w.+-]{1,32}$/))),
})

export type HandsRequest = v.InferOutput<typeof handsRequestSchema>

/** Lines of the Guardian's. */
export const toHandsSchema = v.variant("say", [
  v.object({ say: v.literal("welcome") }),
  v.object({
    say: v.literal("do"),
    id,
    order: orderSchema,
  }),
  /** Whether the paste that was asked for may begin. */
  v.object({ say: v.literal("may"), id, may: v.boolean() }),
])

export type ToHands = v.InferOutput<typeof toHandsSchema>

/** Lines of the hands'. */
export const fromHandsSchema = v.variant("say", [
  v.object({ say: v.literal("done"), id, answer: v.unknown() }),
  v.object({ say: v.literal("failed"), id, reason }),
  /** A paste is about to begin: not before the Guardian has noted it on disk. */
  v.object({ say: v.literal("may"), id }),
])

export type FromHands = v.InferInput<typeof fromHandsSchema>
