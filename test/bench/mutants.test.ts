/** What `bun run mutants` changes, and that what it need not try is still there. */
import { describe, expect, test } from "bun:test"
import { join } from "node:path"
import { linesIn } from "../../bench/mutants/changed.ts"
import { readImports, slow, testsOf } from "../../bench/mutants/covering.ts"
import { explanations } from "../../bench/mutants/explained.ts"
import { handMade, handMutantOf } from "../../bench/mutants/hand.ts"
import { applied, inOneLine } from "../../bench/mutants/mutant.ts"
import { changesOfSql, isSql } from "../../bench/mutants/sql.ts"

const root = join(import.meta.dir, "../..")

/** What a piece of SQL becomes, each in one line. */
const mutantsOf = (sql: string): string[] =>
  [...new Set(changesOfSql(sql).map(one => inOneLine(applied(sql, one))))].sort()

describe("of SQL", () => {
  test.each<readonly [string, string, readonly string[]]>([
    [
      "a comparison and its term",
      "SELECT a FROM t WHERE a < $b",
      ["SELECT a FROM t WHERE TRUE", "SELECT a FROM t WHERE a <= $b", "SELECT a FROM t WHERE a > $b"],
    ],
    [
      "each term of AND",
      "DELETE FROM t WHERE a = $a AND b IS NULL",
      [
        "DELETE FROM t WHERE TRUE AND b IS NULL",
        "DELETE FROM t WHERE a <> $a AND b IS NULL",
        "DELETE FROM t WHERE a = $a AND TRUE",
        "DELETE FROM t WHERE a = $a AND b IS NOT NULL",
        "DELETE FROM t WHERE a = $a OR b IS NULL",
      ],
    ],
    [
      "each term of OR, within parentheses too",
      "SELECT a FROM t WHERE (a IS NOT NULL OR b)",
      [
        "SELECT a FROM t WHERE (FALSE OR b)",
        "SELECT a FROM t WHERE (a IS NOT NULL AND b)",
        "SELECT a FROM t WHERE (a IS NOT NULL OR FALSE)",
        "SELECT a FROM t WHERE (a IS NULL OR b)",
        "SELECT a FROM t WHERE TRUE",
      ],
    ],
    [
      "each word of IN",
      "SELECT a FROM t WHERE a NOT IN ('b', 'c')",
      [
        "SELECT a FROM t WHERE TRUE",
        "SELECT a FROM t WHERE a IN ('b', 'c')",
        "SELECT a FROM t WHERE a NOT IN ( 'c')",
        "SELECT a FROM t WHERE a NOT IN ('b')",
      ],
    ],
    [
      "each assignment",
      "UPDATE t SET a = a + 1, b = $b",
      [
        "UPDATE t SET a = a + 1",
        "UPDATE t SET a = a + 2, b = $b",
        "UPDATE t SET a = a - 1, b = $b",
        "UPDATE t SET b = $b",
      ],
    ],
    ["the one that there is", "UPDATE t SET a = $a", ["UPDATE t SET a = a"]],
    [
      "order, its parts, and a limit",
      "SELECT a FROM t ORDER BY a, b DESC LIMIT 3",
      [
        "SELECT a FROM t LIMIT 3",
        "SELECT a FROM t ORDER BY a LIMIT 3",
        "SELECT a FROM t ORDER BY a, b ASC LIMIT 3",
        "SELECT a FROM t ORDER BY a, b DESC",
        "SELECT a FROM t ORDER BY a, b DESC LIMIT 4",
        "SELECT a FROM t ORDER BY b DESC LIMIT 3",
      ],
    ],
    ["a setting", "PRAGMA busy_timeout = 0", ["PRAGMA busy_timeout = 1"]],
    ["a part that is put together", `a IN (\${b})`, ["TRUE", `a NOT IN (\${b})`]],
    ["nothing where nobody could tell", "SELECT 1 FROM t LIMIT 1", []],
    ["nothing of an index", "CREATE INDEX i ON t (a) WHERE a IS NOT NULL", []],
    ["nothing of a comment", "CREATE TABLE t (a TEXT -- 1 AND 2\n)", []],
  ])("%s", (_, sql, becomes) => {
    expect(mutantsOf(sql)).toEqual([...becomes].sort())
  })

  test.each([
    ["a query", "SELECT 1", true],
    ["a condition alone", "state = 'queued'", true],
    ["a sentence", "select one and go on", false],
    ["a name", "inbox", false],
  ])("%s", (_, text, is) => expect(isSql(text)).toBe(is))
})

test("a file is tried with the tests of its layer that load it, also in a process of their own, nearest first", async () => {
  const tests = testsOf(await readImports(root), "src/store/config.ts")
  expect(tests).toContain("test/store/config.test.ts")
  expect(tests).toContain("test/store/durability.test.ts")
  expect(tests).not.toContain("test/store/commits.test.ts")
  expect(tests.every(test => test.startsWith("test/store/"))).toBe(true)
})

test("slow tests are there, and go with no file", async () => {
  const graph = await readImports(root)
  expect([...slow].filter(test => !graph.has(test))).toEqual([])
  expect(testsOf(graph, "src/tmux/loop.ts")).toContain("test/tmux/loop.test.ts")
  expect(testsOf(graph, "src/tmux/loop.ts").filter(test => slow.has(test))).toEqual([])
})

test("what is changed by hand is still there, once, and so are its tests", async () => {
  const graph = await readImports(root)
  for (const one of handMade) {
    expect(handMutantOf(one, await Bun.file(join(root, one.file)).text())).toMatchObject({ file: one.file })
    expect([one.test, graph.has(one.test)]).toEqual([one.test, true])
  }
})

test("of a diff, the lines that are new", () => {
  const diff = `--- a/src/a.ts\n+++ b/src/a.ts\n@@ -1,2 +1 @@ x\n-a\n-b\n+c\n@@ -9,0 +9,2 @@\n+d\n+e\n--- a/src/b.ts\n+++ b/src/b.ts\n@@ -3,2 +2,0 @@\n-f\n-g\n`
  expect(linesIn(diff)).toEqual(
    new Map([
      ["src/a.ts", new Set([1, 9, 10])],
      ["src/b.ts", new Set()],
    ]),
  )
})

test("what is explained is still there, once", async () => {
  const keys = explanations.map(({ why, ...one }) => JSON.stringify(one))
  expect(new Set(keys).size).toBe(keys.length)
  for (const { file, line, was } of explanations) {
    const text = await Bun.file(join(root, file)).text()
    expect([file, text.split("\n").map(one => one.trim())]).toEqual([file, expect.arrayContaining([line])])
    expect(inOneLine(text)).toContain(was)
  }
})
