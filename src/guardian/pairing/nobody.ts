/** What a joiner is told where nobody with an open code answers: each cause has its own text, and one thing to do. */
import { isIP } from "node:net"
import { isPrivate, type OwnAddress, ownAddresses } from "../../http/own-addresses.ts"
import { firstPort, formatAddress, isLoopback, portTries } from "../../protocol/addresses.ts"
import { SentoError } from "../../protocol/errors.ts"
import type { Place } from "../../protocol/moving.ts"

/**
 * What a `hello` came to: `no-code` is a Guardian without one, `stranger` another program, `own` this agent itself;
 * `reason` says it for a person.
 */
export type Miss = {
  readonly place: Place
  readonly cause:
    | "unresolved"
    | "unroutable"
    | "refused"
    | "timed-out"
    | "failed"
    | "no-code"
    | "stranger"
    | "own"
  readonly reason: string
}

/** What says most of a machine first. */
const byWeight: readonly Miss["cause"][] = [
  "no-code",
  "own",
  "refused",
  "unroutable",
  "unresolved",
  "timed-out",
  "stranger",
  "failed",
]

/** A name that leads nowhere, or not in time. */
export const unknownHost = (host: string): string => `no host is known by the name ${host}`

/** Of a bare code. @param interfaceNames - of the networks on which was asked too */
export function nobodyHere(host: string, interfaceNames: readonly string[]): SentoError {
  const asked =
    interfaceNames.length === 0 ? host : `${host} or on the network of ${interfaceNames.join(", ")}`
  return new SentoError(
    "unreachable",
    `no agent with an open code answers on ${asked}`,
    "ask the other owner to run `sento pair`; for an agent on another machine use CODE@HOST",
  )
}

/** The same for whichever cause: an agent that asks learns nothing of what is at an address. */
export const nobodyThere = (host: string, port: number | null): SentoError =>
  new SentoError(
    "unreachable",
    `no agent with an open code answers on ${port === null ? host : formatAddress(host, port)}`,
    "ask the other owner to run `sento pair` and to tell you the address it prints",
  )

type Own = readonly Pick<OwnAddress, "address">[]

/** Of a place that an owner named. @param port - null: the usual range was asked @param own - this machine's addresses */
export function nobodyAt(
  host: string,
  port: number | null,
  misses: readonly Miss[],
  own: Own = ownAddresses(),
): SentoError {
  const miss = telling(misses)
  if (miss === null) return nobodyThere(host, port)
  const one = port === null ? host : formatAddress(host, port)
  const [message, hint] = wordsOf(miss, host, one, port ?? firstPort, own)
  return new SentoError("unreachable", message, hint)
}

/** A Guardian refuses itself as it refuses anybody without a code. @param port - ours */
export const ownIsNone = (
  misses: readonly Miss[],
  port: number,
  own: Own = ownAddresses(),
): readonly Miss[] =>
  misses.map(one =>
    one.cause === "no-code" && isOurs(one.place, port, own) ? { ...one, cause: "own" } : one,
  )

const isOurs = ({ host, port }: Place, ours: number, own: Own): boolean =>
  port === ours && (isLoopback(host) || own.some(({ address }) => address === host))

/** A Guardian is on the first port mostly: where a firewall swallows that one, what the others do says little. */
function telling(misses: readonly Miss[]): Miss | null {
  const isSwallowed = (one: Miss): boolean => one.place.port === firstPort && one.cause === "timed-out"
  const weightOf = (one: Miss): number => (isSwallowed(one) ? 1.5 : byWeight.indexOf(one.cause))
  return misses.toSorted((a, b) => weightOf(a) - weightOf(b))[0] ?? null
}

const range = `${firstPort} to ${firstPort + portTries - 1}`

/** @returns what is the matter, and what to do */
function wordsOf(miss: Miss, host: string, one: string, port: number, own: Own): readonly [string, string] {
  switch (miss.cause) {
    case "own":
      return [
        `${one} is this agent itself`,
        "use the address that the other owner's `sento pair` prints on the other machine",
      ]
    case "no-code":
      return [
        `the Guardian at ${one} has no open code`,
        "ask the other owner to run `sento pair` again: a code is good for 10 minutes, and for one agent",
      ]
    case "refused":
      return [
        one === host ? `nothing listens on ${host}, port ${range}` : `nothing listens on ${one}`,
        isLoopback(host)
          ? "ask the other owner to run `sento pair`, and for the line that it prints"
          : "its Guardian is off, or lets in no other machine: ask the other owner to run `sento pair`, to say there that this agent is on another machine, and for the line that it prints",
      ]
    case "timed-out":
      return [`${one} does not answer`, silentHint(host, port, own)]
    case "unroutable":
      return [miss.reason, "bring up the network or VPN that both machines are in, then run this again"]
    case "unresolved":
      return [
        miss.reason,
        "check its spelling, or use the IP address that the other owner's `sento pair` prints",
      ]
    default:
      return [
        `what answers at ${one} is no Guardian`,
        "ask the other owner for the line that their `sento pair` prints",
      ]
  }
}

/** An address of a private network of which this machine is no part leads somewhere else, or nowhere. */
function silentHint(host: string, port: number, own: Own): string {
  const other = "or run `sento pair` on this side instead, and let the other owner type its code"
  return isIP(host) !== 0 && isPrivate(host) && !isNear(host, own)
    ? `it is an address within a private network: bring this machine into that network or VPN, ${other}`
    : `let TCP port ${port} in at the other machine's firewall (such as \`sudo ufw allow ${port}/tcp\`), ${other}`
}

/** Whether this machine is in the network of an IPv4 address, as far as its first three bytes say. */
const isNear = (host: string, own: Own): boolean =>
  own.some(({ address }) => networkOf(address) === networkOf(host))

const networkOf = (address: string): string => address.split(".").slice(0, 3).join(".")
