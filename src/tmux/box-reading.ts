/** The box into which a program takes words, as a screen shows it: what a profile reads it with. */
import type { Line, Run } from "./screen.ts"

/** Whether a pane can be typed into now. Only `ready` is; `busy` where its program queues and the owner wants it. */
export type PaneState = "ready" | "busy" | "dialog" | "draft" | "shell" | "copy-mode" | "other" | "absent"

/** What a profile makes of one look: a state, why (for people), and what stands in the box where there is one. */
export type Reading = {
  readonly state: PaneState
  readonly reason: string
  /** Null when no composer is to be seen. */
  readonly box: Box | null
}

/** What a composer shows. */
export type Box = {
  /** As the screen shows it, without placeholders; "" also where a terminal shows nothing of what is there. */
  readonly text: string
  readonly rows: number
  /** Whether the text is higher than the box, so that only its end is to be seen. */
  readonly isCut: boolean
}

/** Of a box without a sign, several rows say that there is something: line breaks, or what no terminal shows. */
export const isEmptyBox = ({ text, rows }: Box): boolean => text === "" && rows <= 1

export const emptyBox: Box = { text: "", rows: 1, isCut: false }

export function reading(state: PaneState, reason: string, box: Box | null): Reading {
  return { state, reason, box }
}

/** Neither its box is to be seen nor a dialog that is known. @param label - what people call the program */
export const noBox = (label: string): Reading =>
  reading("other", `${label} shows no box to type into; it may be asking something`, null)

/**
 * The text and a space: at its end many things change what return does, and a space ends them all. `@word` opens a
 * completion (OpenCode 1.18.33, Codex 0.169.0), `:word` one of emoji and `\` makes a line break (Claude Code 2.1.332;
 * `\` in Gemini CLI 0.61.0, too). Blanks at the end are trimmed by all but OpenCode.
 */
export const withFinalSpace = (text: string): string => `${text} `

/** The state of a composer that was found: its words are a draft unless Sentō put them there. */
export function composerState(box: Box, isBusy: boolean): Reading {
  if (isBusy) return reading("busy", "the program is working", box)
  return isEmptyBox(box)
    ? reading("ready", "", box)
    : reading("draft", "there is a half-written text in the box", box)
}

/** The last line that a pattern matches, or -1. */
export function lastLine(lines: readonly Line[], pattern: RegExp, before = lines.length): number {
  for (let index = before - 1; index >= 0; index--) if (pattern.test(lines[index]?.text ?? "")) return index
  return -1
}

/**
 * A box's words without what is faint: placeholders, and suggestions behind the words. Of a box in which all else is
 * faint, one cell in reverse is the cursor, drawn over the placeholder's first letter. (Over OpenCode 1.18.33's
 * placeholder letters of it stay visible behind `👩‍👩‍👧‍👦`, which is as wide for it as for tmux 3.3a it is not.)
 */
export function boxText(
  lines: readonly Pick<Line, "runs">[],
  prefix: RegExp,
  isFaint: (run: Run) => boolean,
): string {
  const rows = lines.map((line, index) => (index === 0 ? afterPrefix(line, prefix) : line.runs))
  const words = rows.flat().filter(run => run.text.trim() !== "")
  const isPlaceholder = words.some(isFaint) && words.every(run => isFaint(run) || isCursor(run))
  if (isPlaceholder) return ""
  const shown = (run: Run): string => (isFaint(run) ? run.text.replace(/\S/gu, " ") : run.text)
  return rows
    .map(runs => runs.map(shown).join("").trimEnd())
    .join("\n")
    .trim()
}

const isCursor = (run: Run): boolean => run.reverse && [...run.text.trim()].length === 1

function afterPrefix({ runs }: Pick<Line, "runs">, prefix: RegExp): readonly Run[] {
  let skip = prefix.exec(runs.map(run => run.text).join(""))?.[0].length ?? 0
  return runs.map(run => {
    const text = run.text.slice(skip)
    skip = Math.max(0, skip - run.text.length)
    return { ...run, text }
  })
}
