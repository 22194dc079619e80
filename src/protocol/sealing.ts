/**
 * Encryption of bodies: the HTTP content coding aes128gcm of RFC 8188, one record.
 * @see docs/PROTOCOL.md section 5
 */
import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto"
import { type Bytes, concat, utf8 } from "./bytes.ts"

/** The content coding's name, and that of the feature in a handshake. */
export const sealingCoding = "aes128gcm"

/** Random bytes needed for each sealing. */
export const saltLength = 16

/** Above any body that is allowed, so that one record always holds all. */
const protocolRecordSize = 262_144
const headerLength = saltLength + 4 + 1
const tagLength = 16
const lastRecordDelimiter = 0x02

/** The keying material of one direction. @param key - that direction's key, 32 bytes */
export function sealingKey(key: Uint8Array): Bytes {
  return new Uint8Array(hkdfSync("sha256", key, new Uint8Array(), utf8("sento/1/seal"), 32))
}

/**
 * The body encrypted as one record.
 * @param salt - {@link saltLength} random bytes, fresh on every attempt: key and nonce follow from it
 */
export function seal(
  material: Uint8Array,
  salt: Uint8Array,
  plain: Uint8Array,
  recordSize = protocolRecordSize,
): Bytes {
  if (salt.length !== saltLength) throw new Error(`a salt has ${saltLength} bytes`)
  if (plain.length + 1 + tagLength > recordSize)
    throw new Error(`${plain.length} bytes do not fit one record`)
  const { contentKey, nonce } = recordKeys(material, salt)
  const cipher = createCipheriv("aes-128-gcm", contentKey, nonce)
  const sealed = cipher.update(concat(plain, new Uint8Array([lastRecordDelimiter])))
  return concat(salt, uint32(recordSize), new Uint8Array(1), sealed, cipher.final(), cipher.getAuthTag())
}

/**
 * The plain body, or null for anything but one whole last record of this record size without a key id:
 * cut, extended, with a second record, of another direction or another key.
 */
export function unseal(
  material: Uint8Array,
  sealed: Uint8Array,
  recordSize = protocolRecordSize,
): Bytes | null {
  if (sealed.length < headerLength + 1 + tagLength || sealed.length > headerLength + recordSize) return null
  const view = new DataView(sealed.buffer, sealed.byteOffset, sealed.byteLength)
  if (view.getUint32(saltLength) !== recordSize || sealed[saltLength + 4] !== 0) return null
  const { contentKey, nonce } = recordKeys(material, sealed.subarray(0, saltLength))
  const opened = decrypt(contentKey, nonce, sealed.subarray(headerLength))
  return opened === null ? null : withoutPadding(opened)
}

/** RFC 8188 sections 2.2 and 2.3; the first and only record's sequence number is 0. */
function recordKeys(material: Uint8Array, salt: Uint8Array) {
  const derive = (name: string, length: number): Bytes =>
    new Uint8Array(hkdfSync("sha256", material, salt, utf8(`Content-Encoding: ${name}\0`), length))
  return { contentKey: derive("aes128gcm", 16), nonce: derive("nonce", 12) }
}

function decrypt(key: Uint8Array, nonce: Uint8Array, record: Uint8Array): Bytes | null {
  const decipher = createDecipheriv("aes-128-gcm", key, nonce)
  decipher.setAuthTag(record.subarray(-tagLength))
  try {
    return concat(decipher.update(record.subarray(0, -tagLength)), decipher.final())
  } catch {
    return null
  }
}

function withoutPadding(opened: Bytes): Bytes | null {
  const end = opened.findLastIndex(byte => byte !== 0)
  return opened[end] === lastRecordDelimiter ? opened.slice(0, end) : null
}

function uint32(value: number): Bytes {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}
