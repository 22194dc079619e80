/** Short ids that nothing else has. */
import type { Database } from "bun:sqlite"
import { newShortId } from "../protocol/codes.ts"
import { SentoError } from "../protocol/errors.ts"

/** With nine in ten of the 1,048,576 ids taken, so many tries fail once in 850 times. */
const mostTries = 64

/** One that is free, or null where none was met: with nearly all of them taken, or a source that is not random. */
export function freshShortId(
  random: (length: number) => Uint8Array,
  isTaken: (shortId: string) => boolean,
): string | null {
  for (let tries = 0; tries < mostTries; tries += 1) {
    const shortId = newShortId(random(4))
    if (!isTaken(shortId)) return shortId
  }
  return null
}

/** @throws try-later where {@link freshShortId} meets none */
export function requireShortId(
  random: (length: number) => Uint8Array,
  isTaken: (shortId: string) => boolean,
): string {
  const shortId = freshShortId(random, isTaken)
  if (shortId !== null) return shortId
  throw new SentoError(
    "try-later",
    "no short id is free",
    "try again; what waits gives up its id when it ends",
  )
}

/** How long a short id is not given to another message. */
const shortIdLifetimeMilliseconds = 30 * 24 * 60 * 60 * 1000

/** Ids for messages, which no other one has, whichever way it goes. */
export function createShortIds(database: Database, random: (length: number) => Uint8Array) {
  const taken = database.query(
    `SELECT 1 FROM inbox WHERE short_id = $shortId AND received_at > $since
     UNION ALL SELECT 1 FROM outbox WHERE short_id = $shortId AND created_at > $since LIMIT 1`,
  )
  return {
    /** @see freshShortId @param now - milliseconds since the epoch */
    fresh(now: number): string | null {
      const since = now - shortIdLifetimeMilliseconds
      return freshShortId(random, shortId => taken.get({ shortId, since }) !== null)
    },
  }
}
