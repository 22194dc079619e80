import { profiles } from "../../src/tmux/readiness.ts"
import type { TypingOptions, TypingOutcome } from "../../src/tmux/typing.ts"
import { handOver } from "./hand-over.ts"
import { type Kind, laidOut, newShortId } from "./kinds.ts"
import { type LabSession, screen, untilState } from "./session.ts"

/** What the model was sent of one message. */
export type Arrival = "exact" | "changed" | "lost" | "doubled"

/** One message, from the first try to type it until the model had it or not. */
export type Delivered = {
  readonly arrival: Arrival
  /** The loop's last word. */
  readonly outcome: TypingOutcome
  /** From the paste to `submitted`, or null when the first paste was not followed by it in one go. */
  readonly milliseconds: number | null
  readonly note: string | null
}

/** Delivers `count` texts of one kind one after the other. */
export async function* deliverKind(
  session: LabSession,
  kind: Kind,
  count: number,
): AsyncGenerator<Delivered, void> {
  for (let index = 0; index < count; index++) {
    await untilState(session, "ready", 60_000)
    yield await deliver(session, kind.body(index), "hold")
  }
}

/** Delivers one text as the Guardian does: a held message is tried again, and resumed once it was pasted. */
export async function deliver(
  session: LabSession,
  body: string,
  mode: TypingOptions["deliver"],
  onPasted: () => void = () => {},
): Promise<Delivered> {
  const shortId = newShortId()
  const text = laidOut(shortId, body)
  const { outcome, milliseconds, notes } = await typeUntilDone(session, text, mode, onPasted)
  const arrival = await arrivalOf(session, shortId, text)
  const isGood = arrival === "exact" && outcome.kind === "submitted"
  const difference = arrival === "changed" ? differenceOf(session, shortId, text) : []
  const note = isGood ? null : [...notes, ...difference, JSON.stringify(outcome), screen(session)].join("\n")
  return { arrival, outcome, milliseconds, note }
}

type Typed = {
  readonly outcome: TypingOutcome
  readonly milliseconds: number | null
  readonly notes: readonly string[]
}

async function typeUntilDone(
  session: LabSession,
  text: string,
  mode: TypingOptions["deliver"],
  onPasted: () => void,
): Promise<Typed> {
  let pastedAt = performance.now()
  const { outcome, holds } = await handOver(session, text, {
    patienceMilliseconds: { all: holdMilliseconds, inBox: holdMilliseconds },
    mode,
    onPasted: () => {
      pastedAt = performance.now()
      onPasted()
    },
  })
  const isInOneGo = outcome.kind !== "held" && !holds.some(hold => hold.endsWith("(pasted)"))
  const milliseconds = isInOneGo ? performance.now() - pastedAt : null
  return { outcome, milliseconds, notes: holds.map(hold => `held: ${hold}`) }
}

const holdMilliseconds = 30_000
/** OpenCode 1.18.33 takes up to ten seconds from the first submission to its first request, and above 30 under much load. */
const arrivalMilliseconds = 90_000

/** Waits until the model has the message, and says how often and how truly. */
async function arrivalOf(session: LabSession, shortId: string, text: string): Promise<Arrival> {
  const deadline = performance.now() + arrivalMilliseconds
  const mark = `[${shortId}]`
  // Each part apart: Claude Code puts several messages into one request.
  const arrived = () => session.stub.conversation().filter(prompt => prompt.includes(mark))
  while (arrived().length === 0 && performance.now() < deadline) await Bun.sleep(20)
  const prompts = arrived()
  if (prompts.length === 0) return "lost"
  if (prompts.length > 1 || prompts[0]?.split(mark).length !== 2) return "doubled"
  return unwrapped(prompts[0] ?? "") === asSent(session, text) ? "exact" : "changed"
}

/** Where what the model was sent first differs from what was handed in. */
function differenceOf(session: LabSession, shortId: string, text: string): string[] {
  const sent = session.stub.conversation().find(prompt => prompt.includes(`[${shortId}]`)) ?? ""
  const wanted = asSent(session, text)
  const at = [...wanted].findIndex((character, index) => [...sent][index] !== character)
  const part = (whole: string) =>
    JSON.stringify([...whole].slice(at < 0 ? -40 : at, at < 0 ? undefined : at + 40).join(""))
  return [`differs at ${at < 0 ? "the end" : at}: wanted ${part(wanted)}, sent ${part(sent)}`]
}

/**
 * The text as the programs are known to pass it on: what `adapt` made of it, less the blanks at its end
 * (trimmed by Claude Code 2.1.197, Codex 0.169.0 and Gemini CLI 0.61.0; OpenCode 1.18.33 adds one after a
 * paste that it collapsed). Claude Code 2.1.332 composes letters (NFC). Nothing else may differ.
 */
function asSent({ program: { name } }: LabSession, text: string): string {
  const adapted = profiles[name].adapt(text).trimEnd()
  return name === "claude" ? adapted.normalize("NFC") : adapted
}

/** Claude Code 2.1.330 tells its model which text was a long paste: an element around it, whole. */
function unwrapped(prompt: string): string {
  const paste = /^\s*<pasted_content id="\w+">\n(.*)\n<\/pasted_content id="\w+">\s*$/s.exec(prompt)
  return (paste?.[1] ?? prompt).trimEnd()
}
