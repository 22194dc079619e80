/**
 * Types one message at a time into the agent's pane, and knows what stands in its box. A message on disk is
 *
 *     waiting   typed, and `typing` before the paste; or held: no pane, or nothing can be typed there now
 *     typing    pasted by this process: it goes on from there; by another one, or by hands that are gone: what the
 *               screen shows of it decides; the pane is gone: uncertain
 *     settled   delivered, uncertain, or dropped with its pair
 *
 * and what an attempt makes of it is in verdict.ts.
 */
import { faultPoint } from "../../store/faults.ts"
import type { Received } from "../../store/inbox.ts"
import { HandsAway, type PaneTarget } from "../../tmux/hands.ts"
import type { TypingOutcome } from "../../tmux/typing.ts"
import { findTarget } from "../books/agent-pane.ts"
import { stopsLoop } from "../books/pauses.ts"
import { type Context, type NamedPeer, peerById } from "../context.ts"
import type { Held, TellSender } from "./holds.ts"
import { whileThere } from "./pane.ts"
import { forgetInBox, type InBox, inBoxOf, noteInBox, readInBox, tellOwnerOfBox } from "./text-in-box.ts"
import { noteHint, typedText } from "./typed-text.ts"
import { type Verdict, verdictOf } from "./verdict.ts"

/** What this process has pasted and not yet seen submitted. */
type Pasted = {
  readonly inBox: InBox
  /** Something else than the box may have swallowed it. */
  readonly isUnseen: boolean
  /** No return was pressed behind it. */
  readonly isUnpressed: boolean
}

/** What became of a message, as long as it is not on disk. */
type Outcome = {
  readonly message: Received
  readonly state: "waiting" | "delivered" | "uncertain" | "dropped"
}

/** The message's pair was removed or paused just before the paste. */
export class Withdrawn extends Error {}

/** A text that stands in the box is submitted before the Guardian ends, where that takes no longer. */
const finishMilliseconds = 3000

/** Ends at once with the Guardian; once something was pasted, a little later. */
function endingOf(stopping: AbortSignal, isPasted: boolean) {
  const ending = new AbortController()
  let patience = isPasted ? finishMilliseconds : 0
  const end = (): void => {
    if (patience === 0) ending.abort(stopping.reason)
    else setTimeout(() => ending.abort(stopping.reason), patience)
  }
  if (stopping.aborted) end()
  else stopping.addEventListener("abort", end, { once: true })
  return {
    signal: ending.signal,
    pasted(): void {
      patience = finishMilliseconds
    },
    over: () => stopping.removeEventListener("abort", end),
  }
}

export function createTypist(context: Context, tellSender: TellSender) {
  const { store, log } = context
  let pasted: Pasted | null = null
  /** Whether the hands that pasted it are gone, so that nobody knows what became of it. */
  let isLost = false
  /** A text that is no waiting message's any more, and stands in the box. */
  let leftover: InBox | null = leftBehind()
  /** The message that was pasted and swallowed, to be pasted once more and no oftener. */
  let swallowed: number | null = null
  /** Noted before anything else is done: a message whose end the disk refused must not be looked for in the pane. */
  let unwritten: Outcome | null = null

  /** What a Guardian before this one has pasted for a message that was dropped, or settled, since. */
  function leftBehind(): InBox | null {
    const kept = readInBox(store.facts)
    return kept === null || store.inbox.byShortId(kept.shortId)?.state === "typing" ? null : kept
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
    if (pasted !== null) pasted = { ...pasted, isUnseen: false, isUnpressed: false }
    return { state: "other", reason }
  }

  async function attempt(message: Received): Promise<Held | null> {
    const peer = peerById(context, message.pair)
    if (peer === null) return settle(message, "dropped")
    if (message.state === "waiting" && !message.isReleased && holdsLoop(peer, message)) return null
    const target = await findTarget(context)
    if (target.kind === "none") {
      if (target.isAway) return waitForHands(target.reason)
      return message.state === "typing" ? settle(message, "uncertain") : target
    }
    if (message.state === "typing" && (isLost || pasted?.inBox.seq !== message.seq)) {
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
    if (resume) pasted ??= pastedBefore(message, target, text)
    const ending = endingOf(context.stopping, resume)
    const typing = context.hands.type(target, text, {
      resume,
      unseen: resume && pasted?.isUnseen === true,
      pastedAt: resume ? (pasted?.inBox.pastedAt ?? null) : null,
      unpressed: resume && pasted?.isUnpressed === true,
      deliver: deliver ?? "hold",
      allowShell: allowShell ?? false,
      signal: ending.signal,
      onPasted: () => {
        notePaste(message, inBoxOf(target, message, text, Date.now()))
        ending.pasted()
      },
    })
    return typing.finally(ending.over)
  }

  /** By a Guardian before this one: nobody knows whether the return was pressed. */
  function pastedBefore(message: Received, target: PaneTarget, text: string): Pasted {
    const kept = readInBox(store.facts)
    const inBox = kept?.seq === message.seq ? kept : inBoxOf(target, message, text, null)
    return { inBox, isUnseen: false, isUnpressed: false }
  }

  /** On disk before the paste; a message whose pair was removed or paused meanwhile is not typed. */
  function notePaste({ seq, pair, isReleased }: Received, inBox: InBox): void {
    faultPoint("before-typing-is-noted")
    store.now(() => {
      const isPaused = !isReleased && store.peers.pauseOf(pair, context.now()) !== null
      if (peerById(context, pair) === null || isPaused || !store.inbox.mark(seq, "typing", context.now()))
        throw new Withdrawn()
      noteInBox(store.facts, inBox)
    })
    pasted = { inBox, isUnseen: false, isUnpressed: true }
    isLost = false
    faultPoint("after-typing-is-noted")
  }

  function conclude(message: Received, outcome: TypingOutcome): Held | null {
    const verdict = verdictOf(outcome, {
      isPasted: pasted?.inBox.seq === message.seq,
      isUnpressed: pasted?.isUnpressed === true,
      isSecond: swallowed === message.seq,
    })
    if (outcome.kind === "stuck") noteStuck(message, outcome)
    if (outcome.kind === "held") noteHeld(outcome)
    const held: Held = outcome.kind === "held" ? outcome : { state: "other", reason: reasonOf(outcome) }
    return carryOut(message, verdict, held)
  }

  function carryOut(message: Received, verdict: Verdict, held: Held): Held | null {
    switch (verdict) {
      case "delivered":
        faultPoint("after-text-is-typed")
        settle(message, "delivered")
        faultPoint("after-delivery-is-noted")
        return null
      case "uncertain":
        return settle(message, "uncertain")
      case "again":
        swallowed = message.seq
        write({ message, state: "waiting" })
        return held
      case "back":
        write({ message, state: "waiting" })
        return held
      case "held":
        return held
      default:
        return verdict satisfies never
    }
  }

  function noteStuck(
    { shortId, name }: Received,
    { reason, left }: Extract<TypingOutcome, { kind: "stuck" }>,
  ): void {
    log.write(`[${shortId}] from ${name}: ${reason}${left === null ? "; it was taken out" : ""}`)
    if (left !== null) leftover = pasted?.inBox ?? null
  }

  function noteHeld(outcome: Extract<TypingOutcome, { kind: "held" }>): void {
    if (pasted === null) return
    const isUnpressed = pasted.isUnpressed && (!outcome.pasted || outcome.unpressed === true)
    pasted = { ...pasted, isUnseen: outcome.unseen === true, isUnpressed }
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

  /** Out of the box again, where it stands there alone; tried again where that cannot be done now. */
  async function clearAway(inBox: InBox): Promise<void> {
    if (pasted?.inBox === inBox) pasted = null
    const { text, pastedAt } = inBox
    const left = await whileThere(
      context.hands.takeOut(inBox, text, { pastedAt, signal: context.stopping }),
      "not now",
    )
    if (left === "not now") return
    leftover = null
    forgetInBox(store.facts)
    if (left !== null) tellOwnerOfBox(context, inBox, "stands in the box, and was not sent")
  }

  return {
    deliver,

    /** Puts on disk what the disk refused before. */
    writeAgain(): void {
      if (unwritten !== null) write(unwritten)
    },

    /**
     * Takes out of the box what belongs to no message that waits.
     * @param next - the one that is typed next, or null
     * @returns whether nothing of the kind is left there
     */
    async clearBox(next: Received | null): Promise<boolean> {
      // Its pair was removed.
      if (pasted !== null && pasted.inBox.seq !== next?.seq) leftover = pasted.inBox
      if (leftover !== null) await clearAway(leftover)
      return leftover === null
    },
  }
}

const reasonOf = (outcome: Exclude<TypingOutcome, { kind: "held" }>): string =>
  outcome.kind === "submitted" ? "" : outcome.reason
