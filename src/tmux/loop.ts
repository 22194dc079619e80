import type { BoxContent } from "./box.ts"
import type { PaneState } from "./box-reading.ts"
import type { TakeOutKey } from "./profile.ts"

/**
 * The closed loop of docs/DELIVERY.md as a table: gate, paste, see, settle, press, confirm. Pure: the clock
 * comes with each event, and what is to be done goes out as effects.
 */

/** What one look says to the loop. `place` names cursor, title and screen: equal places, nothing moved. */
export type Sight = {
  readonly state: PaneState
  readonly reason: string
  readonly content: BoxContent
  readonly place: string
  /** What the box shows, or null. */
  readonly box: string | null
  /** Whether a person's key went there within the last seconds: it may not be drawn yet. */
  readonly isTypedInto: boolean
  /** Whether one may have gone there since the paste. */
  readonly wasTypedInto: boolean
}

export type LoopState =
  | { readonly step: "gate"; readonly previous: Sight | null }
  | { readonly step: "paste" }
  | {
      readonly step: "see"
      readonly since: number
      readonly presses: number
      readonly paste: PasteSeen
      /** Whether the box was empty before the paste, and no person's key came since: then it holds the text alone. */
      readonly isAlone: boolean
      /** What else than the text stands there, and since when; left out where nothing does. */
      readonly other?: { readonly sight: Sight; readonly since: number }
    }
  | {
      readonly step: "settle"
      readonly since: number
      readonly presses: number
      readonly isAlone: boolean
      readonly seen: Sight
    }
  | {
      readonly step: "press"
      readonly since: number
      readonly presses: number
      readonly isAlone: boolean
      readonly place: string
    }
  | {
      readonly step: "confirm"
      readonly since: number
      readonly pressedAt: number
      readonly presses: number
      readonly isAlone: boolean
      /** Where the cursor was when the return was pressed. */
      readonly place: string
      /** Since when the box does not hold the text, in every look. */
      readonly goneSince: number | null
    }
  | {
      readonly step: "take-out"
      /** Why the text cannot stay. */
      readonly reason: string
      /** Whether the box is known to hold it alone, whatever it shows. */
      readonly isAlone: boolean
      /** Whether no return was pressed behind it. */
      readonly isUnpressed: boolean
      readonly keys: number
      readonly last: { readonly key: TakeOutKey; readonly at: number; readonly sight: Sight } | null
      /** How many keys in a row changed nothing. */
      readonly inVain: number
      /** Since when no box is to be seen, in every look. */
      readonly hiddenSince: number | null
    }
  | { readonly step: "done"; readonly outcome: LoopOutcome }

/** Whether the paste was seen in the box: not yet, at some time, or something else was there instead. */
export type PasteSeen = "not-yet" | "shown" | "behind-other"

export type LoopOutcome = { readonly kind: "submitted" } | Held | Stuck

/**
 * Cannot be submitted. `left`: null where it was taken out of the box again; otherwise why it was not: something else
 * than the box is open, or the program works, or a person types; or there are other words in the box.
 */
export type Stuck = {
  readonly kind: "stuck"
  readonly reason: string
  readonly left: Left | null
  /** Taken out, and no return was pressed: it may be typed again. */
  readonly unpressed?: true
}

export type Left = "not now" | "with other words"

export type Held = {
  readonly kind: "held"
  readonly state: PaneState
  readonly reason: string
  readonly pasted: boolean
  /** Pasted, but something else was there before the text showed: it may have swallowed the paste. */
  readonly unseen?: true
  /** Not pasted any more: something swallowed the paste. Otherwise what is not `pasted` never was. */
  readonly swallowed?: true
  /** Pasted, and no return was pressed in this call. */
  readonly unpressed?: true
}

export type LoopEvent =
  | { readonly kind: "looked"; readonly at: number; readonly sight: Sight }
  /** `done` is false when tmux found that something had moved, and did nothing. */
  | { readonly kind: "pasted"; readonly at: number; readonly done: boolean }
  | { readonly kind: "pressed"; readonly at: number; readonly done: boolean }
  | { readonly kind: "took"; readonly at: number; readonly key: TakeOutKey; readonly done: boolean }

/** At most one effect follows an event; the performer answers it with one event. */
export type LoopEffect =
  | { readonly kind: "look"; readonly afterMilliseconds: number }
  | { readonly kind: "paste" }
  | { readonly kind: "press" }
  | { readonly kind: "take"; readonly key: TakeOutKey }

export type LoopRules = {
  readonly settleMilliseconds: number
  /** Whether the program may be typed into while it works. */
  readonly takesWhileBusy: boolean
  /** Whether the program's box can be told from what stands before it. */
  readonly hasBox: boolean
  /** The keys that take a text out of the box: none, `kill` alone, or both in turn. */
  readonly takeOutKeys: readonly TakeOutKey[]
}

export type LoopStep = { readonly state: LoopState; readonly effects: readonly LoopEffect[] }

/** Between the two idle looks of the gate: a program that just began to work has shown it by then. */
export const gateMilliseconds = 60
const pollMilliseconds = 10
/** OpenCode 1.18.33 took 1.7 s to show the first paste of a session. */
const seeMilliseconds = 4000
/** What a program has drawn of a paste, and has not changed for so long, is all that it shows of it. */
const stillMilliseconds = 1500
/** A screen that does not stand still for so long is given up for now: the text stays, and the next call goes on. */
const settlingMilliseconds = 10_000
/**
 * In a box that stays empty for so long nothing comes any more, also where nothing was seen that may have swallowed
 * the paste: Codex 0.169.0 took 3 s, and 10 s under much load.
 */
const swallowedMilliseconds = 12_000
const emptyMilliseconds = 40
const otherMilliseconds = 300
/** A program that took the return, but not as a submission, has moved its cursor by then: one more press. */
const confirmMilliseconds = 1500
/**
 * While nothing moved the program has not read the return yet, and a second one would wait behind it: pressed
 * again after 1.5 s, that one approved the tool call which the message led to (Claude Code 2.1.197, first
 * message of a session, 14 processes running on 2 cores). Codex 0.169.0 takes 3 s over a first message, and
 * 10 s under such load.
 */
const stuckMilliseconds = 20_000
const mostPresses = 2

/** Where it begins: before the paste, with the text in the box, perhaps swallowed, or to be taken out. */
export type LoopStart = "paste" | "box" | "behind-other" | "take-out"

/** @param isAlone - as {@link LoopState} has it, of a text that was pasted before */
export function startLoop(from: LoopStart, now: number, isAlone = false): LoopStep {
  const effects = [lookAfter(0)]
  if (from === "take-out") return takeOut("it is not to be submitted", false, false)
  if (from === "paste") return { state: { step: "gate", previous: null }, effects }
  const paste = from === "box" ? "shown" : from
  return { state: { step: "see", since: now, presses: 0, paste, isAlone }, effects }
}

/** The next state. An event that the state does not wait for is ignored. */
export function step(state: LoopState, event: LoopEvent, rules: LoopRules): LoopStep {
  if (state.step === "gate" && event.kind === "looked") return gate(state, event.sight, rules)
  if (state.step === "paste" && event.kind === "pasted") return afterPaste(event)
  if (state.step === "see" && event.kind === "looked") return see(state, event, rules)
  if (state.step === "settle" && event.kind === "looked") return settle(state, event, rules)
  if (state.step === "press" && event.kind === "pressed") return afterPress(state, event)
  if (state.step === "confirm" && event.kind === "looked") return confirm(state, event, rules)
  if (state.step === "take-out" && event.kind === "looked") return takeOutMore(state, event, rules)
  if (state.step === "take-out" && event.kind === "took") return afterKey(state, event)
  return { state, effects: [] }
}

type In<Name extends LoopState["step"]> = Extract<LoopState, { step: Name }>
type Of<Kind extends LoopEvent["kind"]> = Extract<LoopEvent, { kind: Kind }>

function gate(state: In<"gate">, sight: Sight, rules: LoopRules): LoopStep {
  if (!isOpen(sight, rules) || sight.content === "hidden") return held(sight, null)
  if (sight.isTypedInto) return held({ ...sight, ...personTypes }, null)
  const { previous } = state
  const isStill = previous !== null && (sight.state === "busy" || previous.place === sight.place)
  if (isStill) return { state: { step: "paste" }, effects: [{ kind: "paste" }] }
  if (previous !== null)
    return done({ kind: "held", state: "other", reason: "the screen is changing", pasted: false })
  return { state: { step: "gate", previous: sight }, effects: [lookAfter(gateMilliseconds)] }
}

const personTypes = { state: "draft", reason: "a person is typing in the pane" } as const

/** Typing is open before the paste: an idle program with an empty box, or a busy one that queues. */
function isOpen(sight: Sight, rules: LoopRules): boolean {
  if (sight.state === "ready") return true
  return sight.state === "busy" && rules.takesWhileBusy && sight.content === "empty"
}

function afterPaste(event: Of<"pasted">): LoopStep {
  if (!event.done)
    return done({ kind: "held", state: "other", reason: "the screen is changing", pasted: false })
  const seeing = { step: "see", since: event.at, presses: 0, paste: "not-yet", isAlone: true } as const
  return { state: seeing, effects: [lookAfter(0)] }
}

function see(state: In<"see">, event: Of<"looked">, rules: LoopRules): LoopStep {
  const { sight, at } = event
  const { since, presses } = state
  const blocked = blocks(sight, rules, state.presses, state.paste)
  if (blocked !== null) return blocked
  const isOurs = sight.content === "ours"
  if (isOurs && !sight.isTypedInto) {
    const settling = { step: "settle", since, presses, isAlone: state.isAlone, seen: sight } as const
    return { state: settling, effects: [lookAfter(rules.settleMilliseconds)] }
  }
  const isEmpty = sight.content === "empty" && sight.state === "ready" && presses === 0
  // Never shown and never pressed: what has the box again, and says no more, has lost it.
  const isUnseen = isEmpty && state.paste !== "shown"
  const patience = isUnseen && state.paste === "not-yet" ? swallowedMilliseconds : seeMilliseconds
  const isAlone = state.isAlone && !sight.wasTypedInto
  // Behind a return something else may stand there.
  const isItself = presses === 0 || sight.content === "joined"
  const isOther = isAlone && isItself && !isOurs && sight.state === "draft"
  const isSame = state.other?.sight.box === sight.box && state.other.sight.place === sight.place
  const other = isOther && state.other !== undefined && isSame ? state.other : { sight, since: at }
  const isStill = isOther && at - other.since >= stillMilliseconds
  if (at - since < patience && !isStill) {
    const paste = isOurs || sight.content === "joined" ? "shown" : state.paste
    return {
      state: { ...state, paste, isAlone, other },
      effects: [lookAfter(isUnseen ? gateMilliseconds : pollMilliseconds)],
    }
  }
  if (isUnseen || (isEmpty && isAlone)) {
    const reason = "the pane took no notice of the message"
    return done({ kind: "held", state: "other", reason, pasted: false, swallowed: true })
  }
  if (isAlone && isItself && sight.state === "draft" && rules.takeOutKeys.length > 0)
    return takeOut("the screen does not show the message as it is", true, presses === 0)
  const isUnshown = state.paste !== "shown" && sight.content !== "joined"
  return held({ ...sight, ...unsubmitted(sight) }, presses, isUnshown)
}

/** Why a text that was pasted is not submitted. */
function unsubmitted(sight: Sight): Pick<Sight, "state" | "reason"> {
  if (sight.isTypedInto) return personTypes
  if (sight.content === "joined") return { state: "draft", reason: "the box holds more than the message" }
  if (sight.content === "foreign")
    return { state: "draft", reason: "the box holds something else than the message" }
  return { state: "other", reason: "the message does not show in the box" }
}

function settle(state: In<"settle">, event: Of<"looked">, rules: LoopRules): LoopStep {
  const { sight } = event
  const blocked = blocks(sight, rules, state.presses, "shown")
  if (blocked !== null) return blocked
  const { since, presses } = state
  const isAlone = state.isAlone && !sight.wasTypedInto
  const isWhereItWas = sight.state === "busy" || sight.place === state.seen.place
  const isStill = sight.content === "ours" && isWhereItWas && !sight.isTypedInto
  if (isStill) {
    const pressing = { step: "press", since, presses, isAlone, place: sight.place } as const
    return { state: pressing, effects: [{ kind: "press" }] }
  }
  if (event.at - since > settlingMilliseconds)
    return held({ ...sight, state: "other", reason: "the screen keeps changing" }, presses)
  const seeing = { step: "see", since, presses, paste: "shown", isAlone } as const
  return { state: seeing, effects: [lookAfter(pollMilliseconds)] }
}

/** After the paste nothing is pressed over a dialog, a shell or a closed pane; the text stays where it is. */
function blocks(sight: Sight, rules: LoopRules, presses: number, paste: PasteSeen): LoopStep | null {
  const isDraft = sight.state === "draft" && sight.content !== "hidden"
  const isBusy = sight.state === "busy" && rules.takesWhileBusy
  return sight.state === "ready" || isDraft || isBusy ? null : held(sight, presses, paste !== "shown")
}

function afterPress(state: In<"press">, event: Of<"pressed">): LoopStep {
  const { since, presses, isAlone, place } = state
  if (!event.done) {
    const seeing = { step: "see", since, presses, paste: "shown", isAlone } as const
    return { state: seeing, effects: [lookAfter(pollMilliseconds)] }
  }
  const next = {
    step: "confirm",
    since,
    pressedAt: event.at,
    presses: presses + 1,
    isAlone,
    place,
    goneSince: null,
  } as const
  return { state: next, effects: [lookAfter(pollMilliseconds)] }
}

function confirm(state: In<"confirm">, event: Of<"looked">, rules: LoopRules): LoopStep {
  const { sight } = event
  const isGone = sight.content === "empty" || sight.content === "foreign"
  if (isGone) return gone({ ...state, goneSince: state.goneSince ?? event.at }, event, rules)
  const isAlone = state.isAlone && !sight.wasTypedInto
  const hasMoved = sight.place !== state.place && sight.state !== "busy"
  const mayPress = hasMoved && state.presses < mostPresses
  const patience = mayPress || sight.content === "hidden" ? confirmMilliseconds : stuckMilliseconds
  if (event.at - state.pressedAt < patience)
    return { state: { ...state, isAlone, goneSince: null }, effects: [lookAfter(pollMilliseconds)] }
  if (sight.content === "hidden") return done(heldAs(sight, true))
  if (!mayPress) return takeOut("the return was pressed, but the message stays in the box", false, false)
  return {
    state: { step: "see", since: event.at, presses: state.presses, paste: "shown", isAlone },
    effects: [lookAfter(0)],
  }
}

/** A box that is drawn anew may look empty, or be another one, for a moment: Gemini CLI 0.61.0 at 40×10. */
function gone(
  state: In<"confirm"> & { readonly goneSince: number },
  { at, sight }: Of<"looked">,
  { hasBox }: LoopRules,
): LoopStep {
  const enough = hasBox && sight.content === "foreign" ? otherMilliseconds : emptyMilliseconds
  const isSure = sight.state === "busy" || at - state.goneSince >= enough
  return isSure ? done({ kind: "submitted" }) : { state, effects: [lookAfter(pollMilliseconds)] }
}

function takeOut(reason: string, isAlone: boolean, isUnpressed: boolean): LoopStep {
  const begun = { keys: 0, last: null, inVain: 0, hiddenSince: null } as const
  const state = { step: "take-out", reason, isAlone, isUnpressed, ...begun } as const
  return { state, effects: [lookAfter(0)] }
}

/**
 * Only what is ours alone, as the box shows or is known otherwise, and while no person types; then key by key, each
 * after a look. Where one changes nothing, the other does: Gemini CLI 0.61.0 kills to the beginning of a line.
 */
function takeOutMore(state: In<"take-out">, event: Of<"looked">, rules: LoopRules): LoopStep {
  const { sight, at } = event
  const { reason, last } = state
  const stuck = (left: Left | null): LoopStep => {
    const outcome = { kind: "stuck", reason, left } as const
    return done(left === null && state.isUnpressed ? { ...outcome, unpressed: true } : outcome)
  }
  if (sight.content === "empty") return stuck(null)
  const isOpenBox = sight.state === "draft" || sight.state === "ready"
  if (sight.state === "other") return awaitBox(state, at) ?? stuck("not now")
  if (!isOpenBox || sight.content === "hidden") return stuck("not now")
  const isOurs = sight.content === "ours" || state.isAlone
  if (sight.isTypedInto) return stuck(last === null && isOurs ? "not now" : "with other words")
  if (last === null && !isOurs) return stuck("with other words")
  const isUnchanged = last !== null && sight.box === last.sight.box && sight.place === last.sight.place
  if (isUnchanged && at - last.at < keyMilliseconds)
    return { state: { ...state, hiddenSince: null }, effects: [lookAfter(pollMilliseconds)] }
  const key = isUnchanged && last.key === "kill" ? "erase" : "kill"
  const inVain = isUnchanged ? state.inVain + 1 : 0
  const isEnough = state.keys >= mostKeys || inVain >= mostInVain
  if (isEnough || !rules.takeOutKeys.includes(key)) return stuck("with other words")
  return {
    state: { ...state, last: { key, at, sight }, inVain, hiddenSince: null },
    effects: [{ kind: "take", key }],
  }
}

/** Gemini CLI 0.61.0 clears its screen for 26 to 37 ms as its list of shortcuts goes, which a lost `?` has opened. */
function awaitBox(state: In<"take-out">, at: number): LoopStep | null {
  const hiddenSince = state.hiddenSince ?? at
  if (at - hiddenSince >= redrawnMilliseconds) return null
  return { state: { ...state, hiddenSince }, effects: [lookAfter(pollMilliseconds)] }
}

function afterKey(state: In<"take-out">, event: Of<"took">): LoopStep {
  const { at, done: isDone } = event
  const last = state.last === null ? null : { ...state.last, at }
  return { state: { ...state, last, keys: state.keys + (isDone ? 1 : 0) }, effects: [lookAfter(0)] }
}

/** All four programs showed what a key had done within 185 ms (Claude Code 2.1.332, OpenCode 1.18.33). */
const keyMilliseconds = 400
/** A screen that was cleared is drawn anew by then. */
const redrawnMilliseconds = 1000
/** Five seconds: a program under load shows later what one did, and of many rows alike one that is gone is not missed. */
const mostInVain = 12
/** n lines take Codex 0.169.0 2n - 1 keys, and it collapses what has more than 1,000 characters. */
const mostKeys = 2000

/** @param presses - how often the return was pressed before; null where nothing was pasted */
function held(sight: Sight, presses: number | null, isUnseen = false): LoopStep {
  const outcome = heldAs(sight, presses !== null)
  const unpressed = presses === 0 ? ({ unpressed: true } as const) : {}
  return done({ ...outcome, ...unpressed, ...(isUnseen ? ({ unseen: true } as const) : {}) })
}

const heldAs = (sight: Sight, pasted: boolean): Held => ({
  kind: "held",
  state: sight.state,
  reason: sight.reason || "the pane is not ready",
  pasted,
})

function done(outcome: LoopOutcome): LoopStep {
  return { state: { step: "done", outcome }, effects: [] }
}

function lookAfter(afterMilliseconds: number): LoopEffect {
  return { kind: "look", afterMilliseconds }
}
