/** A pairing whose tags have verified, from the moment they did: what both machines hand to the disk. */

import { toHex } from "./bytes.ts"
import type { PairingKeys } from "./key-schedule.ts"
import type { Hello, Intro } from "./pairing-messages.ts"

/** How long a confirmed request waits for the owner, and how long its answer can be asked for. */
export const requestLifetimeMilliseconds = 24 * 60 * 60 * 1000

export type PairingRole = "minter" | "joiner"

/** One side's record of a confirmed pairing; keys in hex, as the config keeps them. */
export type ConfirmedPairing = {
  readonly role: PairingRole
  /** base64url of the 16 bytes that name the handshake. */
  readonly pairing: string
  /** The other side's name for itself: a claim that its owner will read. */
  readonly name: string
  readonly agent: string
  readonly host: string
  readonly port: number
  readonly features: readonly string[]
  readonly verifier: string
  readonly pairId: string
  readonly sendKey: string
  readonly receiveKey: string
  readonly decisionKey: string
}

/** The record of a pairing with `other`, reached at `host`. */
export function confirmedPairing(
  role: PairingRole,
  pairing: string,
  other: Hello | Intro,
  host: string,
  keys: PairingKeys,
): ConfirmedPairing {
  const toJoiner = toHex(keys.minterToJoiner)
  const toMinter = toHex(keys.joinerToMinter)
  return {
    role,
    pairing,
    name: other.name,
    agent: other.agent,
    host,
    port: other.port,
    features: other.features,
    verifier: keys.verifier,
    pairId: toHex(keys.pairId),
    sendKey: role === "minter" ? toJoiner : toMinter,
    receiveKey: role === "minter" ? toMinter : toJoiner,
    decisionKey: toHex(keys.decision),
  }
}
