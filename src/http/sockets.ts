/** What the kernel says of this process's sockets, and how it is told to let nobody in: calls that Bun has no words for. */
import { FFIType, ptr } from "bun:ffi"
import { readdirSync } from "node:fs"
import { openLibC } from "./libc.ts"

/** One end of a socket; `address` is an IP literal, an IPv4 one where it is mapped into IPv6. */
export type End = { readonly address: string; readonly port: number }

/** AF_INET and AF_INET6 of Linux, and more than `struct sockaddr_in6` (ip(7), ipv6(7)). */
const [inet, inet6, addressBytes] = [2, 10, 128]
/** SHUT_RDWR of Linux (shutdown(2)). */
const bothWays = 2
/** SOL_SOCKET, SO_ACCEPTCONN, SO_ATTACH_FILTER and SO_DETACH_FILTER of Linux, and the size of `struct sock_fprog`. */
const [socketLevel, acceptsConnections, attachFilter, detachFilter, filterBytes] = [1, 30, 26, 27, 16]
/** F_GETFL, F_SETFL, F_SETOWN and O_ASYNC of Linux (fcntl(2)), on x64 and arm64. */
const [getFlags, setFlags, setOwner, tellsOfInput] = [3, 4, 8, 0o20000]
/** BPF_RET | BPF_K with 0: one `struct sock_filter`. */
const keepNothing = Uint8Array.of(6, 0, 0, 0, 0, 0, 0, 0)

/** The numbers of all open descriptors. @throws EMFILE where none is left to read them with */
export const descriptors = (): readonly number[] => readdirSync("/proc/self/fd").map(Number)

/** The socket calls, loaded once: the first use needs a descriptor. */
export function sockets() {
  loaded ??= load()
  return loaded
}

let loaded: ReturnType<typeof load> | null = null

function load() {
  const { i32, ptr: pointer } = FFIType
  const name = { args: [i32, pointer, pointer], returns: i32 } as const
  const libc = openLibC({
    getsockname: name,
    getpeername: name,
    shutdown: { args: [i32, i32], returns: i32 },
    getsockopt: { args: [i32, i32, i32, pointer, pointer], returns: i32 },
    setsockopt: { args: [i32, i32, i32, pointer, i32], returns: i32 },
    fcntl: { args: [i32, i32, i32], returns: i32 },
  })
  const endOf = (ask: typeof libc.getsockname, descriptor: number): End | null => {
    const bytes = Buffer.alloc(addressBytes)
    return ask(descriptor, ptr(bytes), ptr(new Uint32Array([addressBytes]))) === 0 ? readEnd(bytes) : null
  }
  return {
    /** Null for what is no internet socket. */
    own: (descriptor: number): End | null => endOf(libc.getsockname, descriptor),
    /** Null for what has no other end. */
    other: (descriptor: number): End | null => endOf(libc.getpeername, descriptor),
    isListening(descriptor: number): boolean {
      const value = new Int32Array(1)
      const length = new Uint32Array([value.byteLength])
      libc.getsockopt(descriptor, socketLevel, acceptsConnections, ptr(value), ptr(length))
      return value[0] === 1
    },
    /** From now on this process gets SIGIO as somebody comes to a listening socket; unhandled, that ends it (fcntl(2), O_ASYNC). */
    announce(descriptor: number): void {
      libc.fcntl(descriptor, setOwner, process.pid)
      libc.fcntl(descriptor, setFlags, libc.fcntl(descriptor, getFlags, 0) | tellsOfInput)
    },
    /** Ends a connection both ways; who owns it is told, and closes it. */
    cut: (descriptor: number): number => libc.shutdown(descriptor, bothWays),
    /**
     * Whether a listening socket takes in anybody. A classic BPF program that keeps 0 bytes drops every packet for the
     * listener itself (socket(7), SO_ATTACH_FILTER); connections that are there already are none of its business.
     */
    admit(descriptor: number, isOpen: boolean): void {
      const [option, value] = isOpen ? [detachFilter, new Uint8Array(4)] : [attachFilter, dropAll()]
      libc.setsockopt(descriptor, socketLevel, option, ptr(value), value.length)
    },
  }
}

function dropAll(): Uint8Array {
  const program = new DataView(new ArrayBuffer(filterBytes))
  program.setUint16(0, 1, true)
  program.setBigUint64(8, BigInt(ptr(keepNothing)), true)
  return new Uint8Array(program.buffer)
}

/** A `struct sockaddr` of Linux on a little-endian machine; null for one that is not of the internet. */
export function readEnd(bytes: Buffer): End | null {
  const family = bytes.readUInt16LE(0)
  const port = bytes.readUInt16BE(2)
  if (family === inet) return { address: bytes.subarray(4, 8).join("."), port }
  if (family !== inet6) return null
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(8 + 2 * i).toString(16))
  return { address: plainAddress(groups.join(":")), port }
}

/** One spelling for an IP literal: IPv6 as RFC 5952 has it and without its zone, IPv4 where it is mapped into IPv6. */
export function plainAddress(literal: string): string {
  if (!literal.includes(":")) return literal
  const [address = ""] = literal.split("%")
  const plain = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(plain) ?? []
  if (high === undefined || low === undefined) return plain
  const bytes = [high, low].flatMap(group => [Number(`0x${group}`) >> 8, Number(`0x${group}`) & 255])
  return bytes.join(".")
}
