/** The messages that go, until they are settled, and what their receivers said of them. */
import type { Database } from "bun:sqlite"
import type { ReceiptState } from "../protocol/messages.ts"
import { isTaken } from "../protocol/receipts.ts"
import { type Correspondent, createRecent, type Wanted } from "./recent.ts"
import { createShortIds } from "./short-ids.ts"
import { createRoom, isWaiting } from "./waiting-room.ts"

/** A message of ours. */
export type Sent = {
  readonly seq: number
  readonly pair: string
  readonly name: string
  readonly id: string
  /** What `sento cancel` takes; null where no short id was free. */
  readonly shortId: string | null
  readonly text: string
  readonly inReplyTo: string | null
  readonly hops: number
  readonly createdAt: number
  readonly state: "queued" | "accepted" | "refused" | "expired" | "dropped" | "withdrawn"
  readonly reason: string | null
  readonly attempts: number
  /** Whether an attempt may have brought it, though nobody said so: noted before one comes to a connection. */
  readonly isExposed: boolean
  /** When it may be tried again. */
  readonly nextAt: number
  /** Milliseconds that the peer itself asked us to wait, or null where the wait is our own. */
  readonly askedFor: number | null
  /** What the peer last said became of it, and why; null before it said anything. */
  readonly peerState: ReceiptState | null
  readonly peerReason: string | null
  readonly settledAt: number | null
}

export type NewMessage = Pick<Sent, "pair" | "name" | "id" | "text" | "inReplyTo" | "hops">

/** An attempt that did not get through, and when the next one may be made. */
export type Postponed = Pick<Sent, "attempts" | "nextAt" | "askedFor">

/** Why a message is `accepted` that was withdrawn: the other side says that it has it. */
export const withdrawnTooLate = "withdrawn too late"

export type Outbox = ReturnType<typeof createOutbox>

export function createOutbox(database: Database, random: (length: number) => Uint8Array) {
  const shortIds = createShortIds(database, random)
  const insert = database.query<SentRow, Record<string, string | number | null>>(
    `INSERT INTO outbox (pair, name, id, short_id, text, in_reply_to, hops, created_at, state, exposed)
     VALUES ($pair, $name, $id, $shortId, $text, $inReplyTo, $hops, $now, 'queued', $isExposed) RETURNING *`,
  )
  const settle = database.query(
    "UPDATE outbox SET state = $state, reason = $reason, settled_at = $now WHERE seq = $seq AND state = 'queued'",
  )
  const head = database.query<SentRow, { pair: string }>(
    "SELECT * FROM outbox WHERE pair = $pair AND state = 'queued' ORDER BY seq LIMIT 1",
  )
  // A bare column beside min() is that of the row with the minimum (sqlite.org/lang_select.html, section 3.7).
  const times = database.query<{ pair: string; nextAt: number }, []>(
    "SELECT pair, next_at AS nextAt, min(seq) FROM outbox WHERE state = 'queued' GROUP BY pair",
  )
  // Who asked for a wait was there.
  const unreached = database.query<{ pair: string }, []>(
    "SELECT DISTINCT pair FROM outbox WHERE state = 'queued' AND attempts > 0 AND asked_for IS NULL",
  )
  const postpone = database.query(
    `UPDATE outbox SET attempts = $attempts, next_at = $nextAt, asked_for = $askedFor, reason = $reason,
       exposed = $isExposed WHERE seq = $seq AND state = 'queued'`,
  )
  const expose = database.query("UPDATE outbox SET exposed = 1 WHERE seq = $seq AND state = 'queued'")
  const isQueued = database.query("SELECT 1 FROM outbox WHERE seq = $seq AND state = 'queued'")
  const withdraw = database.query(
    `UPDATE outbox SET state = 'withdrawn', exposed = $isExposed, reason = NULL, settled_at = $now
     WHERE seq = $seq AND state = 'queued'`,
  )
  const prove = database.query(
    `UPDATE outbox SET state = 'accepted', reason = '${withdrawnTooLate}' WHERE pair = $pair AND id = $id AND state = 'withdrawn'`,
  )
  const byShortId = database.query<SentRow, { shortId: string }>(
    "SELECT * FROM outbox WHERE short_id = $shortId ORDER BY state = 'queued' DESC, seq DESC LIMIT 1",
  )
  const answers = database.query<SentRow, { pair: string; to: string }>(
    "SELECT * FROM outbox WHERE in_reply_to = $to AND pair = $pair ORDER BY seq",
  )
  const heads = database.query<SentRow & { count: number }, []>(
    `SELECT *, min(seq), count(*) AS count FROM outbox WHERE ${isWaiting.outbox} GROUP BY pair ORDER BY seq`,
  )
  const withId = database.query<SentRow, { id: string }>("SELECT * FROM outbox WHERE id = $id")
  const byId = database.query<SentRow, { pair: string; id: string }>(
    "SELECT * FROM outbox WHERE pair = $pair AND id = $id",
  )
  const anyWithId = database.query("SELECT 1 FROM outbox WHERE id = $id")
  const receiptsTaken = database.query<
    { receipts: number; peer_state: ReceiptState | null },
    { pair: string; of: string }
  >("SELECT receipts, peer_state FROM outbox WHERE pair = $pair AND id = $of")
  const loops = database.query<{ pair: string; hops: number }, []>(
    "SELECT pair, max(hops) AS hops FROM outbox WHERE peer_state = 'held' AND peer_reason = 'loop' GROUP BY pair",
  )
  const receipt = database.query(
    "UPDATE outbox SET peer_state = $state, peer_reason = $reason, receipts = receipts + 1 WHERE pair = $pair AND id = $of",
  )
  const hasten = database.query(
    "UPDATE outbox SET next_at = 0 WHERE pair = $pair AND state = 'queued' AND next_at > 0 AND asked_for IS NULL",
  )
  const dropAll = database.query(
    "UPDATE outbox SET state = 'dropped', reason = $reason, settled_at = $now WHERE pair = $pair AND state = 'queued'",
  )
  const room = createRoom(database, "outbox")
  const recent = createRecent<SentRow>(database, "outbox")
  return {
    /** Keeps a message that is to be sent. @param isExposed - where an attempt begins at once, as {@link expose} */
    keep(message: NewMessage, now: number, isExposed = false): Sent {
      const row = insert.get({
        ...message,
        shortId: shortIds.fresh(now),
        now,
        isExposed: isExposed ? 1 : 0,
      })
      if (row === null) throw new Error(`sqlite returned no row for ${message.id}`)
      return sent(row)
    },
    /** Gives what waits its end; false where it has one. */
    settle(
      seq: number,
      state: Exclude<Sent["state"], "queued" | "withdrawn">,
      reason: string | null,
      now: number,
    ): boolean {
      return settle.run({ seq, state, reason, now }).changes > 0
    },
    /** An attempt begins that may bring it; nothing where it is settled. */
    expose(seq: number): void {
      expose.run({ seq })
    },
    isQueued: (seq: number): boolean => isQueued.get({ seq }) !== null,
    /** Takes back what waits: no attempt begins any more. False where it is settled. */
    withdraw: (seq: number, isExposed: boolean, now: number): boolean =>
      withdraw.run({ seq, isExposed: isExposed ? 1 : 0, now }).changes > 0,
    /** The other side has it. @returns whether it had been withdrawn */
    prove: (pair: string, id: string): boolean => prove.run({ pair, id }).changes > 0,
    byShortId(shortId: string): Sent | null {
      const row = byShortId.get({ shortId })
      return row === null ? null : sent(row)
    },
    /** Whomever it went to. */
    withId(id: string): Sent | null {
      const row = withId.get({ id })
      return row === null ? null : sent(row)
    },
    /** Our answers to a message of this pair. */
    answersTo: (pair: string, to: string): Sent[] => answers.all({ pair, to }).map(sent),
    /** The oldest for each pair that waits, and how many of it do. */
    heads: (): { readonly message: Sent; readonly count: number }[] =>
      heads.all().map(({ count, ...row }) => ({ message: sent(row), count })),
    /** The oldest message of a pair that waits, or null. */
    head(pair: string): Sent | null {
      const row = head.get({ pair })
      return row === null ? null : sent(row)
    },
    /** When the oldest message of each pair that has some may be tried. */
    times: (): { readonly pair: string; readonly nextAt: number }[] => times.all(),
    /** The pairs to which an attempt has brought nothing so far of what waits for them. */
    unreached: (): string[] => unreached.all().map(({ pair }) => pair),
    /** @param isExposed - whether this attempt, or one before it, may have brought it all the same */
    postpone(seq: number, { attempts, nextAt, askedFor }: Postponed, reason: string, isExposed = true): void {
      const when = { attempts, nextAt: Math.round(nextAt), askedFor }
      postpone.run({ seq, ...when, reason, isExposed: isExposed ? 1 : 0 })
    },
    /**
     * Notes what the peer says of a message of ours, which is a proof that it came; false where it is none that went to this pair, enough was
     * said of it, or its end is known.
     */
    noteReceipt(pair: string, of: string, state: ReceiptState, reason: string | null): boolean {
      prove.run({ pair, id: of })
      const known = receiptsTaken.get({ pair, of })
      if (known === null || !isTaken(known.peer_state, known.receipts, state)) return false
      receipt.run({ pair, of, state, reason })
      return true
    },
    /** Whether one more text may wait with those for this pair. */
    hasRoom: room.has,
    byId(pair: string, id: string): Sent | null {
      const row = byId.get({ pair, id })
      return row === null ? null : sent(row)
    },
    /** Whether a message of ours, to whomever, has this id. */
    has: (id: string): boolean => anyWithId.get({ id }) !== null,
    /** What waits for this pair may be tried now, where the peer itself did not ask for the wait. */
    hasten(pair: string): void {
      hasten.run({ pair })
    },
    /** Drops whatever waits for this pair; to be called within the transaction that ends it. */
    drop: (pair: string, reason: string, now: number): number => dropAll.run({ pair, reason, now }).changes,
    /** Where the other side holds a message of ours as one reply too many: its replies in a row, by pair id. */
    loops: (): Map<string, number> => new Map(loops.all().map(({ pair, hops }) => [pair, hops])),
    waitingCount: room.count,
    /** The latest messages, newest first; of one agent, however many others were sent to since. */
    recent: (most: number, of: Correspondent | null = null, wanted?: Wanted): Sent[] =>
      recent(most, of, wanted).map(sent),
  }
}

type SentRow = {
  seq: number
  pair: string
  name: string
  id: string
  short_id: string | null
  text: string
  in_reply_to: string | null
  hops: number
  created_at: number
  state: Sent["state"]
  reason: string | null
  attempts: number
  exposed: number
  next_at: number
  asked_for: number | null
  peer_state: ReceiptState | null
  peer_reason: string | null
  settled_at: number | null
}

function sent(row: SentRow): Sent {
  const {
    short_id: shortId,
    exposed,
    in_reply_to: inReplyTo,
    created_at: createdAt,
    next_at: nextAt,
    asked_for: askedFor,
    peer_state: peerState,
    peer_reason: peerReason,
    settled_at: settledAt,
    ...same
  } = row
  const isExposed = exposed === 1
  return {
    ...same,
    shortId,
    isExposed,
    inReplyTo,
    createdAt,
    nextAt,
    askedFor,
    peerState,
    peerReason,
    settledAt,
  }
}
