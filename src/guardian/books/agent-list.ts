/** The list of paired agents, from the config and what the database remembers. */
import { formatTimestamp } from "../../protocol/freshness.ts"
import type { Config, Peer } from "../../store/config.ts"
import type { Pause, Revocation } from "../../store/peers.ts"
import type { AgentList, PeerWay } from "../door/results.ts"
import { endOf } from "./pauses.ts"

/** @param lastContacts - milliseconds since the epoch by pair id @param waiting - messages by pair id
 * @param pauses - by pair id @param loops - replies in a row by pair id, where the other side holds the last
 * @param wayOf - how each is reached, where a Guardian runs */
export function listAgents(
  config: Config,
  address: { readonly host: string; readonly port: number },
  lastContacts: ReadonlyMap<string, number | null>,
  waiting: ReadonlyMap<string, number>,
  pauses: ReadonlyMap<string, Pause>,
  loops: ReadonlyMap<string, number>,
  revocations: readonly Revocation[],
  wayOf: (peer: Peer) => Partial<PeerWay> = () => ({}),
): AgentList {
  const agents = Object.entries(config.agents).map(([name, peer]) => {
    const pause = pauses.get(peer.id) ?? null
    const loopThere = loops.get(peer.id)
    const lastContactAt = lastContacts.get(peer.id) ?? null
    return {
      name,
      id: peer.id,
      host: peer.host,
      port: peer.port,
      pairedAt: peer.pairedAt,
      lastContactAt: lastContactAt === null ? null : formatTimestamp(lastContactAt),
      waiting: waiting.get(peer.id) ?? 0,
      pausedUntil: pause === null ? null : endOf(pause),
      pauseReason: pause?.reason ?? null,
      ...(loopThere === undefined ? {} : { loopThere }),
      ...wayOf(peer),
    }
  })
  const revoked = revocations
    .filter(({ name, byUs, isCleared }) => !byUs && !isCleared && !Object.hasOwn(config.agents, name))
    .map(({ name, at }) => ({ name, at: formatTimestamp(at) }))
  const self = { name: config.name, ...address }
  return { self, agents, ...(revoked.length === 0 ? {} : { revoked }) }
}
