/** draft-irtf-cfrg-cpace-21, appendix "ristretto255 and SHA-512", and RFC 9496 appendix A.2. */
import { describe, expect, test } from "bun:test"
import { concat, utf8 } from "../../src/protocol/bytes.ts"
import {
  generator,
  generatorString,
  lv,
  newScalar,
  pointLength,
  publicShare,
  scalarFromBytes,
  scalarRandomBytes,
  sessionKey,
  sha512,
  sharedPoint,
} from "../../src/protocol/cpace.ts"
import { filled, hex } from "../support/bytes.ts"
import { sharedVectors } from "../support/shared-vectors.ts"
import transcribed from "../vectors/cpace-ristretto255.json"

type Vectors = Omit<typeof transcribed, "source" | "rfc9496_bad_encodings">
type SharedVectors = Vectors & {
  readonly string_utils: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly rfc9496_bad_encodings: { readonly encodings: readonly string[] }
}

const shared = sharedVectors<SharedVectors>("cpace-vectors.json")
const identity = "00".repeat(pointLength)

describe.each([
  ["the transcribed vectors", transcribed],
  ["the whole file", shared],
] as const)("CPACE-RISTR255-SHA512, %s", (_, file) => {
  const vectors = file as Vectors
  const run = test.skipIf(file === null)

  run("derives the generator from password, channel and session", () => {
    const { PRS, CI, sid, generator_string, hash, g } = vectors.generator
    const string = generatorString(hex(PRS), hex(CI), hex(sid))
    expect([string, sha512(string), generator(hex(PRS), hex(CI), hex(sid))]).toEqual([
      hex(generator_string),
      hex(hash),
      hex(g),
    ])
  })

  run("computes both shares and, from either side, the same K", () => {
    const { ya, Ya, yb, Yb, K } = vectors.exchange
    const g = hex(vectors.generator.g)
    const [a, b] = [scalarFromBytes(hex(ya)), scalarFromBytes(hex(yb))]
    expect([publicShare(a, g), publicShare(b, g), sharedPoint(a, hex(Yb)), sharedPoint(b, hex(Ya))]).toEqual([
      hex(Ya),
      hex(Yb),
      hex(K),
      hex(K),
    ])
  })

  run("computes the session key of the initiator-responder mode, and not the symmetric one", () => {
    const { Ya, ADa, Yb, ADb, K } = vectors.exchange
    const sid = hex(vectors.generator.sid)
    const a = { share: hex(Ya), associated: hex(ADa) }
    const b = { share: hex(Yb), associated: hex(ADb) }
    const key = sessionKey(sid, hex(K), a, b)
    expect(key).toEqual(hex(vectors.isk.ISK_IR))
    expect(key).not.toEqual(hex(vectors.isk.ISK_SY))
    expect(sessionKey(sid, hex(K), b, a)).not.toEqual(key)
  })

  run("joins the transcript as the draft does", () => {
    const { Ya, ADa, Yb, ADb } = vectors.exchange
    expect(concat(lv(hex(Ya), hex(ADa)), lv(hex(Yb), hex(ADb)))).toEqual(hex(vectors.isk.transcript_ir))
  })

  run("scalar_mult_vfy gives the shared point", () => {
    const { s, X, result } = vectors.scalar_mult_vfy.valid
    expect(sharedPoint(scalarFromBytes(hex(s)), hex(X))).toEqual(hex(result))
  })

  run("scalar_mult_vfy aborts where the draft says so", () => {
    const { invalid } = vectors.scalar_mult_vfy
    expect(invalid.map(({ s, Y }) => sharedPoint(scalarFromBytes(hex(s)), hex(Y)))).toEqual([null, null])
  })
})

describe("lv", () => {
  const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i)

  test.each([
    ["an empty part is one zero byte", [new Uint8Array()], "00"],
    ["a short part has one byte of length", [utf8("1234")], "0431323334"],
    ["several parts, one empty", ["1234", "5", "", "678"].map(utf8), "043132333401350003363738"],
    ["127 bytes still have one byte of length", [counting(127)], `7f${counting(127).toHex()}`],
    ["128 bytes have two", [counting(128)], `8001${counting(128).toHex()}`],
    ["20,000 bytes have three", [filled(20_000, 0xaa)], `a09c01${"aa".repeat(20_000)}`],
    ["no parts are no bytes", [], ""],
  ] as const)("%s", (_, parts, want) => expect(lv(...parts)).toEqual(hex(want)))

  test("a byte moved from one part to the next gives another string", () =>
    expect(lv(utf8("ab"), utf8("c"))).not.toEqual(lv(utf8("a"), utf8("bc"))))

  test.skipIf(shared === null)("agrees with the whole file's prepend_len, lv_cat and transcript_ir", () => {
    const cases = shared?.string_utils ?? {}
    const ascii = (...parts: readonly string[]): string => lv(...parts.map(utf8)).toHex()
    expect({
      empty: lv(new Uint8Array()).toHex(),
      four: ascii("1234"),
      seven: lv(counting(127)).toHex(),
      eight: lv(counting(128)).toHex(),
      cat: ascii("1234", "5", "", "678"),
      ir: ascii("123", "PartyA", "234", "PartyB"),
      irSwapped: ascii("3456", "PartyA", "2345", "PartyB"),
    }).toEqual({
      empty: cases.prepend_len?.["prepend_len(b'')"],
      four: cases.prepend_len?.["prepend_len(b'1234')"],
      seven: cases.prepend_len?.["prepend_len(bytes(range(127)))"],
      eight: cases.prepend_len?.["prepend_len(bytes(range(128)))"],
      cat: cases.lv_cat?.["lv_cat(b'1234',b'5',b'',b'678')"],
      ir: cases.transcript_ir?.["transcript_ir(b'123',b'PartyA',b'234',b'PartyB')"],
      irSwapped: cases.transcript_ir?.["transcript_ir(b'3456',b'PartyA',b'2345',b'PartyB')"],
    } as Record<string, string | undefined> as never)
  })
})

test("the generator string of a password longer than the hash block has no padding", () => {
  const [password, channel, sid] = [filled(200, 1), filled(1, 2), filled(1, 3)]
  const want = lv(utf8("CPaceRistretto255"), password, new Uint8Array(), channel, sid)
  expect(generatorString(password, channel, sid)).toEqual(want)
})

describe("a share that must not be used", () => {
  const scalar = newScalar(filled(scalarRandomBytes, 7))
  const bad = transcribed.rfc9496_bad_encodings

  test("there are the 29 bad encodings of RFC 9496, the same in both files", () => {
    expect(bad).toHaveLength(29)
    expect([bad, shared?.rfc9496_bad_encodings.encodings ?? bad]).toEqual([bad, bad])
  })

  test.each(bad)("bad encoding %s", encoding => expect(sharedPoint(scalar, hex(encoding))).toBeNull())

  test.each([
    ["the identity, with which the sender would know every key", identity],
    ["no bytes", ""],
    ["31 bytes", transcribed.exchange.Ya.slice(2)],
    ["33 bytes", `${transcribed.exchange.Ya}00`],
  ])("%s", (_, share) => expect(sharedPoint(scalar, hex(share))).toBeNull())
})

describe("a scalar", () => {
  test.each([0, 32, 63, 65])("does not take %d random bytes", length => {
    expect(() => newScalar(filled(length, 1))).toThrow("64 random bytes")
  })

  test("is reduced by the group's order from all 64 bytes, little-endian", () => {
    const order = (1n << 252n) + 27742317777372353535851937790883648493n
    const random = Uint8Array.from({ length: scalarRandomBytes }, (_, i) => 255 - i)
    const number = random.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
    expect(newScalar(random)).toBe(number % order)
  })
})
