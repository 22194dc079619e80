/** plugins/ is what release/plugins.ts makes of setup's texts, and gives way to `sento setup`. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { pluginFiles, pluginFolders } from "../../release/plugins.ts"
import { findSetup } from "../../src/commands/setup/programs.ts"
import { agentProgramNames } from "../../src/protocol/names.ts"
import { built, type Ran } from "../support/world.ts"

const root = join(import.meta.dir, "../..")

test("plugins/ and the marketplace files are as `bun run plugins` writes them, and nothing else is there", () => {
  const there = pluginFolders.flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .map(path => `${folder}/${path}`)
      .filter(path => statSync(join(root, path)).isFile()),
  )
  expect(Object.fromEntries(there.map(path => [path, readFileSync(join(root, path), "utf8")]))).toEqual(
    pluginFiles,
  )
})

test("none of it carries setup's mark, by which setup would take it for its own", () => {
  for (const text of Object.values(pluginFiles)) expect(text).not.toContain("written by `sento setup")
})

let home = ""
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sento-plugins-"))
  mkdirSync(join(home, "work"))
})
afterEach(() => rmSync(home, { recursive: true }))

function run(...words: string[]): Ran {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...built, ...words], {
    cwd: join(home, "work"),
    env: { PATH: "/usr/bin:/bin", HOME: home },
    stdin: new Blob(["{}"]),
  })
  return { exit: exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(home, path)), { recursive: true })
  writeFileSync(join(home, path), text)
}

/** What each program writes down of an installed plugin, as seen in the versions of docs/AGENTS.md. */
const installed: Readonly<
  Record<(typeof agentProgramNames)[number], readonly [path: string, text: string, remove: string]>
> = {
  claude: [
    ".claude/settings.json",
    '{"enabledPlugins": {"sento@sento": true}}',
    "claude plugin uninstall sento@sento",
  ],
  codex: [
    ".codex/config.toml",
    '[plugins."sento@sento"]\nenabled = true\n',
    "codex plugin remove sento@sento",
  ],
  gemini: [
    ".gemini/extensions/sento/gemini-extension.json",
    pluginFiles["plugins/gemini/gemini-extension.json"] ?? "",
    "gemini extensions uninstall sento",
  ],
  opencode: [
    ".config/opencode/opencode.jsonc",
    '{"plugin": ["file:///src/plugins/opencode", "sento-opencode@0.2.0"] // mine\n}',
    'take "sento-opencode@0.2.0" out of it',
  ],
}

test.each(agentProgramNames)("`sento setup %s` is refused where the plugin is installed", program => {
  const [path, text, remove] = installed[program]
  write(path, text)
  for (const words of [[], ["--project"]]) {
    const { exit, stderr } = run("setup", program, ...words)
    expect([exit, stderr]).toEqual([
      78,
      expect.stringContaining(
        `sento: hint: that does the same; if you want this instead: ${remove.startsWith("take") ? remove : `\`${remove}\``}`,
      ),
    ])
    expect(stderr).toContain(join(home, path))
  }
  expect(
    readdirSync(home, { recursive: true, encoding: "utf8" }).filter(one => one.includes("setups")),
  ).toEqual([])
  expect(run("setup", program, "--undo").exit).toBe(0)
})

test.each([
  ["claude", ".claude/settings.json", '{"enabledPlugins": {"sento@sento": false, "other@sento": true}}'],
  ["codex", ".codex/config.toml", '[plugins."sento@sento"]\nenabled = false\n'],
  ["opencode", ".config/opencode/opencode.json", '{"plugin": ["not-sento-opencode"]}'],
])("one that is off, or another one, is no matter: %s", (program, path, text) => {
  write(path, text)
  expect(run("setup", program).exit).toBe(0)
})

test.each(agentProgramNames)(
  "where `sento setup %s` is there, the plugin's hooks say nothing, and its server says why",
  program => {
    const mcp = () => run("plugin", program, "mcp")
    expect(mcp().stderr).not.toContain("the same twice")
    run("setup", program)
    expect(run("plugin", program, "hook", "Stop")).toEqual({ exit: 0, stdout: "", stderr: "" })
    expect(mcp()).toMatchObject({
      exit: 77,
      stderr: expect.stringContaining(
        `\`sento setup ${program}\` is there already, and this plugin would do the same twice`,
      ),
    })
    // Noted, but no longer there: the plugin does it.
    for (const { path } of findSetup(program, {
      sento: ["/opt/sento"],
      project: null,
      environment: { HOME: home },
    }).parts)
      rmSync(path, { force: true })
    expect(mcp().stderr).not.toContain("the same twice")
  },
)

test("a setup of one project is none of another's", () => {
  run("setup", "claude", "--project")
  const at = (folder: string): string => {
    mkdirSync(join(home, folder), { recursive: true })
    return Bun.spawnSync([...built, "plugin", "claude", "mcp"], {
      cwd: join(home, folder),
      env: { PATH: "/usr/bin:/bin", HOME: home },
      stdin: "ignore",
    }).stderr.toString()
  }
  expect(at("work/src")).toContain("the same twice")
  expect(at("workshop")).not.toContain("the same twice")
})
