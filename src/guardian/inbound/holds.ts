/**
 * The word `held` to the senders of all that waits, not only of what would be typed next: some messages at a time,
 * because 10,000 may wait.
 */
import type { ReceiptState } from "../../protocol/messages.ts"
import type { WaitingMessage } from "../../store/inbox.ts"
import type { Context } from "../context.ts"

/** Tells the sender of a message what becomes of it. @throws where that cannot be noted on disk */
export type TellSender = (
  message: Omit<WaitingMessage, "seq">,
  state: ReceiptState,
  reason: string | null,
) => void

export type Holds = ReturnType<typeof createHolds>

/** So many messages are looked at, and after how long the next ones. */
const batch = 100
const restMilliseconds = 500

/** @param why - in a receipt's words what keeps the pane from being typed into, or null */
export function createHolds(context: Context, tellSender: TellSender, why: () => string | null) {
  const { store, log, now, stopping } = context
  /** What waits behind this one was not looked at yet. */
  let seen = 0
  let timer: ReturnType<typeof setTimeout> | null = null
  /** What went wrong last, said once. */
  let lastTrouble: string | null = null

  function look(): void {
    timer = null
    if (stopping.aborted) return
    try {
      const messages = store.inbox.waitingBehind(seen, batch)
      store.now(() => messages.forEach(tell))
      seen = messages.at(-1)?.seq ?? seen
      lastTrouble = null
      if (messages.length === batch) lookSoon()
    } catch (error) {
      const { message } = error as Error
      if (message !== lastTrouble) log.write(`cannot note what is held: ${message}`)
      lastTrouble = message
      lookSoon()
    }
  }

  function lookSoon(): void {
    timer = setTimeout(look, restMilliseconds)
    timer.unref()
  }

  function tell(message: Omit<WaitingMessage, "seq">): void {
    const pause = store.peers.pauseOf(message.pair, now())
    // The one reply too many was told so; what waits behind it was told at its arrival.
    if (pause?.reason === "loop") return
    const reason = pause === null ? why() : "paused"
    if (reason !== null) tellSender(message, "held", reason)
  }

  return {
    /** A hold or a pause began, or is another one. */
    changed(): void {
      seen = 0
      if (timer === null) look()
    },

    /** A message came. */
    arrived(): void {
      if (timer === null) look()
    },
  }
}
