/**
 * The network between two Guardians: a TCP proxy that drops, delays, stalls, cuts and duplicates what goes
 * through it, by random choice, or lets nobody in, as a router with NAT does. One request a connection, as Sentō's
 * client does it.
 */
import { createServer, type Server, Socket } from "node:net"
import type { Random } from "./random.ts"

/** What happens to one connection. */
type Plan =
  | { readonly kind: "pass" }
  | { readonly kind: "drop" }
  | { readonly kind: "delay"; readonly milliseconds: number }
  /** The answer is held back: for longer than its sender waits for what comes of it, sometimes. */
  | { readonly kind: "delay-answer"; readonly milliseconds: number }
  /** Nothing goes on, and after a while the connection ends. */
  | { readonly kind: "stall"; readonly milliseconds: number }
  | { readonly kind: "cut-request"; readonly afterBytes: number }
  | { readonly kind: "cut-answer"; readonly afterBytes: number }
  /** The same bytes again, each after so many milliseconds, on connections of their own. */
  | { readonly kind: "duplicate"; readonly after: readonly number[] }

/** `shut`: connections that found nobody; `carried`: requests that came back as the answer to a collect. */
export type LinkCounts = Record<Plan["kind"] | "replayed" | "shut" | "carried", number>

export type Link = {
  readonly port: number
  readonly counts: LinkCounts
  /** From now on everything passes, as it would on a good network. */
  calm(): void
  /** Whether it leads anywhere from now on; where it does not, what is open ends. */
  setOpen(isOpen: boolean): void
  isOpen(): boolean
  /** Sends every whole request of this run once more; its answers go nowhere. */
  replayAll(): Promise<number>
  close(): Promise<void>
}

export type LinkOptions = {
  /** The Guardian's port now: it may change when it starts again. */
  readonly target: () => number
  readonly random: Random
  readonly mostStallMilliseconds: number
  /** Whether it leads anywhere as it begins. */
  readonly isOpen: boolean
}

export async function openLink(options: LinkOptions): Promise<Link> {
  const state = createState(options)
  const server = createServer(client => carry(state, client))
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
  return {
    port: (server.address() as { port: number }).port,
    counts: state.counts,
    calm() {
      state.isCalm = true
    },
    isOpen: () => state.isOpen,
    setOpen(isOpen) {
      state.isOpen = isOpen
      if (!isOpen) for (const socket of state.sockets) socket.resetAndDestroy()
    },
    async replayAll() {
      const left = [...state.requests]
      const replayRest = async (): Promise<void> => {
        for (let request = left.shift(); request !== undefined; request = left.shift())
          await replay(state, request)
      }
      await Promise.all(Array.from({ length: mostReplaysAtOnce }, replayRest))
      return state.requests.length
    },
    close: () => close(state, server),
  }
}

type State = Omit<LinkOptions, "isOpen"> & {
  isCalm: boolean
  isOpen: boolean
  connections: number
  readonly counts: LinkCounts
  readonly requests: Buffer[]
  readonly sockets: Set<Socket>
  readonly timers: Set<ReturnType<typeof setTimeout>>
}

function createState(options: LinkOptions): State {
  const kinds = { pass: 0, drop: 0, delay: 0, "delay-answer": 0, stall: 0, duplicate: 0 }
  const cuts = { "cut-request": 0, "cut-answer": 0 }
  return {
    ...options,
    isCalm: false,
    connections: 0,
    counts: { ...kinds, ...cuts, replayed: 0, shut: 0, carried: 0 },
    requests: [],
    sockets: new Set(),
    timers: new Set(),
  }
}

/** The fate of one connection: of the n-th it is the same in every run of a seed. */
function draw(random: Random, mostStallMilliseconds: number): Plan {
  const roll = random.fraction()
  if (roll < 0.03) return { kind: "drop" }
  if (roll < 0.07) return { kind: "cut-request", afterBytes: random.between(1, 900) }
  if (roll < 0.13) return { kind: "cut-answer", afterBytes: random.between(0, 500) }
  if (roll < 0.2) return { kind: "delay", milliseconds: random.between(5, 1500) }
  if (roll < 0.204) return { kind: "stall", milliseconds: random.between(1, mostStallMilliseconds) }
  if (roll < 0.21) return { kind: "delay-answer", milliseconds: random.between(5, mostStallMilliseconds) }
  if (roll < 0.38) return { kind: "duplicate", after: replayTimes(random) }
  return { kind: "pass" }
}

/** At the same moment as the first, soon after it, or when everybody has forgotten it. */
function replayTimes(random: Random): number[] {
  return Array.from({ length: random.between(1, 3) }, () => random.between(0, random.pick([0, 200, 15_000])))
}

function carry(state: State, client: Socket): void {
  state.connections += 1
  const random = state.random.fork(String(state.connections))
  track(state, client)
  if (!state.isOpen) {
    turnAway(state, client, random)
    return
  }
  const plan: Plan = state.isCalm ? { kind: "pass" } : draw(random, state.mostStallMilliseconds)
  state.counts[plan.kind] += 1
  if (plan.kind === "drop") client.resetAndDestroy()
  else if (plan.kind === "stall") later(state, plan.milliseconds, () => client.resetAndDestroy())
  else if (plan.kind === "delay") later(state, plan.milliseconds, () => join(state, client, plan))
  else join(state, client, plan)
}

/** Some routers say so, and some are silent. */
function turnAway(state: State, client: Socket, random: Random): void {
  state.counts.shut += 1
  if (random.chance(0.7)) client.resetAndDestroy()
  else later(state, random.between(1, state.mostStallMilliseconds), () => client.resetAndDestroy())
}

/** Connects the two ends; what one does, the other feels. */
function join(state: State, client: Socket, plan: Plan): void {
  if (client.destroyed) return
  const upstream = track(state, new Socket())
  const cut = (): void => {
    client.resetAndDestroy()
    upstream.resetAndDestroy()
  }
  const request: Buffer[] = []
  upstream.on("connect", () => {
    pour(client, upstream, plan.kind === "cut-request" ? plan.afterBytes : null, cut, request)
    upstream.once("data", (chunk: Buffer) => {
      if (chunk.subarray(0, carriedStatus.length).equals(carriedStatus)) state.counts.carried += 1
    })
    const delay = plan.kind === "delay-answer" ? plan.milliseconds : 0
    pour(upstream, client, plan.kind === "cut-answer" ? plan.afterBytes : null, cut, [], late(state, delay))
  })
  upstream.on("error", cut)
  client.on("close", () => upstream.destroy())
  upstream.on("close", () => {
    // What is held back still goes.
    if (plan.kind !== "delay-answer") client.end()
    remember(state, plan, request)
  })
  upstream.connect(state.target(), "127.0.0.1")
}

/** Only a request that is carried is answered with it (docs/PROTOCOL.md section 7). */
const carriedStatus = Buffer.from("HTTP/1.1 200")

type Act = (act: () => void) => void

const atOnce: Act = act => act()

const late =
  (state: State, milliseconds: number): Act =>
  act =>
    milliseconds === 0 ? act() : later(state, milliseconds, act)

/** Passes bytes on, at most so many; `kept` collects them. */
function pour(
  from: Socket,
  to: Socket,
  most: number | null,
  cut: () => void,
  kept: Buffer[] = [],
  pass: Act = atOnce,
): void {
  let passed = 0
  from.on("data", (chunk: Buffer) => {
    const part = most === null ? chunk : chunk.subarray(0, Math.max(0, most - passed))
    passed += chunk.length
    kept.push(Buffer.from(part))
    if (most === null || passed <= most) pass(() => to.write(part))
    else to.write(part, cut)
  })
  from.on("end", () => pass(() => to.end()))
}

function remember(state: State, plan: Plan, chunks: readonly Buffer[]): void {
  const request = Buffer.concat(chunks)
  if (plan.kind === "cut-request" || request.length === 0) return
  state.requests.push(request)
  if (plan.kind !== "duplicate") return
  for (const milliseconds of plan.after) later(state, milliseconds, () => void replay(state, request))
}

/** Settles when an answer came or the connection ended, however it ended. */
function replay(state: State, request: Buffer): Promise<void> {
  state.counts.replayed += 1
  const socket = track(state, new Socket())
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.on("close", () => resolve())
  socket.on("data", () => socket.destroy())
  socket.setTimeout(replayMilliseconds, () => socket.destroy())
  socket.connect(state.target(), "127.0.0.1", () => socket.write(request))
  return promise
}

const replayMilliseconds = 5000
/** A collect that was forgotten is held until a later one comes: of the next request, at the most. */
const mostReplaysAtOnce = 8

function track(state: State, socket: Socket): Socket {
  state.sockets.add(socket)
  socket.on("error", () => socket.destroy())
  socket.on("close", () => state.sockets.delete(socket))
  return socket
}

function later(state: State, milliseconds: number, act: () => void): void {
  const timer = setTimeout(() => {
    state.timers.delete(timer)
    act()
  }, milliseconds)
  state.timers.add(timer)
}

async function close(state: State, server: Server): Promise<void> {
  for (const timer of state.timers) clearTimeout(timer)
  for (const socket of state.sockets) socket.destroy()
  await new Promise<void>(resolve => server.close(() => resolve()))
}
