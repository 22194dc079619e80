/** A draw of the mutants, where there is no time to try all, and what it says of all. */

/**
 * So many of them, each as likely as any other, in their order. The same word draws the same, and the draw of a larger
 * number has that of a smaller one in it.
 * @param keyOf - what tells one from all others
 */
export function drawOf<T>(
  all: readonly T[],
  count: number,
  seed: string,
  keyOf: (one: T) => string,
): readonly T[] {
  const ranked = all
    .map((one, place) => ({ one, place, rank: rankOf(`${seed}\n${keyOf(one)}`) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
  return ranked
    .slice(0, count)
    .sort((a, b) => a.place - b.place)
    .map(({ one }) => one)
}

const rankOf = (words: string): string => new Bun.CryptoHasher("sha256").update(words).digest("hex")

/** Of the normal distribution: 95 % lie within so many deviations. */
const z = 1.959964

/** The share of all, from 0 to 1, between which 95 % of such draws leave it: Wilson's interval (1927). */
export function intervalOf(died: number, count: number): readonly [low: number, high: number] {
  const share = died / count
  const scale = 1 + z ** 2 / count
  const middle = (share + z ** 2 / (2 * count)) / scale
  const half = (z / scale) * Math.sqrt((share * (1 - share)) / count + z ** 2 / (4 * count ** 2))
  return [Math.max(0, middle - half), Math.min(1, middle + half)]
}
