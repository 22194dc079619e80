/** `sento init` with a person in front of it: a real terminal, keys by tmux. */
import { afterEach, expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { built, createWorld, type World } from "../support/world.ts"

let world: World
afterEach(() => world.close())

/** No other tmux server than the world's is seen. */
async function openTerminal(words: string): Promise<string> {
  world = createWorld()
  await world.session("owner", ["sh"], "mira")
  await world.type("owner", `export TMUX_TMPDIR=$HOME; ${built.join(" ")} ${words}; echo "exit $?"`)
  return join(world.home("mira"), ".sento-config.json")
}

const press = (...keys: string[]) => world.tmux("send-keys", "-t", "=owner:", ...keys)

test("init asks for the session among those there are, then for the name, and refuses a bad answer", async () => {
  world = createWorld()
  await world.session("Mira (work)", ["cat"], "mira")
  await world.session("owner", ["sh"], "mira")
  await world.type("owner", `export TMUX_TMPDIR=$HOME; ${built.join(" ")} init; echo "exit $?"`)
  await world.shows("owner", /● Mira \(work\) +cat\n.*○ owner +this terminal\n.*another one/)
  await press("Enter")
  await world.shows("owner", /What is this agent called\?[^\n]*\n.*mira-work/)
  await world.type("owner", "Mira")
  await world.shows("owner", "a name is 1 to 32 of a-z")
  await press("C-u")
  await press("Enter")
  await world.shows("owner", "exit 0")
  const config = JSON.parse(readFileSync(join(world.home("mira"), ".sento-config.json"), "utf8"))
  expect(config).toMatchObject({ name: "mira-work", tmux: { session: "Mira (work)", socket: world.socket } })
}, 120_000)

test("what is typed replaces the proposed name; a session that is not there is told before anything is written", async () => {
  const config = await openTerminal("init")
  await world.shows("owner", "another one")
  await press("Down", "Enter")
  await world.shows("owner", "Its name")
  await world.type("owner", "later")
  await world.shows("owner", /start it with `tmux new -s later`[\s\S]*What is this agent called/)
  expect(existsSync(config)).toBe(false)
  await world.type("owner", "kai")
  const screen = await world.shows("owner", "exit 0")
  expect(screen.indexOf("there is no tmux session named later yet")).toBeLessThan(screen.indexOf("wrote "))
  expect(JSON.parse(readFileSync(config, "utf8"))).toMatchObject({ name: "kai", tmux: { session: "later" } })
}, 120_000)

test("beside an agent a person is asked: another one, or a new name for that one", async () => {
  world = createWorld()
  await world.session("owner", ["sh"], ".")
  const sento = `SENTO_HOME= ${built.join(" ")}`
  await world.type(
    "owner",
    `export TMUX_TMPDIR=$HOME; ${sento} init --name mira --session mira; echo "exit $?"`,
  )
  await world.shows("owner", "exit 0")
  await world.type("owner", `clear; ${sento} init --name kai --session kai; echo "exit $?"`)
  await world.shows(
    "owner",
    /mira lives here already[\s\S]*● add kai as another agent[\s\S]*○ rename mira to kai/,
  )
  await press("Enter")
  await world.shows("owner", "exit 0")
  await world.type(
    "owner",
    `clear; ${sento} init --agent mira --name zoe; ${sento} agents --local; echo "exit $?"`,
  )
  const screen = await world.shows("owner", "exit 0")
  expect(screen).toMatch(/^zoe +mira/m)
  expect(screen).toMatch(/^kai +kai/m)
}, 120_000)

test("Ctrl-C at a question of init leaves no file", async () => {
  const config = await openTerminal("init")
  await world.shows("owner", "In which tmux session")
  await press("C-c")
  await world.shows("owner", "exit 130")
  expect(existsSync(config)).toBe(false)
}, 120_000)

test("another command asks first where nothing is set up", async () => {
  const config = await openTerminal("send nobody hello")
  await world.shows("owner", /not set up yet[\s\S]*In which tmux session/)
  await press("C-c")
  await world.shows("owner", "exit 130")
  expect(existsSync(config)).toBe(false)
}, 120_000)
