/** What makes a commit last, and what is forgotten be gone: read from SQLite and from the system's calls. */
import { Database } from "bun:sqlite"
import { describe, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openDatabase, withoutWaiting } from "../../src/store/database.ts"
import { storeOf } from "../../src/store/store.ts"
import { createTestStore, receive } from "../support/store.ts"
import { now } from "./two-pairs/fixture.ts"

type Pragma = Record<string, string | number>

function withFolder<Value>(use: (folder: string) => Value): Value {
  const folder = mkdtempSync(join(tmpdir(), "sento-durable-"))
  try {
    return use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const pragma = (database: Database, name: string): string | number | undefined =>
  Object.values(database.query<Pragma, []>(`PRAGMA ${name}`).get() ?? {})[0]

describe("sento.db", () => {
  test.each([
    ["syncs each commit", "synchronous", 2],
    ["writes ahead", "journal_mode", "wal"],
    ["overwrites what is deleted", "secure_delete", 1],
    ["gives back what it frees", "auto_vacuum", 2],
    ["keeps its log of changes small", "journal_size_limit", 8 * 1024 * 1024],
    ["waits for two seconds where it is locked", "busy_timeout", 2000],
  ] as const)("%s", (_, name, is) => {
    withFolder(folder => {
      // Twice: what was made once is opened as it is.
      for (const __ of [1, 2]) {
        const database = openDatabase(join(folder, "sento.db"))
        expect(pragma(database, name)).toBe(is)
        database.close()
      }
    })
  })

  test("is its owner's alone", () => {
    withFolder(folder => {
      const path = join(folder, "sento.db")
      const umask = process.umask(0)
      try {
        openDatabase(path).close()
      } finally {
        process.umask(umask)
      }
      expect(statSync(path).mode & 0o777).toBe(0o600)
    })
  })

  test("does not wait where it is told so, and waits again afterwards, whatever happened", () => {
    withFolder(folder => {
      const database = openDatabase(join(folder, "sento.db"))
      expect(withoutWaiting(database, () => pragma(database, "busy_timeout"))).toBe(0)
      expect(pragma(database, "busy_timeout")).toBe(2000)
      expect(() =>
        withoutWaiting(database, () => {
          throw new Error("no")
        }),
      ).toThrow("no")
      expect(pragma(database, "busy_timeout")).toBe(2000)
      database.close()
    })
  })

  test("holds nothing of a text, a code or a key that was forgotten, once it is scrubbed", () => {
    using stored = createTestStore()
    const { store, path } = stored
    const everything = (): string =>
      ["", "-wal"].map(end => readFileSync(`${path}${end}`).toString("latin1")).join("")
    receive(stored, "kai", now, { text: "a text that is forgotten", state: "delivered" })
    store.codes.mint("FORGOTTENCODE", now)
    store.peers.revoke("kai", "kai", true, "a key that is forgotten", now)
    expect(everything()).toContain("a text that is forgotten")
    store.retention.sweep({ days: 0, bytes: 1 }, now)
    store.codes.close("spent")
    store.peers.told("kai")
    expect(store.scrub()).toBe(true)
    expect(everything()).not.toMatch(/a text that|FORGOTTENCODE|a key that/)
  })

  test("is not scrubbed while somebody reads it, nor once it is closed, and says so at once", () => {
    using stored = createTestStore()
    const { path } = stored
    // So long SQLite itself would wait.
    const database = openDatabase(path)
    database.run("PRAGMA busy_timeout = 60000")
    const store = storeOf(database, length => crypto.getRandomValues(new Uint8Array(length)))
    receive(stored, "kai", now)
    const reader = new Database(path, { readonly: true })
    reader.run("BEGIN")
    reader.query("SELECT count(*) FROM inbox").get()
    receive(stored, "kai", now)
    const startedAt = performance.now()
    expect(store.scrub()).toBe(false)
    expect(performance.now() - startedAt).toBeLessThan(30_000)
    reader.run("COMMIT")
    expect(store.scrub()).toBe(true)
    reader.close()
    store.close()
    expect(store.scrub()).toBe(false)
  })
})

const strace = Bun.which("strace")

/** The calls on files by which a config is written, without numbers that differ from run to run. */
function callsOfWrite(folder: string): string[] {
  const trace = join(folder, "trace")
  const script = `
    import { writeConfig } from ${JSON.stringify(join(import.meta.dir, "../../src/store/config.ts"))}
    import { pathsOf } from ${JSON.stringify(join(import.meta.dir, "../../src/store/paths.ts"))}
    writeConfig(pathsOf(${JSON.stringify(join(folder, "home"))}), { version: 1, name: "mira", agents: {} })`
  mkdirSync(join(folder, "home"))
  const calls = "trace=fsync,fdatasync,rename,renameat,renameat2,write,pwrite64"
  const ran = Bun.spawnSync([
    strace ?? "",
    "-f",
    "-y",
    "-e",
    calls,
    "-o",
    trace,
    process.execPath,
    "-e",
    script,
  ])
  expect(ran.stderr.toString()).toBe("")
  return readFileSync(trace, "utf8")
    .split("\n")
    .filter(line => line.includes(join(folder, "home")))
    .map(line => {
      const call = /\b(write|fsync|rename)/.exec(line.replace("pwrite", "write"))?.[1]
      return `${call} ${line.includes(".sento-copy-") ? "copy" : "folder"}`
    })
}

test.skipIf(strace === null)("a config is synced before it has its name, and its directory after", () => {
  withFolder(folder => {
    expect(callsOfWrite(folder)).toEqual(["write copy", "fsync copy", "rename copy", "fsync folder"])
  })
})
