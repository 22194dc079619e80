/**
 * Entries in other people's JSON files, with or without comments: put in and taken out as text, so that all
 * else stays byte for byte. What {@link take} removes is what {@link put} added, commas and all.
 */

import { isDeepStrictEqual } from "node:util"

/** A value and where it stands: `start` up to `end`. */
export type Node = {
  readonly kind: "object" | "array" | "scalar"
  readonly start: number
  readonly end: number
  readonly value: unknown
  readonly members: readonly Member[]
}

/** One entry of an object or array; `comma` is where the comma after it stands, or null. */
type Member = {
  readonly key: string | null
  readonly start: number
  readonly node: Node
  readonly comma: number | null
}

/** Where an entry belongs: the keys down to an object, and its key there; null is an element of an array. */
export type Place = { readonly path: readonly string[]; readonly key: string | null }

/** A text that is no JSON, told by its line. */
export class BrokenJson extends Error {
  constructor(text: string, at: number) {
    super(`line ${text.slice(0, at).split("\n").length} is not JSON`)
    this.name = "BrokenJson"
  }
}

const blank = /(?:[\s\uFEFF]|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y
/** What may not stand in it, JSON.parse refuses. */
const string = /"(?:[^"\\\n]|\\.)*"/y
const word = /-?\d[\d.eE+-]*|true|false|null/y

/** Reads a text that is one value. @throws BrokenJson */
export function readJson(text: string): Node {
  const cursor = { text, at: 0 }
  const root = readValue(cursor)
  skip(cursor)
  if (cursor.at < text.length) throw new BrokenJson(text, cursor.at)
  return root
}

type Cursor = { readonly text: string; at: number }

function skip(cursor: Cursor): void {
  blank.lastIndex = cursor.at
  blank.exec(cursor.text)
  cursor.at = blank.lastIndex
}

function readValue(cursor: Cursor): Node {
  skip(cursor)
  const { text, at: start } = cursor
  if (text[start] === "{") return readMembers(cursor, "object", "}")
  if (text[start] === "[") return readMembers(cursor, "array", "]")
  const value = readToken(cursor, text[start] === '"' ? string : word)
  return { kind: "scalar", start, end: cursor.at, value, members: [] }
}

function readMembers(cursor: Cursor, kind: "object" | "array", close: string): Node {
  const { text, at: start } = cursor
  const members: Member[] = []
  cursor.at += 1
  for (skip(cursor); text[cursor.at] !== close; ) {
    if (members.length > 0 && members.at(-1)?.comma === null) throw new BrokenJson(text, cursor.at)
    members.push(readMember(cursor, kind === "object"))
  }
  cursor.at += 1
  return { kind, start, end: cursor.at, value: contentOf(kind, members), members }
}

function readMember(cursor: Cursor, isKeyed: boolean): Member {
  const start = cursor.at
  const key = isKeyed ? (readToken(cursor, string) as string) : null
  skip(cursor)
  if (isKeyed && cursor.text[cursor.at++] !== ":") throw new BrokenJson(cursor.text, cursor.at)
  const node = readValue(cursor)
  skip(cursor)
  const comma = cursor.text[cursor.at] === "," ? cursor.at++ : null
  skip(cursor)
  return { key, start, node, comma }
}

function readToken(cursor: Cursor, pattern: RegExp): unknown {
  pattern.lastIndex = cursor.at
  const found = pattern.exec(cursor.text)?.[0]
  if (found === undefined) throw new BrokenJson(cursor.text, cursor.at)
  cursor.at += found.length
  try {
    return JSON.parse(found)
  } catch {
    throw new BrokenJson(cursor.text, cursor.at)
  }
}

function contentOf(kind: "object" | "array", members: readonly Member[]): unknown {
  if (kind === "array") return members.map(one => one.node.value)
  return Object.fromEntries(members.map(one => [one.key, one.node.value]))
}

/** The entries at a place: one at the most of an object, all of an array. */
function entriesAt(
  root: Node,
  { path, key }: Place,
): { readonly container: Node; readonly member: Member }[] {
  const container = path.reduce<Node | undefined>((node, step) => childOf(node, step)?.node, root)
  if (container === undefined) return []
  return container.members.filter(member => member.key === key).map(member => ({ container, member }))
}

const childOf = (node: Node | undefined, key: string): Member | undefined =>
  node?.kind === "object" ? node.members.findLast(one => one.key === key) : undefined

/** The entries at a place, of a text that was read already. */
export const membersAt = (root: Node, place: Place): Member[] =>
  entriesAt(root, place).map(({ member }) => member)

/** What stands at a place: one at the most of an object, all of an array. @throws BrokenJson */
export const nodesAt = (text: string, place: Place): Node[] =>
  entriesAt(readJson(text), place).map(one => one.member.node)

/**
 * Adds an entry, behind the others. Objects and arrays that are missing on the way are made, and told from
 * those that were there by the space after their bracket.
 * @throws BrokenJson; TypeError where something else is in the way
 */
export function put(text: string, { path, key }: Place, value: unknown): string {
  let container = readJson(text)
  let depth = 0
  for (; depth < path.length; depth += 1) {
    const child = childOf(container, path[depth] ?? "")
    if (child === undefined) break
    container = child.node
  }
  const missing = path.slice(depth)
  const [first, ...rest] = [...missing, ...(key === null ? [] : [key])]
  if (container.kind !== (first === undefined ? "array" : "object"))
    throw new TypeError(`${path.slice(0, depth).join(".") || "the whole"} is something else there`)
  const inner = rest.reduceRight(
    (literal, step) => `{ ${JSON.stringify(step)}: ${literal} }`,
    key === null && missing.length > 0 ? `[ ${inline(value)} ]` : inline(value),
  )
  return insert(text, container, first === undefined ? inner : `${JSON.stringify(first)}: ${inner}`)
}

/** Keys whose value is ours to say, wherever in an entry they stand. */
export type Ruled = ReadonlySet<string>

/**
 * Makes what stands somewhere say what it must: ruled keys get their value, others that are missing are added, and all
 * else stays, byte for byte.
 * @param find - the place, in whatever text it is looked up
 * @throws BrokenJson
 */
export function amend(
  text: string,
  find: (root: Node) => Node | undefined,
  wanted: unknown,
  ruled: Ruled,
): string {
  if (Array.isArray(wanted))
    return wanted.reduce<string>(
      (soFar, one, i) => amend(soFar, root => find(root)?.members[i]?.node, one, ruled),
      text,
    )
  if (typeof wanted !== "object" || wanted === null) return text
  return Object.entries(wanted).reduce((soFar, [key, value]) => {
    const node = find(readJson(soFar))
    if (node?.kind !== "object") return soFar
    const there = childOf(node, key)?.node
    if (there === undefined) return insert(soFar, node, `${JSON.stringify(key)}: ${inline(value)}`)
    if (ruled.has(key)) return replace(soFar, there, value)
    return amend(soFar, root => childOf(find(root), key)?.node, value, ruled)
  }, text)
}

/** Of a list that stays as long, item by item: it may have a line for each. */
function replace(text: string, node: Node, value: unknown): string {
  if (isDeepStrictEqual(node.value, value)) return text
  if (Array.isArray(value) && node.kind === "array" && value.length === node.members.length)
    return node.members.reduceRight((soFar, one, i) => replace(soFar, one.node, value[i]), text)
  return text.slice(0, node.start) + inline(value) + text.slice(node.end)
}

/** A value in one line: `{"a": 1, "b": ["c"]}`. */
export function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${inline(one)}`)
  return `{${members.join(", ")}}`
}

function insert(text: string, container: Node, entry: string): string {
  const close = container.end - 1
  const end = text.slice(0, close).trimEnd().length
  const last = container.members.at(-1)
  const isTall = text.slice(end, close).includes("\n")
  const gap = isTall ? lineBreak(text) + indentOf(text, container) : last === undefined ? "" : " "
  const tail = last?.comma == null ? "" : ","
  const added = `${text.slice(0, end)}${gap}${entry}${tail}${text.slice(end)}`
  if (last === undefined || last.comma !== null) return added
  return `${added.slice(0, last.node.end)},${added.slice(last.node.end)}`
}

const lineBreak = (text: string): string => /\r?\n/.exec(text)?.[0] ?? "\n"

/** As deep as the last entry, or one step deeper than the closing bracket. */
function indentOf(text: string, container: Node): string {
  const lineStart = (at: number): string => text.slice(text.lastIndexOf("\n", at - 1) + 1, at)
  const last = container.members.at(-1)
  if (last !== undefined && /^[ \t]+$/.test(lineStart(last.start))) return lineStart(last.start)
  const outer = /^[ \t]*/.exec(lineStart(container.end - 1))?.[0] ?? ""
  return outer + (/^\t/m.test(text) ? "\t" : "  ")
}

/** Takes the entries of a place out that `isOurs` knows, and what {@link put} made around them. @throws BrokenJson */
export function take(text: string, place: Place, isOurs: (value: unknown) => boolean): string {
  const found = entriesAt(readJson(text), place).find(one => isOurs(one.member.node.value))
  if (found === undefined) return text
  const { start, members } = found.container
  const isMade = text[start + 1] === " " && members[0]?.start === start + 2
  const without = cut(text, found.container, found.member)
  const { path } = place
  const parent = path.at(-1)
  const isLeft = members.length > 1 || !isMade || parent === undefined
  if (isLeft) return take(without, place, isOurs)
  return takeEmpty(without, { path: path.slice(0, -1), key: parent })
}

/** Takes an object or array out that is empty now, and so on outwards. */
function takeEmpty(text: string, place: Place): string {
  const isEmpty = (value: unknown): boolean => Object.keys(value as object).length === 0
  return take(text, place, isEmpty)
}

/** An entry with the white space before it and the comma that it needed. */
function cut(text: string, container: Node, member: Member): string {
  const start = text.slice(0, member.start).trimEnd().length
  const end = member.comma === null ? member.node.end : member.comma + 1
  const without = text.slice(0, start) + text.slice(end)
  const before = container.members[container.members.indexOf(member) - 1]
  if (member.comma !== null || before?.comma == null) return without
  return without.slice(0, before.comma) + without.slice(before.comma + 1)
}
