/**
 * Where this Guardian is: the addresses at which it listens, and this machine's own, which come and go with networks.
 * @see docs/PROTOCOL.md sections 1 and 4
 */
import type { Listener } from "../../http/listener.ts"
import type { OwnAddress } from "../../http/own-addresses.ts"
import type { HostFault } from "../../http/places.ts"
import { formatAddress } from "../../protocol/addresses.ts"
import { type Config, networkAddresses } from "../../store/config.ts"
import { hostsToOpen, isMeantForOthers } from "../books/own-places.ts"
import { type Context, peerById } from "../context.ts"
import type { ShutHost } from "../door/results.ts"
import type { Carrying } from "./carrying.ts"
import type { Collecting, Moved } from "./collecting.ts"
import type { OutboxWorker } from "./outbox-worker.ts"

export type Whereabouts = ReturnType<typeof createWhereabouts>

/** How often a Guardian that others can reach looks at this machine's addresses; one on loopback alone never does. */
const lookMilliseconds = 30_000
/** By then a peer that collects has come again, where it still finds us: 25 s, its 60 s until the next, and some. */
const lostMilliseconds = 120_000

export type WhereaboutsParts = {
  /** The addresses of this machine that others could use, the one on the default route first. */
  readonly addresses: () => readonly Pick<OwnAddress, "address">[]
  readonly listener: Pick<Listener, "setHosts" | "open">
  readonly collecting: Pick<Collecting, "moved" | "readdressed">
  readonly carrying: Pick<Carrying, "hasCollected" | "isFetching">
  readonly outbox: Pick<OutboxWorker, "hasten">
}

/** A peer that collects from us, and may not know where we are now. */
type Left = Moved & { readonly at: number }

export function createWhereabouts(context: Context, parts: WhereaboutsParts) {
  const { addresses, listener, collecting, carrying, outbox } = parts
  const { log, elapsed, stopping } = context
  const left = new Map<string, Left>()
  const faults = new Map<string, HostFault>()
  let seen = addressesNow()
  let looking: ReturnType<typeof setInterval> | undefined
  let telling: Promise<void> = Promise.resolve()

  function addressesNow(): string {
    return addresses()
      .map(({ address }) => address)
      .join(", ")
  }

  function schedule(): void {
    const isOpen = isMeantForOthers(context.config.current.listen)
    if (isOpen && looking === undefined) {
      looking = setInterval(() => {
        try {
          look()
        } catch (error) {
          log.write(`this machine's addresses cannot be looked at: ${(error as Error).message}`)
        }
      }, lookMilliseconds)
      looking.unref()
    } else if (!isOpen) {
      clearInterval(looking)
      looking = undefined
    }
  }

  function look(): void {
    const now = addressesNow()
    const hasChanged = now !== seen
    seen = now
    if (hasChanged) follow(now)
    tellLost()
  }

  /** @param now - this machine's addresses, which are others than before */
  function follow(now: string): void {
    const { listen } = context.config.current
    log.write(`this machine's addresses are now: ${now === "" ? "none" : now}`)
    if (listen.hosts.includes(networkAddresses)) openHosts(listen)
    void tellMoved()
  }

  function openHosts(listen: Config["listen"]): void {
    const hosts = hostsToOpen(listen)
    for (const host of faults.keys()) if (!hosts.includes(host)) faults.delete(host)
    listener.setHosts(hosts)
  }

  /** One after the other: each goes by what the last one asked. */
  function tellMoved(): Promise<void> {
    telling = telling.then(async () => {
      if (stopping.aborted) return
      for (const one of await collecting.moved())
        if (one.from !== one.to && carrying.hasCollected(one.pair))
          left.set(one.pair, { ...one, at: elapsed() })
    })
    return telling
  }

  /** A peer that collects knows no other address than the one it was told: its owner must be told by ours. */
  function tellLost(): void {
    for (const [pair, { from, to, at }] of [...left]) {
      const name = peerById(context, pair)?.name
      if (elapsed() - at < lostMilliseconds && name !== undefined) continue
      left.delete(pair)
      if (name === undefined || carrying.isFetching(pair) || !carrying.hasCollected(pair)) continue
      const { name: self } = context.config.current
      const where = formatAddress(to, context.address.port)
      context.notices.tell(
        `left ${pair} ${at}`,
        `${name}'s Guardian fetches its messages from this machine, whose address was ${from} and is ${to} now, and has not come since; tell its owner to run: sento agents address ${self} ${where}`,
      )
    }
  }

  schedule()
  return {
    /** Listens on these hosts beside loopback from now on, and tells the peers to which that matters. */
    async setHosts(hosts: readonly string[]): Promise<void> {
      const { listen } = context.config.current
      context.config.update(config => ({ ...config, listen: { ...config.listen, hosts: [...hosts] } }))
      openHosts({ ...listen, hosts: [...hosts] })
      log.write(`listening beside loopback: ${hosts.length === 0 ? "nowhere" : hosts.join(", ")}`)
      seen = addressesNow()
      schedule()
      await tellMoved()
    },

    /** A host could not be opened, or is open after all. */
    hostChanged(host: string, fault: HostFault | null): void {
      if (fault === null) faults.delete(host)
      else faults.set(host, fault)
      log.write(fault === null ? `listening on ${host} now` : `cannot listen on ${host} ${faultWords[fault]}`)
      if (fault === null) void tellMoved()
    },

    /** The hosts that are to be open and are not, and why. */
    shut: (): readonly ShutHost[] => [...faults].map(([host, fault]) => ({ host, fault })),

    /** A peer has another address, by its owner's word. */
    readdressed(pair: string): void {
      collecting.readdressed(pair)
      outbox.hasten(pair)
    },

    /** Looks now, as it does by itself every 30 s. */
    look,

    async stopped(): Promise<void> {
      clearInterval(looking)
      await telling
    },
  }
}

const faultWords: Readonly<Record<HostFault, string>> = {
  absent: "yet: this machine does not have that address; it is tried again until it has",
  taken: "yet: another program has the port there; it is tried again",
  unusable: ": it is no address to listen on",
}
