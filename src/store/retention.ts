/** What is forgotten of messages that are settled, so that sento.db stays small. What waits is never removed. */
import type { Database } from "bun:sqlite"
import { isSettled } from "./receipts.ts"

/** How much is kept: both hold. */
export type RetentionPolicy = { readonly days: number; readonly bytes: number }

export const defaultRetention = { days: 30, megabytes: 100 } as const

export type Retention = ReturnType<typeof createRetention>

const dayMilliseconds = 24 * 60 * 60 * 1000
/** A database above its size is brought a little below it, so that the next message does not do so again. */
const roomLeft = 0.9

const settledIn = {
  inbox: "state NOT IN ('waiting', 'typing')",
  outbox: "state <> 'queued'",
} as const

export function createRetention(database: Database) {
  const pages = database.query<{ used: number }, []>(
    `SELECT (c.page_count - f.freelist_count) * s.page_size AS used
     FROM pragma_page_count() AS c, pragma_freelist_count() AS f, pragma_page_size() AS s`,
  )
  const removals = (["inbox", "outbox"] as const).map(table =>
    database.query(`DELETE FROM ${table} WHERE ${settledIn[table]} AND settled_at <= $until`),
  )
  const forgetReceipts = database.query(
    `DELETE FROM receipts WHERE pending = 0 AND at <= $until AND ${isSettled}`,
  )
  const settled = `SELECT settled_at FROM inbox WHERE ${settledIn.inbox}
    UNION ALL SELECT settled_at FROM outbox WHERE ${settledIn.outbox}`
  const count = database.query<{ count: number }, []>(`SELECT count(*) AS count FROM (${settled})`)
  const nth = database.query<{ settled_at: number }, { skip: number }>(
    `SELECT settled_at FROM (${settled}) ORDER BY settled_at LIMIT 1 OFFSET $skip`,
  )

  const usedBytes = (): number => pages.get()?.used ?? 0

  function removeUntil(until: number): number {
    forgetReceipts.run({ until })
    return removals.reduce((sum, removal) => sum + removal.run({ until }).changes, 0)
  }

  /** Removes about as large a part of what is settled as the database is too large by. */
  function removeOldest(bytes: number): number {
    const all = count.get()?.count ?? 0
    const share = 1 - (roomLeft * bytes) / usedBytes()
    const last = nth.get({ skip: Math.min(all - 1, Math.ceil(all * share) - 1) })
    return last === null ? 0 : removeUntil(last.settled_at)
  }

  return {
    /** Bytes of the pages in use: what the limit is about. */
    usedBytes,

    /**
     * Removes messages that were settled too long ago, then the oldest ones while the database is too large.
     * @param now - milliseconds since the epoch
     * @returns how many messages were removed
     */
    sweep({ days, bytes }: RetentionPolicy, now: number): number {
      let removed = database.transaction(removeUntil)(now - days * dayMilliseconds)
      while (usedBytes() > bytes) {
        const more = database.transaction(removeOldest)(bytes)
        if (more === 0) break
        removed += more
      }
      if (removed > 0) database.run("PRAGMA incremental_vacuum")
      return removed
    },
  }
}
