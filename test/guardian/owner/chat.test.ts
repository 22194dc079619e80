/** The owner in a chat, over local servers that answer as the three vendors say. */

import { describe, expect, test } from "bun:test"
import { backOffMilliseconds, pollMilliseconds } from "../../../src/guardian/owner/chat-questions.ts"
import type { ChatName } from "../../../src/protocol/names.ts"
import { questionText } from "../../../src/protocol/questions.ts"
import { type AskedOwner, ada, askOwner, kai } from "../../support/chats/asked.ts"
import { discordError, discordLimit } from "../../support/chats/discord.ts"
import { hang, type Reply } from "../../support/chats/server.ts"
import { slackError, slackLimit } from "../../support/chats/slack.ts"
import { telegramError } from "../../support/chats/telegram.ts"
import { until } from "../../support/world.ts"

const trouble: Reply = () => new Response("<html>bad gateway</html>", { status: 502 })

/** How each vendor says the same. */
const apps = [
  {
    name: "telegram" as ChatName,
    send: "sendMessage",
    listen: "getUpdates",
    edit: "editMessageText",
    limit: () => telegramError(429, "Too Many Requests: retry after 7", { retry_after: 7 }),
    refuse: () => telegramError(403, "Forbidden: bot was blocked by the user"),
  },
  {
    name: "discord" as ChatName,
    send: "POST messages",
    listen: "GET messages",
    edit: "PATCH messages",
    limit: () => discordLimit(6.57),
    refuse: () => discordError(403, 50007, "Cannot send messages to this user"),
  },
  {
    name: "slack" as ChatName,
    send: "chat.postMessage",
    listen: "conversations.history",
    edit: "chat.update",
    limit: () => slackLimit(7),
    refuse: () => slackError("channel_not_found"),
  },
]

const isOver = (asked: AskedOwner): Promise<unknown> =>
  until("the end of all traffic", async () => {
    const before = asked.server.calls.length
    // Not one long rest: what stands still with this process goes on in between.
    for (let i = 0; i < 5; i += 1) await Bun.sleep(10)
    return asked.server.calls.length === before
  })

describe.each(apps)("$name", ({ name, send, listen, edit, limit, refuse }) => {
  test("asks with all the owner must know, takes the yes, says what came of it, and falls silent", async () => {
    await using asked = askOwner(name)
    expect(asked.server.calls).toEqual([])
    asked.surface.ask(kai)
    await asked.message(kai)
    expect(asked.server.sent[0]?.text).toBe(
      `${questionText(kai, "mira")}\nReply to this message with the one word yes or no.`,
    )
    asked.server.write({ text: "yes" })
    await asked.shows("Paired with kai.")
    expect(await asked.shows("answered here")).toContain(
      "Agent kai wants to pair. Approve? (yes/no)\n→ answered here: yes",
    )
    await isOver(asked)
    expect({ answers: asked.answers, log: asked.log }).toEqual({ answers: ["yes k7q2"], log: [] })
  })

  test("takes a no as a reply", async () => {
    await using asked = askOwner(name)
    asked.surface.ask(kai)
    asked.server.write({ text: " NO\n", repliesTo: await asked.message(kai) })
    await asked.shows("Denied. Nothing is paired.")
    expect(asked.answers).toEqual(["no k7q2"])
  })

  test("asks again once where the word is not clear, and takes the clear one after that", async () => {
    await using asked = askOwner(name)
    asked.surface.ask(kai)
    await asked.message(kai)
    asked.server.write({ text: "Yes!" })
    await asked.shows("Please answer yes or no.")
    asked.server.write({ text: "yes please" })
    asked.server.write({ text: "yes" })
    await asked.shows("Paired with kai.")
    expect(asked.answers).toEqual(["yes k7q2"])
    expect(asked.server.sent.filter(one => one.text === "Please answer yes or no.")).toHaveLength(1)
  })

  test("nobody else's yes approves: a stranger, a bot, an edited one, another chat, one from before", async () => {
    await using asked = askOwner(name)
    const other = { telegram: "-100999", discord: "300000000000000099", slack: "C0GROUP99" }[name]
    const stranger = { telegram: "7002", discord: "200000000000000008", slack: "U0OTHER08" }[name]
    asked.server.write({ text: "yes" })
    asked.surface.ask(kai)
    const message = await asked.message(kai)
    asked.server.write({ text: "yes", author: stranger })
    asked.server.write({ text: "yes", author: stranger, repliesTo: message })
    asked.server.write({ text: "yes", isBot: true })
    asked.server.write({ text: "yes", chat: other })
    asked.server.write({ text: "yes", isForwarded: true })
    asked.server.write({ text: "yes", isEdited: true, repliesTo: message })
    await asked.looked()
    asked.server.write({ text: "no" })
    await asked.shows("Denied.")
    expect(asked.answers).toEqual(["no k7q2"])
  })

  test("with two questions, only a reply to the very one counts", async () => {
    await using asked = askOwner(name)
    asked.surface.ask(kai)
    await asked.message(kai)
    asked.surface.ask(ada)
    const message = await asked.message(ada)
    asked.server.write({ text: "yes" })
    await asked.shows("Please answer by replying to the very question you mean.")
    asked.server.write({ text: "no", repliesTo: message })
    await asked.shows("Denied.")
    asked.server.write({ text: "yes" })
    await asked.looked()
    asked.server.write({ text: "yes", repliesTo: await asked.message(kai) })
    await asked.shows("Paired with kai.")
    expect(asked.answers).toEqual(["no m3x9", "yes k7q2"])
    expect(asked.log).toEqual([])
  })

  test("a question asked while another's message still looks open needs a reply, though that one is over", async () => {
    await using asked = askOwner(name)
    asked.surface.ask(kai)
    await asked.message(kai)
    asked.surface.withdraw(kai.id, "expired")
    asked.surface.ask(ada)
    const message = await asked.message(ada)
    asked.server.write({ text: "yes" })
    await asked.shows("Please answer by replying to the very question you mean.")
    asked.server.write({ text: "yes", repliesTo: message })
    await asked.shows("answered here")
    expect({ answers: asked.answers, log: asked.log }).toEqual({ answers: ["yes m3x9"], log: [] })
  })

  test("where the chat would not change a question's message, the next one needs a reply as long as that one looks open", async () => {
    await using asked = askOwner(name)
    asked.server.answerNext(edit, refuse)
    asked.surface.ask(kai)
    await asked.message(kai)
    asked.surface.withdraw(kai.id, "denied")
    await until("the refusal", () => asked.log.length > 0)
    await asked.restart()
    asked.surface.ask(ada)
    await asked.message(ada)
    asked.server.write({ text: "yes" })
    await asked.shows("Please answer by replying to the very question you mean.")
    asked.surface.withdraw(ada.id, "denied")
    await asked.shows("→ answered elsewhere: denied")
    const later = { ...ada, id: "n0a0", name: "noa", as: "noa", createdAt: kai.expiresAt }
    asked.surface.ask(later)
    await asked.message(later)
    asked.server.write({ text: "yes" })
    await asked.shows("answered here: yes")
    expect(asked.answers).toEqual(["yes n0a0"])
  })

  test("a question answered elsewhere is withdrawn, and a yes after that answers nothing", async () => {
    await using asked = askOwner(name)
    asked.surface.ask(kai)
    await asked.message(kai)
    asked.surface.withdraw(kai.id, "denied")
    await asked.shows("→ answered elsewhere: denied")
    asked.server.write({ text: "yes" })
    await isOver(asked)
    asked.surface.ask(ada)
    await asked.message(ada)
    await asked.looked()
    expect({ answers: asked.answers, log: asked.log }).toEqual({ answers: [], log: [] })
  })

  test("one that is answered while it is being sent is withdrawn all the same", async () => {
    await using asked = askOwner(name)
    const sending = Promise.withResolvers<void>()
    asked.server.answerNext(send, async () => {
      asked.surface.withdraw(kai.id, "approved")
      sending.resolve()
      return trouble(new Request("http://127.0.0.1"))
    })
    asked.surface.ask(kai)
    await sending.promise
    await isOver(asked)
    expect(asked.server.sent).toEqual([])
    asked.surface.ask(ada)
    await until("the call", () => asked.server.calls.filter(one => one === send).length === 2)
    asked.surface.withdraw(ada.id, "approved")
    await asked.shows("→ answered elsewhere: approved")
    await isOver(asked)
  })

  test("where another was first, the owner is told so", async () => {
    await using asked = askOwner(name)
    asked.results.push({ kind: "late" })
    asked.surface.ask(kai)
    await asked.message(kai)
    asked.server.write({ text: "yes" })
    await asked.shows("That question was answered elsewhere.")
    await isOver(asked)
  })

  test("where it cannot be done, the owner is told why and may answer again", async () => {
    await using asked = askOwner(name)
    asked.results.push({ kind: "impossible", text: "an agent named kai is paired already" })
    asked.surface.ask(kai)
    await asked.message(kai)
    asked.server.write({ text: "yes" })
    await asked.shows("an agent named kai is paired already")
    asked.server.write({ text: "no" })
    await asked.shows("Denied.")
    expect(asked.answers).toEqual(["yes k7q2", "no k7q2"])
  })

  test("a restart neither asks twice nor misses what was answered meanwhile", async () => {
    await using asked = askOwner(name)
    asked.surface.ask(kai)
    await asked.message(kai)
    await asked.looked()
    await asked.stop()
    asked.server.write({ text: "yes" })
    await asked.restart()
    asked.surface.ask(kai)
    await asked.shows("Paired with kai.")
    await isOver(asked)
    expect(asked.answers).toEqual(["yes k7q2"])
    expect(asked.server.sent.filter(one => one.text.startsWith("Agent kai"))).toHaveLength(1)
  })

  test("what was answered elsewhere while it did not run is withdrawn at its start", async () => {
    await using asked = askOwner(name)
    asked.surface.ask(kai)
    await asked.message(kai)
    await asked.restart()
    await asked.shows("→ it has ended")
    await isOver(asked)
  })

  test("a token that was revoked ends it, with one line that says what to do", async () => {
    await using asked = askOwner(name)
    asked.surface.ask(kai)
    await asked.message(kai)
    asked.server.revoke()
    await until("a line in the log", () => asked.log.length > 0)
    await isOver(asked)
    asked.surface.tell({ key: "1", text: "nobody hears this" })
    await isOver(asked)
    expect(asked.log).toEqual([
      `${name} does not take the token; run \`sento owner add ${name}\`, then \`sento guard restart\``,
    ])
  })

  test("a limit is honoured to the second it names", async () => {
    await using asked = askOwner(name)
    asked.server.answerNext(send, limit)
    asked.server.answerNext(listen, limit)
    asked.surface.ask(kai)
    await asked.message(kai)
    asked.server.write({ text: "yes" })
    await asked.shows("Paired with kai.")
    const wish = name === "discord" ? 6570 : 7000
    expect(asked.pauses.filter(one => one === wish)).toHaveLength(2)
    expect(asked.answers).toEqual(["yes k7q2"])
  })

  test("it goes on after trouble: 5xx, an answer of another form, a refusal", async () => {
    await using asked = askOwner(name)
    const strange: Reply = () => Response.json({ ok: true, result: "?", messages: 5 })
    asked.server.answerNext(send, refuse, trouble)
    asked.server.answerNext(listen, trouble, strange, refuse)
    asked.surface.ask(kai)
    await asked.message(kai)
    asked.server.write({ text: "yes" })
    await asked.shows("Paired with kai.")
    expect(asked.answers).toEqual(["yes k7q2"])
    expect(asked.log.length).toBeGreaterThanOrEqual(4)
    for (const line of asked.log)
      expect(line).toMatch(new RegExp(`^${name} (?:refuses|cannot be reached): .+`))
    expect(asked.log.join()).not.toContain(asked.server.token.slice(8))
  })

  test("a notice is one line, also where no question waits", async () => {
    await using asked = askOwner(name)
    asked.surface.tell({ key: "1", text: "kai ended the pair" })
    await asked.shows("kai ended the pair")
    await isOver(asked)
    expect(asked.server.calls).toEqual([send])
  })

  test("a line that nobody takes is left after some tries", async () => {
    await using asked = askOwner(name)
    asked.server.answerNext(send, ...Array.from({ length: 8 }, () => trouble))
    asked.surface.tell({ key: "1", text: "lost" })
    asked.surface.tell({ key: "2", text: "kept" })
    await asked.shows("kept")
    expect(asked.server.sent.map(one => one.text)).toEqual(["kept"])
  })

  test("it stops at once while the chat does not answer", async () => {
    await using asked = askOwner(name)
    asked.server.answerNext(listen, hang)
    asked.surface.ask(kai)
    await until("a look", () => asked.server.calls.includes(listen))
    const began = performance.now()
    await asked.stop()
    // A look waits for the chat for longer than that.
    expect(performance.now() - began).toBeLessThan(10_000)
  })
})

test("a yes that was edited before anybody looked is no answer, though Telegram tells both versions", async () => {
  await using asked = askOwner("telegram")
  asked.surface.ask(kai)
  await asked.message(kai)
  await asked.looked()
  await asked.stop()
  asked.server.write({ text: "yes" })
  asked.server.write({ text: "no", isEdited: true })
  await asked.restart()
  asked.surface.ask(kai)
  await asked.shows("Please answer yes or no.")
  expect(asked.answers).toEqual([])
})

describe("a pace that spares the server", () => {
  test("looks every 2 s at first and every 30 s in the end", () => {
    expect([0, 1, 2, 50].map(pollMilliseconds)).toEqual([2000, 2400, 2880, 30_000])
  })
  test("waits twice as long after each failure, up to 5 minutes, and up to half of it less", () => {
    expect([1, 2, 3, 20].map(failures => backOffMilliseconds(failures, 0))).toEqual([
      1000, 2000, 4000, 300_000,
    ])
    expect(backOffMilliseconds(20, 1)).toBe(150_000)
  })
})
