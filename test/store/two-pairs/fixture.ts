/** Two pairs whose messages have the same ids, and cases that say all that an operation changes. */
import { Database } from "bun:sqlite"
import { copyFileSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { ReceiptState } from "../../../src/protocol/messages.ts"
import { openDatabase } from "../../../src/store/database.ts"
import { openStore, type Store, storeOf } from "../../../src/store/store.ts"

export const now = Date.UTC(2026, 10, 23, 10)
export const [minute, hour, day] = [60_000, 3_600_000, 86_400_000]

type Row = Readonly<Record<string, string | number | null>>

/** By table and primary key: null for a row that is gone, the columns that changed, or with a `+` a new row. */
export type Changes = Readonly<Record<string, Readonly<Record<string, Row | null>>>>

/** What an operation gives, and all that it changes; `given` is SQL that ran before it. */
export type Case = {
  readonly does: string
  readonly given?: string
  readonly act: (store: Store) => unknown
  readonly gives?: unknown
  readonly changes?: Changes
}

export type Cases = Readonly<Record<string, readonly Case[]>>

/** Counts up, so that short ids are `0000`, `0001`, … in the order in which they are asked for; in a copy from `000z`. */
function counting(from = 0): (length: number) => Uint8Array {
  let count = from
  return length => {
    const digits = [count >> 15, count >> 10, count >> 5, count].map(digit => digit & 31)
    count += 1
    return Uint8Array.from({ length }, (_, i) => digits[i] ?? 0)
  }
}

/** Each message of this list is one of lia's and, right behind it, one of kai's, with the same id. */
const received = [
  { id: "w1", hops: 5, state: "waiting" },
  { id: "t1", hops: 8, state: "typing" },
  { id: "x1", hops: 1, state: "dropped", inReplyTo: "oK2" },
  { id: "d1", hops: 2, state: "delivered", inReplyTo: "oK2" },
  { id: "w2", hops: 6, state: "waiting", inReplyTo: "oK2" },
] as const

/** When lia's message of this place in the list came; kai's is a millisecond younger. */
export const cameAt = (order: number): number => now - 10 * minute + order * 1000

export const pairs = ["lia", "kai"] as const

function fillInbox({ inbox }: Store): void {
  for (const [order, { id, hops, state, ...more }] of received.entries())
    for (const [i, pair] of pairs.entries()) {
      const at = cameAt(order) + i
      const timestamp = new Date(at).toISOString()
      inbox.admit(
        pair,
        pair,
        { v: 1, id, type: "message", timestamp, text: `${id} of ${pair}`, hops, ...more },
        at,
      )
      if (state !== "waiting") inbox.mark(inbox.byId(pair, id)?.seq ?? 0, state, at + 1)
    }
  for (const pair of pairs) {
    inbox.remember(pair, "hello", now - minute)
    inbox.countOther(pair, now - 30_000)
  }
}

/** An id of ours is no other message's: `oL1` goes to lia and `oK1` to kai. */
const sent = [
  { id: 1, hops: [3, 3], inReplyTo: ["d1", "d1"], state: "queued", askedFor: null },
  { id: 2, hops: [7, 4], inReplyTo: [null, null], state: "accepted", askedFor: null },
  { id: 3, hops: [1, 1], inReplyTo: ["w1", null], state: "queued", askedFor: 5_000 },
  { id: 4, hops: [0, 0], inReplyTo: ["x1", "x1"], state: "dropped", askedFor: null },
] as const

function fillOutbox({ outbox }: Store): void {
  for (const one of sent)
    for (const [i, pair] of pairs.entries()) {
      const [id, at] = [`o${i === 0 ? "L" : "K"}${one.id}`, now - 5 * minute + one.id * 1000 + i]
      const [hops, inReplyTo] = [one.hops[i] ?? 0, one.inReplyTo[i] ?? null]
      const { seq } = outbox.keep({ pair, name: pair, id, text: `${id} for ${pair}`, inReplyTo, hops }, at)
      if (one.state !== "queued") outbox.settle(seq, one.state, null, at + 1)
      else
        outbox.postpone(
          seq,
          { attempts: 2, nextAt: now + minute + one.id, askedFor: one.askedFor },
          "no answer",
        )
      if (one.state === "accepted") outbox.noteReceipt(pair, id, "held", "loop")
    }
}

function fillReceipts({ receipts }: Store): void {
  const note = (pair: string, of: string, state: ReceiptState, at: number): boolean =>
    receipts.note(pair, of, state, null, "r1", at)
  for (const [i, pair] of pairs.entries()) {
    note(pair, "w1", "held", now - 3 * minute + i)
    note(pair, "d1", "delivered", now - 2 * minute + i)
    note(pair, "x1", "refused", now - minute + i)
    const told = receipts.head(pair)
    if (told !== null) receipts.done({ ...told, of: "x1" })
    const word = { pair, of: "d1", id: "r1" } as Parameters<typeof receipts.postpone>[0]
    receipts.postpone(word, { attempts: 1, nextAt: now + minute, askedFor: null })
  }
}

function fillPeers({ peers, facts, turns, chats, owner }: Store): void {
  for (const [i, pair] of pairs.entries()) {
    peers.add(pair, now + i)
    peers.pause(pair, { until: now + minute + i, reason: "owner" })
    peers.setHopLimit(pair, 40 + i)
    peers.revoke(`old ${pair}`, pair, i === 0, `{"of":"${pair}"}`, now - day + i)
    facts.set(pair, { of: pair })
    const batch = { ids: [`short ${pair}`], hasOthers: false }
    const nothing = { ids: [], hasOthers: false }
    const state = { open: { turn: null, own: batch, queued: nothing, isAsked: false }, left: nothing }
    turns.put(pair, state, now - minute + i)
    chats.of(pair).remember("q1", `asked ${pair}`)
    chats.of(pair).setCursor(`read by ${pair}`)
    owner.note(pair, now - day)
    owner.addPinTry(now - minute + i)
  }
}

export const confirmed = (of: string) => ({
  pairing: `pairing ${of}`,
  name: of,
  agent: `agent ${of}`,
  host: "192.0.2.1",
  port: 7001,
  features: ["receipts"],
  verifier: "65T6V-3FSB8",
  pairId: of,
  sendKey: `send ${of}`,
  receiveKey: `receive ${of}`,
  decisionKey: `decision ${of}`,
})

export const asked = (of: string) => ({
  symbols: `code ${of}`,
  host: "192.0.2.1",
  port: 7001,
  name: of,
  agent: `agent ${of}`,
  localName: `my ${of}`,
})

function fillPairing({ codes, joinTries, requests, joins }: Store): void {
  codes.mint("0000", now - 2 * minute)
  codes.mint("0001", now - minute)
  for (const [i, of] of pairs.entries()) {
    joinTries.add(`code ${of}`, now - minute + i)
    const confirm = { digest: `digest ${of}`, tag: `tag ${of}` }
    const extra = { localName: `my ${of}`, replaces: i === 1, confirm }
    requests.keep({ role: "minter", ...confirmed(of) }, extra, now - minute + i)
    requests.keep({ role: "joiner", ...confirmed(`${of} there`) }, extra, now - minute + i)
    joins.keep(asked(of), now - minute + i)
  }
}

/** One file, filled once; each case has a copy of it. */
export function createTwoPairs(): { open(given?: string, isReversed?: boolean): Opened } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), "sento-two-pairs-"))
  const original = join(folder, "original.db")
  const store = openStore(original, counting())
  store.now(() => {
    for (const fill of [fillInbox, fillReceipts, fillPeers, fillPairing, fillOutbox]) fill(store)
  })
  store.close()
  let count = 0
  return {
    open(given, isReversed = true) {
      count += 1
      const path = join(folder, `${count}.db`)
      copyFileSync(original, path)
      return openCopy(path, given, isReversed)
    },
    [Symbol.dispose]() {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

type Opened = {
  readonly store: Store
  snapshot(): Snapshot
  /** The first row of a query, on a connection of its own. */
  look<Row>(sql: string): Row | null
} & Disposable

function openCopy(path: string, given: string | undefined, isReversed: boolean): Opened {
  const database = new Database(path)
  database.run("PRAGMA synchronous = OFF")
  if (given !== undefined) database.run(given)
  const own = openDatabase(path)
  // What asks for no order gets another one than usual: it must not matter.
  own.run(`PRAGMA reverse_unordered_selects = ${isReversed ? "ON" : "OFF"}`)
  // Nor are these about the disk, which would take most of their time.
  own.run("PRAGMA synchronous = OFF")
  const store = storeOf(own, counting(31))
  return {
    store,
    snapshot: () => snapshotOf(database),
    look: <Row>(sql: string) => database.query<Row, []>(sql).get(),
    [Symbol.dispose]() {
      store.close()
      database.close()
    },
  }
}

export type Snapshot = ReadonlyMap<string, ReadonlyMap<string, Row>>

/** Every row of every table, by its primary key or else its rowid. */
function snapshotOf(database: Database): Snapshot {
  const tables = database
    .query<{ name: string }, []>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    )
    .all()
  return new Map(tables.map(({ name }) => [name, rowsOf(database, name)]))
}

function rowsOf(database: Database, table: string): Map<string, Row> {
  const keys = database
    .query<{ name: string }, []>(`SELECT name FROM pragma_table_info('${table}') WHERE pk > 0 ORDER BY pk`)
    .all()
  const rows = database
    .query<Row, []>(`SELECT ${keys.length === 0 ? 'rowid AS "#", ' : ""}* FROM ${table}`)
    .all()
  return new Map(
    rows.map(({ "#": rowid, ...row }) => [
      rowid === undefined ? keys.map(one => row[one.name]).join(" ") : String(rowid),
      row,
    ]),
  )
}

/** All that is another one in `after`, in the form of {@link Changes}. */
export function changesBetween(before: Snapshot, after: Snapshot): Changes {
  const tables = [...after].map(
    ([table, rows]) => [table, rowChanges(before.get(table) ?? new Map(), rows)] as const,
  )
  return Object.fromEntries(tables.filter(([, changes]) => Object.keys(changes).length > 0))
}

function rowChanges(
  before: ReadonlyMap<string, Row>,
  after: ReadonlyMap<string, Row>,
): Record<string, Row | null> {
  const changes: Record<string, Row | null> = {}
  for (const key of before.keys()) if (!after.has(key)) changes[key] = null
  for (const [key, row] of after) {
    const old = before.get(key)
    const columns = Object.entries(row).filter(([name, value]) => old?.[name] !== value)
    if (old === undefined) changes[`+${key}`] = row
    else if (columns.length > 0) changes[key] = Object.fromEntries(columns)
  }
  return changes
}

/** SQL that inserts so many rows. */
export function insertRows(into: string, count: number, row: (i: number) => string): string {
  return `INSERT INTO ${into} VALUES ${Array.from({ length: count }, (_, i) => `(${row(i)})`).join(", ")}`
}

/** The ids, of lia or kai, in the order given. */
export const named = (all: readonly { readonly pair: string; readonly id: string }[]): string[] =>
  all.map(({ pair, id }) => `${pair} ${id}`)

export const ofKai = { name: "kai", pair: "kai", paired: ["kai", "lia"] }

/** Of an agent that was removed and paired again, and of one that has its old name now. */
export function recentCases(box: "inbox" | "outbox", ended: readonly string[]): Case[] {
  const most = (store: Store, pair: string | null): string[] =>
    named(store[box].recent(2, { ...ofKai, pair }))
  const given = `UPDATE ${box} SET pair = 'noa' WHERE seq = (SELECT max(seq) FROM ${box})`
  return [
    {
      does: "of an agent also those of an ended pair of its name",
      given,
      act: store => most(store, "kai"),
      gives: ended,
    },
    {
      does: "of an agent none of an ended pair of another name",
      given: given.replace("SET ", "SET name = 'noa', "),
      act: store => most(store, "kai"),
      gives: box === "inbox" ? ["kai d1", "kai x1"] : ["kai oK3", "kai oK2"],
    },
    {
      does: "of an agent none of a pair that has another name today",
      given,
      act: store => most(store, null),
      gives: ended.slice(0, 1),
    },
  ]
}

export const settled = { state: "dropped", settled_at: now } as const
export const waitsNot = (box: "inbox" | "outbox", bytes = 0) => ({ [`kai ${box}`]: { bytes } })

/** The same after an attempt that did not get through. */
export const postponed = { attempts: 3, nextAt: now + 1.4, askedFor: 7 }
