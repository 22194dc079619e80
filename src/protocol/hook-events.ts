/** What is told of a turn at the agent's door: by `sento hook`, and by the plugin that `sento setup opencode` writes. */
import * as v from "valibot"
import { mostIdUnits, mostLastWords, mostTags } from "./hook-limits.ts"
import { nameSchema } from "./names.ts"

/** A message's tag, as it stands in a prompt: a claim, until the Guardian knows the message. */
const tagSchema = v.object({ name: nameSchema, id: v.pipe(v.string(), v.maxLength(64)) })

/** Of a session or of a turn, where the program has one; null where it is not known. */
export const hookIdSchema = v.nullable(v.pipe(v.string(), v.minLength(1), v.maxLength(mostIdUnits)))

const turn = hookIdSchema
const digest = v.nullable(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)))

export const hookEventSchema = v.variant("kind", [
  v.object({
    kind: v.literal("prompt"),
    turn,
    tags: v.pipe(v.array(tagSchema), v.maxLength(mostTags)),
    /** Of the prompt (hooks.ts, `digestOf`), where it may be one message and nothing else; otherwise null. */
    digest,
    /** Who wrote it, where it did not come out of the box. */
    author: v.nullable(v.picklist(["program", "sento"])),
  }),
  v.object({
    kind: v.literal("ended"),
    turn,
    /** The last words of the agent; empty where there are none. */
    text: v.pipe(v.string(), v.maxLength(mostLastWords)),
    /** The turn went on because a hook, of whatever origin, had blocked its end. */
    isContinued: v.boolean(),
    hasBackground: v.boolean(),
    /**
     * Of the prompt that the turn began with, where the program tells it at the end (Gemini CLI, which has no ids of
     * turns) and it may be one message and nothing else; otherwise null.
     */
    digest,
  }),
  /** A dialog waits for a person, who can answer it with words (Claude Code 2.1.330, OpenCode 1.18.33). */
  v.object({ kind: v.literal("person"), turn }),
  v.object({ kind: v.literal("failed"), turn }),
  v.object({ kind: v.literal("gone") }),
  /** Somebody may have said something, and no more of it is known. */
  v.object({ kind: v.literal("unseen") }),
])

export type Tag = v.InferOutput<typeof tagSchema>
export type HookEvent = v.InferOutput<typeof hookEventSchema>
