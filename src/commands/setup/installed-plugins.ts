/**
 * Whether an agent program has sento's plugin (plugins/) by its own ways: what `sento setup` writes would do all of it
 * once more. Where each keeps that was seen in Claude Code 2.1.332, Codex 0.169.0, Gemini CLI 0.61.0, OpenCode 1.18.33.
 */
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { SentoError } from "../../protocol/errors.ts"
import type { AgentProgramName } from "../../protocol/names.ts"
import { readFile } from "./files.ts"
import { readJson } from "./json-text.ts"
import { placeOf, type Scope } from "./scope.ts"
import { mark } from "./texts.ts"

/** The file that says so, and what takes it away, as a hint has it. */
type InstalledPlugin = { readonly path: string; readonly remove: string }

/** What says that the program has it, or null. */
export const findPlugin = (program: AgentProgramName, scope: Scope): InstalledPlugin | null =>
  finders[program](scope)

/** @throws config where it has */
export function requireNoPlugin(program: AgentProgramName, scope: Scope): void {
  const found = findPlugin(program, scope)
  if (found === null) return
  throw new SentoError(
    "config",
    `sento's plugin for ${program} is installed already, says ${found.path}`,
    `that does the same; if you want this instead: ${found.remove}`,
  )
}

const finders: Readonly<Record<AgentProgramName, (scope: Scope) => InstalledPlugin | null>> = {
  claude: ({ project, environment }) => {
    const user = placeOf(environment, "CLAUDE_CONFIG_DIR", ".claude").folder
    const inProject = ["settings.json", "settings.local.json"].map(name =>
      join(project ?? user, ".claude", name),
    )
    return firstOf([join(user, "settings.json"), ...(project === null ? [] : inProject)], path => {
      const { enabledPlugins } = json(path) as { enabledPlugins?: Record<string, unknown> }
      const name = enabledIn(enabledPlugins, value => value !== false)
      return name === null ? null : `\`claude plugin uninstall ${name}\``
    })
  },
  codex: ({ environment }) =>
    firstOf([join(placeOf(environment, "CODEX_HOME", ".codex").folder, "config.toml")], path => {
      const { plugins } = Bun.TOML.parse(readFile(path) ?? "") as { plugins?: Record<string, unknown> }
      const name = enabledIn(plugins, value => (value as { enabled?: unknown }).enabled !== false)
      return name === null ? null : `\`codex plugin remove ${name}\``
    }),
  gemini: ({ environment }) => {
    const { folder } = placeOf(environment, "GEMINI_CLI_HOME")
    return firstOf([join(folder, ".gemini/extensions/sento/gemini-extension.json")], path => {
      const text = readFile(path)
      const isOurs = text?.includes("sento plugin gemini") === true && !text.includes(mark("gemini"))
      return isOurs ? "`gemini extensions uninstall sento`" : null
    })
  },
  opencode: ({ project, environment }) => {
    const user = join(placeOf(environment, "XDG_CONFIG_HOME", ".config").folder, "opencode")
    const folders = [user, ...(project === null ? [] : [project, join(project, ".opencode")])]
    const paths = folders.flatMap(folder =>
      ["opencode.jsonc", "opencode.json"].map(name => join(folder, name)),
    )
    return firstOf(paths, path => {
      const { plugin } = json(path) as { plugin?: unknown }
      const named = (Array.isArray(plugin) ? plugin : []).map(one =>
        String(Array.isArray(one) ? one[0] : one),
      )
      const found = named.find(isOpenCodePlugin)
      return found === undefined ? null : `take ${JSON.stringify(found)} out of it`
    })
  },
}

/** @param look - what takes away what this file names, or null */
function firstOf(paths: readonly string[], look: (path: string) => string | null): InstalledPlugin | null {
  for (const path of paths) {
    try {
      const remove = look(path)
      if (remove !== null) return { path, remove }
    } catch {
      // What cannot be read is told of where it would be written.
    }
  }
  return null
}

const json = (path: string): object => (readJson(readFile(path) ?? "{}").value ?? {}) as object

/** `sento@MARKETPLACE`; `skills-dir` is what Claude Code calls setup's own. */
const enabledIn = (
  plugins: Readonly<Record<string, unknown>> | undefined,
  isOn: (value: unknown) => boolean,
) =>
  Object.entries(plugins ?? {}).find(
    ([name, value]) => name.startsWith("sento@") && name !== "sento@skills-dir" && isOn(value),
  )?.[0] ?? null

/** By its name in the registry, or by the folder that it lies in. */
function isOpenCodePlugin(named: string): boolean {
  if (/^sento-opencode(?:@|$)/.test(named)) return true
  try {
    const folder = named.startsWith("file:") ? fileURLToPath(named) : named
    return (json(join(folder, "package.json")) as { name?: unknown }).name === "sento-opencode"
  } catch {
    return false
  }
}
