/** What each agent program needs to know, and where it looks for it. */
import { existsSync } from "node:fs"
import { homedir } from "node:os"
import { isAbsolute, join, resolve } from "node:path"
import { SentoError } from "../../protocol/errors.ts"
import { behindLinks } from "./files.ts"
import { type Entry, jsonFile, ownFile, type Part, tomlFile } from "./parts.ts"
import {
  asJson,
  context,
  hookGroup,
  manifest,
  mcpServer,
  openCodePlugin,
  type Sento,
  skill,
} from "./texts.ts"

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
  const hooks = Object.fromEntries(events.map(event => [event, [hookGroup(sento, event, hookSeconds)]]))
  const server = { type: "stdio", ...mcpServer(sento) }
  const own = (path: string, content: string): Part => ownFile("claude", join(folder, path), content, plugin)
  return {
    root: place.root,
    parts: [
      ownFile("claude", plugin, asJson({ ...manifest("claude"), author: { name: "Sentō" } })),
      own(".mcp.json", asJson({ mcpServers: { sento: server } })),
      own("hooks/hooks.json", asJson({ hooks })),
      own("skills/sento/SKILL.md", skill("claude")),
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
  const hooks = ["UserPromptSubmit", "Stop"].map(event => ({
    path: ["hooks", event],
    key: null,
    value: hookGroup(sento, event, hookSeconds),
  }))
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
  const server = { ...mcpServer(sento), timeout: toolSeconds * 1000 }
  const group = (event: string): Record<string, unknown> => hookGroup(sento, event, hookSeconds * 1000)
  if (project !== null) {
    const entries: Entry[] = [
      { path: ["mcpServers"], key: "sento", value: server },
      ...events.map(event => ({ path: ["hooks", event], key: null, value: group(event) })),
    ]
    return {
      root: project,
      parts: [
        jsonFile(join(project, ".gemini", "settings.json"), entries),
        ownFile("gemini", join(project, ".gemini", "skills", "sento", "SKILL.md"), skill("gemini")),
      ],
      next: "start Gemini CLI anew in this directory, and trust it",
    }
  }
  const place = placeOf(environment.GEMINI_CLI_HOME)
  const folder = join(place.folder, ".gemini", "extensions", "sento")
  const extension = join(folder, "gemini-extension.json")
  const hooks = Object.fromEntries(events.map(event => [event, [group(event)]]))
  const own = (path: string, content: string): Part =>
    ownFile("gemini", join(folder, path), content, extension)
  const settings = { ...manifest("gemini"), mcpServers: { sento: server }, contextFileName: "GEMINI.md" }
  return {
    root: place.root,
    parts: [
      ownFile("gemini", extension, asJson(settings)),
      own("hooks/hooks.json", asJson({ hooks })),
      own("GEMINI.md", context("gemini")),
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
  const file = named.find(path => existsSync(path)) ?? join(settings, "opencode.json")
  const { command, args } = mcpServer(sento)
  // For its start as well (OpenCode 1.18.33), which waits for nothing.
  const server = { type: "local", command: [command, ...args], timeout: toolSeconds * 1000 }
  return {
    root: project ?? place.root,
    parts: [
      jsonFile(file, [{ path: ["mcp"], key: "sento", value: server }]),
      ownFile("opencode", join(folder, "plugins", "sento.js"), openCodePlugin(sento)),
      ownFile("opencode", join(folder, "skills", "sento", "SKILL.md"), skill("opencode")),
    ],
    next: `start OpenCode anew${project === null ? "" : " in this directory"}`,
  }
}
