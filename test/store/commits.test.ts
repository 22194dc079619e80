/** Commits in groups: each one's end is told once it is on disk, and a locked database holds up nothing. */
import { Database } from "bun:sqlite"
import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { type GroupedCommits, groupCommits, lockedMilliseconds } from "../../src/store/commits.ts"
import { DatabaseLocked } from "../../src/store/database.ts"

let path: string
let database: Database
let other: Database
let commits: GroupedCommits
const clock = performance.now.bind(performance)

beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), "sento-commits-")), "test.db")
  database = new Database(path)
  database.run("PRAGMA journal_mode = WAL")
  database.run("CREATE TABLE words (word TEXT PRIMARY KEY)")
  other = new Database(path)
  commits = groupCommits(database)
})
afterEach(() => {
  performance.now = clock
  database.close()
  other.close()
  rmSync(dirname(path), { recursive: true })
})

const note = (word: string): void => void database.run("INSERT INTO words VALUES (?)", [word])
const seen = (): string[] =>
  other
    .query<{ word: string }, []>("SELECT word FROM words ORDER BY rowid")
    .all()
    .map(one => one.word)

/** What it came to: its value, or its error's message. */
const endOf = (ending: Promise<unknown>): Promise<unknown> => ending.catch((error: Error) => error.message)

test("what is asked for within one turn is committed together, in order, and told when others can see it", async () => {
  const seenMeanwhile: string[][] = []
  const told: unknown[] = []
  const endings = ["a", "b", "c"].map(word =>
    commits
      .commit(() => {
        note(word)
        seenMeanwhile.push(seen())
        return `noted ${word}`
      })
      .then(value => {
        told.push(value)
        return [value, seen()]
      }),
  )
  expect(await Promise.all(endings)).toEqual([
    ["noted a", ["a", "b", "c"]],
    ["noted b", ["a", "b", "c"]],
    ["noted c", ["a", "b", "c"]],
  ])
  expect(seenMeanwhile).toEqual([[], [], []])
  expect(told).toEqual(["noted a", "noted b", "noted c"])
})

test("one that fails is undone alone, and told what it threw", async () => {
  const endings = [
    commits.commit(() => note("a")),
    commits.commit(() => {
      note("b")
      throw new Error("no b")
    }),
    commits.commit(() => note("c")),
  ]
  expect(await Promise.all(endings.map(endOf))).toEqual([undefined, "no b", undefined])
  expect(seen()).toEqual(["a", "c"])
})

test("a commit that fails as a whole is told to all, and the next one works", async () => {
  database.run("PRAGMA foreign_keys = ON")
  database.run("CREATE TABLE of (word TEXT REFERENCES words DEFERRABLE INITIALLY DEFERRED)")
  const endings = [
    commits.commit(() => note("a")),
    commits.commit(() => database.run("INSERT INTO of VALUES ('none')")),
  ]
  expect(await Promise.all(endings.map(endOf))).toEqual(Array(2).fill("FOREIGN KEY constraint failed"))
  expect([database.inTransaction, seen()]).toEqual([false, []])
  await commits.commit(() => note("b"))
  expect(seen()).toEqual(["b"])
})

test("where the transaction is gone at its end, as after a full disk, all are told", async () => {
  const endings = [commits.commit(() => note("a")), commits.commit(() => database.run("ROLLBACK"))]
  const told = await Promise.all(endings.map(endOf))
  expect(told[0]).toBe("cannot commit - no transaction is active")
  expect(told[1]).toBeString()
  await commits.commit(() => note("b"))
  expect(seen()).toEqual(["b"])
})

test("where no transaction can begin, all are told why, once", async () => {
  database.run("BEGIN")
  const endings = [commits.commit(() => note("a")), commits.commit(() => note("b"))]
  expect(await Promise.all(endings.map(endOf))).toEqual(
    Array(2).fill("cannot start a transaction within a transaction"),
  )
  database.run("ROLLBACK")
  await commits.commit(() => note("c"))
  expect(seen()).toEqual(["c"])
})

test("a group that a commit itself has grown is committed next", async () => {
  const [inner, asked] = [Promise.withResolvers<void>(), commits.commit(() => note("a"))]
  await commits.commit(() => void commits.commit(() => note("b")).then(inner.resolve))
  await asked
  await inner.promise
  expect(seen()).toEqual(["a", "b"])
})

test("a locked database is waited for, in order, while everything else goes on", async () => {
  other.run("BEGIN IMMEDIATE")
  // So long SQLite itself would wait, and nothing else would go on.
  database.run("PRAGMA busy_timeout = 60000")
  const endings = ["a", "b"].map(word => commits.commit(() => note(word)))
  const startedAt = clock()
  await Bun.sleep(10)
  expect(clock() - startedAt).toBeLessThan(30_000)
  endings.push(commits.commit(() => note("c")))
  other.run("ROLLBACK")
  expect(await Promise.all(endings)).toHaveLength(3)
  expect(seen()).toEqual(["a", "b", "c"])
})

test("one that has waited for five seconds is told so, and those that have not wait on", async () => {
  expect(lockedMilliseconds).toBe(5000)
  let now = 1000
  performance.now = () => now
  other.run("BEGIN IMMEDIATE")
  const early = commits.commit(() => note("early"))
  now += 1
  const late = commits.commit(() => note("late"))
  now = 1000 + lockedMilliseconds - 1
  let isTold = false
  const told = endOf(early).then(words => {
    isTold = true
    return words
  })
  await Bun.sleep(120)
  expect(isTold).toBe(false)
  now += 1
  expect(await told).toBe(new DatabaseLocked().message)
  other.run("ROLLBACK")
  await late
  expect(seen()).toEqual(["late"])
})

test("flush commits at once what waits, and nothing where nothing does", async () => {
  const ending = commits.commit(() => note("a"))
  commits.flush()
  expect(seen()).toEqual(["a"])
  await ending
  commits.flush()
  expect(database.inTransaction).toBe(false)
  // Nor does anything come back to look later.
  const later = globalThis.setTimeout
  let timers = 0
  globalThis.setTimeout = Object.assign((...words: Parameters<typeof later>) => {
    timers += 1
    return later(...words)
  }, later)
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  globalThis.setTimeout = later
  expect(timers).toBe(0)
})

test("flush of a locked database tells those who wait, and leaves nothing", async () => {
  other.run("BEGIN IMMEDIATE")
  database.run("PRAGMA busy_timeout = 0")
  const ending = commits.commit(() => note("a"))
  commits.flush()
  expect(await endOf(ending)).toBe(new DatabaseLocked().message)
  other.run("ROLLBACK")
  await Bun.sleep(1)
  expect(seen()).toEqual([])
})
