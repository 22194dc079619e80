/** `sento init` with a person in front of it: a real terminal, keys by tmux. */
import { afterEach, expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { built, createWorld, type World } from "../support/world.ts"

let world: World
afterEach(() => world.close())

async function openTerminal(words: string): Promise<string> {
  world = createWorld()
  await world.session("owner", ["sh"], "mira")
  await world.type("owner", `${built.join(" ")} ${words}; echo "exit $?"`)
  return join(world.home("mira"), ".sento-config.json")
}

test("init asks for what is missing, and refuses a bad answer", async () => {
  const config = await openTerminal("init")
  await world.shows("owner", "What is this agent called?")
  await world.tmux("send-keys", "-t", "=owner:", "C-u")
  await world.type("owner", "Mira")
  await world.shows("owner", "a name is 1 to 32 of a-z")
  await world.tmux("send-keys", "-t", "=owner:", "C-u")
  await world.type("owner", "mira")
  await world.shows("owner", "In which tmux session does it run?")
  await world.tmux("send-keys", "-t", "=owner:", "Enter")
  await world.shows("owner", "exit 0")
  expect(JSON.parse(readFileSync(config, "utf8"))).toMatchObject({ name: "mira" })
}, 120_000)

test("Ctrl-C at a question of init leaves no file", async () => {
  const config = await openTerminal("init")
  await world.shows("owner", "What is this agent called?")
  await world.tmux("send-keys", "-t", "=owner:", "C-c")
  await world.shows("owner", "exit 130")
  expect(existsSync(config)).toBe(false)
}, 120_000)

test("another command asks first where nothing is set up", async () => {
  const config = await openTerminal("send nobody hello")
  await world.shows("owner", /not set up yet[\s\S]*What is this agent called/)
  await world.tmux("send-keys", "-t", "=owner:", "C-c")
  await world.shows("owner", "exit 130")
  expect(existsSync(config)).toBe(false)
}, 120_000)
