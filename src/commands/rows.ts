/**
 * Text in rows of a terminal, broken by us and never by the terminal: where a terminal breaks a line, what follows
 * stands in its first column, where only lines of ours begin. So columns are counted as the widest terminal draws them
 * (measured with tmux 3.3a): too wide only leaves room, too narrow lets a peer write there.
 */

/** Never below what a terminal takes for it; styles take nothing. @param text - of one line */
export function columnsOf(text: string): number {
  if (printable.test(text)) return text.length
  let columns = 0
  for (const sign of text.replace(styles, "")) columns += signColumns(sign)
  return columns
}

const printable = /^[ -~]*$/
const escapeSign = "\u001b"
/** As `styleText` writes them. */
const styles = new RegExp(`${escapeSign}\\[[\\d;]*m`, "g")

/**
 * Marks that are drawn on the sign before them. Not those of late versions of Unicode and of the rarer scripts, which
 * not every terminal knows, nor U+FE0F, which makes what stands before it wider.
 */
const drawnOnto =
  /^(?!\uFE0F|[\u0897-\u089F]|\u0C3C|[\u1AC1-\u1AFF]|[\u{10000}-\u{10FFFF}])[\p{Mn}\p{Me}\u200C\u200D]$/u
/** Pictures, their modifiers and the letters of flags: a terminal draws one of them in two columns, another in one. */
const perhapsWide = /^[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}]$/u
/** In some terminals of East Asia these are wide as well; counted so, every Russian and Greek line were half as long. */
const western = /^[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}]$/u

function signColumns(sign: string): number {
  if (printable.test(sign)) return 1
  if (drawnOnto.test(sign)) return Bun.stringWidth(sign)
  if (perhapsWide.test(sign)) return 2
  return Math.max(1, Bun.stringWidth(sign, { ambiguousIsNarrow: western.test(sign) }))
}

/** A terminal that is narrower than any word is not helped by an indent. */
const leastRoom = 12

/**
 * Rows of at most so many columns, in which words stay whole where there is room, each behind `indent` and behind the
 * white space with which its line of the text begins; both give way where there is little room, down to one column.
 * @param text - with styles of ours at the most: what came from others is cleaned before
 * @param isHard - whether a word of ASCII that fits into no row is broken; a terminal does so itself, and it can be
 * copied whole. Of other words nobody knows where a terminal breaks them
 */
export const wrap = (text: string, columns: number, indent = "", isHard = true): string[] =>
  text.split("\n").flatMap(line => {
    const before = indent + leadingOf(line)
    return wrapLine(line.trim() === "" ? "" : indent + line, columns, before, isHard)
  })

/** The same for a line that says itself whose it is: only the rows below its first stand behind `indent`. */
export const hang = (line: string, columns: number, indent: string, isHard = true): string[] =>
  wrapLine(line, columns, indent, isHard)

/** The white space with which a line begins. */
export const leadingOf = (line: string): string => line.slice(0, line.length - line.trimStart().length)

function wrapLine(line: string, columns: number, behind: string, isHard: boolean): string[] {
  if (line === "" || !Number.isFinite(columns)) return [line]
  const words = line.trim()
  const before = [leadingOf(line), behind].map(blank => clip(blank, mostBlank(columns)))
  const [room = 0, roomBelow = 0] = before.map(blank => columns - columnsOf(blank))
  const places = breakRows(words.replace(styles, ""), room, roomBelow, isHard)
  return styled(words, places).map((row, i) => `${before[Math.min(i, 1)]}${row}`)
}

const mostBlank = (columns: number): number => Math.max(Math.min(1, columns - 1), columns - leastRoom)

/** Where a row begins and ends. */
type Place = [start: number, end: number]

function breakRows(text: string, room: number, roomBelow: number, isHard: boolean): Place[] {
  const rows: Place[] = []
  let left = room
  let row: Place | null = null
  const breakRow = (): void => {
    if (row !== null) rows.push(row)
    row = null
    left = roomBelow
  }
  const put = (at: number, piece: string): void => {
    const width = columnsOf(piece)
    const gap = row === null ? 0 : at - row[1]
    if (row !== null && gap + width > left) breakRow()
    left -= row === null ? width : gap + width
    row = [row?.[0] ?? at, at + piece.length]
  }
  for (const [at, word] of wordsOf(text, roomBelow)) {
    const isAscii = printable.test(word)
    if (columnsOf(word) <= roomBelow || (isAscii && !isHard)) put(at, word)
    else {
      // Of a script without blanks, a line is one word: it goes on in the row that has begun.
      if (isAscii) breakRow()
      for (const [offset, piece] of piecesOf(word, roomBelow)) put(at + offset, piece)
    }
  }
  breakRow()
  return rows
}

/** A command in backticks stays in one row where it fits into one: it is to be copied. */
function wordsOf(text: string, room: number): [at: number, word: string][] {
  return [...text.matchAll(/(?:`[^`]*`|[^ ])+/g)].flatMap(({ 0: word, index }) =>
    columnsOf(word) <= room
      ? [[index, word]]
      : [...word.matchAll(/[^ ]+/g)].map((part): [number, string] => [index + part.index, part[0]]),
  )
}

/** What a reader sees as one sign stays whole where it fits into a row: a hundred letters can be one. */
function piecesOf(word: string, room: number): [offset: number, piece: string][] {
  if (printable.test(word)) return [...word].map((sign, i) => [i, sign])
  graphemes ??= new Intl.Segmenter("en", { granularity: "grapheme" })
  return [...graphemes.segment(word)].flatMap(({ segment, index }) =>
    columnsOf(segment) <= room
      ? [[index, segment]]
      : [...segment.matchAll(signWithMarks)].map((part): [number, string] => [index + part.index, part[0]]),
  )
}

/** Made where it is needed: most lines are of ASCII. */
let graphemes: Intl.Segmenter | null = null
const signWithMarks = /.[\p{Mn}\p{Me}\u200C\u200D]*/gsu

/** The rows of a text with its styles, each with an end of its own. @param places - in the text without them */
function styled(text: string, places: readonly Place[]): string[] {
  const plain = text.replace(styles, "")
  let before = 0
  const marks = [...text.matchAll(styles)].map(({ 0: code, index }) => {
    const at = index - before
    before += code.length
    return { code, at }
  })
  return places.map(([start, end]) => {
    const open = openAfter(marks.filter(({ at }) => at <= start))
    const within = marks.filter(({ at }) => at > start && at < end)
    const cuts = [start, ...within.map(({ at }) => at), end]
    const parts = within.map(({ code }, i) => plain.slice(cuts[i], cuts[i + 1]) + code)
    const isOpen = openAfter(marks.filter(({ at }) => at < end)) !== ""
    return `${open}${parts.join("")}${plain.slice(cuts.at(-2), end)}${isOpen ? reset : ""}`
  })
}

const reset = "\u001b[0m"
const ends: Readonly<Record<string, string>> = {
  "\u001b[1m": "\u001b[22m",
  "\u001b[2m": "\u001b[22m",
  "\u001b[7m": "\u001b[27m",
}
const foreground = "\u001b[39m"

/** The styles that these begin and do not end. */
function openAfter(marks: readonly { readonly code: string }[]): string {
  let open: string[] = []
  for (const { code } of marks)
    if (endings.has(code)) open = open.filter(one => (ends[one] ?? foreground) !== code)
    else open.push(code)
  return open.join("")
}

const endings = new Set([foreground, ...Object.values(ends)])

/** As much of a plain line as fits into so many columns, in whole signs. */
export function clip(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text
  let left = columns
  let end = 0
  for (const [offset, piece] of piecesOf(text, columns)) {
    left -= columnsOf(piece)
    if (left < 0) break
    end = offset + piece.length
  }
  return text.slice(0, end)
}
