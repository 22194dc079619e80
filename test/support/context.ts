/** What a part of the Guardian is handed, in a test of that part alone: the store is real, the clock the test's own. */

import { type Context, createEvents } from "../../src/guardian/context.ts"
import { createWaiters } from "../../src/guardian/waiters.ts"
import type { PairKeys } from "../../src/protocol/exchange.ts"
import type { ConfirmedPairing, PairingRole } from "../../src/protocol/requests.ts"
import type { Config, Peer } from "../../src/store/config.ts"
import { pathsOf } from "../../src/store/paths.ts"
import type { Hands } from "../../src/tmux/hands.ts"
import { createTestStore, type TestStore } from "./store.ts"

export type TestContext = {
  readonly context: Context
  readonly stored: TestStore
  /** The clock, which the test sets. */
  now: number
  /** Lines of the log, and what the owner was told. */
  readonly log: string[]
  readonly notices: string[]
  /** Each event as a word, with whom it is about. */
  readonly events: string[]
  /** Takes a pair out of the config, as its end does. */
  remove(name: string): void
  stop(): void
} & Disposable

/** The pair of this name, whose id is the name too. */
export const peerOf = (name: string): Peer =>
  ({
    id: name,
    host: "127.0.0.1",
    port: 1,
    sendKey: "01".repeat(32),
    receiveKey: "02".repeat(32),
    pairedAt: "2026-11-23T09:00:00.000Z",
    features: [],
  }) as Peer

export const keysOfPeer: PairKeys = { send: new Uint8Array(32).fill(1), receive: new Uint8Array(32).fill(2) }

/** A pairing whose tags have verified, with an agent of this name. */
export const confirmedWith = (name: string, role: PairingRole = "minter"): ConfirmedPairing => ({
  role,
  pairing: `${name} pairing`,
  name,
  agent: `agent-${name}`,
  host: "192.0.2.7",
  port: 9876,
  features: ["aes128gcm"],
  verifier: "1234",
  pairId: name.padEnd(32, "0"),
  sendKey: "03".repeat(32),
  receiveKey: "04".repeat(32),
  decisionKey: "05".repeat(32),
})

/** @param names - of the paired agents */
export function createTestContext(names: readonly string[], hands: Partial<Hands> = {}): TestContext {
  const stored = createTestStore()
  const stopping = new AbortController()
  const [log, notices, said]: [string[], string[], string[]] = [[], [], []]
  const events = createEvents()
  events.on((event, about) => {
    const state = "state" in event ? ` ${event.state}` : ""
    said.push(`${event.event}${state}${about === null ? "" : ` of ${about.role} ${about.id}`}`)
  })
  const test = { now: Date.parse("2026-11-23T10:00:00.000Z") }
  let current = {
    version: 1,
    name: "mira",
    agent: "agent-mira",
    listen: { hosts: [], port: 0, names: [] },
    tmux: { session: "mira", profile: "claude" },
    agents: Object.fromEntries(names.map(name => [name, peerOf(name)])),
  } as unknown as Config
  const context = {
    paths: pathsOf("/nowhere"),
    store: stored.store,
    log: {
      write: (line: string) => void log.push(line),
      refused: (reason: string, from: string) => void log.push(`refused: ${reason} (${from})`),
      sparingly: () => true,
    },
    now: () => test.now,
    elapsed: () => test.now,
    random: (length: number) => crypto.getRandomValues(new Uint8Array(length)),
    config: {
      get current() {
        return current
      },
      update(change: (config: Config) => Config) {
        current = change(current)
      },
    },
    events,
    notices: { tell: (_: string, words: string) => void notices.push(words) },
    waiters: createWaiters(),
    hands,
    stopping: stopping.signal,
    address: { host: "127.0.0.1", port: 9876 },
    listening: () => [],
  } as unknown as Context
  return {
    context,
    stored,
    log,
    notices,
    events: said,
    get now() {
      return test.now
    },
    set now(value) {
      test.now = value
    },
    remove(name) {
      const { [name]: _, ...agents } = current.agents
      current = { ...current, agents }
    },
    stop: () => stopping.abort(),
    [Symbol.dispose]() {
      stopping.abort()
      stored[Symbol.dispose]()
    },
  }
}
