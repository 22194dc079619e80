/** Open codes and tries, on both sides. Limits hold over restarts because they are counted here. */
import type { Database } from "bun:sqlite"
import { codeLifetimeMilliseconds, triesPerCode } from "../protocol/codes.ts"

export type OpenCode = { readonly symbols: string; readonly expiresAt: number }

/** A code that is open, without what it is. */
export type CodeState = { readonly expiresAt: number; readonly triesUsed: number }

/** Codes an agent may open; those that others burned do not count (docs/PROTOCOL.md section 2). */
export const codeLimits = [
  { most: 10, milliseconds: 60 * 60 * 1000, words: "10 codes an hour" },
  { most: 30, milliseconds: 24 * 60 * 60 * 1000, words: "30 codes a day" },
] as const

export type Codes = ReturnType<typeof createCodes>

export function createCodes(database: Database) {
  const closeAs = database.query("UPDATE codes SET state = $state, symbols = '' WHERE state = 'open'")
  const expire = database.query(
    "UPDATE codes SET state = 'expired', symbols = '' WHERE state = 'open' AND (expires_at <= $now OR opened_at > $now + 60000)",
  )
  const openOne = database.query<{ symbols: string; expires_at: number }, []>(
    "SELECT symbols, expires_at FROM codes WHERE state = 'open'",
  )
  const state = database.query<{ expires_at: number; tries_left: number }, { now: number }>(
    "SELECT expires_at, tries_left FROM codes WHERE state = 'open' AND expires_at > $now AND opened_at <= $now + 60000",
  )
  const insert = database.query(
    "INSERT INTO codes (symbols, opened_at, expires_at, tries_left, state) VALUES ($symbols, $now, $expiresAt, $tries, 'open')",
  )
  const times = database.query<{ opened_at: number }, { since: number }>(
    "SELECT opened_at FROM codes WHERE state <> 'burned' AND opened_at > $since ORDER BY opened_at",
  )
  const take = database.query<{ tries_left: number }, { now: number }>(
    "UPDATE codes SET tries_left = tries_left - 1 WHERE state = 'open' AND tries_left > 0 AND expires_at > $now RETURNING tries_left",
  )
  const forget = database.query("DELETE FROM codes WHERE state <> 'open' AND opened_at < $before")

  return {
    /** The code that is open now, or null; one whose time is over is closed first. */
    open(now: number): OpenCode | null {
      expire.run({ now })
      const row = openOne.get()
      return row === null ? null : { symbols: row.symbols, expiresAt: row.expires_at }
    },

    /** How the open code stands, or null: for whoever only reads. */
    stateAt(now: number): CodeState | null {
      const row = state.get({ now })
      return row === null ? null : { expiresAt: row.expires_at, triesUsed: triesPerCode - row.tries_left }
    },

    /** Opens a code in place of the one that may be open. */
    mint(symbols: string, now: number): OpenCode {
      const expiresAt = now + codeLifetimeMilliseconds
      database.transaction(() => {
        closeAs.run({ state: "replaced" })
        forget.run({ before: now - 7 * 24 * 60 * 60 * 1000 })
        insert.run({ symbols, now, expiresAt, tries: triesPerCode })
      })()
      return { symbols, expiresAt }
    },

    /** Null when one more code may be opened; otherwise the limit that says no and the seconds to wait. */
    limit(now: number): { words: string; retryAfterSeconds: number } | null {
      for (const { most, milliseconds, words } of codeLimits) {
        const recent = times.all({ since: now - milliseconds })
        const freeing = recent[recent.length - most]
        if (freeing === undefined) continue
        return { words, retryAfterSeconds: Math.ceil((freeing.opened_at + milliseconds - now) / 1000) }
      }
      return null
    },

    /** Takes one try off the open code: the tries left after it, or null where no code was open with one. */
    takeTry: (now: number): number | null => take.get({ now })?.tries_left ?? null,

    /** Closes the open code and forgets its symbols. */
    close(state: "spent" | "burned" | "expired"): void {
      closeAs.run({ state })
    },
  }
}

export type JoinTries = ReturnType<typeof createJoinTries>

/** How long a joiner remembers the tries it made with a code: well past any code's life. */
const joinMemoryMilliseconds = 60 * 60 * 1000

export function createJoinTries(database: Database) {
  const forget = database.query("DELETE FROM join_tries WHERE last_at < $before")
  const count = database.query<{ count: number }, { symbols: string }>(
    "SELECT count FROM join_tries WHERE symbols = $symbols",
  )
  const add = database.query(
    "INSERT INTO join_tries (symbols, count, last_at) VALUES ($symbols, 1, $now) ON CONFLICT (symbols) DO UPDATE SET count = count + 1, last_at = $now",
  )
  const clear = database.query("DELETE FROM join_tries WHERE symbols = $symbols")
  return {
    /** Confirms sent with this code that no valid tag answered. */
    made(symbols: string, now: number): number {
      forget.run({ before: now - joinMemoryMilliseconds })
      return count.get({ symbols })?.count ?? 0
    },
    add(symbols: string, now: number): void {
      add.run({ symbols, now })
    },
    clear(symbols: string): void {
      clear.run({ symbols })
    },
  }
}
