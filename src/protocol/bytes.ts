/** Byte strings and their three spellings on the wire: hex in headers and config, base64url in JSON, UTF-8. */
import { timingSafeEqual } from "node:crypto"

export type Bytes = Uint8Array<ArrayBuffer>

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** Lower-case hex of exactly `length` bytes, or null. */
export function fromHex(text: string, length: number): Bytes | null {
  if (text.length !== 2 * length || !/^[0-9a-f]*$/.test(text)) return null
  return Uint8Array.fromHex(text)
}

export const toBase64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url")

/** Unpadded base64url of exactly `length` bytes in its one canonical spelling, or null. */
export function fromBase64Url(text: string, length: number): Bytes | null {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return null
  const bytes = new Uint8Array(Buffer.from(text, "base64url"))
  return bytes.length === length && toBase64Url(bytes) === text ? bytes : null
}

export const utf8 = (text: string): Bytes => new TextEncoder().encode(text)

/** The JSON value of UTF-8 bytes; undefined where they are not UTF-8 or not JSON. */
export function decodeJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    return undefined
  }
}

export function concat(...parts: readonly Uint8Array[]): Bytes {
  return new Uint8Array(Buffer.concat(parts))
}

/** Equality that takes the same time wherever the difference is; lengths are no secret and come first. */
export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
