/**
 * What the hooks of agent programs tell of a turn, in one form for all: Claude Code 2.1.197 and 2.1.330, Codex
 * 0.169.0, Gemini CLI 0.61.0, and the plugin that `sento setup opencode` writes. Loads nothing: hooks are run often.
 */
import type { HookEvent, Tag } from "./hook-events.ts"
import { mostIdUnits, mostLastWords, mostTags } from "./hook-limits.ts"
import { lastWordsIn } from "./transcripts.ts"
import { isSentence } from "./turns.ts"

/** @property session - null where it is not known: every session of the home is meant */
export type HookReport = { readonly session: string | null; readonly event: HookEvent }

type Fields = Readonly<Record<string, unknown>>

/**
 * Null for an event or an input that is none of those known. What tells of a person's part is never null: where it is
 * not understood, it counts as a part in every turn.
 * @param input - the hook's JSON, parsed; null where it could not be read
 * @param transcript - the end of the file that {@link transcriptOf} names, in whole lines; null without one
 */
export function readHook(event: string, input: unknown, transcript: string | null = null): HookReport | null {
  if (!isHookEventName(event)) return null
  const read: Reader = readers[event]
  const fields = typeof input === "object" && input !== null ? (input as Fields) : {}
  const session = idOf(fields.session_id)
  if (session !== null) return { session, event: read(fields, transcript) }
  return ofPersons.includes(event) ? { session, event: { kind: "unseen" } } : null
}

const isHookEventName = (event: string): event is HookEventName => Object.hasOwn(readers, event)

/** Events that tell of what a person may have said. */
const ofPersons: readonly HookEventName[] = ["UserPromptSubmit", "BeforeAgent", "PermissionRequest"]

/** The file in which the last words are to be looked up; null where the hook tells them itself. */
export function transcriptOf(event: string, input: unknown): string | null {
  const path = event === "AfterAgent" ? (input as Fields | null)?.transcript_path : null
  return typeof path === "string" && path !== "" ? path : null
}

/** Claude Code says `prompt_id`, Codex `turn_id`, Gemini CLI nothing. */
const turnOf = (fields: Fields): string | null => idOf(fields.prompt_id) ?? idOf(fields.turn_id)

type Reader = (fields: Fields, transcript: string | null) => HookEvent

const readers = {
  UserPromptSubmit: prompted,
  BeforeAgent: prompted,
  PermissionRequest: fields => ({ kind: "person", turn: turnOf(fields) }),
  Stop: fields => ended(fields, fields.last_assistant_message),
  AfterAgent: (fields, transcript) => {
    const { prompt } = fields
    const digest = typeof prompt === "string" ? digestOfOne(prompt, tagsIn(prompt)) : null
    return ended(fields, digest === null ? "" : wordsOfGemini(fields, transcript), digest)
  },
  StopFailure: fields => ({ kind: "failed", turn: turnOf(fields) }),
  SessionEnd: () => ({ kind: "gone" }),
} satisfies Readonly<Record<string, Reader>>

/** The events that `sento hook` takes: `sento setup` asks a program for none but these. */
export type HookEventName = keyof typeof readers

function prompted(fields: Fields): HookEvent {
  const { prompt } = fields
  const turn = turnOf(fields)
  // In a form that no version looked at has: somebody's words, whatever they are.
  if (typeof prompt !== "string") return { kind: "prompt", turn, tags: [], digest: null, author: null }
  const tags = tagsIn(prompt)
  return { kind: "prompt", turn, tags, digest: digestOfOne(prompt, tags), author: authorOf(prompt) }
}

/** Null where the prompt cannot be one message and nothing else. */
const digestOfOne = (prompt: string, tags: readonly Tag[]): string | null =>
  tags.length === 1 ? digestOf(prompt) : null

function ended(fields: Fields, words: unknown, digest: string | null = null): HookEvent {
  const tasks = Array.isArray(fields.background_tasks) ? (fields.background_tasks as readonly unknown[]) : []
  return {
    kind: "ended",
    turn: turnOf(fields),
    text: typeof words === "string" ? words.slice(0, mostLastWords) : "",
    isContinued: fields.stop_hook_active === true,
    hasBackground: tasks.some(isRunning),
    digest,
  }
}

/**
 * Gemini CLI 0.61.0 tells words that nobody should be sent: those before a tool call with those after it, with a
 * space between the parts of the stream, and most of them twice; and after Esc it tells the beginning as if the turn
 * had ended. Its transcript has them as they were said.
 */
function wordsOfGemini({ prompt, prompt_response: response }: Fields, transcript: string | null): string {
  if (transcript === null || typeof prompt !== "string" || typeof response !== "string") return ""
  return lastWordsIn(transcript, prompt, response) ?? ""
}

/** One whose state is not told counts as running. */
const isRunning = (task: unknown): boolean =>
  ((task as { readonly status?: unknown } | null)?.status ?? "running") === "running"

/** Claude Code 2.1.330 starts a turn of its own when a background task ends. */
function authorOf(prompt: string): "program" | "sento" | null {
  if (isSentence(prompt)) return "sento"
  return prompt.startsWith("<task-notification>") ? "program" : null
}

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
 * SHA-256 (FIPS 180-4), in hex, of a prompt's words, or of a text that was typed: the same for both where the program
 * was given that text and nothing else. What a prompt has besides, of whatever kind, changes it. So the words
 * themselves, which may be a person's and of any length, stay where they are.
 */
export const digestOf = (prompt: string): string =>
  new Bun.CryptoHasher("sha256").update(wordsOf(prompt)).digest("hex")

/**
 * A prompt without what programs do to a text that is typed: blanks at its ends go or come (Claude Code, Codex and
 * Gemini CLI trim them, OpenCode 1.18.33 puts a space behind a collapsed paste), and Claude Code 2.1.332 composes
 * letters (NFC) and puts a long paste between two marks.
 */
function wordsOf(prompt: string): string {
  const words = withoutBlankEnds(prompt.normalize("NFC"))
  const pasted = marked.exec(words)?.groups?.pasted
  return pasted === undefined ? words : withoutBlankEnds(pasted)
}

const marked = /^<pasted_content id="(?<id>[0-9a-f]{1,8})">\n(?<pasted>.*)\n<\/pasted_content id="\k<id>">$/s

/** Spaces and line breaks alone: any other blank was put there by somebody. (No pattern: it would be quadratic.) */
function withoutBlankEnds(text: string): string {
  const isBlank = (index: number): boolean => text[index] === " " || text[index] === "\n"
  let [start, end] = [0, text.length]
  while (start < end && isBlank(start)) start++
  while (start < end && isBlank(end - 1)) end--
  return text.slice(start, end)
}

const idOf = (value: unknown): string | null =>
  typeof value === "string" && value !== "" && value.length <= mostIdUnits ? value : null
