import {
  boxText,
  composerState,
  emptyBox,
  lastLine,
  noBox,
  type Reading,
  reading,
  withFinalSpace,
} from "../box-reading.ts"
import type { AgentProgram } from "../profile.ts"
import type { Line, Screen } from "../screen.ts"

/** OpenCode 1.18.33: a block of `┃` lines closed by `╹▀▀▀`; its last line names the model. */
export const opencode: AgentProgram<"opencode"> = {
  name: "opencode",
  settleMilliseconds: 100,
  // It reads its box two timers after the return, and at a session's first prompt when that session is made; 50 ms later
  // it swaps its screen, and a letter that came meanwhile may be lost (1.18.33).
  keysKept: snapshot => (isFirstScreen(snapshot) ? 250 : 0),
  // It queues at a return, too, but shows its dialogs late: 5 of 20 returns near one approved it (1.18.33, load 11).
  queueKey: null,
  // Of two lines Ctrl-U goes to the beginning of the first, and Ctrl-K takes what is behind it.
  takeOutKeys: { kill: "\x15", erase: "\x0b" },
  collapsed: /\[Pasted ~(?<lines>\d+) lines\]/,
  exactBox: true,
  read,
  lacksRoom,
  adapt: text => withFinalSpace(text.replace(numberSigns, "\ufffd").replace(betweenLetters, noWidthSpace)),
  paths: [/(?:^|\/)opencode-ai\/(?:bin\/)?opencode\.[cm]?[jt]s$/],
  variables: /^OPENCODE$/,
  // From its documentation and `--help`; by default it asks for little, which nobody sees from outside.
  unasked: { options: ["--auto"], modeIn: null },
}

/** Signs drawn around others (Prepended_Concatenation_Mark), which stay drawn in its box (1.18.33, tmux 3.3a). */
const numberSigns = /[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]/gu

/**
 * Letters of Hangul of which tmux shows each, and it any number as one sign of two cells: those of a syllable's beginning,
 * and the old ones behind it. They run over the right edge and over what stands in the rows below, and stay drawn in the
 * box that was emptied (1.18.33, tmux 3.3a). A space of no width parts them.
 */
const betweenLetters =
  /(?<=[\u1100-\u115f\ua960-\ua97c])(?=[\u1100-\u115f\ua960-\ua97c])|(?<=[\u1100-\u11ff\ua960-\ua97c\uac00-\ud7fb])(?=[\ud7b0-\ud7fb])/g
const noWidthSpace = "\u200b"

/**
 * The rows without what stands in them twice: a sign of two cells at the right edge is drawn at the end of its row, and
 * in the first cell of the next again, whole or in part (1.18.33). There the next sign wipes out the half of it, and with
 * that the whole, but not one that has a single cell for tmux (🖥), and not always one that is joined (🇯🇵).
 */
function withoutTwins(text: string, columns: number): string {
  const rows = text.split("\n")
  return rows.map((row, index) => row.slice(twinOf(rows[index - 1] ?? "", row, columns))).join("\n")
}

/** How much of a row repeats the sign at the end of the one above, in code units. */
function twinOf(above: string, row: string, columns: number): number {
  const words = above.replace(indent, "")
  if (cellsOf(words) < columns - 1) return 0
  const sign = [...graphemesOf(words.slice(-longestSign))].at(-1)?.segment ?? ""
  if (!maybeWide.test(sign) && !(isJoined.test(sign) && cellsOf(sign) > 1)) return 0
  const begin = indent.exec(row)?.[0].length ?? 0
  const length = begin + repeated(sign, row.slice(begin))
  // One that has the cell behind it, too, is a syllable of its own (U+1100, U+1161).
  return syllable.test(sign) && blankAt(row, length) ? 0 : length
}

/** How much of the beginning of a row is made of a sign's code points in their order, in code units. */
function repeated(sign: string, row: string): number {
  if (blankAt(row, 0)) return 0
  let rest = sign
  let length = 0
  let at = 0
  for (const part of row) {
    at += part.length
    if (cellless.test(part)) continue
    if (!rest.includes(part)) break
    rest = rest.slice(rest.indexOf(part) + part.length)
    length = at
  }
  return length
}

const blankAt = (row: string, at: number): boolean => (row[at] ?? " ") === " "

/** tmux 3.3a keeps 21 bytes of a cell. */
const longestSign = 21
/** Made where it is needed: that takes longer than a command's start does otherwise. */
let segmenter: Intl.Segmenter | null = null
function graphemesOf(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter("und", { granularity: "grapheme" })
  return segmenter.segment(text)
}
const indent = /^ {0,2}/
const cellless = /[\s\p{M}\p{Cf}]/u
/** Of two cells for it, of one for tmux 3.3a; not letters. */
const maybeWide = /^[\p{So}\u{1d360}-\u{1d378}]/u
/** Of several code points. */
const isJoined = /^../u
const syllable = /^\p{Script=Hangul}/u

/**
 * Letters of a syllable's end on a blank: they have no cell in tmux 3.3a, stay drawn beside the first cell of a row, and would
 * stand in the rows of every text that comes after (1.18.33).
 */
const strays = /(?<=^|\s)[\u1160-\u11ff\ud7b0-\ud7fb]+/gu

/** What stands above the box until the first prompt. */
const logo = /█▀▀█ █▀▀█/

const dialog = /△ |Permission required|enter (confirm|submit)|⇆ (select|tab)/

/**
 * A dialog stands where the box was, and with its words under any box that a text may draw: words above the
 * last box, or in it, are those of a message, and hold nothing up.
 */
function read(snapshot: Screen): Reading {
  const { lines } = snapshot
  const box = findBox(lines)
  const below = lines.slice(lastLine(lines, boxEnd) + 1)
  if ((box === null ? lines : below).some(line => dialog.test(line.text)))
    return reading("dialog", "OpenCode waits for an answer", null)
  if (box === null && isFirstScreen(snapshot)) return reading("other", overdrawn, null)
  if (box === null) return noBox("OpenCode")
  if (shellMode.test(lines[lastLine(lines, boxEnd) - 1]?.text ?? ""))
    return reading("draft", "the box is in shell mode", null)
  const shownText = boxText(box, /^/, run => faint.test(run.colour ?? ""))
  const text = withoutTwins(shownText.replace(strays, ""), columnsOf(lines))
  // In a narrow pane it wraps (60 columns, and `What is the tech stack of this project?`).
  const words = box
    .map(line => line.text.trim())
    .join(" ")
    .trim()
  const isEmpty = placeholder.test(words) || isEmptied(snapshot, box.length)
  const rows = box.length - paddingRows
  const shown = { text, rows, isCut: rows >= Math.max(6, Math.floor(snapshot.height / 3)) }
  return composerState(
    isEmpty ? emptyBox : shown,
    below.some(line => working.test(line.text)),
  )
}

const overdrawn =
  "the pane is so low that OpenCode draws its footer over its box; it needs more rows, or a first prompt of yours"

const isFirstScreen = ({ lines }: Screen): boolean => lines.some(line => logo.test(line.text))

/**
 * Until the first prompt its box grows downwards, and the footer is drawn over it (1.18.33: at 40×10 over an empty one, at
 * 60×15 over five rows). Blank rows above and below it are the room that it has.
 */
function lacksRoom(snapshot: Screen, text: string): string | null {
  const { lines } = snapshot
  const bottom = lastLine(lines, boxEnd)
  if (!isFirstScreen(snapshot) || bottom < 0) return null
  const isBlank = (line: Line): boolean => line.text === ""
  const above = lines.findIndex(line => !isBlank(line))
  const below = lines
    .slice(
      bottom,
      lines.findLastIndex(line => !isBlank(line)),
    )
    .filter(isBlank).length
  const columns = columnsOf(lines)
  const rows = (findBox(lines)?.length ?? 0) - paddingRows
  return rowsOf(text, columns) - rows > above + below ? overdrawn : null
}

/** Cells that a row of its box has for words. */
const columnsOf = (lines: readonly Line[]): number =>
  (/▀+/.exec(lines[lastLine(lines, boxEnd)]?.text ?? "")?.[0].length ?? 0) - 4

/** At the most, as its words wrap; one for the label that it shows for 150 characters or three lines. */
function rowsOf(text: string, columns: number): number {
  const rows = text.split("\n").map(line => Bun.stringWidth(line))
  if (text.trim().length > 150 || rows.length > 2) return 1
  return rows.reduce((sum, width) => sum + (width <= columns ? 1 : Math.ceil(width / columns) + 1), 0)
}

/** A blank one above the text and one below it. */
const paddingRows = 2

/** Grey in 16 colours, and in a terminal of all colours; other themes have others, so the words count too. */
const faint = /^38;(5;8|2;(1[0-6]\d);\2;\2)$/
const placeholder = /^Ask anything…( "[^"]*")?$/
/**
 * What stands where the model's name stands else: return would run the text (1.18.33). Before the bar there may be signs
 * from the end of the row above.
 */
const shellMode = /^[^┃]*┃ +Shell\b/

/**
 * Of a box that was emptied, cells of which OpenCode and the terminal disagree may still be drawn far right (U+0600 to
 * U+0605; in the blank row above, too: U+09C0 to U+09CB; 1.18.33, tmux 3.3a). What a person writes begins at the first cell,
 * and has the cursor elsewhere.
 */
function isEmptied({ lines, cursor }: Screen, boxRows: number): boolean {
  const bottom = lastLine(lines, boxEnd)
  const first = (lines[bottom]?.text.indexOf("╹") ?? 0) + 3
  const isOnlyRow = boxRows === paddingRows + 1 && cursor.y === bottom - 3
  return isOnlyRow && cursor.x === first && isBlankAt(lines[cursor.y]?.text ?? "", first)
}

/**
 * Whether its first cells show nothing, whatever stands before its bar or over it. Marks of a sign that tmux does not show
 * are drawn on the blank before it, and stay there (U+1CF00 behind U+1CE80), as do the letters of a syllable's end (U+1161).
 */
function isBlankAt(row: string, first: number): boolean {
  const barred = row.replace(/[\p{M}\u1160-\u11ff\ud7b0-\ud7fb]/gu, "")
  const words = isOverdrawn(row)
    ? row.slice(startOf(row, first).length)
    : barred.slice(barred.indexOf("┃") + "┃  ".length)
  return /^(?: {8}| *$)/.test(words)
}

/** Its bar runs in squares, also where the words have no room: while it tries a request again (80 columns). */
const working = /esc (again to )?interrupt|[■⬝]/

const boxEnd = /^ *╹▀{3,}/
const boxEdge = /^ *╹▀*/
/** Before its bar there may be a sign that is wider for tmux than for OpenCode, from the end of the row above (U+0B4B). */
const boxRow = /^\S{0,2} *┃/u

/** A row over whose bar the end of the row above was drawn. */
const isOverdrawn = (row: string): boolean => /^\S/u.test(row) && !boxRow.test(row)

/**
 * Without the bars and the model's line; what stands on another ground is conversation, though its bar may touch. A row
 * between two of the box's may have lost its bar, never its ground.
 */
function findBox(lines: readonly Line[]): readonly Line[] | null {
  const bottom = lastLine(lines, boxEnd)
  const ground = groundOf(lines[bottom - 1])
  const isRow = (line: Line | undefined): boolean =>
    boxRow.test(line?.text ?? "") && groundOf(line) === ground
  const isLost = (line: Line | undefined): boolean =>
    ground !== null && isOverdrawn(line?.text ?? "") && line?.runs.some(run => run.ground === ground) === true
  let top = bottom
  for (
    let row = bottom - 1;
    row >= 0 && (isRow(lines[row]) || (row < bottom - 1 && isLost(lines[row])));
    row--
  )
    if (isRow(lines[row])) top = row
  if (bottom - top < 3) return null
  const columns = cellsOf(boxEdge.exec(lines[bottom]?.text ?? "")?.[0] ?? "")
  const grounds = new Set([pageOf(lines[bottom - 1])])
  for (const line of lines.slice(0, top)) if (barOf(line) >= 0) grounds.add(groundOf(line))
  grounds.delete(ground)
  return lines.slice(top, bottom - 1).map(line => withoutBar(withoutRemains(cutAt(line, columns), grounds)))
}

/**
 * Where tmux shows nothing of a sign (🫩), what stood there before the box grew stays drawn, on a ground of the conversation's:
 * the page's, or that of a person's messages. What a person writes stands on the ground of the box.
 */
function withoutRemains(line: Line, grounds: ReadonlySet<string | null>): Line {
  const bar = barOf(line)
  const runs = line.runs.map((run, index) =>
    index > bar && grounds.has(run.ground) ? { ...run, text: run.text.replace(/\S/gu, " ") } : run,
  )
  return bar < 0 ? line : { text: textOf(runs), runs }
}

const textOf = (runs: Line["runs"]): string =>
  runs
    .map(run => run.text)
    .join("")
    .trimEnd()

/** A side bar stands beside the box, from 120 columns on: the box is as wide as its lower edge. */
function cutAt(line: Line, columns: number): Line {
  let room = columns
  const runs = line.runs.map(run => {
    const text = startOf(run.text, room)
    room -= cellsOf(run.text)
    return { ...run, text }
  })
  return { text: textOf(runs), runs }
}

/** As a terminal counts them, also where many letters are one sign. */
const cellsOf = (text: string): number => Bun.stringWidth(text.replace(betweenLetters, noWidthSpace))

function startOf(text: string, columns: number): string {
  if (columns <= 0) return ""
  if (cellsOf(text) <= columns) return text
  let start = ""
  for (const sign of text) {
    if (cellsOf(start + sign) > columns) break
    start += sign
  }
  return start
}

const barOf = (line: Line | undefined): number => line?.runs.findIndex(run => run.text.includes("┃")) ?? -1

/** The bar stands on the ground of the page. */
const pageOf = (line: Line | undefined): string | null => line?.runs[barOf(line)]?.ground ?? null

/** What stands behind a row's bar. */
function groundOf(line: Line | undefined): string | null {
  const bar = barOf(line)
  const run = line?.runs[bar]
  if (run === undefined) return null
  return /┃\s*\S|┃ /.test(run.text) ? run.ground : (line?.runs[bar + 1]?.ground ?? null)
}

function withoutBar(line: Line): Line {
  const bar = barOf(line)
  if (bar < 0) return line
  const runs = line.runs
    .slice(bar)
    .map((run, index) => (index === 0 ? { ...run, text: run.text.replace(/^.*┃/, "") } : run))
  return { text: line.text.replace(/^[^┃]*┃ {0,2}/, ""), runs }
}
