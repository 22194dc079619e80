/** Inputs that almost make sense: good ones, spoiled a few times, and a few that are nothing but noise. */
import fc from "fast-check"

/** Parts that parsers stumble over. */
const tokens = [
  "\r\n",
  "\r\n\r\n",
  "\n",
  "\0",
  "\xff\xfe",
  "\xef\xbb\xbf",
  "\xed\xa0\x80",
  "\xe2\x80\xae",
  "\xe2\x80\xa8",
  "\x1b[201~",
  '"',
  "\\",
  "\\ud800",
  "\\u0000",
  "{",
  "}",
  "[".repeat(200),
  '{"a":'.repeat(200),
  ",",
  ":",
  "null",
  "true",
  "-1",
  "1e999",
  "9007199254740993",
  "__proto__",
  "constructor",
  '"__proto__":{"x":1},',
  "../",
  "%00",
  "#(touch x)",
  "Content-Length: 0\r\n",
  "Content-Length: 99999999999\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Content-Encoding: aes128gcm\r\n",
  "Content-Encoding: gzip\r\n",
  "X-Sento-Pair: 00000000000000000000000000000000\r\n",
  "Host: evil.example\r\n",
  "Origin: null\r\n",
  "Expect: 100-continue\r\n",
  "Upgrade: websocket\r\nConnection: Upgrade\r\n",
  "0\r\n\r\n",
  "a".repeat(5000),
].map(text => Buffer.from(text, "latin1"))

type Change = {
  readonly kind: number
  readonly at: number
  readonly size: number
  readonly piece: Uint8Array
}

const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.nat(5),
  at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  size: fc.nat(64),
  piece: fc.oneof(fc.constantFrom(...tokens), fc.uint8Array({ maxLength: 16 })),
})

function spoil(bytes: Buffer, { kind, at, size, piece }: Change): Buffer {
  const from = Math.floor(at * bytes.length)
  const [before, after] = [bytes.subarray(0, from), bytes.subarray(from)]
  switch (kind) {
    case 0:
      return Buffer.concat([before, after.subarray(size)])
    case 1:
      return Buffer.concat([before, piece, after])
    case 2:
      return Buffer.concat([before, piece, after.subarray(piece.length)])
    case 3:
      return Buffer.concat([before, after.subarray(0, size), after])
    case 4:
      return before
    default:
      return flip(bytes, from, size % 8)
  }
}

function flip(bytes: Buffer, at: number, bit: number): Buffer {
  const flipped = Buffer.from(bytes)
  if (flipped.length > 0) flipped[at] = (flipped[at] ?? 0) ^ (1 << bit)
  return flipped
}

/** @param good - inputs that are taken; they are also given as they are */
export function spoiled(good: readonly Uint8Array[]): fc.Arbitrary<Buffer> {
  const near = fc
    .tuple(fc.constantFrom(...good), fc.array(change, { maxLength: 5 }))
    .map(([bytes, changes]) => changes.reduce(spoil, Buffer.from(bytes)))
  const noise = fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes))
  return fc.oneof({ weight: 9, arbitrary: near }, { weight: 1, arbitrary: noise })
}

/** JSON values of the wrong shape in the right places: any field of a good object becomes anything. */
export function misshapen(good: readonly Record<string, unknown>[]): fc.Arbitrary<Buffer> {
  const odd = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom("", "\ud800", "\u202e", "__proto__", -1, 0, 1e308, 65_536, 0.5, null, [], {}),
    fc.string({ unit: "binary", maxLength: 80 }),
  )
  return fc
    .tuple(fc.constantFrom(...good), fc.array(fc.tuple(fc.nat(12), odd), { maxLength: 3 }), fc.boolean())
    .map(([value, changes, isPolluted]) => {
      const keys = Object.keys(value)
      const changed = changes.map(([i, other]) => [keys[i % keys.length] ?? "more", other] as const)
      const text = JSON.stringify({ ...value, ...Object.fromEntries(changed) })
      return Buffer.from(isPolluted ? text.replace("{", '{"__proto__":{"isAdmin":true},') : text)
    })
}

/** Texts as a peer could send them. */
export const texts: fc.Arbitrary<Buffer> = fc
  .array(
    fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 20 }),
      fc.string({ unit: "binary", maxLength: 20 }),
      fc.constantFrom(...tokens).map(token => token.toString("utf8")),
      fc.constantFrom(
        "@/etc/passwd",
        "\n← agent owner: ",
        "\u200b@\u200d/x",
        "👩\u200d👧",
        "\t",
        " ".repeat(500),
      ),
    ),
    { maxLength: 12 },
  )
  .map(parts => Buffer.from(parts.join(""), "utf8"))
