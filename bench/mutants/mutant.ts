/** One small change of a source file, that some test should notice. */
export type Change = {
  /** Offsets in the file's text. */
  readonly start: number
  readonly end: number
  readonly replacement: string
}

export type Mutant = Change & {
  /** From the root of the repository. */
  readonly file: string
  /** Counted from 1. */
  readonly line: number
  /** What stood there, in one line. */
  readonly was: string
}

export const mutantOf = (file: string, text: string, { start, end, replacement }: Change): Mutant => ({
  ...{ file, start, end, replacement },
  line: text.slice(0, start).split("\n").length,
  was: inOneLine(text.slice(start, end)),
})

/** Whether it takes a statement or a call away; all others change a condition, some SQL or a constant. */
export const isRemoval = ({ replacement, was }: Mutant): boolean =>
  replacement === "{}" || (replacement === "" && was.startsWith("."))

export const inOneLine = (text: string): string => text.replace(/\s+/g, " ").trim()

export const applied = (text: string, { start, end, replacement }: Change): string =>
  text.slice(0, start) + replacement + text.slice(end)

const longest = 60
const shortened = (text: string): string => (text.length > longest ? `${text.slice(0, longest - 1)}…` : text)

/** As `a < b → a <= b`, for a person. */
export const changeWords = ({ was, replacement }: Mutant): string =>
  `${shortened(was)} → ${shortened(inOneLine(replacement)) || "nothing"}`
