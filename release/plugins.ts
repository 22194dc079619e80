/**
 * `bun run plugins`: what each agent program's own way to add something takes, from the texts of `sento setup`, into
 * plugins/ and the two marketplace files. They start the `sento` that is in PATH, and say where there is none.
 */
import { mkdir, rm } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import packageJson from "../package.json" with { type: "json" }
import { claudeEvents } from "../src/commands/setup/programs/claude.ts"
import { codexEvents, ownVariables } from "../src/commands/setup/programs/codex.ts"
import { geminiEvents } from "../src/commands/setup/programs/gemini.ts"
import { openCodePlugin } from "../src/commands/setup/programs/opencode.ts"
import { hookSeconds, toolSeconds } from "../src/commands/setup/scope.ts"
import { asJson, context, hookCommand, mcpServer, type Sento, skill } from "../src/commands/setup/texts.ts"
import type { AgentProgramName } from "../src/protocol/names.ts"

const { version, license } = packageJson
const author = { name: "Sentō" }
const description = "Messages from and to the agents that this one is paired with."

/** Where the project's folder of plugins lies. */
const root = resolve(import.meta.dir, "..")

/** Behind `sento`, so that it does nothing where `sento setup` of that program does it already. */
const startOf = (program: AgentProgramName): Sento => ["sento", "plugin", program]

const origin = (program: AgentProgramName): string => `of sento's plugin for ${program}, plugins/${program}`

const missing = "there is no sento in PATH: npm install -g sento"

/** In a shell, so that it is told in words that something is missing. */
function server(program: AgentProgramName): { command: string; args: string[] } {
  const { command, args } = mcpServer(startOf(program))
  const said = `command -v sento >/dev/null || { echo '${missing}' >&2; exit 127; }`
  return { command: "sh", args: ["-c", `${said}; exec ${[command, ...args].join(" ")}`] }
}

/** The hooks of a turn, silent where there is no sento; and one at the start, which then says so. */
function hooks(program: AgentProgramName, events: readonly string[], timeout: number): string {
  const group = (command: string) => [{ hooks: [{ type: "command", command, timeout }] }]
  const ofTurns = events.map(event => [
    event,
    group(`! command -v sento >/dev/null || exec ${hookCommand(startOf(program), event)}`),
  ])
  const said = `command -v sento >/dev/null || echo '${JSON.stringify({ systemMessage: `sento: ${missing}` })}'`
  return asJson({ hooks: Object.fromEntries([["SessionStart", group(said)], ...ofTurns]) })
}

const claude = {
  ".claude-plugin/plugin.json": asJson({ name: "sento", version, description, author, license }),
  ".mcp.json": asJson({ mcpServers: { sento: { type: "stdio", ...server("claude") } } }),
  "hooks/hooks.json": hooks("claude", claudeEvents, hookSeconds),
  "skills/sento/SKILL.md": skill("claude", origin("claude")),
}

const codex = {
  ".codex-plugin/plugin.json": asJson({
    name: "sento",
    version,
    description,
    author,
    license,
    skills: "./skills/",
    mcpServers: "./.mcp.json",
    hooks: "./hooks/hooks.json",
  }),
  ".mcp.json": asJson({
    mcpServers: {
      sento: { ...server("codex"), env_vars: [...ownVariables], tool_timeout_sec: toolSeconds },
    },
  }),
  "hooks/hooks.json": hooks("codex", codexEvents, hookSeconds),
  "skills/sento/SKILL.md": skill("codex", origin("codex")),
}

const gemini = {
  "gemini-extension.json": asJson({
    name: "sento",
    version,
    description,
    contextFileName: "GEMINI.md",
    mcpServers: { sento: { ...server("gemini"), timeout: toolSeconds * 1000 } },
  }),
  "hooks/hooks.json": hooks("gemini", geminiEvents, hookSeconds * 1000),
  "GEMINI.md": context("gemini", origin("gemini")),
}

/** OpenCode's plugins are modules: this one adds the server and the skill to the settings as they are read. */
const openCodeSettings = `
import { spawnSync } from "node:child_process"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const folder = dirname(fileURLToPath(import.meta.url))

/** OpenCode's plugin with the server and the skill. */
export const SentoPlugin = async input => {
  const hooks = await Sento(input)
  let isMissing = spawnSync("sh", ["-c", "command -v sento"]).status !== 0

  /** Once, at a prompt, before which there may be no screen; a while later, for 1.18.33 draws the prompt over it. */
  function sayMissing() {
    if (!isMissing) return
    isMissing = false
    const body = { message: ${JSON.stringify(`sento: ${missing}`)}, variant: "warning", duration: 15_000 }
    setTimeout(() => input.client.tui.showToast({ body }).catch(() => {}), 2000)
  }

  return {
    ...hooks,
    "chat.message": async (...told) => {
      sayMissing()
      await hooks["chat.message"](...told)
    },
    config: async settings => {
      settings.mcp = { sento: ${JSON.stringify({ type: "local", command: ["sh", ...server("opencode").args], timeout: toolSeconds * 1000 })}, ...settings.mcp }
      settings.skills = { ...settings.skills, paths: [...(settings.skills?.paths ?? []), join(folder, "skills")] }
    },
  }
}
`

const opencode = {
  "package.json": asJson({
    name: "sento-opencode",
    version,
    description,
    license,
    type: "module",
    main: "index.js",
    exports: { ".": "./index.js", "./server": "./index.js" },
    files: ["index.js", "skills"],
  }),
  "index.js": `${openCodePlugin(startOf("opencode"), origin("opencode")).replace("export const Sento =", "const Sento =")}${openCodeSettings}`,
  "skills/sento/SKILL.md": skill("opencode", origin("opencode")),
}

const folders: Readonly<Record<AgentProgramName, Readonly<Record<string, string>>>> = {
  claude,
  codex,
  gemini,
  opencode,
}

/** Every file by its path in the project. */
export const pluginFiles: Readonly<Record<string, string>> = {
  ".claude-plugin/marketplace.json": asJson({
    name: "sento",
    owner: author,
    metadata: { description, version },
    plugins: [{ name: "sento", source: "./plugins/claude", description }],
  }),
  ".agents/plugins/marketplace.json": asJson({
    name: "sento",
    interface: { displayName: "Sentō" },
    plugins: [
      {
        name: "sento",
        source: { source: "local", path: "./plugins/codex" },
        policy: { installation: "AVAILABLE", authentication: "ON_INSTALL" },
        category: "Productivity",
      },
    ],
  }),
  ...Object.fromEntries(
    Object.entries(folders).flatMap(([program, files]) =>
      Object.entries(files).map(([path, text]) => [`plugins/${program}/${path}`, text]),
    ),
  ),
}

/** Where they lie: nothing else lies there. */
export const pluginFolders = [".claude-plugin", ".agents", "plugins"] as const

if (import.meta.main) {
  for (const folder of pluginFolders) await rm(join(root, folder), { recursive: true, force: true })
  for (const [path, text] of Object.entries(pluginFiles)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await Bun.write(join(root, path), text)
  }
}
