/**
 * Posts to another Guardian, and not to this machine where the host does not say so. Follows no redirect, uses no
 * proxy, reads no more than 128 KiB, and sends the IP literal as Host: the other side refuses names that it does not
 * know.
 * @see docs/PROTOCOL.md section 1
 */
import dns from "node:dns/promises"
import { isIP } from "node:net"
import { formatAddress, isDestination, isLoopback, keepsItsSide } from "../protocol/addresses.ts"
import { mostBodyBytes } from "../protocol/messages.ts"

export type PostAnswer =
  | {
      readonly kind: "answered"
      readonly status: number
      /** The IP literal that was asked. */
      readonly literal: string
      readonly header: (name: string) => string | null
      readonly body: Uint8Array
    }
  /** No answer that could be read: `reason` says why, for a person. */
  | {
      readonly kind: "unreachable"
      readonly cause: "refused" | "timed-out" | "unresolved" | "unroutable" | "failed"
      /** The IP literal that was asked, or null where it came to none. */
      readonly literal: string | null
      readonly reason: string
    }

export type PostOptions = {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array<ArrayBuffer>
  readonly timeoutMilliseconds: number
  readonly signal?: AbortSignal
  /** What the host led to a moment ago: that is asked, and the host is not looked up again. */
  readonly literal?: string
  /** Asked when it is known where it goes: a look-up takes its time, and nothing is sent where it is not to go any more. */
  readonly isWanted?: () => Promise<boolean>
}

/**
 * Posts, and reads one answer, whatever it is: also a request that a peer hands over in it, byte for byte. It may be
 * held back for long: one that came after 34 s was read, as `fetch` has no time-out below 5 minutes of its own; and an
 * abort closes the socket within a millisecond, so that whoever holds the request sees it (Bun 1.4.5).
 * @param host - an IP literal or a name; a name is resolved here, first
 */
export async function post(
  host: string,
  port: number,
  path: string,
  options: PostOptions,
): Promise<PostAnswer> {
  const where = formatAddress(host, port)
  const deadline = openDeadline(options.timeoutMilliseconds, options.signal)
  let literal: string | null = null
  try {
    const found = options.literal ?? (await unlessAborted(resolveHost(host), deadline.signal))
    if (found === null) return unresolved(`cannot resolve the host name ${host}`)
    if (!keepsItsSide(host, found))
      return unresolved(`the host name ${host} leads to ${found}, which is ${whatIsAmiss(host, found)}`)
    if (options.isWanted !== undefined && !(await options.isWanted()))
      return unresolved(`nothing is to go to ${where} any more`)
    literal = found
    return await postTo(found, port, path, options, deadline.signal)
  } catch (error) {
    return { kind: "unreachable", literal, ...reasonOf(error, where, deadline.isLate()) }
  } finally {
    deadline.close()
  }
}

/** The IP literal that a host leads to now; null where it leads nowhere, or that took too long. */
export async function lookUp(
  host: string,
  timeoutMilliseconds: number,
  signal: AbortSignal,
): Promise<string | null> {
  const deadline = openDeadline(timeoutMilliseconds, signal)
  return unlessAborted(resolveHost(host), deadline.signal)
    .catch(() => null)
    .finally(deadline.close)
}

/** Not AbortSignal.timeout: each of those lives on until its time, also when the answer came long before. */
function openDeadline(milliseconds: number, signal: AbortSignal | undefined) {
  const deadline = new AbortController()
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    deadline.abort()
  }, milliseconds)
  const cut = (): void => deadline.abort()
  signal?.addEventListener("abort", cut, { once: true })
  if (signal?.aborted) cut()
  return {
    signal: deadline.signal,
    isLate: () => isLate,
    close(): void {
      clearTimeout(timer)
      signal?.removeEventListener("abort", cut)
    },
  }
}

async function postTo(
  literal: string,
  port: number,
  path: string,
  options: PostOptions,
  signal: AbortSignal,
): Promise<PostAnswer> {
  const response = await fetch(`http://${formatAddress(literal, port)}${path}`, {
    method: "POST",
    headers: options.headers,
    body: options.body,
    redirect: "manual",
    keepalive: false,
    decompress: false,
    proxy: false,
    signal,
  } as unknown as RequestInit)
  const body = await readBounded(response)
  if (body === null)
    return { kind: "unreachable", literal, cause: "failed", reason: "the answer is too long" }
  const header = (name: string): string | null => response.headers.get(name)
  return { kind: "answered", status: response.status, literal, header, body }
}

async function readBounded(response: Response): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > mostBodyBytes) return null
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

/** A look-up cannot be cut (getaddrinfo), and whoever answers for a name chooses how long it takes. */
async function unlessAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const end = (): void => reject(signal.reason)
  if (signal.aborted) end()
  signal.addEventListener("abort", end, { once: true })
  return Promise.race([work, aborted]).finally(() => signal.removeEventListener("abort", end))
}

/** The IP literal that a host leads to now, or null. */
async function resolveHost(host: string): Promise<string | null> {
  if (isIP(host)) return host
  try {
    return (await dns.lookup(host)).address
  } catch {
    return null
  }
}

const whatIsAmiss = (host: string, found: string): string => {
  if (isLoopback(host)) return "not this machine"
  return isLoopback(found) || !isDestination(found)
    ? "this machine"
    : "no machine's address beyond its own link"
}

const unresolved = (reason: string): PostAnswer => ({
  kind: "unreachable",
  cause: "unresolved",
  literal: null,
  reason,
})

/** In words of our own: Bun's speak of URLs, typos and `fetch()` (Bun 1.4.5). */
function reasonOf(error: unknown, where: string, isLate: boolean): Pick<Unreachable, "cause" | "reason"> {
  if (isLate) return { cause: "timed-out", reason: `${where} did not answer in time` }
  const { code = "" } = error as { code?: string }
  switch (code) {
    case "ConnectionRefused":
    case "ECONNREFUSED":
      return { cause: "refused", reason: `nothing listens on ${where}; is its Guardian running?` }
    case "EHOSTUNREACH":
      return {
        cause: "unroutable",
        reason: `no machine answers at ${where}; is it on, and in a network or VPN with this one?`,
      }
    case "ENETUNREACH":
    case "EADDRNOTAVAIL":
    case "EACCES":
    case "EINVAL":
      return {
        cause: "unroutable",
        reason: `no way leads from this machine to ${where}; is its network or VPN up?`,
      }
    case "ECONNRESET":
    case "ConnectionClosed":
      return { cause: "failed", reason: `${where} closed the connection without an answer` }
    default:
      return { cause: "failed", reason: `${where} gave no answer that a Guardian gives` }
  }
}

type Unreachable = Extract<PostAnswer, { kind: "unreachable" }>
