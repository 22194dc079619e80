/**
 * The networks on which this machine asks, or is asked, by mDNS, and whom it believes there.
 * @see docs/PROTOCOL.md section 2
 */
import { isIPv4 } from "node:net"
import { networkInterfaces } from "node:os"
import { type OwnAddress, ownAddresses } from "./own-addresses.ts"

/** An IPv4 network that this machine is in. */
export type LocalNetwork = {
  /** This machine's own address there. */
  readonly address: string
  readonly interfaceName: string
  /** Bits of the address that all who are in it share. */
  readonly prefix: number
}

/** A machine with many containers has many bridges: of those, as many are asked. */
export const mostNetworks = 16

/** With a mask of fewer bits, and with all 32, an address says nothing of who its neighbours are. */
const [fewestBits, mostBits] = [8, 31]

type Interfaces = ReturnType<typeof networkInterfaces>

/**
 * The IPv4 networks of this machine but loopback's, link-local ones and tunnels, those on the default route first.
 * @param isCovered - of an own address: whether it is one to be asked from
 */
export const localNetworks = (isCovered?: (address: string) => boolean): readonly LocalNetwork[] =>
  networksOf(ownAddresses(), networkInterfaces(), isCovered)

/** `localNetworks`, of what the kernel says. */
export function networksOf(
  own: readonly OwnAddress[],
  interfaces: Interfaces,
  isCovered: (address: string) => boolean = () => true,
): readonly LocalNetwork[] {
  const found = new Map<string, LocalNetwork>()
  for (const { address, interfaceName, isTunnel } of own) {
    const prefix = isTunnel || !isIPv4(address) || !isCovered(address) ? null : prefixOf(interfaces, address)
    if (prefix === null) continue
    const key = `${interfaceName} ${networkOf(address, prefix)}/${prefix}`
    if (!found.has(key)) found.set(key, { address, interfaceName, prefix })
  }
  return [...found.values()].slice(0, mostNetworks)
}

/** Every IPv4 address of this machine, whatever it is good for. */
export const ownIPv4 = (interfaces: Interfaces = networkInterfaces()): ReadonlySet<string> =>
  new Set(Object.values(interfaces).flatMap(entries => (entries ?? []).map(({ address }) => address)))

/** Whether a packet's sender is another machine of this network. */
export function isNeighbour(
  { address, prefix }: LocalNetwork,
  sender: string,
  own: ReadonlySet<string>,
): boolean {
  if (!isIPv4(sender) || own.has(sender)) return false
  const network = networkOf(address, prefix)
  if (networkOf(sender, prefix) !== network) return false
  const last = (network | ~maskOf(prefix)) >>> 0
  return prefix === mostBits || (numberOf(sender) !== network && numberOf(sender) !== last)
}

function prefixOf(interfaces: Interfaces, address: string): number | null {
  const entry = Object.values(interfaces)
    .flatMap(entries => entries ?? [])
    .find(one => one.address === address)
  // An interface may have none.
  if (entry === undefined || !isIPv4(entry.netmask)) return null
  const mask = numberOf(entry.netmask)
  const prefix = Math.clz32(~mask >>> 0)
  return mask === maskOf(prefix) && prefix >= fewestBits && prefix <= mostBits ? prefix : null
}

/** @param prefix - 1 to 32 bits */
const maskOf = (prefix: number): number => (-1 << (32 - prefix)) >>> 0
const networkOf = (address: string, prefix: number): number => (numberOf(address) & maskOf(prefix)) >>> 0
const numberOf = (address: string): number =>
  address.split(".").reduce((number, octet) => ((number << 8) | Number(octet)) >>> 0, 0)
