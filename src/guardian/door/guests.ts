/**
 * The callers at a local door: nobody else's, not too many, and none that asks and does not read. What
 * they hold is memory and descriptors of the owner's Guardian, which the owner needs, too.
 */
import { SentoError } from "../../protocol/errors.ts"

export type GuestRules = {
  /**
   * At the door that the agent's user shares by its group, the users whose callers are answered: directories and
   * groups say who can knock, not who it is. Null at the door of the Guardian's own user.
   */
  readonly uids: ReadonlySet<number> | null
  readonly refused: (reason: string, from: string) => void
  readonly limits?: GuestLimits
}

export type GuestLimits = {
  /** Requests under way at once; of those that can take long, three quarters of it, so that others have room. */
  readonly callers: number
  /** While all of them together have not read so many bytes, the next one is to come later. */
  readonly unreadBytes: number
  /** A caller that has read nothing for so long, while there is something to read, is hung up on. */
  readonly readMilliseconds: number
}

/** An answer to `log` can have 128 MiB; of those no more than one waits to be read. */
const usualLimits: GuestLimits = { callers: 64, unreadBytes: 1024 * 1024, readMilliseconds: 10_000 }

export type Guests = ReturnType<typeof createGuests>

export function createGuests({ uids, refused, limits = usualLimits }: GuestRules) {
  const unreadOf = new Set<() => number>()
  const long = new Set<() => number>()
  const mostLong = Math.ceil((limits.callers * 3) / 4)

  // Not `try-later`: of a message that one says that it is kept, and goes by itself.
  function refuse(code: "refused" | "failed", reason: string, uid: number, hint: string): never {
    refused(`at the ${uids === null ? "local" : "shared"} door: ${reason}`, `uid ${uid}`)
    throw new SentoError(code, reason, hint)
  }

  return {
    readMilliseconds: limits.readMilliseconds,

    /** @throws refused for a user that is neither the agent's nor the Guardian's */
    requireUser(uid: number): void {
      if (uids !== null && !uids.has(uid))
        refuse("refused", "this door is another user's", uid, "use the Guardian of your own user")
    },

    /**
     * Lets in a caller that has asked.
     * @param unread - the bytes that it has not read yet
     * @param isLong - whether its request waits for somebody else
     * @returns what ends its stay
     * @throws failed
     */
    admit(uid: number, unread: () => number, isLong: boolean): () => void {
      const isFull = unreadOf.size >= limits.callers || (isLong && long.size >= mostLong)
      if (isFull)
        refuse(
          "failed",
          `nothing was done: ${unreadOf.size} requests are under way at this door`,
          uid,
          "let some of those that wait end, then run it again",
        )
      const bytes = [...unreadOf].reduce((sum, one) => sum + one(), 0)
      if (bytes > limits.unreadBytes)
        refuse(
          "failed",
          "nothing was done: earlier callers have not read their answers yet",
          uid,
          "run it again",
        )
      unreadOf.add(unread)
      if (isLong) long.add(unread)
      return () => {
        unreadOf.delete(unread)
        long.delete(unread)
      }
    },
  }
}
