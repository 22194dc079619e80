/**
 * Rightly signed requests that say nothing new, or come again byte by byte. Whoever recorded one can send it again, as
 * often as they like and from anywhere, so they are counted apart from what the peer alone can just have signed: in
 * memory, so that a flood of them writes nothing to the disk.
 * @see docs/PROTOCOL.md section 3
 */
import { staleForGoodMilliseconds } from "../../protocol/freshness.ts"
import { repeatBucket, secondsUntilFree } from "../../protocol/limiter.ts"

export type Repeats = ReturnType<typeof createRepeats>

/** Signatures remembered of a pair: more than its limits let it make while one of them is fresh, 70 a minute for 10 minutes. */
const mostSignatures = 1000

type OfPair = { readonly signatures: Map<string, number>; times: readonly number[] }

/** @param now - milliseconds since the epoch */
export function createRepeats(now: () => number) {
  const pairs = new Map<string, OfPair>()

  function ofPair(pair: string): OfPair {
    const known = pairs.get(pair) ?? { signatures: new Map(), times: [] }
    pairs.set(pair, known)
    return known
  }

  return {
    /** Remembers the signature of a fresh request for as long as it can be fresh. @returns whether it came before */
    note(pair: string, signature: string): boolean {
      const { signatures } = ofPair(pair)
      if (signatures.has(signature)) return true
      signatures.set(signature, now())
      for (const [oldest, at] of signatures) {
        const isOver = Math.abs(now() - at) > staleForGoodMilliseconds
        if (!isOver && signatures.size <= mostSignatures) break
        signatures.delete(oldest)
      }
      return false
    },

    /** The pair has ended: nothing of it is known any more, so nothing can come again. */
    forget: (pair: string): void => void pairs.delete(pair),

    /** Counts one more of a pair. @returns the seconds after which one may be answered again, or null */
    count(pair: string): number | null {
      const known = ofPair(pair)
      const since = now() - repeatBucket.seconds * 1000
      // Where the clock was set back they count from now on, and block nothing for longer than one window.
      known.times = known.times.map(time => Math.min(time, now())).filter(time => time > since)
      const wait = secondsUntilFree(repeatBucket, known.times, now())
      if (wait === null) known.times = [...known.times, now()]
      return wait
    },
  }
}
