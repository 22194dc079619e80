/**
 * Writes src/protocol/joining-types.ts: `bun bench/joining-types.ts FOLDER`, where FOLDER is the package tr46 7.0.0 of
 * the npm registry, unpacked. It holds the rules of RFC 5892, appendix A.1 and A.2, as regular expressions, made of
 * Unicode's DerivedJoiningType.txt and DerivedCombiningClass.txt; JavaScript's `\p{…}` has neither property.
 */
import { join } from "node:path"

type Regexes = { readonly validZWNJ: RegExp; readonly combiningClassVirama: RegExp }

const [folder = ""] = process.argv.slice(2)
const { validZWNJ, combiningClassVirama } = require(join(folder, "lib/regexes.js")) as Regexes

/** What stands in its brackets: `[{L,D}][T]*\u200C[T]*[{R,D}]`. */
const [toNext, , , toPrevious] = validZWNJ.source.match(/(?<=\[)[^\]]+/g) ?? []
const [withoutVowel] = combiningClassVirama.source.match(/(?<=\[)[^\]]+/g) ?? []

const rangesInALine = 6

function literal(ranges = ""): string {
  const all = ranges.match(/(?:\\u\{\w+\}|\\u\w{4})(?:-(?:\\u\{\w+\}|\\u\w{4}))?/g) ?? []
  if (all.length === 0 || all.join("") !== ranges) throw new Error(`not a list of ranges: ${ranges}`)
  const lines = Array.from({ length: Math.ceil(all.length / rangesInALine) }, (_, i) =>
    all.slice(i * rangesInALine, (i + 1) * rangesInALine).join(""),
  )
  return lines.map(line => `  String.raw\`${line}\``).join(" +\n")
}

const text = `/**
 * Ranges of signs, for a character class with the flag \`u\`. Written by bench/joining-types.ts, which says from what.
 * @see RFC 5892, appendix A.1 and A.2
 */

/** Joining_Type L or D: letters that join to what follows them. */
export const joinsToNext =
${literal(toNext)}

/** Joining_Type R or D: letters that join to what stands before them. */
export const joinsToPrevious =
${literal(toPrevious)}

/** Canonical_Combining_Class 9: signs that take a consonant's vowel away. */
export const virama =
${literal(withoutVowel)}
`
await Bun.write(join(import.meta.dir, "../src/protocol/joining-types.ts"), text)
