/**
 * What is forgotten of messages that are settled, so that sento.db and the files beside it stay small. What waits is
 * never removed, and a pair that takes no more than its share loses nothing by what the others do.
 */
import type { Database } from "bun:sqlite"
import { isSettled } from "./receipts-to-send.ts"
import { type Box, isWaiting } from "./waiting-room.ts"

/** How much is kept: both hold. */
export type RetentionPolicy = { readonly days: number; readonly bytes: number }

export const defaultRetention = { days: 30, megabytes: 100 } as const

/** The bytes of a file that holds the text of a message that came, by the message's `seq`. */
export type FileSizes = ReadonlyMap<number, number>

export type Retention = ReturnType<typeof createRetention>

const dayMilliseconds = 24 * 60 * 60 * 1000
/** What is above its size is brought a little below it, so that the next message does not do so again. */
const roomLeft = 0.9

/**
 * Pages that a row takes beside its text, with its indexes: 540 bytes for a message that came with its receipt, 345
 * for one of ours, 291 for an id that was seen (20,000 of each, SQLite 3.54.1). Only what pairs take of each other
 * is weighed by it; how much there is in all is counted in pages.
 */
const messageBytes = 450
const idBytes = 290

const settledIn = {
  inbox: `NOT (${isWaiting.inbox})`,
  outbox: `NOT (${isWaiting.outbox})`,
} as const

/** A settled message, and what goes with it. */
type Settled = {
  readonly pair: string
  readonly box: Box
  readonly seq: number
  readonly bytes: number
}

/**
 * The most that each may have so that together they have no more than `room`: who needs less leaves the rest to the
 * others. Infinity where there is room for all.
 * @param uses - what each has now, in the unit of `room`
 */
export function fairShare(uses: readonly number[], room: number): number {
  let left = room
  const sorted = uses.toSorted((a, b) => a - b)
  for (const [i, use] of sorted.entries()) {
    const share = left / (sorted.length - i)
    if (use > share) return Math.max(0, share)
    left -= use
  }
  return Number.POSITIVE_INFINITY
}

export function createRetention(database: Database) {
  const pages = database.query<{ used: number }, []>(
    `SELECT (c.page_count - f.freelist_count) * s.page_size AS used
     FROM pragma_page_count() AS c, pragma_freelist_count() AS f, pragma_page_size() AS s`,
  )
  const removals = (["inbox", "outbox"] as const).map(table =>
    database.query(`DELETE FROM ${table} WHERE ${settledIn[table]} AND settled_at <= $until`),
  )
  const removeOne = {
    inbox: database.query(`DELETE FROM inbox WHERE seq = $seq`),
    outbox: database.query(`DELETE FROM outbox WHERE seq = $seq`),
  }
  const forgetReceipts = database.query(
    `DELETE FROM receipts WHERE pending = 0 AND at <= $until AND ${isSettled}`,
  )
  const forgetReceiptOf = database.query(
    `DELETE FROM receipts WHERE pending = 0
     AND (pair, of) IN (SELECT pair, id FROM inbox WHERE seq = $seq)`,
  )
  const usesInPages = database.query<{ pair: string; bytes: number }, []>(
    `SELECT pair, sum(bytes) AS bytes FROM (
       SELECT pair, octet_length(text) + ${messageBytes} AS bytes FROM inbox
       UNION ALL SELECT pair, octet_length(text) + ${messageBytes} FROM outbox
       UNION ALL SELECT pair, ${idBytes} FROM seen) GROUP BY pair`,
  )
  const pairOf = database.query<{ pair: string }, { seq: number }>("SELECT pair FROM inbox WHERE seq = $seq")
  const oldestFirst = database.query<Settled, []>(
    `SELECT pair, 'inbox' AS box, seq, octet_length(text) + ${messageBytes} AS bytes, settled_at FROM inbox
       WHERE ${settledIn.inbox}
     UNION ALL SELECT pair, 'outbox', seq, octet_length(text) + ${messageBytes}, settled_at FROM outbox
       WHERE ${settledIn.outbox} ORDER BY settled_at, seq`,
  )

  const usedBytes = (): number => pages.get()?.used ?? 0

  function removeUntil(until: number): number {
    forgetReceipts.run({ until })
    return removals.reduce((sum, removal) => sum + removal.run({ until }).changes, 0)
  }

  /** What each pair takes: messages, the files of those that came, and ids. */
  function usesByPair(files: FileSizes): Map<string, number> {
    const uses = new Map(usesInPages.all().map(({ pair, bytes }) => [pair, bytes]))
    for (const [seq, bytes] of files) {
      const pair = pairOf.get({ seq })?.pair
      if (pair !== undefined) uses.set(pair, (uses.get(pair) ?? 0) + bytes)
    }
    return uses
  }

  /** Oldest first, of the pairs that take more than their share, until what is left fits. */
  function removeBeyondShares(bytes: number, files: FileSizes): number {
    const uses = usesByPair(files)
    const estimated = sumOf(uses.values())
    const room = (roomLeft * bytes * estimated) / allBytes(files)
    const share = fairShare([...uses.values()], room)
    const removed: Settled[] = []
    let excess = estimated - room
    for (const one of oldestFirst.iterate()) {
      if (excess <= 0) break
      const use = uses.get(one.pair) ?? 0
      if (use <= share) continue
      const freed = one.bytes + (one.box === "inbox" ? (files.get(one.seq) ?? 0) : 0)
      uses.set(one.pair, use - freed)
      excess -= freed
      removed.push(one)
    }
    removed.forEach(remove)
    return removed.length
  }

  function remove({ box, seq }: Settled): void {
    if (box === "inbox") forgetReceiptOf.run({ seq })
    removeOne[box].run({ seq })
  }

  const isThere = (seq: number): boolean => pairOf.get({ seq }) !== null

  /** Of the files, those of messages that are there still: the others go with their messages. */
  const allBytes = (files: FileSizes): number =>
    usedBytes() + sumOf([...files].map(([seq, bytes]) => (isThere(seq) ? bytes : 0)))

  return {
    /** Bytes of the pages in use. */
    usedBytes,

    /**
     * Removes messages that were settled too long ago, then, while all of it is too large, the oldest ones of the
     * pairs that take more than an equal share.
     * @param now - milliseconds since the epoch
     * @param files - what lies beside the database; a file is to be removed with its message
     * @returns how many messages were removed
     */
    sweep({ days, bytes }: RetentionPolicy, now: number, files: FileSizes = new Map()): number {
      let removed = database.transaction(removeUntil)(now - days * dayMilliseconds)
      while (allBytes(files) > bytes) {
        const more = database.transaction(removeBeyondShares)(bytes, files)
        if (more === 0) break
        removed += more
      }
      if (removed > 0) database.run("PRAGMA incremental_vacuum")
      return removed
    },
  }
}

const sumOf = (numbers: Iterable<number>): number => [...numbers].reduce((sum, one) => sum + one, 0)
