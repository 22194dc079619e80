/** The kinds of text that the lab delivers, laid out as docs/PROTOCOL.md section 6 says. */
import { scriptTexts } from "../../test/support/texts.ts"

export type Kind = {
  readonly name: string
  /** The text of try `index` behind the tag, different each time. */
  readonly body: (index: number) => string
}

export const kinds: readonly Kind[] = [
  { name: "one line", body: index => `please look at build ${index}, the second test fails since noon` },
  { name: "2,000 characters", body: index => longText(index, 2000) },
  { name: "12 lines", body: index => lines(index, 12) },
  {
    name: "joined emoji",
    body: index =>
      `${index} 👩‍👩‍👧‍👦 and 🏳️‍🌈, 👍🏽 from 🇯🇵: naïve Ωmega, 日本語の文, عربي, ${"é".normalize("NFC")} done`,
  },
  { name: "ends in @wo", body: index => `number ${index}: who could look at this, perhaps @wo` },
  {
    name: "starts with / ! @ #",
    body: index => `${"/!@#"[index % 4]}help with ${index} and say what you think`,
  },
  {
    name: `${scriptTexts.length} scripts`,
    body: index => `${scriptTexts[index % scriptTexts.length]?.[1]} ${index}`,
  },
]

/** The tag with which the Guardian lays a message out, and its short id. */
export function laidOut(shortId: string, body: string): string {
  return `← agent mira [${shortId}]: ${body.replaceAll("\n", "\n  ")}`
}

/** Four symbols, as the Guardian's short ids are. */
export function newShortId(): string {
  const symbols = "0123456789abcdefghjkmnpqrstvwxyz"
  return Array.from(crypto.getRandomValues(new Uint8Array(4)), byte => symbols[byte % 32]).join("")
}

function longText(index: number, length: number): string {
  const words = Array.from({ length }, (_, word) => `w${(word * 7919 + index) % 1000}`).join(" ")
  return `${words.slice(0, length - 4).trimEnd()} end`.padEnd(length, ".")
}

function lines(index: number, count: number): string {
  return Array.from({ length: count }, (_, line) => `line ${line + 1} of try ${index}, with some words`).join(
    "\n",
  )
}
