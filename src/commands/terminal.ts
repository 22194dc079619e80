/** What people and programs see: lines, tables, style. stdout carries data, stderr all the rest. */
import { styleText } from "node:util"
import { visibleJson } from "../protocol/layout.ts"
import { agentVariable } from "../tmux/agent-programs.ts"
import type { Io } from "./io.ts"

/** Writes a line for a person. */
export const tell = ({ err }: Io, line = ""): void => err(`${line}\n`)

/** Writes a line of data. */
export const print = ({ out }: Io, line: string): void => out(`${line}\n`)

/** Writes a value as a line of data. */
export const printJson = (io: Io, value: unknown): void => print(io, visibleJson(value))

/** Whether somebody sits there who can be asked: two terminals, no `--json`, no agent's environment. */
export function isPerson({ isTerminal, environment }: Io, isJson: boolean): boolean {
  if (isJson || !isTerminal.stdin || !isTerminal.stderr) return false
  return agentVariable(Object.entries(environment).map(([name, value]) => `${name}=${value}`)) === null
}

/** Styles for stderr; plain where it is no terminal, `NO_COLOR` is set or TERM is dumb. */
function style(format: "bold" | "dim", { isTerminal, environment }: Io, text: string): string {
  const isStyled = isTerminal.stderr && !environment.NO_COLOR && environment.TERM !== "dumb"
  return isStyled ? styleText(format, text, { validateStream: false }) : text
}
export const bold = (io: Io, text: string): string => style("bold", io, text)
export const dim = (io: Io, text: string): string => style("dim", io, text)

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
