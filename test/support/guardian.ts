/** A Guardian in this process, with peers whose keys the test chose and a clock that the test turns. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { callDoor } from "../../src/guardian/door/client.ts"
import type { GuardStatus, SendResult } from "../../src/guardian/door/results.ts"
import { type Guardian, startGuardian } from "../../src/guardian/guardian.ts"
import { type Paths, pathsOf } from "../../src/store/paths.ts"
import type { ClientPair } from "./client.ts"
import { freePort } from "./ports.ts"

export type TestGuardian = {
  readonly paths: Paths
  readonly port: number
  /** The clock, which can be set. */
  now: number
  /** Time passes, and what it ends is looked at. */
  pass(milliseconds: number): void
  /** The machine sleeps: the time of day goes on, and no timer does. */
  sleep(milliseconds: number): void
  log(): string
  status(): Promise<GuardStatus>
  /** Stops it and starts it again on the same home, after what is done meanwhile. */
  restart(meanwhile?: () => Promise<unknown>): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export type TestPeer = {
  readonly pair: ClientPair
  readonly port?: number
  readonly features?: readonly string[]
  /** Its owner's word that this is its address: with one where nothing listens, nobody can dial it. */
  readonly fixed?: boolean
}

/** Sends without waiting for an answer, as `sento send` does. */
export async function sendFrom(paths: Paths, to: string, text = "hi"): Promise<SendResult> {
  const sent = await callDoor(paths, "agent", { op: "send", to, text })
  if (sent === null) throw new Error("only a wait may end without a result")
  return sent
}

/**
 * @param peers - by name; a pair's `send` is the peer's, so it is our `receiveKey`
 * @param more - of the config
 */
export async function openGuardian(
  peers: Readonly<Record<string, TestPeer>>,
  names: readonly string[] = [],
  more: Readonly<Record<string, unknown>> = {},
): Promise<TestGuardian> {
  const folder = mkdtempSync(join(tmpdir(), "sento-wire-"))
  const paths = pathsOf(folder)
  mkdirSync(paths.folder, { mode: 0o700 })
  writeFileSync(paths.config, JSON.stringify({ ...configOf(folder, peers, names), ...more }), { mode: 0o600 })
  /** `elapsed` is what was passed over, besides the time that a test takes. */
  const clock = { now: Date.parse("2026-11-23T10:00:00.000Z"), elapsed: 0 }
  const start = (): Promise<Guardian> =>
    startGuardian(
      paths,
      () => clock.now,
      () => performance.now() + clock.elapsed,
    )
  let guardian = await start()
  return {
    paths,
    get port() {
      return guardian.address.port
    },
    get now() {
      return clock.now
    },
    set now(value) {
      clock.now = value
    },
    pass(milliseconds) {
      clock.now += milliseconds
      clock.elapsed += milliseconds
      guardian.sweep()
    },
    sleep(milliseconds) {
      clock.now += milliseconds
    },
    log: () => readFileSync(paths.log, "utf8"),
    status: () => callDoor(paths, "agent", { op: "status" }),
    async restart(meanwhile = async () => {}) {
      await guardian.stop()
      await meanwhile()
      guardian = await start()
    },
    async [Symbol.asyncDispose]() {
      await guardian.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function configOf(
  folder: string,
  peers: Readonly<Record<string, TestPeer>>,
  names: readonly string[],
): Record<string, unknown> {
  const agents = Object.entries(peers).map(([name, { pair, port = 1, features = ["aes128gcm"], fixed }]) => [
    name,
    {
      id: pair.id,
      host: "127.0.0.1",
      port,
      reached: "127.0.0.1",
      sendKey: pair.receive,
      receiveKey: pair.send,
      pairedAt: "2026-11-23T09:00:00.000Z",
      features,
      ...(fixed === undefined ? {} : { fixed }),
    },
  ])
  return {
    version: 1,
    name: "mira",
    agent: "test-agent-mira",
    listen: { hosts: [], port: freePort(), names },
    tmux: { session: "nobody", socket: join(folder, "tmux"), profile: "plain" },
    agents: Object.fromEntries(agents),
  }
}
