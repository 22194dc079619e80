/**
 * A cap on connections. `Bun.serve` has none (Bun 1.4.5): silent connections would take every descriptor, and
 * with them tmux and the local doors. So the kernel is asked what is open, and what is too much is shut.
 * @see docs/PROTOCOL.md section 1
 */
import { FFIType, ptr } from "bun:ffi"
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs"
import { openLibC } from "./libc.ts"

/** Connections that may be open at a time; fewer where the system allows few descriptors. */
export const mostConnections = 512
/** Twice this is no divisor of the 1, 3 and 7 s at which Linux repeats what a shut listener dropped. */
const watchMilliseconds = 400

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

export type CrowdOptions = {
  /** The listener's. */
  readonly port: number
  /** Told of each connection's address. */
  readonly onCut: (address: string) => void
  readonly onError: (error: unknown) => void
}

/**
 * Cuts what is too much, every 400 ms. Between two looks a flood can take every descriptor, however short the time
 * is: Bun takes in whoever waits at one go. So one descriptor is kept for the look itself, and where hardly any is
 * left, the listener is shut to newcomers until a later look finds enough of them: what was cut is free for the local
 * doors then, and not taken again at once. A caller that comes meanwhile is not refused; its kernel knocks again.
 */
export function watchCrowd({ port, onCut, onError }: CrowdOptions): { stop(): void } {
  const limit = mostDescriptors()
  const most = Math.min(mostConnections, Math.floor(limit / 2))
  let known: ReadonlySet<string> = new Set()
  const spare = openSpare()
  const gate = gateOf(port)
  function look(): void {
    const open = spare.lend(descriptors)
    gate.set(open.length < limit - mostLocal(limit))
    if (open.length <= most) return
    const found = connectionsAmong(open, port)
    const old = found.filter(({ key }) => known.has(key))
    const fresh = found.filter(({ key }) => !known.has(key))
    for (const { descriptor, address } of crowdOf([...old, ...fresh], most)) {
      libc().shutdown(descriptor, bothWays)
      onCut(address)
    }
    known = new Set(found.map(({ key }) => key))
  }
  const watching = setInterval(() => {
    try {
      look()
    } catch (error) {
      onError(error)
    }
  }, watchMilliseconds)
  watching.unref()
  return {
    stop() {
      clearInterval(watching)
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

/**
 * Whether the listener takes in anybody. A classic BPF program that keeps 0 bytes drops every packet for the listener
 * itself (socket(7), SO_ATTACH_FILTER); connections that are there already are none of its business.
 */
function gateOf(port: number) {
  const listener = descriptors().find(one => addressOf(libc().getsockname, one)?.port === port)
  let isOpen = true
  return {
    set(next: boolean): void {
      if (next === isOpen || listener === undefined) return
      isOpen = next
      const [option, value] = next ? [detachFilter, new Uint8Array(4)] : [attachFilter, dropAll()]
      libc().setsockopt(listener, socketLevel, option, ptr(value), value.length)
    },
  }
}

/** SOL_SOCKET, SO_ATTACH_FILTER and SO_DETACH_FILTER of Linux, and the size of `struct sock_fprog`. */
const [socketLevel, attachFilter, detachFilter, filterBytes] = [1, 26, 27, 16]
/** BPF_RET | BPF_K with 0: one `struct sock_filter`. */
const keepNothing = Uint8Array.of(6, 0, 0, 0, 0, 0, 0, 0)

function dropAll(): Uint8Array {
  const program = new DataView(new ArrayBuffer(filterBytes))
  program.setUint16(0, 1, true)
  program.setBigUint64(8, BigInt(ptr(keepNothing)), true)
  return new Uint8Array(program.buffer)
}

const descriptors = (): readonly number[] => readdirSync("/proc/self/fd").map(Number)

/** The limit as it is now: Bun raises it to the highest allowed. */
function mostDescriptors(): number {
  const limit = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]
  return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit)
}

function connectionsAmong(descriptors: readonly number[], port: number): Connection[] {
  return descriptors.flatMap(descriptor => {
    const own = addressOf(libc().getsockname, descriptor)
    if (own?.port !== port) return []
    const other = addressOf(libc().getpeername, descriptor)
    if (other === null) return []
    return [{ descriptor, address: other.address, key: `${descriptor} ${other.address} ${other.port}` }]
  })
}

/** AF_INET, AF_INET6 and SHUT_RDWR of Linux (ip(7), ipv6(7), shutdown(2)). */
const [inet, inet6, bothWays] = [2, 10, 2]
/** More than `struct sockaddr_in6`. */
const addressBytes = 128

/** Null for what is no internet socket, or has no other end. */
function addressOf(
  ask: ReturnType<typeof openSockets>["getpeername"],
  descriptor: number,
): { address: string; port: number } | null {
  const bytes = Buffer.alloc(addressBytes)
  if (ask(descriptor, ptr(bytes), ptr(new Uint32Array([addressBytes]))) !== 0) return null
  const family = bytes.readUInt16LE(0)
  const port = bytes.readUInt16BE(2)
  if (family === inet) return { address: bytes.subarray(4, 8).join("."), port }
  return family === inet6 ? { address: bytes.toString("hex", 8, 24), port } : null
}

let sockets: ReturnType<typeof openSockets> | null = null

function libc(): ReturnType<typeof openSockets> {
  sockets ??= openSockets()
  return sockets
}

function openSockets() {
  const { i32, ptr: pointer } = FFIType
  const name = { args: [i32, pointer, pointer], returns: i32 } as const
  return openLibC({
    getsockname: name,
    getpeername: name,
    shutdown: { args: [i32, i32], returns: i32 },
    setsockopt: { args: [i32, i32, i32, pointer, i32], returns: i32 },
  })
}
