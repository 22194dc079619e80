/**
 * Posts to another Guardian, and not to this machine where the host does not say so. Follows no redirect, uses no proxy, reads no more than 128 KiB, and sends the
 * IP literal as Host: the other side refuses names that it does not know.
 * @see docs/PROTOCOL.md section 1
 */
import dns from "node:dns/promises"
import { isIP } from "node:net"
import { formatAddress, isLoopback, keepsItsSide } from "../protocol/addresses.ts"
import { mostBodyBytes } from "../protocol/messages.ts"

export type PostAnswer =
  | {
      readonly kind: "answered"
      readonly status: number
      readonly header: (name: string) => string | null
      readonly body: Uint8Array
    }
  /** No answer that could be read: `reason` says why, for a person. */
  | {
      readonly kind: "unreachable"
      readonly cause: "refused" | "timed-out" | "unresolved" | "failed"
      readonly reason: string
    }

export type PostOptions = {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array<ArrayBuffer>
  readonly timeoutMilliseconds: number
  readonly signal?: AbortSignal
}

/** @param host - an IP literal or a name; a name is resolved here, first */
export async function post(
  host: string,
  port: number,
  path: string,
  options: PostOptions,
): Promise<PostAnswer> {
  const where = formatAddress(host, port)
  // Not AbortSignal.timeout: each of those lives on until its time, also when the answer came long before.
  const deadline = new AbortController()
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    deadline.abort()
  }, options.timeoutMilliseconds)
  const cut = (): void => deadline.abort()
  options.signal?.addEventListener("abort", cut, { once: true })
  if (options.signal?.aborted) cut()
  try {
    const literal = await unlessAborted(resolveHost(host), deadline.signal)
    if (literal === null) return unresolved(`cannot resolve the host name ${host}`)
    if (!keepsItsSide(host, literal))
      return unresolved(
        `the host name ${host} leads to ${literal}, which is ${isLoopback(host) ? "not " : ""}this machine`,
      )
    return await postTo(`http://${formatAddress(literal, port)}${path}`, options, deadline.signal)
  } catch (error) {
    return unreachable(error, where, isLate)
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener("abort", cut)
  }
}

async function postTo(url: string, options: PostOptions, signal: AbortSignal): Promise<PostAnswer> {
  const response = await fetch(url, {
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
  if (body === null) return { kind: "unreachable", cause: "failed", reason: "the answer is too long" }
  return { kind: "answered", status: response.status, header: name => response.headers.get(name), body }
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

const unresolved = (reason: string): PostAnswer => ({ kind: "unreachable", cause: "unresolved", reason })

function unreachable(error: unknown, where: string, isLate: boolean): PostAnswer {
  const code = (error as { code?: string }).code
  if (isLate) return { kind: "unreachable", cause: "timed-out", reason: `${where} did not answer in time` }
  if (code === "ConnectionRefused" || code === "ECONNREFUSED")
    return {
      kind: "unreachable",
      cause: "refused",
      reason: `nothing listens on ${where}; is its Guardian running?`,
    }
  return { kind: "unreachable", cause: "failed", reason: `${where}: ${(error as Error).message}` }
}
