/** A local server that answers as https://docs.slack.dev/reference/methods says, as far as Sentō asks. */
import { type ChatServer, createPlan, type Written } from "./server.ts"

const token = "xoxb-1111-2222-slackTestToken0123456789"
const owner = { user: "U0OWNER07", chat: "D0OWNER70" }
const group = "C0GROUP99"
const bot = { user_id: "U0BOT0001", bot_id: "B0BOT0001" }

const ok = (fields: object): Response => Response.json({ ok: true, ...fields })
/** Errors come with HTTP 200. */
export const slackError = (error: string, more: object = {}): Response =>
  Response.json({ ok: false, error, ...more })
export const slackLimit = (seconds: number): Response =>
  Response.json(
    { ok: false, error: "ratelimited" },
    { status: 429, headers: { "Retry-After": String(seconds) } },
  )

type Message = {
  readonly ts: string
  readonly channel: string
  readonly thread_ts?: string
  readonly subtype?: string
  text: string
}

export function createSlackServer(): ChatServer {
  const plan = createPlan()
  const sent: { id: string; text: string }[] = []
  const messages: Message[] = []
  let last = 99
  let isRevoked = false
  const newTs = (): string => {
    last += 1
    return `1764000000.${String(last).padStart(6, "0")}`
  }

  function page(found: readonly Message[], form: URLSearchParams): Response {
    const limit = Number(form.get("limit") ?? "100")
    const from = Number(atob(form.get("cursor") ?? "") || "0")
    const more = found.length > from + limit
    return ok({
      messages: found.slice(from, from + limit),
      has_more: more,
      response_metadata: { next_cursor: more ? btoa(String(from + limit)) : "" },
    })
  }

  /** Parents alone (and replies that were shown in the channel too), newest first. */
  function history(form: URLSearchParams): Response {
    const found = messages.filter(
      one =>
        one.channel === form.get("channel") &&
        one.ts > (form.get("oldest") ?? "0") &&
        (one.thread_ts === undefined || one.thread_ts === one.ts || one.subtype === "thread_broadcast"),
    )
    return page(found.toReversed(), form)
  }

  /** The parent always, then its replies, oldest first. */
  function replies(form: URLSearchParams): Response {
    const ts = form.get("ts") ?? ""
    const parent = messages.find(one => one.ts === ts && one.channel === form.get("channel"))
    if (parent === undefined) return slackError("thread_not_found")
    const found = messages.filter(
      one => one.thread_ts === ts && one.ts !== ts && one.ts > (form.get("oldest") ?? "0"),
    )
    return page([parent, ...found], form)
  }

  function post(form: URLSearchParams): Response {
    const channel = form.get("channel") ?? ""
    if (channel !== owner.chat && channel !== group) return slackError("channel_not_found")
    const message = {
      ts: newTs(),
      channel,
      text: form.get("text") ?? "",
      user: bot.user_id,
      bot_id: bot.bot_id,
    }
    messages.push(message)
    sent.push({ id: message.ts, text: message.text })
    return ok({ channel, ts: message.ts, message })
  }

  function update(form: URLSearchParams): Response {
    const mine = sent.find(one => one.id === form.get("ts"))
    if (mine === undefined) return slackError("message_not_found")
    mine.text = form.get("text") ?? ""
    return ok({ channel: form.get("channel"), ts: mine.id, text: mine.text })
  }

  const open = (form: URLSearchParams): Response =>
    form.get("users") === owner.user ? ok({ channel: { id: owner.chat } }) : slackError("user_not_found")

  const methods: Readonly<Record<string, (form: URLSearchParams) => Response>> = {
    "auth.test": () => ok({ user: "sento-test", team: "test", ...bot }),
    "conversations.open": open,
    "conversations.history": history,
    "conversations.replies": replies,
    "chat.postMessage": post,
    "chat.update": update,
  }

  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const method = new URL(request.url).pathname.slice(1)
      const planned = plan.take(method)
      if (planned !== null) return planned(request)
      if (isRevoked) return slackError("token_revoked")
      if (request.headers.get("Authorization") !== `Bearer ${token}`) return slackError("invalid_auth")
      return methods[method]?.(new URLSearchParams(await request.text())) ?? slackError("unknown_method")
    },
  })

  function write({ text, author, isBot, isEdited, isForwarded, repliesTo, chat }: Written): string {
    const message = {
      type: "message",
      ts: newTs(),
      channel: chat ?? owner.chat,
      text: isForwarded ? "" : text,
      user: author ?? owner.user,
      ...(repliesTo && { thread_ts: repliesTo, parent_user_id: bot.user_id }),
      ...(isBot && { bot_id: "B0OTHER" }),
      ...(isEdited && { edited: { user: author ?? owner.user, ts: "1764000001.000000" } }),
    }
    messages.push(message)
    return message.ts
  }

  return {
    name: "slack",
    token,
    owner,
    baseUrl: `http://127.0.0.1:${server.port}`,
    calls: plan.calls,
    sent,
    write,
    answerNext: plan.answerNext,
    revoke() {
      isRevoked = true
    },
    close: () => server.stop(true),
  }
}
