/**
 * Several hosts, one port: what listens on each of them, opened and closed while the others go on.
 * @see docs/PROTOCOL.md section 1
 */
import { isIP } from "node:net"
import { firstPort, isLoopback, portTries } from "../protocol/addresses.ts"
import { SentoError } from "../protocol/errors.ts"
import { plainAddress } from "./sockets.ts"

/** Why nobody listens on a host: the machine does not have it (yet), another program has the port there, or neither. */
export type HostFault = "absent" | "taken" | "unusable"

export type Places = {
  readonly port: number
  /** The hosts that are listened on now, in one spelling; one that the machine lost since then stays, and counts again. */
  open(): readonly string[]
  /** Opens and closes what differs. Requests under way on a host that stays go on; on one that goes they have 2 s. */
  setHosts(hosts: readonly string[]): void
  stop(): Promise<void>
}

/** What listens on one host. */
export type Server = {
  readonly port: number | undefined
  /** Lets nobody in any more, and settles when the last answer is out; `isForced` cuts those that are under way. */
  stop(isForced?: boolean): Promise<void>
}

export type PlacesOptions = {
  readonly hosts: readonly string[]
  readonly preferredPort: number
  /** @throws an error with the system's `code` */
  readonly serve: (host: string, port: number) => Server
  readonly retryMilliseconds?: number
  /** Told of each fault once, and null where the host is open after all; of the first ones when `openPlaces` has returned. */
  readonly onHost?: (host: string, fault: HostFault | null) => void
}

const stopMilliseconds = 2000
const retryEveryMilliseconds = 5000
/** Ports that the kernel chose for the first of several hosts and that may be taken on another. */
const anyPortTries = 16

/** Whether a host stands for all of this machine's addresses. */
export const isWildcard = (host: string): boolean => host === "::" || host === "0.0.0.0"

/** Bun binds `::` for IPv4 too, also where a machine has no IPv6 (Bun 1.4.5). */
const covers = (place: string, host: string): boolean =>
  place === host || place === "::" || (place === "0.0.0.0" && isIP(host) === 4)

/**
 * What is bound for these hosts: each once, and none that another one stands for. `::` stands for all of this
 * machine's addresses, `0.0.0.0` for all of IPv4.
 */
export function placesOf(hosts: readonly string[]): readonly string[] {
  const plain = hosts.map(host => (host.toLowerCase() === "localhost" ? "127.0.0.1" : plainAddress(host)))
  const each = [...new Set(plain)]
  return each.filter(host => !each.some(other => other !== host && covers(other, host)))
}

/**
 * Listens on the preferred port, or else on the first one from 9876 upward, that is free on all of the hosts that this
 * machine has. The others are tried again until they are there: a VPN's address may come long after the start.
 * @throws unreachable when no port is free, or loopback is among the hosts and is not there; config when none of the
 * hosts can be listened on
 */
export function openPlaces(options: PlacesOptions): Places {
  const hosts = placesOf(options.hosts)
  for (const port of portsFrom(options.preferredPort)) {
    const opened = openAll(options.serve, hosts, port)
    if (opened !== null) return keepPlaces(options, hosts, opened)
  }
  throw new SentoError(
    "unreachable",
    `no free port on ${hosts.join(", ")} from ${firstPort} to ${firstPort + portTries - 1}`,
    "stop what holds them (`ss -ltnp`), or choose another with `sento init --port`",
  )
}

function portsFrom(preferred: number): readonly number[] {
  const range = Array.from({ length: portTries }, (_, i) => firstPort + i)
  const first = preferred === 0 ? Array.from({ length: anyPortTries }, () => 0) : [preferred]
  return [...first, ...range.filter(port => port !== preferred)]
}

type Opened = { readonly port: number; readonly servers: Map<string, Server>; readonly faults: Faults }
type Faults = Map<string, HostFault>

/** Null where the port is taken on one of the hosts. */
function openAll(serve: PlacesOptions["serve"], hosts: readonly string[], wish: number): Opened | null {
  const servers = new Map<string, Server>()
  const errors = new Map<string, Error>()
  const closeAll = (): void => {
    for (const server of servers.values()) void server.stop(true)
  }
  let port = wish
  for (const host of hosts) {
    try {
      const server = serve(host, port)
      servers.set(host, server)
      port = server.port ?? port
    } catch (error) {
      errors.set(host, error as Error)
      if (faultOf(error) !== "taken") continue
      closeAll()
      return null
    }
  }
  const lost = lostWithout([...servers.keys()], errors)
  if (lost !== null) closeAll()
  if (lost !== null) throw lost
  return { port, servers, faults: new Map([...errors].map(([host, error]) => [host, faultOf(error)])) }
}

function faultOf(error: unknown): HostFault {
  const { code } = error as { code?: string }
  if (code === "EADDRINUSE") return "taken"
  return code === "EADDRNOTAVAIL" ? "absent" : "unusable"
}

/** The end of it, where this machine itself should be let in and is not, or nobody is. */
function lostWithout(open: readonly string[], errors: ReadonlyMap<string, Error>): SentoError | null {
  const isHome = (host: string): boolean => isWildcard(host) || isLoopback(host)
  if (open.some(isHome)) return null
  const first = open.length === 0 ? [...errors][0] : undefined
  const lost = [...errors].find(([one]) => isHome(one)) ?? first
  if (lost === undefined) return null
  const [host, error] = lost
  const sentence = `cannot listen on ${host}: ${error.message}`
  return isHome(host) && faultOf(error) === "absent"
    ? new SentoError("unreachable", sentence, "see whether the loopback interface is up: `ip link show lo`")
    : new SentoError(
        "config",
        sentence,
        "choose one of this machine's addresses with `sento init --listen HOST`",
      )
}

function keepPlaces(options: PlacesOptions, first: readonly string[], opened: Opened): Places {
  const { port, servers, faults } = opened
  const closing = new Map<Server, Promise<void>>()
  let hosts = first
  let retrying: ReturnType<typeof setInterval> | undefined
  const tell = (host: string, fault: HostFault | null): void => options.onHost?.(host, fault)

  function open(host: string): void {
    const before = faults.get(host) ?? null
    let fault: HostFault | null = null
    try {
      servers.set(host, options.serve(host, port))
      faults.delete(host)
    } catch (error) {
      fault = faultOf(error)
      faults.set(host, fault)
    }
    if (fault !== before) tell(host, fault)
  }

  /** @param isCut - requests that take longer than 2 s are ended */
  function close(host: string, isCut: boolean): void {
    const server = servers.get(host)
    if (server === undefined) return
    servers.delete(host)
    const cut = isCut ? setTimeout(() => server.stop(true), stopMilliseconds) : undefined
    const closed = server.stop().finally(() => {
      clearTimeout(cut)
      closing.delete(server)
    })
    closing.set(server, closed)
  }

  /** What goes is closed first: on the same port nothing is beside a wildcard. */
  function move(next: readonly string[]): void {
    hosts = next
    for (const host of faults.keys()) if (!next.includes(host)) faults.delete(host)
    for (const host of [...servers.keys()].filter(one => !next.includes(one)))
      close(host, !next.some(place => covers(place, host)))
    for (const host of next.filter(one => !servers.has(one))) open(host)
    schedule()
  }

  /** A name is not asked again: Bun looks it up while all else waits. Nor is a wildcard: it is only ever taken. */
  const missing = (): readonly string[] =>
    hosts.filter(host => !servers.has(host) && isIP(host) !== 0 && !isWildcard(host))

  function schedule(): void {
    if (missing().length === 0) {
      clearInterval(retrying)
      retrying = undefined
      return
    }
    retrying ??= setInterval(retry, options.retryMilliseconds ?? retryEveryMilliseconds)
    retrying.unref()
  }

  function retry(): void {
    for (const host of missing()) open(host)
    schedule()
  }

  schedule()
  const untold = [...faults]
  queueMicrotask(() => {
    for (const [host, fault] of untold) if (faults.get(host) === fault) tell(host, fault)
  })
  return {
    port,
    open: () => [...servers.keys()],
    setHosts(wish) {
      move(placesOf(wish))
      const refused = hosts.filter(host => isWildcard(host) && !servers.has(host))
      if (refused.length > 0) move(placesOf(wish.filter(host => !isWildcard(plainAddress(host)))))
    },
    async stop() {
      clearInterval(retrying)
      for (const host of [...servers.keys()]) close(host, false)
      const cut = setTimeout(() => {
        for (const server of closing.keys()) void server.stop(true)
      }, stopMilliseconds)
      await Promise.all(closing.values())
      clearTimeout(cut)
    },
  }
}
