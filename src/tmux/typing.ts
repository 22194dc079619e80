import type { ProfileName } from "../protocol/names.ts"
import { boxContent, collapsedLabel, headOf, shows } from "./box.ts"
import type { PaneState, Reading } from "./box-reading.ts"
import { giveBack, type KeptKeys, keepKeys } from "./keyboards.ts"
import {
  type Left,
  type LoopEffect,
  type LoopEvent,
  type LoopOutcome,
  type LoopRules,
  type LoopStart,
  type LoopState,
  type Sight,
  startLoop,
  step,
} from "./loop.ts"
import type { PinnedPane } from "./pane.ts"
import { unchangedFormat } from "./precondition.ts"
import type { Profile, TakeOutKey } from "./profile.ts"
import { profiles, readPane } from "./readiness.ts"
import { type Look, look, type Snapshot } from "./snapshot.ts"
import { mostLineBytes, terminalCollectsLines } from "./terminal.ts"
import { runTmux, type TmuxServer } from "./tmux.ts"

/**
 * What became of a text. `held` with `pasted`: it lies in the box and nothing was pressed; the next call must
 * resume, never paste again. Also with `unseen`: a dialog may have swallowed it; hand that to the next call.
 * `vanished`: it was pasted once, and is now neither in the box nor to be seen as submitted. `stuck`: pressed, but the box did not empty; taken out again, or not.
 */
export type TypingOutcome = LoopOutcome | { readonly kind: "vanished"; readonly reason: string }

export type TypingOptions = {
  /** True when this text was pasted before. */
  readonly resume: boolean
  /**
   * True when the call before said `unseen`. A text that a dialog has swallowed is then `held` with `pasted`
   * false, to be typed anew, instead of `vanished`.
   */
  readonly unseen?: boolean
  /**
   * When this text was pasted, in milliseconds since the epoch; null or left out where nobody knows. Of a box that is
   * cut, what a person may have put into it above the visible rows is then taken into account.
   */
  readonly pastedAt?: number | null
  /** True when every call before said `unpressed`: what is gone without a person's key was lost, not submitted. */
  readonly unpressed?: boolean
  /** What to do while the program works: wait, or let it queue the text where its profile can. */
  readonly deliver: "hold" | "queue"
  /** The owner's word that a shell may be typed into; only the profile `plain` ever does. */
  readonly allowShell: boolean
  readonly signal?: AbortSignal
  /** Called, and waited for, before the paste is sent: write "pasting" to the disk here. */
  readonly onPasted?: () => void | Promise<void>
}

/** @property pastedAt - as in {@link TypingOptions} */
export type TakeOutOptions = { readonly pastedAt: number | null; readonly signal: AbortSignal }

/** Where the text with this short id is to be seen. */
export type Sighting = "in-box" | "submitted" | "not-seen"

/** A pane's state for the owner, and for the Guardian to decide whether to try; one tmux process. */
export type PaneLook = { readonly state: PaneState; readonly reason: string; readonly program: string | null }

/**
 * Types one laid-out text into the pane and submits it, or says why not. One call at a time for each pane.
 * @throws Error when the signal aborts: before the paste nothing was typed; after it, resume next time
 * @see docs/DELIVERY.md
 */
export async function typeIntoPane(
  server: TmuxServer,
  pinned: PinnedPane,
  profileName: ProfileName,
  text: string,
  options: TypingOptions,
): Promise<TypingOutcome> {
  const profile = profiles[profileName]
  const typed = profile.adapt(text)
  if (options.resume) {
    const known = await alreadyDone(server, pinned, profile, typed, options)
    if (known !== null && !(known.kind === "vanished" && options.unseen)) return known
  }
  const tooLong = options.resume ? null : await lineTooLong(server, pinned, profile, typed)
  const from = options.resume ? (options.unseen ? "behind-other" : "box") : "paste"
  const pastedAt = options.pastedAt ?? null
  return (
    tooLong ??
    perform({ server, pinned, profile, text: typed, options, last: null, pastedAt, kept: null }, from)
  )
}

/**
 * Takes a text that was pasted and is not to be submitted out of the box again, where it stands there alone.
 * @returns null when it is not there any more, otherwise why it is
 */
export async function takeOut(
  server: TmuxServer,
  pinned: PinnedPane,
  profileName: ProfileName,
  text: string,
  { pastedAt, signal }: TakeOutOptions,
): Promise<Left | null> {
  const profile = profiles[profileName]
  const options: TypingOptions = { resume: true, deliver: "hold", allowShell: false, signal }
  const delivery = {
    server,
    pinned,
    profile,
    text: profile.adapt(text),
    options,
    last: null,
    pastedAt,
    kept: null,
  }
  const outcome = await perform(delivery, "take-out")
  return outcome.kind === "stuck" ? outcome.left : "not now"
}

/** The agent programs read every key themselves; only a line-reading program leaves its lines to the terminal. */
async function lineTooLong(
  server: TmuxServer,
  pinned: PinnedPane,
  profile: Profile,
  text: string,
): Promise<TypingOutcome | null> {
  const bytes = Buffer.byteLength(text)
  if (profile.name !== "plain" || bytes <= mostLineBytes) return null
  if (!(await terminalCollectsLines(server, pinned))) return null
  const reason = `the terminal keeps ${mostLineBytes} bytes of a line, and the message has ${bytes}`
  return { kind: "held", state: "other", reason, pasted: false }
}

/**
 * Looks at the pane once. Cheap enough to call every 250 ms while a message waits, and never otherwise.
 */
export async function lookAtPane(
  server: TmuxServer,
  pinned: PinnedPane,
  profileName: ProfileName,
  allowShell: boolean,
): Promise<PaneLook> {
  const seen = await look(server, pinned)
  const { state, reason } = readPane(profiles[profileName], seen, allowShell)
  return { state, reason, program: seen.kind === "seen" ? seen.snapshot.program.executable : null }
}

/**
 * Where the message `[shortId]` stands, for a Guardian that does not know whether its last paste was
 * submitted. A collapsed paste in the box counts as it: nothing else is typed there unseen.
 */
export async function findOnScreen(
  server: TmuxServer,
  pinned: PinnedPane,
  profileName: ProfileName,
  shortId: string,
): Promise<Sighting> {
  const seen = await look(server, pinned, scrollbackLines)
  if (seen.kind === "absent") return "not-seen"
  return sighting(profiles[profileName], seen.snapshot, `[${shortId}]`)
}

const scrollbackLines = 2000

function sighting(profile: Profile, whole: Snapshot, mark: string): Sighting {
  const screen = onlyScreen(whole)
  const { box } = profile.read(screen)
  const isInBox =
    box !== null && (shows(box.text, mark) || collapsedLabel(profile, box.text, null) === "alone")
  if (profile.exactBox && isInBox) return "in-box"
  return shows(conversationOf(whole), mark) ? "submitted" : "not-seen"
}

const conversationOf = (whole: Snapshot): string => whole.lines.map(line => line.text).join("")

/** The profiles count lines from the top of the screen. */
function onlyScreen(whole: Snapshot): Snapshot {
  return { ...whole, lines: whole.lines.slice(-whole.height) }
}

/** Null when the text is still in the box (or a dialog hides it), and the loop can go on from there. */
async function alreadyDone(
  server: TmuxServer,
  pinned: PinnedPane,
  profile: Profile,
  text: string,
  { allowShell, unpressed = false, pastedAt = null }: TypingOptions,
): Promise<TypingOutcome | null> {
  const seen = await look(server, pinned, scrollbackLines)
  if (seen.kind === "absent") return { kind: "vanished", reason: seen.reason }
  if (profile.keysKept !== undefined) await giveBackOnce(seen.snapshot.keyboards)
  const screen = onlyScreen(seen.snapshot)
  const { state, reason, box } = readPane(profile, { kind: "seen", snapshot: screen }, allowShell)
  if (state === "shell" || (state === "other" && box === null))
    return { kind: "held", state, reason, pasted: true, unpressed: true }
  if (boxContent(profile, box, text) !== "empty") return null
  if (shows(conversationOf(seen.snapshot), headOf(text))) return { kind: "submitted" }
  const gone = "the message was pasted, but is not in the box any more"
  if (!unpressed || hadKeySince(pastedAt, seen)) return { kind: "vanished", reason: gone }
  // OpenCode 1.18.33 swaps its screen at a session's first prompt, and what stood in the box is gone with it.
  if (state !== "ready") return { kind: "held", state, reason, pasted: true, unpressed: true }
  return { kind: "held", state: "other", reason: gone, pasted: false, swallowed: true }
}

/** A process before this one may have been killed together with what kept persons' keys back. */
async function giveBackOnce(terminals: readonly string[]): Promise<void> {
  const unseen = terminals.filter(terminal => !looked.has(terminal))
  for (const terminal of unseen) looked.add(terminal)
  await giveBack(unseen)
}

const looked = new Set<string>()

type Delivery = {
  readonly server: TmuxServer
  readonly pinned: PinnedPane
  readonly profile: Profile
  readonly text: string
  readonly options: TypingOptions
  /** What the loop saw last: the guard compares the pane with it. */
  last: Snapshot | null
  pastedAt: number | null
  /** From the return until the box is empty. */
  kept: (KeptKeys & { readonly milliseconds: number }) | null
}

async function perform(delivery: Delivery, from: LoopStart): Promise<LoopOutcome> {
  const { profile, options } = delivery
  const rules: LoopRules = {
    settleMilliseconds: profile.settleMilliseconds,
    takesWhileBusy: options.deliver === "queue" && profile.queueKey !== null,
    hasBox: profile.exactBox,
    takeOutKeys: Object.keys(profile.takeOutKeys) as TakeOutKey[],
  }
  const isUnpressed = options.unpressed === true && delivery.pastedAt !== null
  let current = startLoop(from, performance.now(), isUnpressed)
  try {
    for (;;) {
      if (current.state.step !== "confirm") await letKeysGo(delivery, current.state)
      if (current.state.step === "done") return current.state.outcome
      const [effect] = current.effects
      if (effect === undefined) throw new Error(`the typing loop stands still in ${current.state.step}`)
      current = step(current.state, await performEffect(delivery, effect), rules)
    }
  } finally {
    await letKeysGo(delivery, current.state)
  }
}

async function letKeysGo(delivery: Delivery, state: LoopState): Promise<void> {
  const { kept } = delivery
  if (kept === null) return
  delivery.kept = null
  if (state.step === "done" && state.outcome.kind === "submitted") await Bun.sleep(kept.milliseconds)
  await kept.letGo()
}

/** The keys that may go along with the text, or be lost behind it. */
async function keepKeysBack(delivery: Delivery): Promise<void> {
  const { last, profile } = delivery
  if (last === null || profile.keysKept === undefined) return
  const milliseconds = profile.keysKept(last)
  delivery.kept = { ...(await keepKeys(last.keyboards)), milliseconds }
}

async function performEffect(delivery: Delivery, effect: LoopEffect): Promise<LoopEvent> {
  delivery.options.signal?.throwIfAborted()
  switch (effect.kind) {
    case "look": {
      if (effect.afterMilliseconds > 0) await Bun.sleep(effect.afterMilliseconds)
      const seen = await look(delivery.server, delivery.pinned)
      if (seen.kind === "seen") delivery.last = seen.snapshot
      return { kind: "looked", at: performance.now(), sight: sightOf(delivery, seen) }
    }
    case "paste": {
      await delivery.options.onPasted?.()
      delivery.pastedAt = Date.now()
      const pasted = await guardedPaste(delivery, delivery.text, ["-p", "-r"])
      return { kind: "pasted", at: performance.now(), done: pasted }
    }
    case "press": {
      await keepKeysBack(delivery)
      delivery.options.signal?.throwIfAborted()
      const pressed = await guardedPaste(delivery, submitKey(delivery), ["-r"])
      return { kind: "pressed", at: performance.now(), done: pressed }
    }
    case "take": {
      const { key } = effect
      // Pasted, because as a key copy mode would take it.
      const took = await guardedPaste(delivery, delivery.profile.takeOutKeys[key] ?? "", ["-r"])
      return { kind: "took", at: performance.now(), key, done: took }
    }
    default:
      return effect satisfies never
  }
}

function sightOf(delivery: Delivery, seen: Look): Sight {
  const { state, reason, box } = readBefore(delivery, seen)
  const wasTypedInto = hadKeySince(delivery.pastedAt, seen)
  const shown = boxContent(delivery.profile, box, delivery.text)
  return {
    state,
    reason,
    // Above the visible rows a person may have changed something.
    content: shown === "ours" && box?.isCut && wasTypedInto ? "joined" : shown,
    place: seen.kind === "seen" ? placeOf(seen.snapshot) : "",
    box: box?.text ?? null,
    isTypedInto: seen.kind === "seen" && isTypedInto(seen.snapshot),
    wasTypedInto,
  }
}

/** Before the paste, a box in which the text would not be seen is none to type into. */
function readBefore({ profile, text, options, pastedAt }: Delivery, seen: Look): Reading {
  const read = readPane(profile, seen, options.allowShell)
  const isBefore = !options.resume && pastedAt === null && read.state === "ready" && seen.kind === "seen"
  const reason = isBefore ? (profile.lacksRoom?.(seen.snapshot, text) ?? null) : null
  return reason === null ? read : { state: "other", reason, box: null }
}

/** tmux counts in whole seconds. @param pastedAt - null where nobody knows when that was */
function hadKeySince(pastedAt: number | null, seen: Look): boolean {
  const lastKeyAt = seen.kind === "seen" ? seen.snapshot.lastKeyAt : null
  return lastKeyAt !== null && (pastedAt === null || lastKeyAt + 1000 > pastedAt)
}

/** A key of the last seconds may not be drawn yet. tmux counts in whole seconds. */
const keyMilliseconds = 3000

function isTypedInto({ lastKeyAt }: Snapshot): boolean {
  const age = lastKeyAt === null ? Number.POSITIVE_INFINITY : Date.now() - lastKeyAt
  // One of the future is from before the clock was set back.
  return age < keyMilliseconds && age > -keyMilliseconds
}

function placeOf(snapshot: Snapshot): string {
  return JSON.stringify([snapshot.cursor, snapshot.title, snapshot.command, snapshot.alternateScreen])
}

/** A busy program may have another key that queues; an idle one takes the return. */
function submitKey(delivery: Delivery): string {
  return isBusy(delivery) ? (delivery.profile.queueKey ?? "\r") : "\r"
}

function isBusy(delivery: Delivery): boolean {
  return delivery.last !== null && delivery.profile.read(delivery.last).state === "busy"
}

/**
 * Pastes if tmux itself finds the pane as it was seen last, all in one call. The return is a paste of its own:
 * as a key it would be lost in copy mode, in the text's paste it would not submit (Claude Code 2.1.330).
 */
async function guardedPaste(delivery: Delivery, text: string, flags: readonly string[]): Promise<boolean> {
  const { server, pinned, last } = delivery
  if (last === null) return false
  const buffer = `sento-${crypto.randomUUID()}`
  const answer = await runTmux(
    server,
    [
      ...["load-buffer", "-b", buffer, "-", ";"],
      ...["if-shell", "-F", "-t", pinned.pane, unchangedFormat(pinned.pid, last, !isBusy(delivery))],
      `paste-buffer ${flags.join(" ")} -d -b ${buffer} -t ${pinned.pane} ; display-message -p TYPED`,
      `delete-buffer -b ${buffer} ; display-message -p MOVED`,
    ],
    text,
  )
  return answer.stdout.includes("TYPED")
}
