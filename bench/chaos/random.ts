/** Random choices that a printed seed repeats. */

export type Random = {
  /** At least 0, below 1. */
  fraction(): number
  /** A whole number, both ends included. */
  between(least: number, most: number): number
  chance(probability: number): boolean
  pick<Value>(values: readonly [Value, ...Value[]]): Value
  /** A source of its own, so that what one part draws does not move what another gets. */
  fork(name: string): Random
}

export function createRandom(seed: string): Random {
  const fraction = mulberry32(Number(Bun.hash(seed) & 0xffffffffn))
  const between = (least: number, most: number): number => least + Math.floor(fraction() * (most - least + 1))
  return {
    fraction,
    between,
    chance: probability => fraction() < probability,
    pick: values => values[between(0, values.length - 1)] ?? values[0],
    fork: name => createRandom(`${seed}/${name}`),
  }
}

/** Tommy Ettinger's Mulberry32: one 32-bit word of state, good enough to choose when to pull a plug. */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
