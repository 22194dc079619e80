/** Receipts and `send --wait`: the sender sees what becomes of a message, and gets the answer. */
import { afterEach, expect, test } from "bun:test"
import {
  built,
  createWorld,
  finished,
  initAgent,
  pairAgents,
  setUpAgent,
  until,
  type World,
} from "../../support/world.ts"

let world: World
afterEach(async () => world?.close())

const demoAgent = (words: string): string[] => [...built, "demo-agent", words]

/** kai's answer as it is printed. */
const answer = (words: string) =>
  expect.stringMatching(new RegExp(`^← agent kai \\[[0-9a-z]{4}\\]: ${words}\n$`))

test("`--wait` prints the answer on stdout, which is then not typed as well", async () => {
  world = createWorld()
  await setUpAgent(world, "mira")
  await setUpAgent(world, "kai", demoAgent("forty-two"))
  await pairAgents(world, "mira", "kai")
  const asked = await world.sento("mira", ["send", "--wait", "100", "kai", "what is it?"])
  const tagged = answer("forty-two")
  expect(asked).toMatchObject({ exit: 0, stdout: tagged })
  expect(asked.stderr).toContain("kai has the message; waiting for the answer")
  expect(asked.stderr).toMatch(/kai answers \(to go on: sento reply [0-9a-z]{4} TEXT\):/)
  expect(await world.screen("mira")).not.toContain("forty-two")
  const json = await world.sento("mira", ["send", "kai", "and now?", "--wait", "100", "--json"])
  expect(JSON.parse(json.stdout)).toMatchObject({
    to: "kai",
    status: "accepted",
    reply: { text: "forty-two" },
  })
  // As models write it: the name where the seconds would stand, and a list for a text.
  const behind = await world.sento("mira", ["send", "--wait", "kai", "- and at last?"])
  expect(behind).toMatchObject({ exit: 0, stdout: tagged })
  const sent = (await world.log("mira")).filter(one => one.direction === "out")
  expect(sent.map(one => [one.text, one.peerState])).toEqual([
    ["what is it?", "answered"],
    ["and now?", "answered"],
    ["- and at last?", "answered"],
  ])
  // Whoever answered hears that it arrived, as for an answer that is typed.
  await until("three receipts", async () => {
    const answers = (await world.log("kai")).filter(one => one.direction === "out")
    return answers.length === 3 && answers.every(one => one.peerState === "delivered")
  })
}, 120_000)

test("without an answer in time it exits 124, and the late answer is typed", async () => {
  world = createWorld()
  await setUpAgent(world, "mira")
  await setUpAgent(world, "kai")
  await pairAgents(world, "mira", "kai")
  const asked = await world.sento("mira", ["send", "--wait", "5", "kai", "are you there?"])
  expect(asked).toMatchObject({ exit: 124, stdout: "" })
  expect(asked.stderr).toContain("no answer from kai within 5 s; the message lives on")
  const shown = await world.shows("kai", /← agent mira \[[0-9a-z]{4}\]: are you there/)
  const id = /← agent mira \[([0-9a-z]{4})\]/.exec(shown)?.[1] as string
  expect((await world.sento("kai", ["reply", id, "yes, now"])).exit).toBe(0)
  await world.shows("mira", "yes, now")
}, 120_000)

test("the sender hears that its message is held, and later that it was typed", async () => {
  world = createWorld()
  for (const name of ["mira", "kai"]) {
    initAgent(world, name)
    await world.guard(name)
  }
  await pairAgents(world, "mira", "kai")
  const waiting = world.start("mira", ["send", "--wait", "100", "kai", "no hurry"])
  await until("the held receipt", async () => (await world.log("mira"))[0]?.peerState === "held")
  expect((await world.log("mira"))[0]).toMatchObject({ state: "accepted", peerReason: "no session" })
  await world.session("kai", demoAgent("done"))
  const asked = await finished(waiting)
  expect(asked).toMatchObject({ exit: 0, stdout: answer("done") })
  expect(asked.stderr).toContain(
    "kai has the message and cannot type it now (no session); it is typed when it can be",
  )
}, 120_000)

test("the sender hears that its message waits because its agent was paused", async () => {
  world = createWorld()
  await setUpAgent(world, "mira")
  await setUpAgent(world, "kai", demoAgent("here again"))
  await pairAgents(world, "mira", "kai")
  expect((await world.sento("kai", ["agents", "pause", "mira"])).exit).toBe(0)
  const waiting = world.start("mira", ["send", "--wait", "100", "kai", "hello?"])
  await until("the held receipt", async () => (await world.log("mira"))[0]?.peerState === "held")
  expect((await world.log("mira"))[0]).toMatchObject({ state: "accepted", peerReason: "paused" })
  expect((await world.sento("kai", ["agents", "resume", "mira"])).exit).toBe(0)
  expect(await finished(waiting)).toMatchObject({ exit: 0, stdout: answer("here again") })
}, 120_000)

test("a Guardian that is stopped under `--wait` says that the message lives on", async () => {
  world = createWorld()
  for (const name of ["mira", "kai"]) await setUpAgent(world, name)
  await pairAgents(world, "mira", "kai")
  const waiting = world.start("mira", ["send", "--wait", "100", "kai", "are you there?"])
  await world.shows("kai", "are you there?")
  await world.stopGuard("mira")
  const asked = await finished(waiting)
  expect(asked).toMatchObject({ exit: 1, stdout: "" })
  expect(asked.stderr).toEndWith(
    "sento: error: the Guardian was stopped before kai answered\nsento: hint: the message lives on: `sento guard` starts it again, and the answer will be typed into the agent's session\n",
  )
  expect((await world.sento("mira", ["guard", "status"])).exit).toBe(1)
}, 120_000)

test("under `--wait` a person sees that the message is queued, Ctrl-C leaves it, and a removal ends the wait", async () => {
  world = createWorld()
  for (const name of ["mira", "kai"]) {
    initAgent(world, name)
    await world.guard(name)
  }
  await pairAgents(world, "mira", "kai")
  await world.stopGuard("kai")
  const interrupted = world.start("mira", ["send", "kai", "one", "--wait", "100"])
  const [first, all] = interrupted.stderr.tee()
  await first.getReader().read()
  interrupted.kill("SIGINT")
  const left = await finished({ stdout: interrupted.stdout, stderr: all, exited: interrupted.exited })
  expect(left).toMatchObject({ exit: 130, stdout: "" })
  expect(left.stderr).toMatch(
    /^queued for kai: nothing listens on .*; is its Guardian running\?; waiting\nstopped waiting; the message lives on\nhint: do not send it again;/,
  )
  const removed = world.start("mira", ["send", "kai", "two", "--wait", "100"])
  await until("both to wait", async () => (await world.status("mira"))?.waiting.outbox === 2)
  await world.ask("mira", "owner", { op: "remove", name: "kai" })
  const ended = await finished(removed)
  expect(ended).toMatchObject({ exit: 77, stdout: "" })
  expect(ended.stderr).toEndWith(
    "sento: error: the pair with kai has ended: removed here\nsento: hint: to go on, pair again: `sento pair`\n",
  )
}, 120_000)

test.each([
  ["0", 64],
  ["-3", 64],
  ["soon", 64],
  ["1e9", 64],
] as const)("`--wait %s` is refused", async (seconds, exit) => {
  world = createWorld()
  initAgent(world, "mira")
  const refused = await world.sento("mira", ["send", `--wait=${seconds}`, "kai", "x"])
  expect(refused.exit).toBe(exit)
  expect(refused.stderr).toContain("is no number of seconds")
})

test("`--reply-to` answers a message of that agent, and of no other", async () => {
  world = createWorld()
  await setUpAgent(world, "mira")
  await setUpAgent(world, "kai")
  await pairAgents(world, "mira", "kai")
  await world.sento("mira", ["send", "kai", "question"])
  const id = /← agent mira \[([0-9a-z]{4})\]/.exec(await world.shows("kai", /← agent mira \[/))?.[1] as string
  expect((await world.sento("kai", ["send", "mira", "answer", "--reply-to", id])).exit).toBe(0)
  await until("the answer to be noted", async () => (await world.log("mira"))[0]?.peerState === "answered")
  const wrong = await world.sento("mira", ["send", "kai", "x", "--reply-to", id])
  expect(wrong.exit).toBe(64)
}, 120_000)
