import { describe, expect, test } from "bun:test"
import {
  decodeJson,
  equalInConstantTime,
  fromBase64Url,
  fromHex,
  toBase64Url,
  utf8,
} from "../../src/protocol/bytes.ts"
import { filled, hex } from "../support/bytes.ts"

describe("hex of two bytes", () => {
  test.each([
    ["in lower case", "00ff", hex("00ff")],
    ["in upper case", "00FF", null],
    ["too short", "00f", null],
    ["too long", "00ff0", null],
    ["a bad digit at the end", "00fg", null],
    ["a line break behind", "00f\n", null],
    ["nothing", "", null],
  ])("%s", (_, text, want) => expect(fromHex(text, 2)).toEqual(want))
})

describe("base64url of two bytes", () => {
  test.each([
    ["as written", "AP8", hex("00ff")],
    ["another spelling of the same bytes", "AP9", null],
    ["padded", "AP8=", null],
    ["of the other alphabet", "+/8", null],
    ["one byte", "AA", null],
    ["three bytes", "AP8A", null],
    ["a space within", "A P8", null],
    ["a line break behind", "AP8\n", null],
    ["nothing", "", null],
  ])("%s", (_, text, want) => expect(fromBase64Url(text, 2)).toEqual(want))

  test("uses - and _", () => expect(toBase64Url(hex("fbff"))).toBe("-_8"))
})

describe("JSON of bytes", () => {
  test.each([
    ["an object", utf8('{"a":"é"}'), { a: "é" }],
    ["null, which is not nothing", utf8("null"), null],
    ["a byte order mark before it", hex("efbbbf7b7d"), undefined],
    ["a lone continuation byte", hex("2280 22".replace(" ", "")), undefined],
    ["an overlong slash", hex("22c0af22"), undefined],
    ["a surrogate in UTF-8", hex("22eda08022"), undefined],
    ["cut in the middle of a character", hex("22c3"), undefined],
    ["two values", utf8("{} {}"), undefined],
    ["a comment", utf8("{}//"), undefined],
    ["nothing", new Uint8Array(), undefined],
  ])("%s", (_, bytes, want) => expect(decodeJson(bytes)).toEqual(want))

  test("a __proto__ in it pollutes nothing", () => {
    decodeJson(utf8('{"__proto__":{"polluted":true}}'))
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })
})

test.each([
  ["the same bytes", filled(32, 1), filled(32, 1), true],
  ["the last byte differs", filled(32, 1), filled(32, 1).with(31, 0), false],
  ["the first byte differs", filled(32, 1), filled(32, 1).with(0, 0), false],
  ["a prefix", filled(32, 1), filled(31, 1), false],
  ["none against none", filled(0, 0), filled(0, 0), true],
])("equality in constant time: %s", (_, a, b, want) => expect(equalInConstantTime(a, b)).toBe(want))
