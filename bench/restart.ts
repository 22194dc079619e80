/**
 * How long a Guardian with 10,000 peers and 10,000 messages waiting each way takes until its door answers, and
 * what memory it holds then and while it tries to send; next to one that has nothing. `bun run bench:restart`;
 * exit 1 above one second, or where the memory grows.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync } from "node:fs"
import { createConnection } from "node:net"
import { join } from "node:path"
import { updateConfig } from "../src/store/config.ts"
import { type Paths, pathsOf } from "../src/store/paths.ts"
import { openStore } from "../src/store/store.ts"
import { freePort } from "../test/support/ports.ts"
import { createWorld, initAgent, until, type World } from "../test/support/world.ts"

const count = Number(process.env.SENTO_BENCH_COUNT ?? 10_000)
const rounds = Number(process.env.SENTO_BENCH_ROUNDS ?? 3)
const barMilliseconds = 1000
/** What memory may gain after the door's first answer. */
const barMebibytes = 8
/** Longer than this is not measured. */
const startMilliseconds = 60_000
/** When a Guardian is looked at for growth, in seconds after its door answered. */
const looksSeconds = [1, 5, 30] as const
const binary = join(import.meta.dir, "../dist/sento")
/** Nothing listens there, so every attempt is refused at once (tcpmux is long gone). */
const closedPort = 1

/** `rss`: mebibytes at the door's first answer, then at each look. */
type Sample = { readonly milliseconds: number; readonly rss: readonly number[] }

const world = createWorld([binary])
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => void world.close().finally(() => process.exit(130)))
let exit = 1
try {
  exit = await measure()
} catch (error) {
  process.stderr.write(`${(error as Error).stack}\n`)
} finally {
  await world.close()
}
process.exit(exit)

async function measure(): Promise<number> {
  const empty = await prepare("empty", 0)
  const full = await prepare("full", count)
  const samples: Record<string, Sample[]> = { empty: [], full: [] }
  for (let round = 0; round < rounds; round += 1)
    for (const [name, paths] of Object.entries({ empty, full })) {
      samples[name]?.push(await startOnce(world, name, paths))
    }
  for (const [name, taken] of Object.entries(samples)) process.stdout.write(`${lineOf(name, taken)}\n`)
  const isFast = median((samples.full ?? []).map(one => one.milliseconds)) < barMilliseconds
  const isFlat = median((samples.full ?? []).map(growthOf)) < barMebibytes
  process.stdout.write(isFast ? "up in under 1 s\n" : "FAILED: up in more than 1 s\n")
  process.stdout.write(
    isFlat ? "memory is flat\n" : `FAILED: memory grows by more than ${barMebibytes} MiB\n`,
  )
  return isFast && isFlat ? 0 : 1
}

/** By how much the memory at any look is above that at the door's first answer. */
function growthOf({ rss: [first = 0, ...later] }: Sample): number {
  return Math.max(...later) - first
}

/** A home whose config and database are kept aside, so that every start finds the same. */
async function prepare(name: string, peers: number): Promise<Paths> {
  const paths = pathsOf(world.home(name))
  initAgent(world, name)
  updateConfig(paths, config => ({ ...config, listen: { ...config.listen, port: freePort() } }))
  mkdirSync(paths.folder, { recursive: true, mode: 0o700 })
  const agents = addPeers(paths, peers)
  addMessages(paths, agents)
  copyFileSync(paths.config, `${paths.config}.kept`)
  copyFileSync(paths.database, `${paths.database}.kept`)
  return paths
}

type Agent = { readonly name: string; readonly id: string }

function addPeers(paths: Paths, peers: number): Agent[] {
  const agents = Array.from({ length: peers }, (_, i) => ({ name: `peer${i}`, id: hex(16) }))
  const rows = agents.map(({ name, id }) => [
    name,
    {
      id,
      host: "127.0.0.1",
      port: closedPort,
      sendKey: hex(32),
      receiveKey: hex(32),
      pairedAt: new Date().toISOString(),
      features: ["aes128gcm"],
    },
  ])
  updateConfig(paths, config => ({ ...config, agents: Object.fromEntries(rows) }))
  return agents
}

/** One message from and one to each. */
function addMessages(paths: Paths, agents: readonly Agent[]): void {
  const store = openStore(paths.database, length => crypto.getRandomValues(new Uint8Array(length)))
  const text = "the build is green; ".repeat(10)
  const now = Date.now()
  store.now(() => {
    for (const { name, id: pair } of agents) {
      const id = Bun.randomUUIDv7()
      const timestamp = new Date(now).toISOString()
      store.peers.add(pair, null)
      store.outbox.keep({ pair, name, id, text, inReplyTo: null, hops: 0 }, now)
      store.inbox.admit(pair, name, { v: 1, id: Bun.randomUUIDv7(), timestamp, type: "message", text }, now)
    }
  })
  store.close()
}

async function startOnce(world: World, name: string, paths: Paths): Promise<Sample> {
  copyFileSync(`${paths.config}.kept`, paths.config)
  copyFileSync(`${paths.database}.kept`, paths.database)
  // Of the Guardian that was killed before: they belong to another state of the database.
  for (const rest of ["-wal", "-shm"]) rmSync(`${paths.database}${rest}`, { force: true })
  const startedAt = performance.now()
  const child = world.start(name, ["guard", "--foreground"])
  await until("the door", () => answers(paths.agentSocket), startMilliseconds)
  const milliseconds = performance.now() - startedAt
  const rss = [rssOf(child.pid)]
  const answeredAt = performance.now()
  for (const seconds of looksSeconds) {
    await Bun.sleep(answeredAt + seconds * 1000 - performance.now())
    rss.push(rssOf(child.pid))
  }
  child.kill("SIGKILL")
  await child.exited
  return { milliseconds, rss }
}

/** Asks the agent's door one thing that needs nobody but the Guardian. */
function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = createConnection(path, () => socket.write('{"op":"requests"}\n'))
  socket.on("data", () => finish(true))
  socket.on("error", () => finish(false))
  socket.on("close", () => finish(false))
  function finish(isAnswered: boolean): void {
    socket.destroy()
    resolve(isAnswered)
  }
  return promise
}

/** Mebibytes of memory that are resident. */
function rssOf(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
  return Number(kibibytes) / 1024
}

function lineOf(name: string, samples: readonly Sample[]): string {
  const of = (pick: (sample: Sample) => number): string => median(samples.map(pick)).toFixed(0)
  const later = looksSeconds.map(
    (seconds, i) => `, ${seconds} s later ${of(one => one.rss[i + 1] ?? Number.NaN)}`,
  )
  return `${name.padEnd(6)} door after ${of(one => one.milliseconds)} ms, ${of(one => one.rss[0] ?? Number.NaN)} MiB${later.join("")}`
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

function hex(length: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(length))).toString("hex")
}
