/** One row, from setting its sides up to the lines of the table. */
import type { Bar, Figure, Row, Sample, Take } from "./row.ts"
import type { Stage } from "./stage.ts"

export type Options = {
  readonly binary: string
  /** Another sento to hold it against, or null. */
  readonly against: string | null
  /** Of 60: how much of their time those rows get that watch something. */
  readonly seconds: number
  /** In place of the rows' own, or null. */
  readonly turns: number | null
  /** Whether the first turn counts, which finds cold caches and code that is not compiled yet. */
  readonly isFirstCounted?: boolean
  /** Told of each row that begins. */
  readonly say: (progress: string) => void
}

/** A figure of a row, measured. */
export type Line = {
  readonly row: string
  readonly figure: string
  readonly unit: string
  readonly own: Spread
  readonly reference: Held & { readonly name: string }
  /** The other sento, where there is one. */
  readonly against: Held | null
  readonly bar: Bar | null
  readonly verdict: Verdict
}

/** `ratio`: of ours to this one; infinite where this one is nothing. */
export type Held = Spread & { readonly ratio: number }
export type Spread = { readonly median: number; readonly min: number; readonly max: number }
export type Verdict = "met" | "missed" | "–"

type Side = "own" | "reference" | "against"
type Samples = Readonly<Record<Side, readonly Sample[]>>

/** Whatever the row started is over when it is done. */
export async function runRow(stage: Stage, row: Row, options: Options): Promise<readonly Line[]> {
  options.say(row.name)
  try {
    const samples = await takeTurns(row, await setUp(stage, row, options), options)
    return row.figures.map(figure => lineOf(row, figure, samples))
  } finally {
    await stage.clear()
  }
}

async function setUp(
  stage: Stage,
  { measure }: Row,
  { binary, against }: Options,
): Promise<readonly (readonly [Side, Take])[]> {
  const own = ["own", await measure.sento(stage, binary)] as const
  const reference = ["reference", await measure.reference(stage, binary)] as const
  if (against === null) return [own, reference]
  return [own, reference, ["against", await measure.sento(stage, against)] as const]
}

/** A busy minute of the machine meets every side: each begins a turn as often as the others. */
async function takeTurns(
  row: Row,
  sides: readonly (readonly [Side, Take])[],
  options: Options,
): Promise<Samples> {
  const scale = options.seconds / 60
  const { seconds = 0, firstSeconds = seconds } = row
  const turns = options.turns ?? row.turns
  const samples: Record<Side, Sample[]> = { own: [], reference: [], against: [] }
  if (!options.isFirstCounted) await takeTurn(sides, row, firstSeconds * scale)
  for (let turn = 0; turn < turns; turn += 1) {
    const first = turn % sides.length
    const order = [...sides.slice(first), ...sides.slice(0, first)]
    for (const [side, sample] of await takeTurn(order, row, seconds * scale)) samples[side].push(sample)
  }
  return samples
}

async function takeTurn(
  sides: readonly (readonly [Side, Take])[],
  { isSideBySide = false }: Row,
  seconds: number,
): Promise<readonly (readonly [Side, Sample])[]> {
  const one = async ([side, take]: readonly [Side, Take]) => [side, await take(seconds)] as const
  if (isSideBySide) return Promise.all(sides.map(one))
  const taken: (readonly [Side, Sample])[] = []
  for (const side of sides) taken.push(await one(side))
  return taken
}

function lineOf(row: Row, { name, unit, bar }: Figure, samples: Samples): Line {
  const valuesOf = (side: Side): readonly number[] => samples[side].map(sample => sample[name] ?? Number.NaN)
  const values = valuesOf("own")
  const own = spreadOf(values)
  const held = (side: Side): Held => {
    const others = valuesOf(side)
    return { ...spreadOf(others), ratio: ratioOf(values, others) }
  }
  const reference = { ...held("reference"), name: row.reference }
  const against = samples.against.length === 0 ? null : held("against")
  const verdict = verdictOf(bar, own, reference)
  return { row: row.name, figure: name, unit, own, reference, against, bar, verdict }
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: medianOf(values), min: Math.min(...values), max: Math.max(...values) }
}

/** Of an even number the mean of the two in the middle. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]]
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2
}

/** The median of the ratios turn by turn: what slows a turn slows both sides of it. */
export function ratioOf(values: readonly number[], others: readonly number[]): number {
  return medianOf(values.map((value, turn) => value / (others[turn] ?? Number.NaN)))
}

/** A value that was not measured meets no bar. */
export function verdictOf(
  bar: Bar | null,
  { median }: Pick<Spread, "median">,
  to: Pick<Held, "median" | "ratio">,
): Verdict {
  if (bar === null) return "–"
  const value = { ratio: to.ratio, above: median - to.median, median }[bar.of]
  return (bar.is === "at most" ? value <= bar.limit : value >= bar.limit) ? "met" : "missed"
}
