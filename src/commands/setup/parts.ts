/**
 * What a setup is made of: files that are wholly ours, and entries in files that are not. Each part says what a
 * file is with it and without it; nothing here writes.
 */
import { isDeepStrictEqual } from "node:util"
import { SentoError } from "../../protocol/errors.ts"
import { isLink, readFile } from "./files.ts"
import { BrokenJson, inline, type Place, put, take, valuesAt } from "./json-text.ts"
import { asJson, mark } from "./texts.ts"
import { hasTable, putTable, takeTable } from "./toml-text.ts"

/** A text of null is a file that is not there. */
export type Part = {
  readonly path: string
  /** @throws config where the file cannot take it */
  with(text: string | null): string
  /** The same bytes as before {@link Part.with}, apart from what others changed meanwhile. @throws config */
  without(text: string | null): string | null
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

/** An entry of somebody else's JSON file: an MCP server under a key, or a group of hooks in a list. */
export type Entry = Place & { readonly value: Record<string, unknown> }

export function jsonFile(path: string, entries: readonly Entry[]): Part {
  const whole = asJson(entries.reduce(nest, {}))
  const refuse = (why: string): SentoError => refusal(path, why, inline(entries.reduce(nest, {})))
  const without = (text: string | null): string | null => {
    if (text === null || text.trim() === "") return text
    const made = asJson(entries.map(entry => asFound(text, entry)).reduce(nest, {}))
    if (text === made) return null
    if (text.trim() === made.trim()) return text.replace(made.trimEnd(), "")
    return [...entries].reverse().reduce((left, entry) => take(left, entry, one => isOurs(one, entry)), text)
  }
  const added = (text: string | null): string => {
    if (text === null) return whole
    if (text.trim() === "") return text + whole.trimEnd()
    const missing = entries.filter(entry => !isThere(path, text, entry))
    if (missing.length === 0) return text
    const clean = without(text)
    if (clean === null || clean.trim() === "") return added(clean)
    const result = entries.reduce((soFar, entry) => put(soFar, entry, entry.value), clean)
    if (without(result) !== clean) throw refuse("sento could not take out again what it would add")
    return result
  }
  return {
    path,
    with: text => guarded(refuse, () => added(text)),
    without: text => guarded(refuse, () => without(text)),
  }
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

/** Whether the entry stands there as this sento would write it, apart from settings that were added to it. */
function isThere(path: string, text: string, entry: Entry): boolean {
  const values = valuesAt(text, entry)
  const isForeign = entry.key !== null && values.some(value => !isOurs(value, entry))
  if (isForeign) throw taken(path, [...entry.path, entry.key].join("."))
  return values.some(value => isDeepStrictEqual(commandOf(value), commandOf(entry.value)))
}

/** The entry with the value that stands there, where it is ours. */
function asFound(text: string, entry: Entry): Entry {
  const value = valuesAt(text, entry).find(one => isOurs(one, entry))
  return value === undefined ? entry : { ...entry, value: value as Entry["value"] }
}

/** The object that holds this entry too. */
function nest(object: Record<string, unknown>, { path, key, value }: Entry): Record<string, unknown> {
  const [first, ...rest] = path
  if (first === undefined) return { ...object, [key ?? ""]: value }
  if (rest.length === 0 && key === null) return { ...object, [first]: [value] }
  const inner = (object[first] ?? {}) as Record<string, unknown>
  return { ...object, [first]: nest(inner, { path: rest, key, value }) }
}

/** The command of an MCP server in words, or that of the only hook of a group. */
function commandOf(value: unknown): unknown[] {
  const { command, args, hooks } = (value ?? {}) as { command?: unknown; args?: unknown; hooks?: unknown }
  if (Array.isArray(hooks)) return hooks.length === 1 ? commandOf(hooks[0]) : []
  return [command, args].flat().filter(word => word !== undefined)
}

/** Whether some sento wrote this: the same command, be it that the file which runs lay elsewhere. */
function isOurs(value: unknown, entry: Entry): boolean {
  const words = commandOf(value)
  const ours = commandOf(entry.value)
  if (isDeepStrictEqual(words, ours)) return true
  const said = words.join(" ").replaceAll("'", "")
  const ending = ours
    .join(" ")
    .replaceAll("'", "")
    .split(" ")
    .slice(entry.key === null ? -2 : -1)
    .join(" ")
  return (
    said.endsWith(` ${ending}`) &&
    /(?:^|\/)(?:sento[^/]*|src\/main\.ts)$/.test(said.slice(0, -ending.length - 1))
  )
}

/** Codex' `config.toml`. @param keys - of the table `[mcp_servers.sento]` */
export function tomlFile(program: string, path: string, keys: Readonly<Record<string, unknown>>): Part {
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
  return {
    path,
    without,
    with(text) {
      const there = text === null ? undefined : serverIn(text)
      if (text !== null && isDeepStrictEqual(commandOf(there), commandOf(keys))) return text
      const clean = without(text)
      if (clean !== null && serverIn(clean) !== undefined) throw taken(path, name)
      const result = putTable(clean, mark(program), lines)
      if (without(result) !== clean || !isDeepStrictEqual(serverIn(result), keys))
        throw refuse("sento could not take out again what it would add")
      return result
    },
  }
}
