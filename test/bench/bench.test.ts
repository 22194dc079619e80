/** The bench's own arithmetic, and each of its rows in a very short form, so that none can rot. */
import { expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { wakeUpsBetween } from "../../bench/bench/proc.ts"
import { aboveAtMost, type Bar, medianAtMost, ratioAtLeast, ratioAtMost } from "../../bench/bench/row.ts"
import { rows } from "../../bench/bench/rows/all.ts"
import { version } from "../../bench/bench/rows/start-up.ts"
import {
  type Line,
  medianOf,
  ratioOf,
  runRow,
  spreadOf,
  type Verdict,
  verdictOf,
} from "../../bench/bench/run.ts"
import { openStage } from "../../bench/bench/stage.ts"
import { figured, tableOf } from "../../bench/bench/table.ts"
import { openReferences } from "../../bench/reference/compile.ts"

/** What hangs: a machine with much else to do may take its time. */
const limitMilliseconds = 120_000
const binary = join(import.meta.dir, "../../dist/sento")

test.each([
  ["of one value", [7], 7],
  ["the middle one, in whatever order they came", [9, 1, 5], 5],
  ["the mean of the two in the middle", [4, 1, 2, 100], 3],
  ["ordered by size, not by letter", [10, 9, 100], 10],
  ["nothing of nothing", [], Number.NaN],
] as const)("median: %s", (_, values, want) => expect(medianOf(values)).toBe(want))

test("a spread is the median between the extremes", () => {
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 })
})

test("a turn that was slow for both sides leaves the ratio alone", () => {
  expect(ratioOf([2, 200, 2], [1, 100, 1])).toBe(2)
})

test.each([
  ["no bar", null, 9, 9, "–"],
  ["a ratio at its bar", ratioAtMost(2), 9, 2, "met"],
  ["a ratio above its bar", ratioAtMost(2), 1, 2.01, "missed"],
  ["a rate above its bar", ratioAtLeast(0.7), 1, 0.9, "met"],
  ["a rate below its bar", ratioAtLeast(0.7), 1, 0.69, "missed"],
  ["a count, whatever its ratio is", medianAtMost(60), 60, Number.POSITIVE_INFINITY, "met"],
  ["a count above its bar", medianAtMost(60), 61, 0.1, "missed"],
  ["as much on top as its bar", aboveAtMost(8), 16, 2, "met"],
  ["more on top than its bar", aboveAtMost(8), 18, 2, "missed"],
  ["what was not measured", ratioAtMost(2), Number.NaN, Number.NaN, "missed"],
] as const satisfies readonly (readonly [string, Bar | null, number, number, Verdict])[])(
  "verdict: %s",
  (_, bar, median, ratio, want) =>
    expect(verdictOf(bar, { median }, { median: median / ratio, ratio })).toBe(want),
)

test("a thread that began while it was watched counts from its beginning", () => {
  const [before, after] = [new Map([["1", 10]]), new Map([["1", 12]]).set("2", 5)]
  expect(wakeUpsBetween(before, after)).toBe(7)
})

test.each([
  [123.4, "123"],
  [12.34, "12.3"],
  [1.234, "1.23"],
  [Number.POSITIVE_INFINITY, "–"],
])("%d is shown as %s", (value, want) => expect(figured(value)).toBe(want))

const line: Line = {
  row: "idle",
  figure: "resident",
  unit: "MiB",
  own: { median: 52, min: 51, max: 53 },
  reference: { name: "idle server", median: 40, min: 40, max: 40, ratio: 1.3 },
  against: null,
  bar: ratioAtMost(1.25),
  verdict: "missed",
}

test("the table", () => {
  expect(tableOf([line])).toBe(
    [
      "| what                | reference         | median | min  | max  | ratio | bar           | verdict |",
      "| ------------------- | ----------------- | ------ | ---- | ---- | ----- | ------------- | ------- |",
      "| idle: resident, MiB | idle server: 40.0 | 52.0   | 51.0 | 53.0 | 1.30  | at most 1.25× | missed  |",
      "",
    ].join("\n"),
  )
})

test("the table with another sento beside it", () => {
  const against = { median: 26, min: 26, max: 26, ratio: 2 }
  const [head, , row] = tableOf([{ ...line, against, bar: null, verdict: "–" }]).split("\n")
  expect(head).toEndWith("| bar | verdict | against | ratio to it |")
  expect(row).toEndWith("| –   | –       | 26.0    | 2.00        |")
})

test("no two rows have a name, and no row has two figures of one", () => {
  const names = rows.flatMap(row => row.figures.map(figure => `${row.name} ${figure.name}`))
  expect(names).toEqual([...new Set(names)])
})

/** As few of everything as there can be: 60 ms of a minute, and a thousandth of the messages and peers. */
const short = { seconds: 0.06, turns: 1, isFirstCounted: true, say: () => {} }
/** Most of a row's time goes into waiting for processes. */
const atOnce = 4

test.skipIf(!existsSync(binary))(
  "every row is measured beside its reference, one beside another sento too",
  async () => {
    const references = openReferences()
    const left = [...rows]
    const measured: Line[] = []
    const measureNext = async (): Promise<void> => {
      const stage = openStage(references, short.seconds / 60)
      try {
        for (let row = left.shift(); row !== undefined; row = left.shift())
          measured.push(
            ...(await runRow(stage, row, { ...short, binary, against: row === version ? binary : null })),
          )
      } finally {
        left.length = 0
        await stage.close()
      }
    }
    try {
      await Promise.all(Array.from({ length: atOnce }, measureNext))
    } finally {
      await references.close()
    }
    const figures = rows.flatMap(({ name, figures }) => figures.map(figure => `${name} ${figure.name}`))
    expect(measured.map(({ row, figure }) => `${row} ${figure}`).sort()).toEqual(figures.sort())
    for (const { own, reference, against } of measured)
      for (const { median } of [own, reference, against ?? own])
        expect(median).toSatisfy(value => Number.isFinite(value) && value >= 0)
    expect(measured.filter(({ against }) => against !== null).map(({ figure }) => figure)).toEqual([
      "wall",
      "cpu",
    ])
  },
  limitMilliseconds,
)
