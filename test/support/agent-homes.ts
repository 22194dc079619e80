/** Settings as people keep them: tidy, untidy, from Windows, and hardly begun. Paths are below the home. */
export type Files = Readonly<Record<string, string>>

const codexConfig = `# my settings
model = "gpt-5"   # the big one
notify = [
  "notify-send",
  "Codex", # [not.a.table]
]
instructions = """
[mcp_servers.sento]
not a table either
"""

[projects."/home/me/work"]
trust_level = "trusted"

[mcp_servers.docs]
command = "docs-mcp"
env = { TOKEN = "x" }

[[hooks.Stop]]
[[hooks.Stop.hooks]]
type = "command"
command = "say done"
`

const codexHooks = `{
  "description": "mine",
  "hooks": {
    "Stop": [
      { "hooks": [ { "type": "command", "command": "say done" } ] }
    ],
    "PreToolUse": []
  }
}
`

const openCode = `{
  "$schema": "https://opencode.ai/config.json",
  // what I like
  "theme": "system",
  "mcp": {
      "docs": { "type": "remote", "url": "https://docs.example/mcp" }, // [a, b]
      /* "old": { "type": "local" }, */
  },
  "plugin": [ "opencode-wakatime" ],
}
`

const geminiSettings = `{
    // Gemini reads comments
    "mcpServers": { "docs": { "command": "docs-mcp" } },
    "hooks": {
        "AfterAgent": [{ "hooks": [{ "type": "command", "command": "say done", "timeout": 5000 }] }]
    },
    "ui": {"theme":"GitHub"}
}`

const claude: Files = {
  ".claude/settings.json":
    '{\n  "hooks": { "Stop": [ { "hooks": [ { "type": "command", "command": "say done" } ] } ] }\n}\n',
  ".claude/skills/mine/SKILL.md": "---\nname: mine\ndescription: mine\n---\n",
  ".claude.json": '{"mcpServers":{"docs":{"command":"docs-mcp"}}}',
}

const inBoth = (files: Files): Files => ({
  ...files,
  ...Object.fromEntries(
    Object.entries(files).map(([path, text]) => [
      `work/${path.replace(".config/opencode/opencode", "opencode").replace(".config/opencode", ".opencode")}`,
      text,
    ]),
  ),
})

const mapped = (files: Files, change: (text: string) => string): Files =>
  Object.fromEntries(Object.entries(files).map(([path, text]) => [path, change(text)]))

const tidy: Files = inBoth({
  ...claude,
  ".codex/config.toml": codexConfig,
  ".codex/hooks.json": codexHooks,
  ".codex/skills/mine/SKILL.md": "mine\n",
  ".gemini/settings.json": geminiSettings,
  ".gemini/extensions/other/gemini-extension.json": "{}",
  ".config/opencode/opencode.json": openCode
    .replace(/\s+\/\/ .*|\s*\/\*.*\*\//g, "")
    .replace(/,(\s*[}\]])/g, "$1"),
  ".config/opencode/plugins/mine.js": "export const Mine = async () => ({})\n",
})

export const livedIn: Readonly<Record<string, Files>> = {
  tidy,
  /** Comments, commas at the end, no line break at the end, tabs. */
  untidy: inBoth({
    ...claude,
    ".codex/config.toml": codexConfig.trimEnd(),
    ".codex/hooks.json": '{"hooks":{}}',
    ".gemini/settings.json": geminiSettings.replaceAll("    ", "\t"),
    ".config/opencode/opencode.jsonc": openCode,
  }),
  "from windows": mapped(tidy, text => `\uFEFF${text.replaceAll("\n", "\r\n")}`),
  "hardly begun": inBoth({
    ".codex/config.toml": "",
    ".codex/hooks.json": "\n",
    ".gemini/settings.json": "{}",
    ".config/opencode/opencode.json": "{\n}\n",
  }),
}
