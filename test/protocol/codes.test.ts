import { describe, expect, test } from "bun:test"
import {
  alphabet,
  formatCode,
  formatVerifier,
  newCode,
  newShortId,
  readCode,
  readGivenCode,
  readShortId,
} from "../../src/protocol/codes.ts"
import { filled, hex } from "../support/bytes.ts"

describe("reading a code", () => {
  test.each([
    ["as printed", "SENTO-4F2K", "4F2K"],
    ["in lower case", "sento-4f2k", "4F2K"],
    ["without the dash", "SENTO4F2K", "4F2K"],
    ["without SENTO-", "4F2K", "4F2K"],
    ["with spaces around and within", "  sento - 4f 2k ", "4F2K"],
    ["with a line break behind, as a paste brings it", "SENTO-4F2K\n", "4F2K"],
    ["with an en dash, as a chat program makes it", "SENTO–4F2K", "4F2K"],
    ["with a non-breaking hyphen and space", "SENTO‑4F2K\u00a0", "4F2K"],
    ["O for 0", "SENTO-OO2K", "002K"],
    ["I and L for 1", "SENTO-ILil", "1111"],
    ["SENT0 with a zero", "SENT0-4F2K", "4F2K"],
    ["with a full-width letter, as an input method makes it", "SENTO-４F2K", "4F2K"],
    ["all of it full-width", "ＳＥＮＴＯ－４Ｆ２Ｋ", "4F2K"],
    ["with a Kelvin sign for K", "SENTO-4F2\u212a", "4F2K"],
    ["with the macron of the name", "Sentō-J3YK", "J3YK"],
    ["with the macron as a mark of its own", "Sento\u0304-J3YK", "J3YK"],
    ["in two words", "SENTO J3YK", "J3YK"],
    ["quoted", '"SENTO-J3YK"', "J3YK"],
    ["in a chat program's quotes", "“SENTO-J3YK”", "J3YK"],
    ["in quotes, with blanks around them", " “SENTO-J3YK”. ", "J3YK"],
    ["in backticks", "`SENTO-J3YK`", "J3YK"],
    ["at the end of a sentence", "SENTO-J3YK.", "J3YK"],
    ["in brackets, with a comma behind", "(SENTO-J3YK),", "J3YK"],
    ["long, as printed", "SENTO-4F2K-9XQM", "4F2K9XQM"],
    ["long, bare", "4f2k9xqm", "4F2K9XQM"],
    ["long, with spaces", "4F2K 9XQM", "4F2K9XQM"],
    ["long, with symbols that spell the prefix", "SENTO-SENT-0123", "SENT0123"],
    ["long and bare, with symbols that spell the prefix", "SENT-0123", "SENT0123"],
    ["short, with symbols that spell the prefix's start", "SENTO-SENT", "SENT"],
  ])("%s", (_, text, want) => expect(readCode(text)).toBe(want))

  test.each([
    ["nothing", ""],
    ["the prefix alone", "SENTO-"],
    ["one symbol short", "4F2"],
    ["one symbol short behind the prefix, which is no long code SENT04F2", "SENTO-4F2"],
    ["one too many", "SENTO-4F2KK"],
    ["three short of a long one", "SENTO-4F2K-9"],
    ["nine symbols", "4F2K9XQM1"],
    ["U, which is no symbol", "SENTO-4FUK"],
    ["punctuation", "SENTO-4F2!"],
    ["an emoji", "SENTO-4F👩"],
    ["the prefix twice", "SENTO-SENTO-4F2K"],
    ["an address behind it", "SENTO-4F2K@192.168.1.20"],
  ])("is no code: %s", (_, text) => expect(readCode(text)).toBeNull())

  test.each([
    ["as printed", "SENTO-JKMN", true],
    ["bare, with a digit", "4F2K", true],
    ["bare, long, with a digit", "JKMN-JKM2", true],
    ["a word of four letters", "help", false],
    ["the letter O, which is read as a digit", "book", false],
    ["I and L, which are", "list", false],
    ["a word that no code spells", "mountain", null],
    ["a word of eight letters", "megabyte", false],
    ["a name", "mira", false],
  ])("whether only a code reads so: %s", (_, text, want) =>
    expect(readGivenCode(text)?.isCertain ?? null).toBe(want),
  )

  test("every printed code reads as itself", () => {
    const random = Uint8Array.from({ length: 8 }, (_, i) => 31 - i)
    const codes = [newCode(random, false), newCode(random, true)]
    expect(codes).toEqual(["ZYXW", "ZYXWVTSR"])
    expect(codes.map(code => readCode(formatCode(code)))).toEqual(codes)
  })
})

describe("making a code", () => {
  test("Crockford's 32 symbols, without I, L, O and U", () => {
    expect([alphabet.length, new Set(alphabet).size, /[ILOU]/.test(alphabet)]).toEqual([32, 32, false])
  })

  test("each symbol is equally likely over all values of a byte", () => {
    const counts = new Map<string, number>()
    for (let byte = 0; byte < 256; byte++) {
      const symbol = newCode(filled(4, byte), false).slice(0, 1)
      counts.set(symbol, (counts.get(symbol) ?? 0) + 1)
    }
    expect([...counts.keys()].sort().join("")).toBe([...alphabet].sort().join(""))
    expect(new Set(counts.values())).toEqual(new Set([8]))
  })

  test("too few random bytes are a bug, never a shorter code", () => {
    expect(() => newCode(filled(7, 1), true)).toThrow("8 random bytes are needed")
    expect(() => newShortId(filled(3, 1))).toThrow("4 random bytes are needed")
  })

  test.each([
    ["4F2K", "SENTO-4F2K"],
    ["4F2K9XQM", "SENTO-4F2K-9XQM"],
  ])("%s is printed as %s", (symbols, want) => expect(formatCode(symbols)).toBe(want))
})

describe("a short id", () => {
  test("is four symbols in lower case", () => expect(newShortId(hex("1307170200"))).toBe("k7q2"))

  test.each([
    ["as shown", "k7q2", "k7q2"],
    ["with the brackets it is shown in", "[k7q2]", "k7q2"],
    ["with a blank before it", " k7q2", "k7q2"],
    ["as a line of a message begins", "[k7q2]:", "k7q2"],
    ["with a colon alone", "k7q2:", "k7q2"],
    ["with all of these", " [K7Q2]: \n", "k7q2"],
    ["in upper case", "K7Q2", "k7q2"],
    ["O for 0, I and L for 1", "oilk", "011k"],
    ["too short", "k7q", null],
    ["too long", "k7q22", null],
    ["one bracket", "[k7q2", null],
    ["more than the beginning of a line", "[k7q2]: yes", null],
    ["a blank inside", "k7 q2", null],
    ["U", "u7q2", null],
    ["nothing", "", null],
    ["a pattern of SQL", "k%_2", null],
    ["an option", "--k7", null],
  ])("%s", (_, text, want) => expect(readShortId(text)).toBe(want))
})

describe("a verifier", () => {
  test.each([
    ["no bits", "00000000000000", "00000-00000"],
    ["all bits", "ffffffffffffff", "ZZZZZ-ZZZZZ"],
    ["the first bit is the most significant of the first symbol", "80000000000000", "G0000-00000"],
    ["the fiftieth bit is the last that counts", "00000000000040", "00000-00001"],
    ["the six bits behind it do not", "0000000000003f", "00000-00000"],
  ])("%s", (_, bytes, want) => expect(formatVerifier(hex(bytes))).toBe(want))
})
