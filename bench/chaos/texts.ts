/** Texts that can be told from each other wherever they turn up, and whole from torn. */
import type { Random } from "./random.ts"

/** Which way a message goes. */
export type Direction = "m2k" | "k2m"

export type Text = {
  /** Unique in a run. */
  readonly key: string
  readonly text: string
}

/** Short enough to be typed: what is longer goes into a file where the profile is `plain`. */
export function composeText(direction: Direction, number: number, random: Random, long: boolean): Text {
  const mark = random
    .between(0, 2 ** 32 - 1)
    .toString(16)
    .padStart(8, "0")
  const words = long ? random.between(200, 400) : random.between(0, random.chance(0.1) ? 200 : 30)
  const payload = Array.from({ length: words }, () => random.pick(vocabulary)).join(" ")
  return {
    key: `${direction}-${number}-${mark}`,
    text: `<${direction}-${number}-${mark}|${payload}|${mark}>`,
  }
}

/** Some of several bytes a character, so that a cut can fall inside one; some over several lines. */
const vocabulary = [
  "build",
  "is",
  "green",
  "früh",
  "日本語",
  "👍",
  "a\nnew line",
  "ends",
  "(here)",
  "0",
] as const

/** One place in a pane's record where a text begins. */
export type Sighting = { readonly key: string; readonly isWhole: boolean }

/** How a line break is typed into a program of which nothing is known (src/tmux/programs/plain.ts). */
const lineBreak = " ⏎ "

/** Every text that was typed, in order; `expected` tells whether it came whole. */
export function sightings(record: string, expected: ReadonlyMap<string, string>): Sighting[] {
  return [...record.matchAll(/<((?:m2k|k2m)-\d+-[0-9a-f]{8})\|/g)].map(match => {
    const key = match[1] ?? ""
    const typed = expected.get(key)?.replaceAll("\n", lineBreak)
    return { key, isWhole: typed !== undefined && record.startsWith(typed, match.index) }
  })
}
