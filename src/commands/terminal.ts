/** What people see: prompts, tables, colour. stdout carries data, stderr all the rest. */
import { styleText } from "node:util"
import { SentoError } from "../protocol/errors.ts"
import { visibleJson } from "../protocol/layout.ts"
import { agentVariable } from "../tmux/agent-programs.ts"

/** Writes a line for a person. */
export const tell = (line = ""): void => {
  process.stderr.write(`${line}\n`)
}

/** Writes a line of data. */
export const print = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

export const printJson = (value: unknown): void => print(visibleJson(value))

/** Whether somebody sits there who can be asked: two terminals, no `--json`, no agent's environment. */
export function isPerson(isJson: boolean): boolean {
  const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value}`)
  return !isJson && process.stdin.isTTY && process.stderr.isTTY && agentVariable(environment) === null
}

/** Styles for stderr; plain where it is no terminal, `NO_COLOR` is set or TERM is dumb. */
const isStyled = process.stderr.isTTY && !process.env.NO_COLOR && process.env.TERM !== "dumb"
const style = (format: "bold" | "dim", text: string): string =>
  isStyled ? styleText(format, text, { validateStream: false }) : text
export const bold = (text: string): string => style("bold", text)
export const dim = (text: string): string => style("dim", text)

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

/** So long nothing must be typed before a question appears that was not asked for. */
const quietMilliseconds = 700
/** Ctrl-C, where the terminal passes it on as it is. */
const interruptByte = 3

/**
 * Drops what is typed until nothing was for a while: somebody who writes to the agent when the question appears
 * must not answer it by accident.
 * @throws interrupted on Ctrl-C
 */
export async function untilQuiet(): Promise<void> {
  const { stdin } = process
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let timer = setTimeout(resolve, quietMilliseconds)
  const restart = (typed: Buffer): void => {
    if (typed.includes(interruptByte)) reject(new SentoError("interrupted", "not answered"))
    clearTimeout(timer)
    timer = setTimeout(resolve, quietMilliseconds)
  }
  stdin.setRawMode(true)
  stdin.on("data", restart)
  stdin.resume()
  await promise.finally(() => {
    clearTimeout(timer)
    stdin.off("data", restart)
    stdin.pause()
    stdin.setRawMode(false)
  })
}

/**
 * Asks for one line.
 * @param check - what is wrong with an answer, or undefined
 * @returns the answer; null where it was withdrawn by `signal`
 * @throws interrupted on Ctrl-C or Esc: unanswered is not no
 */
export async function ask(
  message: string,
  options: {
    readonly initial?: string
    readonly check?: (answer: string) => string | undefined
    readonly signal?: AbortSignal
  },
): Promise<string | null> {
  const { text, isCancel } = await import("@clack/prompts")
  const { initial, check, signal } = options
  const answer = await text({
    message,
    output: process.stderr,
    ...(initial === undefined ? {} : { initialValue: initial }),
    ...(signal === undefined ? {} : { signal }),
    validate: value => check?.(value?.trim() ?? ""),
  })
  if (!isCancel(answer)) return answer.trim()
  if (signal?.aborted) return null
  throw new SentoError("interrupted", "not answered")
}

/** Asks for one line that is not shown. @throws interrupted, also where it was withdrawn by `signal` */
export async function askSecret(message: string, signal: AbortSignal | null = null): Promise<string> {
  const { password, isCancel } = await import("@clack/prompts")
  const withdrawal = signal === null ? {} : { signal }
  const answer = await password({ message, output: process.stderr, ...withdrawal })
  if (isCancel(answer)) throw new SentoError("interrupted", "not answered")
  return answer ?? ""
}

/** Lets a person pick one of several. @throws interrupted */
export async function choose<Value extends string>(
  message: string,
  options: readonly { readonly value: Value; readonly label: string }[],
): Promise<Value> {
  const { select, isCancel } = await import("@clack/prompts")
  const answer = await select<string>({ message, options: [...options], output: process.stderr })
  if (isCancel(answer)) throw new SentoError("interrupted", "not answered")
  return answer as Value
}
