/** Why what waits is not typed now, and who is told: the senders of all of it, and its owner where it takes long. */
import type { ReceiptState } from "../../protocol/messages.ts"
import type { Received, WaitingMessage } from "../../store/inbox.ts"
import type { PaneState } from "../../tmux/box-reading.ts"
import type { Context } from "../context.ts"
import { tellOwnerOfBox } from "./text-in-box.ts"

/** Tells the sender of a message what becomes of it. @throws where that cannot be noted on disk */
export type TellSender = (
  message: Omit<WaitingMessage, "seq">,
  state: ReceiptState,
  reason: string | null,
) => void

/** Why the oldest message is not typed now, and since when (milliseconds since the epoch). */
export type Hold = {
  readonly shortId: string
  readonly name: string
  readonly state: PaneState
  readonly reason: string
  readonly since: number
}

/**
 * What keeps a message from being typed. @property pasted - it stands in the box, and nothing was pressed
 * @property isAnew - the session was made anew: only its owner's word helps
 */
export type Held = Pick<Hold, "state" | "reason"> & { readonly pasted?: boolean; readonly isAnew?: boolean }

/** What a sender is told of a hold: the kind alone, nothing of what the screen shows. */
const holdWords: Readonly<Record<PaneState, string>> = {
  ready: "busy",
  busy: "busy",
  dialog: "dialog",
  draft: "draft",
  shell: "no agent",
  "copy-mode": "copy mode",
  other: "not ready",
  absent: "no session",
}

/** How long a message may be held before its owner is told, once. */
const tellMilliseconds = 10 * 60 * 1000

export function createHolds(context: Context, tellSender: TellSender) {
  const { log, now } = context
  let hold: Hold | null = null
  let toldFor: string | null = null
  const senders = tellSenders(context, tellSender, () => (hold === null ? null : holdWords[hold.state]))

  function begin(message: Received, held: Held): void {
    const { shortId, name } = message
    if (held.pasted && held.state === "draft")
      tellOwnerOfBox(context, message, "stands in the box with other words")
    if (held.isAnew) tellOfSession(shortId)
    tellSender(message, "held", holdWords[held.state])
    log.sparingly("holding", `holding [${shortId}] from ${name}: ${held.reason}`)
    const since = hold?.shortId === shortId ? hold.since : now()
    hold = { shortId, name, state: held.state, reason: held.reason, since }
    senders.changed()
  }

  /** Nothing else will let them be typed. */
  function tellOfSession(shortId: string): void {
    const { name, tmux } = context.config.current
    const count = context.store.inbox.waitingCount()
    const what = count === 1 ? "a message waits" : `${count} messages wait`
    context.notices.tell(
      `anew ${shortId}`,
      `${what} for ${name}, whose tmux session ${tmux.session} was made anew: \`sento guard attach\` in a terminal of your own, outside of it, types them there`,
    )
  }

  function tellOwnerOnce({ shortId, name, reason, since }: Hold): void {
    if (now() - since < tellMilliseconds || toldFor === shortId) return
    toldFor = shortId
    context.notices.tell(`held ${shortId}`, `a message from ${name} has waited for 10 minutes: ${reason}`)
  }

  return {
    ...senders,

    /** Why the oldest waiting message is not typed, or null. */
    current: (): Hold | null => hold,

    /** What an attempt to type the oldest message came to; null where nothing holds it. */
    note(message: Received, held: Held | null): void {
      const isSame = held !== null && hold?.shortId === message.shortId && hold.reason === held.reason
      if (held === null) hold = null
      else if (!isSame) begin(message, held)
      if (hold !== null) tellOwnerOnce(hold)
    },

    /** Nothing waits. */
    end(): void {
      hold = null
    },
  }
}

/** So many messages are looked at, and after how long the next ones. */
const batch = 100
const restMilliseconds = 500

/**
 * The word `held` to the senders of all that waits, not only of what would be typed next: some messages at a time,
 * because 10,000 may wait.
 * @param why - in a receipt's words what keeps the pane from being typed into, or null
 */
function tellSenders(context: Context, tellSender: TellSender, why: () => string | null) {
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
    const pause = message.released === 1 ? null : store.peers.pauseOf(message.pair, now())
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

    /** A message came of a pair that is not paused. What comes while nothing is held is looked at where a hold begins. */
    arrived(): void {
      if (timer === null && why() !== null) look()
    },
  }
}
