/** What the Guardian remembers of a pair beside its keys, and of pairs that ended. */
import type { Database } from "bun:sqlite"

export type Revocation = {
  readonly pair: string
  readonly name: string
  readonly byUs: boolean
  readonly at: number
  /** Its owner has seen that it ended. */
  readonly isCleared: boolean
}

/** An ended pair whose other side does not know yet. */
export type Untold = {
  readonly pair: string
  readonly name: string
  readonly unpair: string
  readonly at: number
}

/** The rows of `peers` that are paused at `$now`. */
export const isPaused = "pause_reason IS NOT NULL AND (paused_until IS NULL OR paused_until > $now)"

/**
 * Why a pair's messages are kept and not typed.
 * `until` is in milliseconds since the epoch; null: until its owner says `sento agents resume`.
 */
export type Pause = { readonly until: number | null; readonly reason: "owner" | "loop" }

export type Peers = ReturnType<typeof createPeers>

export function createPeers(database: Database) {
  const add = database.query(
    "INSERT INTO peers (pair, must_appear_by) VALUES ($pair, $mustAppearBy) ON CONFLICT (pair) DO NOTHING",
  )
  const touch = database.query(
    "INSERT INTO peers (pair, last_contact_at) VALUES ($pair, $now) ON CONFLICT (pair) DO UPDATE SET last_contact_at = $now, must_appear_by = NULL",
  )
  const forget = database.query("DELETE FROM peers WHERE pair = $pair")
  const contacts = database.query<{ pair: string; last_contact_at: number | null }, []>(
    "SELECT pair, last_contact_at FROM peers",
  )
  const overdue = database.query<{ pair: string }, { now: number }>(
    "SELECT pair FROM peers WHERE must_appear_by IS NOT NULL AND must_appear_by < $now",
  )
  const revoke = database.query(
    "INSERT INTO revoked (pair, name, by_us, at, unpair) VALUES ($pair, $name, $byUs, $now, $unpair) ON CONFLICT (pair) DO NOTHING",
  )
  const told = database.query("UPDATE revoked SET unpair = NULL WHERE pair = $pair")
  const revocations = database.query<
    { pair: string; name: string; by_us: number; at: number; is_cleared: number },
    []
  >("SELECT pair, name, by_us, at, is_cleared FROM revoked ORDER BY at DESC")
  const clear = database.query(
    "UPDATE revoked SET is_cleared = 1 WHERE is_cleared = 0 AND ($name IS NULL OR name = $name)",
  )
  const untold = database.query<Untold, []>(
    "SELECT pair, name, unpair, at FROM revoked WHERE unpair IS NOT NULL",
  )
  const untoldOf = database.query<Untold, { pair: string }>(
    "SELECT pair, name, unpair, at FROM revoked WHERE pair = $pair AND unpair IS NOT NULL",
  )
  const pause = database.query(
    `INSERT INTO peers (pair, paused_until, pause_reason) VALUES ($pair, $until, $reason)
     ON CONFLICT (pair) DO UPDATE SET paused_until = $until, pause_reason = $reason`,
  )
  const resume = database.query(
    "UPDATE peers SET paused_until = NULL, pause_reason = NULL WHERE pair = $pair",
  )
  const pauses = database.query<PauseRow, { now: number }>(
    `SELECT pair, paused_until, pause_reason FROM peers WHERE ${isPaused}`,
  )
  const pauseOf = database.query<PauseRow, { pair: string; now: number }>(
    `SELECT pair, paused_until, pause_reason FROM peers WHERE pair = $pair AND ${isPaused}`,
  )
  const nextEnd = database.query<{ at: number | null }, { now: number }>(
    "SELECT min(paused_until) AS at FROM peers WHERE pause_reason IS NOT NULL AND paused_until > $now",
  )
  const hopLimit = database.query<{ hop_limit: number | null }, { pair: string }>(
    "SELECT hop_limit FROM peers WHERE pair = $pair",
  )
  const setHopLimit = database.query("UPDATE peers SET hop_limit = $limit WHERE pair = $pair")
  return {
    /** From now on nothing of this pair is typed. @param pause.until - milliseconds since the epoch, or null */
    pause(pair: string, { until, reason }: Pause): void {
      pause.run({ pair, until, reason })
    },
    resume(pair: string): void {
      resume.run({ pair })
    },
    /** Why messages of this pair are held at this time, or null. @param now - milliseconds since the epoch */
    pauseOf(pair: string, now: number): Pause | null {
      const row = pauseOf.get({ pair, now })
      return row === null ? null : pauseFrom(row)
    },
    /** The pairs that are paused at this time, by pair id. */
    pauses: (now: number): Map<string, Pause> =>
      new Map(pauses.all({ now }).map(row => [row.pair, pauseFrom(row)])),
    /** When the first of the pauses that have an end is over, or null. */
    nextPauseEnd: (now: number): number | null => nextEnd.get({ now })?.at ?? null,
    /** How many replies in a row its owner lets through; null: as the config says. */
    hopLimit: (pair: string): number | null => hopLimit.get({ pair })?.hop_limit ?? null,
    setHopLimit(pair: string, limit: number | null): void {
      setHopLimit.run({ pair, limit })
    },
    /** @param mustAppearBy - when the pair is dropped if nothing authenticated came from it, or null */
    add(pair: string, mustAppearBy: number | null): void {
      add.run({ pair, mustAppearBy })
    },
    /** Notes that the pair was authentically heard from. */
    touch(pair: string, now: number): void {
      touch.run({ pair, now })
    },
    forget(pair: string): void {
      forget.run({ pair })
    },
    /** Milliseconds since the epoch of the last contact, by pair id. */
    lastContacts: (): Map<string, number | null> =>
      new Map(contacts.all().map(row => [row.pair, row.last_contact_at])),
    /** Pairs from which nothing came in time. */
    overdue: (now: number): string[] => overdue.all({ now }).map(row => row.pair),
    /** Remembers an ended pair. @param unpair - JSON with what is needed to tell the other side, or null */
    revoke(pair: string, name: string, byUs: boolean, unpair: string | null, now: number): void {
      revoke.run({ pair, name, byUs: byUs ? 1 : 0, now, unpair })
    },
    /** The other side knows, or no longer needs to: the last key goes. */
    told(pair: string): void {
      told.run({ pair })
    },
    untold: (): Untold[] => untold.all(),
    /** This pair, where it has ended and its other side does not know yet; or null. */
    untoldOf: (pair: string): Untold | null => untoldOf.get({ pair }),
    revocations: (): Revocation[] =>
      revocations.all().map(({ by_us, is_cleared, ...row }) => ({
        ...row,
        byUs: by_us === 1,
        isCleared: is_cleared === 1,
      })),
    /** Its owner has seen the ends of pairs: of this name, or of all. @returns how many */
    clear: (name: string | null): number => clear.run({ name }).changes,
  }
}

type PauseRow = {
  readonly pair: string
  readonly paused_until: number | null
  readonly pause_reason: Pause["reason"]
}

const pauseFrom = ({ paused_until: until, pause_reason: reason }: PauseRow): Pause => ({ until, reason })
