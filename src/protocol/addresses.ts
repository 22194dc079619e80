/** Where a Guardian can be reached: IP literals, DNS names, and what people write for them. */
import { isIPv4, isIPv6 } from "node:net"

/** `host` is an IP literal without brackets or a DNS name; `port` is null where none was given. */
export type Address = { readonly host: string; readonly port: number | null }

/** The first port a Guardian tries, and how many it tries (docs/PROTOCOL.md section 1). */
export const firstPort = 9876
export const portTries = 100

const dnsName =
  /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i

/** An IP literal or a DNS name, as another Guardian may give it or an owner may type it. */
export const isHost = (text: string): boolean =>
  isIPv4(text) || (isIPv6(text) && !text.includes("%")) || (dnsName.test(text) && !/^[\d.]+$/.test(text))

/** `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 literal; null for anything else. */
export function readAddress(text: string): Address | null {
  if (isIPv6(text)) return { host: text, port: null }
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text)
  const host = parts?.[1] ?? parts?.[2]
  if (!parts || host === undefined || !isHost(host) || (parts[1] !== undefined && !isIPv6(host))) return null
  const port = parts[3] === undefined ? null : Number(parts[3])
  return port !== null && (port < 1 || port > 65535) ? null : { host, port }
}

/** `127.0.0.1:9876`, `[::1]:9876`. */
export const formatAddress = (host: string, port: number): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`

export const isLoopback = (host: string): boolean =>
  /^127\.\d+\.\d+\.\d+$/.test(host) ||
  host === "::1" ||
  host === "localhost" ||
  host.startsWith("::ffff:127.")

/**
 * Whether a Host header names this Guardian in a way that no web page can: an IP literal, `localhost`, or a
 * name its owner configured. Anything else may be DNS rebinding.
 */
export function isAllowedHost(header: string, ownNames: readonly string[]): boolean {
  const address = readAddress(header)
  if (address === null) return false
  const host = address.host.toLowerCase()
  return isIPv4(host) || isIPv6(host) || host === "localhost" || ownNames.includes(host)
}
