/** Where a peer is by its owner's word here, which nothing that the peer says or does changes. */
import { formatAddress } from "../../protocol/addresses.ts"
import type { Config, Peer } from "../../store/config.ts"
import type { NamedPeer } from "../context.ts"
import type { PeerPlace } from "../door/results.ts"
import type { Books } from "./pairs.ts"

/**
 * Sets a peer's address for good, or lets it heal again.
 * @param host - null: it may change by itself from now on
 * @param port - null: the one it has
 */
export function setPlace(
  { config, log }: Pick<Books, "config" | "log">,
  { name, peer }: NamedPeer,
  host: string | null,
  port: number | null,
): PeerPlace {
  config.update(current => withPeerChanged(current, peer.id, one => placed(one, host, port)))
  const now = Object.values(config.current.agents).find(one => one.id === peer.id) ?? peer
  const where = formatAddress(now.host, now.port)
  const isFixed = now.fixed === true
  log.write(
    `${name}'s address is ${where}${isFixed ? ", by the owner's word" : " until it is found elsewhere"}`,
  )
  return { host: now.host, port: now.port, fixed: isFixed }
}

/** Where it was reached says nothing of another address. */
function placed(peer: Peer, host: string | null, port: number | null): Peer {
  const { fixed: _, reached, ...rest } = peer
  const kept = reached === undefined || (host !== null && host !== peer.host) ? {} : { reached }
  if (host === null) return { ...rest, ...kept }
  return { ...rest, ...kept, host, port: port ?? peer.port, fixed: true }
}

const withPeerChanged = (config: Config, id: string, change: (peer: Peer) => Peer): Config => ({
  ...config,
  agents: Object.fromEntries(
    Object.entries(config.agents).map(
      ([name, peer]) => [name, peer.id === id ? change(peer) : peer] as const,
    ),
  ),
})
