/** The changes of SQL: of conditions, comparisons, order, limits, numbers and what an UPDATE sets. */
import type { Change } from "./mutant.ts"

type Token = { readonly text: string; readonly upper: string; readonly start: number; readonly end: number }

/** Whether a string is SQL, or a part of some. */
export const isSql = (text: string): boolean =>
  /\b(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|PRAGMA|CREATE TABLE|CREATE TRIGGER|NOT EXISTS)\b/.test(text) ||
  /\bIS (?:NOT )?NULL\b|\bIN \(|\bstate (?:=|<>) '/.test(text)

const pattern =
  /--[^\n]*|'(?:[^']|'')*'|\$\{(?:[^{}]|\{[^{}]*\})*\}|[$:@]?[A-Za-z_][\w.]*|\d+|<=|>=|<>|\|\||[-+*/=<>(),;.]/g

function tokensOf(text: string): readonly Token[] {
  return [...text.matchAll(pattern)]
    .filter(([token]) => !token.startsWith("--"))
    .map(({ 0: token, index }) => ({
      text: token,
      upper: token.toUpperCase(),
      start: index,
      end: index + token.length,
    }))
}

/** @param text - as it stands in the source, with `${…}` where it is put together; offsets are within it */
export function changesOfSql(text: string): readonly Change[] {
  const tokens = tokensOf(text)
  return [...ofTokens(tokens), ...ofTerms(text, tokens), ...ofClauses(tokens), ...ofLists(tokens)].filter(
    ({ start }) => !isInIndex(text, start),
  )
}

/** An index changes nothing but the time a query takes. */
function isInIndex(text: string, at: number): boolean {
  const statement = text.slice(text.lastIndexOf(";", at - 1) + 1, at)
  return /^\s*(?:--[^\n]*\n\s*)*CREATE INDEX\b/.test(statement)
}

const replace = ({ start, end }: Token, replacement: string): Change => ({ start, end, replacement })

const swapped: Readonly<Record<string, readonly string[]>> = {
  "<": ["<=", ">"],
  "<=": ["<", ">"],
  ">": [">=", "<"],
  ">=": [">", "<"],
  "<>": ["="],
  AND: ["OR"],
  OR: ["AND"],
  MIN: ["max"],
  MAX: ["min"],
  "+": ["-"],
  "-": ["+"],
}

/** What one word, operator or number becomes. */
function ofTokens(tokens: readonly Token[]): readonly Change[] {
  return tokens.flatMap((token, i) => {
    const { upper } = token
    const [before, after] = [tokens[i - 1]?.upper, tokens[i + 1]?.upper]
    if (upper === "=" && isComparison(tokens, i)) return [replace(token, "<>")]
    if ((upper === "MIN" || upper === "MAX") && after !== "(") return []
    if (/^\d+$/.test(upper)) return isIdle(tokens, i) ? [] : [replace(token, String(Number(upper) + 1))]
    if (upper === "IN" && before !== "NOT") return [replace(token, "NOT IN")]
    if (upper === "IS") return [after === "NOT" ? isNot(tokens, i) : replace(token, "IS NOT")]
    if (upper === "NOT" && (after === "IN" || after === "EXISTS")) return [replace(token, "")]
    if (upper === "DESC") return [replace(token, "ASC")]
    return (swapped[upper] ?? []).map(other => replace(token, other))
  })
}

/** `IS NOT` becomes `IS`. */
const isNot = (tokens: readonly Token[], i: number): Change => ({
  start: tokens[i]?.start ?? 0,
  end: tokens[i + 1]?.end ?? 0,
  replacement: "IS",
})

const conditionWords = ["WHERE", "AND", "OR", "WHEN", "ON", "NOT"]

/** Whether the `=` there compares, and sets nothing. */
function isComparison(tokens: readonly Token[], i: number): boolean {
  for (let at = i - 1; at >= 0; at -= 1) {
    const word = tokens[at]?.upper ?? ""
    if (conditionWords.includes(word) || word === "SELECT") return true
    if (["SET", "PRAGMA", ";"].includes(word)) return false
  }
  return true
}

/** A number that nobody looks at: `SELECT 1`, and the limit of a query of which `get()` reads one row. */
const isIdle = (tokens: readonly Token[], i: number): boolean =>
  tokens[i - 1]?.upper === "SELECT" || isOneRow(tokens, i - 1)

const isOneRow = (tokens: readonly Token[], i: number): boolean =>
  tokens[i]?.upper === "LIMIT" && tokens[i + 1]?.text === "1"

/** Where a condition ends that has begun. */
const ends = ["ORDER", "GROUP", "LIMIT", "RETURNING", "UNION", ";", "BEGIN", "DO", "THEN"]

/** Each term of each condition, left out: true within AND or alone, false within OR. */
function ofTerms(text: string, tokens: readonly Token[]): readonly Change[] {
  return tokens.flatMap(({ upper }, i) => {
    const isStart = upper === "WHERE" || upper === "WHEN"
    if (isStart) return termsFrom(text, tokens, i + 1)
    if (i === 0 && !/^(?:SELECT|INSERT|UPDATE|DELETE|PRAGMA|CREATE|BEGIN|COMMIT|ROLLBACK)$/.test(upper))
      return termsFrom(text, tokens, 0)
    return []
  })
}

function termsFrom(text: string, tokens: readonly Token[], from: number): readonly Change[] {
  const changes: Change[] = []
  let [depth, start] = [0, from]
  const term = (to: number, joined: string): void => {
    const [first, last] = [tokens[start], tokens[to - 1]]
    if (first === undefined || last === undefined || to <= start) return
    const before = tokens[start - 1]?.upper
    const replacement = joined === "OR" || before === "OR" ? "FALSE" : "TRUE"
    if (text.slice(first.start, last.end) !== replacement)
      changes.push({ start: first.start, end: last.end, replacement })
    if (first.text === "(" && isGroup(tokens, start)) changes.push(...termsFrom(text, tokens, start + 1))
  }
  for (let i = from; i <= tokens.length; i += 1) {
    const word = tokens[i]?.upper ?? ";"
    if (word === "(") depth += 1
    else if (word === ")" && depth > 0) depth -= 1
    else if (depth === 0 && (word === ")" || ends.includes(word))) {
      term(i, "")
      return changes
    } else if (depth === 0 && (word === "AND" || word === "OR")) {
      term(i, word)
      start = i + 1
    }
  }
  return changes
}

/** Whether the parenthesis there holds a condition, and no query. */
const isGroup = (tokens: readonly Token[], i: number): boolean => tokens[i + 1]?.upper !== "SELECT"

/** The end of what begins at a token: the next of these words outside of parentheses, or the one that closes around. */
function endOf(tokens: readonly Token[], from: number, words: readonly string[]): number {
  let depth = 0
  for (let i = from; i < tokens.length; i += 1) {
    const word = tokens[i]?.upper ?? ""
    if (word === "(") depth += 1
    else if (word === ")" && depth === 0) return i
    else if (word === ")") depth -= 1
    else if (depth === 0 && words.includes(word)) return i
  }
  return tokens.length
}

const span = (tokens: readonly Token[], from: number, to: number, replacement = ""): readonly Change[] => {
  const [first, last] = [tokens[from], tokens[to - 1]]
  return first === undefined || last === undefined ? [] : [{ start: first.start, end: last.end, replacement }]
}

/** Without its order, its limit, its groups; without one part of the order. */
function ofClauses(tokens: readonly Token[]): readonly Change[] {
  return tokens.flatMap(({ upper }, i) => {
    if (upper === "LIMIT") return isOneRow(tokens, i) ? [] : span(tokens, i, i + 2)
    if (upper !== "ORDER") return []
    const end = endOf(tokens, i + 2, ["LIMIT", ";", "UNION"])
    const comma = endOf(tokens.slice(0, end), i + 2, [","])
    const last = comma < end ? span(tokens, comma, end) : []
    const first = comma < end ? span(tokens, i + 2, comma + 1) : []
    return [...span(tokens, i, end), ...first, ...last]
  })
}

/** Without one of the assignments of an UPDATE, or one of the words of an IN. */
function ofLists(tokens: readonly Token[]): readonly Change[] {
  return tokens.flatMap(({ upper }, i) => {
    if (upper === "SET") return withoutOne(tokens, i + 1, endOf(tokens, i + 1, ["WHERE", "RETURNING", ";"]))
    const isList = upper === "IN" && tokens[i + 1]?.upper === "(" && tokens[i + 2]?.text.startsWith("'")
    return isList ? withoutOne(tokens, i + 2, endOf(tokens, i + 2, [])) : []
  })
}

function withoutOne(tokens: readonly Token[], from: number, to: number): readonly Change[] {
  const starts = [from]
  for (let i = from; i < to; ) {
    const comma = endOf(tokens.slice(0, to), i, [","])
    if (comma >= to) break
    starts.push(comma + 1)
    i = comma + 1
  }
  if (starts.length === 1) {
    // The one assignment that there is: to itself.
    const name = tokens[from]?.text ?? ""
    return tokens[from + 1]?.text === "=" ? span(tokens, from + 2, to, name) : []
  }
  return starts.flatMap((start, place) => {
    const end = starts[place + 1] ?? to
    return place === 0
      ? span(tokens, start, end)
      : span(tokens, start - 1, place === starts.length - 1 ? end : end - 1)
  })
}
