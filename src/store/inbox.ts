/** The messages that came, and the ids that were seen. */
import type { Database } from "bun:sqlite"
import { messageBucket, otherBucket, secondsUntilFree } from "../protocol/limiter.ts"
import { idLifetimeMilliseconds, type MessageBody } from "../protocol/messages.ts"
import { areLimitsLifted } from "./faults.ts"
import { isPaused } from "./peers.ts"
import { type Correspondent, createRecent, type Wanted } from "./recent.ts"
import { createShortIds } from "./short-ids.ts"
import { createRoom, isWaiting } from "./waiting-room.ts"

/** A received message; times are milliseconds since the epoch. */
export type Received = {
  readonly seq: number
  readonly pair: string
  readonly name: string
  readonly id: string
  readonly shortId: string
  readonly text: string
  readonly inReplyTo: string | null
  readonly hops: number
  readonly receivedAt: number
  readonly state: "waiting" | "typing" | "delivered" | "uncertain" | "dropped"
  readonly settledAt: number | null
  /** Its owner's word that it is typed though its pair is paused. */
  readonly isReleased: boolean
  /** Why it was dropped; null where nobody said so. */
  readonly reason: string | null
}

/** A received message that waits, without its text. */
export type WaitingMessage = Pick<Received, "seq" | "pair" | "name" | "id"> & {
  /** 1 where its owner released it. */
  readonly released?: number
}

/** What became of a message that was rightly signed. */
export type Admission =
  | { readonly kind: "accepted"; readonly shortId: string }
  | { readonly kind: "duplicate" }
  | { readonly kind: "limited"; readonly retryAfterSeconds: number }
  /** So much of this pair waits already that no more is kept, or no short id was free. */
  | { readonly kind: "full" }

export type Inbox = ReturnType<typeof createInbox>

export function createInbox(database: Database, random: (length: number) => Uint8Array) {
  const room = createRoom(database, "inbox")
  // A message is in the inbox longer than its id is in `seen`.
  const seen = database.query(
    "SELECT 1 FROM seen WHERE pair = $pair AND id = $id UNION ALL SELECT 1 FROM inbox WHERE pair = $pair AND id = $id",
  )
  const remember = database.query(
    `INSERT INTO seen (pair, id, is_message, first_at, last_at) VALUES ($pair, $id, $isMessage, $now, $now)
     ON CONFLICT (pair, id) DO UPDATE SET last_at = $now`,
  )
  const forgetIds = database.query("DELETE FROM seen WHERE last_at < $before")
  const messageTimes = database.query<{ at: number }, { pair: string; since: number }>(
    "SELECT first_at AS at FROM seen WHERE pair = $pair AND is_message = 1 AND first_at > $since",
  )
  const otherTimes = database.query<{ at: number }, { pair: string; since: number }>(
    "SELECT at FROM other_requests WHERE pair = $pair AND at > $since",
  )
  const pullBackMessages = database.query(
    "UPDATE seen SET first_at = $now WHERE pair = $pair AND is_message = 1 AND first_at > $now",
  )
  const pullBackOthers = database.query(
    "UPDATE other_requests SET at = $now WHERE pair = $pair AND at > $now",
  )
  const forgetOthers = database.query("DELETE FROM other_requests WHERE pair = $pair AND at <= $before")
  const countOther = database.query("INSERT INTO other_requests (pair, at) VALUES ($pair, $now)")
  const shortIds = createShortIds(database, random)
  const insert = database.query(
    `INSERT INTO inbox (pair, name, id, short_id, text, in_reply_to, hops, created_at, received_at, state)
     VALUES ($pair, $name, $id, $shortId, $text, $inReplyTo, $hops, $createdAt, $now, 'waiting')`,
  )
  const typing = database.query<Row, []>("SELECT * FROM inbox WHERE state = 'typing' ORDER BY seq LIMIT 1")
  const next = database.query<Row, { now: number; but: string | null }>(
    `SELECT * FROM inbox WHERE state = 'waiting' AND pair IS NOT $but
     AND (released OR pair NOT IN (SELECT pair FROM peers WHERE ${isPaused})) ORDER BY seq LIMIT 1`,
  )
  const waitingBehind = database.query<WaitingMessage, { seq: number; most: number }>(
    "SELECT seq, pair, name, id, released FROM inbox WHERE state = 'waiting' AND seq > $seq ORDER BY seq LIMIT $most",
  )
  const waitingHops = database.query<{ most: number | null }, { pair: string }>(
    "SELECT max(hops) AS most FROM inbox WHERE pair = $pair AND state = 'waiting'",
  )
  const capHops = database.query(
    "UPDATE inbox SET hops = min(hops, $most) WHERE pair = $pair AND state = 'waiting'",
  )
  const latestBeyond = database.query<{ at: number | null }, { pair: string; hops: number }>(
    "SELECT max(received_at) AS at FROM inbox WHERE pair = $pair AND hops > $hops",
  )
  const setState = database.query(
    "UPDATE inbox SET state = $state, settled_at = $now WHERE seq = $seq AND state IN ('waiting', 'typing')",
  )
  const dropOne = database.query(
    "UPDATE inbox SET state = 'dropped', reason = $reason, settled_at = $now WHERE seq = $seq AND state = 'waiting'",
  )
  const release = database.query("UPDATE inbox SET released = 1 WHERE seq = $seq AND state = 'waiting'")
  // Bare columns beside min() are those of the row with the minimum (sqlite.org/lang_select.html, section 3.7).
  const heads = database.query<Row & { count: number }, []>(
    `SELECT *, min(seq), count(*) AS count FROM inbox WHERE ${isWaiting.inbox} GROUP BY pair ORDER BY seq`,
  )
  const unsettled = database.query<Row, []>(`SELECT * FROM inbox WHERE ${isWaiting.inbox} ORDER BY seq`)
  const byId = database.query<Row, { pair: string; id: string }>(
    "SELECT * FROM inbox WHERE pair = $pair AND id = $id",
  )
  const answer = database.query<Row, { pair: string; to: string }>(
    "SELECT * FROM inbox WHERE in_reply_to = $to AND pair = $pair AND state <> 'dropped' ORDER BY seq LIMIT 1",
  )
  const answers = database.query<Row, { pair: string; to: string }>(
    "SELECT * FROM inbox WHERE in_reply_to = $to AND pair = $pair ORDER BY seq",
  )
  const claim = database.query(
    "UPDATE inbox SET state = 'delivered', settled_at = $now WHERE seq = $seq AND state = 'waiting'",
  )
  const byShortId = database.query<Row, { shortId: string }>(
    "SELECT * FROM inbox WHERE short_id = $shortId ORDER BY seq DESC LIMIT 1",
  )
  const holder = database.query<{ seq: number; pair: string }, { shortId: string }>(
    "SELECT seq, pair FROM inbox WHERE short_id = $shortId ORDER BY seq DESC LIMIT 1",
  )
  const dropAll = database.query(
    "UPDATE inbox SET state = 'dropped', settled_at = $now WHERE pair = $pair AND state IN ('waiting', 'typing')",
  )
  const recent = createRecent<Row>(database, "inbox")

  const hasSeen = (pair: string, id: string): boolean => seen.get({ pair, id }) !== null

  return {
    /**
     * Whether this pair has asked for more than the second bucket holds; if not, counts this request.
     * @returns the seconds to wait, or null
     */
    countOther(pair: string, now: number): number | null {
      const before = now - otherBucket.seconds * 1000
      forgetOthers.run({ pair, before })
      pullBackOthers.run({ pair, now })
      const wait = secondsUntilFree(otherBucket, timesOf(otherTimes.all({ pair, since: before })), now)
      if (wait !== null && !areLimitsLifted()) return wait
      countOther.run({ pair, now })
      return null
    },

    hasSeen,

    /** Remembers an id from now on, as that of no new message. @returns whether it came from this pair before */
    remember(pair: string, id: string, now: number): boolean {
      const isKnown = hasSeen(pair, id)
      remember.run({ pair, id, isMessage: 0, now })
      return isKnown
    },

    /** Admits a message whose id was not seen: id and message together, or neither. */
    admit(
      pair: string,
      name: string,
      body: Extract<MessageBody, { type: "message" }>,
      now: number,
    ): Admission {
      const since = now - messageBucket.seconds * 1000
      // Where the clock was set back: they count from now on, and block nobody for longer than one window.
      pullBackMessages.run({ pair, now })
      const wait = secondsUntilFree(messageBucket, timesOf(messageTimes.all({ pair, since })), now)
      if (wait !== null && !areLimitsLifted()) return { kind: "limited", retryAfterSeconds: wait }
      if (!room.has(pair, body.text) && !areLimitsLifted()) return { kind: "full" }
      const shortId = shortIds.fresh(now)
      if (shortId === null) return { kind: "full" }
      remember.run({ pair, id: body.id, isMessage: 1, now })
      insert.run({
        pair,
        name,
        id: body.id,
        shortId,
        text: body.text,
        inReplyTo: body.inReplyTo ?? null,
        hops: body.hops ?? 0,
        createdAt: body.createdAt === undefined ? null : Date.parse(body.createdAt),
        now,
      })
      return { kind: "accepted", shortId }
    },

    /** Forgets ids that nobody sent for 48 h. */
    forgetIds(now: number): void {
      forgetIds.run({ before: now - idLifetimeMilliseconds })
    },

    /**
     * The message to be typed now, or null: one that was begun, also of a pair paused since, because its text
     * may stand in the pane; otherwise the oldest of a pair that is not paused at this time.
     * @param last - the pair that had its turn last: others come first, so that none keeps them all waiting
     */
    next: (now: number, last: string | null = null): Received | null =>
      receivedOrNull(typing.get() ?? next.get({ now, but: last }) ?? next.get({ now, but: null })),

    /** The oldest of the messages that wait, also of paused pairs, behind this one. */
    waitingBehind: (seq: number, most: number): WaitingMessage[] => waitingBehind.all({ seq, most }),

    /** The most hops among messages of this pair that wait, or null. */
    waitingHops: (pair: string): number | null => waitingHops.get({ pair })?.most ?? null,

    /** What waits of this pair counts as so many replies in a row at the most, whatever its sender claimed. */
    capHops(pair: string, most: number): void {
      capHops.run({ pair, most })
    },

    /** When a message of this pair with more than so many hops came last, or null. */
    latestBeyond: (pair: string, hops: number): number | null => latestBeyond.get({ pair, hops })?.at ?? null,

    /** Moves an unsettled message on; false where it was settled meanwhile. */
    mark: (seq: number, state: Received["state"], now: number): boolean =>
      setState.run({ seq, state, now }).changes > 0,

    /** Takes back one that nobody has begun to type; false where somebody has, or it is settled. */
    dropOne: (seq: number, reason: string, now: number): boolean =>
      dropOne.run({ seq, reason, now }).changes > 0,

    /** It is typed though its pair is paused; false where it waits no more. */
    release: (seq: number): boolean => release.run({ seq }).changes > 0,

    /** The oldest of each pair that waits, and how many of it do. */
    heads: (): { readonly message: Received; readonly count: number }[] =>
      heads.all().map(({ count, ...row }) => ({ message: received(row), count })),

    /** All that waits, oldest first. */
    waiting: (): Received[] => unsettled.all().map(received),

    byId: (pair: string, id: string): Received | null => receivedOrNull(byId.get({ pair, id })),

    /** The first answer of this pair to a message of ours, or null. */
    answerTo: (pair: string, to: string): Received | null => receivedOrNull(answer.get({ pair, to })),

    /** Gives a message that still waits to whoever waits for it; false where it is being typed already. */
    claim: (seq: number, now: number): boolean => claim.run({ seq, now }).changes > 0,

    byShortId: (shortId: string): Received | null => receivedOrNull(byShortId.get({ shortId })),

    /** Whose short id this is now, without the text; or null. */
    holderOf: (shortId: string): Pick<Received, "seq" | "pair"> | null => holder.get({ shortId }),

    /** Drops whatever of this pair waits; to be called within the transaction that removes it. */
    drop: (pair: string, now: number): number => dropAll.run({ pair, now }).changes,

    waitingCount: room.count,

    /** The latest messages, newest first; of one agent, however many others have sent since. */
    recent: (most: number, of: Correspondent | null = null, wanted?: Wanted): Received[] =>
      recent(most, of, wanted).map(received),

    /** The answers of this pair to a message of ours. */
    answersTo: (pair: string, to: string): Received[] => answers.all({ pair, to }).map(received),
  }
}

type Row = {
  seq: number
  pair: string
  name: string
  id: string
  short_id: string
  text: string
  in_reply_to: string | null
  hops: number
  received_at: number
  state: Received["state"]
  settled_at: number | null
  released: number
  reason: string | null
}

const timesOf = (rows: readonly { at: number }[]): number[] => rows.map(row => row.at)

const receivedOrNull = (row: Row | null): Received | null => (row === null ? null : received(row))

function received(row: Row): Received {
  const {
    short_id: shortId,
    in_reply_to: inReplyTo,
    received_at: receivedAt,
    settled_at: settledAt,
    released,
    ...same
  } = row
  return { ...same, shortId, inReplyTo, receivedAt, settledAt, isReleased: released === 1 }
}
