/**
 * One table in other people's TOML files, added at the end and taken out as text, so that all else stays byte
 * for byte. The program that owns the file writes it too: Codex 0.169.0 drops comments and moves tables when it
 * adds one, so the table is found by its header, wherever it stands.
 */

/** The lines of a text, each with its line break, and whether it stands outside of every string and array. */
type Line = { readonly start: number; readonly end: number; readonly text: string; readonly isOuter: boolean }

function linesOf(text: string): Line[] {
  const lines: Line[] = []
  let state: LexState = { quote: null, depth: 0 }
  for (let start = 0; start < text.length; ) {
    const found = text.indexOf("\n", start)
    const end = found < 0 ? text.length : found + 1
    const line = text.slice(start, end)
    lines.push({ start, end, text: line, isOuter: state.quote === null && state.depth === 0 })
    state = after(line, state)
    start = end
  }
  return lines
}

/** Inside which long string, and how many brackets deep, a line ends. */
type LexState = { readonly quote: string | null; readonly depth: number }

const outside = /"""|'''|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#.*|[[\]{}]/g
const inside: Readonly<Record<string, RegExp>> = { '"""': /"""|\\./g, "'''": /'''/g }

function after(line: string, { quote, depth }: LexState): LexState {
  for (let at = 0; ; ) {
    const pattern = inside[quote ?? ""] ?? outside
    pattern.lastIndex = at
    const found = pattern.exec(line)?.[0]
    if (found === undefined) return { quote, depth }
    at = pattern.lastIndex
    if (quote !== null) quote = found === quote ? null : quote
    else if (found in inside) quote = found
    else if (found === "[" || found === "{") depth += 1
    else if (found === "]" || found === "}") depth -= 1
  }
}

/** A header, bare and dotted, and the lines that belong to it: up to the last one that is neither blank nor a comment. */
type Span = { readonly name: string; readonly start: number; readonly end: number }

/** Where a table and its sub-tables stand. @param name - dotted, of bare keys: `mcp_servers.sento` */
function spansOf(text: string, name: string): Span[] {
  const spans: Span[] = []
  let isInside = false
  for (const { start, end, text: line, isOuter } of linesOf(text)) {
    const header = isOuter ? /^\s*\[\[?\s*([^\]]+?)\s*\]/.exec(line)?.[1] : undefined
    if (header !== undefined) {
      const bare = header.replace(/["'\s]/g, "")
      isInside = bare === name || bare.startsWith(`${name}.`)
      if (isInside) spans.push({ name: bare, start, end })
    } else if (isInside && (!isOuter || !/^\s*(?:#.*)?$/.test(line.trimEnd()))) {
      const last = spans.pop()
      if (last !== undefined) spans.push({ ...last, end })
    }
  }
  return spans
}

export const hasTable = (text: string, name: string): boolean => spansOf(text, name).length > 0

/**
 * Adds a table at the end, behind a blank line.
 * @param note - a comment before it @param lines - its header and its keys
 */
export function putTable(text: string | null, note: string, lines: readonly string[]): string {
  const lineBreak = /\r?\n/.exec(text ?? "")?.[0] ?? "\n"
  const block = [`# ${note}`, ...lines].join(lineBreak)
  if (text === null) return block + lineBreak
  if (text === "") return block
  const isEnded = text.endsWith("\n")
  return `${text}${isEnded ? "" : lineBreak}${lineBreak}${block}${isEnded ? lineBreak : ""}`
}

/** A key of a table and the sign behind it. */
const assigned = /^[ \t]*(?:"([^"\\\n]*)"|'([^'\n]*)'|([\w-]+))[ \t]*=[ \t]*/
const anyString = String.raw`"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'`
/** A value without what stands behind it on its line; of lists those that hold no other. */
const assignedValue = new RegExp(
  String.raw`(?:${anyString}|\[(?:${anyString}|#.*|[^[\]"'#])*\]|[^\s#,]+)`,
  "y",
)

/** Gives keys of a table their values, in place or behind its others. @param literals - values as TOML writes them */
export function setKeys(text: string, name: string, literals: ReadonlyMap<string, string>): string {
  return [...literals].reduce((soFar, [key, literal]) => {
    const table = spansOf(soFar, name).find(span => span.name === name)
    if (table === undefined) return soFar
    const there = valueIn(soFar, table, key)
    if (there !== null) return soFar.slice(0, there.start) + literal + soFar.slice(there.end)
    const lineBreak = /\r?\n/.exec(soFar)?.[0] ?? "\n"
    const line = `${key} = ${literal}`
    const isEnded = soFar.slice(0, table.end).endsWith("\n")
    const added = isEnded ? line + lineBreak : lineBreak + line
    return soFar.slice(0, table.end) + added + soFar.slice(table.end)
  }, text)
}

/** Where the value of a key stands, or null. */
function valueIn(
  text: string,
  table: Span,
  key: string,
): { readonly start: number; readonly end: number } | null {
  for (const { start, text: line, isOuter } of linesOf(text)) {
    if (!isOuter || start <= table.start || start >= table.end) continue
    const found = assigned.exec(line)
    if (found === null || (found[1] ?? found[2] ?? found[3]) !== key) continue
    assignedValue.lastIndex = start + found[0].length
    if (assignedValue.test(text)) return { start: start + found[0].length, end: assignedValue.lastIndex }
  }
  return null
}

/** Takes the table out, with what {@link putTable} wrote around it. @returns null for a file that it made */
export function takeTable(text: string, note: string, name: string): string | null {
  const span = firstOf(text, spansOf(text, name))
  if (span === null) return text
  const before = text.slice(0, span.start)
  const rest = text.slice(span.end)
  const noted = [`# ${note}\n`, `# ${note}\r\n`].find(line => before.endsWith(line))
  const isAlone = noted !== undefined && before === noted && rest === ""
  if (isAlone) return text.endsWith("\n") ? null : ""
  const left =
    noted === undefined ? before : withoutBlank(before.slice(0, -noted.length), text.slice(0, span.end))
  return takeTable(left + rest, note, name)
}

/** With the tables that follow it with nothing but blanks between. */
function firstOf(text: string, [first, ...others]: readonly Span[]): Span | null {
  if (first === undefined) return null
  let { end } = first
  for (const next of others) if (text.slice(end, next.start).trim() === "") end = next.end
  return { ...first, end }
}

/** Without the blank line before the note, and the line break that a file without a final one was given. */
function withoutBlank(before: string, upToEnd: string): string {
  const blank = /\r?\n$/
  const less = before.replace(blank, "")
  return upToEnd.endsWith("\n") ? less : less.replace(blank, "")
}
