/**
 * Slack: an app that reads its direct messages with the owner through the Web API. It needs the bot scopes
 * `chat:write`, `im:history`, `im:read` and `im:write`, and must be the workspace's own: Slack lets apps that are
 * distributed otherwise read once a minute.
 * @see https://docs.slack.dev/reference/methods/conversations.history
 */
import * as v from "valibot"
import { type ChatMessage, compareMessages, latestMessage } from "../../protocol/answers.ts"
import {
  type Answer,
  type Chat,
  type ChatApp,
  ChatError,
  type ChatFailure,
  call,
  keepShaped,
  later,
  messageId,
  refused,
  requireShape,
  troubled,
} from "./chat.ts"

export type SlackOptions = {
  readonly token: string
  readonly user: string
  readonly channel: string
  readonly baseUrl?: string
}

/** An app of the workspace's own. */
export const slack: ChatApp<"slack"> = {
  name: "slack",
  title: "Slack",
  token: {
    pattern: /^xoxb-[A-Za-z0-9-]{10,200}$/,
    from: "make an app in your workspace at api.slack.com/apps, install it, copy its bot token (xoxb-…)",
  },
  user: { pattern: /^[UW][A-Z0-9]{5,20}$/, from: "in Slack: your profile, ⋮, copy member ID" },
  ifRefused:
    "the app needs the bot scopes chat:write, im:history, im:read and im:write, and its messages tab switched on",
  prepare: async (access, user, signal) => ({
    ...access,
    user,
    channel: await openSlack({ ...access, user }, signal),
  }),
  settle: settings => settings,
  open: createSlack,
  ownerOf: ({ user, channel }) => ({ user, chat: channel }),
  // A channel of direct messages belongs to one bot and one person.
  keyOf: ({ channel }) => `slack:${channel}`,
}

const pageSize = 100
const mostPages = 20

/** Errors come with HTTP 200: https://docs.slack.dev/apis/web-api/#evaluating-responses */
const answerSchema = v.object({
  ok: v.boolean(),
  error: v.optional(v.string(), "unknown"),
  needed: v.optional(v.string()),
})
const unauthorised = ["not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired"]
const passing = [
  "fatal_error",
  "internal_error",
  "request_timeout",
  "service_unavailable",
  "team_added_to_org",
]

const identitySchema = v.object({ user_id: v.string(), user: v.string() })
const openedSchema = v.object({ channel: v.object({ id: v.string() }) })
const sentSchema = v.object({ ts: messageId })
const pageSchema = v.object({
  messages: v.array(v.unknown()),
  response_metadata: v.optional(v.object({ next_cursor: v.optional(v.string(), "") }), {}),
})
/** https://docs.slack.dev/reference/events/message */
const messageSchema = v.object({
  ts: messageId,
  thread_ts: v.optional(messageId),
  user: v.optional(v.string()),
  bot_id: v.optional(v.string()),
  app_id: v.optional(v.string()),
  subtype: v.optional(v.string()),
  edited: v.optional(v.unknown()),
  text: v.optional(v.string(), ""),
})
type Message = v.InferOutput<typeof messageSchema>

type Api = (
  method: string,
  parameters: Readonly<Record<string, string>>,
  signal: AbortSignal,
) => Promise<unknown>

function connect(token: string, baseUrl = "https://slack.com/api"): Api {
  return async (method, parameters, signal) => {
    const request = {
      method: "POST",
      url: `${baseUrl}/${method}`,
      headers: { Authorization: `Bearer ${token}` },
      body: new URLSearchParams(parameters),
    } as const
    const answer = await call("slack", request, signal)
    const parsed = v.safeParse(answerSchema, answer.json)
    if (answer.status === 200 && parsed.success && parsed.output.ok) return answer.json
    throw new ChatError("slack", failureOf(answer, parsed.success ? parsed.output : null, token))
  }
}

/** The channel of the bot's direct messages with a member; opened where there is none. */
export async function openSlack(
  { token, user, baseUrl }: Omit<SlackOptions, "channel">,
  signal: AbortSignal,
): Promise<string> {
  const opened = await connect(token, baseUrl)("conversations.open", { users: user }, signal)
  return requireShape("slack", openedSchema, opened).channel.id
}

export function createSlack(options: SlackOptions): Chat {
  const { token, channel, baseUrl } = options
  const api = connect(token, baseUrl)
  let isPrivate: boolean | null = null

  /** All pages of what came after `oldest`, in the channel itself or in the thread of a message. */
  async function read(thread: string | null, oldest: string, signal: AbortSignal): Promise<Message[]> {
    const method = thread === null ? "conversations.history" : "conversations.replies"
    const found: Message[] = []
    let cursor = ""
    for (let page = 0; page < mostPages; page += 1) {
      const at = { ...(thread === null ? {} : { ts: thread }), ...(cursor === "" ? {} : { cursor }) }
      const wish = { channel, oldest, limit: String(pageSize), ...at }
      const answer = requireShape("slack", pageSchema, await api(method, wish, signal))
      found.push(...keepShaped(messageSchema, answer.messages))
      cursor = answer.response_metadata.next_cursor ?? ""
      if (cursor === "") return found
    }
    throw new ChatError("slack", { kind: "refused", detail: "too many messages since the question" })
  }

  return {
    name: "slack",
    waits: false,

    async check(signal) {
      const me = requireShape("slack", identitySchema, await api("auth.test", {}, signal))
      return { id: me.user_id, name: me.user }
    },

    async send(text, signal) {
      const look = { mrkdwn: "false", unfurl_links: "false", unfurl_media: "false" }
      const sent = await api("chat.postMessage", { channel, text: escaped(text), ...look }, signal)
      return requireShape("slack", sentSchema, sent).ts
    },

    async edit(message, text, signal) {
      await api("chat.update", { channel, ts: message, text: escaped(text) }, signal)
    },

    /** The cursor has a place for the channel (under "") and for each thread: they are read one after another. */
    async receive(cursor, asked, signal) {
      isPrivate ??= (await openSlack(options, signal)) === channel
      const isDirect = isPrivate
      const seen = readCursor(cursor)
      const next: Record<string, string> = {}
      const found: ChatMessage[] = []
      for (const thread of [null, ...asked]) {
        const place = thread ?? ""
        const oldest = latestMessage([
          seen[place] ?? "0",
          thread ?? asked.toSorted(compareMessages)[0] ?? "0",
        ])
        const all = await read(thread, oldest, signal).catch(ifGone)
        const fresh = all.filter(one => compareMessages(one.ts, oldest) > 0)
        found.push(...fresh.map(one => messageOf(one, channel, isDirect)))
        next[place] = latestMessage([oldest, ...fresh.map(one => one.ts)])
      }
      found.sort((one, other) => compareMessages(one.id, other.id))
      return { messages: found, cursor: JSON.stringify(next) }
    },
  }
}

/** A question that somebody deleted has no replies. */
function ifGone(error: unknown): Message[] {
  const failure = error instanceof ChatError ? error.failure : null
  if (failure?.kind === "refused" && failure.detail === "thread_not_found") return []
  throw error
}

const cursorSchema = v.record(v.string(), messageId)

function readCursor(cursor: string | null): Record<string, string> {
  return cursor === null ? {} : v.parse(cursorSchema, JSON.parse(cursor))
}

/** https://docs.slack.dev/messaging/formatting-message-text/#escaping */
const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

/** A subtype marks what is no plain message of a person's, except that a reply was shown in the channel too. */
function messageOf(message: Message, channel: string, isPrivate: boolean): ChatMessage {
  const { ts, thread_ts: thread, user, subtype } = message
  const isPlain = subtype === undefined || subtype === "thread_broadcast"
  return {
    id: ts,
    chat: channel,
    isPrivate,
    author: user ?? null,
    isBot: message.bot_id !== undefined || message.app_id !== undefined || !isPlain,
    isEdited: message.edited !== undefined,
    isForwarded: false,
    repliesTo: thread === undefined || thread === ts ? null : thread,
    text: message.text,
  }
}

function failureOf(
  { status, header }: Answer,
  answer: v.InferOutput<typeof answerSchema> | null,
  token: string,
): ChatFailure {
  if (status === 429 || answer?.error === "ratelimited") return later(header("Retry-After"))
  if (answer === null || status >= 500 || passing.includes(answer.error)) return troubled(status)
  if (unauthorised.includes(answer.error)) return { kind: "unauthorised" }
  const needed = answer.needed === undefined ? "" : ` (needed: ${answer.needed})`
  return refused(`${answer.error}${needed}`, status, token)
}
