/** What became of the mutants, as tables for Markdown. */
import { intervalOf } from "./drawing.ts"
import type { Explanation } from "./explained.ts"
import { changeWords, isRemoval } from "./mutant.ts"
import type { Outcome, Tried } from "./trying.ts"

const outcomes: readonly Outcome[] = ["killed", "timeout", "survived", "untested", "explained"]

/** @param isDraw - so that the share of all is known within an interval alone */
export function reportOf(tried: readonly Tried[], stale: readonly Explanation[], isDraw: boolean): string {
  const files = [...new Set(tried.map(one => one.file))]
  const rows = [
    ["file", "mutants", ...outcomes, "died"],
    ...files.map(file =>
      rowOf(
        file,
        tried.filter(one => one.file === file),
      ),
    ),
    rowOf("all", tried),
  ]
  return [
    tableOf(rows),
    `\n${wordsOf(
      "conditions, SQL and constants",
      tried.filter(one => !isRemoval(one)),
      isDraw,
    )}\n`,
    ...(isDraw ? [`${wordsOf("all of them", tried, isDraw)}\n`] : []),
    ...survivorsOf(tried),
    ...stale.map(one => `no longer needed: ${one.file}: ${one.line}\n`),
  ].join("")
}

function rowOf(name: string, tried: readonly Tried[]): readonly string[] {
  const counts = outcomes.map(outcome => tried.filter(one => one.outcome === outcome).length)
  return [name, String(tried.length), ...counts.map(String), shareOf(tried)]
}

function shareOf(tried: readonly Tried[]): string {
  const { died, count } = countsOf(tried)
  return count === 0 ? "–" : `${percent(died / count)} %`
}

function wordsOf(what: string, tried: readonly Tried[], isDraw: boolean): string {
  const { died, count } = countsOf(tried)
  if (count === 0) return `Of ${what} nothing is known: none was tried.`
  const [low, high] = intervalOf(died, count).map(percent)
  const interval = isDraw ? `, so that of all ${low} to ${high} % do (95 % interval)` : ""
  return `Of ${what}, ${died} of ${count} died: ${percent(died / count)} %${interval}.`
}

/** Of those that are not explained. */
function countsOf(tried: readonly Tried[]): { readonly died: number; readonly count: number } {
  const counted = tried.filter(one => one.outcome !== "explained")
  const died = counted.filter(one => one.outcome === "killed" || one.outcome === "timeout")
  return { died: died.length, count: counted.length }
}

const percent = (share: number): string => (100 * share).toFixed(1)

function survivorsOf(tried: readonly Tried[]): readonly string[] {
  const left = tried.filter(one => one.outcome === "survived" || one.outcome === "untested")
  return left.length === 0
    ? []
    : [
        "\n",
        tableOf([["survived", "changed"], ...left.map(one => [`${one.file}:${one.line}`, changeWords(one)])]),
      ]
}

function tableOf([titles = [], ...rest]: readonly (readonly string[])[]): string {
  const widths = titles.map((_, column) =>
    Math.max(...[titles, ...rest].map(row => (row[column] ?? "").length)),
  )
  const lineOf = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.replaceAll("|", "\\|").padEnd(widths[column] ?? 0)).join(" | ")} |\n`
  return [titles, widths.map(width => "-".repeat(width)), ...rest].map(lineOf).join("")
}
