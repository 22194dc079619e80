/** What each adapter makes of its vendor's answers; the servers answer as the vendors' documentation says. */

import { describe, expect, spyOn, test } from "bun:test"
import { openChats } from "../../../src/http/chats/apps.ts"
import { type Chat, ChatError, type ChatFailure } from "../../../src/http/chats/chat.ts"
import { createDiscord, openDiscord } from "../../../src/http/chats/discord.ts"
import { createSlack, openSlack } from "../../../src/http/chats/slack.ts"
import { createTelegram, telegram } from "../../../src/http/chats/telegram.ts"
import type { ChatMessage } from "../../../src/protocol/answers.ts"
import type { ChatName } from "../../../src/protocol/names.ts"
import { discordError, discordLimit } from "../../support/chats/discord.ts"
import { type ChatServer, chatServers, hang, type Reply } from "../../support/chats/server.ts"
import { slackError, slackLimit } from "../../support/chats/slack.ts"
import { telegramError } from "../../support/chats/telegram.ts"

type Place = {
  readonly token: string
  readonly baseUrl: string
  readonly user: string
  readonly chat: string
}

const make: Readonly<Record<ChatName, (place: Place) => Chat>> = {
  telegram: createTelegram,
  discord: ({ chat, ...place }) => createDiscord({ ...place, channel: chat }),
  slack: ({ chat, ...place }) => createSlack({ ...place, channel: chat }),
}

type Talk = { readonly server: ChatServer; readonly chat: Chat } & AsyncDisposable

function talk(name: ChatName, change: Partial<Place> = {}): Talk {
  const server = chatServers[name]()
  const { token, baseUrl, owner } = server
  const chat = make[name]({ token, baseUrl, ...owner, ...change })
  return { server, chat, [Symbol.asyncDispose]: () => server.close() }
}

const never = new AbortController().signal

/** The failure of a call, with its words. */
async function failureOf(call: Promise<unknown>): Promise<ChatFailure & { words: string }> {
  const error = await call.then(
    () => null,
    error => error as unknown,
  )
  if (!(error instanceof ChatError)) throw new Error(`no ChatError but ${String(error)}`)
  return { ...error.failure, words: `${error.message} ${error.stack}` }
}

const names: readonly ChatName[] = ["telegram", "discord", "slack"]
const listens = { telegram: "getUpdates", discord: "GET messages", slack: "conversations.history" } as const
const sends = { telegram: "sendMessage", discord: "POST messages", slack: "chat.postMessage" } as const

describe.each(names)("%s", name => {
  test("says whose token it is", async () => {
    await using talking = talk(name)
    expect((await talking.chat.check(never)).name).toStartWith("sento")
  })

  test("messages come in order, each once, with who wrote them where", async () => {
    await using talking = talk(name)
    const { server, chat } = talking
    const asked = await chat.send("well?", never)
    server.write({ text: "one" })
    server.write({ text: "two", repliesTo: asked })
    const first = await chat.receive(null, [asked], never)
    const same = { chat: server.owner.chat, author: server.owner.user, isPrivate: true, isBot: false }
    const people = first.messages.filter(one => !one.isBot)
    expect(people).toEqual([
      { ...same, id: people[0]?.id ?? "", text: "one", repliesTo: null, isEdited: false, isForwarded: false },
      {
        ...same,
        id: people[1]?.id ?? "",
        text: "two",
        repliesTo: asked,
        isEdited: false,
        isForwarded: false,
      },
    ])
    server.write({ text: "three" })
    const second = await chat.receive(first.cursor, [asked], never)
    expect(second.messages.map(one => one.text)).toEqual(["three"])
  })

  test("what came since the first question is read, in whatever order they are asked about", async () => {
    await using talking = talk(name)
    const { server, chat } = talking
    const first = await chat.send("well?", never)
    server.write({ text: "between" })
    const second = await chat.send("and this one?", never)
    const { messages } = await chat.receive(null, [second, first], never)
    expect(messages.filter(one => !one.isBot).map(one => one.text)).toEqual(["between"])
  })

  test("all pages are read", async () => {
    await using talking = talk(name)
    const { server, chat } = talking
    const asked = await chat.send("well?", never)
    for (let i = 0; i < 250; i += 1) server.write({ text: `m${i}` })
    const texts: string[] = []
    for (let cursor: string | null = null; texts.length < 250; ) {
      const received = await chat.receive(cursor, [asked], never)
      expect(received.cursor).not.toBe(cursor ?? "")
      texts.push(...received.messages.map(one => one.text))
      cursor = received.cursor
    }
    expect(texts).toEqual(Array.from({ length: 250 }, (_, i) => `m${i}`))
    expect(server.calls.filter(one => one === listens[name])).toHaveLength(3)
  })

  test("what it writes has no page fetched for a preview, and calls nobody", async () => {
    await using talking = talk(name)
    let body = ""
    talking.server.answerNext(sends[name], async request => {
      body = await request.text()
      return new Response()
    })
    await talking.chat.send("https://x.example @everyone", never).catch(() => {})
    const said = name === "slack" ? Object.fromEntries(new URLSearchParams(body)) : JSON.parse(body)
    expect(said).toMatchObject(
      {
        telegram: { link_preview_options: { is_disabled: true } },
        discord: { flags: 1 << 2, allowed_mentions: { parse: [] } },
        slack: { mrkdwn: "false", unfurl_links: "false", unfurl_media: "false" },
      }[name],
    )
  })

  test("says whether it waits for messages itself", async () => {
    await using talking = talk(name)
    expect([talking.chat.name, talking.chat.waits]).toEqual([name, name === "telegram"])
  })

  test("edits one of its messages", async () => {
    await using talking = talk(name)
    const id = await talking.chat.send("before", never)
    await talking.chat.edit(id, "after <&>", never)
    const after = name === "slack" ? "after &lt;&amp;&gt;" : "after <&>"
    expect(talking.server.sent).toEqual([{ id, text: after }])
  })

  test.each([500, 503])("trouble of its own is no refusal: %i", async status => {
    await using talking = talk(name)
    talking.server.answerNext(sends[name], () => new Response("", { status }))
    expect(await failureOf(talking.chat.send("hello", never))).toMatchObject({
      kind: "unreachable",
      reason: `it answers with status ${status}`,
    })
  })

  test("a token that is not taken", async () => {
    await using talking = talk(name)
    talking.server.revoke()
    expect(await failureOf(talking.chat.check(never))).toMatchObject({ kind: "unauthorised" })
  })

  test("a redirect is not followed: the token would go along", async () => {
    await using talking = talk(name)
    const { server, chat } = talking
    let followed = 0
    const elsewhere = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch() {
        followed += 1
        return Response.json({ ok: true })
      },
    })
    server.answerNext(sends[name], () => Response.redirect(`http://127.0.0.1:${elsewhere.port}/`, 307))
    const failure = await failureOf(chat.send("hello", never))
    expect(failure).toMatchObject({ kind: "unreachable", reason: "it redirects to somewhere else" })
    expect(followed).toBe(0)
    await elsewhere.stop(true)
  })

  test("an endless answer is cut off", async () => {
    await using talking = talk(name)
    const chunk = new Uint8Array(1024 * 1024).fill(32)
    const endless: Reply = () => new Response(new ReadableStream({ pull: stream => stream.enqueue(chunk) }))
    talking.server.answerNext(sends[name], endless)
    const failure = await failureOf(talking.chat.send("hello", never))
    expect(failure).toMatchObject({ kind: "unreachable", reason: "the answer is too long" })
  })

  test("no error holds the token: nobody listens, a broken answer, a refusal that quotes it", async () => {
    await using talking = talk(name)
    const { server, chat } = talking
    const quoting = `no such thing: ${server.token}\u001b[31m\nsecond line ${"x".repeat(300)}`
    const refusals: Record<ChatName, Reply> = {
      telegram: () => telegramError(400, quoting),
      discord: () => discordError(400, 1, quoting),
      slack: () => slackError(quoting),
    }
    server.answerNext(sends[name], refusals[name], () => new Response("<html>", { status: 200 }))
    const refusal = await failureOf(chat.send("hello", never))
    expect(refusal).toMatchObject({ kind: "refused" })
    const words = "no such thing: … [31m second line "
    expect(refusal.kind === "refused" && refusal.detail).toBe(words.padEnd(200, "x"))
    const broken = await failureOf(chat.send("hello", never))
    await server.close()
    const gone = await failureOf(chat.send("hello", never))
    expect(gone).toMatchObject({ kind: "unreachable", reason: "no connection (ECONNREFUSED)" })
    for (const { words } of [refusal, broken, gone]) expect(words).not.toContain(server.token)
  })

  test("nor does one whose code is no word, however it came there", async () => {
    await using talking = talk(name)
    const { chat, server } = talking
    const fails = (code: unknown) => {
      using _ = spyOn(globalThis, "fetch").mockImplementation((async () => {
        throw Object.assign(new Error(server.token), { code })
      }) as never)
      return failureOf(chat.send("hello", never))
    }
    for (const code of [`to ${server.baseUrl}/${server.token}`, 7, undefined])
      expect(await fails(code)).toMatchObject({ kind: "unreachable", reason: "no connection" })
  })

  test("one that never answers is given up after 15 s", async () => {
    await using talking = talk(name)
    talking.server.answerNext(sends[name], hang)
    const timer = globalThis.setTimeout
    const waits: number[] = []
    using _ = spyOn(globalThis, "setTimeout").mockImplementation(((act: () => void, wait: number) => {
      waits.push(wait)
      return timer(act, Math.min(wait, 1))
    }) as typeof setTimeout)
    const failure = await failureOf(talking.chat.send("hello", never))
    expect(failure).toMatchObject({ kind: "unreachable", reason: "no answer in time" })
    expect(waits).toContain(15_000)
  })

  test("an answer of 4 MiB is read to its end, and one of a byte more is not", async () => {
    const ids = { telegram: '{"ok":true,"result":{"message_id":5}}', discord: '{"id":"5"}', slack: "" }
    const text = ids[name] || '{"ok":true,"ts":"1700000000.000100"}'
    const whole = text.padEnd(4 * 1024 * 1024)
    await using talking = talk(name)
    const { server, chat } = talking
    server.answerNext(
      sends[name],
      () => new Response(whole),
      () => new Response(`${whole} `),
    )
    expect(await chat.send("hello", never)).toBeOneOf(["5", "1700000000.000100"])
    expect(await failureOf(chat.send("hello", never))).toMatchObject({ reason: "the answer is too long" })
  })

  test("who has stopped waiting before has nothing sent", async () => {
    await using talking = talk(name)
    const { server, chat } = talking
    expect(await chat.send("hello", AbortSignal.abort("enough")).catch(error => error as unknown)).toBe(
      "enough",
    )
    expect([server.calls, server.sent]).toEqual([[], []])
  })

  test("each call has a connection of its own: none is kept that the other end may have ended", async () => {
    const ports = new Set<number | undefined>()
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch(request, { requestIP }) {
        ports.add(requestIP.call(server, request)?.port)
        return new Response(null, { status: 500 })
      },
    })
    await using talking = talk(name, { baseUrl: `http://127.0.0.1:${server.port}` })
    for (let i = 0; i < 3; i += 1) await talking.chat.send("hello", never).catch(() => {})
    expect(ports.size).toBe(3)
    await server.stop(true)
  })

  test("an answer of another form is a refusal that says where", async () => {
    await using talking = talk(name)
    const { server, chat } = talking
    const [inside, itself] = {
      telegram: ["message_id", { ok: true, result: 5 }],
      discord: ["id", 5],
      slack: ["ts", null],
    }[name] as [string, unknown]
    const empty = { telegram: { ok: true, result: {} }, discord: {}, slack: { ok: true } }[name]
    server.answerNext(
      sends[name],
      () => Response.json(empty),
      () => Response.json(itself),
    )
    const failure = await failureOf(chat.send("hello", never))
    expect(failure).toMatchObject({ detail: `its answer is of another form (${inside})` })
    const other = await failureOf(chat.send("hello", never))
    if (name !== "slack") expect(other).toMatchObject({ detail: "its answer is of another form (it)" })
  })

  // What the vendors' documentation has for each status, and what no vendor has.
  test.each([
    [200, name === "discord" ? "refused" : "unreachable"],
    [299, name === "discord" ? "refused" : "unreachable"],
    [400, name === "discord" ? "refused" : "unreachable"],
    [401, name === "slack" ? "unreachable" : "unauthorised"],
    [404, name === "discord" ? "refused" : "unreachable"],
    [428, name === "discord" ? "refused" : "unreachable"],
    [429, "later"],
    [430, name === "discord" ? "refused" : "unreachable"],
    [499, name === "discord" ? "refused" : "unreachable"],
    [500, "unreachable"],
    [501, "unreachable"],
  ] as const)("status %i without words of the vendor's is %s", async (status, kind) => {
    await using talking = talk(name)
    talking.server.answerNext(sends[name], () => new Response("<html>", { status }))
    expect(await failureOf(talking.chat.send("hello", never))).toMatchObject({ kind })
  })

  test("an answer of no form that is known, with a status that is fine, is trouble and no word of the vendor's", async () => {
    await using talking = talk(name)
    talking.server.answerNext(sends[name], () => Response.json({ ok: "no", error: 5, error_code: "5" }))
    const failure = await failureOf(talking.chat.send("hello", never))
    expect(failure.kind).toBe(name === "discord" ? "refused" : "unreachable")
  })

  test("the caller can stop waiting", async () => {
    await using talking = talk(name)
    talking.server.answerNext(sends[name], hang)
    const stop = new AbortController()
    const sending = talking.chat.send("hello", stop.signal)
    stop.abort("enough")
    expect(await sending.catch(error => error as unknown)).toBe("enough")
  })
})

test("of all chats those are opened that are set up, each with its owner and a key of its own", () => {
  const token = "4711:AAx"
  expect(openChats({})).toEqual([])
  const opened = openChats({
    telegram: { token, user: "7001", chat: "7002" },
    slack: { token, user: "U1", channel: "D1" },
  })
  expect(opened.map(({ chat, owner, key }) => [chat.name, owner, key])).toEqual([
    ["telegram", { user: "7001", chat: "7002" }, "telegram:4711:7002"],
    ["slack", { user: "U1", chat: "D1" }, "slack:D1"],
  ])
})

describe("a limit", () => {
  test.each([
    ["telegram", () => telegramError(429, "Too Many Requests: retry after 35", { retry_after: 35 }), 35],
    ["telegram", () => telegramError(429, "Too Many Requests"), 30],
    ["discord", () => discordLimit(64.57), 64.57],
    ["discord", () => new Response("<html>", { status: 429, headers: { "Retry-After": "65" } }), 65],
    ["slack", () => slackLimit(30), 30],
    ["slack", () => slackLimit(0), 1],
    ["slack", () => slackLimit(1e9), 86_400],
    ["slack", () => slackLimit("soon" as never), 30],
    ["slack", () => slackError("ratelimited"), 30],
  ] as const)("%s %#: %d s are its wish", async (name, reply, seconds) => {
    await using talking = talk(name)
    talking.server.answerNext(sends[name], reply)
    const failure = await failureOf(talking.chat.send("hello", never))
    expect(failure).toMatchObject({ kind: "later", retryAfterSeconds: seconds })
    expect(failure.words).toContain(` wants to be left alone for ${Math.ceil(seconds)} s`)
  })
})

describe("telegram", () => {
  test.each([
    [undefined, "status 400"],
    ["", "status 400"],
    ["why", "why"],
  ])("a refusal with the words %p is told as %p", async (words, detail) => {
    await using talking = talk("telegram")
    talking.server.answerNext("sendMessage", () => telegramError(400, words as string))
    expect(await failureOf(talking.chat.send("hello", never))).toMatchObject({ kind: "refused", detail })
  })

  test.each([
    [401, "unauthorised"],
    [404, "unauthorised"],
    [403, "refused"],
    [499, "refused"],
    [500, "unreachable"],
    [501, "unreachable"],
  ] as const)("error %i, in words of Telegram's, is %s", async (code, kind) => {
    await using talking = talk("telegram")
    talking.server.answerNext("sendMessage", () => telegramError(code, "why"))
    expect(await failureOf(talking.chat.send("hello", never))).toMatchObject({ kind })
  })

  test("each look waits for 25 s at the most, and has 15 more; where the next one goes on is kept", async () => {
    await using talking = talk("telegram")
    const { server, chat } = talking
    server.write({ text: "one" })
    const first = await chat.receive(null, [], never)
    const bodies: unknown[] = []
    const looked: Reply = async request => {
      bodies.push(await request.json())
      return Response.json({ ok: true, result: [] })
    }
    using timers = spyOn(globalThis, "setTimeout")
    server.answerNext("getUpdates", looked, looked)
    expect((await chat.receive(first.cursor, [], never)).cursor).toBe(first.cursor)
    expect(timers.mock.calls.map(([, wait]) => wait)).toContain(40_000)
    expect((await chat.receive(null, [], never)).cursor).toBe("0")
    const wish = { timeout: 25, limit: 100, allowed_updates: ["message", "edited_message"] }
    expect(bodies).toEqual([{ ...wish, offset: Number(first.cursor) }, wish])
  })

  test.each([
    ["plain", { message: {} }, false],
    ["edited since", { message: { edit_date: 5 } }, true],
    ["edited", { edited_message: {} }, true],
  ])("a message that is %s", async (_, update, isEdited) => {
    await using talking = talk("telegram")
    const plain = { message_id: 5, chat: { id: 7001, type: "private" }, text: "yes" }
    const whole = Object.fromEntries(
      Object.entries(update).map(([kind, more]) => [kind, { ...plain, ...more }]),
    )
    talking.server.answerNext("getUpdates", () =>
      Response.json({ ok: true, result: [{ update_id: 1, ...whole }] }),
    )
    expect((await talking.chat.receive(null, [], never)).messages).toMatchObject([{ text: "yes", isEdited }])
  })

  test.each([0, 2 ** 53, -1, 1.5])("an id of %i is %s", async id => {
    await using talking = talk("telegram")
    talking.server.answerNext("sendMessage", () => Response.json({ ok: true, result: { message_id: id } }))
    const sent = talking.chat.send("hello", never)
    if (id === 0) expect(await sent).toBe("0")
    else expect(await failureOf(sent)).toMatchObject({ kind: "refused" })
  })

  test("the chat and its owner are those of the word that was sent to the bot", () => {
    const settings = { token: "4711:AAx", user: "", chat: "" }
    const word = { author: "7001", chat: "7002" } as ChatMessage
    expect(telegram.settle(settings, word)).toMatchObject({ user: "7001", chat: "7002" })
    expect(telegram.settle(settings, { ...word, author: null })).toMatchObject({ user: "" })
    expect(telegram.keyOf({ ...settings, chat: "7002" })).toBe("telegram:4711:7002")
  })

  test("a webhook, or another poller, is a refusal that says so", async () => {
    await using talking = talk("telegram")
    const words =
      "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
    talking.server.answerNext("getUpdates", () => telegramError(409, words))
    const failure = await failureOf(talking.chat.receive(null, [], never))
    expect(failure).toMatchObject({ kind: "refused", detail: words })
  })

  test("a token of another form gets 404, which means the same as 401", async () => {
    await using talking = talk("telegram")
    talking.server.answerNext("getMe", () => telegramError(404, "Not Found"))
    expect(await failureOf(talking.chat.check(never))).toMatchObject({ kind: "unauthorised" })
  })

  test("an update of an unknown form hides no other, and is confirmed with them", async () => {
    await using talking = talk("telegram")
    const { server, chat } = talking
    const strange = { update_id: 9001, message: { message_id: "?", chat: null } }
    const later = { update_id: 9003, poll: {} }
    server.write({ text: "yes" })
    const own = (await chat.receive(null, [], never)).messages
    const replies = [{ ...strange }, later]
    server.answerNext("getUpdates", () => Response.json({ ok: true, result: replies }))
    expect(await chat.receive(null, [], never)).toEqual({ messages: [], cursor: "9004" })
    expect(own).toHaveLength(1)
  })

  test.each([
    ["through an inline bot", { via_bot: { id: 1, is_bot: true } }, { isForwarded: true }],
    ["on behalf of a chat", { sender_chat: { id: -1 } }, { isBot: true }],
    ["as an answer to another chat's message", { external_reply: {} }, { repliesTo: "elsewhere" }],
    ["by nobody", { from: undefined }, { author: null, isBot: true }],
    ["in a group", { chat: { id: -5, type: "group" } }, { isPrivate: false, chat: "-5" }],
    ["without words", { text: undefined, photo: [] }, { text: "" }],
  ])("a message %s is told as one", async (_, change, want) => {
    await using talking = talk("telegram")
    const from = { id: 7001, is_bot: false }
    const message = {
      message_id: 5,
      from,
      chat: { id: 7001, type: "private" },
      date: 1,
      text: "yes",
      ...change,
    }
    talking.server.answerNext("getUpdates", () =>
      Response.json({ ok: true, result: [{ update_id: 1, message }] }),
    )
    expect((await talking.chat.receive(null, [], never)).messages).toMatchObject([want])
  })
})

describe("discord", () => {
  test.each([199, 300])("a status of %i is none that says that it was sent", async status => {
    await using talking = talk("discord")
    const answered = Object.defineProperty(new Response('{"id":"5"}'), "status", { value: status })
    using _ = spyOn(globalThis, "fetch").mockResolvedValue(answered)
    expect(await failureOf(talking.chat.send("hello", never))).toMatchObject({
      kind: "refused",
      detail: `status ${status}`,
    })
  })

  test.each([
    ["a forward", { type: 1, message_id: "9" }, [true, null]],
    ["an answer", { type: 0, message_id: "9" }, [false, "9"]],
    ["one of no kind that is said", { message_id: "9" }, [false, "9"]],
    ["an answer to something elsewhere", { type: 0 }, [false, "elsewhere"]],
    ["of a kind that comes later", { type: 2, message_id: "9" }, [false, "9"]],
  ])("%s", async (_, reference, want) => {
    await using talking = talk("discord")
    const author = { id: talking.server.owner.user, username: "x" }
    const base = { id: "5", channel_id: "1", type: 0, content: "yes", author }
    talking.server.answerNext("GET messages", () =>
      Response.json([{ ...base, message_reference: reference }]),
    )
    const { messages } = await talking.chat.receive(null, [], never)
    expect(messages.map(one => [one.isForwarded, one.repliesTo])).toEqual([want as [boolean, string | null]])
  })

  test("twenty pages at a time and no more, and the rest the next time", async () => {
    await using talking = talk("discord")
    const { server, chat } = talking
    const asked = await chat.send("well?", never)
    for (let i = 0; i < 2050; i += 1) server.write({ text: `m${i}` })
    const first = await chat.receive(null, [asked], never)
    const pages = server.calls.filter(one => one === listens.discord).length
    expect([first.messages.length, pages]).toEqual([2000, 20])
    const second = await chat.receive(first.cursor, [asked], never)
    expect(second.messages.at(-1)?.text).toBe("m2049")
    expect(new Set([...first.messages, ...second.messages].map(one => one.id)).size).toBe(2050)
  })

  test("opens the direct messages with a user", async () => {
    await using talking = talk("discord")
    const { token, baseUrl, owner } = talking.server
    expect(await openDiscord({ token, baseUrl, user: owner.user }, never)).toBe(owner.chat)
    const failure = await failureOf(openDiscord({ token, baseUrl, user: "200000000000000008" }, never))
    expect(failure).toMatchObject({ kind: "refused", detail: "Cannot send messages to this user" })
  })

  test("a channel with others is not private, nor are direct messages with another user", async () => {
    for (const change of [{ chat: "300000000000000099" }, { user: "200000000000000008" }]) {
      await using talking = talk("discord", change)
      talking.server.write({ text: "yes", ...change })
      const { messages } = await talking.chat.receive(null, [], never)
      expect(messages).toMatchObject([{ isPrivate: false }])
    }
  })

  test("direct messages are private where the owner is among those who read them", async () => {
    await using talking = talk("discord")
    const { user } = talking.server.owner
    for (const [recipients, isPrivate] of [
      [["1", user], true],
      [["1"], false],
    ] as const) {
      await using other = talk("discord")
      const found = { id: other.server.owner.chat, type: 1, recipients: recipients.map(id => ({ id })) }
      other.server.answerNext(`GET /channels/${other.server.owner.chat}`, () => Response.json(found))
      other.server.write({ text: "yes" })
      expect((await other.chat.receive(null, [], never)).messages).toMatchObject([{ isPrivate }])
    }
  })

  test("a webhook, and a message of the channel itself, are no person's", async () => {
    await using talking = talk("discord")
    const base = { id: "5", channel_id: "1", content: "yes", author: { id: "1", username: "x" } }
    const found = [
      { ...base, type: 0, webhook_id: "3" },
      { ...base, type: 7 },
    ]
    talking.server.answerNext("GET messages", () => Response.json(found))
    const { messages } = await talking.chat.receive(null, [], never)
    expect(messages).toMatchObject([{ isBot: true }, { isBot: true }])
  })

  test("nothing before the question is read, however long nobody asked", async () => {
    await using talking = talk("discord")
    talking.server.write({ text: "long ago" })
    const asked = await talking.chat.send("well?", never)
    expect(await talking.chat.receive("5", [asked], never)).toEqual({ messages: [], cursor: asked })
  })
})

describe("slack", () => {
  test.each([
    [200, "user_not_found", "refused"],
    [499, "user_not_found", "refused"],
    [500, "user_not_found", "unreachable"],
    [501, "user_not_found", "unreachable"],
    [428, "user_not_found", "refused"],
    [429, "user_not_found", "later"],
    [430, "user_not_found", "refused"],
    [200, "token_revoked", "unauthorised"],
  ] as const)("status %i with the error %s is %s", async (status, error, kind) => {
    await using talking = talk("slack")
    talking.server.answerNext("chat.postMessage", () => Response.json({ ok: false, error }, { status }))
    expect(await failureOf(talking.chat.send("hello", never))).toMatchObject({ kind })
  })

  test("with other words than ok the status alone is not enough", async () => {
    await using talking = talk("slack")
    talking.server.answerNext("chat.postMessage", () =>
      Response.json({ ok: true, ts: "1700000000.000100" }, { status: 201 }),
    )
    expect(await failureOf(talking.chat.send("hello", never))).toMatchObject({ kind: "refused" })
  })

  test("what it asks for is what a look needs, no more: the channel, then each thread, page by page", async () => {
    await using talking = talk("slack")
    const { server, chat } = talking
    const forms: unknown[] = []
    const page =
      (ts: readonly string[], next?: string): Reply =>
      async request => {
        forms.push(Object.fromEntries(new URLSearchParams(await request.text())))
        const messages = ts.map(one => ({ ts: one, user: "U1", text: one }))
        return Response.json({ ok: true, messages, response_metadata: next && { next_cursor: next } })
      }
    server.answerNext("conversations.history", page(["20.000003", "20.000001"], "more"), page(["20.000002"]))
    server.answerNext("conversations.replies", page(["10.000001", "20.000004"]), page(["10.000002"]))
    const received = await chat.receive(null, ["10.000001", "10.000002"], never)
    const common = { channel: server.owner.chat, limit: "100" }
    expect(forms).toEqual([
      { ...common, oldest: "10.000001" },
      { ...common, oldest: "10.000001", cursor: "more" },
      { ...common, oldest: "10.000001", ts: "10.000001" },
      { ...common, oldest: "10.000002", ts: "10.000002" },
    ])
    expect(received.messages.map(one => [one.id, one.isPrivate])).toEqual(
      ["20.000001", "20.000002", "20.000003", "20.000004"].map(id => [id, true]),
    )
    forms.length = 0
    server.answerNext("conversations.history", page([]))
    await chat.receive(received.cursor, [], never)
    server.answerNext("conversations.history", page([]))
    server.answerNext("conversations.replies", page([]))
    await chat.receive(received.cursor, ["10.000001"], never)
    expect(forms).toEqual([
      { ...common, oldest: "20.000003" },
      { ...common, oldest: "20.000003" },
      { ...common, oldest: "20.000004", ts: "10.000001" },
    ])
  })

  test("a fault of the network, or another refusal, in a thread is told as one", async () => {
    for (const [reply, kind] of [
      [() => slackError("channel_not_found"), "refused"],
      [() => slackError("internal_error"), "unreachable"],
    ] as const) {
      await using talking = talk("slack")
      talking.server.answerNext("conversations.replies", reply)
      expect(await failureOf(talking.chat.receive(null, ["10.000001"], never))).toMatchObject({ kind })
    }
    await using talking = talk("slack")
    const stop = new AbortController()
    talking.server.answerNext("conversations.replies", request => {
      stop.abort("enough")
      return hang(request)
    })
    const looking = talking.chat.receive(null, ["10.000001"], stop.signal)
    expect(await looking.catch(error => error as unknown)).toBe("enough")
  })

  test.each([
    ["a bot", { bot_id: "B1" }, true],
    ["an app", { app_id: "A1" }, true],
    ["the channel itself", { subtype: "channel_join" }, true],
    ["a person", {}, false],
  ])("what %s writes is a bot's: %p", async (_, more, isBot) => {
    await using talking = talk("slack")
    const message = { type: "message", ts: "1700000000.000100", user: "U1", text: "yes", ...more }
    talking.server.answerNext("conversations.history", () =>
      Response.json({ ok: true, messages: [message], response_metadata: {} }),
    )
    expect((await talking.chat.receive(null, [], never)).messages).toMatchObject([{ text: "yes", isBot }])
  })

  test("twenty pages at a time, and where there are more since the question, nothing", async () => {
    await using talking = talk("slack")
    const asked = await talking.chat.send("well?", never)
    for (let i = 0; i < 1990; i += 1) talking.server.write({ text: `m${i}` })
    expect((await talking.chat.receive(null, [asked], never)).messages.length).toBeGreaterThanOrEqual(1990)
    for (let i = 0; i < 20; i += 1) talking.server.write({ text: `n${i}` })
    expect(await failureOf(talking.chat.receive(null, [asked], never))).toMatchObject({
      kind: "refused",
      detail: "too many messages since the question",
    })
  })

  test("opens the direct messages with a member", async () => {
    await using talking = talk("slack")
    const { token, baseUrl, owner } = talking.server
    expect(await openSlack({ token, baseUrl, user: owner.user }, never)).toBe(owner.chat)
  })

  test("a missing scope is named", async () => {
    await using talking = talk("slack")
    talking.server.answerNext("conversations.history", () =>
      slackError("missing_scope", { needed: "im:history" }),
    )
    const failure = await failureOf(talking.chat.receive(null, [], never))
    expect(failure).toMatchObject({ kind: "refused", detail: "missing_scope (needed: im:history)" })
  })

  test.each(["internal_error", "service_unavailable"])(
    "%s with HTTP 200 is trouble, not a refusal",
    async error => {
      await using talking = talk("slack")
      talking.server.answerNext("chat.postMessage", () => slackError(error))
      expect(await failureOf(talking.chat.send("hello", never))).toMatchObject({ kind: "unreachable" })
    },
  )

  test("a question that somebody deleted has no replies, and the others are read", async () => {
    await using talking = talk("slack")
    const asked = await talking.chat.send("well?", never)
    talking.server.answerNext("conversations.replies", () => slackError("thread_not_found"))
    talking.server.write({ text: "yes" })
    expect((await talking.chat.receive(null, [asked], never)).messages).toMatchObject([{ text: "yes" }])
  })

  test("a channel with others is not private", async () => {
    await using talking = talk("slack", { chat: "C0GROUP99" })
    talking.server.write({ text: "yes", chat: "C0GROUP99" })
    expect((await talking.chat.receive(null, [], never)).messages).toMatchObject([{ isPrivate: false }])
  })
})
