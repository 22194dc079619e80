/** What `sento setup` notes of where it wrote, so that all of it can be found again. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { findSetup } from "../../src/commands/setup/programs.ts"
import {
  forgetSetup,
  noteSetup,
  readRecords,
  recordOf,
  type SetupRecord,
} from "../../src/commands/setup/records.ts"
import { setupsPath } from "../../src/store/homes.ts"
import { built } from "../support/world.ts"

let home = ""
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sento-records-"))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const record = (project: string | null, sento = "/opt/sento"): SetupRecord => {
  const environment = { CODEX_HOME: "/srv/codex", CLAUDE_CONFIG_DIR: "/srv/claude" }
  const scope = { sento: [sento] as const, project, environment }
  return recordOf("codex", scope, findSetup("codex", scope))
}

describe("the list of setups", () => {
  test("has each place once, with the latest path of sento and every file there ever was", () => {
    const path = setupsPath(home)
    noteSetup({ ...record(null), paths: ["/srv/codex/old.json"] }, path)
    noteSetup(record("/work"), path)
    noteSetup(record(null, "/usr/bin/sento"), path)
    expect(readRecords(path)).toEqual([
      {
        program: "codex",
        project: null,
        environment: { CODEX_HOME: "/srv/codex" },
        sento: ["/usr/bin/sento"],
        paths: [...record(null).paths, "/srv/codex/old.json"],
      },
      record("/work"),
    ])
  })

  test("is nobody else's to read, and gone with its folder when the last is forgotten", () => {
    const path = setupsPath(home)
    noteSetup(record(null), path)
    expect(statSync(join(home, ".sento")).mode & 0o777).toBe(0o700)
    forgetSetup(record("/other"), path)
    expect(readRecords(path)).toHaveLength(1)
    forgetSetup(record(null), path)
    expect(existsSync(join(home, ".sento"))).toBe(false)
    expect(readRecords(path)).toEqual([])
  })

  test("leaves the folder where an agent has its things in it", () => {
    mkdirSync(join(home, ".sento"))
    writeFileSync(join(home, ".sento/sento.db"), "")
    noteSetup(record(null), setupsPath(home))
    forgetSetup(record(null), setupsPath(home))
    expect(existsSync(join(home, ".sento/sento.db"))).toBe(true)
    expect(existsSync(setupsPath(home))).toBe(false)
  })

  test("is refused where it cannot be read, and kept as it is", () => {
    mkdirSync(join(home, ".sento"))
    writeFileSync(setupsPath(home), '{"version":2}')
    expect(() => noteSetup(record(null), setupsPath(home))).toThrow("is no list of setups")
    expect(readFileSync(setupsPath(home), "utf8")).toBe('{"version":2}')
  })
})

test("the command notes it, and a refused one notes nothing", () => {
  mkdirSync(join(home, "work"))
  const setup = (...words: string[]) =>
    Bun.spawnSync([...built, "setup", ...words], {
      cwd: join(home, "work"),
      env: { PATH: "/usr/bin:/bin", HOME: home, CODEX_HOME: "../codex" },
    }).exitCode
  writeFileSync(join(home, "work/opencode.json"), "{ no")
  expect(setup("opencode", "--project")).toBe(78)
  expect(existsSync(join(home, ".sento"))).toBe(false)
  expect(setup("codex")).toBe(0)
  expect(setup("gemini", "--project")).toBe(0)
  expect(setup("gemini", "--print")).toBe(0)
  expect(readRecords(setupsPath(home)).map(one => [one.program, one.project, one.environment])).toEqual([
    ["codex", null, { CODEX_HOME: join(home, "codex") }],
    ["gemini", join(home, "work"), {}],
  ])
  expect(setup("codex", "--undo")).toBe(0)
  expect(setup("gemini", "--project", "--undo")).toBe(0)
  expect(existsSync(join(home, ".sento"))).toBe(false)
})
