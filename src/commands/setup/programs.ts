/** What each agent program needs to know, and where it looks for it. */
import { existsSync } from "node:fs"
import { homedir } from "node:os"
import { isAbsolute, join, resolve } from "node:path"
import { SentoError } from "../../protocol/errors.ts"
import { behindLinks } from "../../store/links.ts"
import { type Entry, hasEntry, jsonFile, ownFile, ownJsonFile, type Part, tomlFile } from "./parts.ts"
import { context, hookGroup, manifest, mcpServer, openCodePlugin, type Sento, skill } from "./texts.ts"

/** For whom: every session of the user, or those in one project's directory. */
export type Scope = {
  readonly sento: Sento
  /** The project's directory, or null for the user. */
  readonly project: string | null
  readonly environment: Readonly<Record<string, string | undefined>>
}

export type Program = {
  readonly parts: readonly Part[]
  /** Nothing above it is removed, be it empty. */
  readonly root: string
  /** What the owner does next, so that the program reads it. */
  readonly next: string
}

/** A hook that hangs must not hold a turn for long. */
const hookSeconds = 10
/** More than the longest wait of the tool `send_message`. */
const toolSeconds = 660

const programs: Readonly<Record<string, (scope: Scope) => Program>> = { claude, codex, gemini, opencode }

/** @throws usage for a name that is none of them */
export function findProgram(name: string, scope: Scope): Program {
  const find = Object.hasOwn(programs, name) ? programs[name] : undefined
  if (find !== undefined) return find(scope)
  throw new SentoError(
    "usage",
    `${JSON.stringify(name)} is no agent program that sento can set up`,
    `give one of ${Object.keys(programs).join(", ")}`,
  )
}

/** A directory named by a variable, or one below the home directory; and what is never removed. */
function placeOf(
  named: string | undefined,
  ...path: string[]
): { readonly folder: string; readonly root: string } {
  return named
    ? { folder: absolute(named), root: absolute(named) }
    : { folder: join(absolute(homedir()), ...path), root: absolute(homedir()) }
}

/** Behind a link, `..` is not what it seems to be. */
const absolute = (path: string): string =>
  path.split("/").includes("..")
    ? behindLinks(isAbsolute(path) ? path : `${process.cwd()}/${path}`)
    : resolve(path)

const projectPlace = (project: string, ...path: string[]) => ({
  folder: join(project, ...path),
  root: project,
})

/** @param timeout - in the program's unit */
const hooksOf = (sento: Sento, events: readonly string[], timeout: number): Entry[] =>
  events.map(event => ({ path: ["hooks", event], key: null, value: hookGroup(sento, event, timeout) }))

/**
 * A plugin folder below `skills/` is loaded without any entry in a settings file, as `sento@skills-dir`, in a
 * project once its directory is trusted (Claude Code 2.1.197 and 2.1.330; both know all five hooks).
 */
function claude({ sento, project, environment }: Scope): Program {
  const place =
    project === null ? placeOf(environment.CLAUDE_CONFIG_DIR, ".claude") : projectPlace(project, ".claude")
  const folder = join(place.folder, "skills", "sento")
  const plugin = join(folder, ".claude-plugin", "plugin.json")
  const events = ["UserPromptSubmit", "PermissionRequest", "Stop", "StopFailure", "SessionEnd"]
  const server: Entry = {
    path: ["mcpServers"],
    key: "sento",
    value: { type: "stdio", ...mcpServer(sento) },
  }
  return {
    root: place.root,
    parts: [
      ownJsonFile("claude", plugin, { ...manifest("claude"), author: { name: "Sentō" } }, []),
      ownJsonFile("claude", join(folder, ".mcp.json"), {}, [server], plugin),
      ownJsonFile(
        "claude",
        join(folder, "hooks/hooks.json"),
        {},
        hooksOf(sento, events, hookSeconds),
        plugin,
      ),
      ownFile("claude", join(folder, "skills/sento/SKILL.md"), skill("claude"), plugin),
    ],
    next:
      project === null
        ? "start Claude Code anew, or run /reload-plugins in it"
        : "start Claude Code anew in this directory, trust it, and say yes to its MCP server",
  }
}

/**
 * Hooks go into hooks.json, which Codex itself never writes, and whose entries it tells by their number: the
 * ones at the end shift none. They run only after the owner trusted them (Codex 0.169.0). An MCP server there
 * gets no variables but those that are named.
 */
function codex({ sento, project, environment }: Scope): Program {
  const { folder, root } =
    project === null ? placeOf(environment.CODEX_HOME, ".codex") : projectPlace(project, ".codex")
  const keys = { ...mcpServer(sento), env_vars: ["SENTO_HOME", "SENTO_DOOR"], tool_timeout_sec: toolSeconds }
  const hooks = hooksOf(sento, ["UserPromptSubmit", "Stop"], hookSeconds)
  return {
    root,
    parts: [
      tomlFile("codex", join(folder, "config.toml"), keys),
      jsonFile(join(folder, "hooks.json"), hooks),
      ownFile("codex", join(folder, "skills", "sento", "SKILL.md"), skill("codex")),
    ],
    next: `start Codex anew${project === null ? "" : " in this directory, trust it"} and say yes to the two hooks (/hooks in Codex)`,
  }
}

/** Extensions are the user's alone (Gemini CLI 0.61.0); in a project, its settings file takes the same entries. */
function gemini({ sento, project, environment }: Scope): Program {
  const events = ["BeforeAgent", "AfterAgent"]
  const server: Entry = {
    path: ["mcpServers"],
    key: "sento",
    value: { ...mcpServer(sento), timeout: toolSeconds * 1000 },
  }
  const hooks = hooksOf(sento, events, hookSeconds * 1000)
  if (project !== null) {
    return {
      root: project,
      parts: [
        jsonFile(join(project, ".gemini", "settings.json"), [server, ...hooks]),
        ownFile("gemini", join(project, ".gemini", "skills", "sento", "SKILL.md"), skill("gemini")),
      ],
      next: "start Gemini CLI anew in this directory, and trust it",
    }
  }
  const place = placeOf(environment.GEMINI_CLI_HOME)
  const folder = join(place.folder, ".gemini", "extensions", "sento")
  const extension = join(folder, "gemini-extension.json")
  return {
    root: place.root,
    parts: [
      ownJsonFile("gemini", extension, { ...manifest("gemini"), contextFileName: "GEMINI.md" }, [server]),
      ownJsonFile("gemini", join(folder, "hooks/hooks.json"), {}, hooks, extension),
      ownFile("gemini", join(folder, "GEMINI.md"), context("gemini"), extension),
    ],
    next: "start Gemini CLI anew",
  }
}

/** OpenCode 1.18.33 reads opencode.json and opencode.jsonc, both with comments; plugins/ and skills/ beside them. */
function opencode({ sento, project, environment }: Scope): Program {
  const place = placeOf(environment.XDG_CONFIG_HOME, ".config")
  const settings = project ?? join(place.folder, "opencode")
  const folder = project === null ? settings : join(project, ".opencode")
  const named = ["opencode.jsonc", "opencode.json"].map(name => join(settings, name))
  const { command, args } = mcpServer(sento)
  // For its start as well (OpenCode 1.18.33), which waits for nothing.
  const value = { type: "local", command: [command, ...args], timeout: toolSeconds * 1000 }
  const server: Entry = { path: ["mcp"], key: "sento", value }
  // The one that has ours already; a file that was made meanwhile does not hide it.
  const file =
    named.find(path => hasEntry(path, server)) ??
    named.find(path => existsSync(path)) ??
    join(settings, "opencode.json")
  return {
    root: project ?? place.root,
    parts: [
      jsonFile(file, [server]),
      ownFile("opencode", join(folder, "plugins", "sento.js"), openCodePlugin(sento)),
      ownFile("opencode", join(folder, "skills", "sento", "SKILL.md"), skill("opencode")),
    ],
    next: `start OpenCode anew${project === null ? "" : " in this directory"}`,
  }
}
