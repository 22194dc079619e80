/** Where a Guardian can be reached: IP literals, DNS names, and what people write for them. */
import { BlockList, isIPv4, isIPv6 } from "node:net"
import * as v from "valibot"

/** `host` is an IP literal without brackets or a DNS name; `port` is null where none was given. */
export type Address = { readonly host: string; readonly port: number | null }

/** The first port a Guardian tries, and how many it tries (docs/PROTOCOL.md section 1). */
export const firstPort = 9876
export const portTries = 100

const dnsName =
  /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i

/** What a resolver reads as the end of an IPv4 address in an unusual spelling: `127.1`, `0x7f000001`. */
const numericEnd = /(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$/i

/** An IP literal without a zone, or a DNS name that no resolver takes for a number. */
export const isHost = (text: string): boolean =>
  isIPv4(text) || (isIPv6(text) && !text.includes("%")) || (dnsName.test(text) && !numericEnd.test(text))

/**
 * A host that another Guardian may name as its own: not `0.0.0.0` or `::`, with which a caller from elsewhere
 * would be this very machine.
 */
export const isDestination = (text: string): boolean => isHost(text) && !isWithin(unspecified, text)

export const hostSchema = v.pipe(v.string(), v.maxLength(253), v.check(isDestination))

/** `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 literal; null for anything else. */
export function readAddress(text: string): Address | null {
  if (isIPv6(text)) return isHost(text) ? { host: text, port: null } : null
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text)
  const host = parts?.[1] ?? parts?.[2]
  if (!parts || host === undefined || !isHost(host) || (parts[1] !== undefined && !isIPv6(host))) return null
  const port = parts[3] === undefined ? null : Number(parts[3])
  return port !== null && (port < 1 || port > 65535) ? null : { host, port }
}

/** `127.0.0.1:9876`, `[::1]:9876`. */
export const formatAddress = (host: string, port: number): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`

const loopback = new BlockList()
loopback.addSubnet("127.0.0.0", 8, "ipv4")
loopback.addAddress("::1", "ipv6")

const unspecified = new BlockList()
unspecified.addSubnet("0.0.0.0", 8, "ipv4")
unspecified.addAddress("::", "ipv6")

const local = new BlockList()
local.addSubnet("169.254.0.0", 16, "ipv4")
local.addSubnet("224.0.0.0", 4, "ipv4")
local.addAddress("255.255.255.255", "ipv4")
local.addSubnet("fe80::", 10, "ipv6")
local.addSubnet("ff00::", 8, "ipv6")

/** Whether an IP literal may be another machine's address to us: not link-local, multicast or unspecified. */
export const isReachable = (literal: string): boolean => isDestination(literal) && !isWithin(local, literal)

/** Whether two IP literals are one address, however they are spelled. */
export function isSameHost(a: string, b: string): boolean {
  const list = new BlockList()
  list.addAddress(a, isIPv6(a) ? "ipv6" : "ipv4")
  return isWithin(list, b)
}

/** Whether a host is this machine's loopback, however it is spelled (RFC 4291 section 2.2, RFC 6761 section 6.3). */
export const isLoopback = (host: string): boolean =>
  isWithin(loopback, host) || /(?:^|\.)localhost\.?$/i.test(host)

/**
 * Whether a host may be asked at the IP literal that it leads to now: a name that does not say so must not lead to
 * this machine, nor `localhost` elsewhere, nor any name to a link-local or multicast address.
 */
export const keepsItsSide = (host: string, literal: string): boolean =>
  host === literal || (isReachable(literal) && isLoopback(literal) === isLoopback(host))

/** A list's IPv4 rules hold for IPv4-mapped IPv6 addresses too. */
function isWithin(list: BlockList, host: string): boolean {
  if (isIPv4(host)) return list.check(host, "ipv4")
  return isIPv6(host) && list.check(host, "ipv6")
}

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
