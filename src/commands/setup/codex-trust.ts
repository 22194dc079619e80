/**
 * Whether Codex runs hooks: only those that its owner said yes to, as they were then. It keeps that in the user's
 * config.toml, `[hooks.state."PATH:stop:0:0"]`, by the file, the event and the numbers of group and hook, with a hash
 * of what was shown (Codex 0.169.0: seen in what it writes, and in its `hooks/list`).
 */
import { createHash } from "node:crypto"
import { isDeepStrictEqual } from "node:util"
import { isSameFile } from "../../store/links.ts"
import { readFile } from "./files.ts"
import { readJson } from "./json-text.ts"
import type { Entry } from "./parts.ts"

/** With this it runs all hooks, and asks nobody. */
export const trustOption = "--dangerously-bypass-hook-trust"

type Hook = Readonly<Record<string, unknown>>
type State = { readonly trusted_hash?: unknown; readonly enabled?: unknown }

/**
 * False where one of these hooks stands in its file and does not run; what cannot be read says nothing.
 * @param configPath - the user's config.toml; @param hooksPath - the hooks.json, of the user or a project
 */
export function hooksTrusted(configPath: string, hooksPath: string, entries: readonly Entry[]): boolean {
  try {
    const groups = readGroups(hooksPath)
    const states = readStates(configPath)
    return entries.every(entry => {
      const [event = ""] = entry.path.slice(-1)
      const found = findHook(groups[event], entry)
      return found === null || isTrusted(states, hooksPath, snakeCase(event), found)
    })
  } catch {
    return true
  }
}

const readGroups = (path: string): Readonly<Record<string, unknown>> =>
  (readJson(readFile(path) ?? "{}").value as { hooks?: Record<string, unknown> }).hooks ?? {}

function readStates(path: string): [string, State][] {
  const config = Bun.TOML.parse(readFile(path) ?? "") as { hooks?: { state?: Record<string, State> } }
  return Object.entries(config.hooks?.state ?? {})
}

type Found = { readonly hook: Hook; readonly group: number; readonly at: number }

/** The hook with this entry's command, and its numbers. */
function findHook(groups: unknown, entry: Entry): Found | null {
  const [wanted] = entry.value.hooks as readonly Hook[]
  const lists = (Array.isArray(groups) ? groups : []).map(one => (one?.hooks ?? []) as readonly Hook[])
  const group = lists.findIndex(hooks => hooks.some(one => one.command === wanted?.command))
  const at = lists[group]?.findIndex(one => one.command === wanted?.command) ?? -1
  const hook = lists[group]?.[at]
  return hook === undefined ? null : { hook, group, at }
}

function isTrusted(
  states: readonly [string, State][],
  path: string,
  event: string,
  { hook, group, at }: Found,
): boolean {
  const ending = `:${event}:${group}:${at}`
  const own = states.find(([key]) => key.endsWith(ending) && isSameFile(key.slice(0, -ending.length), path))
  const { trusted_hash: hash, enabled } = own?.[1] ?? {}
  if (typeof hash !== "string" || enabled === false) return false
  // What its owner added to it is in the hash as well, in a form that is not known here.
  const isPlain = isDeepStrictEqual(Object.keys(hook).sort(), ["command", "timeout", "type"])
  return !isPlain || hash === hashOf(event, hook)
}

/** SHA-256 of what it comes to as JSON, with sorted keys and nothing between them. */
function hashOf(event: string, { command, timeout, type }: Hook): string {
  const identity = { event_name: event, hooks: [{ async: false, command, timeout, type }] }
  return `sha256:${createHash("sha256").update(JSON.stringify(identity)).digest("hex")}`
}

const snakeCase = (event: string): string =>
  event.replace(/(?<!^)[A-Z]/g, letter => `_${letter}`).toLowerCase()
