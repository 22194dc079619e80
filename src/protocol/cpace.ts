/**
 * CPace with ristretto255 and SHA-512, initiator-responder: draft-irtf-cfrg-cpace-21. The point arithmetic
 * is noble's; what stands here is the draft's composition, function by function.
 */
import { createHash } from "node:crypto"
import { ristretto255, ristretto255_hasher } from "@noble/curves/ed25519.js"
import { type Bytes, concat, utf8 } from "./bytes.ts"

type Point = InstanceType<typeof ristretto255.Point>

/** A secret scalar of one handshake; kept in memory alone. */
export type Scalar = bigint

/** Encoded points are 32 bytes (RFC 9496 section 4.3.2). */
export const pointLength = 32

/** Bytes of randomness a scalar is reduced from: 2^-256 away from uniform. */
export const scalarRandomBytes = 64

/** SHA-512's input block, `H.s_in_bytes` (draft section 7.4). */
const hashBlockLength = 128
const domain = utf8("CPaceRistretto255")
const sharedSecretDomain = utf8("CPaceRistretto255_ISK")

/** `prepend_len` of each part, concatenated: the length as LEB128, then the bytes (draft section 5.2). */
export function lv(...parts: readonly Uint8Array[]): Bytes {
  return concat(...parts.flatMap(part => [leb128(part.length), part]))
}

/** `generator_string(DSI, PRS, CI, sid, s_in_bytes)` (draft section 7.1). */
export function generatorString(password: Uint8Array, channel: Uint8Array, sid: Uint8Array): Bytes {
  const padding = hashBlockLength - 1 - lv(password).length - lv(domain).length
  return lv(domain, password, new Uint8Array(Math.max(0, padding)), channel, sid)
}

/** The session's generator: `element_derivation(SHA-512(generator_string))` (draft section 7.3). */
export function generator(password: Uint8Array, channel: Uint8Array, sid: Uint8Array): Bytes {
  return derivePoint(sha512(generatorString(password, channel, sid))).toBytes() as Bytes
}

/** A scalar uniform over the group's order. @param random - {@link scalarRandomBytes} bytes */
export function newScalar(random: Uint8Array): Scalar {
  if (random.length !== scalarRandomBytes) throw new Error(`a scalar takes ${scalarRandomBytes} random bytes`)
  return ristretto255.Point.Fn.create(littleEndian(random))
}

/** A scalar from its 32 little-endian bytes, as the draft's vectors write it. */
export function scalarFromBytes(bytes: Uint8Array): Scalar {
  return ristretto255.Point.Fn.create(littleEndian(bytes))
}

/** `scalar_mult(y, g)`: the public share. */
export function publicShare(scalar: Scalar, generatorBytes: Uint8Array): Bytes {
  return ristretto255.Point.fromBytes(generatorBytes).multiply(scalar).toBytes() as Bytes
}

/**
 * `scalar_mult_vfy(y, X)` (draft section 7.3): the shared point, or null where the caller must abort:
 * X does not decode, or the result is the identity. noble's `fromBytes` accepts the identity itself.
 */
export function sharedPoint(scalar: Scalar, share: Uint8Array): Bytes | null {
  const point = decode(share)
  if (point === null || point.is0()) return null
  const product = point.multiply(scalar)
  return product.is0() ? null : (product.toBytes() as Bytes)
}

/**
 * The intermediate session key of the initiator-responder mode (draft section 6.2):
 * `SHA-512(lv(DSI_ISK, sid, K) ‖ lv(Ya, ADa) ‖ lv(Yb, ADb))`. Party A of Sentō is the minter.
 */
export function sessionKey(
  sid: Uint8Array,
  shared: Uint8Array,
  a: { readonly share: Uint8Array; readonly associated: Uint8Array },
  b: { readonly share: Uint8Array; readonly associated: Uint8Array },
): Bytes {
  return sha512(
    concat(lv(sharedSecretDomain, sid, shared), lv(a.share, a.associated), lv(b.share, b.associated)),
  )
}

export const sha512 = (bytes: Uint8Array): Bytes =>
  new Uint8Array(createHash("sha512").update(bytes).digest())

function derivePoint(uniform: Uint8Array): Point {
  if (!ristretto255_hasher.deriveToCurve) throw new Error("@noble/curves has no ristretto255 one-way map")
  return ristretto255_hasher.deriveToCurve(uniform) as Point
}

function decode(bytes: Uint8Array): Point | null {
  if (bytes.length !== pointLength) return null
  try {
    return ristretto255.Point.fromBytes(bytes)
  } catch {
    return null
  }
}

function leb128(length: number): Bytes {
  const bytes: number[] = []
  let rest = length
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
    rest >>>= 7
  } while (rest > 0)
  return new Uint8Array(bytes)
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`)
}
