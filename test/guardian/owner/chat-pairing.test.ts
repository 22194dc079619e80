/** A real pairing between two real Guardians, answered by the owner in a chat. */

import { afterEach, expect, test } from "bun:test"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { ChatName } from "../../../src/protocol/names.ts"
import { type ChatServer, chatServers } from "../../support/chats/server.ts"
import { createWorld, finished, jsonLines, setUpAgent, until, type World } from "../../support/world.ts"

let world: World
let server: ChatServer
afterEach(async () => {
  await world.close()
  await server.close()
})

/** mira's owner is asked in this chat, and at the same time in the terminal of `sento pair`. */
async function setUp(name: ChatName): Promise<string> {
  world = createWorld()
  server = chatServers[name]()
  const { token, baseUrl, owner } = server
  await setUpAgent(world, "mira")
  await setUpAgent(world, "kai")
  const place = name === "telegram" ? { chat: owner.chat } : { channel: owner.chat }
  const path = join(world.home("mira"), ".sento-config.json")
  const config = JSON.parse(readFileSync(path, "utf8"))
  writeFileSync(
    path,
    JSON.stringify({ ...config, owner: { [name]: { token, user: owner.user, baseUrl, ...place } } }),
  )
  await world.restartGuard("mira")
  const { lines } = jsonLines(world.start("mira", ["pair", "--json"]))
  const code = await until("a code", () => lines.find(line => line.event === "code")?.code as string)
  return `${code}@127.0.0.1:${(await world.status("mira"))?.port}`
}

const question = (): Promise<{ id: string; text: string }> =>
  until("the question", () => server.sent.find(one => one.text.includes("Agent kai wants to pair")))

test.each([
  ["telegram", "yes"],
  ["telegram", "no"],
  ["discord", "yes"],
  ["discord", "no"],
  ["slack", "yes"],
  ["slack", "no"],
] as const)(
  "in %s the owner's %s settles a pairing, and a stranger's does not",
  async (name, word) => {
    const at = await setUp(name)
    const joining = world.start("kai", ["pair", at, "--json"])
    const { id } = await question()
    server.write({ text: word === "yes" ? "no" : "yes", author: "31337", repliesTo: id })
    server.write({ text: word, repliesTo: id })
    expect((await finished(joining)).exit).toBe(word === "yes" ? 0 : 77)
    expect(world.paired("mira")).toEqual(word === "yes" ? ["kai"] : [])
    const outcome = word === "yes" ? "Paired with kai." : "Denied. Nothing is paired."
    await until("the outcome", () => server.sent.some(one => one.text.includes(outcome)))
  },
  120_000,
)

test("an answer in a terminal withdraws the question in the chat", async () => {
  const at = await setUp("telegram")
  const joining = world.start("kai", ["pair", at, "--json"])
  await question()
  expect((await world.sento("mira", ["approve"])).exit).toBe(0)
  expect((await finished(joining)).exit).toBe(0)
  await until("the withdrawal", () =>
    server.sent.some(one => one.text.includes("answered elsewhere: approved")),
  )
}, 120_000)

test("three wrong codes: the owner reads in the chat that the code is burned, by which address, and once", async () => {
  const at = await setUp("telegram")
  const wrong = at.replace(/SENTO-(.)/, (_, symbol) => `SENTO-${symbol === "0" ? "1" : "0"}`)
  for (const _ of [1, 2, 3]) await world.sento("kai", ["pair", wrong])
  const burned = (): string[] => server.sent.filter(one => one.text.includes("burned")).map(one => one.text)
  await until("the notice", () => burned().length > 0)
  await world.restartGuard("mira")
  expect(burned()).toEqual([
    "the pairing code was burned by 3 wrong tries, the last from 127.0.0.1; `sento pair` makes a new one",
  ])
}, 120_000)
