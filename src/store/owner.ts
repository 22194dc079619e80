/** What concerns the owner: wrong PINs, and what was told already. */
import type { Database } from "bun:sqlite"

/** Wrong PINs within the window after which none is looked at until the oldest is out of it. */
export const pinTries = { most: 5, milliseconds: 60 * 60 * 1000 } as const

const noticeLifetimeMilliseconds = 60 * 24 * 60 * 60 * 1000

export type Owner = ReturnType<typeof createOwner>

export function createOwner(database: Database) {
  const times = database.query<{ at: number }, { since: number; now: number }>(
    "SELECT at FROM pin_tries WHERE at > $since AND at <= $now ORDER BY at",
  )
  const addTry = database.query("INSERT INTO pin_tries (at) VALUES ($now)")
  const clear = database.query("DELETE FROM pin_tries")
  const note = database.query("INSERT INTO notices (key, at) VALUES ($key, $now) ON CONFLICT DO NOTHING")
  const forget = database.query("DELETE FROM notices WHERE at < $before")
  return {
    /** Seconds until a PIN may be tried again, or null when it may be now. */
    pinWait(now: number): number | null {
      const recent = times.all({ since: now - pinTries.milliseconds, now })
      const freeing = recent[recent.length - pinTries.most]
      return freeing === undefined ? null : Math.ceil((freeing.at + pinTries.milliseconds - now) / 1000)
    },
    /** Wrong PINs within the window, and those that are looked at now. */
    pinTriesMade: (now: number): number => times.all({ since: now - pinTries.milliseconds, now }).length,
    /** Counts a try, before it is looked at. */
    addPinTry(now: number): void {
      addTry.run({ now })
    },
    /** The right one was given. */
    clearPinTries(): void {
      clear.run()
    },
    /** True the first time this is told. */
    note(key: string, now: number): boolean {
      forget.run({ before: now - noticeLifetimeMilliseconds })
      return note.run({ key, now }).changes > 0
    },
  }
}
