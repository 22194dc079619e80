import type { BoxContent, PaneState } from "./profiles/profile.ts"

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
}

export type LoopState =
  | { readonly step: "gate"; readonly previous: Sight | null }
  | { readonly step: "paste" }
  | { readonly step: "see"; readonly since: number; readonly presses: number }
  | { readonly step: "settle"; readonly since: number; readonly presses: number; readonly seen: Sight }
  | { readonly step: "press"; readonly since: number; readonly presses: number; readonly place: string }
  | {
      readonly step: "confirm"
      readonly since: number
      readonly pressedAt: number
      readonly presses: number
      /** Where the cursor was when the return was pressed. */
      readonly place: string
    }
  | { readonly step: "done"; readonly outcome: LoopOutcome }

export type LoopOutcome =
  | { readonly kind: "submitted" }
  | { readonly kind: "held"; readonly state: PaneState; readonly reason: string; readonly pasted: boolean }
  | { readonly kind: "stuck"; readonly reason: string }

export type LoopEvent =
  | { readonly kind: "looked"; readonly at: number; readonly sight: Sight }
  /** `done` is false when tmux found that something had moved, and did nothing. */
  | { readonly kind: "pasted"; readonly at: number; readonly done: boolean }
  | { readonly kind: "pressed"; readonly at: number; readonly done: boolean }

/** At most one effect follows an event; the performer answers it with one event. */
export type LoopEffect =
  | { readonly kind: "look"; readonly afterMilliseconds: number }
  | { readonly kind: "paste" }
  | { readonly kind: "press" }

export type LoopRules = {
  readonly settleMilliseconds: number
  /** Whether the program may be typed into while it works. */
  readonly takesWhileBusy: boolean
}

export type LoopStep = { readonly state: LoopState; readonly effects: readonly LoopEffect[] }

/** Between the two idle looks of the gate: a program that just began to work has shown it by then. */
export const gateMilliseconds = 60
const pollMilliseconds = 10
/** OpenCode 1.18.33 took 1.7 s to show the first paste of a session. */
const seeMilliseconds = 4000
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

/** Where a delivery begins: before the paste, or (`resume`) with the text already in the box. */
export function startLoop(resume: boolean, now: number): LoopStep {
  const state: LoopState = resume ? { step: "see", since: now, presses: 0 } : { step: "gate", previous: null }
  return { state, effects: [lookAfter(0)] }
}

/** The next state. An event that the state does not wait for is ignored. */
export function step(state: LoopState, event: LoopEvent, rules: LoopRules): LoopStep {
  if (state.step === "gate" && event.kind === "looked") return gate(state, event.sight, rules)
  if (state.step === "paste" && event.kind === "pasted") return afterPaste(event)
  if (state.step === "see" && event.kind === "looked") return see(state, event, rules)
  if (state.step === "settle" && event.kind === "looked") return settle(state, event, rules)
  if (state.step === "press" && event.kind === "pressed") return afterPress(state, event)
  if (state.step === "confirm" && event.kind === "looked") return confirm(state, event)
  return { state, effects: [] }
}

type In<Name extends LoopState["step"]> = Extract<LoopState, { step: Name }>
type Of<Kind extends LoopEvent["kind"]> = Extract<LoopEvent, { kind: Kind }>

function gate(state: In<"gate">, sight: Sight, rules: LoopRules): LoopStep {
  if (!isOpen(sight, rules) || sight.content === "hidden") return held(sight, false)
  const { previous } = state
  const isStill = previous !== null && (sight.state === "busy" || previous.place === sight.place)
  if (isStill) return { state: { step: "paste" }, effects: [{ kind: "paste" }] }
  if (previous !== null)
    return done({ kind: "held", state: "other", reason: "the screen is changing", pasted: false })
  return { state: { step: "gate", previous: sight }, effects: [lookAfter(gateMilliseconds)] }
}

/** Typing is open before the paste: an idle program with an empty box, or a busy one that queues. */
function isOpen(sight: Sight, rules: LoopRules): boolean {
  if (sight.state === "ready") return true
  return sight.state === "busy" && rules.takesWhileBusy && sight.content === "empty"
}

function afterPaste(event: Of<"pasted">): LoopStep {
  if (!event.done)
    return done({ kind: "held", state: "other", reason: "the screen is changing", pasted: false })
  return { state: { step: "see", since: event.at, presses: 0 }, effects: [lookAfter(0)] }
}

function see(state: In<"see">, event: Of<"looked">, rules: LoopRules): LoopStep {
  const { sight } = event
  const blocked = blocks(sight, rules)
  if (blocked !== null) return blocked
  if (sight.content === "ours") {
    return {
      state: { ...state, step: "settle", seen: sight },
      effects: [lookAfter(rules.settleMilliseconds)],
    }
  }
  if (event.at - state.since < seeMilliseconds) return { state, effects: [lookAfter(pollMilliseconds)] }
  const reason =
    sight.content === "foreign"
      ? "the box holds more than the message"
      : "the message does not show in the box"
  return done({ kind: "held", state: sight.content === "foreign" ? "draft" : "other", reason, pasted: true })
}

function settle(state: In<"settle">, event: Of<"looked">, rules: LoopRules): LoopStep {
  const { sight } = event
  const blocked = blocks(sight, rules)
  if (blocked !== null) return blocked
  const { since, presses } = state
  const isStill = sight.content === "ours" && (sight.state === "busy" || sight.place === state.seen.place)
  if (isStill)
    return { state: { step: "press", since, presses, place: sight.place }, effects: [{ kind: "press" }] }
  return { state: { step: "see", since, presses }, effects: [lookAfter(pollMilliseconds)] }
}

/** After the paste nothing is pressed over a dialog, a shell or a closed pane; the text stays where it is. */
function blocks(sight: Sight, rules: LoopRules): LoopStep | null {
  const isDraft = sight.state === "draft" && sight.content !== "hidden"
  const isBusy = sight.state === "busy" && rules.takesWhileBusy
  return sight.state === "ready" || isDraft || isBusy ? null : held(sight, true)
}

function afterPress(state: In<"press">, event: Of<"pressed">): LoopStep {
  const { since, presses, place } = state
  if (!event.done) return { state: { step: "see", since, presses }, effects: [lookAfter(pollMilliseconds)] }
  const next = { step: "confirm", since, pressedAt: event.at, presses: presses + 1, place } as const
  return { state: next, effects: [lookAfter(pollMilliseconds)] }
}

function confirm(state: In<"confirm">, event: Of<"looked">): LoopStep {
  const { sight } = event
  if (sight.content === "empty" || sight.content === "foreign") return done({ kind: "submitted" })
  const hasMoved = sight.place !== state.place && sight.state !== "busy"
  const mayPress = hasMoved && state.presses < mostPresses
  const patience = mayPress || sight.content === "hidden" ? confirmMilliseconds : stuckMilliseconds
  if (event.at - state.pressedAt < patience) return { state, effects: [lookAfter(pollMilliseconds)] }
  if (sight.content === "hidden") return held(sight, true)
  if (!mayPress)
    return done({ kind: "stuck", reason: "the return was pressed, but the message stays in the box" })
  return { state: { step: "see", since: event.at, presses: state.presses }, effects: [lookAfter(0)] }
}

function held(sight: Sight, pasted: boolean): LoopStep {
  return done({ kind: "held", state: sight.state, reason: sight.reason || "the pane is not ready", pasted })
}

function done(outcome: LoopOutcome): LoopStep {
  return { state: { step: "done", outcome }, effects: [] }
}

function lookAfter(afterMilliseconds: number): LoopEffect {
  return { kind: "look", afterMilliseconds }
}
