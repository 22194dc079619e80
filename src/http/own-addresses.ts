/** This machine's addresses: which another machine could use, and which leads to a given place. */
import { readFileSync } from "node:fs"
import { BlockList, isIP, isIPv4 } from "node:net"
import { networkInterfaces } from "node:os"
import { isLoopback } from "../protocol/addresses.ts"
import { plainAddress } from "./sockets.ts"

export type OwnAddress = {
  /** An IP literal. */
  readonly address: string
  readonly interfaceName: string
  /** Whether the interface looks like a VPN's or another tunnel's. */
  readonly isTunnel: boolean
  /** Whether it is of a network of its own, behind whatever: RFC 1918, 4193, 6598 (also Tailscale's), 2544. */
  readonly isPrivate: boolean
  /** Whether the way to everywhere else leaves by its interface. */
  readonly isDefault: boolean
}

/** What the kernel says: `interfaces` of those that run, and its tables as text, empty where they cannot be read. */
export type Networks = {
  readonly interfaces: ReturnType<typeof networkInterfaces>
  /** /proc/net/route */
  readonly routes4: string
  /** /proc/net/ipv6_route */
  readonly routes6: string
  /** /proc/net/if_inet6 */
  readonly flags6: string
}

/**
 * The addresses of this machine that another one could use, those on the default route first, then tunnels: none that
 * is loopback, link-local, multicast or unspecified, nor an IPv6 one that is on its way in or out.
 */
export const ownAddresses = (): readonly OwnAddress[] =>
  addressesOf({
    interfaces: networkInterfaces(),
    routes4: readTable("route"),
    routes6: readTable("ipv6_route"),
    flags6: readTable("if_inet6"),
  })

/**
 * This machine's own address on the way to an IP literal, an IP literal itself; null where no way leads there, or
 * the host is a name. A connected UDP socket tells it, and sends nothing (Bun 1.4.5, as the kernel counts).
 */
export async function ownAddressTowards(host: string, port: number): Promise<string | null> {
  if (isIP(host) === 0) return null
  // Bun binds 0.0.0.0 where nothing is said, and cannot reach IPv6 from there (Bun 1.4.5).
  const hostname = isIPv4(host) ? "0.0.0.0" : "::"
  try {
    const socket = await Bun.udpSocket({ hostname, connect: { hostname: host, port } })
    const { address } = socket.address
    socket.close()
    return plainAddress(address)
  } catch {
    return null
  }
}

/** `ownAddresses`, of what the kernel says. */
export function addressesOf(networks: Networks): readonly OwnAddress[] {
  const ways = defaultInterfaces(networks.routes4, networks.routes6)
  const fading = fadingOf(networks.flags6)
  const found = Object.entries(networks.interfaces).flatMap(([label, entries = []]) =>
    entries.flatMap(({ address, family, internal, mac }): Ranked[] => {
      if (internal || !isUsable(address) || fading.unusable.has(address)) return []
      // Linux 6.18 names a second address by its label, `eth0:1`, and Bun 1.4.5 gives those no MAC.
      const [interfaceName = label] = label.split(":")
      const isTunnel = looksLikeTunnel(interfaceName) || (interfaceName === label && mac === noMac)
      const way = ways[family].indexOf(interfaceName)
      const own = { address, interfaceName, isTunnel, isPrivate: isPrivate(address), isDefault: way >= 0 }
      const place = way >= 0 ? way : isTunnel ? afterDefault : afterTunnels
      return [{ own, rank: [place, fading.temporary.has(address) ? 1 : 0, family === "IPv4" ? 0 : 1] }]
    }),
  )
  return found.sort((a, b) => compareRanks(a.rank, b.rank)).map(({ own }) => own)
}

type Ranked = { readonly own: OwnAddress; readonly rank: readonly number[] }

const [afterDefault, afterTunnels] = [1000, 1001]
const compareRanks = (a: readonly number[], b: readonly number[]): number =>
  a.map((one, i) => one - (b[i] ?? 0)).find(difference => difference !== 0) ?? 0

/** What Bun gives an interface without an address on its wire: tun, WireGuard, PPP. */
const noMac = "00:00:00:00:00:00"

/** By its name: tun, tap, WireGuard, Tailscale, ZeroTier, PPP and L2TP, IPsec, and the programs of some companies. */
const looksLikeTunnel = (name: string): boolean =>
  /^(?:tun|tap|utun|wg|tailscale|zt|ppp|l2tp|ipsec|vti|xfrm|gre|sit|ip6tnl|nordlynx|nordtun|proton|pvpn|mullvad|cscotun|gpd|vpn|nebula|netbird|wt\d)/i.test(
    name,
  )

/** RTF_UP and RTF_REJECT of Linux (route(8)): a way that is there, and one that leads nowhere. */
const [routeUp, routeReject] = [0x1, 0x200]

/** The interfaces by which a default route leaves, the one that is used first. */
export function defaultInterfaces(routes4: string, routes6: string): Record<"IPv4" | "IPv6", string[]> {
  const ways4 = rowsOf(routes4).map(([device, to, , flags, , , metric, mask]) => ({
    device,
    flags: hex(flags),
    metric: Number(metric),
    isDefault: to === "00000000" && mask === "00000000",
  }))
  const ways6 = rowsOf(routes6).map(([to = "", length, , , , metric, , , flags, device]) => ({
    device,
    flags: hex(flags),
    metric: hex(metric),
    isDefault: /^0{32}$/.test(to) && length === "00",
  }))
  return { IPv4: leaving(ways4), IPv6: leaving(ways6) }
}

type Way = {
  readonly device: string | undefined
  readonly flags: number
  readonly metric: number
  readonly isDefault: boolean
}

function leaving(ways: readonly Way[]): string[] {
  const open = ways.filter(
    ({ isDefault, flags }) => isDefault && (flags & routeUp) !== 0 && (flags & routeReject) === 0,
  )
  const devices = open.toSorted((a, b) => a.metric - b.metric).flatMap(({ device }) => device ?? [])
  return [...new Set(devices)]
}

/** IFA_F_TEMPORARY, IFA_F_DADFAILED, IFA_F_DEPRECATED and IFA_F_TENTATIVE of Linux (rtnetlink(7)). */
const [temporary, duplicated, deprecated, tentative] = [0x01, 0x08, 0x20, 0x40]

/** IPv6 addresses that change every day (RFC 8981), and those that cannot be used yet or should not be any more. */
function fadingOf(flags6: string): { temporary: ReadonlySet<string>; unusable: ReadonlySet<string> } {
  const rows = rowsOf(flags6).map(([bytes = "", , , , flags]) => ({
    address: plainAddress(bytes.match(/.{4}/g)?.join(":") ?? "::"),
    flags: hex(flags),
  }))
  const having = (mask: number): ReadonlySet<string> =>
    new Set(rows.filter(({ flags }) => (flags & mask) !== 0).map(({ address }) => address))
  return { temporary: having(temporary), unusable: having(duplicated | deprecated | tentative) }
}

const hex = (digits: string | undefined): number => Number.parseInt(digits ?? "", 16)

/** Neither blank rows nor what they are padded with say anything. */
const rowsOf = (table: string): readonly string[][] =>
  table
    .split("\n")
    .map(line => line.trim().split(/\s+/))
    .filter(({ length }) => length > 1)

function readTable(name: string): string {
  try {
    return readFileSync(`/proc/net/${name}`, "utf8")
  } catch {
    return ""
  }
}

/** Subnets, as `network/bits`. */
function listOf(...subnets: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [network = "", bits] = subnet.split("/")
    list.addSubnet(network, Number(bits), isIPv4(network) ? "ipv4" : "ipv6")
  }
  return address => list.check(address, isIPv4(address) ? "ipv4" : "ipv6")
}

/** Whether an IP literal is of a network of its own, which is not the Internet's. */
export const isPrivate = listOf(
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "100.64.0.0/10",
  "198.18.0.0/15",
  "fc00::/7",
)

/** Unspecified, link-local, multicast, reserved and broadcast: nobody elsewhere can dial them (RFC 6890). */
const isOfNoUse = listOf("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/128", "fe80::/10", "ff00::/8")

const isUsable = (address: string): boolean => !isLoopback(address) && !isOfNoUse(address)
