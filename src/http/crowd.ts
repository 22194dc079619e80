/**
 * A cap on connections. `Bun.serve` has none (Bun 1.4.5): silent connections would take every descriptor, and
 * with them tmux and the local doors. So the kernel is asked what is open, and what is too much is shut.
 * @see docs/PROTOCOL.md section 1
 */
import { closeSync, openSync, readFileSync } from "node:fs"
import { descriptors, type End, plainAddress, sockets } from "./sockets.ts"

/** Connections that may be open at a time; fewer where the system allows few descriptors. */
export const mostConnections = 512
/** Requests that may be held open for peers at a time; fewer where the system allows few descriptors. */
const mostHoldsAnywhere = 1024
/** Twice this is no divisor of the 1, 3 and 7 s at which Linux repeats what a shut listener dropped. */
const lookMilliseconds = 400

/**
 * How many requests may be held at a time (`WireRequest.hold`): 1,024, and at most a quarter of the descriptors. The
 * caller keeps to it; what is held beyond is not cut here either.
 */
export const mostHolds = (): number => Math.min(mostHoldsAnywhere, Math.floor(mostDescriptors() / 4))

/** An open connection: `key` is new for each one. */
export type Connection = { readonly descriptor: number; readonly address: string; readonly key: string }

/**
 * Which of these to cut so that `most` stay: the oldest of whatever address holds most, so that a crowd cuts
 * itself and a caller from elsewhere goes on.
 * @param connections - the oldest first
 */
export function crowdOf(connections: readonly Connection[], most: number): readonly Connection[] {
  const excess = connections.length - most
  if (excess <= 0) return []
  const counts = new Map<string, number>()
  const ranked = [...connections].reverse().map(connection => {
    const rank = counts.get(connection.address) ?? 0
    counts.set(connection.address, rank + 1)
    return { connection, rank }
  })
  const worst = ranked.reverse().sort((a, b) => b.rank - a.rank)
  return worst.slice(0, excess).map(({ connection }) => connection)
}

/** Connections on which a peer's request is held: none of the strangers that are counted and cut. */
export type Holds = {
  /**
   * @param own - this end's address, null where it is not known. It tells apart what one port elsewhere opened to
   * several hosts here: Linux gives the same port to both.
   * @returns what lets it go, once
   */
  hold(own: string | null, other: End): () => void
  has(own: string, other: End): boolean
  readonly size: number
}

/** By address and port, in whatever spelling. */
export function createHolds(): Holds {
  const counts = new Map<string, number>()
  const keyOf = (own: string | null, { address, port }: End): string =>
    `${own === null ? "any" : plainAddress(own)} ${plainAddress(address)} ${port}`
  const add = (key: string, more: number): void => {
    const count = (counts.get(key) ?? 0) + more
    if (count === 0) counts.delete(key)
    else counts.set(key, count)
  }
  return {
    hold(own, other) {
      const key = keyOf(own, other)
      let isHeld = true
      add(key, 1)
      return () => {
        if (isHeld) add(key, -1)
        isHeld = false
      }
    },
    has: (own, other) => counts.has(keyOf(own, other)) || counts.has(keyOf(null, other)),
    get size() {
      return counts.size
    },
  }
}

export type CrowdOptions = {
  /** That of all listeners that are watched. */
  readonly port: number
  readonly holds: Holds
  /** Told of each connection's address. */
  readonly onCut: (address: string) => void
  readonly onError: (error: unknown) => void
}

/** Lets every crowd know that somebody came to one of this port's listeners: Bun tells of requests alone (Bun 1.4.5). */
export function announceNewcomers(port: number): void {
  // For good: a SIGIO that nobody handles would end the process.
  if (!isHeard) process.on("SIGIO", tellCrowds)
  isHeard = true
  for (const descriptor of listenersAmong(descriptors(), port)) sockets().announce(descriptor)
}

const watching = new Set<() => void>()
let isHeard = false

function tellCrowds(): void {
  for (const lookSoon of watching) lookSoon()
}

/**
 * Cuts what is too much, 400 ms after somebody came (`announceNewcomers`), and every 400 ms as long as more come or the
 * listeners are shut; while nobody comes, no timer is set. `look` does it now, for where no signal tells of them.
 *
 * Between two looks a flood can take every descriptor, however short the time is: Bun takes in whoever waits at one go.
 * So one descriptor is kept for the look itself, and where hardly any is left, the listeners are shut to newcomers until
 * a later look finds enough of them: what was cut is free for the local doors then, and not taken again at once. A
 * caller that comes meanwhile is not refused; its kernel knocks again.
 */
export function watchCrowd({ port, holds, onCut, onError }: CrowdOptions): { look(): void; stop(): void } {
  const limit = mostDescriptors()
  const most = Math.min(mostConnections, Math.floor(limit / 2))
  let known: ReadonlySet<string> = new Set()
  let timer: ReturnType<typeof setTimeout> | null = null
  let lastOpen = 0
  // Now, while there are descriptors: in a flood the C library could not be opened any more.
  sockets()
  const spare = openSpare()
  const gate = gateOf(port)

  function count(): void {
    const open = spare.lend(descriptors)
    const hasRoom = open.length < limit - mostLocal(limit)
    gate.set(hasRoom, open)
    // One may have come in just behind a look, and its signal before.
    if (!hasRoom || open.length > lastOpen) lookSoon()
    lastOpen = open.length
    if (open.length - holds.size <= most) return
    const found = strangersAmong(open, port, holds)
    const old = found.filter(({ key }) => known.has(key))
    const fresh = found.filter(({ key }) => !known.has(key))
    for (const { descriptor, address } of crowdOf([...old, ...fresh], most)) {
      sockets().cut(descriptor)
      onCut(address)
    }
    known = new Set(found.map(({ key }) => key))
  }

  function look(): void {
    try {
      count()
    } catch (error) {
      lookSoon()
      onError(error)
    }
  }

  function lookSoon(): void {
    timer ??= setTimeout(() => {
      timer = null
      look()
    }, lookMilliseconds)
    timer.unref()
  }

  watching.add(lookSoon)
  lookSoon()
  return {
    look,
    stop() {
      watching.delete(lookSoon)
      if (timer !== null) clearTimeout(timer)
      spare.close()
    },
  }
}

/** Descriptors that newcomers from the network leave to the local doors, tmux and files. */
const mostLocal = (limit: number): number => Math.min(128, Math.floor(limit / 8))

/** Without one of its own, a look could not open /proc/self/fd where all are taken, and cut nobody ever again. */
function openSpare() {
  const open = (): number | null => {
    try {
      return openSync("/dev/null", "r")
    } catch {
      return null
    }
  }
  const close = (): void => {
    if (held !== null) closeSync(held)
    held = null
  }
  let held = open()
  return {
    lend<Result>(use: () => Result): Result {
      close()
      try {
        return use()
      } finally {
        held = open()
      }
    },
    close,
  }
}

/** Whether the port's listeners take in anybody; one that was opened while it is shut is shut by the next look. */
function gateOf(port: number) {
  let isOpen = true
  return {
    set(next: boolean, open: readonly number[]): void {
      if (next && isOpen) return
      isOpen = next
      for (const descriptor of listenersAmong(open, port)) sockets().admit(descriptor, next)
    },
  }
}

function listenersAmong(open: readonly number[], port: number): readonly number[] {
  const { own, isListening } = sockets()
  return open.filter(descriptor => own(descriptor)?.port === port && isListening(descriptor))
}

/** The limit as it is now: Bun raises it to the highest allowed. */
function mostDescriptors(): number {
  const limit = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]
  return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit)
}

function strangersAmong(open: readonly number[], port: number, holds: Holds): Connection[] {
  const { own, other } = sockets()
  return open.flatMap(descriptor => {
    const here = own(descriptor)
    if (here?.port !== port) return []
    const end = other(descriptor)
    if (end === null || holds.has(here.address, end)) return []
    return [{ descriptor, address: end.address, key: `${descriptor} ${end.address} ${end.port}` }]
  })
}
