/** What waits, both ways: how much of it there is, and how much more may come. */
import type { Database } from "bun:sqlite"

/** How much text of one pair may wait each way, in bytes of UTF-8. */
export const mostWaitingBytes = 16 * 1024 * 1024

export type Box = "inbox" | "outbox"

/** The rows of a box that wait. */
export const isWaiting: Readonly<Record<Box, string>> = {
  inbox: "state IN ('waiting', 'typing')",
  outbox: "state = 'queued'",
}

/** What waits one way. */
export function createRoom(database: Database, box: Box) {
  const taken = database.query<{ bytes: number }, { pair: string }>(
    `SELECT bytes FROM waiting WHERE pair = $pair AND box = '${box}'`,
  )
  const counted = database.query<{ count: number }, []>(
    `SELECT count(*) AS count FROM ${box} WHERE ${isWaiting[box]}`,
  )
  return {
    /** Whether one more text may wait with those of its pair that do. */
    has: (pair: string, text: string): boolean =>
      (taken.get({ pair })?.bytes ?? 0) + Buffer.byteLength(text) <= mostWaitingBytes,
    /** How many messages wait, of all pairs. */
    count: (): number => counted.get()?.count ?? 0,
  }
}

export type WaitingRoom = ReturnType<typeof createWaitingRoom>

export function createWaitingRoom(database: Database) {
  const byPair = database.query<{ pair: string; count: number }, []>(
    `SELECT pair, count(*) AS count FROM (
       SELECT pair FROM inbox WHERE ${isWaiting.inbox} UNION ALL
       SELECT pair FROM outbox WHERE ${isWaiting.outbox}) GROUP BY pair`,
  )
  return {
    /** Messages from or to each pair that wait, by pair id. */
    counts: (): Map<string, number> => new Map(byPair.all().map(row => [row.pair, row.count])),
  }
}
