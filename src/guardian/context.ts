/** What every part of the Guardian is handed. */

import { fromHex } from "../protocol/bytes.ts"
import type { PairKeys } from "../protocol/exchange.ts"
import type { UnstampedBody } from "../protocol/messages.ts"
import type { Self } from "../protocol/pairing-messages.ts"
import type { PairingRole } from "../protocol/requests.ts"
import { type Config, type Peer, updateConfig } from "../store/config.ts"
import type { Paths } from "../store/paths.ts"
import type { PairingRequest } from "../store/requests.ts"
import type { Store } from "../store/store.ts"
import type { Hands } from "../tmux/hands.ts"
import type { PairingEvent } from "./door/results.ts"
import type { Log } from "./log.ts"
import type { Notices } from "./notices.ts"
import type { Waiters } from "./waiters.ts"

export type Context = {
  readonly paths: Paths
  readonly store: Store
  readonly log: Log
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Milliseconds since some moment, whatever the clock is set to. */
  readonly elapsed: () => number
  readonly random: (length: number) => Uint8Array
  readonly config: ConfigHolder
  readonly events: Events
  readonly notices: Notices
  readonly waiters: Waiters
  /** What is done at the agent's terminal. */
  readonly hands: Hands
  /** Aborted when the Guardian stops. */
  readonly stopping: AbortSignal
  /** Filled in once the listener is up; `host` is the one that is shown, and always one that is there now. */
  address: { readonly host: string; readonly port: number }
  /** The IP literals at which the listener is open; `0.0.0.0` and `::` stand for all. */
  listening: () => readonly string[]
}

/** The config in memory, which changes only together with the file. */
export type ConfigHolder = {
  readonly current: Config
  /** @throws config when the file cannot be read or written; nothing has changed then */
  update(change: (config: Config) => Config): void
}

export function holdConfig(paths: Paths, initial: Config): ConfigHolder {
  let current = initial
  return {
    get current() {
      return current
    },
    update(change) {
      current = updateConfig(paths, change)
    },
  }
}

/** Which request an event is about; null: the open code. */
export type About = { readonly role: PairingRole | "join"; readonly id: string } | null

type Listener = (event: PairingEvent, about: About) => void

/** Pairing events to whoever listens: the commands that wait. */
export type Events = {
  emit(event: PairingEvent, about: About): void
  /** @returns what ends the subscription */
  on(listener: Listener): () => void
}

export function createEvents(): Events {
  const listeners = new Set<Listener>()
  return {
    emit(event, about) {
      for (const listener of [...listeners]) listener(event, about)
    },
    on(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** Tells everybody how a request ended: first that it was answered, then the outcome. */
export function announce(context: Context, request: PairingRequest, outcome: Outcome): void {
  const { role, id } = request
  context.events.emit({ event: "answered", id, state: outcome.state }, { role, id })
  if (outcome.state === "approved")
    context.events.emit({ event: "paired", name: outcome.name, id: request.pairId }, { role, id })
  else context.events.emit({ event: outcome.state }, { role, id })
}

export type Outcome =
  | { readonly state: "approved"; readonly name: string }
  | { readonly state: "denied" | "expired" }

/** How this agent introduces itself. */
export function selfOf(context: Context): Self {
  const { name, agent, listen } = context.config.current
  return { name, agent, port: context.address.port, host: listen.names[0] ?? null }
}

/** A hello that says where this Guardian is now. */
export function greetingOf(context: Context): UnstampedBody {
  const { port, host } = selfOf(context)
  return { v: 1, id: Bun.randomUUIDv7(), type: "hello", port, ...(host === null ? {} : { host }) }
}

/** A peer with the name under which this side knows it. */
export type NamedPeer = { readonly name: string; readonly peer: Peer; readonly keys: PairKeys }

export function peerByName(context: Pick<Context, "config">, name: string): NamedPeer | null {
  const { agents } = context.config.current
  const peer = Object.hasOwn(agents, name) ? agents[name] : undefined
  return peer === undefined ? null : { name, peer, keys: keysOf(peer) }
}

export function peerById(context: Pick<Context, "config">, pairId: string): NamedPeer | null {
  const entry = indexOf(context.config.current.agents).get(pairId)
  return entry === undefined ? null : { name: entry[0], peer: entry[1], keys: readyKeysOf(entry[1]) }
}

const readyKeys = new WeakMap<Peer, PairKeys>()

/** Read from their hex once, so that a refusal takes as long for a pair that is known as for any other. */
function readyKeysOf(peer: Peer): PairKeys {
  const keys = readyKeys.get(peer) ?? keysOf(peer)
  readyKeys.set(peer, keys)
  return keys
}

type Agents = Config["agents"]

const indexes = new WeakMap<Agents, ReadonlyMap<string, readonly [string, Peer]>>()

/**
 * The peers by pair id, made once for each config: every request and every attempt looks one up, and with
 * 10,000 of them that wait a search through all is quadratic at a start.
 */
function indexOf(agents: Agents): ReadonlyMap<string, readonly [string, Peer]> {
  const known = indexes.get(agents)
  if (known !== undefined) return known
  const index = new Map(Object.entries(agents).map(entry => [entry[1].id, entry]))
  indexes.set(agents, index)
  return index
}

export function keysOf(peer: Pick<Peer, "sendKey" | "receiveKey">): PairKeys {
  const send = fromHex(peer.sendKey, 32)
  const receive = fromHex(peer.receiveKey, 32)
  if (send === null || receive === null) throw new Error("a key in the config is not 64 hex digits")
  return { send, receive }
}
