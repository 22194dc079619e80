/**
 * What the two sides of a pairing derive from the PAKE's key.
 * @see docs/PROTOCOL.md section 2
 */
import { hkdfSync } from "node:crypto"
import { type Bytes, concat, utf8 } from "./bytes.ts"
import { formatVerifier } from "./codes.ts"
import { generator, lv, sha512 } from "./cpace.ts"
import { hmacSha256 } from "./signatures.ts"

/** The bytes of one handshake that both sides have seen, exactly as they were on the wire. */
export type Transcript = {
  readonly hello: Uint8Array
  /** The UTF-8 bytes of the `intro` string. */
  readonly intro: Uint8Array
  readonly minterShare: Uint8Array
  readonly joinerShare: Uint8Array
}

/** Everything that outlives a handshake; the scalars and the PAKE's key do not. */
export type PairingKeys = {
  /** 16 bytes: names the pair in `X-Sento-Pair`. */
  readonly pairId: Bytes
  /** 32 bytes each, one for each direction. */
  readonly joinerToMinter: Bytes
  readonly minterToJoiner: Bytes
  readonly decision: Bytes
  /** The tags that each side sends to prove it knew the code. */
  readonly joinerTag: Bytes
  readonly minterTag: Bytes
  /** `65T6V-3FSB8`: both owners see the same one when nobody stands between. */
  readonly verifier: string
}

/** The session's generator from the code's symbols, bound to both sides' opening messages. */
export function pairingGenerator(
  symbols: string,
  hello: Uint8Array,
  intro: Uint8Array,
  sid: Uint8Array,
): Bytes {
  return generator(utf8(symbols), lv(utf8("sento/pair/1"), hello, intro), sid)
}

/** `TH` of section 2. */
export function transcriptHash(transcript: Transcript): Bytes {
  const { hello, intro, minterShare, joinerShare } = transcript
  return sha512(lv(utf8("sento/pair/1/transcript"), hello, intro, minterShare, joinerShare))
}

/** The key schedule `d(x, n)` of section 2, for each x. @param key - the PAKE's ISK, 64 bytes */
export function derivePairingKeys(key: Uint8Array, sid: Uint8Array, transcript: Transcript): PairingKeys {
  const hash = transcriptHash(transcript)
  const derive = (purpose: string, length: number): Bytes => {
    const context = concat(utf8(`sento/pair/1/${purpose}`), new Uint8Array(1), hash)
    return new Uint8Array(hkdfSync("sha512", key, sid, context, length))
  }
  return {
    pairId: derive("pair id", 16),
    joinerToMinter: derive("msg joiner>minter", 32),
    minterToJoiner: derive("msg minter>joiner", 32),
    decision: derive("decision", 32),
    joinerTag: hmacSha256(derive("confirm joiner", 32), hash),
    minterTag: hmacSha256(derive("confirm minter", 32), hash),
    verifier: formatVerifier(derive("verifier", 7)),
  }
}

/** The tag that a decision poll carries. */
export const decisionPollTag = (decisionKey: Uint8Array): Bytes => hmacSha256(decisionKey, utf8("poll"))

/** The tag that goes with a decision's state. */
export const decisionStateTag = (decisionKey: Uint8Array, state: string): Bytes =>
  hmacSha256(decisionKey, utf8(state))
