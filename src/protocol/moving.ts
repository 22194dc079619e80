/**
 * Where a peer may be after it moved: which address its hello may set, and where to look for one that is gone.
 * @see docs/PROTOCOL.md section 4
 */
import { isIP } from "node:net"
import { firstPort, isLoopback, isReachable, isSameHost, portTries } from "./addresses.ts"
import { type Bucket, secondsUntilFree } from "./limiter.ts"

/** `host` is an IP literal or a DNS name. */
export type Place = { readonly host: string; readonly port: number }

/** Where a peer was last. */
export type Known = Place & {
  /** Set by the owner: it never changes by itself. */
  readonly fixed?: boolean | undefined
  /** The IP literal at which it last gave a signed answer; absent where it gave none. */
  readonly reached?: string | undefined
}

/** How an attempt failed: `cause` where there was no answer, `status` where one came that was not the peer's. */
export type Failure = {
  readonly cause: "refused" | "timed-out" | "unresolved" | "unroutable" | "failed" | null
  readonly status: number | null
}

/** How far from the port it had last a peer is looked for, beside the usual range. */
const nearbyPorts = 10
const lastPort = 65_535

/** How often one pair's peer is looked for, at the most. */
export const searchMilliseconds = 60_000

export const isSamePlace = (a: Place, b: Place): boolean =>
  a.port === b.port && a.host.toLowerCase() === b.host.toLowerCase()

/**
 * Where a hello says that its sender is. `from`: its own address on the way to us, as it sees it; `seen`: the one that
 * the connection came from, null where it came over none. Where both agree there is no NAT in between, and no stranger
 * elsewhere that passes the hello on.
 */
export type Hello = {
  readonly host?: string | undefined
  readonly port: number
  readonly from?: string | undefined
  readonly seen?: string | null
}

/**
 * The host that a hello stands for: the one that it names; else the address that was seen, where it says the same; else
 * the known one. An address of either must be one that others could reach. A DNS name gives way to none that was merely
 * seen.
 */
function hostOf({ host: known }: Place, { host, from, seen }: Hello): string {
  if (host !== undefined) return isIP(host) === 0 || isReachable(host) ? host : known
  const isSeen = seen !== undefined && seen !== null && from !== undefined && isSameHost(from, seen)
  return isSeen && isIP(known) !== 0 && isReachable(from) ? from : known
}

/**
 * The address that a fresh signed hello asks for, or null where nothing is to change. A host that would turn
 * this machine into another, or another into this one, is not taken; the port is.
 */
export function placeAfterHello(known: Known, hello: Hello): Place | null {
  if (known.fixed === true) return null
  const named = hostOf(known, hello)
  const host = isLoopback(named) === isLoopback(known.host) ? named : known.host
  const place = { host, port: hello.port }
  return isSamePlace(place, known) ? null : place
}

/**
 * What to ask for a fresh signed hello: the address that it asks for, or the known one where the peer, which is there
 * now, has never been reached; null where there is nothing to ask.
 */
export function placeToAsk(known: Known, hello: Hello): Place | null {
  const isTested = known.fixed === true || known.reached !== undefined
  return placeAfterHello(known, hello) ?? (isTested ? null : { host: known.host, port: known.port })
}

/**
 * Whether a failure may mean that the peer listens on another port now. Where it was never reached nothing is looked
 * for: that it is there at all is its word alone. Silence does on this machine alone: a
 * machine elsewhere that is off would be asked a hundred times for nothing.
 */
export function mayHaveMoved(known: Known, { cause, status }: Failure): boolean {
  if (known.fixed === true || known.reached === undefined) return false
  if (status !== null) return true
  return cause === "refused" || cause === "failed" || (cause === "timed-out" && isLoopback(known.host))
}

/** How long an address that a peer named may take to answer. */
export const askMilliseconds = 9_000

/**
 * From the beginning of an ask in vain to whatever the peer can notice of its end: more than an ask can take, so that
 * the time says nothing of what the address did.
 */
export const vainMilliseconds = 10_000

/** Addresses of a peer that are asked in vain. */
export const vainBucket: Bucket = { most: 10, seconds: 3600 }

/**
 * Milliseconds before the next address that a peer named may be asked; 0: now.
 * @param vainAt - when those that were asked in vain began to be asked, in milliseconds of the same clock as `now`
 */
export function waitBeforeAsking(vainAt: readonly number[], now: number): number {
  const spacing = Math.max(0, ...vainAt.map(at => at + vainMilliseconds - now))
  return Math.max(spacing, 1000 * (secondsUntilFree(vainBucket, vainAt, now) ?? 0))
}

/**
 * How often an address at which a new pair was asked in vain is asked there again at once. Later repeats are ever rarer:
 * six asks an hour at the most, so that there is room for an address that is named meanwhile.
 */
export const mostRepeats = 2

/**
 * Milliseconds before an address that was asked in vain is asked again without a word of the peer's; 0: now.
 * @param vainAt - when it began to be asked, in milliseconds of the same clock as `now`
 */
export function waitBeforeRepeating(vainAt: readonly number[], now: number): number {
  const recent = vainAt.filter(at => at > now - vainBucket.seconds * 1000)
  if (recent.length === 0) return 0
  return Math.max(0, Math.max(...recent) + vainMilliseconds * 4 ** (recent.length - 1) - now)
}

/**
 * Ports on which a peer is looked for: the nearest to the one it had first, then the usual range.
 * @param own - our own port, where the host is this machine; or null
 */
export function portsAround(known: Place, own: number | null): number[] {
  const near = Array.from({ length: nearbyPorts }, (_, i) => [known.port + i + 1, known.port - i - 1]).flat()
  const usual = Array.from({ length: portTries }, (_, i) => firstPort + i)
  return [...new Set([...near, ...usual])].filter(
    port => port >= 1 && port <= lastPort && port !== known.port && port !== own,
  )
}

/** The end of a sentence after which there is nothing left that this side could do. */
export const askOwner = "ask its owner"

/**
 * What an answer at the peer's address that is not the peer's says of it, for a person.
 * @param occupant - another agent that is known to be there; null where none is
 */
export function strangerReason(name: string, status: number, occupant: string | null): string {
  if (occupant !== null)
    return `${name}'s address is also that of ${occupant}, and what answers there is not ${name}, which may have moved; ${askOwner}`
  if (status === 403)
    return `${name}'s address answers, but does not know this pair: ${name} may have been restored from a backup, have removed this agent, or another agent may have its port; ${askOwner}`
  return `${name}'s address gave an answer that is not ${name}'s (HTTP ${status}): another program may have its port`
}
