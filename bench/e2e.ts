/**
 * `bun bench/e2e.ts claude|codex|gemini|opencode EXECUTABLE [--all]`: the program itself, from `sento setup` to what
 * mira's `--wait` prints when its turn ends. A temporary home, a made-up key, a stub of its model, and a network
 * namespace without a way out. `--all` adds what takes longer: a turn that is interrupted.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { createWorld, pairAgents, setUpAgent, until, type World } from "../test/support/world.ts"
import { type LabProgram, labPrograms } from "./lab/programs.ts"
import { startStubModel } from "./lab/stub-model.ts"

const insideVariable = "SENTO_LAB_NAMESPACE"
const waitSeconds = "60"
const usage = "usage: bun bench/e2e.ts claude|codex|gemini|opencode EXECUTABLE [--all]"
/** Codex 0.169.0 runs no hook before its owner trusted it. */
const more: Partial<Record<LabProgram["name"], string[]>> = { codex: ["--dangerously-bypass-hook-trust"] }

async function main([name, executable, option]: readonly string[]): Promise<number> {
  const program = labPrograms[name as LabProgram["name"]]
  if (program === undefined || executable === undefined) throw new Error(usage)
  if (process.env[insideVariable] === undefined) return insideNamespace()
  const world = createWorld()
  using stub = startStubModel({ command: () => "true", delayMilliseconds: () => 0 })
  try {
    await startProgram(world, program, executable, stub.port)
    if (program.name === "gemini") await notAnswered(world)
    else await answered(world)
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

/** Runs this script again where no packet can leave. */
async function insideNamespace(): Promise<number> {
  const unshare = process.getuid?.() === 0 ? ["unshare", "-n"] : ["unshare", "-r", "-n"]
  const start = 'ip link set lo up && exec "$0" "$@"'
  const child = Bun.spawn([...unshare, "sh", "-c", start, process.execPath, ...process.argv.slice(1)], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, [insideVariable]: "1" },
  })
  return await child.exited
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
  const words = [executable, ...program.arguments, ...(more[name] ?? [])]
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

/** Its words are not used, and the stub does not run what it is asked to run. */
async function notAnswered(world: World): Promise<void> {
  const asked = await world.sento("mira", ["send", "kai", "what is it?", "--wait", waitSeconds])
  if (asked.exit !== 1 || !asked.stderr.includes("ended without an answer"))
    throw new Error(`exit ${asked.exit}\n${asked.stdout}${asked.stderr}`)
  say("the turn ends, the agent is asked, ends again, and mira is told that no answer comes")
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
