/** The one worker that has what waits typed into the agent's pane, oldest first. */

import { isDiskTrouble } from "../../store/database.ts"
import type { Context } from "../context.ts"
import { sleep } from "../sleep.ts"
import { createHolds, type TellSender } from "./holds.ts"
import { isAgentIdle, lookAtAgent } from "./pane.ts"
import { createTypist, Withdrawn } from "./typist.ts"

export type Delivery = ReturnType<typeof createDelivery>

/** How long a message that cannot go in now waits for the next look. */
const lookMilliseconds = 500
/** The same for a text that is to be taken out of the box. */
const leftoverMilliseconds = 2_000
/** After a failure of the disk. */
const troubleMilliseconds = 2_000
/** A timer does not run on while the machine sleeps: one that comes early looks and waits again. */
const longestTimerMilliseconds = 60 * 1000

export function createDelivery(context: Context, tellSender: TellSender) {
  const { store, log } = context
  const typist = createTypist(context, tellSender)
  const holds = createHolds(context, tellSender)
  let running: Promise<void> | null = null
  /** What went wrong last, said once. */
  let lastTrouble: string | null = null
  /** The pair whose message was settled last. */
  let servedLast: string | null = null
  let pauseTimer: ReturnType<typeof setTimeout> | undefined

  /** Types until nothing waits, and no text is left in the box. Nothing polls then: the next message wakes it, or the end of a pause. */
  async function run(): Promise<void> {
    while (!context.stopping.aborted) {
      typist.writeAgain()
      const message = store.inbox.next(context.now(), servedLast)
      const isClear = await typist.clearBox(message)
      if (message === null && isClear) break
      if (message === null) {
        await sleep(leftoverMilliseconds, context.stopping)
        continue
      }
      const held = await typist.deliver(message)
      if (held === null) servedLast = message.pair
      lastTrouble = null
      holds.note(message, held)
      if (held !== null) await sleep(lookMilliseconds, context.stopping)
    }
    holds.end()
    awaitPauseEnd()
  }

  /** One timer, and only while a pause has an end. */
  function awaitPauseEnd(): void {
    clearTimeout(pauseTimer)
    pauseTimer = undefined
    const end = context.stopping.aborted ? null : store.peers.nextPauseEnd(context.now())
    if (end === null) return
    pauseTimer = setTimeout(wake, Math.min(end - context.now(), longestTimerMilliseconds))
    pauseTimer.unref()
  }

  function wake(): void {
    running ??= run()
      .then(
        () => null,
        error => (error instanceof Withdrawn || context.stopping.aborted ? null : trouble(error)),
      )
      .then(wait => {
        running = null
        if (context.stopping.aborted) return
        if (wait !== null) setTimeout(wake, wait).unref()
        else if (store.inbox.next(context.now()) !== null) setTimeout(wake, lookMilliseconds).unref()
      })
  }

  /** Whatever it was, the message is tried again; how long that waits, in milliseconds. */
  function trouble(error: unknown): number {
    const isDisk = isDiskTrouble(error)
    const words = isDisk ? (error as Error).message : String((error as Error).stack)
    if (words !== lastTrouble) log.write(`delivery failed: ${words}`)
    lastTrouble = words
    return isDisk ? troubleMilliseconds : lookMilliseconds
  }

  return {
    /** What may be typed has changed; called again while the worker runs it changes nothing. */
    wake,

    /** A message waits. */
    arrived(): void {
      holds.arrived()
      wake()
    },

    /** Which pairs are paused has changed, or may have. */
    pausesChanged(): void {
      holds.changed()
      wake()
    },

    /** Why the oldest waiting message is not typed, or null. */
    hold: holds.current,

    /** @see lookAtAgent */
    look: () => lookAtAgent(context),

    /** @see isAgentIdle */
    isIdle: () => isAgentIdle(context),

    /** Resolves when the worker has stopped. */
    stopped: (): Promise<void> => running ?? Promise.resolve(),
  }
}
