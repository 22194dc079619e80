/** sento.db itself: which files are opened, what an older one becomes, what the schema refuses and counts by itself. */
import { Database } from "bun:sqlite"
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { SentoError } from "../../src/protocol/errors.ts"
import {
  DatabaseLocked,
  isDiskTrouble,
  isLocked,
  OlderDatabase,
  openDatabase,
  readDatabase,
} from "../../src/store/database.ts"
import { openCurrentReader, openReader } from "../../src/store/reader.ts"
import { openFilesIn } from "../support/descriptors.ts"
import { createTestStore, keep, receive } from "../support/store.ts"
import { confirmed, now } from "./two-pairs/fixture.ts"

const version = 9

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sento-database-"))
  path = join(folder, "sento.db")
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const versionOf = (database: Database): unknown => database.query("PRAGMA user_version").get()

function errorOf(act: () => unknown): string[] {
  try {
    act()
  } catch (error) {
    if (!(error instanceof SentoError)) throw error
    return [error.code, error.message.replaceAll(folder, "FOLDER"), error.hint ?? ""]
  }
  return []
}

const mend = "mend or move it away (what waits in it is then lost), and run `sento guard`"
const free = "free some space on its disk and make it yours to read and write; nothing in it is lost"

describe("opening", () => {
  test("makes one where there is none; a second time changes nothing", () => {
    for (const _ of [1, 2]) {
      const database = openDatabase(path)
      expect(versionOf(database)).toEqual({ user_version: version })
      database.close()
    }
  })

  test("as that of an older version than it has takes nothing away", () => {
    openDatabase(path).close()
    const database = openDatabase(path, version - 1)
    expect(versionOf(database)).toEqual({ user_version: version })
    database.close()
  })

  test("to read finds none where nothing was ever kept, and an older sento's from its first version on", () => {
    writeFileSync(path, "")
    expect([readDatabase(path), openReader(path), openCurrentReader(path)]).toEqual([null, null, null])
    rmSync(path)
    openDatabase(path, 1).close()
    expect(() => readDatabase(path)).toThrow(OlderDatabase)
    expect(() => openReader(path)).toThrow(OlderDatabase)
    // Who says besides that another build runs.
    expect(openCurrentReader(path)).toBeNull()
    rmSync(path)
    writeFileSync(path, "no database, and long enough to be read as one")
    expect(() => openCurrentReader(path)).toThrow("cannot open")
  })

  test("to read waits for nobody who would write into a pipe", () => {
    Bun.spawnSync(["mkfifo", path])
    expect(errorOf(() => readDatabase(path))).toEqual([
      "config",
      "FOLDER/sento.db is no file",
      "move it away, and run `sento guard`",
    ])
  })

  test("to read finds none where there is none, and makes none", () => {
    expect(readDatabase(path)).toBeNull()
    expect(openReader(path)).toBeNull()
    expect(readDatabase(path)).toBeNull()
  })

  test("to read reads what is there, and writes nothing", () => {
    openDatabase(path).close()
    const database = readDatabase(path)
    expect(() => database?.run("DELETE FROM facts")).toThrow("readonly")
    database?.close()
  })

  test.each([
    ["to write", openDatabase],
    ["to read", readDatabase],
  ])("%s takes a parameter that is missing for a bug", (_, open) => {
    openDatabase(path).close()
    const database = open(path)
    expect(() => database?.query("SELECT $one").get({})).toThrow("Missing parameter")
    database?.close()
  })

  test("leaves no file open where it was of another build, or none", () => {
    const openFiles = (): number => openFilesIn(folder)
    const other = join(folder, "other.db")
    writeFileSync(other, "no database, and long enough to be read as one".repeat(9))
    const before = openFiles()
    for (const of of [version - 1, version + 1]) {
      const database = openDatabase(path)
      database.run(`PRAGMA user_version = ${of}`)
      database.close()
      for (const _ of [1, 2, 3, 4]) errorOf(() => readDatabase(path)?.close())
      if (of > version)
        for (const _ of [1, 2, 3, 4]) expect(errorOf(() => openDatabase(path))[0]).toBe("config")
      rmSync(path)
    }
    for (const _ of [1, 2, 3, 4]) expect(errorOf(() => openDatabase(other))[0]).toBe("config")
    expect(openFiles()).toBe(before)
  })

  test("to read says of one of an older build that it is one, and does not take it for empty", () => {
    const database = openDatabase(path)
    database.run(`PRAGMA user_version = ${version - 1}`)
    database.close()
    expect(errorOf(() => readDatabase(path))).toEqual([
      "config",
      "FOLDER/sento.db is an older sento's",
      "`sento guard restart` brings it up to date",
    ])
  })

  test.each([
    ["to write", openDatabase],
    ["to read", readDatabase],
  ])("one of a newer build is refused %s, and stays", (_, open) => {
    const database = openDatabase(path)
    database.run(`PRAGMA user_version = ${version + 1}`)
    database.close()
    expect(errorOf(() => open(path))).toEqual([
      "config",
      `FOLDER/sento.db is of version ${version + 1}; this sento knows ${version}`,
      "use a newer sento",
    ])
  })

  test.each([
    ["no database", () => writeFileSync(path, "no database, and long enough to be read as one"), mend],
    ["a directory", () => mkdirSync(path), free],
  ] as const)("%s is refused with what to do", (_, make, hint) => {
    make()
    const [code, message, told] = errorOf(() => openDatabase(path))
    expect([code, told]).toEqual(["config", hint])
    expect(message).toStartWith("cannot open FOLDER/sento.db: ")
  })
})

describe("what an error means", () => {
  // Bun knows its own by their name.
  const sqlite = (code?: string): Error => Object.assign(new Error(), { name: "SQLiteError", code })
  test.each<readonly [string, unknown, boolean, boolean]>([
    ["a locked database", new DatabaseLocked(), true, true],
    ["SQLite's own word for it", sqlite("SQLITE_BUSY"), true, true],
    ["… with more behind it", sqlite("SQLITE_BUSY_SNAPSHOT"), true, true],
    ["another of SQLite's", sqlite("SQLITE_FULL"), false, true],
    ["one of SQLite's without a code", sqlite(), false, true],
    ...["ENOSPC", "EDQUOT", "EROFS", "EIO"].map(
      code => [code, Object.assign(new Error(), { code }), false, true] as const,
    ),
    ["another of the system's", Object.assign(new Error(), { code: "ENOENT" }), false, false],
    [
      "a bug that names a code of SQLite's",
      Object.assign(new Error(), { code: "SQLITE_BUSY" }),
      false,
      false,
    ],
    ["a bug", new Error("a bug"), false, false],
  ])("%s", (_, error, locked, disk) => {
    expect([isLocked(error), isDiskTrouble(error)]).toEqual([locked, disk])
  })
})

describe("the schema", () => {
  const unsettled = { inbox: ["waiting", "typing"], outbox: ["queued"] } as const
  const states = {
    inbox: ["waiting", "typing", "delivered", "uncertain", "dropped"],
    outbox: ["queued", "accepted", "refused", "expired", "dropped", "withdrawn"],
  } as const
  const olderStates = {
    ...states,
    outbox: ["queued", "accepted", "refused", "failed", "expired", "dropped"],
  } as const
  const row = {
    inbox:
      "INSERT INTO inbox (pair, name, id, short_id, text, hops, received_at, state) VALUES ('kai', '', $id, '', $text, 0, 0, $state)",
    outbox:
      "INSERT INTO outbox (pair, name, id, text, hops, created_at, state) VALUES ('kai', '', $id, $text, 0, 0, $state)",
  } as const
  const moves = (["inbox", "outbox"] as const).flatMap(box =>
    states[box].flatMap(from => states[box].map(to => [box, from, to] as const)),
  )
  const waits = (database: Database, box: string): number =>
    database
      .query<{ bytes: number }, [string]>("SELECT bytes FROM waiting WHERE pair = 'kai' AND box = ?")
      .get(box)?.bytes ?? 0

  test("counts what waits, whatever a row is inserted as and becomes", () => {
    const database = openDatabase(path)
    database.transaction(() => {
      for (const [place, [box, from, to]] of moves.entries()) {
        const isWaiting = (state: string): boolean => unsettled[box].some(one => one === state)
        const before = waits(database, box)
        database.query(row[box]).run({ id: `${place}`, text: "äb", state: from })
        expect([box, from, waits(database, box) - before]).toEqual([box, from, isWaiting(from) ? 3 : 0])
        // From settled to waiting nothing ever goes.
        if (!isWaiting(from) && isWaiting(to)) continue
        database.query(`UPDATE ${box} SET state = $to WHERE id = $id`).run({ to, id: `${place}` })
        const left = isWaiting(from) && isWaiting(to) ? 3 : 0
        expect([box, from, to, waits(database, box) - before]).toEqual([box, from, to, left])
      }
    })()
    database.close()
  })

  test("counts what waits of one pair and way apart from all others", () => {
    using stored = createTestStore()
    const { store } = stored
    for (const pair of ["kai", "lia"]) {
      receive(stored, pair, now, { text: "three" })
      keep(stored, pair, now, "queued", "four")
    }
    const seq = store.inbox.recent(1, { name: "kai", pair: "kai", paired: [] })[0]?.seq ?? 0
    store.inbox.mark(seq, "delivered", now)
    store.outbox.settle(store.outbox.head("kai")?.seq ?? 0, "accepted", null, now)
    const database = new Database(stored.path, { readonly: true })
    expect(database.query("SELECT * FROM waiting").values().toSorted()).toEqual([
      ["kai", "inbox", 0],
      ["kai", "outbox", 0],
      ["lia", "inbox", 5],
      ["lia", "outbox", 4],
    ])
    database.close()
  })

  test("counts what waited when an older build's file is opened", () => {
    const old = openDatabase(path, 7)
    for (const [box, ofBox] of Object.entries(olderStates) as [keyof typeof states, readonly string[]][])
      for (const state of ofBox) old.query(row[box]).run({ id: `${box} ${state}`, text: `ä${state}`, state })
    old.close()
    const database = openDatabase(path)
    expect([waits(database, "inbox"), waits(database, "outbox")]).toEqual([2 + 7 + 2 + 6, 2 + 6])
    expect(versionOf(database)).toEqual({ user_version: version })
    database.close()
  })

  test("an older build's file that cannot be brought up to date is as it was, and that build opens it", () => {
    const old = openDatabase(path, 7)
    // In the way of the last of the two migrations.
    old.run("CREATE TABLE sent (x)")
    for (const state of olderStates.outbox)
      old.query(row.outbox).run({ id: `outbox ${state}`, text: state, state })
    const before = old.query("SELECT * FROM outbox ORDER BY seq").values()
    old.close()
    const open = openFilesIn(folder)
    expect(errorOf(() => openDatabase(path))).toEqual([
      "config",
      `cannot bring FOLDER/sento.db from version 7 to ${version}: table sent already exists`,
      "it is as it was, for the sento that wrote it; free some space on its disk, and run this again",
    ])
    expect(openFilesIn(folder)).toBe(open)
    const again = openDatabase(path, 7)
    expect(versionOf(again)).toEqual({ user_version: 7 })
    expect(again.query("SELECT * FROM outbox ORDER BY seq").values()).toEqual(before)
    expect(again.query("SELECT name FROM sqlite_master WHERE name = 'waiting'").values()).toEqual([])
    again.close()
  })

  test("of an older build's outbox all is there as it was, and what waits has an id and may have been tried", () => {
    const old = openDatabase(path, 8)
    for (const state of olderStates.outbox) old.query(row.outbox).run({ id: state, text: state, state })
    old.run("UPDATE outbox SET attempts = seq, peer_state = 'held', receipts = 2")
    old.run("DELETE FROM outbox WHERE id = 'dropped'")
    old.close()
    const database = openDatabase(path)
    const rows = database.query<Record<string, unknown>, []>("SELECT * FROM outbox ORDER BY seq").all()
    const kept = rows.map(one => [one.seq, one.id, one.state, one.attempts, one.peer_state, one.exposed])
    expect(kept).toEqual([
      [1, "queued", "queued", 1, "held", 1],
      [2, "accepted", "accepted", 2, "held", 0],
      [3, "refused", "refused", 3, "held", 0],
      [4, "failed", "expired", 4, "held", 0],
      [5, "expired", "expired", 5, "held", 0],
    ])
    for (const { short_id, state } of rows)
      expect(short_id ?? state).toMatch(state === "queued" ? /^[0-9a-hjkmnp-tv-z]{4}$/ : String(state))
    database.close()
  })

  test("of an older build's outbox that never had a message the first one is the first", () => {
    openDatabase(path, 8).close()
    const database = openDatabase(path)
    const counted = () =>
      database.query("SELECT name, seq FROM sqlite_sequence WHERE name = 'outbox'").values()
    expect(counted()).toEqual([["outbox", 0]])
    database.query(row.outbox).run({ id: "new", text: "new", state: "queued" })
    expect(counted()).toEqual([["outbox", 1]])
    database.close()
  })

  test.each([
    ["some are left", "DELETE FROM outbox WHERE id = 'dropped'"],
    ["none is left", "DELETE FROM outbox"],
  ])(
    "of an older build's outbox no number is given twice, not even that of a row that is gone: %s",
    (_, remove) => {
      const old = openDatabase(path, 8)
      for (const state of olderStates.outbox) old.query(row.outbox).run({ id: state, text: state, state })
      old.run(remove)
      // Those of other tables say nothing of it.
      old.run("DELETE FROM sqlite_sequence WHERE name = 'inbox'")
      old.run("INSERT INTO sqlite_sequence VALUES ('inbox', 50)")
      old.close()
      const database = openDatabase(path)
      database.query(row.outbox).run({ id: "new", text: "new", state: "queued" })
      expect(database.query("SELECT seq FROM outbox WHERE id = 'new'").values()).toEqual([[7]])
      const counted = database.query("SELECT name, seq FROM sqlite_sequence ORDER BY name").values()
      expect(counted).toEqual([
        ["inbox", 50],
        ["outbox", 7],
      ])
      database.close()
    },
  )

  test.each([
    ["a role that there is none of", "UPDATE requests SET role = 'other'"],
    ["a box that there is none of", "UPDATE waiting SET box = 'other'"],
    ["a state of a code", "UPDATE codes SET state = 'other'"],
  ])("refuses %s", (_, sql) => {
    using stored = createTestStore()
    const { store } = stored
    store.requests.keep(
      { role: "minter", ...confirmed("kai") },
      { localName: "kai", replaces: false, confirm: null },
      now,
    )
    receive(stored, "kai", now)
    store.codes.mint("0000", now)
    const database = new Database(stored.path)
    expect(() => database.run(sql)).toThrow("CHECK constraint failed")
    database.close()
  })

  test("knows a request without a word on whom it replaces as one that replaces nobody", () => {
    using stored = createTestStore()
    const { requests } = stored.store
    const database = new Database(stored.path)
    const { role, ...one } = { role: "joiner", ...confirmed("kai") } as const
    database.run(
      `INSERT INTO requests (id, role, pairing, name, local_name, agent, host, port, features, verifier, pair_id, send_key,
        receive_key, decision_key, state, created_at)
       VALUES ('0000', ?, ?, '', '', '', '', 1, '[]', '', '', '', '', '', 'waiting', 0)`,
      [role, one.pairing],
    )
    expect(requests.get("0000")?.replaces).toBe(false)
    database.close()
  })
})

describe("a reader", () => {
  test("has the parts that commands read, says when somebody wrote, and gives nothing an id", () => {
    using stored = createTestStore()
    const { store } = stored
    receive(stored, "kai", now)
    keep(stored, "kai", now, "queued")
    store.peers.add("kai", null)
    store.facts.set("pane", 1)
    using reader = openReader(stored.path)
    if (reader === null) throw new Error("there is none")
    expect([
      reader.inbox.waitingCount(),
      reader.outbox.waitingCount(),
      [...reader.waitingRoom.counts()],
      [...reader.peers.lastContacts()],
      reader.requests.waiting("minter"),
      reader.joins.waiting(),
      reader.facts.get("pane"),
    ]).toEqual([1, 1, [["kai", 2]], [["kai", null]], [], [], 1])
    const before = reader.version()
    expect(reader.version()).toBe(before)
    store.facts.set("pane", 2)
    expect(reader.version()).not.toBe(before)
    expect(() => reader.facts.set("pane", 3)).toThrow("readonly")
    expect(() =>
      reader.requests.keep(
        { role: "minter", ...confirmed("kai") },
        { localName: "kai", replaces: false, confirm: null },
        now,
      ),
    ).toThrow("a reader has no random bytes")
  })

  test("is closed at the end of its block", () => {
    using stored = createTestStore()
    const reader = openReader(stored.path)
    reader?.[Symbol.dispose]()
    expect(() => reader?.version()).toThrow()
  })
})

test("a store that is closed has committed what waited", async () => {
  const stored = createTestStore()
  const ending = stored.store.commit(() => stored.store.facts.set("pane", 1))
  stored.store.close()
  await ending
  using reader = openReader(stored.path)
  expect(reader?.facts.get("pane")).toBe(1)
  rmSync(join(stored.path, ".."), { recursive: true })
})

test("what is done now is done whole or not at all, and waits for no other turn", () => {
  using stored = createTestStore()
  const { facts, now: at } = stored.store
  expect(
    at(() => {
      facts.set("pane", 1)
      return "done"
    }),
  ).toBe("done")
  expect(() =>
    at(() => {
      facts.set("pane", 2)
      throw new Error("no")
    }),
  ).toThrow("no")
  expect(facts.get("pane")).toBe(1)
})
