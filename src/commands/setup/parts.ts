/**
 * What a setup is made of: files that are wholly ours, and entries in files that are not. Each part says what a
 * file is with it and without it; nothing here writes.
 */
import { basename, dirname, isAbsolute, join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { SentoError } from "../../protocol/errors.ts"
import { shellWords } from "../../protocol/shell.ts"
import { isLink, readFile } from "./files.ts"
import {
  amend,
  BrokenJson,
  inline,
  type Node as JsonNode,
  membersAt,
  nodesAt,
  type Place,
  put,
  type Ruled,
  readJson,
  take,
} from "./json-text.ts"
import { asJson, mark, type Sento } from "./texts.ts"
import { hasTable, putTable, setKeys, takeTable } from "./toml-text.ts"

/** A text of null is a file that is not there. */
export type Part = {
  readonly path: string
  /** @throws config where the file cannot take it */
  with(text: string | null): string
  /** The same bytes as before {@link Part.with}, apart from what others changed meanwhile. @throws config */
  without(text: string | null): string | null
  /** How the entries of ours that stand there start `sento`. @throws config */
  startsIn(text: string | null): readonly Sento[]
}

/** A file of ours. @param marked - the file that says that the folder is ours, where this one cannot say so */
export function ownFile(program: string, path: string, content: string, marked: string = path): Part {
  const isOurs = (): boolean => readFile(marked)?.includes(mark(program)) ?? false
  return {
    path,
    with(text) {
      const isFree = text === null && !isLink(path)
      if (isFree || text === content || isOurs()) return content
      throw new SentoError(
        "config",
        `${path} is there and was not ${mark(program)}`,
        "move it away, then run this again",
      )
    },
    without: text => (text === content || isOurs() ? null : text),
    startsIn: () => [],
  }
}

/** What is told of a file that cannot take an entry; `what` is the entry, for a person to add. */
const refusal = (path: string, why: string, what: string): SentoError =>
  new SentoError("config", `${path}: ${why}`, `mend it, or add this by hand: ${what}`)

/** @param name - dotted */
const taken = (path: string, name: string): SentoError =>
  new SentoError(
    "config",
    `${path}: ${name} is there already and is not sento's`,
    "give that one another name or remove it, then run this again",
  )

/** An entry of a JSON file: an MCP server under a key, or a group of hooks in a list. */
export type Entry = Place & { readonly value: Record<string, unknown> }

/** What a second run puts right; whatever else stands in an entry, its owner may have set. */
const ruled: Ruled = new Set(["command", "args", "name", "version", "description"])

/**
 * A JSON file of ours, in a folder of ours: a second run keeps what its owner added.
 * @param base - what it holds besides the entries
 */
export function ownJsonFile(
  program: string,
  path: string,
  base: Readonly<Record<string, unknown>>,
  entries: readonly Entry[],
  marked: string = path,
): Part {
  const whole = asJson(entries.reduce(nest, base))
  const refuse = (why: string): SentoError => refusal(path, why, inline(JSON.parse(whole)))
  const own = ownFile(program, path, whole, marked)
  return {
    path,
    without: own.without,
    startsIn: text => guarded(refuse, () => startsOf(text, entries)),
    with(text) {
      own.with(text)
      if (text === null) return whole
      const amended = (): string => amend(text, root => root, base, ruled)
      return guarded(refuse, () => withEntries(path, amended(), entries))
    },
  }
}

/** Whether a file has this entry, written by some sento; false for one that cannot be read. */
export function hasEntry(path: string, entry: Entry): boolean {
  try {
    const text = readFile(path)
    return text !== null && ourNodes(text, entry).length > 0
  } catch {
    return false
  }
}

/** Entries in somebody else's JSON file. */
export function jsonFile(path: string, entries: readonly Entry[]): Part {
  const whole = asJson(entries.reduce(nest, {}))
  const refuse = (why: string): SentoError => refusal(path, why, inline(entries.reduce(nest, {})))
  const without = (text: string | null): string | null => {
    if (text === null || text.trim() === "") return text
    const found = entries.filter(entry => ourNodes(text, entry).length > 0)
    if (found.length === 0) return text
    const made = shapeOf(asJson(found.map(entry => asFound(text, entry)).reduce(nest, {})), found)
    const shape = shapeOf(text, found)
    if (shape === made) return null
    const { start, end } = readJson(text)
    if (shape.trim() === made.trim()) return text.slice(0, start) + text.slice(end)
    return [...found].reverse().reduce((left, entry) => take(left, entry, one => isOurs(one, entry)), text)
  }
  const added = (text: string | null): string => {
    if (text === null) return whole
    if (text.trim() === "") return text + whole.trimEnd()
    const clean = without(text)
    const full = withEntries(path, text, entries)
    const isWhole = clean === null || clean.trim() === ""
    const isJoined = isWhole && entries.some(entry => ourNodes(text, entry).length === 0)
    const result = isJoined ? madeAnew(clean, full, entries) : full
    if (without(result) !== clean) throw refuse("sento could not take out again what it would add")
    return result
  }
  return {
    path,
    with: text => guarded(refuse, () => added(text)),
    without: text => guarded(refuse, () => without(text)),
    startsIn: text => guarded(refuse, () => startsOf(text, entries)),
  }
}

/** A file that holds nothing but entries of ours, laid out as if it was written now. */
function madeAnew(blank: string | null, text: string, entries: readonly Entry[]): string {
  const whole = asJson(entries.map(entry => asFound(text, entry)).reduce(nest, {}))
  return blank === null ? whole : blank + whole.trimEnd()
}

function guarded<Value>(refuse: (why: string) => SentoError, work: () => Value): Value {
  try {
    return work()
  } catch (error) {
    if (error instanceof RangeError) throw refuse("it is nested too deeply")
    if (error instanceof BrokenJson || error instanceof TypeError) throw refuse(error.message)
    throw error
  }
}

/** The text with every entry in it: one that is there is put right, and keeps what was added to it. @throws config */
function withEntries(path: string, text: string, entries: readonly Entry[]): string {
  return entries.reduce((soFar, entry) => {
    const values = nodesAt(soFar, entry).map(node => node.value)
    if (entry.key !== null && !values.every(value => isOurs(value, entry)))
      throw taken(path, [...entry.path, entry.key].join("."))
    const at = values.findLastIndex(value => isOurs(value, entry))
    if (at < 0) return put(soFar, entry, entry.value)
    return amend(soFar, root => membersAt(root, entry)[at]?.node, entry.value, ruled)
  }, text)
}

const ourNodes = (text: string, entry: Entry): JsonNode[] =>
  nodesAt(text, entry).filter(node => isOurs(node.value, entry))

const startsOf = (text: string | null, entries: readonly Entry[]): Sento[] =>
  text === null || text.trim() === ""
    ? []
    : entries.flatMap(entry => ourNodes(text, entry).map(({ value }) => startOf(value, entry)))

/** The words before those that {@link isOurs} knows an entry by. */
const startOf = (value: unknown, { key }: Pick<Entry, "key">): Sento =>
  commandOf(value).slice(0, -endingOf(key)) as unknown as Sento

/** `mcp`, or `hook` and the event. */
const endingOf = (key: Entry["key"]): number => (key === null ? 2 : 1)

/** The text with a sign in the place of each of our entries: what stands about them. */
const shapeOf = (text: string, entries: readonly Entry[]): string =>
  entries
    .flatMap(entry => ourNodes(text, entry))
    .sort((a, b) => b.start - a.start)
    .reduce((left, { start, end }) => `${left.slice(0, start)}0${left.slice(end)}`, text)

/** The entry with the value that stands there, where it is ours. */
function asFound(text: string, entry: Entry): Entry {
  const node = ourNodes(text, entry).at(-1)
  return node === undefined ? entry : { ...entry, value: node.value as Entry["value"] }
}

/** The object that holds this entry too. */
function nest(
  object: Readonly<Record<string, unknown>>,
  { path, key, value }: Entry,
): Record<string, unknown> {
  const [first, ...rest] = path
  if (first === undefined) return { ...object, [key ?? ""]: value }
  if (rest.length === 0 && key === null) return { ...object, [first]: [value] }
  const inner = (object[first] ?? {}) as Record<string, unknown>
  return { ...object, [first]: nest(inner, { path: rest, key, value }) }
}

/** The command of an MCP server in words, or that of the only hook of a group. */
function commandOf(value: unknown): unknown[] {
  const { command, args, hooks } = (value ?? {}) as { command?: unknown; args?: unknown; hooks?: unknown }
  if (Array.isArray(hooks)) return hooks.length === 1 ? hookWords(hooks[0]) : []
  return [command, args].flat().filter(word => word !== undefined)
}

function hookWords(hook: unknown): string[] {
  const { command } = (hook ?? {}) as { command?: unknown }
  return typeof command === "string" ? (shellWords(command) ?? []) : []
}

/**
 * Whether some sento wrote this: these very words and no other, be it that the file which runs lay elsewhere. An MCP
 * server is told by its key as well; a hook has nothing but its words.
 */
function isOurs(value: unknown, entry: Entry): boolean {
  const words = commandOf(value)
  const ours = commandOf(entry.value)
  if (isDeepStrictEqual(words, ours)) return true
  const ending = endingOf(entry.key)
  const [file, source, ...others] = words.slice(0, -ending)
  if (!isDeepStrictEqual(words.slice(-ending), ours.slice(-ending)) || others.length > 0) return false
  if (typeof file !== "string" || (entry.key === null && !isAbsolute(file))) return false
  if (source === undefined) return built.test(basename(file))
  return basename(file) === "bun" && typeof source === "string" && isSource(source, entry)
}

/** `sento`, with its version or the platform of a release behind it. */
const built = /^sento(?:-v?\d+(?:\.\d+)*)?(?:-(?:linux|darwin)-(?:x64|arm64)(?:-[a-z]+)?)?$/

/** Many have a `src/main.ts`: of a hook's, the package that it lies in says whether it is sento's. */
function isSource(path: string, { key }: Entry): boolean {
  if (!path.endsWith("/src/main.ts")) return false
  if (key !== null) return true
  try {
    const { name } = JSON.parse(readFile(join(dirname(path), "../package.json")) ?? "{}")
    return name === "sento"
  } catch {
    return false
  }
}

/** What a key must be. A list of variables gets those that it lacks; what is not ruled stays as its owner has it. */
function needs(key: string, ours: unknown, there: unknown): unknown {
  if (ruled.has(key) || there === undefined) return ours
  if (key !== "env_vars" || !Array.isArray(there) || !Array.isArray(ours)) return there
  return [...there, ...ours.filter(one => !there.includes(one))]
}

/** Codex' `config.toml`. @param keys - of the table `[mcp_servers.sento]` */
export function tomlFile(program: string, path: string, keys: Record<string, unknown>): Part {
  const name = "mcp_servers.sento"
  const lines = [`[${name}]`, ...Object.entries(keys).map(([key, value]) => `${key} = ${inline(value)}`)]
  const refuse = (why: string): SentoError => refusal(path, why, lines.join(" ⏎ "))
  const read = (text: string): Record<string, unknown> => {
    try {
      return Bun.TOML.parse(text) as Record<string, unknown>
    } catch (error) {
      throw refuse((error as Error).message)
    }
  }
  const serverIn = (text: string): unknown =>
    (read(text).mcp_servers as Record<string, unknown> | undefined)?.sento
  const without = (text: string | null): string | null => {
    if (text === null || serverIn(text) === undefined || !hasTable(text, name)) return text
    const entry = { path: [], key: "sento", value: keys }
    return isOurs(serverIn(text), entry) ? takeTable(text, mark(program), name) : text
  }
  /** The table put right; what its owner added stays. */
  const amended = (text: string, there: Readonly<Record<string, unknown>>): string => {
    const needed = Object.entries(keys)
      .map(([key, value]) => [key, needs(key, value, there[key])] as const)
      .filter(([key, value]) => !isDeepStrictEqual(there[key], value))
    const result = setKeys(text, name, new Map(needed.map(([key, value]) => [key, inline(value)])))
    const isRight = isDeepStrictEqual(serverIn(result), { ...there, ...Object.fromEntries(needed) })
    if (without(result) !== without(text) || !isRight) throw refuse("sento could not change its table")
    return result
  }
  return {
    path,
    without,
    startsIn(text) {
      const there = text === null ? undefined : serverIn(text)
      const entry = { path: [], key: "sento", value: keys }
      return there !== undefined && isOurs(there, entry) ? [startOf(there, entry)] : []
    },
    with(text) {
      const there = text === null ? undefined : serverIn(text)
      if (text !== null && there !== undefined) {
        if (isOurs(there, { path: [], key: "sento", value: keys }))
          return amended(text, there as Record<string, unknown>)
        throw taken(path, name)
      }
      const result = putTable(text, mark(program), lines)
      if (without(result) !== text || !isDeepStrictEqual(serverIn(result), keys))
        throw refuse("sento could not take out again what it would add")
      return result
    },
  }
}
