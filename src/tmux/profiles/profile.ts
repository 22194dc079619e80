import type { ProfileName } from "../program.ts"
import { compact, type Line, type Run } from "../screen.ts"
import type { Snapshot } from "../snapshot.ts"

/** Whether a pane can be typed into now. Only `ready` is; `busy` where its program queues and the owner wants it. */
export type PaneState = "ready" | "busy" | "dialog" | "draft" | "shell" | "copy-mode" | "other" | "absent"

/** What a profile makes of one look: a state, why (for people), and what stands in the box where there is one. */
export type Reading = {
  readonly state: PaneState
  readonly reason: string
  /** The composer's text as the screen shows it, "" when empty, null when no composer is to be seen. */
  readonly box: string | null
}

/** What Sentō knows of one program: data, and pure functions over one snapshot. */
export type Profile = {
  readonly name: ProfileName
  /** Pause between seeing the text and pressing; with less, Gemini CLI takes the return as part of the paste. */
  readonly settleMilliseconds: number
  /** The key that queues a text while the program is busy, or null when none does so safely. */
  readonly queueKey: "\r" | "\t" | null
  /** How the box shows a long paste, alone. */
  readonly collapsed: RegExp | null
  /** False where the box cannot be told from what stands before it: then only its end is compared. */
  readonly exactBox: boolean
  readonly read: (snapshot: Snapshot) => Reading
  /** The text as this program must be given it. */
  readonly adapt: (text: string) => string
}

export function reading(state: PaneState, reason: string, box: string | null): Reading {
  return { state, reason, box }
}

/** A final `@word` opens a completion that eats the return (OpenCode 1.18.33, Codex 0.169.0): end it. */
export function endCompletion(text: string): string {
  return /(^|[^\p{L}\p{N}_])[@/#$]\S*$/u.test(text) ? `${text} ` : text
}

/** The state of a composer that was found: its words are a draft unless Sentō put them there. */
export function composerState(box: string, isBusy: boolean): Reading {
  if (isBusy) return reading("busy", "the program is working", box)
  return box === ""
    ? reading("ready", "", box)
    : reading("draft", "there is a half-written text in the box", box)
}

/** The last line that a pattern matches, or -1. */
export function lastLine(lines: readonly Line[], pattern: RegExp, before = lines.length): number {
  for (let index = before - 1; index >= 0; index--) if (pattern.test(lines[index]?.text ?? "")) return index
  return -1
}

/**
 * A box's words, or "" when they are a placeholder: every visible run faint, but for the one cell in
 * reverse that is the cursor drawn over its first letter.
 */
export function boxText(lines: readonly Line[], prefix: RegExp, isFaint: (run: Run) => boolean): string {
  const first = lines[0]
  if (first === undefined) return ""
  const text = [first.text.replace(prefix, ""), ...lines.slice(1).map(line => line.text)].join("\n")
  const runs = afterPrefix(first, prefix).concat(lines.slice(1).flatMap(line => line.runs))
  const words = runs.filter(
    run => run.text.trim() !== "" && !(run.reverse && [...run.text.trim()].length === 1),
  )
  const isPlaceholder = words.length > 0 && words.every(isFaint)
  return isPlaceholder || text.trim() === "" ? "" : text.trim()
}

function afterPrefix(line: Line, prefix: RegExp): Run[] {
  let skip = prefix.exec(line.runs.map(run => run.text).join(""))?.[0].length ?? 0
  return line.runs.flatMap(run => {
    const text = run.text.slice(skip)
    skip = Math.max(0, skip - run.text.length)
    return text === "" ? [] : [{ ...run, text }]
  })
}

/** What the box holds with regard to the text that was pasted: nothing, it alone, or something else. */
export type BoxContent = "empty" | "ours" | "foreign" | "hidden"

/**
 * Compares the box with the pasted text. A long text may have scrolled out at the top of its box or stand
 * there collapsed; anything that is not the end of the text is a person's.
 */
export function boxContent(profile: Profile, box: string | null, text: string): BoxContent {
  if (box === null) return "hidden"
  if (box === "") return "empty"
  if (profile.collapsed?.test(box.trim()) === true) return "ours"
  const shown = compact(box)
  const whole = compact(text)
  if (profile.exactBox && withStrays(text)?.test(shown) === true) return "ours"
  if (!profile.exactBox) return shown.endsWith(whole.slice(-shortestTail)) ? "ours" : "foreign"
  return shown.length >= Math.min(whole.length, shortestTail) && whole.endsWith(shown) ? "ours" : "foreign"
}

/**
 * The whole text with a few strange cells behind each joined emoji but the last word, or null without any.
 * Programs and tmux disagree on their width: over OpenCode 1.18.33's placeholder a letter of that stayed
 * visible behind `👩‍👩‍👧‍👦`, and the message was held as a person's draft (tmux 3.3a).
 */
function withStrays(text: string): RegExp | null {
  if (!joined.test(text)) return null
  const pieces = text.split(emoji).map(piece => RegExp.escape(compact(piece)))
  return pieces.at(-1) === "" ? null : new RegExp(`^${pieces.join(".{0,4}")}$`, "su")
}

const joined = /\p{Extended_Pictographic}\p{Emoji_Modifier}|\u200d|\ufe0f|\p{Regional_Indicator}{2}/u
const emoji = /(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\p{Regional_Indicator}|\u200d|\ufe0f)+/u

/** Fewer characters could be the end of anything. */
const shortestTail = 20
