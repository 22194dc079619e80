/**
 * A chat app as the Guardian uses it: over the vendor's HTTP API, asking and never being called. What a
 * vendor's answer means is decided here; what a message means, in protocol/answers.ts.
 */
import * as v from "valibot"
import { type ChatMessage, type ChatOwner, messageIdPattern } from "../../protocol/answers.ts"
import type { ChatSettings } from "../../protocol/chat-settings.ts"
import type { ChatName } from "../../protocol/names.ts"

export type BotIdentity = { readonly id: string; readonly name: string }

/** @property cursor - where the next call goes on; opaque, kept by the caller once it has dealt with `messages` */
export type Received = { readonly messages: readonly ChatMessage[]; readonly cursor: string }

export type Chat = {
  readonly name: ChatName
  /** Whether `receive` itself waits for messages; where not, the caller has to pause between calls. */
  readonly waits: boolean
  /** Who the token belongs to. */
  check(signal: AbortSignal): Promise<BotIdentity>
  /** Writes to the owner's chat. @returns the message's id */
  send(text: string, signal: AbortSignal): Promise<string>
  /** Puts another text in place of one of our messages. */
  edit(message: string, text: string, signal: AbortSignal): Promise<void>
  /**
   * What was written since.
   * @param cursor - null at the first call
   * @param asked - the ids of our messages that wait for an answer: nothing before the oldest is looked at
   */
  receive(cursor: string | null, asked: readonly string[], signal: AbortSignal): Promise<Received>
}

/** What the owner brings: the bot's token, and a server in place of the vendor's. */
export type Access = { readonly token: string; readonly baseUrl?: string }

/** All that Sentō knows of one chat app: how the owner sets it up, and how they are asked there. */
export type ChatApp<Name extends ChatName> = {
  readonly name: Name
  /** What people call it. */
  readonly title: string
  /** How a bot's token looks, and where the owner gets one. */
  readonly token: { readonly pattern: RegExp; readonly from: string }
  /** How the owner's id looks and where it is found; null where the word alone finds it. */
  readonly user: { readonly pattern: RegExp; readonly from: string } | null
  /** What to look at where the app refuses. */
  readonly ifRefused: string
  /** The settings with which the owner's word is waited for. @param user - "" where {@link ChatApp.user} is null */
  readonly prepare: (access: Access, user: string, signal: AbortSignal) => Promise<ChatSettings[Name]>
  /** Those, once the owner has sent it. */
  readonly settle: (settings: ChatSettings[Name], word: ChatMessage) => ChatSettings[Name]
  readonly open: (settings: ChatSettings[Name]) => Chat
  readonly ownerOf: (settings: ChatSettings[Name]) => ChatOwner
  /** Under which the chat's questions are kept: another bot's are not its own. */
  readonly keyOf: (settings: ChatSettings[Name]) => string
}

/** Why a call failed. No text of it holds the token. */
export type ChatFailure =
  | { readonly kind: "unauthorised" }
  | { readonly kind: "later"; readonly retryAfterSeconds: number }
  | { readonly kind: "unreachable"; readonly reason: string }
  | { readonly kind: "refused"; readonly detail: string }

export class ChatError extends Error {
  readonly failure: ChatFailure

  constructor(chat: ChatName, failure: ChatFailure) {
    super(`${chat} ${wordsOf(failure)}`)
    this.name = "ChatError"
    this.failure = failure
  }
}

function wordsOf(failure: ChatFailure): string {
  switch (failure.kind) {
    case "unauthorised":
      return "does not take the token"
    case "later":
      return `wants to be left alone for ${Math.ceil(failure.retryAfterSeconds)} s`
    case "unreachable":
      return `cannot be reached: ${failure.reason}`
    case "refused":
      return `refuses: ${failure.detail}`
  }
}

/** A vendor's answer: its status, one of its headers, and its body as JSON (null where it is none). */
export type Answer = {
  readonly status: number
  readonly header: (name: string) => string | null
  readonly json: unknown
}

export type Call = {
  readonly method: "GET" | "POST" | "PATCH"
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | URLSearchParams
  /** How long the vendor may take on purpose, as with a long poll. */
  readonly patienceMilliseconds?: number
}

const timeoutMilliseconds = 15_000
const mostAnswerBytes = 4 * 1024 * 1024

/**
 * One call. Follows no redirect (the token would go along), uses no proxy, reads no more than 4 MiB. Bun's own
 * errors may quote the URL, which for Telegram holds the token: only their code is used.
 * @throws ChatError unreachable; what `signal` was aborted with
 */
export async function call(
  chat: ChatName,
  { patienceMilliseconds = 0, ...request }: Call,
  signal: AbortSignal,
) {
  // Not AbortSignal.timeout: each of those lives on until its time, also when the answer came long before.
  const ended = new AbortController()
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    ended.abort()
  }, timeoutMilliseconds + patienceMilliseconds)
  const cut = (): void => ended.abort()
  signal.addEventListener("abort", cut, { once: true })
  if (signal.aborted) cut()
  try {
    return await answerTo(request, ended.signal)
  } catch (error) {
    signal.throwIfAborted()
    throw new ChatError(chat, { kind: "unreachable", reason: isLate ? "no answer in time" : reasonOf(error) })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener("abort", cut)
  }
}

async function answerTo({ url, method, headers, body }: Call, signal: AbortSignal): Promise<Answer> {
  const options = { method, headers, body, signal, redirect: "error", keepalive: false, proxy: false }
  const response = await fetch(url, options as unknown as RequestInit)
  const bytes = await readBounded(response)
  return { status: response.status, header: name => response.headers.get(name), json: parse(bytes) }
}

class TooLong extends Error {}

async function readBounded(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > mostAnswerBytes) throw new TooLong()
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return null
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof TooLong) return "the answer is too long"
  const { code } = error as { code?: unknown }
  if (code === "UnexpectedRedirect") return "it redirects to somewhere else"
  return typeof code === "string" && /^[A-Za-z_]{3,40}$/.test(code)
    ? `no connection (${code})`
    : "no connection"
}

/** The value where it has this shape. @throws ChatError refused */
export function requireShape<Schema extends v.GenericSchema>(
  chat: ChatName,
  schema: Schema,
  value: unknown,
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, value)
  if (parsed.success) return parsed.output
  const path = v.getDotPath(parsed.issues[0] as v.BaseIssue<unknown>) ?? "it"
  throw new ChatError(chat, { kind: "refused", detail: `its answer is of another form (${path})` })
}

/** Of a list, what has this shape: one message of a kind we do not know must not hide the others. */
export function keepShaped<Schema extends v.GenericSchema>(
  schema: Schema,
  values: readonly unknown[],
): v.InferOutput<Schema>[] {
  return values.flatMap(value => {
    const parsed = v.safeParse(schema, value)
    return parsed.success ? [parsed.output] : []
  })
}

/** An id of a message, in a shape that protocol/answers.ts can order. */
export const messageId = v.pipe(v.string(), v.regex(messageIdPattern))

const longestRetrySeconds = 24 * 60 * 60

/** A wish to be left alone, as far as it is one: at least a second, at most a day. */
export function later(seconds: unknown): ChatFailure {
  const wish = typeof seconds === "string" ? Number.parseFloat(seconds) : seconds
  const isWish = typeof wish === "number" && Number.isFinite(wish)
  const retryAfterSeconds = isWish ? Math.min(longestRetrySeconds, Math.max(1, wish)) : 30
  return { kind: "later", retryAfterSeconds }
}

/** A vendor's words about a refusal, fit for a log: short, in one line, without the token. */
export function refused(words: unknown, status: number, token: string): ChatFailure {
  const text = typeof words === "string" && words !== "" ? words : `status ${status}`
  const detail = text
    .replaceAll(token, "…")
    .replace(/\p{C}+/gu, " ")
    .slice(0, 200)
  return { kind: "refused", detail }
}

/** A failure of the vendor's own, which time mends. */
export const troubled = (status: number): ChatFailure => ({
  kind: "unreachable",
  reason: `it answers with status ${status}`,
})
