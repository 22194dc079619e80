/** docs/SECURITY.md says which test withstands which attack: a test that was renamed or removed is noticed here. */
import { expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"

const tests = join(import.meta.dir, "..")
const document = readFileSync(join(tests, "../docs/SECURITY.md"), "utf8")
const section = document.split("## Attacks, and what stops each")[1]?.split("\n## ")[0] ?? ""
const rows = section
  .split("\n")
  .filter(line => line.startsWith("| ") && !/^\| (?:attack|---) \|/.test(line))
  .map(line => line.slice(2, -2).split(" | "))

type Named = { readonly attack: string; readonly file: string; readonly sentence: string }
const named: readonly Named[] = rows.flatMap(([attack = "", , cell = ""]) =>
  cell.split(" · ").map(one => {
    const [, file = "", sentence = ""] = /^`([^`]+)`: (.+)$/.exec(one) ?? []
    return { attack, file, sentence }
  }),
)

const holds = ({ file, sentence }: Named): boolean => {
  const path = join(tests, file)
  if (file === "" || sentence === "" || !existsSync(path)) return false
  const text = readFileSync(path, "utf8")
  return [`"${sentence}"`, `'${sentence}'`, `\`${sentence}\``].some(title => text.includes(title))
}

test("every row of the table has an attack, what stops it, and tests that are there", () => {
  expect(rows.length).toBeGreaterThan(50)
  expect(rows.filter(row => row.length !== 3 || row.some(cell => cell.trim() === ""))).toEqual([])
  expect(named.filter(one => !holds(one))).toEqual([])
})

test("every file of attacks is in the table", () => {
  const files = [...new Bun.Glob("*.test.ts").scanSync(import.meta.dir)].filter(
    file => file !== "table.test.ts",
  )
  expect(files.filter(file => !named.some(one => one.file === `attacks/${file}`))).toEqual([])
})
