/**
 * Signatures of messages and of their answers.
 * @see docs/PROTOCOL.md section 3
 */
import { hkdfSync } from "node:crypto"
import { type Bytes, equalInConstantTime, fromHex, toHex, utf8 } from "./bytes.ts"

/** HMAC-SHA256 (RFC 2104), 32 bytes. `Bun.CryptoHasher` is the fastest of the three here (Bun 1.4.5). */
export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Bytes {
  return new Uint8Array(new Bun.CryptoHasher("sha256", key).update(bytes).digest())
}

/** The signature of a message body as the header carries it: 64 hex digits. */
export const signMessage = (key: Uint8Array, body: Uint8Array): string => toHex(hmacSha256(key, body))

/**
 * Whether `signature` is that of `body`. The MAC is computed in every case, a malformed signature included,
 * so that the time of a refusal says nothing about its cause.
 */
export function verifyMessage(key: Uint8Array, body: Uint8Array, signature: string): boolean {
  const expected = hmacSha256(key, body)
  const claimed = fromHex(signature, 32)
  return claimed !== null && equalInConstantTime(expected, claimed)
}

/** The key an answerer signs with: derived, so that an answer can never pass for a message. */
export function answerKey(sendingKey: Uint8Array): Bytes {
  return new Uint8Array(hkdfSync("sha256", sendingKey, new Uint8Array(), utf8("sento/1/answer"), 32))
}
