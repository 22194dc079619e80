/** A session that was made anew, with a program that no profile knows: its owner is told what waits, and what to type. */
import { afterEach, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { built, createWorld, pairAgents, setUpAgent, until, type World } from "../../support/world.ts"

let world: World
afterEach(() => world.close())

const log = (name: string): string => readFileSync(join(world.home(name), ".sento/guardian.log"), "utf8")

test("it waits, the owner reads why, and `sento guard attach` outside of the session types it there", async () => {
  world = createWorld()
  await setUpAgent(world, "mira")
  await setUpAgent(world, "kai")
  await pairAgents(world, "mira", "kai")
  await world.tmux("kill-session", "-t", "=kai")
  await world.session("kai", ["cat"])
  expect((await world.run("mira", ["send", "kai", "one"])).exit).toBe(0)
  const told =
    "a message waits for kai, whose tmux session kai was made anew: `sento guard attach` in a terminal of your own, outside of it, types them there"
  await until("the owner is told", () => log("kai").includes(`told the owner: ${told}`))
  expect((await world.run("mira", ["send", "kai", "two"])).exit).toBe(0)
  await world.session("owner", ["sh"], "kai")
  await world.type("owner", `${built.join(" ")} guard attach`)
  await world.shows("owner", /messages are typed into pane %\d+ of session kai from now on/)
  await world.shows("kai", /: one[\s\S]*: two/)
})

test("with several panes beside it the agent's is named, and one that is not there is none", async () => {
  world = createWorld()
  await setUpAgent(world, "kai")
  await world.tmux("split-window", "-t", "=kai:", "cat")
  await world.tmux("new-window", "-t", "=kai:", "-e", `SENTO_HOME=${world.home("kai")}`, "sh")
  await world.type("kai", `${built.join(" ")} guard attach`)
  await world.shows("kai", /has several panes beside this one: %\d+, %\d+/)
  await world.type("kai", `clear; ${built.join(" ")} guard attach %999`)
  await world.shows("kai", "the tmux session kai has no pane %999")
  const { stdout } = await world.tmux("list-panes", "-t", "=kai:0", "-F", "#{pane_id}")
  const second = stdout.trim().split("\n")[1]
  await world.type("kai", `clear; ${built.join(" ")} guard attach ${second}`)
  await world.shows("kai", `messages are typed into pane ${second} of session kai`)
})
