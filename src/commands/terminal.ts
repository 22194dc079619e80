/** What people and programs see: lines, tables, style. stdout carries data, stderr all the rest. */
import { styleText } from "node:util"
import { visibleJson } from "../protocol/layout.ts"
import { agentVariable } from "../tmux/agent-programs.ts"
import type { Io } from "./io.ts"

/** Writes a line for a person, in lines of the terminal where it goes to one. */
export function tell({ err, sizeOf }: Io, line = ""): void {
  const { columns } = sizeOf("stderr")
  err(`${Number.isFinite(columns) ? wrap(line, columns, "", false).join("\n") : line}\n`)
}

/** Writes a line of data. */
export const print = ({ out }: Io, line: string): void => out(`${line}\n`)

/** Writes a line of data whose first so many characters name it: in a terminal the rest stands behind them. */
export function printBehind(io: Io, line: string, characters: number): void {
  const { columns } = io.sizeOf("stdout")
  const [first = "", ...others] = wrap(" ".repeat(characters) + line.slice(characters), columns, "", false)
  print(io, line.slice(0, characters) + first.slice(characters))
  for (const one of others) print(io, one)
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

/**
 * Lines of at most so many columns, in which words stay whole where there is room, each behind `indent` and behind the
 * white space with which its line of the text begins.
 * @param text - with styles of ours at the most: what came from others is cleaned before
 * @param isHard - whether a word that fits into no line is broken; a terminal does so itself, and it can be copied whole
 */
export function wrap(text: string, columns: number, indent = "", isHard = true): string[] {
  const room = Math.max(columns - Bun.stringWidth(indent), leastRoom)
  return text
    .split("\n")
    .flatMap(line => wrapLine(line, room, isHard))
    .map(line => (line === "" ? "" : indent + line))
}

function wrapLine(line: string, room: number, hard: boolean): string[] {
  if (!Number.isFinite(room)) return [line]
  const leading = line.slice(0, line.length - line.trimStart().length).slice(0, room - leastRoom)
  const wrapped = Bun.wrapAnsi(heldTogether(line.trim()), room - leading.length, { hard, trim: true })
  const lines = wrapped.split("\n").map(one => (one === "" ? "" : leading + one.trimEnd()))
  return line.includes(noBreak) ? lines : lines.map(one => one.replaceAll(noBreak, " "))
}

const noBreak = "\u00a0"

/** A command in backticks stays in one line where it fits into one: it is to be copied. */
const heldTogether = (line: string): string =>
  line.includes(noBreak) ? line : line.replace(/`[^`]*`/g, command => command.replaceAll(" ", noBreak))

/** A terminal that is narrower than any word is not helped by breaking each of them. */
const leastRoom = 12

/** As much of a line as fits into so many columns. Bun 1.4.5 takes a wide sign whole that begins in the last one. */
export function clip(text: string, columns: number): string {
  if (Bun.stringWidth(text) <= columns) return text
  const cut = Bun.sliceAnsi(text, 0, columns)
  return Bun.stringWidth(cut) <= columns ? cut : Bun.sliceAnsi(text, 0, columns - 1)
}

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
