/** When something signed came from a peer that writes nothing else to the disk: noted once a minute at the most. */
import type { Context } from "../context.ts"

export type Contacts = ReturnType<typeof createContacts>

const noteMilliseconds = 60_000

export function createContacts({
  store,
  log,
  now,
  elapsed,
}: Pick<Context, "store" | "log" | "now" | "elapsed">) {
  const notedAt = new Map<string, number>()
  return {
    /** A disk that refuses is no reason to stop. */
    note(pair: string): void {
      if (elapsed() - (notedAt.get(pair) ?? Number.NEGATIVE_INFINITY) < noteMilliseconds) return
      notedAt.set(pair, elapsed())
      try {
        store.peers.touch(pair, now())
      } catch (error) {
        log.write(`a contact cannot be noted: ${(error as Error).message}`)
      }
    },

    /** The pair has ended. */
    forget: (pair: string): void => void notedAt.delete(pair),
  }
}
