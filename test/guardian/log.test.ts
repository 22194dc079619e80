import { afterEach, expect, test } from "bun:test"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openLog } from "../../src/guardian/log.ts"

const folder = mkdtempSync(join(tmpdir(), "sento-log-"))
const path = join(folder, "guardian.log")
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test("the log is turned over at a mebibyte, and two older files are kept", () => {
  const log = openLog(path, () => 0)
  for (let i = 0; i < 50; i += 1) log.write(`${i} ${"ä".repeat(50_000)}`)
  expect(readdirSync(folder).sort()).toEqual(["guardian.log", "guardian.log.1", "guardian.log.2"])
  for (const name of readdirSync(folder))
    expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(1024 * 1024)
  expect(readFileSync(path, "utf8")).toContain("Z 49 ")
})
