/** The one worker that types what waits into the agent's pane, oldest first. */

import { isDiskTrouble } from "../../store/database.ts"
import { faultPoint } from "../../store/faults.ts"
import type { Received } from "../../store/inbox.ts"
import type { PaneState } from "../../tmux/composer.ts"
import { HandsAway, type PaneTarget } from "../../tmux/hands.ts"
import type { TypingOutcome } from "../../tmux/typing.ts"
import { findTarget } from "../books/agent-pane.ts"
import { stopsLoop } from "../books/pauses.ts"
import { type Context, type NamedPeer, peerById } from "../context.ts"
import { sleep } from "../sleep.ts"
import { createHolds, type TellSender } from "./holds.ts"
import { forgetInBox, type InBox, inBoxOf, noteInBox, readInBox } from "./in-box.ts"
import { noteHint, typedText } from "./typed-text.ts"

export type Delivery = ReturnType<typeof createDelivery>

/** Why the oldest message is not typed now, and since when (milliseconds since the epoch). */
export type Hold = {
  readonly shortId: string
  readonly name: string
  readonly state: PaneState
  readonly reason: string
  readonly since: number
}

type Held = Pick<Hold, "state" | "reason"> & { readonly pasted?: boolean }

/** How long a message that cannot go in now waits for the next look. */
const lookMilliseconds = 500
/** The same for a text that is to be taken out of the box. */
const leftoverMilliseconds = 2_000
/** After a failure of the disk. */
const troubleMilliseconds = 2_000
/** How long a message may be held before its owner is told, once. */
const tellMilliseconds = 10 * 60 * 1000
/** A timer does not run on while the machine sleeps: one that comes early looks and waits again. */
const longestTimerMilliseconds = 60 * 1000

/** What became of a message, as long as it is not on disk. */
type Outcome = {
  readonly message: Received
  readonly state: "waiting" | "delivered" | "uncertain" | "dropped"
}

export function createDelivery(context: Context, tellSender: TellSender) {
  const { store, log } = context
  let running: Promise<void> | null = null
  let hold: Hold | null = null
  let toldFor: string | null = null
  /** What this process has pasted and not yet seen submitted. */
  let pasted: InBox | null = null
  /** Whether something else than the box may have swallowed that paste. */
  let isUnseen = false
  /** Whether the hands that pasted it are gone, so that nobody knows what became of it. */
  let isLost = false
  /** A text that is no waiting message's any more, and stands in the box. */
  let leftover: InBox | null = leftBehind()
  /** Whether no return was pressed behind it. */
  let isUnpressed = false
  /** The message that was pasted and swallowed, to be pasted once more and no oftener. */
  let swallowed: number | null = null
  /** Noted before anything else is done: a message whose end the disk refused must not be looked for in the pane. */
  let unwritten: Outcome | null = null
  /** What went wrong last, said once. */
  let lastTrouble: string | null = null
  /** The pair whose message was settled last. */
  let servedLast: string | null = null
  let pauseTimer: ReturnType<typeof setTimeout> | null = null
  const holds = createHolds(context, tellSender, () => (hold === null ? null : holdWords[hold.state]))

  /** What a Guardian before this one has pasted for a message that was dropped, or settled, since. */
  function leftBehind(): InBox | null {
    const kept = readInBox(store.facts)
    return kept === null || store.inbox.byShortId(kept.shortId)?.state === "typing" ? null : kept
  }

  /** Types until nothing waits, and no text is left in the box. Nothing polls then: the next message wakes it, or the end of a pause. */
  async function run(): Promise<void> {
    while (!context.stopping.aborted) {
      if (unwritten !== null) write(unwritten)
      const message = store.inbox.next(context.now(), servedLast)
      // Its pair was removed.
      if (pasted !== null && pasted.seq !== message?.seq) leftover = pasted
      if (leftover !== null) await clearAway(leftover)
      if (message === null && leftover === null) break
      if (message === null) {
        await sleep(leftoverMilliseconds, context.stopping)
        continue
      }
      const held = await deliver(message)
      if (held === null) servedLast = message.pair
      lastTrouble = null
      noteHold(message, held)
      if (held !== null) await sleep(lookMilliseconds, context.stopping)
    }
    hold = null
    awaitPauseEnd()
  }

  /** One timer, and only while a pause has an end. */
  function awaitPauseEnd(): void {
    if (pauseTimer !== null) clearTimeout(pauseTimer)
    pauseTimer = null
    const end = context.stopping.aborted ? null : store.peers.nextPauseEnd(context.now())
    if (end === null) return
    pauseTimer = setTimeout(wake, Math.min(end - context.now(), longestTimerMilliseconds))
    pauseTimer.unref()
  }

  /** Types one message; null when it is settled, otherwise why it waits. */
  async function deliver(message: Received): Promise<Held | null> {
    try {
      return await attempt(message)
    } catch (error) {
      if (!(error instanceof HandsAway)) throw error
      return waitForHands(error.message)
    }
  }

  /** What they did last nobody knows: as after a crash of our own, it is looked for when they are back. */
  function waitForHands(reason: string): Held {
    isLost = true
    isUnseen = false
    isUnpressed = false
    return { state: "other", reason }
  }

  async function attempt(message: Received): Promise<Held | null> {
    const peer = peerById(context, message.pair)
    if (peer === null) return settle(message, "dropped")
    if (message.state === "waiting" && holdsLoop(peer, message)) return null
    const target = await findTarget(context)
    if (target.kind === "none") {
      if (target.isAway) return waitForHands(target.reason)
      if (message.state === "typing") return settle(message, "uncertain")
      return target
    }
    if (message.state === "typing" && (isLost || pasted?.seq !== message.seq)) {
      const known = await recover(message, target)
      isLost = false
      if (known !== "in-box") return settle(message, known)
    }
    return conclude(message, await type(message, peer.name, target))
  }

  /** Paused, and its sender told, or neither. */
  function holdsLoop(peer: NamedPeer, message: Received): boolean {
    return store.now(() => {
      const isLoop = stopsLoop(context, peer, message)
      if (isLoop) tellSender(message, "held", "loop")
      return isLoop
    })
  }

  /** What a Guardian that died while typing can still learn from the screen. */
  async function recover(
    message: Received,
    target: PaneTarget,
  ): Promise<"in-box" | "delivered" | "uncertain"> {
    // A line-reading program shows a line whether or not it was submitted.
    if (target.profile === "plain") return "uncertain"
    const sighting = await context.hands.findOnScreen(target, message.shortId)
    if (sighting === "in-box") return "in-box"
    return sighting === "submitted" ? "delivered" : "uncertain"
  }

  async function type(message: Received, name: string, target: PaneTarget): Promise<TypingOutcome> {
    const { deliver, allowShell } = context.config.current.tmux
    const text = typedText(context, name, message, target.profile)
    const resume = message.state === "typing"
    // After a restart nobody knows whether the return was pressed.
    if (resume && pasted === null) isUnpressed = false
    if (resume) pasted ??= knownInBox(message) ?? inBoxOf(target, message, text, null)
    return context.hands.type(target, text, {
      resume,
      unseen: resume && isUnseen,
      pastedAt: resume ? (pasted?.pastedAt ?? null) : null,
      unpressed: resume && isUnpressed,
      deliver: deliver ?? "hold",
      allowShell: allowShell ?? false,
      signal: context.stopping,
      onPasted: () => notePaste(message, inBoxOf(target, message, text, Date.now())),
    })
  }

  function knownInBox({ seq }: Received): InBox | null {
    const kept = readInBox(store.facts)
    return kept?.seq === seq ? kept : null
  }

  /** On disk before the paste; a message whose pair was removed or paused meanwhile is not typed. */
  function notePaste({ seq, pair }: Received, next: InBox): void {
    faultPoint("before-typing-is-noted")
    store.now(() => {
      const isPaused = store.peers.pauseOf(pair, context.now()) !== null
      if (peerById(context, pair) === null || isPaused || !store.inbox.mark(seq, "typing", context.now()))
        throw new Withdrawn()
      noteInBox(store.facts, next)
    })
    pasted = next
    isLost = false
    isUnseen = false
    isUnpressed = true
    faultPoint("after-typing-is-noted")
  }

  /** Out of the box again, where it stands there alone; tried again where that cannot be done now. */
  async function clearAway(inBox: InBox): Promise<void> {
    if (pasted === inBox) pasted = null
    const { text, pastedAt } = inBox
    const left = await notWhileAway(
      context.hands.takeOut(inBox, text, { pastedAt, signal: context.stopping }),
      "not now" as const,
    )
    if (left === "not now") return
    leftover = null
    forgetInBox(store.facts)
    if (left !== null) tellOwner(inBox, "stands in the box, and was not sent")
  }

  function conclude(message: Received, outcome: TypingOutcome): Held | null {
    if (outcome.kind === "submitted") {
      faultPoint("after-text-is-typed")
      settle(message, "delivered")
      faultPoint("after-delivery-is-noted")
      return null
    }
    if (outcome.kind === "vanished") return settle(message, "uncertain")
    // Pressed, and not taken: another press could answer a dialog that the first one has led to.
    if (outcome.kind === "stuck") {
      const { reason, left, unpressed } = outcome
      const what = left === null ? "; it was taken out" : ""
      log.write(`[${message.shortId}] from ${message.name}: ${reason}${what}`)
      if (left !== null) leftover = pasted
      // As Gemini CLI 0.61.0 takes the first message of a session, pasted before it reads pastes as such.
      if (unpressed && isUnpressed && swallowed !== message.seq)
        return typeOnceMore(message, { state: "other", reason })
      return settle(message, "uncertain")
    }
    isUnseen = outcome.unseen ?? false
    if (outcome.pasted) isUnpressed &&= outcome.unpressed ?? false
    if (!outcome.pasted && pasted?.seq === message.seq) {
      if (outcome.swallowed && (swallowed === message.seq || !isUnpressed))
        return settle(message, "uncertain")
      if (outcome.swallowed) return typeOnceMore(message, outcome)
      write({ message, state: "waiting" })
    }
    return outcome
  }

  function typeOnceMore(message: Received, held: Held): Held {
    swallowed = message.seq
    write({ message, state: "waiting" })
    return held
  }

  /** Nothing can be typed before a person has seen to the box. */
  function tellOwner({ shortId, name }: Pick<Received, "shortId" | "name">, what: string): void {
    const { name: self } = context.config.current
    context.notices.tell(
      `box ${shortId}`,
      `a message from ${name} [${shortId}] ${what}: in ${self}'s session, send what the box holds or delete it; until then other messages wait`,
    )
  }

  function settle(message: Received, state: "delivered" | "uncertain" | "dropped"): null {
    write({ message, state })
    log.write(`[${message.shortId}] from ${message.name} ${state}`)
    return null
  }

  /** Together with what its sender is told: both or neither. */
  function write(outcome: Outcome): void {
    const { message, state } = outcome
    unwritten = outcome
    store.now(() => {
      store.inbox.mark(message.seq, state, context.now())
      if (leftover === null) forgetInBox(store.facts)
      if (state === "delivered") noteHint(context, message)
      if (state === "delivered" || state === "uncertain") tellSender(message, state, null)
    })
    unwritten = null
    pasted = null
  }

  function noteHold(message: Received, held: Held | null): void {
    const { shortId, name } = message
    const isSame = held !== null && hold?.shortId === shortId && hold.reason === held.reason
    if (held === null) hold = null
    else if (!isSame) {
      if (held.pasted && held.state === "draft") tellOwner(message, "stands in the box with other words")
      tellSender(message, "held", holdWords[held.state])
      log.sparingly("holding", `holding [${shortId}] from ${name}: ${held.reason}`)
      const since = hold?.shortId === shortId ? hold.since : context.now()
      hold = { shortId, name, state: held.state, reason: held.reason, since }
      holds.changed()
    }
    if (hold !== null) tellOwnerOnce(hold)
  }

  function tellOwnerOnce({ shortId, name, reason, since }: Hold): void {
    if (context.now() - since < tellMilliseconds || toldFor === shortId) return
    toldFor = shortId
    context.notices.tell(`held ${shortId}`, `a message from ${name} has waited for 10 minutes: ${reason}`)
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
    hold: (): Hold | null => hold,

    /** What the pane is now, for `guard status`. */
    async look(): Promise<PaneState> {
      const target = await findTarget(context)
      if (target.kind === "none") return target.state
      const allowShell = context.config.current.tmux.allowShell ?? false
      return notWhileAway(context.hands.look(target, allowShell), "other")
    },

    /** Whether the pane shows that the agent does nothing; false where its program does not show it. */
    async isIdle(): Promise<boolean> {
      const target = await findTarget(context)
      if (target.kind === "none") return idleStates.includes(target.state)
      if (target.profile === "plain") return false
      return idleStates.includes(await notWhileAway(context.hands.look(target, false), "other"))
    },

    /** Resolves when the worker has stopped. */
    stopped: (): Promise<void> => running ?? Promise.resolve(),
  }
}

/** What the hands answered, or `away` where they could not. */
const notWhileAway = <Answer>(work: Promise<Answer>, away: Answer): Promise<Answer> =>
  work.catch(error => (error instanceof HandsAway ? away : Promise.reject(error)))

const idleStates: readonly PaneState[] = ["ready", "draft", "shell", "absent"]

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

/** The message's pair was removed or paused just before the paste. */
class Withdrawn extends Error {}
