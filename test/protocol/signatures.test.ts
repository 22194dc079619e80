/** HMAC-SHA256 against RFC 4231 and Project Wycheproof; what a signature refuses. */
import { describe, expect, test } from "bun:test"
import { toHex, utf8 } from "../../src/protocol/bytes.ts"
import { answerKey, hmacSha256, signMessage, verifyMessage } from "../../src/protocol/signatures.ts"
import { filled, hex } from "../support/bytes.ts"
import { sharedVectors } from "../support/shared-vectors.ts"
import { rfc4231 } from "../vectors/rfc4231.ts"

describe("RFC 4231", () => {
  test.each(rfc4231.map(one => [one.name, one] as const))("%s", (_, { key, data, tag }) =>
    expect(toHex(hmacSha256(hex(key), hex(data)))).toBe(tag),
  )
})

type Wycheproof = {
  readonly testGroups: readonly {
    readonly tagSize: number
    readonly tests: readonly { tcId: number; key: string; msg: string; tag: string; result: string }[]
  }[]
}
const wycheproof = sharedVectors<Wycheproof>("hmac_sha256_test.json")
const casesOf = (tagSize: number) =>
  wycheproof?.testGroups.filter(group => group.tagSize === tagSize).flatMap(group => group.tests) ?? []

describe.skipIf(wycheproof === null)("Wycheproof HMAC-SHA256", () => {
  test("whole tags: the valid ones verify and no modified one does", () => {
    const verdicts = casesOf(256).map(({ tcId, key, msg, tag }) => [
      tcId,
      verifyMessage(hex(key), hex(msg), tag),
    ])
    expect(verdicts).toEqual(casesOf(256).map(({ tcId, result }) => [tcId, result === "valid"]))
  })

  test("truncated tags are refused, the valid ones included", () => {
    expect(casesOf(128).filter(({ key, msg, tag }) => verifyMessage(hex(key), hex(msg), tag))).toEqual([])
  })
})

describe("a message's signature", () => {
  const key = filled(32, 1)
  const body = utf8('{"v":1,"text":"hello"}')
  const signature = signMessage(key, body)
  const cut = signature.slice(0, 62)

  test.each([
    ["the right one", key, body, signature, true],
    ["partial signature is refused", key, body, cut, false],
    ["a prefix of one digit", key, body, signature.slice(0, 1), false],
    ["none", key, body, "", false],
    ["two digits too many", key, body, `${signature}00`, false],
    ["upper case", key, body, signature.toUpperCase(), false],
    ["a trailing line break", key, body, `${signature}\n`, false],
    ["0x before it", key, body, `0x${cut}`, false],
    ["a bad digit, at which a lenient decoder would stop", key, body, `${cut}zz`, false],
    ["base64", key, body, Buffer.from(signature, "hex").toString("base64"), false],
    [
      "the last bit flipped",
      key,
      body,
      `${cut}${toHex(hex(signature.slice(62)).map(byte => byte ^ 1))}`,
      false,
    ],
    ["two signatures in one header", key, body, `${signature}, ${signature}`, false],
    ["of another body", key, utf8('{"v":1,"text":"hellO"}'), signature, false],
    ["of the same JSON spelled otherwise", key, utf8('{"v":1, "text":"hello"}'), signature, false],
    ["by another key", filled(32, 2), body, signature, false],
    [
      "by the key of answers, so that an answer never passes for a message",
      answerKey(key),
      body,
      signature,
      false,
    ],
  ])("%s", (_, withKey, bytes, claimed, want) => expect(verifyMessage(withKey, bytes, claimed)).toBe(want))
})

test("the key of answers is HKDF-SHA256 with an empty salt and its own label", () => {
  const extracted = hmacSha256(filled(32, 0), filled(32, 1))
  const expanded = hmacSha256(extracted, utf8("sento/1/answer\u0001"))
  expect(answerKey(filled(32, 1))).toEqual(expanded)
})
