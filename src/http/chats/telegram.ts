/**
 * Telegram: a bot that asks for updates (long polling). Messages come in the order of `update_id`; one is
 * confirmed, and comes no more, as soon as a higher offset is asked for. Telegram keeps updates for 24 hours.
 * @see https://core.telegram.org/bots/api#getting-updates
 */
import * as v from "valibot"
import type { ChatMessage } from "../../protocol/answers.ts"
import {
  type Answer,
  type Chat,
  type ChatApp,
  ChatError,
  type ChatFailure,
  call,
  keepShaped,
  later,
  refused,
  requireShape,
  troubled,
} from "./chat.ts"

export type TelegramOptions = { readonly token: string; readonly chat: string; readonly baseUrl?: string }

const longPollSeconds = 25

/** A bot of Telegram's, for sento alone. */
export const telegram: ChatApp<"telegram"> = {
  name: "telegram",
  title: "Telegram",
  token: {
    // As @BotFather gives it: the bot's id and a secret. It becomes part of a URL.
    pattern: /^\d{3,20}:[A-Za-z0-9_-]{20,80}$/,
    from: "make a bot for sento alone with @BotFather (/newbot), which gives its token",
  },
  user: null,
  ifRefused: "no other program may use this bot, nor may it have a webhook",
  prepare: async access => ({ ...access, user: "", chat: "" }),
  settle: (settings, word) => ({ ...settings, user: word.author ?? "", chat: word.chat }),
  open: createTelegram,
  ownerOf: ({ user, chat }) => ({ user, chat }),
  keyOf: ({ token, chat }) => `telegram:${token.split(":")[0]}:${chat}`,
}

/** https://core.telegram.org/bots/api#making-requests */
const answerSchema = v.object({
  ok: v.boolean(),
  result: v.optional(v.unknown()),
  error_code: v.optional(v.number()),
  description: v.optional(v.string()),
  parameters: v.optional(v.object({ retry_after: v.optional(v.number()) })),
})

const userSchema = v.object({ id: v.number(), is_bot: v.boolean(), username: v.optional(v.string()) })
const id = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

/** https://core.telegram.org/bots/api#message */
const messageSchema = v.object({
  message_id: id,
  from: v.optional(userSchema),
  sender_chat: v.optional(v.unknown()),
  chat: v.object({ id: v.number(), type: v.string() }),
  edit_date: v.optional(v.number()),
  forward_origin: v.optional(v.unknown()),
  via_bot: v.optional(v.unknown()),
  reply_to_message: v.optional(v.object({ message_id: id })),
  external_reply: v.optional(v.unknown()),
  text: v.optional(v.string(), ""),
})
type Message = v.InferOutput<typeof messageSchema>

const sentSchema = v.object({ message_id: id })

/** Every update has this; the rest is looked at for itself, so that a strange one is confirmed all the same. */
const updateIdSchema = v.object({ update_id: id })
const updateSchema = v.union([
  v.object({ message: messageSchema }),
  v.object({ edited_message: messageSchema }),
])

export function createTelegram({ token, chat, baseUrl = "https://api.telegram.org" }: TelegramOptions): Chat {
  async function ask(method: string, parameters: object, signal: AbortSignal, seconds = 0): Promise<unknown> {
    const request = {
      method: "POST",
      url: `${baseUrl}/bot${token}/${method}`,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(parameters),
      patienceMilliseconds: seconds * 1000,
    } as const
    const answer = await call("telegram", request, signal)
    const parsed = v.safeParse(answerSchema, answer.json)
    if (parsed.success && parsed.output.ok) return parsed.output.result
    throw new ChatError("telegram", failureOf(answer, parsed.success ? parsed.output : null, token))
  }

  return {
    name: "telegram",
    waits: true,

    async check(signal) {
      const me = requireShape("telegram", userSchema, await ask("getMe", {}, signal))
      return { id: String(me.id), name: me.username ?? String(me.id) }
    },

    async send(text, signal) {
      const message = { chat_id: chat, text, link_preview_options: { is_disabled: true } }
      return String(
        requireShape("telegram", sentSchema, await ask("sendMessage", message, signal)).message_id,
      )
    },

    async edit(message, text, signal) {
      await ask("editMessageText", { chat_id: chat, message_id: Number(message), text }, signal)
    },

    async receive(cursor, _asked, signal) {
      const wish = { timeout: longPollSeconds, limit: 100, allowed_updates: ["message", "edited_message"] }
      const offset = cursor === null ? {} : { offset: Number(cursor) }
      const result = await ask("getUpdates", { ...wish, ...offset }, signal, longPollSeconds)
      const updates = requireShape("telegram", v.array(updateIdSchema), result)
      const next = updates.map(update => update.update_id + 1)
      return {
        messages: keepShaped(updateSchema, result as unknown[]).map(messageOf),
        cursor: String(Math.max(Number(cursor ?? 0), ...next)),
      }
    },
  }
}

function messageOf(update: v.InferOutput<typeof updateSchema>): ChatMessage {
  const isEdit = "edited_message" in update
  const message: Message = isEdit ? update.edited_message : update.message
  const { from, chat, text } = message
  return {
    id: String(message.message_id),
    chat: String(chat.id),
    isPrivate: chat.type === "private",
    author: from === undefined ? null : String(from.id),
    isBot: (from?.is_bot ?? true) || message.sender_chat !== undefined,
    isEdited: isEdit || message.edit_date !== undefined,
    isForwarded: message.forward_origin !== undefined || message.via_bot !== undefined,
    repliesTo: repliedTo(message),
    text,
  }
}

/** A reply to something in another chat is a reply, though to none of ours. */
function repliedTo({ reply_to_message, external_reply }: Message): string | null {
  if (reply_to_message !== undefined) return String(reply_to_message.message_id)
  return external_reply === undefined ? null : "elsewhere"
}

/** A token that is none at all gets 404, one that was revoked 401. */
function failureOf(
  { status }: Answer,
  answer: v.InferOutput<typeof answerSchema> | null,
  token: string,
): ChatFailure {
  const code = answer?.error_code ?? status
  if (code === 401 || (code === 404 && answer !== null)) return { kind: "unauthorised" }
  if (code === 429) return later(answer?.parameters?.retry_after)
  if (code >= 500 || answer === null) return troubled(code)
  return refused(answer.description, code, token)
}
