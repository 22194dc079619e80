/**
 * Discord: a bot that reads its channel with the owner over HTTP, without the gateway. In a direct message the
 * bot sees what is written; elsewhere only what mentions it or answers it, unless the app has the message
 * content intent.
 * @see https://discord.com/developers/docs/resources/message
 */
import * as v from "valibot"
import { type ChatMessage, compareMessages, latestMessage } from "../../protocol/answers.ts"
import { version } from "../../version.ts"
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

export type DiscordOptions = {
  readonly token: string
  readonly user: string
  readonly channel: string
  readonly baseUrl?: string
}

/** An app of Discord's whose bot writes to the owner. */
export const discord: ChatApp<"discord"> = {
  name: "discord",
  title: "Discord",
  token: {
    pattern: /^[\w-]{20,40}\.[\w-]{4,10}\.[\w-]{20,80}$/,
    from: "make an app at discord.com/developers, add its bot to a server of yours, copy the bot's token",
  },
  user: {
    pattern: /^\d{15,20}$/,
    from: "in Discord: developer mode on, right-click your name, copy user ID",
  },
  ifRefused: "you and the bot must share a server, and you must allow direct messages from its members",
  prepare: async (access, user, signal) => ({
    ...access,
    user,
    channel: await openDiscord({ ...access, user }, signal),
  }),
  settle: settings => settings,
  open: createDiscord,
  ownerOf: ({ user, channel }) => ({ user, chat: channel }),
  // A channel of direct messages belongs to one bot and one person.
  keyOf: ({ channel }) => `discord:${channel}`,
}

/** "limit: max number of messages to return (1-100)"; a page holds those right after `after`, newest first. */
const pageSize = 100
const mostPages = 20

/** Channel type 1 is a direct message; message types 0 and 19 are a person's, plain and reply. */
const directMessage = 1
const personsTypes = [0, 19]
/** Message reference type 1: a forward. */
const forward = 1
/** Message flag 4: no embeds for links. */
const suppressEmbeds = 4

const userSchema = v.object({ id: v.string(), username: v.string(), bot: v.optional(v.boolean(), false) })
const channelSchema = v.object({
  id: v.string(),
  type: v.number(),
  recipients: v.optional(v.array(v.object({ id: v.string() })), []),
})
const sentSchema = v.object({ id: messageId })
const messageSchema = v.object({
  id: messageId,
  channel_id: v.string(),
  type: v.number(),
  author: userSchema,
  webhook_id: v.optional(v.string()),
  content: v.string(),
  edited_timestamp: v.optional(v.nullable(v.string()), null),
  message_reference: v.optional(
    v.object({ type: v.optional(v.number(), 0), message_id: v.optional(v.string(), "elsewhere") }),
  ),
})
/** https://discord.com/developers/docs/topics/rate-limits#exceeding-a-rate-limit */
const failureSchema = v.object({
  message: v.optional(v.string()),
  retry_after: v.optional(v.number()),
})

type Api = (
  method: "GET" | "POST" | "PATCH",
  path: string,
  body: object | null,
  signal: AbortSignal,
) => Promise<unknown>

function connect(token: string, baseUrl = "https://discord.com/api/v10"): Api {
  const headers = {
    Authorization: `Bot ${token}`,
    "User-Agent": `DiscordBot (sento, ${version})`,
    "Content-Type": "application/json",
  }
  return async (method, path, body, signal) => {
    const request = { method, url: `${baseUrl}${path}`, headers }
    const answer = await call(
      "discord",
      body === null ? request : { ...request, body: JSON.stringify(body) },
      signal,
    )
    if (answer.status >= 200 && answer.status < 300) return answer.json
    throw new ChatError("discord", failureOf(answer, token))
  }
}

/** The channel of the bot's direct messages with a user; opened where there is none. */
export async function openDiscord(
  { token, user, baseUrl }: Omit<DiscordOptions, "channel">,
  signal: AbortSignal,
): Promise<string> {
  const channel = await connect(token, baseUrl)("POST", "/users/@me/channels", { recipient_id: user }, signal)
  return requireShape("discord", channelSchema, channel).id
}

export function createDiscord({ token, user, channel, baseUrl }: DiscordOptions): Chat {
  const api = connect(token, baseUrl)
  const messages = `/channels/${channel}/messages`
  let isPrivate: boolean | null = null

  /** Messages don't say what kind of channel they are in. */
  async function looksDirect(signal: AbortSignal): Promise<boolean> {
    const found = requireShape(
      "discord",
      channelSchema,
      await api("GET", `/channels/${channel}`, null, signal),
    )
    return found.type === directMessage && found.recipients.some(one => one.id === user)
  }

  return {
    name: "discord",
    waits: false,

    async check(signal) {
      const me = requireShape("discord", userSchema, await api("GET", "/users/@me", null, signal))
      return { id: me.id, name: me.username }
    },

    async send(text, signal) {
      const body = { content: text, flags: suppressEmbeds, allowed_mentions: { parse: [] } }
      return requireShape("discord", sentSchema, await api("POST", messages, body, signal)).id
    },

    async edit(message, text, signal) {
      await api("PATCH", `${messages}/${message}`, { content: text }, signal)
    },

    async receive(cursor, asked, signal) {
      isPrivate ??= await looksDirect(signal)
      const isDirect = isPrivate
      const found: ChatMessage[] = []
      let after = startOf(cursor, asked)
      for (let page = 0; page < mostPages; page += 1) {
        const answer = await api("GET", `${messages}?after=${after}&limit=${pageSize}`, null, signal)
        const all = requireShape("discord", v.array(sentSchema), answer)
        found.push(...keepShaped(messageSchema, answer as unknown[]).map(one => messageOf(one, isDirect)))
        after = latestMessage([after, ...all.map(one => one.id)])
        if (all.length < pageSize) break
      }
      return { messages: found.sort((one, other) => compareMessages(one.id, other.id)), cursor: after }
    },
  }
}

/** Nothing before the oldest question matters, however long nobody asked. */
function startOf(cursor: string | null, asked: readonly string[]): string {
  const oldest = asked.toSorted(compareMessages)[0] ?? "0"
  return latestMessage([cursor ?? "0", oldest])
}

function messageOf(message: v.InferOutput<typeof messageSchema>, isPrivate: boolean): ChatMessage {
  const { author, message_reference: reference } = message
  const isForwarded = reference?.type === forward
  return {
    id: message.id,
    chat: message.channel_id,
    isPrivate,
    author: author.id,
    isBot: author.bot || message.webhook_id !== undefined || !personsTypes.includes(message.type),
    isEdited: message.edited_timestamp !== null,
    isForwarded,
    repliesTo: reference === undefined || isForwarded ? null : reference.message_id,
    text: message.content,
  }
}

function failureOf({ status, header, json }: Answer, token: string): ChatFailure {
  const parsed = v.safeParse(failureSchema, json)
  const failure = parsed.success ? parsed.output : {}
  if (status === 401) return { kind: "unauthorised" }
  if (status === 429) return later(failure.retry_after ?? header("Retry-After"))
  return status >= 500 ? troubled(status) : refused(failure.message, status, token)
}
