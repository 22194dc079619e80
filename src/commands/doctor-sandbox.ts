/**
 * `sento doctor`: what a program's own sandbox keeps from reaching the Guardian. Tried on Linux with Claude Code 2.1.332
 * and Codex 0.169.0, whose hooks and MCP servers are outside of it, and Gemini CLI 0.61.0, whose `toolSandboxing`
 * leaves sockets alone; its containers as its source has them. OpenCode has none.
 */
import { homedir } from "node:os"
import { join } from "node:path"
import type { AgentProgramName } from "../protocol/names.ts"
import type { AgentProcess, Environment } from "./agent-process.ts"
import type { Finding } from "./doctor-peer.ts"
import { readFile } from "./setup/files.ts"
import { readJson } from "./setup/json-text.ts"

/** A program, seen or configured, with the environment that it has. */
type Boxed = Pick<AgentProcess, "name" | "arguments" | "directory"> & { readonly environment: Environment }

/** What does not work, and what lets it; `all` where not even its tools do. */
type Box = { readonly is: string; readonly setting: string; readonly all: boolean }

const boxes: Readonly<Record<AgentProgramName, (one: Boxed) => Box | null>> = {
  claude: boxOfClaude,
  codex: boxOfCodex,
  gemini: boxOfGemini,
  opencode: () => null,
}

/** @param hasTools - whether it has the tools of `sento mcp`; @param setup - the command that gives it those */
export function checkSandbox(one: Boxed, hasTools: boolean, setup: string): Finding[] {
  const box = boxes[one.name](one)
  if (box === null) return []
  const check = `${one.name}'s sandbox`
  if (box.all) return [{ check, is: box.is, fix: box.setting }]
  const is = `${box.is}; its tools do, and with ${box.setting} so do these`
  return [hasTools ? { check, is, fix: null } : { check, is: box.is, fix: `run \`${setup}\`: its tools do` }]
}

const unheard = "its shell commands, such as `sento reply`, do not reach the Guardian"

/** The first of its files that says something counts: managed, local, the project's, the user's. */
function boxOfClaude({ environment, directory }: Boxed): Box | null {
  const user = environment.CLAUDE_CONFIG_DIR || join(homeOf(environment), ".claude")
  const project = directory === null ? [] : ["settings.local.json", "settings.json"]
  const files = [
    "/etc/claude-code/managed-settings.json",
    ...project.map(name => join(directory ?? "", ".claude", name)),
    join(user, "settings.json"),
  ].map(readSettings)
  const says = (...keys: string[]): unknown => files.map(file => at(file, ["sandbox", ...keys])).find(isSaid)
  if (says("enabled") !== true || says("network", "allowAllUnixSockets") === true) return null
  const setting = `\`"network": {"allowAllUnixSockets": true}\` in "sandbox" of ${join(user, "settings.json")}`
  return { is: unheard, setting, all: false }
}

/** Its profiles may say anything, and are not read. */
function boxOfCodex({ arguments: words, environment, directory }: Boxed): Box | null {
  const user = join(environment.CODEX_HOME || join(homeOf(environment), ".codex"), "config.toml")
  const files = [...(directory === null ? [] : [join(directory, ".codex", "config.toml")]), user].map(
    readToml,
  )
  const says = (...keys: string[]): unknown =>
    givenTo(words, ["-c", "--config"], keys.join(".")) ?? files.map(file => at(file, keys)).find(isSaid)
  const isOpen = words.some(word => /^--(?:dangerously-bypass-approvals-and-sandbox|yolo)$/.test(word))
  const isProfiled = words.some(word => /^(?:-p|-P|--profile|--permission-profile)(?:=|$)/.test(word))
  if (isOpen || isProfiled || isSaid(says("default_permissions")) || isSaid(says("profile"))) return null
  const mode = givenTo(words, ["-s", "--sandbox"]) ?? says("sandbox_mode")
  if (mode === "danger-full-access") return null
  if (mode !== "read-only" && String(says("sandbox_workspace_write", "network_access")) === "true")
    return null
  const setting = `\`network_access = true\` in [sandbox_workspace_write] of ${user}, with the mode workspace-write,`
  return { is: `${unheard}${typeof mode === "string" ? ` (${mode})` : ""}`, setting, all: false }
}

/** All of it runs in a container then, without its hooks, and without any `sento`; what is mounted besides may be one. */
function boxOfGemini({ arguments: words, environment, directory }: Boxed): Box | null {
  const { GEMINI_SANDBOX, SANDBOX, SANDBOX_MOUNTS } = environment
  const user = join(environment.GEMINI_CLI_HOME || homeOf(environment), ".gemini", "settings.json")
  const files = [...(directory === null ? [] : [join(directory, ".gemini", "settings.json")]), user].map(
    readSettings,
  )
  const isAsked = words.some(word => /^(?:-s|--sandbox)$/.test(word)) ? true : givenTo(words, ["--sandbox"])
  const set = files.map(file => at(file, ["tools", "sandbox"])).find(isSaid)
  const inObject = at(set, ["enabled"]) === true ? (at(set, ["command"]) ?? true) : false
  const wish = GEMINI_SANDBOX || (isAsked ?? (typeof set === "object" ? inObject : set))
  if (SANDBOX || SANDBOX_MOUNTS || !isSaid(wish) || /^(?:0|false|)$/i.test(String(wish))) return null
  return {
    is: "it runs in a container without `sento`: neither its hooks nor its tools nor `sento reply` reach the Guardian",
    setting: `start it with \`GEMINI_SANDBOX=false gemini\`; \`"security": {"toolSandboxing": true}\` in ${user} confines its commands, and they reach it`,
    all: true,
  }
}

const homeOf = ({ HOME }: Environment): string => HOME || homedir()

const isSaid = (value: unknown): boolean => value !== undefined && value !== null

/** What is not there, or cannot be read, says nothing. */
function readSettings(path: string): unknown {
  try {
    return readJson(readFile(path) ?? "{}").value
  } catch {
    return {}
  }
}

function readToml(path: string): unknown {
  try {
    return Bun.TOML.parse(readFile(path) ?? "")
  } catch {
    return {}
  }
}

const at = (value: unknown, keys: readonly string[]): unknown =>
  keys.reduce<unknown>((inner, key) => (inner as Record<string, unknown> | null | undefined)?.[key], value)

/** Of `--name value` and `--name=value`, or of `-c key=value`, without quotes; null where it is not given. */
function givenTo(words: readonly string[], names: readonly string[], key?: string): string | null {
  const values = words.flatMap((word, index) => {
    if (names.includes(word)) return words[index + 1] ?? []
    const name = names.find(one => word.startsWith(`${one}=`))
    return name === undefined ? [] : word.slice(name.length + 1)
  })
  const own = key === undefined ? values : values.filter(one => one.startsWith(`${key}=`))
  const value = own.at(-1)?.slice(key === undefined ? 0 : key.length + 1)
  return value?.replace(/^["']|["']$/g, "") ?? null
}
