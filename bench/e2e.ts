/**
 * `bun bench/e2e.ts claude|codex|gemini|opencode EXECUTABLE [--all | --questions COUNT | --latency COUNT]`: the program itself, from
 * `sento setup` to what mira's `--wait` prints when its turn ends. A temporary home, a made-up key, a stub of its model,
 * and a network namespace without a way out. `--all` adds what takes longer: a turn that is interrupted. `--questions`
 * asks as many questions instead, of several kinds, and counts the answers that came back by themselves. `--latency`
 * says how long as many messages to an idle agent took from the sender's door to the model.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { callDoor } from "../src/guardian/door/client.ts"
import { pathsOf } from "../src/store/paths.ts"
import { createWorld, pairAgents, setUpAgent, until, type World } from "../test/support/world.ts"
import { isInNamespace, runInNamespace } from "./lab/namespace.ts"
import { hookTrust, type LabProgram, labPrograms } from "./lab/programs.ts"
import { type StubModel, startStubModel } from "./lab/stub-model.ts"

const waitSeconds = "60"
/** After the program's prompt is first seen. */
const restMilliseconds = 3000
const usage =
  "usage: bun bench/e2e.ts claude|codex|gemini|opencode EXECUTABLE [--all | --questions COUNT | --latency COUNT]"

async function main([name, executable, option, count]: readonly string[]): Promise<number> {
  const program = labPrograms[name as LabProgram["name"]]
  if (program === undefined || executable === undefined) throw new Error(usage)
  if (!isInNamespace()) return runInNamespace()
  const world = createWorld()
  using stub = startStubModel({ command: () => "true", delayMilliseconds: () => 0 })
  try {
    await startProgram(world, program, executable, stub.port)
    if (option === "--questions") return await questions(world, stub, Number(count))
    if (option === "--latency") return await latency(world, stub, Number(count))
    await answered(world)
    if (option === "--all") await interrupted(world, program.name)
    // The last, because the refused words stand before those of the next request.
    if (program.name === "claude") await failed(world)
    return 0
  } catch (error) {
    console.log(`${(error as Error).message}\n\nkai shows:\n${await world.screen("kai")}`)
    return 1
  } finally {
    await world.close()
  }
}

/** kai is the program as its owner would have it after `sento setup`; mira is a pane in which nothing runs. */
async function startProgram(
  world: World,
  program: LabProgram,
  executable: string,
  port: number,
): Promise<void> {
  const { name } = program
  const place = { home: world.folder, work: join(world.folder, "work"), port }
  mkdirSync(place.work)
  program.prepare(place)
  await must(world, "kai", ["setup", name])
  const environment = Object.entries(program.environment(place)).map(([key, value]) => `${key}=${value}`)
  const words = [executable, ...program.arguments, ...hookTrust(name)]
  await world.session("kai", ["env", "-C", place.work, ...environment, ...words])
  const tmux = ["--session", "kai", "--tmux-socket", world.socket, "--profile", name, "--port", "0"]
  await must(world, "kai", ["init", "--name", "kai", ...tmux])
  await must(world, "kai", ["guard"])
  await setUpAgent(world, "mira")
  await pairAgents(world, "mira", "kai")
  await until(name, async () => (await world.status("kai"))?.session.state === "ready", 180_000)
}

async function answered(world: World): Promise<void> {
  const asked = await world.sento("mira", ["send", "kai", "what is it?", "--wait", waitSeconds])
  if (asked.exit !== 0 || !/^← agent kai \[\w{4}\]: REPLY-\d+\s*$/.test(asked.stdout))
    throw new Error(`no answer: exit ${asked.exit}\n${asked.stdout}${asked.stderr}`)
  say("the turn ends, and mira's --wait prints its last words")
}

/** Texts as agents send them: of one line, of several, long, above what is typed. */
const texts: readonly ((index: number) => string)[] = [
  index => `what is open in build ${index}?`,
  index => `two things of ${index}:\nwhat is open, and\n  what is done?`,
  index =>
    Array.from({ length: 30 }, (_, line) => `line ${line} of question ${index}, which is long`).join("\n"),
  index => `${index}: ultracode, @wo, :smi, é, 👩‍👩‍👧‍👦 and \\`,
  index => `question ${index}. ${"word ".repeat(2000)}`,
]

/** Each one's answer is what the stub said to it, and nothing the agent had to be asked for. */
async function questions(world: World, stub: StubModel, count: number): Promise<number> {
  let answers = 0
  // What is typed before Gemini CLI has turned bracketed paste on is another matter (docs/DELIVERY.md).
  await Bun.sleep(restMilliseconds)
  for (let index = 0; index < count; index++) {
    const text = texts[index % texts.length]?.(index) ?? ""
    const asked = await world.sento("mira", ["send", "kai", "-", "--wait", waitSeconds], { input: text })
    const isAnswer = asked.exit === 0 && asked.stdout.endsWith(`]: REPLY-${stub.received.length}\n`)
    if (isAnswer && !stub.received.some(prompt => prompt.startsWith("Sentō: "))) answers++
    else say(`${JSON.stringify(text.slice(0, 40))}: exit ${asked.exit}\n${asked.stdout}${asked.stderr}`)
  }
  say(`${answers} of ${count} questions were answered by themselves`)
  return answers === count ? 0 : 1
}

/** Each message when the turn before is over. */
async function latency(world: World, stub: StubModel, count: number): Promise<number> {
  const times: number[] = []
  await Bun.sleep(restMilliseconds)
  for (let index = 0; index < count; index++) {
    const before = stub.received.length
    const startedAt = performance.now()
    const sending = callDoor(pathsOf(world.home("mira")), "agent", {
      op: "send",
      to: "kai",
      text: `note ${index}`,
    })
    while (stub.received.length === before) await Bun.sleep(1)
    times.push(performance.now() - startedAt)
    await sending
    await Bun.sleep(restMilliseconds)
  }
  const [least, median, most] = [0, Math.floor(count / 2), count - 1].map(
    i => times.toSorted((a, b) => a - b)[i] ?? 0,
  )
  say(`from the door to the model: ${median?.toFixed(0)} ms (${least?.toFixed(0)} to ${most?.toFixed(0)})`)
  return 0
}

async function failed(world: World): Promise<void> {
  const asked = await world.sento("mira", ["send", "kai", "a bad request", "--wait", waitSeconds])
  if (asked.exit !== 1 || !asked.stderr.includes("the agent's turn failed"))
    throw new Error(`no word of the failure: exit ${asked.exit}\n${asked.stdout}${asked.stderr}`)
  say("the model's API refuses, and mira is told that no answer comes")
}

async function interrupted(world: World, name: LabProgram["name"]): Promise<void> {
  const asking = world.sento("mira", ["send", "kai", "slow, please", "--wait", waitSeconds])
  await world.shows("kai", "word3")
  // OpenCode wants it twice.
  for (let presses = name === "opencode" ? 2 : 1; presses > 0; presses--) {
    await world.tmux("send-keys", "-t", "=kai:", "Escape")
    if (presses > 1) await world.shows("kai", "esc again")
  }
  const asked = await asking
  const reasons: Partial<Record<LabProgram["name"], string>> = {
    // It tells the words so far as the end of a turn; then the agent is asked, in vain.
    gemini: "the agent's turn ended without an answer",
    opencode: "the agent's turn failed",
  }
  const reason = reasons[name] ?? "the agent's turn was interrupted"
  if (asked.exit !== 1 || !asked.stderr.includes(reason))
    throw new Error(`no word of the interruption: exit ${asked.exit}\n${asked.stdout}${asked.stderr}`)
  say(`somebody presses Esc, and mira is told: ${reason}`)
}

async function must(world: World, name: string, words: readonly string[]): Promise<void> {
  const ran = await world.sento(name, words)
  if (ran.exit !== 0) throw new Error(`sento ${words.join(" ")}: ${ran.stdout}${ran.stderr}`)
}

const startedAt = performance.now()
const say = (what: string): void =>
  console.log(`${((performance.now() - startedAt) / 1000).toFixed(1)} s  ${what}`)

process.exit(await main(process.argv.slice(2)))
