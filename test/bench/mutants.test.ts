/** What `bun run mutants` changes, and that what it need not try is still there. */
import { describe, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { linesIn } from "../../bench/mutants/changed.ts"
import { elsewhere, readImports, slow, testsOf } from "../../bench/mutants/covering.ts"
import { drawOf, intervalOf } from "../../bench/mutants/drawing.ts"
import { explanationOf, explanations } from "../../bench/mutants/explained.ts"
import { handMade, handMutantOf } from "../../bench/mutants/hand.ts"
import { applied, inOneLine, mutantOf } from "../../bench/mutants/mutant.ts"
import { reportOf } from "../../bench/mutants/report.ts"
import { changesOfSql, isSql } from "../../bench/mutants/sql.ts"
import type { Outcome } from "../../bench/mutants/trying.ts"
import { changesOf } from "../../bench/mutants/typescript.ts"

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

test("what is said of files that are tested elsewhere is there, and each of them has tests", async () => {
  const graph = await readImports(root)
  for (const [file, tests] of elsewhere) {
    expect([file, ...tests].filter(one => !graph.has(one))).toEqual([])
    expect(testsOf(graph, file)).toEqual(tests)
  }
})

test("what is changed by hand is still there, once, and so are its tests", async () => {
  const graph = await readImports(root)
  for (const one of handMade) {
    expect(handMutantOf(one, await Bun.file(join(root, one.file)).text())).toMatchObject({ file: one.file })
    expect([one.test, graph.has(one.test)]).toEqual([one.test, true])
  }
})

describe("a draw", () => {
  const all = Array.from({ length: 1000 }, (_, i) => `one ${i}`)
  const draw = (count: number, seed: string) => drawOf(all, count, seed, one => one)

  test("is the same for the same word, in the order of all, and another for another", () => {
    const drawn = draw(100, "a")
    expect(draw(100, "a")).toEqual(drawn)
    expect(all.filter(one => drawn.includes(one))).toEqual([...drawn])
    expect(draw(100, "b")).not.toEqual(drawn)
  })

  test("has the smaller one in it, each once, and never more than there are", () => {
    expect(draw(200, "a")).toEqual(expect.arrayContaining([...draw(100, "a")]))
    expect(new Set(draw(200, "a")).size).toBe(200)
    expect(draw(2000, "a")).toEqual(all)
  })

  test("takes from everywhere alike", () => {
    const times = all.map(() => 0)
    for (let seed = 0; seed < 200; seed += 1)
      for (const one of drawOf([...all.keys()], 100, String(seed), String)) times[one] = (times[one] ?? 0) + 1
    const ofTenth = Array.from({ length: 10 }, (_, i) =>
      times.slice(100 * i, 100 * (i + 1)).reduce((sum, one) => sum + one, 0),
    )
    // 2000 each, with a deviation of 42.
    expect(ofTenth.filter(one => Math.abs(one - 2000) > 210)).toEqual([])
  })
})

// Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I, method 3.
test.each([
  [81, 263, 0.2553, 0.3662],
  [15, 148, 0.0624, 0.1605],
  [0, 20, 0, 0.1611],
  [1, 29, 0.0061, 0.1718],
])("of %i in %i, the interval", (died, count, low, high) => {
  expect(intervalOf(died, count).map(one => Number(one.toFixed(4)))).toEqual([low, high])
})

test("a report of a draw says how far it can be from the whole", () => {
  const tried = (["killed", "timeout", "survived", "explained", "untested"] as const).map(
    (outcome: Outcome, line) => ({
      ...mutantOf("src/a.ts", "1", { start: 0, end: 1, replacement: "2" }),
      ...{ outcome, line, explanation: null },
    }),
  )
  const gone = { ...mutantOf("src/a.ts", "a()", { start: 0, end: 3, replacement: "{}" }), line: 9 }
  const all = [...tried, { ...gone, outcome: "survived" as const, explanation: null }]
  const draw = reportOf(all, [], true)
  expect(draw).toContain(
    "Of conditions, SQL and constants, 2 of 4 died: 50.0 %, so that of all 15.0 to 85.0 % do (95 % interval).",
  )
  expect(draw).toContain("Of all of them, 2 of 5 died: 40.0 %,")
  expect(reportOf(all, [], false)).toContain("Of conditions, SQL and constants, 2 of 4 died: 50.0 %.\n")
  expect(reportOf([], [], true)).toContain("nothing is known")
})

test("what a person alone reads is not changed, and a longer wait is explained", async () => {
  const source = [
    "const twiceMilliseconds = 3000",
    "const most = 3000",
    "function f(log: any, timer: any) {",
    "  log.write(String(4 - 3))",
    "  if (timer === 2) log.write(`a line`)",
    "  timer.unref()",
    "  log.refused(3)",
    "}",
  ].join("\n")
  const folder = mkdtempSync(join(tmpdir(), "sento-mutants-"))
  try {
    await Bun.write(`${folder}/tsconfig.json`, '{ "include": ["src"] }')
    await Bun.write(`${folder}/src/http/a.ts`, source)
    const found = await changesOf(folder, [`${folder}/src/http/a.ts`])
    const mutants = [...found.values()].flat().map(one => mutantOf("src/http/a.ts", source, one))
    expect(mutants.map(one => [one.was, one.replacement, explanationOf(one, source)?.why ?? null])).toEqual([
      ["3000", "3001", expect.stringContaining("a wait")],
      ["3000", "3001", null],
      ["log.refused(3)", "{}", null],
      ["3", "4", null],
    ])
  } finally {
    rmSync(folder, { recursive: true, force: true })
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
