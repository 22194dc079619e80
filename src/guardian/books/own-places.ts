/** Where this Guardian listens, and which of this machine's addresses are told to others. */
import { isIP, isIPv4 } from "node:net"
import { type OwnAddress, ownAddresses } from "../../http/own-addresses.ts"
import { isDestination, isLoopback } from "../../protocol/addresses.ts"
import { type Config, everyAddress, networkAddresses } from "../../store/config.ts"

/** What stays open, whatever else is. */
const home = "127.0.0.1"

/** An address of ours that another machine may use; `vpn` is the interface of one that leads through a tunnel. */
export type OwnPlace = { readonly host: string; readonly vpn: string | null }

/** What the listener is to be open on now: loopback, and what the owner has added. */
export const hostsToOpen = ({ hosts }: Config["listen"]): readonly string[] => [
  home,
  ...hosts.flatMap(host => {
    if (host === everyAddress) return "::"
    return host === networkAddresses ? networkHosts() : host
  }),
]

/** This machine's private addresses, a VPN's among them: those that {@link networkAddresses} stands for now. */
export const networkHosts = (own: readonly OwnAddress[] = ownAddresses()): readonly string[] =>
  own.filter(({ isPrivate }) => isPrivate).map(({ address }) => address)

/** Whether the owner lets others in, also where this machine has no address for that yet. */
export const isMeantForOthers = ({ hosts }: Config["listen"]): boolean => isOpenToOthers(hosts)

/** Whether others than this machine are let in. */
export const isOpenToOthers = (hosts: readonly string[]): boolean => hosts.some(host => !isLoopback(host))

/**
 * The addresses under which what is open on these hosts can be reached from elsewhere, the best one first. What stands
 * for all is never among them, but what it stands for.
 */
export function placesOfHosts(
  hosts: readonly string[],
  own: readonly OwnAddress[] = ownAddresses(),
): readonly OwnPlace[] {
  const isOpen = ({ address }: OwnAddress): boolean =>
    hosts.some(host => host === address || host === "::" || (host === "0.0.0.0" && isIPv4(address)))
  const known = own.filter(isOpen)
  const others = hosts.filter(
    host =>
      isIP(host) !== 0 &&
      isDestination(host) &&
      !isLoopback(host) &&
      !known.some(one => one.address === host),
  )
  return [
    ...known.map(({ address, isTunnel, interfaceName }) => ({
      host: address,
      vpn: isTunnel ? interfaceName : null,
    })),
    ...others.map(host => ({ host, vpn: null })),
  ]
}

/** The one that is shown where there is room for one: of what others can reach the best, or else loopback. */
export const hostToShow = (hosts: readonly string[]): string =>
  isOpenToOthers(hosts) ? (placesOfHosts(hosts)[0]?.host ?? home) : home
