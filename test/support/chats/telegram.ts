/** A local server that answers as https://core.telegram.org/bots/api says, as far as Sentō asks. */
import { type ChatServer, createPlan, type Written } from "./server.ts"

type Parameters = {
  readonly offset?: number
  readonly timeout?: number
  readonly limit?: number
  readonly chat_id?: string
  readonly message_id?: number
  readonly text?: string
}

const token = "4711:AAtelegram-test-token_0123456789abc"
const owner = { user: "7001", chat: "7001" }
const bot = { id: 4711, is_bot: true, first_name: "Sento", username: "sento_test_bot" }

const ok = (result: unknown): Response => Response.json({ ok: true, result })
export const telegramError = (code: number, description: string, parameters?: object): Response =>
  Response.json(
    { ok: false, error_code: code, description, ...(parameters && { parameters }) },
    { status: code },
  )

export function createTelegramServer(): ChatServer {
  const plan = createPlan()
  const sent: { id: string; text: string }[] = []
  let updates: { readonly update_id: number }[] = []
  let lastMessage = 100
  let lastUpdate = 9000
  let isRevoked = false
  /** Ends the long poll that waits: with news, or because another one came. */
  let wake: (how: "news" | "other") => void = () => {}

  async function getUpdates({ offset = 0, timeout = 0, limit = 100 }: Parameters, signal: AbortSignal) {
    wake("other")
    updates = updates.filter(update => update.update_id >= offset)
    if (updates.length === 0) {
      const { promise, resolve } = Promise.withResolvers<"news" | "other" | "late">()
      wake = resolve
      const timer = setTimeout(() => resolve("late"), timeout * 1000)
      signal.addEventListener("abort", () => resolve("late"))
      const how = await promise.finally(() => clearTimeout(timer))
      // Another poll may wait by now.
      if (wake === resolve) wake = () => {}
      if (how === "other")
        return telegramError(
          409,
          "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
        )
    }
    return ok(updates.slice(0, limit))
  }

  function sendMessage({ chat_id, text = "" }: Parameters): Response {
    if (chat_id !== owner.chat) return telegramError(400, "Bad Request: chat not found")
    lastMessage += 1
    sent.push({ id: String(lastMessage), text })
    return ok({
      message_id: lastMessage,
      from: bot,
      chat: { id: Number(chat_id), type: "private" },
      date: 1,
      text,
    })
  }

  function editMessageText({ message_id, text = "" }: Parameters): Response {
    const message = sent.find(one => one.id === String(message_id))
    if (message === undefined) return telegramError(400, "Bad Request: message to edit not found")
    if (message.text === text) return telegramError(400, "Bad Request: message is not modified")
    message.text = text
    return ok({ message_id, text })
  }

  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 60,
    async fetch(request) {
      const [, path = "", method = ""] = /^\/bot([^/]+)\/(\w+)$/.exec(new URL(request.url).pathname) ?? []
      const planned = plan.take(method)
      if (planned !== null) return planned(request)
      if (path !== token || isRevoked) return telegramError(401, "Unauthorized")
      const parameters = (await request.json()) as Parameters
      if (method === "getMe") return ok(bot)
      if (method === "getUpdates") return getUpdates(parameters, request.signal)
      if (method === "sendMessage") return sendMessage(parameters)
      if (method === "editMessageText") return editMessageText(parameters)
      return telegramError(404, "Not Found: method not found")
    },
  })

  function write(written: Written): string {
    lastUpdate += 1
    if (!written.isEdited) lastMessage += 1
    const chat = Number(written.chat ?? owner.chat)
    const message = {
      message_id: lastMessage,
      from: { id: Number(written.author ?? owner.user), is_bot: written.isBot ?? false, first_name: "X" },
      chat: { id: chat, type: chat < 0 ? "supergroup" : "private" },
      date: 1,
      text: written.text,
      ...(written.repliesTo && {
        reply_to_message: { message_id: Number(written.repliesTo), chat: {}, date: 1 },
      }),
      ...(written.isForwarded && { forward_origin: { type: "user", date: 1 } }),
      ...(written.isEdited && { edit_date: 2 }),
    }
    updates.push({
      update_id: lastUpdate,
      [written.isEdited ? "edited_message" : "message"]: message,
    } as never)
    wake("news")
    return String(lastMessage)
  }

  return {
    name: "telegram",
    token,
    owner,
    baseUrl: `http://127.0.0.1:${server.port}`,
    calls: plan.calls,
    sent,
    write,
    answerNext: plan.answerNext,
    revoke() {
      isRevoked = true
      wake("news")
    },
    close: () => server.stop(true),
  }
}
