/** The agent program's open turns, which outlive a Guardian that dies in the middle of one. */
import type { Database } from "bun:sqlite"
import { idsIn, noTurn, type TurnState } from "../protocol/turns.ts"

/** How long a turn may last before it is forgotten: as long as a message's sender waits. */
const turnLifetimeMilliseconds = 24 * 60 * 60 * 1000

/** Open turns at once: more sessions than an agent program has; the oldest is forgotten. */
const mostOpen = 64

export type KeptTurns = ReturnType<typeof createKeptTurns>

type Row = { readonly session: string; readonly state: string; readonly at: number }

/** @property at - milliseconds since the epoch: when something was last told of it */
export type KeptTurn = { readonly session: string; readonly state: TurnState; readonly at: number }

export function createKeptTurns(database: Database) {
  const one = database.query<Row, { session: string }>("SELECT * FROM turns WHERE session = $session")
  const all = database.query<Row, []>("SELECT * FROM turns ORDER BY at")
  const put = database.query(
    `INSERT INTO turns (session, state, at) VALUES ($session, $state, $now)
     ON CONFLICT (session) DO UPDATE SET state = $state, at = $now`,
  )
  const remove = database.query("DELETE FROM turns WHERE session = $session")
  const forget = database.query("DELETE FROM turns WHERE at < $before OR at > $now")
  const crowd = database.query(
    "DELETE FROM turns WHERE session NOT IN (SELECT session FROM turns ORDER BY at DESC, rowid DESC LIMIT $most)",
  )
  const take = database.query(
    "UPDATE inbox SET taken_at = $now WHERE seq = $seq AND taken_at IS NULL AND state <> 'dropped'",
  )
  const answer = database.query(
    "SELECT 1 FROM outbox WHERE pair = $pair AND in_reply_to = $id AND state <> 'dropped' LIMIT 1",
  )
  const kept = (): KeptTurn[] =>
    all.all().map(({ session, state, at }) => ({ session, state: JSON.parse(state) as TurnState, at }))
  return {
    /** The session's state; that of a session without a turn where nothing is known. */
    of(session: string): TurnState {
      const row = one.get({ session })
      return row === null ? noTurn : (JSON.parse(row.state) as TurnState)
    },
    /** Every session of which something is known, the one that was quiet for longest first. */
    all: kept,
    /** Sessions in which a message of a peer waits for the end of a turn. */
    waiting: (): string[] =>
      kept()
        .filter(({ state }) => idsIn(state).length > 0)
        .map(({ session }) => session),
    put(session: string, state: TurnState, now: number): void {
      const isNothing = state.open === null && state.left.ids.length === 0 && !state.left.hasOthers
      if (isNothing) remove.run({ session })
      else {
        put.run({ session, state: JSON.stringify(state), now })
        crowd.run({ most: mostOpen })
      }
    },
    /** Ties a message to a turn; false where it is tied to one already. */
    take: (seq: number, now: number): boolean => take.run({ seq, now }).changes > 0,
    /** Whether a message that came from this pair was answered, by whatever way. */
    isAnswered: (pair: string, id: string): boolean => answer.get({ pair, id }) !== null,
    /** Forgets turns that nobody ended within a day. */
    forget(now: number): void {
      forget.run({ before: now - turnLifetimeMilliseconds, now: now + turnLifetimeMilliseconds })
    },
  }
}
