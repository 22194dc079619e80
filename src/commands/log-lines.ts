/** A conversation as people read it: days, who said what to whom, and what became of it. */
import type { LogEntry } from "../guardian/door/results.ts"
import { sanitise, visibleLine, visibleText } from "../protocol/layout.ts"
import { droppedReason, reasonWords } from "../protocol/receipts.ts"
import { withdrawnTooLate } from "../store/outbox.ts"
import { clip, columnsOf, hang, wrap } from "./rows.ts"
import type { Format, Paint } from "./terminal.ts"

/** How a conversation is laid out. */
export type Page = {
  /** This agent's name. */
  readonly self: string
  /** In characters; infinite where it is no terminal that they go to. */
  readonly columns: number
  readonly paint: Paint
  /** Times of UTC, not of this machine. */
  readonly isUtc: boolean
}

/** What is said lies below its time and names. */
const indent = " ".repeat("10:00  ".length)

/** The lines of a message, without its day. */
export function messageLines(page: Page, entry: LogEntry): string[] {
  const { paint, columns } = page
  const [from, to] = entry.direction === "in" ? [entry.name, page.self] : [page.self, entry.name]
  const names = paint(entry.direction === "in" ? "green" : "cyan", `${from} → ${to}`)
  const id = entry.shortId === null ? "" : ` [${entry.shortId}]`
  const answers = entry.inReplyToShortId === null ? "" : ` re [${entry.inReplyToShortId}]`
  const fate = fateOf(entry, page.self)
  const head = `${names}${paint("dim", `${id}${answers} ·`)} ${paint(fate.format, fate.words)}`
  return [
    ...hang(`${paint("dim", timeOf(page, entry.at))}  ${head}`, columns, indent),
    ...wrap(visibleText(entry.text), columns, indent),
  ]
}

/** That something else has become of a message, at this time. @param now - RFC 3339 */
export function changeLines(page: Page, entry: LogEntry, now: string): string[] {
  const { format, words } = fateOf(entry, page.self)
  const id = entry.shortId === null ? "" : `[${entry.shortId}] `
  const way = entry.direction === "in" ? `from ${entry.name}` : `to ${entry.name}`
  const line = `${id}${way}: ${words}`
  return hang(`${page.paint("dim", timeOf(page, now))}  ${page.paint(format, line)}`, page.columns, indent)
}

/** The heading of the day of a moment, and what tells two days apart. @param at - RFC 3339 */
export function dayLine({ paint, isUtc }: Page, at: string): string {
  const date = new Date(at)
  const [day, month, year, weekday] = isUtc
    ? [date.getUTCDate(), date.getUTCMonth(), date.getUTCFullYear(), date.getUTCDay()]
    : [date.getDate(), date.getMonth(), date.getFullYear(), date.getDay()]
  const words = `${weekdays[weekday]}, ${day} ${months[month]} ${year}${isUtc ? " (UTC)" : ""}`
  return paint("bold", `── ${words} ──`)
}

const weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
const months = [
  ...["January", "February", "March", "April", "May", "June", "July", "August"],
  ...["September", "October", "November", "December"],
]

/** `10:12`. @param at - RFC 3339 */
export function timeOf({ isUtc }: Pick<Page, "isUtc">, at: string): string {
  const date = new Date(at)
  const parts = isUtc ? [date.getUTCHours(), date.getUTCMinutes()] : [date.getHours(), date.getMinutes()]
  return parts.map(part => String(part).padStart(2, "0")).join(":")
}

/** `2026-11-25`, by this machine's clock. @param at - RFC 3339 */
export function dateOf(at: string): string {
  const date = new Date(at)
  const parts = [date.getFullYear(), date.getMonth() + 1, date.getDate()]
  return parts.map(part => String(part).padStart(2, "0")).join("-")
}

type Fate = { readonly words: string; readonly format: Format }

/** What became of a message, in words that need no other ones. */
export function fateOf(entry: LogEntry, self: string): Fate {
  return entry.direction === "in" ? receivedFate(entry, self) : sentFate(entry)
}

const settled = (words: string): Fate => ({ words, format: "dim" })
const open = (words: string): Fate => ({ words, format: "yellow" })
const lost = (words: string): Fate => ({ words, format: "red" })

/** A reason of our own, which may quote a peer. */
const because = (reason: string | null): string => (reason === null ? "" : `: ${visibleLine(reason)}`)

function receivedFate({ state, reason, name }: LogEntry, self: string): Fate {
  switch (state) {
    case "waiting":
      return open(`waits to be typed${because(reason)}`)
    case "typing":
      return open(`is being typed into ${self}'s session`)
    case "delivered":
      return settled(`delivered to ${self}`)
    case "uncertain":
      return lost(`perhaps delivered to ${self}: its session does not show it`)
    case "dropped":
      return lost(
        reason === droppedReason ? "dropped here, never typed" : `dropped: the pair with ${name} ended`,
      )
    default:
      return settled(`${state}${because(reason)}`)
  }
}

function sentFate(entry: LogEntry): Fate {
  const { state, reason, name, peerState } = entry
  switch (state) {
    case "queued":
      return open(`waits to be sent${because(reason === "" ? null : reason)}`)
    case "accepted": {
      const fate = peerState === null ? settled(`${name} has it`) : toldFate(entry, peerState)
      return reason === withdrawnTooLate ? lost(`withdrawn too late: ${fate.words}`) : fate
    }
    case "refused":
      return lost(`${name} refused it${because(reason)}`)
    case "expired":
      return lost(`given up after 24 hours${because(reason)}`)
    case "dropped":
      return lost(`dropped: the pair with ${name} ended${because(reason)}`)
    case "withdrawn":
      return lost(`withdrawn: ${reason ?? ""}`)
    default:
      return settled(`${state}${because(reason)}`)
  }
}

/** What the other side said became of it. */
function toldFate({ name, reason, peerReason }: LogEntry, peerState: string): Fate {
  switch (peerState) {
    case "held":
      return open(`${name} has it, ${heldThere(name, reason, peerReason)}`)
    case "delivered":
      return settled(`typed into ${name}'s session`)
    case "uncertain":
      return lost(`${name} has it, and perhaps it was typed: ${name}'s Guardian cannot tell`)
    case "failed":
      return lost(
        `${name} had it and gave no answer${peerReason === null ? "" : `: ${reasonWords(peerReason)}`}`,
      )
    case "answered":
      return settled(`answered by ${name}`)
    case "refused":
    case "expired":
      return lost(
        peerReason === droppedReason
          ? `dropped by ${name}'s owner, never typed`
          : `${name} had it and did not type it${peerReason === null ? "" : `: ${reasonWords(peerReason)}`}`,
      )
    default:
      return settled(
        `${name}: ${visibleLine(peerState)}${peerReason === null ? "" : ` (${reasonWords(peerReason)})`}`,
      )
  }
}

const holds: Readonly<Record<string, (name: string) => string>> = {
  busy: name => `and types it when ${name}'s agent is done with its work`,
  dialog: name => `and types it when the dialog in ${name}'s session is answered`,
  draft: name => `and types it when nothing else stands in ${name}'s box`,
  "copy mode": name => `and types it when ${name}'s pane leaves copy mode`,
  "no agent": name => `and types it when an agent runs in ${name}'s session`,
  "no session": name => `and types it when ${name}'s session is there`,
  "not ready": name => `and types it when ${name}'s session can be typed into`,
  paused: name => `and types it when ${name}'s owner lets it: messages from here are paused there`,
}

function heldThere(name: string, reason: string | null, peerReason: string | null): string {
  if (peerReason === "loop") return `and types it when its owner lets the agents go on${because(reason)}`
  const words = peerReason !== null && Object.hasOwn(holds, peerReason) ? holds[peerReason] : undefined
  return words?.(name) ?? `and holds it${peerReason === null ? "" : `: ${reasonWords(peerReason)}`}`
}

/** The beginning of a text in one line of so many columns. */
export function excerptLine(text: string, columns: number): string {
  const line = visibleLine(sanitise(text)).replace(/\s+/g, " ").trim()
  if (columnsOf(line) <= columns) return line
  return columns < 3 ? "" : `${clip(line, columns - columnsOf("…")).trimEnd()}…`
}
