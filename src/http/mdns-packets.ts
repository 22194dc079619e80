/**
 * What is said of `_sento._tcp` by mDNS: the packets that are sent, and as much of others' as is believed.
 * @see docs/PROTOCOL.md section 2, RFC 6762, RFC 6763
 */
import { type Answer, AUTHORITATIVE_ANSWER, decode, encode } from "dns-packet"

/** What is asked for, and what minters announce. */
export const serviceName = "_sento._tcp.local"

/** Seconds for which an announcement may be remembered (RFC 6762 section 10). */
export const announcedSeconds = 120

/** Longer packets are not read: a minter's has 200 bytes, and who writes one of 9,000 can make its names slow to read. */
const mostBytes = 1500

/** How a minter is called in its announcement: of random bytes, which say nothing of the agent or the machine. */
export type RandomNames = { readonly instance: string; readonly host: string }

/** Random bytes that the names of one announcement take. */
export const namesRandomBytes = 16

export function randomNames(random: Uint8Array): RandomNames {
  const half = namesRandomBytes / 2
  return {
    instance: `${random.slice(0, half).toHex()}.${serviceName}`,
    host: `${random.slice(half, namesRandomBytes).toHex()}.local`,
  }
}

/** Who is `_sento._tcp`? To be answered by multicast. */
export const questionPacket = (): Uint8Array =>
  encode({ type: "query", id: 0, questions: [{ type: "PTR", name: serviceName, class: "IN" }] })

/** @param seconds - how long it may be remembered; 0 takes back what was said */
export function announcementPacket(
  { instance, host }: RandomNames,
  address: string,
  port: number,
  seconds: number,
): Uint8Array {
  const own = { ttl: seconds, class: "IN", flush: true } as const
  const answers: Answer[] = [
    { type: "PTR", name: serviceName, ttl: seconds, class: "IN", data: instance },
    { type: "SRV", name: instance, ...own, data: { priority: 0, weight: 0, port, target: host } },
    // A service has one, be it empty (RFC 6763 section 6.1).
    { type: "TXT", name: instance, ...own, data: [""] },
    { type: "A", name: host, ...own, data: address },
  ]
  return encode({ type: "response", id: 0, flags: AUTHORITATIVE_ANSWER, answers })
}

/** What a packet comes to: somebody asks for the service, or has it at a port. */
export type Heard = { readonly kind: "question" } | { readonly kind: "minter"; readonly port: number }

/**
 * Null for whatever else there is on a network, broken packets among it. Of names only that of the service is read.
 * @param senderPort - answers come from mDNS's own port alone (RFC 6762 section 11)
 */
export function readPacket(bytes: Uint8Array, senderPort: number): Heard | null {
  const packet = bytes.length > mostBytes ? null : decoded(bytes)
  // Others are silently ignored (RFC 6762 section 18.3, 18.11).
  if (packet === null || (packet.flags ?? 0) & plainFlags) return null
  if (packet.type === "query") {
    const isAsked = (packet.questions ?? []).some(
      ({ name, type }) => isService(name) && askingTypes.includes(type),
    )
    return isAsked ? { kind: "question" } : null
  }
  const port = senderPort === mdnsPort ? announcedPort([packet.answers, packet.additionals]) : null
  return port === null ? null : { kind: "minter", port }
}

export const mdnsPort = 5353

/** Bits of an operation other than a query, and of an error. */
const plainFlags = 0b0111_1000_0000_1111

function announcedPort(sections: readonly (readonly Answer[] | undefined)[]): number | null {
  for (const answer of sections.flatMap(one => one ?? [])) {
    if (answer.type !== "SRV" || !isInstance(answer.name) || answer.class !== "IN") continue
    const { port } = answer.data
    if ((answer.ttl ?? 0) > 0 && port > 0) return port
  }
  return null
}

/** The second is QTYPE 255, for which the package's types have no word. */
const askingTypes: readonly string[] = ["PTR", "ANY"]

const isService = (name: string): boolean => name.toLowerCase() === serviceName
const isInstance = (name: string): boolean => name.toLowerCase().endsWith(`.${serviceName}`)

function decoded(bytes: Uint8Array): ReturnType<typeof decode> | null {
  try {
    return decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  } catch {
    return null
  }
}
