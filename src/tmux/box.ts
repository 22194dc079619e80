import { type Box, isEmptyBox } from "./box-reading.ts"
import type { Profile } from "./profile.ts"

/** The box of an agent program against the text that was pasted into it. */

/**
 * What the box holds with regard to the text: nothing, it alone, it with something else, or something else alone;
 * hidden where none is seen.
 */
export type BoxContent = "empty" | "ours" | "joined" | "foreign" | "hidden"

/**
 * Compares what the box shows with the pasted text. Of a long text the box may show the end alone, or a label with
 * its length; whatever it shows beside that is a person's.
 */
export function boxContent(profile: Profile, box: Box | null, text: string): BoxContent {
  if (box === null) return "hidden"
  if (isEmptyBox(box)) return "empty"
  const label = collapsedLabel(profile, box.text, text)
  const shape = profile.exactBox ? (box.isCut ? "end" : "whole or end") : "behind others"
  if (label === "alone" || compareEnds(box.text, text, shape).isOurs) return "ours"
  if (!profile.exactBox) return "foreign"
  const isThere =
    label !== null || shows(box.text, headOf(text)) || shows(box.text, text.slice(-tailCharacters))
  return isThere ? "joined" : "foreign"
}

/** By what a text is known again: its tag with the short id, or the beginning of one without. */
export const headOf = (text: string): string =>
  /^← agent .{0,64}?\[\w+\]/.exec(text)?.[0] ?? text.slice(0, headCharacters)

const headCharacters = 48
const tailCharacters = 24

/** Whether the words are on the screen, wherever its lines wrap. */
export const shows = (screen: string, words: string): boolean =>
  signs(screen).join("").includes(signs(words).join(""))

/**
 * The program's label for a collapsed paste: alone in the box, among other words, or not there. With a text, one of
 * its length: of its line breaks or lines (±1, programs count differently), or of its characters.
 */
export function collapsedLabel(
  profile: Profile,
  box: string,
  text: string | null,
): "alone" | "among others" | null {
  const words = box.replace(/\s+/g, " ").trim()
  const label = profile.collapsed?.exec(words)
  if (label === null || label === undefined) return null
  if (text !== null && !isOfLength(label.groups ?? {}, text)) return null
  return label[0].length === words.length ? "alone" : "among others"
}

function isOfLength({ lines, characters }: Partial<Record<string, string>>, text: string): boolean {
  if (lines !== undefined && Math.abs(Number(lines) - text.split("\n").length) > 1) return false
  return characters === undefined || [text.length, [...text].length].includes(Number(characters))
}

/**
 * Whether the end of what is shown is the end of the text, and nothing else is shown.
 * @param shape - what is known to be shown: the end of a text that is cut; the whole of it, or so much of its end that
 *   it can be nothing else; or either behind other words (a terminal's prompt)
 * @returns also how many steps it took: at most one for each code point of the two, whatever they are
 */
export function compareEnds(
  shown: string,
  text: string,
  shape: "end" | "whole or end" | "behind others",
): { readonly isOurs: boolean; readonly steps: number } {
  const seen = signs(shown)
  const whole = cells(text)
  const leftOut = new Set<string>()
  const isExact = shape !== "behind others"
  const enough = shape === "end" ? 1 : shortestTail
  let at = whole.length - 1
  let matched = 0
  let steps = 0
  for (let last = seen.length - 1; last >= 0; steps++) {
    if (!isExact && matched >= enough) return { isOurs: true, steps }
    const cell = whole[at]
    if (cell === undefined) return { isOurs: !isExact, steps }
    const { sign, isSure, isHeaped } = cell
    if (seen[last] === sign) {
      // A terminal shows a letter always or never.
      if (leftOut.has(sign)) return { isOurs: false, steps }
      last--
      matched++
    } else if (isSure) return { isOurs: false, steps }
    else if (!isHeaped && letter.test(sign)) leftOut.add(sign)
    at--
  }
  // Of an end of which a terminal may show nothing, nothing may be shown.
  const unseen = whole.slice(shape === "end" ? Math.max(0, at + 1 - shortestTail) : 0, at + 1)
  const isUnseen = !unseen.some(({ isSure }) => isSure)
  return { isOurs: isUnseen || matched >= enough, steps: steps + unseen.length }
}

const letter = /[\p{L}\p{N}]/u

/** Fewer characters could be the end of anything. */
const shortestTail = 20

/** The code points of a text in the order of a screen, as {@link cells}. */
export const signs = (text: string): string[] => cells(text).map(({ sign }) => sign)

/** One cell of a screen, or two: a code point without its marks. */
type Cell = {
  readonly sign: string
  /** Whether every terminal shows it. */
  readonly isSure: boolean
  /** Whether it has so many marks that it may be missing with them. */
  readonly isHeaped: boolean
}

/**
 * Without what has no cell of its own: blanks (lines wrap and are indented), marks, joiners. A letter under many marks
 * may be missing with them: tmux 3.3a drops a cell of more than 21 bytes.
 */
function cells(text: string): Cell[] {
  // Blanks first: a row may end within a syllable that is composed of letters (U+1100, U+1161).
  const shown = withoutHeaps(text)
    .replace(/[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, "")
    .normalize("NFC")
  return [...shown.matchAll(/([^\p{M}\u0e33\u0eb3])([\p{M}\u0e33\u0eb3]*)/gu)].map(
    ([, letter = "", marks = ""]) => {
      const sign = /[\uac00-\ud7a3]/u.test(letter) ? letter : letter.normalize("NFD").replace(/\p{M}/gu, "")
      const isHeaped = marks.length >= manyMarks
      return { sign, isSure: !isHeaped && surelyShown.test(sign), isHeaped }
    },
  )
}

/** Thousands of marks on one letter would be put in order one by one. */
const withoutHeaps = (text: string): string => text.replace(/(\p{M}{30})\p{M}+/gu, "$1")

/** From so many on a cell may have more than 21 bytes. The Thai and the Lao am are drawn as marks (U+0E33, U+0EB3). */
const manyMarks = 5

/**
 * What every terminal shows as it is. Anything else may be missing from a screen: tmux 3.3a leaves out what its libc
 * does not know, such as U+20C1 (772,413 of the 1,106,603 code points that a message may have), cuts a cell after
 * 21 bytes, and measures emoji otherwise than the programs do. What of it is shown has to be the text's all the same.
 */
const surelyShown =
  /[!-~¡-¨ª-¬¯-\u02ff\u0370-\u0377\u0391-\u03a1\u03a3-\u03ff\u0400-\u0482\u048a-\u052f\u05d0-\u05ea\u0621-\u064a\u0e01-\u0e30\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fa5\uac00-\ud7a3]/u
