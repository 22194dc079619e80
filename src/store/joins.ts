/** Joins that an agent asked for and that wait for its own owner's yes. */
import type { Database } from "bun:sqlite"
import type { Bucket } from "../protocol/limiter.ts"
import { requireShortId } from "./short-ids.ts"

/** How long the owner is asked: no longer than a code can live (docs/PROTOCOL.md section 2). */
export const joinLifetimeMilliseconds = 10 * 60 * 1000

/** Questions of an agent's that may wait for its owner at once: too few to wear a person down. */
export const mostJoinsWaiting = 3

/**
 * How often an agent may have the Guardian look for another one, found or not: enough for typing errors. A look
 * resolves a name and dials, for an agent that may be in a sandbox without a way out.
 */
export const lookBucket: Bucket = { most: 10, seconds: 60 * 60 }

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
  return {
    keep(join: Omit<AskedJoin, "id" | "createdAt">, now: number): AskedJoin {
      const isTaken = (id: string): boolean => byId.get({ id }) !== null || isRequest.get({ id }) !== null
      const id = requireShortId(random, isTaken)
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
  }
}

function fromRow({ local_name: localName, created_at: createdAt, state: _, ...same }: Row): AskedJoin {
  return { ...same, localName, createdAt }
}
