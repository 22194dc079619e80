/**
 * Tells the networks that this Guardian lets in that it has a code open, for as long as it has.
 * @see docs/PROTOCOL.md section 2
 */
import { isIPv4 } from "node:net"
import type { Announcement, AnnouncementOptions } from "../../http/mdns.ts"
import { type LocalNetwork, localNetworks } from "../../http/mdns-networks.ts"
import { isOpenToOthers } from "../books/own-places.ts"
import type { Context } from "../context.ts"

export type Announcing = ReturnType<typeof createAnnouncing>

/** How often it is looked, while a code is open, where the listener is and which networks there are. */
const lookMilliseconds = 5000

/** This machine's networks, and how something is announced on one. */
type Room = {
  readonly networks: typeof localNetworks
  readonly announce: (options: AnnouncementOptions) => Promise<Announcement>
}

/** Loaded where a code is open, and not before. */
const ownRoom: Room = {
  networks: localNetworks,
  announce: async options => (await import("../../http/mdns.ts")).announce(options),
}

export function createAnnouncing(context: Context, { networks, announce }: Room = ownRoom) {
  const { log } = context
  const open = new Map<string, Announcement>()
  const failed = new Set<string>()
  let isWanted = false
  let looking: ReturnType<typeof setInterval> | undefined
  let work: Promise<void> = Promise.resolve()

  /** One after the other: what one opens the next may close. */
  function look(): void {
    const onError = (error: Error): void => log.write(`bug: ${error.stack ?? error.message}`)
    work = work.then(follow).catch(onError)
  }

  async function follow(): Promise<void> {
    const wished = new Map(
      (isWanted ? networksOfListener(context, networks) : []).map(one => [keyOf(one), one]),
    )
    const gone = [...open].filter(([key]) => !wished.has(key))
    for (const [key] of gone) open.delete(key)
    await Promise.all(gone.map(([, announcement]) => announcement.close()))
    for (const [key, network] of wished) if (!open.has(key)) await add(key, network)
  }

  async function add(key: string, network: LocalNetwork): Promise<void> {
    const { random, elapsed, address } = context
    try {
      open.set(key, await announce({ network, port: address.port, random, elapsed }))
      failed.delete(key)
    } catch (error) {
      const reason = (error as Error).message
      if (!failed.has(key)) log.write(`the code is not announced on ${network.interfaceName}: ${reason}`)
      failed.add(key)
    }
  }

  /** Announces from now on, or takes back. */
  function set(isOpen: boolean): void {
    if (isOpen === isWanted) return
    isWanted = isOpen
    clearInterval(looking)
    looking = isOpen ? setInterval(look, lookMilliseconds) : undefined
    looking?.unref()
    look()
  }

  return {
    set,
    /** Where this Guardian listens may have changed. */
    look,
    /** Takes back what was announced, for good. */
    stop(): Promise<void> {
      set(false)
      return work
    },
  }
}

const keyOf = ({ interfaceName, address }: LocalNetwork): string => `${interfaceName} ${address}`

/** Those from which others reach this Guardian. */
function networksOfListener({ listening }: Context, networks: Room["networks"]): readonly LocalNetwork[] {
  const hosts = listening()
  const isCovered = (address: string): boolean =>
    hosts.some(host => host === address || host === "::" || (host === "0.0.0.0" && isIPv4(address)))
  // For nobody else the kernel need not be asked, every few seconds.
  return isOpenToOthers(hosts) ? networks(isCovered) : []
}
