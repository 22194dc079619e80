/**
 * One Guardian of the built binary under attack: a process of its own with its own clock and disk, a pane, and
 * peers whose keys the test holds. What the attacker sends is made by test/support/client.ts alone.
 */
import { Database } from "bun:sqlite"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Paths, pathsOf } from "../../src/store/paths.ts"
import { type ClientPair, newPair, openAnswer, post, type Request } from "./client.ts"
import { built, createWorld, guardiansOf, initAgent, until, type World } from "./world.ts"

const withFaults = join(import.meta.dir, "../../dist/sento-faults")
/** The build whose clock can be set wrong, where the runner made it. */
export const attacked: readonly string[] = existsSync(withFaults) ? [withFaults] : built
export const hasClock = existsSync(withFaults)

type ConfigFile = {
  name: string
  listen: Record<string, unknown>
  tmux: Record<string, unknown>
  agents: Record<string, Record<string, unknown>>
}

export type Besieged = {
  readonly world: World
  readonly paths: Paths
  readonly port: number
  readonly pid: number
  /** A peer that no other test has used: its quota is whole. Its name in the Guardian's config comes with it. */
  peer(): { readonly name: string; readonly pair: ClientPair }
  config(): ConfigFile
  /** Changes the file; a Guardian reads it when it starts. */
  edit(change: (config: ConfigFile) => void): void
  log(): string
  query<Row>(sql: string, ...values: (string | number)[]): Row[]
  /** Ends it with SIGKILL or by its door. */
  stop(how: "SIGKILL" | "door"): Promise<void>
  start(environment?: Readonly<Record<string, string>>): Promise<void>
  close(): Promise<void>
}

export type BesiegedOptions = {
  readonly peers?: number
  readonly command?: readonly string[]
  readonly profile?: string
  /** Where the peers listen: nowhere, unless a test opens something there. */
  readonly peerPort?: number
  readonly environment?: Readonly<Record<string, string>>
  /** The tmux session to type into: mira's own, or one that is not there, so that messages wait. */
  readonly session?: string
  /** How many descriptors the system lets the Guardian have, at the most; as many as the test where it is left out. */
  readonly descriptors?: number
}

const homeName = "mira"

const limited = (most: number): string[] => ["prlimit", `--nofile=${most}:${most}`, ...attacked]

/** Sets mira up, gives it peers, and starts its Guardian. */
export async function besiege(options: BesiegedOptions = {}): Promise<Besieged> {
  const { peers = 8, command = ["cat"], profile = "plain", peerPort = 1, environment = {} } = options
  const { session = homeName } = options
  const { descriptors = null } = options
  const world = createWorld(descriptors === null ? attacked : limited(descriptors))
  const paths = pathsOf(world.home(homeName))
  const pairs = Array.from({ length: peers }, newPair)
  let [used, port, pid] = [0, 0, 0]

  const config = (): ConfigFile => JSON.parse(readFileSync(paths.config, "utf8"))
  function edit(change: (file: ConfigFile) => void): void {
    const file = config()
    change(file)
    writeFileSync(paths.config, JSON.stringify(file), { mode: 0o600 })
  }
  async function start(variables: Readonly<Record<string, string>> = {}): Promise<void> {
    const status = await world.guard(homeName, { ...environment, ...variables })
    port = status.port
    pid = status.pid
  }
  async function stop(how: "SIGKILL" | "door"): Promise<void> {
    if (how === "SIGKILL") process.kill(pid, "SIGKILL")
    else await world.stopGuard(homeName)
    await until("the Guardian's end", () => guardiansOf(paths.home).length === 0)
  }

  async function open(): Promise<void> {
    await world.session(homeName, command, homeName, [120, 40])
    initAgent(world, homeName)
    edit(file => {
      file.tmux.profile = profile
      file.tmux.session = session
      file.agents = Object.fromEntries(pairs.map((pair, i) => [`peer${i}`, peerOf(pair, peerPort)]))
    })
    await start()
  }
  await open().catch(async error => {
    await world.close()
    throw error
  })
  return {
    world,
    paths,
    get port() {
      return port
    },
    get pid() {
      return pid
    },
    peer() {
      const pair = pairs[used]
      if (pair === undefined) throw new Error("every peer has been used: ask for more of them")
      used += 1
      return { name: `peer${used - 1}`, pair }
    },
    config,
    edit,
    log: () => readFileSync(paths.log, "utf8"),
    query<Row>(sql: string, ...values: (string | number)[]) {
      using database = new Database(paths.database)
      database.run("PRAGMA busy_timeout = 60000")
      return database.query(sql).all(...values) as Row[]
    },
    stop,
    start,
    close: world.close,
  }
}

/** A pair as mira's config holds it: what the client sends with is what mira receives with. */
export function peerOf(pair: ClientPair, port: number): Record<string, unknown> {
  return {
    id: pair.id,
    host: "127.0.0.1",
    port,
    // So that a peer that does not answer is not looked for on ports where others test.
    fixed: true,
    sendKey: pair.receive,
    receiveKey: pair.send,
    pairedAt: "2026-11-23T09:00:00.000Z",
    features: ["aes128gcm"],
  }
}

/** Posts, and opens the answer: only mira can have made it. */
export async function ask(
  { port }: Besieged,
  pair: ClientPair,
  request: Request,
): Promise<Record<string, unknown>> {
  return openAnswer(pair, request, await post(port, request))
}

/** What an attacker is told: the status, and whether there is anything more than that. */
export async function told(
  { port }: Besieged,
  request: Pick<Request, "headers" | "body">,
): Promise<{ status: number; length: number; headers: string }> {
  const { status, headers, body } = await post(port, request)
  const names = headers.map(([name]) => name.toLowerCase()).sort()
  return { status, length: body.length, headers: names.join() }
}

/** The one answer of docs/PROTOCOL.md section 1. */
export const oneAnswer = { status: 403, length: 0, headers: "content-length,date" }
