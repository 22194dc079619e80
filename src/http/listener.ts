/**
 * The door: HTTP/1.1 in, bytes and headers out. What is not a well-formed POST for one of the paths gets the
 * one answer, and the handlers never see it.
 * @see docs/PROTOCOL.md section 1
 */
import { firstPort, isAllowedHost, portTries } from "../protocol/addresses.ts"
import { SentoError } from "../protocol/errors.ts"
import { mostBodyBytes } from "../protocol/messages.ts"
import { watchCrowd } from "./crowd.ts"

/** A request that may be looked at. */
export type WireRequest = {
  readonly body: Uint8Array
  readonly header: (name: string) => string | null
  /** The IP literal the connection came from. */
  readonly address: string
  /** Lets the handler take up to this many seconds. */
  readonly allow: (seconds: number) => void
}

export type WireHandler = (request: WireRequest) => Response | Promise<Response>

export type Listener = { readonly host: string; readonly port: number; stop(): Promise<void> }

export type ListenerOptions = {
  readonly host: string
  /** The port to try before all others: the one it had last, or 0 for any. */
  readonly preferredPort: number
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
 */
const defaultRequestSeconds = 10
const stopMilliseconds = 2000

/**
 * Listens on the preferred port, or else on the first free one from 9876 upward.
 * @throws unreachable when none of them is free, config when the address is not this machine's
 */
export function listen(options: ListenerOptions): Listener {
  const range = Array.from({ length: portTries }, (_, i) => firstPort + i)
  const ports = [options.preferredPort, ...range.filter(port => port !== options.preferredPort)]
  for (const port of ports) {
    const server = tryPort(options, port)
    if (server !== null) return listenerOf(server, options)
  }
  throw new SentoError(
    "unreachable",
    `no free port on ${options.host} from ${firstPort} to ${firstPort + portTries - 1}`,
    "stop what holds them (`ss -ltnp`), or choose another with `sento init --port`",
  )
}

type Server = ReturnType<typeof serve>

function tryPort(options: ListenerOptions, port: number): Server | null {
  try {
    return serve(options, port)
  } catch (error) {
    if ((error as { code?: string }).code === "EADDRINUSE") return null
    throw new SentoError(
      "config",
      `cannot listen on ${options.host}: ${(error as Error).message}`,
      "choose one of this machine's addresses with `sento init --listen HOST`",
    )
  }
}

function serve(options: ListenerOptions, port: number) {
  const isPipelined = watchPipelines()
  return Bun.serve({
    hostname: options.host,
    port,
    // Without it a second Guardian would share the port, and take half of the first one's requests (Bun 1.4.5).
    reusePort: false,
    idleTimeout: options.requestSeconds ?? defaultRequestSeconds,
    maxRequestBodySize: mostBodyBytes,
    development: false,
    async fetch(request, server) {
      const from = server.requestIP(request)
      const isLast = isPipelined(`${from?.address} ${from?.port}`)
      const response = await answer(options, request, server)
      if (isLast) response.headers.set("Connection", "close")
      return response
    },
    error: error => {
      options.onError(error)
      return refusal()
    },
  })
}

/**
 * Whether a connection has more than one request in one turn of the event loop, and so is to end with this answer.
 * Bun handles at one go all that was pipelined, also for a caller that reads nothing: one such connection held
 * everybody else up for 2 to 4 s, and cut like this for 0.03 s (Bun 1.4.5). Who waits for an answer may go on.
 */
function watchPipelines(): (connection: string) => boolean {
  const seen = new Set<string>()
  return connection => {
    if (seen.size === 0) setImmediate(() => seen.clear())
    const isPipelined = seen.has(connection)
    seen.add(connection)
    return isPipelined
  }
}

async function answer(
  options: ListenerOptions,
  request: Request,
  server: Bun.Server<undefined>,
): Promise<Response> {
  const address = server.requestIP(request)?.address.replace(/^::ffff:(?=\d+\.)/, "") ?? "unknown"
  const path = pathOf(request.url)
  const handler = Object.hasOwn(options.handlers, path) ? options.handlers[path] : undefined
  const reason = handler === undefined ? "path" : reasonToRefuse(options, request)
  if (handler === undefined || reason !== null) {
    options.onRefused(reason ?? "path", address)
    return refusal()
  }
  const body = await readBody(request)
  if (body === null) {
    options.onRefused("body cut off or too long", address)
    return refusal()
  }
  const allow = (seconds: number): void => server.timeout(request, seconds)
  return handler({ body, header: name => request.headers.get(name), address, allow })
}

/** Null where the caller hung up, was cut off or sent too much (Bun then answers 413): no bug of ours. */
async function readBody(request: Request): Promise<Uint8Array | null> {
  try {
    return new Uint8Array(await request.arrayBuffer())
  } catch {
    return null
  }
}

/** A browser, a rebound name, or no JSON post at all. */
function reasonToRefuse(options: ListenerOptions, request: Request): string | null {
  const { headers } = request
  if (request.method !== "POST") return "method"
  if (!isAllowedHost(headers.get("host") ?? "", options.names)) return "host"
  if (headers.has("origin") || headers.has("sec-fetch-site")) return "browser"
  return /^application\/json(?:\s*;\s*charset=utf-8)?$/i.test(headers.get("content-type") ?? "")
    ? null
    : "content type"
}

/**
 * The path alone: with a query or a fragment, even an empty one, it is no path of ours. HTTP/1.0 without
 * Host makes Bun's `request.url` a bare path, which is no URL; dot segments are resolved before we see it.
 */
function pathOf(url: string): string {
  if (/[?#]/.test(url) || !URL.canParse(url)) return ""
  const { pathname } = new URL(url)
  return pathname.startsWith("/v1/") ? pathname : ""
}

function listenerOf(server: Server, options: ListenerOptions): Listener {
  const { onError, onRefused } = options
  const onCut = (address: string): void => onRefused("too many connections", address)
  const crowd = watchCrowd({ port: server.port ?? 0, onCut, onError })
  return {
    host: server.hostname ?? "",
    port: server.port ?? 0,
    /** `stop()` waits for slow requests; those that take too long are cut. */
    async stop() {
      crowd.stop()
      const cut = setTimeout(() => server.stop(true), stopMilliseconds)
      await server.stop()
      clearTimeout(cut)
    },
  }
}
