/** RFC 8188 section 3.1, and every way to tamper with a sealed body. */

import { describe, expect, test } from "bun:test"
import { createCipheriv, hkdfSync } from "node:crypto"
import { type Bytes, concat, toBase64Url, utf8 } from "../../src/protocol/bytes.ts"
import { saltLength, seal, sealingKey, unseal } from "../../src/protocol/sealing.ts"
import { hmacSha256 } from "../../src/protocol/signatures.ts"
import { base64url, filled } from "../support/bytes.ts"
import { rfc8188 } from "../vectors/rfc8188.ts"

describe("RFC 8188 section 3.1", () => {
  const { key, salt, recordSize, plain, sealed } = rfc8188

  test("seals to the same bytes", () => {
    expect(toBase64Url(seal(base64url(key), base64url(salt), utf8(plain), recordSize))).toBe(sealed)
  })

  test("unseals it", () => {
    expect(unseal(base64url(key), base64url(sealed), recordSize)).toEqual(utf8(plain))
  })
})

const material = sealingKey(filled(32, 1))
const salt = filled(saltLength, 2)
const plain = utf8('{"v":1,"type":"unpair"}')
const sealed = seal(material, salt, plain)

/** One record as RFC 8188 section 2 makes it, with whatever stands behind the plain text. */
function record(delimiter: readonly number[], sequence = 0): Bytes {
  const derive = (name: string, length: number): Bytes =>
    new Uint8Array(hkdfSync("sha256", material, salt, `Content-Encoding: ${name}\0`, length))
  const nonce = derive("nonce", 12)
  nonce[11] = (nonce[11] ?? 0) ^ sequence
  const cipher = createCipheriv("aes-128-gcm", derive("aes128gcm", 16), nonce)
  return concat(cipher.update(concat(plain, new Uint8Array(delimiter))), cipher.final(), cipher.getAuthTag())
}

const header = sealed.slice(0, saltLength + 5)
const flipped = (at: number): Bytes => sealed.map((byte, i) => (i === at ? byte ^ 1 : byte))

describe("a body that was tampered with does not open", () => {
  test.each([
    ["no bytes", new Uint8Array()],
    ["the header alone", header],
    ["the header and a tag alone", concat(header, filled(16, 0))],
    ["cut by one byte", sealed.slice(0, -1)],
    ["cut to half", sealed.slice(0, sealed.length / 2)],
    ["extended by one byte", concat(sealed, filled(1, 0))],
    ["another salt", flipped(0)],
    ["another record size", flipped(saltLength + 3)],
    ["a record size that wraps", concat(salt, filled(4, 0xff), sealed.slice(saltLength + 4))],
    [
      "a key id of one byte",
      concat(header.slice(0, -1), filled(1, 1), filled(1, 7), sealed.slice(header.length)),
    ],
    ["a key id that swallows the record", flipped(saltLength + 4)],
    ["a flipped bit in the text", flipped(header.length)],
    ["a flipped bit in the tag", flipped(sealed.length - 1)],
    ["a second record behind it", concat(sealed, record([2], 1))],
    ["two records of one body", concat(header, record([1]), record([2], 1))],
    ["the delimiter of a record that is not the last", concat(header, record([1]))],
    ["no delimiter", concat(header, record([]))],
    ["another delimiter", concat(header, record([3]))],
    ["padding behind another delimiter", concat(header, record([1, 0, 0]))],
    ["the nonce of the second record", concat(header, record([2], 1))],
    ["sealed twice", seal(material, salt, sealed).slice(header.length)],
  ])("%s", (_, bytes) => expect(unseal(material, bytes)).toBeNull())

  test("nothing but padding", () => {
    const derive = (name: string, length: number): Bytes =>
      new Uint8Array(hkdfSync("sha256", material, salt, `Content-Encoding: ${name}\0`, length))
    const cipher = createCipheriv("aes-128-gcm", derive("aes128gcm", 16), derive("nonce", 12))
    const zeros = concat(cipher.update(filled(8, 0)), cipher.final(), cipher.getAuthTag())
    expect(unseal(material, concat(header, zeros))).toBeNull()
  })

  test("with the key of the other direction", () => {
    expect(unseal(sealingKey(filled(32, 9)), sealed)).toBeNull()
  })

  test("with the signing key itself in place of the one derived from it", () => {
    expect(unseal(filled(32, 1), sealed)).toBeNull()
  })

  test("where another record size was agreed on", () => {
    expect(unseal(material, seal(material, salt, plain, 4096))).toBeNull()
  })
})

test("padding, which RFC 8188 lets a sender add, is taken off", () => {
  expect(unseal(material, concat(header, record([2, 0, 0, 0])))).toEqual(plain)
})

test.each([
  ["nothing", 0],
  ["one byte", 1],
  ["a whole body of 128 KiB", 128 * 1024],
  ["as much as one record holds", 262_144 - 17],
])("%s comes back as it went in", (_, length) => {
  const bytes = filled(length, 0)
  expect(unseal(material, seal(material, salt, bytes))).toEqual(bytes)
})

test("bytes at an offset in a larger buffer open as well", () => {
  expect(unseal(material, concat(filled(5, 9), sealed).subarray(5))).toEqual(plain)
})

test("a body that does not fit one record is a bug, and so is a salt of another length", () => {
  expect(() => seal(material, salt, filled(262_144 - 16, 0))).toThrow("do not fit one record")
  expect(() => seal(material, filled(15, 0), plain)).toThrow("a salt has 16 bytes")
})

test("the sealing key is HKDF-SHA256 with an empty salt and its own label", () => {
  const extracted = hmacSha256(filled(32, 0), filled(32, 1))
  expect(material).toEqual(hmacSha256(extracted, utf8("sento/1/seal\u0001")))
})
