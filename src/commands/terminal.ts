/** What people and programs see: lines, tables, style. stdout carries data, stderr all the rest. */
import { styleText } from "node:util"
import { visibleJson } from "../protocol/layout.ts"
import { agentVariable } from "../tmux/agent-programs.ts"
import type { Io } from "./io.ts"
import { hang, leadingOf } from "./rows.ts"

/** Writes a line for a person, in rows of the terminal where it goes to one: what goes on is indented, it may be a peer's. */
export function tell({ err, sizeOf }: Io, line = ""): void {
  err(`${toldRows(line, sizeOf("stderr").columns).join("\n")}\n`)
}

/** The rows of a line that is told. */
export const toldRows = (text: string, columns: number): string[] =>
  text.split("\n").flatMap(line => hang(line, columns, `${leadingOf(line)}  `, false))

/** Writes a line of data. */
export const print = ({ out }: Io, line: string): void => out(`${line}\n`)

/** Writes a line of data whose first so many characters name it: in a terminal the rest stands behind them. */
export function printBehind(io: Io, line: string, characters: number): void {
  for (const row of hang(line, io.sizeOf("stdout").columns, " ".repeat(characters), false)) print(io, row)
}

/**
 * Writes rows that are broken for the terminal. It is told to break none (DECAWM), should it draw a sign wider than
 * any that we know of, and told so no more at the end of each row, in the same write: so it is given back whenever this
 * ends, and what a terminal does not know of these it skips.
 */
export function printRows(io: Io, rows: readonly string[]): void {
  const isTold = io.isTerminal.stdout && io.environment.TERM !== "dumb"
  for (const row of rows) print(io, isTold ? `\u001b[?7l${row}\u001b[?7h` : row)
}

/** Writes a value as a line of data. */
export const printJson = (io: Io, value: unknown): void => print(io, visibleJson(value))

/** Whether somebody sits there who can be asked: two terminals, no `--json`, no agent's environment. */
export function isPerson({ isTerminal, environment }: Io, isJson: boolean): boolean {
  if (isJson || !isTerminal.stdin || !isTerminal.stderr) return false
  return agentVariable(Object.entries(environment).map(([name, value]) => `${name}=${value}`)) === null
}

/** The styles that are used: of the 16 colours, so that they are those of whoever looks. */
export type Format = "bold" | "dim" | "cyan" | "green" | "yellow" | "red" | "inverse"

/** Colours and weights for a text. */
export type Paint = (format: Format, text: string) => string

/** Plain where the stream is no terminal, `NO_COLOR` is set or TERM is dumb. */
export function paintFor({ isTerminal, environment }: Io, stream: "stdout" | "stderr"): Paint {
  const isStyled = isTerminal[stream] && !environment.NO_COLOR && environment.TERM !== "dumb"
  return isStyled ? (format, text) => styleText(format, text, { validateStream: false }) : plain
}

export const plain: Paint = (_, text) => text

export const bold = (io: Io, text: string): string => paintFor(io, "stderr")("bold", text)
export const dim = (io: Io, text: string): string => paintFor(io, "stderr")("dim", text)

/** Rows of text in columns as wide as their widest cell, two spaces between. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, i) => Math.max(widest[i] ?? 0, Bun.stringWidth(cell))),
    [],
  )
  const pad = (cell: string, i: number): string => cell + " ".repeat((widths[i] ?? 0) - Bun.stringWidth(cell))
  return rows.map(row => row.map(pad).join("  ").trimEnd()).join("\n")
}

/** `5 minutes ago`, or `never`. @param now - milliseconds since the epoch */
export function ago(timestamp: string | null, now: number): string {
  if (timestamp === null) return "never"
  const seconds = Math.max(0, Math.round((now - Date.parse(timestamp)) / 1000))
  const [unit, size] = (
    [
      ["day", 86_400],
      ["hour", 3600],
      ["minute", 60],
    ] as const
  ).find(([, size]) => seconds >= size) ?? ["second", 1]
  const count = Math.floor(seconds / size)
  return `${count} ${unit}${count === 1 ? "" : "s"} ago`
}
