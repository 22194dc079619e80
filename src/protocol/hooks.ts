/**
 * What the hooks of agent programs tell of a turn, in one form for all: Claude Code 2.1.197 and 2.1.330, Codex
 * 0.169.0, Gemini CLI 0.61.0, and the plugin that `sento setup opencode` writes. Loads nothing: hooks are run often.
 */
import { isOwnLine } from "./layout.ts"
import { isSentence } from "./turns.ts"

/** A message's tag, as it stands in a prompt: a claim, until the Guardian knows the message. */
export type Tag = { readonly name: string; readonly id: string }

export type HookEvent =
  | {
      readonly kind: "prompt"
      readonly turn: string | null
      readonly tags: Tag[]
      /** Whether it has words that are neither a tagged message nor our own sentence. */
      readonly hasMore: boolean
      /** Whether the program or sento wrote it. */
      readonly isOwn: boolean
    }
  | {
      readonly kind: "ended"
      readonly turn: string | null
      readonly text: string
      readonly isContinued: boolean
      readonly hasBackground: boolean
    }
  /** A dialog waits for a person, who can answer it with words (Claude Code 2.1.330, OpenCode 1.18.33). */
  | { readonly kind: "person"; readonly turn: string | null }
  | { readonly kind: "failed"; readonly turn: string | null }
  | { readonly kind: "gone" }

export type HookReport = { readonly session: string; readonly event: HookEvent }

/** More of a prompt's tags, or of the last words, says nothing new: the words are too long to be sent then. */
export const mostTags = 16
export const mostLastWords = 40_000
export const mostIdUnits = 200

type Fields = Readonly<Record<string, unknown>>

/** Null for an event or an input that is none of those known. @param input - the hook's JSON, parsed */
export function readHook(event: string, input: unknown): HookReport | null {
  if (typeof input !== "object" || input === null) return null
  const fields = input as Fields
  const session = idOf(fields.session_id)
  const read = Object.hasOwn(readers, event) ? readers[event] : undefined
  const told = session === null ? null : (read?.(fields) ?? null)
  return session === null || told === null ? null : { session, event: told }
}

/** Claude Code says `prompt_id`, Codex `turn_id`, Gemini CLI nothing. */
const turnOf = (fields: Fields): string | null => idOf(fields.prompt_id) ?? idOf(fields.turn_id)

const readers: Readonly<Record<string, (fields: Fields) => HookEvent | null>> = {
  UserPromptSubmit: prompted,
  BeforeAgent: prompted,
  PermissionRequest: fields => ({ kind: "person", turn: turnOf(fields) }),
  Stop: fields => ended(fields, fields.last_assistant_message),
  AfterAgent: fields => ended(fields, wordsOfGemini),
  StopFailure: fields => ({ kind: "failed", turn: turnOf(fields) }),
  SessionEnd: () => ({ kind: "gone" }),
}

function prompted(fields: Fields): HookEvent | null {
  const { prompt } = fields
  if (typeof prompt !== "string") return null
  const tags = tagsIn(prompt)
  const hasMore = !isSentence(prompt) && hasMoreThan(tags, prompt)
  return { kind: "prompt", turn: turnOf(fields), tags, hasMore, isOwn: isOwnPrompt(prompt) }
}

function ended(fields: Fields, words: unknown): HookEvent {
  const tasks = Array.isArray(fields.background_tasks) ? (fields.background_tasks as readonly unknown[]) : []
  return {
    kind: "ended",
    turn: turnOf(fields),
    text: typeof words === "string" ? words.slice(0, mostLastWords) : "",
    isContinued: fields.stop_hook_active === true,
    hasBackground: tasks.some(isRunning),
  }
}

/**
 * Gemini CLI 0.61.0 tells words that nobody should be sent: those before a tool call with those after it, with a
 * space between the parts of the stream, and most of them twice; and after Esc it tells the beginning as if the turn
 * had ended. So its agent is asked to answer by itself.
 */
const wordsOfGemini = ""

/** One whose state is not told counts as running. */
const isRunning = (task: unknown): boolean =>
  ((task as { readonly status?: unknown } | null)?.status ?? "running") === "running"

/** Claude Code 2.1.330 starts a turn of its own with this when a background task ends. */
const isOwnPrompt = (prompt: string): boolean =>
  prompt.startsWith("<task-notification>") || isSentence(prompt)

/**
 * Only where a line starts, or right behind the mark that Claude Code puts around a long paste: further lines of
 * a message are indented when it is typed, so no text of a peer can bring a tag that stands there.
 * @see docs/PROTOCOL.md section 6
 */
const tag = /^(?:<pasted_content[^>\n]*>)?← agent ([a-z0-9][a-z0-9-]{0,31}) \[([0-9a-z]{4})\]: /gm

export function tagsIn(prompt: string): Tag[] {
  const tags: Tag[] = []
  for (const [, name = "", id = ""] of prompt.matchAll(tag)) {
    tags.push({ name, id })
    if (tags.length === mostTags) break
  }
  return tags
}

/**
 * A line of a message as it was typed, or of what Claude Code puts around a long paste.
 * @see docs/PROTOCOL.md section 6
 */
const messageLine =
  /^(?:\s*| {2}.*|(?:<pasted_content[^>]*>)?← agent [a-z0-9-]+ \[[0-9a-z]{4}\]: .*|<\/?pasted_content[^>]*>\s*)$/s

/**
 * Whether a prompt has words beside messages: a person may write before or behind one that stands in the box, and
 * Gemini CLI 0.61.0 merges queued prompts into one.
 */
function hasMoreThan(tags: readonly Tag[], prompt: string): boolean {
  const isOurs = (line: string): boolean => tags.some(tag => isOwnLine(line.trim(), tag.id))
  const lines = prompt.trim().split("\n")
  return tags.length === 0 || lines.some(line => !messageLine.test(line) && !isOurs(line))
}

const idOf = (value: unknown): string | null =>
  typeof value === "string" && value !== "" && value.length <= mostIdUnits ? value : null
