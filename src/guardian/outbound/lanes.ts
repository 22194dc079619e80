/**
 * Which pairs something is to be sent to, and when: each at most once at a time, so many at once, in the order
 * in which they came. Of a pair that waits no more is held than its time, and one timer serves them all: with
 * 10,000 that wait memory stays what it was.
 */
import { longestWaitMilliseconds } from "../../protocol/retries.ts"

/** What is next for a pair after one step. */
export type Step =
  /** There may be more to do. */
  | { readonly kind: "again" }
  /** Nothing before this time, in milliseconds since the epoch. */
  | { readonly kind: "rest"; readonly until: number }
  | { readonly kind: "idle" }

export type LaneOptions = {
  /** Steps under way at once. */
  readonly most: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly stopping: AbortSignal
  /** Does one thing for a pair. Must not throw. */
  readonly step: (pair: string) => Promise<Step>
}

export type Lanes = ReturnType<typeof createLanes>

/** Times that lie closer together are one look. */
const granuleMilliseconds = 20
/**
 * Steps of pairs for which nobody waits that begin in one granule: 800 a second. Thousands at a start would
 * otherwise keep the doors waiting, and leave more garbage behind than is collected meanwhile.
 */
const mostInGranule = 16

export function createLanes({ most, now, stopping, step }: LaneOptions) {
  const running = new Map<string, Promise<void>>()
  /** Pairs for which something came while their step ran: they go once more. */
  const stale = new Set<string>()
  /** Somebody waits, or the pair was just heard from: these go first. */
  const urgent = new Set<string>()
  const ready = new Set<string>()
  const resting = new Map<string, number>()
  let timer: ReturnType<typeof setTimeout> | null = null
  let timerAt = Number.POSITIVE_INFINITY
  let begunInGranule = 0

  function wake(pair: string, isUrgent = true): void {
    resting.delete(pair)
    if (running.has(pair)) stale.add(pair)
    else add(pair, isUrgent)
  }

  /** Begins in a microtask of its own: never within a transaction of the caller's. */
  function add(pair: string, isUrgent: boolean): void {
    const turns = isUrgent ? urgent : ready
    turns.add(pair)
    queueMicrotask(start)
  }

  function start(): void {
    while (running.size < most && !stopping.aborted) {
      const isUrgent = urgent.size > 0
      const [pair] = isUrgent ? urgent : ready
      if (pair === undefined || !(isUrgent || hasRoom())) return
      urgent.delete(pair)
      ready.delete(pair)
      running.set(pair, run(pair, isUrgent))
    }
  }

  function hasRoom(): boolean {
    if (begunInGranule === mostInGranule) return false
    if (begunInGranule === 0) setTimeout(endGranule, granuleMilliseconds).unref()
    begunInGranule += 1
    return true
  }

  function endGranule(): void {
    begunInGranule = 0
    start()
  }

  async function run(pair: string, isUrgent: boolean): Promise<void> {
    const next = await step(pair)
    running.delete(pair)
    if (stale.delete(pair)) add(pair, true)
    else if (next.kind === "again") add(pair, isUrgent)
    else if (next.kind === "rest") rest(pair, next.until)
    start()
  }

  function rest(pair: string, until: number): void {
    resting.set(pair, until)
    arm(until)
  }

  function arm(at: number): void {
    if (at >= timerAt || stopping.aborted) return
    if (timer !== null) clearTimeout(timer)
    timerAt = at
    const wait = Math.min(Math.max(at - now(), granuleMilliseconds), longestWaitMilliseconds)
    timer = setTimeout(look, wait)
    timer.unref()
  }

  /** A time further ahead than the longest wait is looked at too: the clock may have been set back. */
  function look(): void {
    timerAt = Number.POSITIVE_INFINITY
    const time = now()
    let next = Number.POSITIVE_INFINITY
    for (const [pair, until] of resting)
      if (until <= time || until - time > longestWaitMilliseconds) wake(pair, false)
      else next = Math.min(next, until)
    if (next < Number.POSITIVE_INFINITY) arm(next)
  }

  return {
    /** Something is to be done for this pair now. @param isUrgent - before those that only had their time */
    wake,

    /** Looks whose time has come: for a clock that was set ahead. */
    look,

    /** Whether nothing is under way, about to begin or waiting for its time: what waits for a pair is one of these. */
    isIdle: (pair: string): boolean =>
      !running.has(pair) && !urgent.has(pair) && !ready.has(pair) && !resting.has(pair),

    /** Whether this pair waits for its time. */
    isResting: (pair: string): boolean => resting.has(pair),

    /** Nothing is to be done for this pair before a time, in milliseconds since the epoch. */
    rest,

    /** Resolves when no step is under way any more; while the Guardian stops, none begins. */
    async stopped(): Promise<void> {
      if (timer !== null) clearTimeout(timer)
      await Promise.allSettled(running.values())
    },
  }
}
