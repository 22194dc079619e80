/**
 * `bun bench/e2e-claude.ts CLAUDE [--all]`: Claude Code itself, from `sento setup claude` to the answer that
 * mira's `--wait` prints when its turn ends. A temporary home, a made-up key, a stub of its model, and a network
 * namespace without a way out. `--all` adds what takes longer: an interrupted turn.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { createWorld, pairAgents, setUpAgent, until, type World } from "../test/support/world.ts"
import { labPrograms } from "./lab/programs.ts"
import { startStubModel } from "./lab/stub-model.ts"

const insideVariable = "SENTO_LAB_NAMESPACE"
const waitSeconds = "60"

async function main([executable, option]: readonly string[]): Promise<number> {
  if (executable === undefined) throw new Error("usage: bun bench/e2e-claude.ts CLAUDE [--all]")
  if (process.env[insideVariable] === undefined) return insideNamespace()
  const world = createWorld()
  using stub = startStubModel({ command: () => "true", delayMilliseconds: () => 0 })
  try {
    await startClaude(world, executable, stub.port)
    await answered(world)
    if (option === "--all") await interrupted(world)
    // The last, because the refused words stand before those of the next request.
    await failed(world)
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

/** kai is Claude Code as its owner would have it after `sento setup claude`; mira is a pane in which nothing runs. */
async function startClaude(world: World, executable: string, port: number): Promise<void> {
  const { claude } = labPrograms
  const place = { home: world.folder, work: join(world.folder, "work"), port }
  mkdirSync(place.work)
  claude.prepare(place)
  await must(world, "kai", ["setup", "claude"])
  const environment = Object.entries(claude.environment(place)).map(([name, value]) => `${name}=${value}`)
  await world.session("kai", ["env", "-C", place.work, ...environment, executable])
  const tmux = ["--session", "kai", "--tmux-socket", world.socket, "--profile", "claude", "--port", "0"]
  await must(world, "kai", ["init", "--name", "kai", ...tmux])
  await must(world, "kai", ["guard"])
  await setUpAgent(world, "mira")
  await pairAgents(world, "mira", "kai")
  await until("Claude Code", async () => (await world.status("kai"))?.session.state === "ready", 60_000)
}

async function answered(world: World): Promise<void> {
  const asked = await world.sento("mira", ["send", "kai", "what is it?", "--wait", waitSeconds])
  if (asked.exit !== 0 || !/^REPLY-\d+\s*$/.test(asked.stdout))
    throw new Error(`no answer: exit ${asked.exit}\n${asked.stdout}${asked.stderr}`)
  say("the turn ends, and mira's --wait prints its last words")
}

async function failed(world: World): Promise<void> {
  const asked = await world.sento("mira", ["send", "kai", "a bad request", "--wait", waitSeconds])
  if (asked.exit !== 1 || !asked.stderr.includes("the agent's turn failed"))
    throw new Error(`no word of the failure: exit ${asked.exit}\n${asked.stdout}${asked.stderr}`)
  say("the model's API refuses, and mira is told that no answer comes")
}

async function interrupted(world: World): Promise<void> {
  const asking = world.sento("mira", ["send", "kai", "slow, please", "--wait", waitSeconds])
  await world.shows("kai", "word3")
  await world.tmux("send-keys", "-t", "=kai:", "Escape")
  const asked = await asking
  if (asked.exit !== 1 || !asked.stderr.includes("the agent's turn was interrupted"))
    throw new Error(`no word of the interruption: exit ${asked.exit}\n${asked.stdout}${asked.stderr}`)
  say("somebody presses Esc, and mira is told when the pane has been idle for a while")
}

async function must(world: World, name: string, words: readonly string[]): Promise<void> {
  const ran = await world.sento(name, words)
  if (ran.exit !== 0) throw new Error(`sento ${words.join(" ")}: ${ran.stdout}${ran.stderr}`)
}

const startedAt = performance.now()
const say = (what: string): void =>
  console.log(`${((performance.now() - startedAt) / 1000).toFixed(1)} s  ${what}`)

process.exit(await main(process.argv.slice(2)))
