/** `sento setup` on awkward homes: links as the kernel follows them, and every byte back with `--undo`. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { findSetup } from "../../src/commands/setup/programs.ts"
import { apply, changesOf } from "../../src/commands/setup.ts"
import { SentoError } from "../../src/protocol/errors.ts"
import { contents, layouts, unrelated } from "../support/awkward-homes.ts"

let home = ""
beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "sento-homes-")))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

/** Everything below the home: bytes, modes, links and directories. (Bun's own walk follows links.) */
function everything(folder = home): Map<string, string> {
  const entries = readdirSync(folder).flatMap((name): [string, string][] => {
    const path = join(folder, name)
    const stat = lstatSync(path)
    if (stat.isDirectory()) return [[path, "directory"], ...everything(path)]
    if (stat.isSymbolicLink()) return [[path, `→ ${readlinkSync(path)}`]]
    return [[path, `${(stat.mode & 0o777).toString(8)} ${readFileSync(path, "utf8")}`]]
  })
  return new Map(entries)
}

/** Where each program has its files, and those that are others' too. */
const scopes: Readonly<Record<string, readonly [folder: string, file: string]>> = {
  claude: [".claude/skills", "mine.md"],
  "claude --project": ["work/.claude/skills", "mine.md"],
  codex: [".codex", "config.toml"],
  "codex's hooks": [".codex", "hooks.json"],
  "codex --project": ["work/.codex", "config.toml"],
  gemini: [".gemini/extensions", "mine.json"],
  "gemini --project": ["work/.gemini", "settings.json"],
  opencode: [".config/opencode", "opencode.json"],
  "opencode --project": ["work/.opencode", "mine.json"],
}

function programOf(scope: string, base = home) {
  const [name = "", option] = scope.replace("'s hooks", "").split(" ")
  const environment = {
    CLAUDE_CONFIG_DIR: join(base, ".claude"),
    CODEX_HOME: join(base, ".codex"),
    GEMINI_CLI_HOME: base,
    XDG_CONFIG_HOME: join(base, ".config"),
  }
  const project = option === undefined ? null : join(base, "work")
  return findSetup(name, { sento: ["/opt/bin/sento"], project, environment })
}

/** Whether it changed something; null where it refused. */
function setUp(scope: string, isUndo: boolean, base = home): boolean | null {
  try {
    const program = programOf(scope, base)
    const changes = changesOf(program, isUndo)
    apply(program, changes)
    return changes.length > 0
  } catch (error) {
    if (!(error instanceof SentoError)) throw error
    expect([error.code, error.message]).toEqual(["config", expect.stringContaining(base)])
    return null
  }
}

/** Whether the program touches this file at all: of claude and gemini all files are ours alone. */
const isShared = (scope: string): boolean => !scopes[scope]?.[1].startsWith("mine")

function checked(scope: string, works: boolean): void {
  const before = everything()
  const done = setUp(scope, false)
  if (!works) {
    expect(done).toBeNull()
    expect(everything()).toEqual(before)
    return
  }
  expect(done).toBe(true)
  const after = everything()
  const paths = programOf(scope).parts.map(({ path }) => realpathSync(path))
  const changed = [...before.keys()].filter(path => after.get(path) !== before.get(path))
  expect(changed.filter(path => !paths.includes(path))).toEqual([])
  for (const { path } of programOf(scope).parts) expect(readFileSync(path, "utf8")).toContain("sento")
  expect(setUp(scope, false)).toBe(false)
  expect(everything()).toEqual(after)
  expect(setUp(scope, true)).toBe(true)
  expect(everything()).toEqual(before)
}

describe.each(Object.keys(scopes))("%s", scope => {
  const [folder = "", file = ""] = scopes[scope] ?? []

  test.each(Object.entries(layouts))("%s", (name, { works, make }) => {
    mkdirSync(join(home, "work"))
    make({ home, folder: join(home, folder), file, content: contents.tidy?.(file) ?? null })
    // What befalls a file that is not touched is no matter.
    checked(scope, works || (!isShared(scope) && name.startsWith("the file")))
  })

  test.each(isShared(scope) ? Object.entries(contents) : [])(
    "a file behind links, with %s",
    (_, contentOf) => {
      mkdirSync(join(home, "work"))
      layouts["the directory a link, the file a relative one in it"]?.make({
        home,
        folder: join(home, folder),
        file,
        content: contentOf(file),
      })
      checked(scope, true)
    },
  )

  test("a home that is itself behind a link", () => {
    mkdirSync(join(home, "work"))
    const place = { home, folder: join(home, folder), file, content: contents.tidy?.(file) ?? null }
    layouts["the file a relative link"]?.make(place)
    symlinkSync(".", join(home, "linked"))
    const before = everything()
    expect(setUp(scope, false, join(home, "linked"))).toBe(true)
    expect(setUp(scope, true)).toBe(true)
    expect(everything()).toEqual(before)
  })
})

test("nothing of this is about one file alone: there are 40 homes and more", () => {
  expect(Object.keys(layouts).length + Object.keys(contents).length).toBeGreaterThanOrEqual(40)
  expect(unrelated).not.toContain("sento")
})

test("a directory named with `..` behind a link is the one that the kernel means", () => {
  const real = join(home, "far/codex")
  mkdirSync(real, { recursive: true })
  mkdirSync(join(home, "far/hop"))
  symlinkSync("far/hop", join(home, "hop"))
  const before = everything()
  const environment = { CODEX_HOME: `${home}/hop/../codex` }
  const program = findSetup("codex", { sento: ["/opt/bin/sento"], project: null, environment })
  apply(program, changesOf(program, false))
  expect(readdirSync(real).sort()).toEqual(["config.toml", "hooks.json", "skills"])
  apply(program, changesOf(program, true))
  expect(everything()).toEqual(before)
})
