/** What we have to tell senders of their messages: the latest word on each, until it was heard. */
import type { Database } from "bun:sqlite"
import { messageLifetimeMilliseconds, type ReceiptState } from "../protocol/messages.ts"
import { isWorthTelling, type Word } from "../protocol/receipts.ts"
import type { Postponed } from "./outbox.ts"

export type Receipt = {
  readonly pair: string
  /** The id of the message it is about. */
  readonly of: string
  /** Its own id: a new one for each new word, the same over retries. */
  readonly id: string
  readonly state: ReceiptState
  readonly reason: string | null
  readonly attempts: number
  readonly nextAt: number
  /** Milliseconds that the peer itself asked us to wait, or null where the wait is our own. */
  readonly askedFor: number | null
  /** When this word was noted. */
  readonly at: number
}

type Row = Omit<Receipt, "nextAt" | "askedFor"> & { next_at: number; asked_for: number | null }

/** Of a message that still waits, it must be known how much was said: its sender counts too. */
export const isSettled = `NOT EXISTS (SELECT 1 FROM inbox
  WHERE inbox.pair = receipts.pair AND inbox.id = receipts.of AND inbox.state IN ('waiting', 'typing'))`

export type Receipts = ReturnType<typeof createReceipts>

export function createReceipts(database: Database) {
  const known = database.query<Word & { made: number }, { pair: string; of: string }>(
    "SELECT made, state, reason FROM receipts WHERE pair = $pair AND of = $of",
  )
  const upsert = database.query(
    `INSERT INTO receipts (pair, of, id, state, reason, made, pending, at) VALUES ($pair, $of, $id, $state, $reason, 1, 1, $now)
     ON CONFLICT (pair, of) DO UPDATE SET id = $id, state = $state, reason = $reason, made = made + 1, pending = 1,
       attempts = 0, next_at = 0, asked_for = NULL, at = $now`,
  )
  const head = database.query<Row, { pair: string }>(
    "SELECT pair, of, id, state, reason, attempts, next_at, asked_for, at FROM receipts WHERE pending = 1 AND pair = $pair ORDER BY next_at, at LIMIT 1",
  )
  const times = database.query<{ pair: string; nextAt: number }, []>(
    "SELECT pair, min(next_at) AS nextAt FROM receipts WHERE pending = 1 GROUP BY pair",
  )
  const done = database.query("UPDATE receipts SET pending = 0 WHERE pair = $pair AND of = $of AND id = $id")
  const postpone = database.query(
    "UPDATE receipts SET attempts = $attempts, next_at = $nextAt, asked_for = $askedFor WHERE pair = $pair AND of = $of AND id = $id",
  )
  const hasten = database.query(
    "UPDATE receipts SET next_at = 0 WHERE pair = $pair AND pending = 1 AND next_at > 0 AND asked_for IS NULL",
  )
  const drop = database.query("DELETE FROM receipts WHERE pair = $pair")
  const forget = database.query(`DELETE FROM receipts WHERE at < $before AND ${isSettled}`)
  return {
    /** Notes a word to tell; false where it says nothing new, or enough was said of this message. */
    note(
      pair: string,
      of: string,
      state: ReceiptState,
      reason: string | null,
      id: string,
      now: number,
    ): boolean {
      const last = known.get({ pair, of })
      if (!isWorthTelling(last, last?.made ?? 0, { state, reason })) return false
      upsert.run({ pair, of, id, state, reason, now })
      return true
    },
    /** The next word for this pair, or null. */
    head(pair: string): Receipt | null {
      const row = head.get({ pair })
      if (row === null) return null
      const { next_at: nextAt, asked_for: askedFor, ...same } = row
      return { ...same, nextAt, askedFor }
    },
    /** When the first word for each pair may be told. */
    times: (): { readonly pair: string; readonly nextAt: number }[] => times.all(),
    /** It was heard, or never will be. */
    done({ pair, of, id }: Receipt): void {
      done.run({ pair, of, id })
    },
    postpone({ pair, of, id }: Receipt, { attempts, nextAt, askedFor }: Postponed): void {
      postpone.run({ pair, of, id, attempts, nextAt: Math.round(nextAt), askedFor })
    },
    hasten(pair: string): void {
      hasten.run({ pair })
    },
    drop(pair: string): void {
      drop.run({ pair })
    },
    /** Forgets words about messages that no longer wait, after two days. */
    forget(now: number): void {
      forget.run({ before: now - 2 * messageLifetimeMilliseconds })
    },
  }
}
