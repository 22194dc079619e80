/** `sento owner add` from the token to the yes in the chat, against local servers. */

import { afterEach, describe, expect, test } from "bun:test"
import { readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { ChatName } from "../../src/protocol/names.ts"
import { type ChatServer, chatServers } from "../support/chats/server.ts"
import {
  built,
  type Child,
  createWorld,
  initAgent,
  jsonLines,
  setUpAgent,
  until,
  type World,
} from "../support/world.ts"

let world: World
let server: ChatServer
afterEach(async () => {
  await world.close()
  await server.close()
})

const strangers = { telegram: "7002", discord: "200000000000000008", slack: "U0OTHER08" } as const
const configOf = (name: string) =>
  JSON.parse(readFileSync(join(world.home(name), ".sento-config.json"), "utf8"))

function addingWords(name: ChatName): string[] {
  const user = name === "telegram" ? [] : ["--user", server.owner.user]
  return ["owner", "add", name, ...user, "--base-url", server.baseUrl, "--json"]
}

const tokenInput = () => ({ input: `${server.token}\n` })

/** The word that the command shows. */
async function wordOf({ lines }: { readonly lines: Record<string, unknown>[] }): Promise<string> {
  return until("the word", () => lines.find(line => line.event === "word")?.word as string | undefined)
}

describe.each(["telegram", "discord", "slack"] as const)("%s", name => {
  test("the owner is whoever sends the word, and nobody else; the rest of the config stays", async () => {
    world = createWorld()
    server = chatServers[name]()
    initAgent(world, "mira")
    const before = configOf("mira")
    const adding = world.start("mira", addingWords(name), tokenInput())
    const out = jsonLines(adding)
    const word = await wordOf(out)
    expect(word).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/)
    server.write({ text: "0000-0000", author: strangers[name] })
    server.write({ text: word, isBot: true, author: strangers[name] })
    server.write({ text: word, isForwarded: true })
    if (name !== "telegram") server.write({ text: word, author: strangers[name] })
    server.write({ text: word.toLowerCase() })
    expect(await adding.exited).toBe(0)
    const { user, chat } = server.owner
    await until("its last word", () => out.lines.at(-1)?.event === "added")
    expect(out.lines.at(-1)).toEqual({ event: "added", chat: name, user })
    expect(configOf("mira")).toEqual({
      ...before,
      owner: {
        [name]: {
          token: server.token,
          baseUrl: server.baseUrl,
          user,
          ...(name === "telegram" ? { chat } : { channel: chat }),
        },
      },
    })
    expect(statSync(join(world.home("mira"), ".sento-config.json")).mode & 0o777).toBe(0o600)
    expect(server.sent.at(-1)?.text).toBe(
      "mira's owner is asked here before it is paired with another agent.",
    )
  }, 120_000)

  test("a token that is not taken is refused, and nothing is written", async () => {
    world = createWorld()
    server = chatServers[name]()
    server.revoke()
    initAgent(world, "mira")
    const before = configOf("mira")
    const ran = await world.run("mira", addingWords(name), tokenInput())
    expect({ exit: ran.exit, ...JSON.parse(ran.stdout).error }).toMatchObject({
      exit: 77,
      code: "refused",
      message: `${name} does not take the token`,
    })
    expect(configOf("mira")).toEqual(before)
  }, 120_000)
})

test("without --json the word is on stdout, and people are told where to send it", async () => {
  world = createWorld()
  server = chatServers.telegram()
  await setUpAgent(world, "mira")
  writeFileSync(join(world.folder, "token"), server.token, { mode: 0o600 })
  const words = ["owner", "add", "telegram", "--token-file", "token", "--base-url", server.baseUrl]
  const adding = world.start("mira", words)
  const [shown] = adding.stdout.tee()
  const { value } = await shown.getReader().read()
  const word = new TextDecoder().decode(value).trim()
  server.write({ text: word })
  await adding.exited
  expect(await new Response(adding.stderr).text()).toBe(
    [
      "Send this word to @sento_test_bot in Telegram, in a private message:",
      "",
      "",
      "mira's owner is asked in Telegram from now on (user 7001)",
      "next: `sento guard restart`, for the Guardian still runs as before",
      "",
    ].join("\n"),
  )
}, 120_000)

test("typed into a terminal, the token is not shown", async () => {
  world = createWorld()
  server = chatServers.telegram()
  initAgent(world, "mira")
  await world.session("owner", ["sh"], "mira")
  await world.type(
    "owner",
    `clear; ${built.join(" ")} owner add telegram --base-url ${server.baseUrl}; echo "exit $?"`,
  )
  await world.shows("owner", "The bot's token, from Telegram")
  await world.type("owner", server.token)
  const shown = await world.shows("owner", /^[0-9A-Z]{4}-[0-9A-Z]{4}$/m)
  server.write({ text: /^[0-9A-Z]{4}-[0-9A-Z]{4}$/m.exec(shown)?.[0] ?? "" })
  const end = await world.shows("owner", "exit 0")
  expect(end).not.toContain(server.token.slice(5))
}, 120_000)

describe("with a Guardian", () => {
  async function pairing(owner: object): Promise<{ joining: Child; out: ReturnType<typeof jsonLines> }> {
    world = createWorld()
    server = chatServers.telegram()
    const { token, baseUrl } = server
    initAgent(world, "mira")
    const telegram = { token, baseUrl, ...server.owner }
    const config = { ...configOf("mira"), owner: { telegram, ...owner } }
    writeFileSync(join(world.home("mira"), ".sento-config.json"), JSON.stringify(config), { mode: 0o600 })
    await world.session("mira", ["cat"])
    await Promise.all([world.guard("mira"), setUpAgent(world, "kai")])
    expect(server.calls).toEqual([])
    const out = jsonLines(world.start("mira", ["pair", "--json"]))
    const code = await until("a code", () => out.lines.find(line => line.event === "code")?.code as string)
    const { port } = (await world.status("mira")) ?? { port: 0 }
    const joining = world.start("kai", ["pair", `${code}@127.0.0.1:${port}`, "--json"])
    await until("the question", () =>
      server.sent[0]?.text.startsWith("Agent kai wants to pair. Approve? (yes/no)"),
    )
    return { joining, out }
  }

  test("where a PIN is set, a yes in the chat approves nothing, and a no still counts", async () => {
    const { joining } = await pairing({ pin: await Bun.password.hash("1234") })
    server.write({ text: "yes" })
    await until("the line back", () => server.sent.some(one => one.text.startsWith("A PIN is set")))
    expect(configOf("mira").agents).toEqual({})
    server.write({ text: "no" })
    expect(await joining.exited).toBe(77)
    expect(configOf("mira").agents).toEqual({})
  }, 120_000)
})
