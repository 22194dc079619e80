/** A local server that answers as https://discord.com/developers/docs/resources/message says, as far as Sentō asks. */
import { type ChatServer, createPlan, type Written } from "./server.ts"

const token = "MTE3NTUwMDAwMDAwMDAwMDAw.GaBcDe.discord-test-token-0123456789abcdef"
const owner = { user: "200000000000000007", chat: "300000000000000070" }
const group = "300000000000000099"
const bot = { id: "100000000000000001", username: "sento-test", bot: true }

export const discordError = (status: number, code: number, message: string, headers = {}): Response =>
  Response.json({ message, code }, { status, headers })

export const discordLimit = (seconds: number): Response =>
  Response.json(
    { message: "You are being rate limited.", retry_after: seconds, global: false },
    { status: 429, headers: { "Retry-After": String(Math.ceil(seconds)), "X-RateLimit-Scope": "user" } },
  )

type Message = { readonly id: string; readonly channel_id: string; content: string }

export function createDiscordServer(): ChatServer {
  const plan = createPlan()
  const sent: { id: string; text: string }[] = []
  const messages: Message[] = []
  // Beyond what a double holds exactly, as real snowflakes are.
  let last = 1_175_500_000_000_000_000n
  let isRevoked = false
  const newId = (): string => {
    last += 1n
    return String(last)
  }

  function post(channel: string, content: string): Response {
    const message = { ...plain(channel, content), author: bot }
    messages.push(message)
    sent.push({ id: message.id, text: content })
    return Response.json(message)
  }

  const plain = (channel: string, content: string) => ({
    id: newId(),
    channel_id: channel,
    type: 0,
    content,
    timestamp: "2026-11-24T00:00:00.000000+00:00",
    edited_timestamp: null,
  })

  /** Those right after, newest first: https://github.com/discord/discord-api-docs/pull/7740 */
  function list(channel: string, query: URLSearchParams): Response {
    const after = BigInt(query.get("after") ?? "0")
    const later = messages.filter(one => one.channel_id === channel && BigInt(one.id) > after)
    return Response.json(later.slice(0, Number(query.get("limit") ?? "50")).reverse())
  }

  async function channelCall(
    request: Request,
    channel: string,
    message: string | undefined,
  ): Promise<Response> {
    if (channel !== owner.chat && channel !== group) return discordError(404, 10003, "Unknown Channel")
    if (request.method === "GET") return list(channel, new URL(request.url).searchParams)
    const { content } = (await request.json()) as { content: string }
    if (content.length > 2000) return discordError(400, 50035, "Invalid Form Body")
    if (request.method === "POST") return post(channel, content)
    const mine = sent.find(one => one.id === message)
    if (mine === undefined) return discordError(404, 10008, "Unknown Message")
    mine.text = content
    return Response.json({ id: message, content })
  }

  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { pathname } = new URL(request.url)
      const [, channel = "", , message] = /^\/channels\/(\d+)\/(messages)(?:\/(\d+))?$/.exec(pathname) ?? []
      const planned = plan.take(
        channel === "" ? `${request.method} ${pathname}` : `${request.method} messages`,
      )
      if (planned !== null) return planned(request)
      if (request.headers.get("Authorization") !== `Bot ${token}` || isRevoked)
        return discordError(401, 0, "401: Unauthorized")
      if (!request.headers.get("User-Agent")?.startsWith("DiscordBot ("))
        return new Response(null, { status: 403 })
      if (channel !== "") return channelCall(request, channel, message)
      if (pathname === "/users/@me") return Response.json(bot)
      if (pathname === "/users/@me/channels")
        return openDirect((await request.json()) as { recipient_id?: string })
      if (pathname === `/channels/${owner.chat}`) return Response.json(direct)
      if (pathname === `/channels/${group}`) return Response.json({ id: group, type: 0, guild_id: "1" })
      return discordError(404, 0, "404: Not Found")
    },
  })

  const direct = { id: owner.chat, type: 1, recipients: [{ id: owner.user, username: "owner" }] }
  const openDirect = ({ recipient_id }: { recipient_id?: string }): Response =>
    recipient_id === owner.user
      ? Response.json(direct)
      : discordError(403, 50007, "Cannot send messages to this user")

  function write({ text, author, isBot, isEdited, isForwarded, repliesTo, chat }: Written): string {
    const message = {
      ...plain(chat ?? owner.chat, text),
      type: repliesTo === undefined ? 0 : 19,
      author: { id: author ?? owner.user, username: "x", ...(isBot && { bot: true }) },
      ...(isEdited && { edited_timestamp: "2026-11-24T00:00:01.000000+00:00" }),
      ...(repliesTo && { message_reference: { type: 0, message_id: repliesTo } }),
      ...(isForwarded && { content: "", message_reference: { type: 1, message_id: "1" } }),
    }
    messages.push(message)
    return message.id
  }

  return {
    name: "discord",
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
