/** The exact text that goes into the pane for one message. */
import {
  answerHint,
  answerHints,
  excerpt,
  fileText,
  layOut,
  mostTypedUnits,
  visibleText,
  wholeTextNote,
} from "../../protocol/layout.ts"
import type { ProfileName } from "../../protocol/names.ts"
import type { Received } from "../../store/inbox.ts"
import { profiles } from "../../tmux/readiness.ts"
import { fileOf, keepInFile } from "../books/message-files.ts"
import type { Context } from "../context.ts"

const hintMilliseconds = 60 * 60 * 1000

type Typed = Pick<Received, "pair" | "shortId" | "text">

/**
 * A terminal that reads lines for its program takes 4,095 bytes of one and drops the rest (Linux 6.18), and the
 * profile plain makes one line of every message: 1,000 lines of two letters become 6,995 bytes.
 */
const mostLineBytes = 3500

/**
 * The message laid out under the peer's local name; of a long one the beginning, and where the whole lies; and, for a
 * pair's first message and then at most once an hour, the line that says how to answer.
 */
export function typedText(context: Context, name: string, message: Typed, profile: ProfileName): string {
  const text = visibleText(message.text)
  if (isTooLong(text, profile)) keepInFile(context, message.shortId, fileText(name, message.shortId, text))
  const hint = isHintDue(context, message.pair) ? answerHint(message.shortId) : null
  return laidOut(context, name, message, profile, hint)
}

/** Every text that can have been typed for a message: as each profile is given it, with such a line and without. */
export function typedTexts(context: Context, name: string, message: Typed): string[] {
  return Object.values(profiles).flatMap(profile =>
    [null, ...answerHints(message.shortId)].map(hint =>
      profile.adapt(laidOut(context, name, message, profile.name, hint)),
    ),
  )
}

function laidOut(
  context: Context,
  name: string,
  { shortId, text: given }: Typed,
  profile: ProfileName,
  hint: string | null,
): string {
  const text = visibleText(given)
  const isLong = isTooLong(text, profile)
  const lines = [layOut(name, shortId, isLong ? excerpt(text) : text)]
  if (isLong) lines.push(wholeTextNote(text.length, fileOf(context, shortId)))
  if (hint !== null) lines.push(hint)
  return lines.join("\n")
}

function isTooLong(text: string, profile: ProfileName): boolean {
  const bytes = profile === "plain" ? Buffer.byteLength(profiles.plain.adapt(text)) : 0
  return text.length > mostTypedUnits || bytes > mostLineBytes
}

/** To be called once the text was typed: the hint is not due again for an hour. */
export function noteHint(context: Context, message: Typed): void {
  if (isHintDue(context, message.pair)) context.store.facts.set(`hint ${message.pair}`, context.now())
}

function isHintDue(context: Context, pair: string): boolean {
  const last = context.store.facts.get(`hint ${pair}`)
  return typeof last !== "number" || Math.abs(context.now() - last) >= hintMilliseconds
}
