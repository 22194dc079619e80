/** `sento hook` from end to end: two Guardians, a pane, and the JSON that an agent program would give. */
import { afterEach, beforeEach, expect, type Mock, spyOn, test } from "bun:test"
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { askAgain } from "../../src/commands/hook.ts"
import { HungUp, NoGuardian } from "../../src/guardian/door/client.ts"
import { SentoError } from "../../src/protocol/errors.ts"
import { pathsOf } from "../../src/store/paths.ts"
import {
  createWorld,
  finished,
  pairAgents,
  type Ran,
  setUpAgent,
  until,
  type World,
} from "../support/world.ts"

let world: World
/** A hook gives up after two seconds; of what has nothing to do with that, after a minute. */
let patience: Mock<typeof AbortSignal.timeout>
const { timeout } = AbortSignal
beforeEach(() => {
  patience = spyOn(AbortSignal, "timeout").mockImplementation(milliseconds =>
    timeout.call(AbortSignal, 30 * milliseconds),
  )
})
afterEach(async () => {
  patience.mockRestore()
  await world?.close()
})

const session = { session_id: "s1", transcript_path: "/x", cwd: "/y" }
const hook = (name: string, event: string, input: object, env: Record<string, string> = {}): Promise<Ran> =>
  world.run(name, ["hook", event], { input: JSON.stringify({ ...session, ...input }), env })
/** As a program with hooks for the user and for the project runs them. */
const hookTwice = (name: string, event: string, input: object): Promise<Ran[]> => {
  const given = { input: JSON.stringify({ ...session, ...input }) }
  return Promise.all([1, 2].map(() => world.run(name, ["hook", event], given)))
}
const quiet: Ran = { exit: 0, stdout: "", stderr: "" }

/** kai's message as its pane shows it, with the start of its tag. */
async function asked(text: string): Promise<{ id: string; prompt: string }> {
  const line = new RegExp(`← agent mira \\[([0-9a-z]{4})\\]: ${RegExp.escape(text)}`)
  const [prompt = "", id = ""] = line.exec(await world.shows("kai", line)) ?? []
  return { id, prompt }
}

async function pair(): Promise<void> {
  world = createWorld()
  await Promise.all([setUpAgent(world, "mira"), setUpAgent(world, "kai")])
  await pairAgents(world, "mira", "kai")
}

test("the end of a turn sends the answer to who waits; after a restart in its middle the agent is asked", async () => {
  await pair()
  const waiting = world.start("mira", ["send", "kai", "what is it?", "--wait", "600"])
  const { prompt } = await asked("what is it?")
  expect(await hookTwice("kai", "UserPromptSubmit", { prompt_id: "A", prompt })).toEqual([quiet, quiet])
  const end = { prompt_id: "A", stop_hook_active: false, last_assistant_message: "forty-two\nindeed" }
  expect(await hookTwice("kai", "Stop", end)).toEqual([quiet, quiet])
  expect(await finished(waiting)).toMatchObject({
    exit: 0,
    stdout: expect.stringMatching(/^← agent kai \[[0-9a-z]{4}\]: forty-two\n {2}indeed\n$/),
  })
  expect((await world.run("kai", ["log"])).stdout).toContain("forty-two")

  await world.run("mira", ["send", "kai", "and now?"])
  const again = await asked("and now?")
  await hook("kai", "UserPromptSubmit", { prompt_id: "B", prompt: again.prompt })
  await world.stopGuard("kai")
  // Nobody hears of what a person queues meanwhile.
  await world.guard("kai")
  const secret = { prompt_id: "B", last_assistant_message: "and your password is swordfish" }
  const blocked = await hook("kai", "Stop", secret)
  expect(JSON.parse(blocked.stdout)).toMatchObject({ decision: "block" })
  expect(await hook("kai", "Stop", { ...secret, stop_hook_active: true })).toEqual(quiet)
  expect((await world.run("kai", ["log"])).stdout).not.toContain("swordfish")
}, 120_000)

test("a turn that fails ends the wait of its peer with a plain word, in the log too", async () => {
  await pair()
  const waiting = world.start("mira", ["send", "kai", "what is it?", "--wait", "600"])
  const { prompt } = await asked("what is it?")
  // As Codex and Gemini CLI say it, the one with its own id of the turn, the other without.
  await hook("kai", "UserPromptSubmit", { turn_id: "A", prompt })
  expect(await hook("kai", "StopFailure", { turn_id: "A", error: "rate_limit" })).toEqual(quiet)
  const told = await finished(waiting)
  expect(told).toMatchObject({ exit: 1, stdout: "" })
  expect(told.stderr).toContain(
    "sento: error: kai had the message and gave no answer: the agent's turn failed\n",
  )
  expect(told.stderr).toContain("sento: hint: ask again: `sento send kai TEXT --wait`")
  expect((await world.run("mira", ["log"])).stdout).toContain(
    "kai had it and gave no answer: the agent's turn failed",
  )

  await world.run("mira", ["send", "kai", "and now?"])
  const again = await asked("and now?")
  await hook("kai", "BeforeAgent", { prompt: again.prompt })
  const words = "first thoughts first  thoughts"
  const blocked = await hook("kai", "AfterAgent", { prompt: again.prompt, prompt_response: words })
  expect(blocked).toMatchObject({ exit: 0, stderr: "" })
  expect(JSON.parse(blocked.stdout)).toEqual({
    decision: "block",
    reason: expect.stringContaining(
      `Run \`sento reply ${again.id} - <<'EOF'\`, below it your answer and EOF on a line of its own (or use the tool`,
    ),
  })
  await hook("kai", "BeforeAgent", { prompt: JSON.parse(blocked.stdout).reason })
  await world.run("kai", ["reply", again.id, "yes"])
  const end = { prompt: again.prompt, prompt_response: words, stop_hook_active: true }
  expect(await hook("kai", "AfterAgent", end)).toEqual(quiet)
  await world.shows("mira", /← agent kai \[[0-9a-z]{4}\]: yes/)

  // A third one, of which the transcript has the answer; a pipe that nobody writes into has none, and hangs nothing.
  await world.run("mira", ["send", "kai", "and then?"])
  const last = await asked("and then?")
  const transcript = join(world.folder, "session.jsonl")
  const pipe = join(world.folder, "pipe")
  const records = [
    { id: "0", type: "user", content: "x".repeat(5_000_000) },
    { id: "1", type: "user", content: [{ text: last.prompt }] },
    { id: "2", type: "gemini", content: "first this,\nthen that" },
  ]
  writeFileSync(transcript, records.map(record => `${JSON.stringify(record)}\n`).join(""))
  Bun.spawnSync(["mkfifo", pipe])
  await hook("kai", "BeforeAgent", { prompt: last.prompt })
  const response = { prompt: last.prompt, prompt_response: "first this, then that" }
  const without = await hook("kai", "AfterAgent", { ...response, transcript_path: pipe })
  expect(JSON.parse(without.stdout)).toMatchObject({ decision: "block" })
  await hook("kai", "BeforeAgent", { prompt: JSON.parse(without.stdout).reason })
  expect(await hook("kai", "AfterAgent", { ...response, transcript_path: transcript })).toEqual(quiet)
  await world.shows("mira", /← agent kai \[[0-9a-z]{4}\]: first this, ⏎ then that/)
}, 120_000)

test("without a Guardian, a setup or an input that it knows, it says nothing, starts nothing and exits 0", async () => {
  world = createWorld()
  const prompt = { prompt_id: "A", prompt: "← agent mira [k7q2]: hello" }
  expect(await hook("nobody", "UserPromptSubmit", prompt)).toEqual(quiet)
  expect(existsSync(join(world.home("nobody"), ".sento"))).toBe(false)
  await setUpAgent(world, "kai")
  await world.stopGuard("kai")
  expect(await hook("kai", "UserPromptSubmit", prompt)).toEqual(quiet)
  expect(await world.status("kai")).toBeNull()
  const inputs = ["", "{", "null", "[]", '"text"', '{"session_id":1}', "\u0000".repeat(1000)]
  for (const input of inputs)
    expect([input, await world.run("kai", ["hook", "Stop"], { input })]).toEqual([input, quiet])
  expect(await hook("kai", "PreToolUse", prompt)).toEqual(quiet)
  expect(await hook("kai", "Stop", {}, { SENTO_DOOR: "/nowhere/agent.sock" })).toEqual(quiet)
  expect(await hook("kai", "Stop", {}, { SENTO_HOME: `/${"x".repeat(200)}` })).toEqual(quiet)
}, 120_000)

test("a Guardian that hangs holds no program for longer than the hook's patience of 2 seconds", async () => {
  patience.mockRestore()
  world = createWorld()
  const { folder, agentSocket } = pathsOf(world.home("kai"))
  mkdirSync(folder, { mode: 0o700 })
  const asked: string[] = []
  const socket = { data: (_: unknown, chunk: Buffer) => void asked.push(chunk.toString()) }
  using _door = Bun.listen({ unix: agentSocket, socket })
  const before = performance.now()
  expect(await hook("kai", "Stop", {})).toEqual(quiet)
  // The rest is for the start of the process, on a machine with other work; without patience it would never end.
  expect(performance.now() - before).toBeLessThan(30_000)
  await until("what it asked", () => asked.join("").includes('"op":"turn"'))
})

test("a prompt that cannot be read, or does not come, is told as somebody's part", async () => {
  world = createWorld()
  const { folder, agentSocket } = pathsOf(world.home("kai"))
  mkdirSync(folder, { mode: 0o700 })
  const told: unknown[] = []
  using _door = Bun.listen({
    unix: agentSocket,
    socket: {
      data(socket, chunk) {
        told.push(JSON.parse(chunk.toString()))
        socket.write('{"result":{"block":null}}\n')
      },
    },
  })
  Bun.spawnSync(["mkfifo", join(world.folder, "open")])
  const whose = { session_id: "s", prompt_id: "A" }
  const inputs = [JSON.stringify({ ...whose, prompt: "x".repeat(16 * 1024 * 1024) }), '{"session_id":"s"', ""]
  for (const input of inputs)
    expect((await world.run("kai", ["hook", "UserPromptSubmit"], { input })).exit).toBe(0)
  // That its input does not come it tells in the last half second of its two.
  await until("its word", async () => {
    const unread = world.start("kai", ["hook", "UserPromptSubmit"], {
      command: ["sh", "-c", 'exec "$@" <>open', "sh", ...world.command],
    })
    expect(await finished(unread)).toEqual(quiet)
    return told.length > inputs.length
  })
  const unseen = { op: "turn", session: null, event: { kind: "unseen" } }
  const count = told.length
  expect(told).toEqual(Array.from({ length: count }, () => unseen))
  // The end of a turn that cannot be read is nobody's part.
  expect(await world.run("kai", ["hook", "Stop"], { input: "{" })).toEqual(quiet)
  expect(told.length).toBe(count)
}, 120_000)

test.each<readonly [string, { agoSeconds: number; fails: readonly Error[] }, string]>([
  ["one that is being restarted", { agoSeconds: 1, fails: [new NoGuardian(), new NoGuardian()] }, "told"],
  ["one that stops in the middle", { agoSeconds: 60, fails: [new HungUp(), new NoGuardian()] }, "told"],
  ["one that was stopped before", { agoSeconds: 11, fails: [new NoGuardian()] }, "no Guardian runs"],
  ["one that refuses", { agoSeconds: 1, fails: [new SentoError("config", "not yours")] }, "not yours"],
])("a Guardian that is away is waited for: %s", async (_, { agoSeconds, fails }, want) => {
  const folder = mkdtempSync(join(tmpdir(), "sento-hook-"))
  try {
    const at = Date.now() / 1000 - agoSeconds
    utimesSync(folder, at, at)
    const left = [...fails]
    const ask = async (): Promise<string> => {
      const failure = left.shift()
      if (failure !== undefined) throw failure
      return "told"
    }
    const paths = { ...pathsOf(folder), agentSocket: join(folder, "agent.sock") }
    const came = askAgain(ask, paths, AbortSignal.timeout(60_000)).catch((error: Error) => error.message)
    expect(await came).toStartWith(want)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test("a Guardian that does not come back is waited for until the patience ends", async () => {
  const ending = new AbortController()
  const ask = async (): Promise<never> => {
    ending.abort()
    throw new HungUp()
  }
  await expect(askAgain(ask, pathsOf("/nowhere"), ending.signal)).rejects.toThrow(HungUp)
})
