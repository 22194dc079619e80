/**
 * `_sento._tcp` on a network: announced while a code is open, and asked for by who has a code and no address. Loaded
 * where one of both is done, and no port is open but then.
 * @see docs/PROTOCOL.md section 2
 */
import { createSocket, type RemoteInfo } from "node:dgram"
import type { Place } from "../protocol/moving.ts"
import { isNeighbour, type LocalNetwork, ownIPv4 } from "./mdns-networks.ts"
import {
  announcedSeconds,
  announcementPacket,
  mdnsPort,
  namesRandomBytes,
  questionPacket,
  randomNames,
  readPacket,
} from "./mdns-packets.ts"

/** How long a joiner asks, how many packets it reads meanwhile, and how many places it says hello to. */
export const searchMilliseconds = 3000
export const mostPackets = 100
export const mostPlaces = 8

/** A minter answers once in it, whoever asks, and reads `mostPackets`. */
const secondMilliseconds = 1000

/** A question, or an announcement, may get lost: it is sent once more then. */
const repeatMilliseconds = 1000

/** How long a socket is waited for that has something to take back. */
const closeMilliseconds = 500

/** The IPv4 group of mDNS (RFC 6762 section 3). */
const group = "224.0.0.251"

export type Announcement = {
  /** Takes it back, and closes the socket. */
  close(): Promise<void>
}

export type AnnouncementOptions = {
  readonly network: LocalNetwork
  /** Of the Guardian's listener. */
  readonly port: number
  readonly random: (length: number) => Uint8Array
  /** Milliseconds since some moment. */
  readonly elapsed: () => number
}

/** Announces a minter on one network until it is closed. @throws where mDNS's port cannot be listened on */
export async function announce(options: AnnouncementOptions): Promise<Announcement> {
  const { network, port, elapsed } = options
  const names = randomNames(options.random(namesRandomBytes))
  const packet = announcementPacket(names, network.address, port, announcedSeconds)
  const isDue = createLimit(elapsed, 1)
  const isRead = createLimit(elapsed, mostPackets)
  const socket = await openSocket(network, (bytes, from) => {
    if (isRead() && readPacket(bytes, from.port)?.kind === "question" && isDue()) void socket.send(packet)
  })
  isDue()
  void socket.send(packet)
  const again = setTimeout(() => void socket.send(packet), repeatMilliseconds)
  again.unref()
  return {
    async close() {
      clearTimeout(again)
      const goodbye = socket.send(announcementPacket(names, network.address, port, 0))
      await Promise.race([goodbye, Bun.sleep(closeMilliseconds)])
      socket.close()
    },
  }
}

/** True `most` times at the most in a second that begins with the first of them. */
export function createLimit(elapsed: () => number, most: number): () => boolean {
  let since = Number.NEGATIVE_INFINITY
  let count = 0
  return () => {
    if (elapsed() - since >= secondMilliseconds) {
      since = elapsed()
      count = 0
    }
    count += 1
    return count <= most
  }
}

/**
 * The places at which other machines of these networks announce a minter: whoever they are, in the order in which they
 * were heard, each once. Networks on which nobody can be asked are left out.
 * @param signal - ends the search before its 3 s are over
 */
export async function search(networks: readonly LocalNetwork[], signal: AbortSignal): Promise<Place[]> {
  const heard = createHearing()
  const enough = Promise.withResolvers<void>()
  const opened = await Promise.allSettled(
    networks.map(network =>
      openSocket(network, (bytes, from) => {
        if (heard.take(bytes, from) === "enough") enough.resolve()
      }),
    ),
  )
  const sockets = opened.flatMap(one => (one.status === "fulfilled" ? one.value : []))
  const ask = (): void => sockets.forEach(socket => void socket.send(questionPacket()))
  if (sockets.length === 0) return []
  ask()
  const again = setTimeout(ask, repeatMilliseconds)
  const over = setTimeout(enough.resolve, searchMilliseconds)
  const stop = (): void => enough.resolve()
  signal.addEventListener("abort", stop)
  if (signal.aborted) stop()
  await enough.promise
  signal.removeEventListener("abort", stop)
  for (const timer of [again, over]) clearTimeout(timer)
  for (const socket of sockets) socket.close()
  return heard.places()
}

type Sender = Pick<RemoteInfo, "address" | "port">

/** What a joiner makes of the packets of its neighbours. */
export function createHearing() {
  const places = new Map<string, Place>()
  let read = 0
  return {
    /** @returns `enough` where no further packet will be read */
    take(bytes: Uint8Array, { address, port: senderPort }: Sender): "enough" | "more" {
      if (read >= mostPackets) return "enough"
      read += 1
      const heard = readPacket(bytes, senderPort)
      if (heard?.kind === "minter" && places.size < mostPlaces)
        places.set(`${address}:${heard.port}`, { host: address, port: heard.port })
      return read >= mostPackets ? "enough" : "more"
    },
    places: (): Place[] => [...places.values()],
  }
}

type MdnsSocket = {
  /** Settles when the packet is out, or could not be sent. */
  send(packet: Uint8Array): Promise<void>
  close(): void
}

/**
 * Bound to the group's own address: what is sent to this machine alone does not come here, and another program's socket
 * on the port keeps what is its. On Linux every such socket hears every network, so that a packet is its network's by
 * its sender alone (Bun 1.4.5, Linux 6.18).
 */
async function openSocket(
  network: LocalNetwork,
  onPacket: (bytes: Uint8Array, from: Sender) => void,
): Promise<MdnsSocket> {
  const socket = createSocket({ type: "udp4", reuseAddr: true })
  const own = ownIPv4()
  let isClosed = false
  const close = (): void => {
    if (!isClosed) socket.close()
    isClosed = true
  }
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject)
      socket.bind(mdnsPort, group, resolve)
    })
    socket.addMembership(group, network.address)
    socket.setMulticastInterface(network.address)
    socket.setMulticastTTL(255)
    socket.setMulticastLoopback(false)
  } catch (error) {
    close()
    throw error
  }
  // A cable that is pulled, an address that goes: the next look at the networks sees it.
  socket.on("error", () => {})
  socket.on("message", (bytes, from) => {
    if (!isClosed && isNeighbour(network, from.address, own)) onPacket(bytes, from)
  })
  socket.unref()
  return { send: packet => sendOn(socket, packet), close }
}

function sendOn(socket: ReturnType<typeof createSocket>, packet: Uint8Array): Promise<void> {
  return new Promise(resolve => {
    try {
      socket.send(packet, mdnsPort, group, () => resolve())
    } catch {
      resolve()
    }
  })
}
