/** Joins that an agent asked for and that wait for its own owner's yes. */
import type { Database } from "bun:sqlite"
import { newShortId } from "../protocol/codes.ts"

/** How long the owner is asked: no longer than a code can live (docs/PROTOCOL.md section 2). */
export const joinLifetimeMilliseconds = 10 * 60 * 1000

/** What an agent may have its owner asked: enough for typing errors, too little to wear a person down. */
export const joinLimits = { waiting: 3, anHour: 10 } as const

export type JoinState = "waiting" | "approved" | "denied" | "expired" | "failed"

/** A join as an agent asked for it; `name` and `agent` are what the minter at that place calls itself. */
export type AskedJoin = {
  readonly id: string
  readonly symbols: string
  readonly host: string
  readonly port: number
  readonly name: string
  readonly agent: string
  readonly localName: string
  readonly createdAt: number
}

type Row = {
  id: string
  symbols: string
  host: string
  port: number
  name: string
  agent: string
  local_name: string
  created_at: number
  state: JoinState
}

export type Joins = ReturnType<typeof createJoins>

export function createJoins(database: Database, random: (length: number) => Uint8Array) {
  const insert = database.query(
    `INSERT INTO joins (id, symbols, host, port, name, agent, local_name, created_at, state)
     VALUES ($id, $symbols, $host, $port, $name, $agent, $localName, $now, 'waiting')`,
  )
  const byState = database.query<Row, []>(
    "SELECT * FROM joins WHERE state = 'waiting' ORDER BY created_at, id",
  )
  const byId = database.query<Row, { id: string }>("SELECT * FROM joins WHERE id = $id")
  const isRequest = database.query("SELECT 1 FROM requests WHERE id = $id")
  /** The code is of no more use, and leaves the disk. */
  const settle = database.query(
    "UPDATE joins SET state = $state, symbols = '' WHERE id = $id AND state = 'waiting'",
  )
  const expire = database.query<Row, { before: number; now: number }>(
    "UPDATE joins SET state = 'expired', symbols = '' WHERE state = 'waiting' AND (created_at <= $before OR created_at > $now) RETURNING *",
  )
  const forget = database.query("DELETE FROM joins WHERE state <> 'waiting' AND created_at < $before")
  const recent = database.query<{ count: number }, { since: number }>(
    "SELECT count(*) AS count FROM joins WHERE created_at > $since",
  )
  return {
    keep(join: Omit<AskedJoin, "id" | "createdAt">, now: number): AskedJoin {
      let id = newShortId(random(4))
      while (byId.get({ id }) !== null || isRequest.get({ id }) !== null) id = newShortId(random(4))
      insert.run({ ...join, id, now })
      return { ...join, id, createdAt: now }
    },
    /** Those that wait, oldest first. */
    waiting: (): AskedJoin[] => byState.all().map(fromRow),
    stateOf: (id: string): { name: string; state: JoinState } | null => byId.get({ id }),
    /** False where another answer was first. */
    settle: (id: string, state: Exclude<JoinState, "waiting">): boolean =>
      settle.run({ id, state }).changes > 0,
    /** Ends what waited too long, or came from a clock that was wrong; returns what ended now. */
    sweep(now: number): AskedJoin[] {
      forget.run({ before: now - 24 * 60 * 60 * 1000 })
      return expire.all({ before: now - joinLifetimeMilliseconds, now: now + 60_000 }).map(fromRow)
    },
    /** How many were asked within the last hour. */
    lastHour: (now: number): number => recent.get({ since: now - 60 * 60 * 1000 })?.count ?? 0,
  }
}

function fromRow({ local_name: localName, created_at: createdAt, state: _, ...same }: Row): AskedJoin {
  return { ...same, localName, createdAt }
}
