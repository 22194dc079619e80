/** The lines of the bench as a table that can be pasted into Markdown. */
import type { Bar } from "./row.ts"
import type { Line } from "./run.ts"

const head = ["what", "reference", "median", "min", "max", "ratio", "bar", "verdict"]
const headAgainst = ["against", "ratio to it"]

export function tableOf(lines: readonly Line[]): string {
  const isAgainst = lines.some(({ against }) => against !== null)
  const cells = [
    isAgainst ? [...head, ...headAgainst] : head,
    ...lines.map(line => (isAgainst ? [...cellsOf(line), ...cellsAgainst(line)] : cellsOf(line))),
  ]
  const widths = head
    .concat(headAgainst)
    .map((_, column) => Math.max(...cells.map(row => widthOf(row[column]))))
  const [titles = [], ...rest] = cells.map(row => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)))
  const rule = titles.map(title => "-".repeat(title.length))
  return [titles, rule, ...rest].map(row => `| ${row.join(" | ")} |\n`).join("")
}

const widthOf = (cell = ""): number => cell.length

const cellsOf = ({ row, figure, unit, own, reference, bar, verdict }: Line): readonly string[] => [
  `${row}: ${figure}, ${unit}`,
  `${reference.name}: ${figured(reference.median)}`,
  ...[own.median, own.min, own.max].map(figured),
  figured(reference.ratio),
  barWords(bar),
  verdict,
]

const cellsAgainst = ({ against }: Line): readonly string[] =>
  against === null ? ["–", "–"] : [figured(against.median), figured(against.ratio)]

const barWords = (bar: Bar | null): string =>
  bar === null
    ? "–"
    : `${bar.is} ${bar.of === "above" ? "+" : ""}${bar.limit}${bar.of === "ratio" ? "×" : ""}`

/** Three digits that mean something; a ratio to nothing says nothing. */
export function figured(value: number): string {
  if (!Number.isFinite(value)) return "–"
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)
}
