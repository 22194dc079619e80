/**
 * The door: HTTP/1.1 in, bytes and headers out. What is not a well-formed POST for one of the paths gets the
 * one answer, and the handlers never see it.
 * @see docs/PROTOCOL.md section 1
 */
import { isIP } from "node:net"
import { isAllowedHost } from "../protocol/addresses.ts"
import { mostBodyBytes } from "../protocol/messages.ts"
import { announceNewcomers, createHolds, type Holds, watchCrowd } from "./crowd.ts"
import { isWildcard, openPlaces, type Places, type PlacesOptions } from "./places.ts"
import { plainAddress } from "./sockets.ts"

/** A request that may be looked at. */
export type WireRequest = {
  readonly body: Uint8Array
  readonly header: (name: string) => string | null
  /** The IP literal the connection came from. */
  readonly address: string
  /** Lets the handler take up to this many seconds. */
  readonly allow: (seconds: number) => void
  /** Aborted once nobody waits for the answer. */
  readonly signal: AbortSignal
  /**
   * Marks the connection as a peer's, on which its request is held: it neither counts among the strangers' nor is cut
   * with them until what this returns is called, or the handler has answered. `mostHolds()` of them, no more, may be
   * at a time; the caller sees to it.
   */
  readonly hold: () => () => void
}

export type WireHandler = (request: WireRequest) => Response | Promise<Response>

export type Listener = Places & {
  /** Counts the connections now; by itself it does as somebody comes, where the kernel tells of that. */
  look(): void
}

/** `hosts` are IP literals, of which one is loopback or stands for all; `preferredPort` is the last one, or 0 for any. */
export type ListenerOptions = Pick<
  PlacesOptions,
  "hosts" | "preferredPort" | "retryMilliseconds" | "onHost"
> & {
  /** Host names this Guardian answers to beside IP literals and localhost. */
  readonly names: readonly string[]
  readonly handlers: Readonly<Record<string, WireHandler>>
  /** Seconds within which a request's body must be here; headers have the 10 s of Bun's own. */
  readonly requestSeconds?: number
  /** Told why a request got the one answer. */
  readonly onRefused: (reason: string, address: string) => void
  /** Told of a handler's bug; the request gets 403 like any other. */
  readonly onError: (error: unknown) => void
}

/** The one answer for whatever is not for us: no body, no header that names the software. */
export const refusal = (): Response => new Response(null, { status: 403 })

/**
 * Bun's `idleTimeout` is a deadline for the whole request: bytes that drip in do not start it anew. Headers
 * and bodies at one byte a second or every five were all cut at 12 s, its clock ticking every 4; for headers
 * it is 10 s whatever is set here (Bun 1.4.5).
 *
 * Once a body has come, it cuts no more (a request without one it cuts all the same), and only `allow` sets another
 * deadline, from then on: of 10 s allowed came 9.2 to 12.1, of 26 s 25.2 to 28.1, of 35 s 33.2 to 36.1. So what is held
 * for n seconds is allowed n + 10. `signal` is aborted at once where the connection is closed, reset or half-closed,
 * and where more bytes come while the request waits (it is dropped with them). A cable that is pulled shows in nothing:
 * the answer looks sent, and without one the deadline alone ends the request (Bun 1.4.5, Linux 6.18).
 */
const defaultRequestSeconds = 10

/** What the listeners of all hosts share. */
type Shared = ListenerOptions & {
  readonly holds: Holds
  /** Whether a Host header names this Guardian. */
  readonly isOwnHost: (header: string) => boolean
}

/** Listens on one port of each host, and watches them all for crowds. @throws as `openPlaces` */
export function listen(options: ListenerOptions): Listener {
  const holds = createHolds()
  const shared = { ...options, holds, isOwnHost: createHostCheck(options.names) }
  const places = openPlaces({ ...options, serve: (host, port) => serve(shared, host, port) })
  const onCut = (address: string): void => options.onRefused("too many connections", address)
  const crowd = watchCrowd({ port: places.port, holds, onCut, onError: options.onError })
  return {
    ...places,
    look: crowd.look,
    stop() {
      crowd.stop()
      return places.stop()
    },
  }
}

function serve(shared: Shared, hostname: string, port: number) {
  const isPipelined = watchPipelines()
  const server = Bun.serve({
    hostname,
    port,
    // Without it a second Guardian would share the port, and take half of the first one's requests (Bun 1.4.5).
    reusePort: false,
    idleTimeout: shared.requestSeconds ?? defaultRequestSeconds,
    maxRequestBodySize: mostBodyBytes,
    development: false,
    async fetch(request, server) {
      const from = server.requestIP(request)
      const isLast = isPipelined(from)
      const response = await answer(shared, request, server, from)
      if (isLast) response.headers.set("Connection", "close")
      return response
    },
    error: error => {
      shared.onError(error)
      return refusal()
    },
  })
  try {
    announceNewcomers(server.port ?? port)
  } catch (error) {
    // Of a host that comes back in a flood: no descriptor is left to look with.
    shared.onError(error)
  }
  return server
}

/** Where a connection came from; null where that is not known any more. */
type Caller = Pick<Bun.SocketAddress, "address" | "port"> | null

/**
 * Whether this is not the first request of its connection in this turn of the event loop, and so is to end with its
 * answer. Bun handles at one go, one behind the other, all that was pipelined, also for a caller that reads nothing: one
 * such connection held everybody else up for 2 to 4 s, and cut like this for 0.03 s (Bun 1.4.5). Who waits for an answer
 * may go on.
 */
export function watchPipelines(): (from: Caller) => boolean {
  let last: Caller = null
  return from => {
    // Once a turn: the next requests of it add nothing.
    if (last === null)
      setImmediate(() => {
        last = null
      })
    const isPipelined = from?.port === last?.port && from?.address === last?.address
    last = from
    return isPipelined
  }
}

async function answer(
  { handlers, holds, isOwnHost, onRefused }: Shared,
  request: Request,
  server: Bun.Server<undefined>,
  from: Caller,
): Promise<Response> {
  const address = plainAddress(from?.address ?? "unknown")
  const path = pathOf(request.url)
  const handler = Object.hasOwn(handlers, path) ? handlers[path] : undefined
  const reason = handler === undefined ? "path" : reasonToRefuse(isOwnHost, request)
  if (handler === undefined || reason !== null) {
    onRefused(reason ?? "path", address)
    return refusal()
  }
  const body = await readBody(request)
  if (body === null) {
    onRefused("body cut off or too long", address)
    return refusal()
  }
  const held: (() => void)[] = []
  try {
    return await handler({
      body,
      header: name => request.headers.get(name),
      address,
      allow: seconds => server.timeout(request, seconds),
      get signal() {
        return request.signal
      },
      hold() {
        const release = from === null ? () => {} : holds.hold(ownAddress(server), from)
        held.push(release)
        return release
      },
    })
  } finally {
    for (const release of held) release()
  }
}

/** The IP literal that a server listens on; null where it is several: Bun does not say to which one a request came (Bun 1.4.5). */
export const ownAddress = ({ hostname = "::" }: Pick<Bun.Server<undefined>, "hostname">): string | null =>
  isIP(hostname) === 0 || isWildcard(hostname) ? null : hostname

/** Null where the caller hung up, was cut off or sent too much (Bun then answers 413): no bug of ours. */
async function readBody(request: Request): Promise<Uint8Array | null> {
  try {
    return await request.bytes()
  } catch {
    return null
  }
}

/** Peers ask again under the same name, and to read it takes long: the last one that was right is known. */
function createHostCheck(names: readonly string[]): Shared["isOwnHost"] {
  let last: string | null = null
  return header => {
    if (header === last) return true
    const isAllowed = isAllowedHost(header, names)
    if (isAllowed) last = header
    return isAllowed
  }
}

/** A browser, a rebound name, or no JSON post at all. */
function reasonToRefuse(isOwnHost: Shared["isOwnHost"], request: Request): string | null {
  const { headers } = request
  if (request.method !== "POST") return "method"
  if (!isOwnHost(headers.get("host") ?? "")) return "host"
  if (headers.has("origin") || headers.has("sec-fetch-site")) return "browser"
  return /^application\/json(?:\s*;\s*charset=utf-8)?$/i.test(headers.get("content-type") ?? "")
    ? null
    : "content type"
}

/**
 * What follows the host: with a query or a fragment, even an empty one, it is no path of ours. HTTP/1.0 without Host
 * makes Bun's `request.url` a bare path, of which this is no path of ours or the host is refused; dot segments are
 * resolved before we see it (Bun 1.4.5).
 */
const pathOf = (url: string): string => url.slice(url.indexOf("/", "http://".length))
