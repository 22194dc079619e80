/**
 * A cap on connections. `Bun.serve` has none (Bun 1.4.5): silent connections would take every descriptor, and
 * with them tmux and the local doors. So the kernel is asked what is open, and what is too much is shut.
 * @see docs/PROTOCOL.md section 1
 */
import { closeSync, openSync, readFileSync } from "node:fs"
import { descriptors, type End, plainAddress, sockets } from "./sockets.ts"

/** Connections that may be open at a time; fewer where the system allows few descriptors. */
export const mostConnections = 512
/** Twice this is no divisor of the 1, 3 and 7 s at which Linux repeats what a shut listener dropped. */
const lookMilliseconds = 400

/** What a process that may open so many descriptors has for whom. */
export const sharesOf = (limit: number) => ({
  /** Connections of strangers. */
  connections: Math.min(mostConnections, Math.floor(limit / 2)),
  /** Requests held open for peers. */
  holds: Math.min(1024, Math.floor(limit / 4)),
  /** Descriptors that newcomers from the network leave to the local doors, tmux and files. */
  local: Math.min(128, Math.floor(limit / 8)),
})

/**
 * How many requests may be held at a time (`WireRequest.hold`). The caller keeps to it; what is held beyond is not cut
 * here either.
 */
export const mostHolds = (): number => sharesOf(ownLimit()).holds

/** An open connection: `key` is new for each one. */
export type Connection = { readonly descriptor: number; readonly address: string; readonly key: string }

/**
 * Which of these to cut so that `most` stay: the oldest of whatever address holds most, so that a crowd cuts
 * itself and a caller from elsewhere goes on.
 * @param connections - the oldest first
 */
export function crowdOf(connections: readonly Connection[], most: number): readonly Connection[] {
  const counts = new Map<string, number>()
  const ranked = [...connections].reverse().map(connection => {
    const rank = counts.get(connection.address) ?? 0
    counts.set(connection.address, rank + 1)
    return { connection, rank }
  })
  const worst = ranked.reverse().sort((a, b) => b.rank - a.rank)
  return worst.slice(0, Math.max(0, connections.length - most)).map(({ connection }) => connection)
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

/** What is asked of the kernel, and what it is told. */
export type Kernel = Pick<ReturnType<typeof sockets>, "own" | "other" | "isListening" | "cut" | "admit"> & {
  /** The numbers of all open descriptors. */
  descriptors(): readonly number[]
  /** How many this process may open. */
  readonly limit: number
}

/** Made while there are descriptors: in a flood the C library could not be opened any more. */
const ownKernel = (): Kernel => ({ ...sockets(), descriptors, limit: ownLimit() })

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
  if (!process.listeners("SIGIO").includes(tellCrowds)) process.on("SIGIO", tellCrowds)
  for (const descriptor of listenersAmong(sockets(), descriptors(), port)) sockets().announce(descriptor)
}

const watching = new Set<() => void>()

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
export function watchCrowd(
  { port, holds, onCut, onError }: CrowdOptions,
  kernel: Kernel = ownKernel(),
): { look(): void; stop(): void } {
  const { connections: most, local } = sharesOf(kernel.limit)
  let known: ReadonlySet<string> = new Set()
  let timer: ReturnType<typeof setTimeout> | undefined
  let lastOpen = 0
  const spare = openSpare()
  const gate = gateOf(kernel, port)

  function count(): void {
    const open = spare.lend(kernel.descriptors)
    const hasRoom = open.length < kernel.limit - local
    gate.set(hasRoom, open)
    // One may have come in just behind a look, and its signal before.
    if (!hasRoom || open.length > lastOpen) lookSoon()
    lastOpen = open.length
    if (open.length - holds.size <= most) return
    const found = strangersAmong(kernel, open, port, holds)
    const old = found.filter(({ key }) => known.has(key))
    const fresh = found.filter(({ key }) => !known.has(key))
    for (const { descriptor, address } of crowdOf([...old, ...fresh], most)) {
      kernel.cut(descriptor)
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
      timer = undefined
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
      clearTimeout(timer)
      spare.close()
    },
  }
}

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
function gateOf(kernel: Kernel, port: number) {
  let isOpen = true
  return {
    set(next: boolean, open: readonly number[]): void {
      if (next && isOpen) return
      isOpen = next
      for (const descriptor of listenersAmong(kernel, open, port)) kernel.admit(descriptor, next)
    },
  }
}

type Asked = Pick<Kernel, "own" | "other" | "isListening">

function listenersAmong(kernel: Asked, open: readonly number[], port: number): readonly number[] {
  return open.filter(descriptor => kernel.own(descriptor)?.port === port && kernel.isListening(descriptor))
}

/** The limit as it is now: Bun raises it to the highest allowed. */
const ownLimit = (): number => descriptorLimit(readFileSync("/proc/self/limits", "utf8"))

/** How many descriptors may be open. @param limits - as /proc/self/limits has them (proc_pid_limits(5)) */
export function descriptorLimit(limits: string): number {
  const limit = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
  return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit)
}

function strangersAmong(kernel: Asked, open: readonly number[], port: number, holds: Holds): Connection[] {
  return open.flatMap(descriptor => {
    const here = kernel.own(descriptor)
    if (here?.port !== port) return []
    const end = kernel.other(descriptor)
    if (end === null || holds.has(here.address, end)) return []
    return [{ descriptor, address: end.address, key: `${descriptor} ${end.address} ${end.port}` }]
  })
}
