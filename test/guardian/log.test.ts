import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openLog } from "../../src/guardian/log.ts"

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sento-log-"))
  path = join(folder, "guardian.log")
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test("of lines that the agent brings about 30 are written at once, then one every half minute with their count", () => {
  let now = 0
  const log = openLog(path, () => now)
  const written = (): string[] => readFileSync(path, "utf8").trimEnd().split("\n")
  for (let i = 0; i < 100; i += 1) expect(log.sparingly("hands", `line ${i}`)).toBe(i < 30)
  expect(written()).toHaveLength(30)
  for (let i = 0; i < 100; i += 1) {
    now += 1000
    log.sparingly("hands", `later ${i}`)
  }
  expect(
    written()
      .slice(30)
      .map(line => line.slice(line.indexOf(" ") + 1)),
  ).toEqual([
    "later 29 (99 lines like this were left out)",
    "later 59 (29 lines like this were left out)",
    "later 89 (29 lines like this were left out)",
  ])
  expect(log.sparingly("another kind", "is counted apart")).toBe(true)
})

test("the log is turned over at a mebibyte, and two older files are kept", () => {
  const log = openLog(path, () => 0)
  for (let i = 0; i < 50; i += 1) log.write(`${i} ${"ä".repeat(50_000)}`)
  expect(readdirSync(folder).sort()).toEqual(["guardian.log", "guardian.log.1", "guardian.log.2"])
  for (const name of readdirSync(folder))
    expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(1024 * 1024)
  expect(readFileSync(path, "utf8")).toContain("Z 49 ")
})
