/** Whether two paths are one file. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isSameFile } from "../../src/store/links.ts"

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sento-links-"))
  for (const name of ["one", "other"]) writeFileSync(join(folder, name), "")
  symlinkSync("one", join(folder, "link"))
})
afterAll(() => rmSync(folder, { recursive: true }))

test.each([
  ["one", "one", true],
  ["one", "link", true],
  ["link", "one", true],
  ["one", "other", false],
  ["link", "other", false],
  ["gone", "gone", true],
  ["gone", "lost", false],
  ["one", "gone", false],
])("%s and %s: %p", (one, other, isSame) => {
  expect(isSameFile(join(folder, one), join(folder, other))).toBe(isSame)
})
