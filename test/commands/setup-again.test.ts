/** A second `sento setup`: the path of `sento` is put right, what is missing is added, and what the owner set stays. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { findSetup } from "../../src/commands/setup/programs.ts"
import type { Sento } from "../../src/commands/setup/texts.ts"
import { apply, changesOf } from "../../src/commands/setup.ts"
import { livedIn } from "../support/agent-homes.ts"

let home = ""
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sento-again-"))
  mkdirSync(join(home, "work"))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const write = (path: string, text: string): void => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

function programOf(scope: string, sento: Sento) {
  const [name = "", option] = scope.split(" ")
  const environment = {
    CLAUDE_CONFIG_DIR: join(home, ".claude"),
    CODEX_HOME: join(home, ".codex"),
    GEMINI_CLI_HOME: home,
    XDG_CONFIG_HOME: join(home, ".config"),
  }
  return findSetup(name, { sento, project: option === undefined ? null : join(home, "work"), environment })
}

/** @returns the files that it changed */
function setUp(scope: string, sento: Sento, isUndo = false): string[] {
  const program = programOf(scope, sento)
  const changes = changesOf(program, isUndo)
  apply(program, changes)
  return changes.map(({ path }) => path)
}

const scopes = ["claude", "codex", "gemini", "opencode"].flatMap(name => [name, `${name} --project`])
const homes = ["no home yet", ...Object.keys(livedIn)]
const everyHome = scopes.flatMap(scope => homes.map(name => [scope, name] as const))

function live(name: string): void {
  for (const [path, text] of Object.entries(livedIn[name] ?? {})) write(join(home, path), text)
}

const files = (): string[] =>
  readdirSync(home, { recursive: true, encoding: "utf8" }).filter(path => statSync(join(home, path)).isFile())

const old: Sento = ["/opt/old/sento"]
const moved: Sento = ["/opt/new/bin/sento"]

/** The files with an entry of ours that the owner can add to: no skills, no script. */
const settingsOf = (scope: string): string[] =>
  programOf(scope, old)
    .parts.map(({ path }) => path)
    .filter(path => /\.(jsonc?|toml)$/.test(path))

/** What an owner sets in an entry of ours, whatever the program. */
function owned(path: string, text: string): string {
  const eol = text.includes("\r\n") ? "\r\n" : "\n"
  if (path.endsWith(".toml"))
    return text
      .replace(
        /(?<=\[mcp_servers\.sento\]\r?\n)(?=command)/,
        `enabled = false # for now${eol}enabled_tools = [${eol}  "reply",${eol}]${eol}`,
      )
      .replace(/(?<=tool_timeout_sec = )\d+/, "7 # seconds")
      .replace(/(?<=# seconds)/, `${eol}${eol}[mcp_servers.sento.env]${eol}A = "b"`)
  return text
    .replace(
      /"command": (?="\/opt\/old\/sento"|\[\s*"\/opt\/old\/sento")/g,
      '"enabled": false, "env": {"A": "b"}, "trust": true, "includeTools": ["reply"], $&',
    )
    .replace(/"command": (?="\/opt\/old\/sento hook)/g, '"statusMessage": "x", $&')
    .replace(/"timeout": (?:660000|660|10000|10)\b/g, '"timeout": 7')
}

describe.each(everyHome)("%s, %s", (scope, name) => {
  test("what the owner set in our entries stays, byte for byte, and the path is the new one", () => {
    live(name)
    const before = new Map(
      settingsOf(scope).map(path => [path, existsSync(path) ? readFileSync(path, "utf8") : null]),
    )
    setUp(scope, old)
    const want = new Map(
      settingsOf(scope).map(path => {
        const text = readFileSync(path, "utf8")
        if (/mcp|hooks/.test(text))
          expect(owned(path, text)).not.toBe(path.endsWith("plugin.json") ? "" : text)
        writeFileSync(path, owned(path, text))
        return [path, owned(path, text).replaceAll("/opt/old/sento", "/opt/new/bin/sento")]
      }),
    )
    setUp(scope, moved)
    expect(new Map(settingsOf(scope).map(path => [path, readFileSync(path, "utf8")]))).toEqual(want)
    expect(setUp(scope, moved)).toEqual([])
    setUp(scope, moved, true)
    for (const [path, text] of before) expect(existsSync(path) ? readFileSync(path, "utf8") : null).toBe(text)
  })

  test("what is missing in our entries is added, and all else stays", () => {
    live(name)
    setUp(scope, moved)
    const want = settingsOf(scope).map(path => parsed(path))
    for (const path of settingsOf(scope)) write(path, lacking(readFileSync(path, "utf8")))
    setUp(scope, moved)
    expect(settingsOf(scope).map(path => parsed(path))).toEqual(want)
    expect(setUp(scope, moved)).toEqual([])
  })
})

const parsed = (path: string): unknown =>
  path.endsWith(".toml")
    ? Bun.TOML.parse(readFileSync(path, "utf8"))
    : Bun.JSONC.parse(readFileSync(path, "utf8").replace(/^\uFEFF/, ""))

/** Without the times and the variables that a version before this one did not write. */
const lacking = (text: string): string =>
  text
    .replace(/,\s*"timeout": (?:660000|660|10000|10)\b/g, "")
    .replace(/^(?:env_vars|tool_timeout_sec) = .*\r?\n?/gm, "")

describe("an entry of an older version", () => {
  test.each([
    ["the program from its source", ["/usr/bin/bun", join(import.meta.dir, "../../src/main.ts")]],
    ["a path with a blank", ["/opt/old dir/sento"]],
    ["a version in its name", ["/opt/sento-0.0.9"]],
  ] as const)("%s becomes the file that runs now", (_, words) => {
    for (const scope of scopes) {
      setUp(scope, words)
      setUp(scope, moved)
      const settings = settingsOf(scope).map(path => readFileSync(path, "utf8"))
      expect(settings.filter(text => words.some(word => text.includes(word)))).toEqual([])
      expect(settings.join()).toContain("/opt/new/bin/sento")
      setUp(scope, moved, true)
      expect(files()).toEqual([])
    }
  })

  test("one hook of two is joined by the other, and the file is gone with the undo", () => {
    setUp("codex", moved)
    const path = join(home, ".codex/hooks.json")
    const { hooks } = JSON.parse(readFileSync(path, "utf8")) as { hooks: Record<string, unknown> }
    write(path, `${JSON.stringify({ hooks: { Stop: hooks.Stop } }, null, 2)}\n`)
    setUp("codex", moved)
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ hooks })
    setUp("codex", moved, true)
    expect(files()).toEqual([])
  })

  test("an owner's own hook before ours, in a file of ours, is not taken for ours", () => {
    setUp("claude", old)
    const path = join(home, ".claude/skills/sento/hooks/hooks.json")
    const mine = { hooks: [{ type: "command", command: "say done" }] }
    const file = JSON.parse(readFileSync(path, "utf8")) as { hooks: Record<string, unknown[]> }
    file.hooks.Stop?.unshift(mine)
    write(path, JSON.stringify(file))
    setUp("claude", moved)
    const after = JSON.parse(readFileSync(path, "utf8")) as typeof file
    expect(after.hooks.Stop?.[0]).toEqual(mine)
    expect(JSON.stringify(after)).toBe(
      JSON.stringify(file).replaceAll("/opt/old/sento", "/opt/new/bin/sento"),
    )
  })

  test("a file of ours that is no JSON any more is refused, and stays", () => {
    setUp("claude", old)
    const path = join(home, ".claude/skills/sento/.mcp.json")
    write(path, '{ "mcpServers": ')
    expect(() => setUp("claude", moved)).toThrow(`${path}: line 1 is not JSON`)
    setUp("claude", moved, true)
    expect(existsSync(path)).toBe(false)
  })

  test("OpenCode's other file, made meanwhile, does not hide our entry", () => {
    setUp("opencode", old)
    write(join(home, ".config/opencode/opencode.jsonc"), "{}\n")
    setUp("opencode", moved)
    expect(readFileSync(join(home, ".config/opencode/opencode.jsonc"), "utf8")).toBe("{}\n")
    expect(readFileSync(join(home, ".config/opencode/opencode.json"), "utf8")).toContain("/opt/new/bin/sento")
    setUp("opencode", moved, true)
    expect(readdirSync(join(home, ".config/opencode"))).toEqual(["opencode.jsonc"])
  })
})
