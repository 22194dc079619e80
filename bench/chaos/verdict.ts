/** Compares what was taken with what was typed. Pure: all it needs is handed to it. */

import { type Sighting, sightings } from "./texts.ts"
import type { Fate } from "./traffic.ts"

export type Evidence = {
  readonly texts: readonly { readonly key: string; readonly text: string; readonly fate: Fate }[]
  /** Every byte that the receiver's pane was given. */
  readonly record: string
  /** The state of each text in the receiver's inbox. */
  readonly inbox: ReadonlyMap<string, string>
  /** The texts in the order in which the sender's outbox took them. */
  readonly outbox: readonly string[]
}

export type Verdict = {
  /** The sender was told that Sentō has it. */
  readonly taken: number
  /** Nobody answered the sender, because the Guardian died: may come or not. */
  readonly unanswered: number
  /** Whole in the pane, once or more. */
  readonly delivered: number
  /** Taken, and neither whole in the pane nor told to be uncertain nor waiting: keys. */
  readonly lost: readonly string[]
  /** In the pane more than once: keys. */
  readonly duplicated: readonly string[]
  /** In the pane although the door said that it was not taken: keys. */
  readonly ghosts: readonly string[]
  readonly uncertain: number
  /** Of those, in the pane all the same. */
  readonly uncertainSeen: number
  /** Begun in the pane and not ended. */
  readonly torn: number
  /** In the receiver's inbox, still to be typed. */
  readonly waiting: number
  /** Typed after one that was sent later. */
  readonly inversions: number
}

export function judge({ texts, record, inbox, outbox }: Evidence): Verdict {
  const seen = sightings(record, new Map(texts.map(({ key, text }) => [key, text])))
  const whole = new Set(seen.filter(one => one.isWhole).map(one => one.key))
  const times = countOf(seen)
  const keysOf = (fate: Fate): string[] => texts.filter(one => one.fate === fate).map(one => one.key)
  const inState = (...states: string[]): string[] =>
    [...inbox].filter(([, state]) => states.includes(state)).map(([key]) => key)
  const accounted = new Set([...whole, ...inState("uncertain", "waiting", "typing")])
  return {
    taken: keysOf("taken").length,
    unanswered: keysOf("unanswered").length,
    delivered: whole.size,
    lost: keysOf("taken").filter(key => !accounted.has(key)),
    duplicated: [...times].filter(([, count]) => count > 1).map(([key]) => key),
    ghosts: keysOf("refused").filter(key => times.has(key) || inbox.has(key)),
    uncertain: inState("uncertain").length,
    uncertainSeen: inState("uncertain").filter(key => whole.has(key)).length,
    torn: seen.filter(one => !one.isWhole).length,
    waiting: inState("waiting", "typing").length,
    inversions: countInversions(seen, outbox),
  }
}

function countOf(seen: readonly Sighting[]): Map<string, number> {
  const times = new Map<string, number>()
  for (const { key } of seen) times.set(key, (times.get(key) ?? 0) + 1)
  return times
}

/** How many were typed while a later one had been typed already. */
function countInversions(seen: readonly Sighting[], outbox: readonly string[]): number {
  const place = new Map(outbox.map((key, index) => [key, index]))
  let latest = -1
  let inversions = 0
  for (const { key } of seen) {
    const index = place.get(key) ?? -1
    if (index < latest) inversions += 1
    latest = Math.max(latest, index)
  }
  return inversions
}
