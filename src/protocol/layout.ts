/**
 * What of a message reaches the terminal.
 * @see docs/PROTOCOL.md section 6
 */
import { joinsToNext, joinsToPrevious, virama } from "./joining-types.ts"

/** What is typed where a message has nothing that can be seen. */
export const nothingVisible = "(no visible text)"

/**
 * The lines to type: the tag with the local name of the sender and the short id, the text behind it, and
 * every further line indented, so that none of them can start with a tag of its own.
 * @param name - the name under which this side's owner approved the pair, never one that the message brings
 */
export function layOut(name: string, shortId: string, text: string): string {
  return `← agent ${name} [${shortId}]: ${indented(visibleText(text))}`
}

/** A peer's lines behind words of ours: those after the first are indented, so that none can pass for a line of ours. */
export const indented = (text: string): string => text.replaceAll("\n", "\n  ")

/**
 * The line that says how to answer; not indented, so that no message can bring one. In double quotes the agent's shell
 * would run what stands in backticks or behind a dollar, and the peer would get other words, without an error.
 */
export const answerHint = (shortId: string): string =>
  `(to answer, run: sento reply ${shortId} - <<'EOF' and below it your answer, then EOF on a line of its own)`

/** The same as other versions say it too: it stands in sessions that run. */
export const answerHints = (shortId: string): readonly string[] => [
  answerHint(shortId),
  `(to answer, run: sento reply ${shortId} "your answer")`,
]

/** Texts above this many UTF-16 units are not typed but put into a file, and named with their beginning. */
export const mostTypedUnits = 8000

const excerptLines = 10
const excerptUnits = 500

/** What is typed in place of a long text, above {@link wholeTextNote}. @param text - as {@link visibleText} gives it */
export function excerpt(text: string): string {
  const beginning = text.split("\n").slice(0, excerptLines).join("\n").slice(0, excerptUnits)
  return `${beginning.toWellFormed()} …`
}

/** The line that says where a long text lies; not indented, as the one that says how to answer. */
export const wholeTextNote = (units: number, path: string): string =>
  `(${units} characters; the whole text is in ${path})`

/**
 * What the file of a long text holds: whose words they are, and each of their lines indented, so that none can pass
 * for a line of ours to whoever reads it. @param text - as {@link visibleText} gives it
 */
export const fileText = (name: string, shortId: string, text: string): string =>
  `What agent ${name} says in message ${shortId}, two spaces before each line:\n  ${indented(text)}\n`

/** What can be seen of a message: {@link sanitise}d, without line breaks before it and white space after it. */
export function visibleText(text: string): string {
  return sanitise(text).replace(/\s+$/, "").replace(/^\n+/, "") || nothingVisible
}

/** JSON of one line and the same value, with nothing in it that a terminal hides, turns round or obeys. */
export const visibleJson = (value: unknown): string =>
  JSON.stringify(value).replace(unseenInJson, characters =>
    Array.from({ length: characters.length }, (_, i) => escapedUnit(characters.charCodeAt(i))).join(""),
  )

const unseenInJson = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]+/gu
const escapedUnit = (unit: number): string => `\\u${unit.toString(16).padStart(4, "0")}`

/** {@link visibleText} in one line: what a peer says of a message, so that it cannot write lines of ours. */
export const visibleLine = (text: string): string => visibleText(text).replace(/\n\s*/g, " ")

/**
 * Visible text alone, each sign as it was sent (a file name in NFD is found by no other spelling): line breaks as LF,
 * tabs as four spaces, Braille's blank as one; no control, no invisible or reordering character, no lone surrogate, no
 * more than ten marks on a letter, no code point that is no character; no mention that an agent program would read as a
 * file. Applying it again changes nothing.
 */
export function sanitise(text: string): string {
  const lines = text
    .replace(/\r\n|[\r\v\f\u2028\u2029]/g, "\n")
    .replaceAll("\t", "    ")
    .replaceAll("\u2800", " ")
  return lines
    .replace(invisible, "")
    .replace(unassigned, "\ufffd")
    .replace(placedOrStray, (_, placed: string | undefined) => (placed === undefined ? "" : joined(placed)))
    .replace(heapedMarks, "$1")
    .replace(/\S+/gu, defuseMentions)
}

/** Format characters that are drawn: a number's or word's sign around it (Unicode's Prepended_Concatenation_Mark). */
const drawn = String.raw`\u0600-\u0605\u06DD\u070F\u0890\u0891\u08E2\u{110BD}\u{110CD}`
/** Whether these are part of what one sees depends on what stands about them, once all else is gone. */
const placeable = String.raw`\u200C\u200D\uFE0F`
/** Signs that Unicode calls visible and that have no ink: a note without a head, and the filler of Khitan's clusters. */
const inkless = String.raw`\u{1D159}\u{16FE4}`
/** Private use is none of these: fonts draw it, and prompts are made of it. */
const invisible = new RegExp(
  String.raw`(?![\n${drawn}${placeable}])[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}${inkless}]`,
  "gu",
)

/** One drawn emoji or several joined ones (U+200D), each with its selector (U+FE0F), which other signs do not have. */
const emojiPart = String.raw`\p{Extended_Pictographic}\p{Emoji_Modifier}?(?:(?<=\p{Emoji})\uFE0F)?`
const emoji = String.raw`${emojiPart}(?:\u200D${emojiPart})*|[0-9#*]\uFE0F\u20E3`
/**
 * Joiners that are spelling: Persian and Kurdish part letters with U+200C, Hindi and Sinhala choose the form of a
 * cluster with either (RFC 5892, appendix A.1 and A.2, "ContextJ"). Marks between are Joining_Type T. One looks back
 * from the joiner: looked back from each sign, 32,768 marks would take seconds.
 */
const nonJoiner = String.raw`\u200C(?<=[${joinsToNext}][\p{Mn}\p{Me}]*\u200C)(?=[\p{Mn}\p{Me}]*[${joinsToPrevious}])`
const behindVirama = String.raw`[\u200C\u200D](?<=[${virama}].)`
const placedOrStray = new RegExp(`(${emoji}|${nonJoiner}|${behindVirama})|[${placeable}]`, "gu")

/** Unicode's list of emoji, that of Bun 1.4.5: what is joined and not in it is drawn as signs side by side. */
const oneEmoji = /^\p{RGI_Emoji}$/v
const unselected = /(?!\p{Emoji_Presentation})\p{Extended_Pictographic}(?!\p{Emoji_Modifier})/gu

/** An emoji without its joiners where they make none of the signs, whichever selectors its writer left out. */
function joined(placed: string): string {
  if (!/^\p{Extended_Pictographic}.*\u200D/u.test(placed)) return placed
  const listed = placed.replaceAll("\uFE0F", "").replace(unselected, "$&\uFE0F")
  return oneEmoji.test(listed) ? placed : placed.replaceAll("\u200D", "")
}

/** Of what is no character nobody knows the width: programs that draw differences leave old cells on the screen. */
const unassigned = /\p{Cn}/gu

/**
 * No script puts ten marks on a letter; heaps of them hide it, and take seconds to be put in order. A joiner between
 * parts no two of them: what stands behind it is drawn on the same letter. One among those that go, goes too: the virama
 * that it belonged to may be one of them.
 */
const mark = String.raw`[\p{M}\u0E33\u0EB3][\u200C\u200D]?`
const heapedMarks = new RegExp(`((?:${mark}){10})(?:${mark})+`, "gu")

const mention = /(?<![\p{L}\p{M}\p{N}_])@/gu

/**
 * An `@` that starts a word which could be a path: Claude Code 2.1.197, Codex and OpenCode read a file named so
 * without asking (Gemini CLI is given no `@` at all: its profile). A quote after it starts a path with spaces; U+1FEF
 * is one in NFC, the only sign of these that has another spelling. One look for the last separator
 * of a word serves all its `@`s: a lookahead for each would take seconds for 32,768 of them.
 */
function defuseMentions(word: string): string {
  const end = Math.max(...["/", ".", "~", "\\"].map(separator => word.lastIndexOf(separator)))
  return word.replace(mention, (at, offset: number) =>
    offset < end || /["'`\u1fef]/.test(word.charAt(offset + 1)) ? "＠" : at,
  )
}
