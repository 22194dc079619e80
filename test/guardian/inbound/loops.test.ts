/** Agents that answer each other on and on, and agents whose owner wants quiet, with real Guardians and panes. */
import { afterEach, expect, test } from "bun:test"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  built,
  createWorld,
  initAgent,
  pairAgents,
  setUpAgent,
  until,
  type World,
} from "../../support/world.ts"

let world: World
afterEach(async () => world?.close())

const cameTo = async (name: string): Promise<[string, string][]> =>
  (await world.log(name)).filter(one => one.direction === "in").map(one => [one.text, one.state])

/** The lines that the Guardian typed into an agent's pane. */
async function typedLines(name: string): Promise<string[]> {
  const { stdout } = await world.tmux("capture-pane", "-p", "-J", "-S", "-", "-t", `=${name}:`)
  return [...stdout.matchAll(/^got \[(.+)\]$/gm)].map(match => match[1] as string)
}

/** Answers each message by its id, with one more than its number; notes each line it was given. */
const echoAgent = `
const [, , ...command] = process.argv
for await (const line of console) {
  const [, id, text] = /^← agent [a-z]+ \\[([0-9a-z]{4})\\]: (\\d+)/.exec(line) ?? []
  if (id === undefined) continue
  console.log("got [" + text + "]")
  const ran = Bun.spawnSync([...command, "reply", id, String(Number(text) + 1)])
  console.log(ran.exitCode === 0 ? "answered" : ran.stderr.toString())
}
`

async function setUpEcho(name: string, hopLimit: number): Promise<void> {
  const script = join(world.folder, "echo-agent.ts")
  writeFileSync(script, echoAgent)
  await world.session(name, [process.execPath, script, ...built])
  initAgent(world, name)
  const path = join(world.home(name), ".sento-config.json")
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), hopLimit }), {
    mode: 0o600,
  })
  await world.guard(name)
}

const isWaiting = async (name: string, waiting: { inbox: number; outbox: number }): Promise<boolean> =>
  Bun.deepEquals((await world.status(name))?.waiting, waiting)

test("two agents that echo each other stop by themselves, and go on when an owner says so", async () => {
  world = createWorld()
  for (const name of ["mira", "kai"]) await setUpEcho(name, 4)
  await pairAgents(world, "mira", "kai")

  expect((await world.sento("mira", ["send", "kai", "0"])).exit).toBe(0)
  const paused = await until("the loop's end", async () => (await world.status("mira"))?.paused)
  expect(paused).toEqual([{ name: "kai", until: "resume", reason: "loop", waiting: 1 }])
  await until("rest at kai's", () => isWaiting("kai", { inbox: 0, outbox: 0 }))
  await until("rest at mira's", () => isWaiting("mira", { inbox: 1, outbox: 0 }))
  // Whatever was typed was answered, no answer is on its way, and the last one is held: nothing can follow.
  expect(await cameTo("kai")).toEqual([
    ["0", "delivered"],
    ["2", "delivered"],
    ["4", "delivered"],
  ])
  expect(await cameTo("mira")).toEqual([
    ["1", "delivered"],
    ["3", "delivered"],
    ["5", "waiting"],
  ])
  expect(await typedLines("kai")).toEqual(["0", "2", "4"])
  expect(await typedLines("mira")).toEqual(["1", "3"])

  const { stdout } = await world.sento("mira", ["status"])
  expect(stdout).toContain(
    "paused    kai (1 waiting) because the agents answered each other too often: until `sento agents resume kai`\n",
  )
  const logs = await world.sento("mira", ["guard", "logs"])
  expect(logs.stdout).toMatch(/holding \[....\] from kai \(5 replies in a row\): .*`sento agents resume kai`/)

  // The other owner is told too, and whom to ask.
  const howToGoOn = "5 replies in a row; mira's owner runs `sento agents resume kai`"
  await until("the receipt at kai's", async () => (await world.log("kai")).at(-1)?.reason === howToGoOn)
  const words = `mira's Guardian holds our message: ${howToGoOn}`
  expect((await world.sento("kai", ["status"])).stdout).toContain(`loop      ${words}\n`)
  const listed = await world.sento("kai", ["agents"])
  expect(listed.stdout).toContain("by mira's Guardian (below)")
  expect(listed.stderr).toBe(`${words}\n`)
  expect((await world.sento("kai", ["log"])).stdout).toContain(
    ` · mira has it, and types it when its owner lets the agents go on: ${howToGoOn}\n       5\n`,
  )
  expect((await world.sento("kai", ["guard", "logs"])).stdout).toContain(`told the owner: ${words}`)

  const [last] = (await world.log("mira")).slice(-1)
  expect(last).toMatchObject({ text: "5", state: "waiting" })
  expect(last?.reason).toContain("`sento agents resume kai`")

  const resumed = await world.sento("mira", ["agents", "resume", "kai", "--json"])
  expect(JSON.parse(resumed.stdout)).toEqual({ resumed: "kai", wasPaused: true, moreReplies: 4 })
  const isDone = async (): Promise<boolean> =>
    (await world.log("kai")).every(one => one.direction === "in" || one.reason === null)
  await until("kai's owner to be done", isDone)
  expect((await world.sento("kai", ["status"])).stdout).not.toContain("loop ")
  // Kai's owner has a word too: kai's own limit holds mira's next answer.
  await until("the hold on the other side", async () => (await world.status("kai"))?.paused)
  expect(await typedLines("mira")).toEqual(["1", "3", "5"])
  expect(await typedLines("kai")).toEqual(["0", "2", "4"])
  expect((await world.sento("kai", ["agents", "resume", "mira"])).exit).toBe(0)
  await until("the next end", async () => (await world.status("mira"))?.paused)
  expect(await typedLines("kai")).toEqual(["0", "2", "4", "6", "8", "10"])
  expect(await typedLines("mira")).toEqual(["1", "3", "5", "7", "9"])
}, 120_000)

test("a paused agent's messages are accepted and kept, over a restart, while those of others are typed", async () => {
  world = createWorld()
  for (const name of ["mira", "kai", "lia"]) await setUpAgent(world, name)
  await pairAgents(world, "mira", "kai")
  await pairAgents(world, "mira", "lia")
  expect((await world.sento("mira", ["agents", "pause", "kai"])).exit).toBe(0)
  expect((await world.sento("kai", ["send", "mira", "not", "now"])).exit).toBe(0)
  expect((await world.sento("lia", ["send", "mira", "but", "this"])).exit).toBe(0)
  await world.shows("mira", /← agent lia \[....\]: but this/)
  await world.restartGuard("mira")
  expect((await world.sento("lia", ["send", "mira", "and", "this"])).exit).toBe(0)
  expect(await world.shows("mira", /← agent lia \[....\]: and this/)).not.toContain("not now")
  await until("all but one to be typed", () => isWaiting("mira", { inbox: 1, outbox: 0 }))
  expect((await world.sento("mira", ["agents", "resume", "kai"])).exit).toBe(0)
  await world.shows("mira", /← agent kai \[....\]: not now/)
}, 120_000)

test("a pause that ends by time needs nobody: what waited is typed then", async () => {
  world = createWorld()
  for (const name of ["mira", "kai"]) await setUpAgent(world, name)
  await pairAgents(world, "mira", "kai")
  expect((await world.sento("mira", ["agents", "pause", "kai", "365d"])).exit).toBe(0)
  expect((await world.sento("kai", ["send", "mira", "when", "you", "can"])).exit).toBe(0)
  await until("the message", () => isWaiting("mira", { inbox: 1, outbox: 0 }))
  const { stdout } = await world.sento("mira", ["agents", "pause", "kai", "1s", "--json"])
  await world.shows("mira", /← agent kai \[....\]: when you can/)
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(JSON.parse(stdout).pausedUntil))
  expect((await world.status("mira"))?.paused).toBeUndefined()
}, 120_000)

test("an answer past the hop limit is given to the command that waits for it, and no loop is held", async () => {
  world = createWorld()
  await setUpEcho("mira", 0)
  await setUpAgent(world, "kai", [...built, "demo-agent", "forty-two"])
  await pairAgents(world, "mira", "kai")
  const asked = await world.sento("mira", ["send", "kai", "what is it?", "--wait", "100"])
  expect(asked).toMatchObject({ exit: 0, stdout: expect.stringMatching(/: forty-two\n$/) })
  expect((await world.status("mira"))?.paused).toBeUndefined()
}, 120_000)
