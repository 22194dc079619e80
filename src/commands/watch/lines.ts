/** The screen of `sento watch`, as lines for its size: pure. */
import { visibleLine } from "../../protocol/layout.ts"
import { excerptLine, fateOf, type Page, timeOf } from "../log-lines.ts"
import { clip, columnsOf, hang } from "../rows.ts"
import type { Paint } from "../terminal.ts"
import { wayCells } from "../way-words.ts"
import type { AgentView, HeldView, PeerView, QuestionView } from "./view.ts"

/** How it is laid out; `rows` infinite: all of it. */
export type Size = { readonly columns: number; readonly rows: number }

/** For what goes to no terminal. */
const plainColumns = 100

/**
 * All lines, as many as fit; what waits for its owner is told before anything else.
 * @param now - milliseconds since the epoch
 */
export function screenLines(views: readonly AgentView[], size: Size, now: number, paint: Paint): string[] {
  const columns = Number.isFinite(size.columns) ? size.columns : plainColumns
  const blocks = views.map(view => blockOf(view, columns, now, paint))
  const title = titleLine(views, columns, now, paint)
  if (!Number.isFinite(size.rows))
    return [title, ...blocks.flatMap(block => ["", ...block.head, ...block.peers])]
  const lines = fitted(blocks, size.rows - 1, columns, paint)
  return [title, ...lines].slice(0, size.rows)
}

type Block = { readonly head: readonly string[]; readonly peers: readonly string[] }

/** Each block's head, and of the room that is left for peers the same for each that has more than fits. */
function fitted(blocks: readonly Block[], rows: number, columns: number, paint: Paint): string[] {
  const heads = blocks.reduce((sum, { head }) => sum + head.length + 1, 0)
  let left = Math.max(0, rows - heads)
  let open = blocks.length
  const shares = new Map<Block, number>()
  for (const block of [...blocks].sort((a, b) => a.peers.length - b.peers.length)) {
    const share = Math.min(block.peers.length, Math.floor(left / open))
    shares.set(block, share)
    left -= share
    open -= 1
  }
  return blocks.flatMap(block => {
    const share = shares.get(block) ?? 0
    return ["", ...block.head, ...cut(block.peers, share, columns, paint)]
  })
}

/** So many lines, of which the last says how many more there are. */
function cut(lines: readonly string[], most: number, columns: number, paint: Paint): readonly string[] {
  if (lines.length <= most) return lines
  if (most === 0) return []
  const hidden = lines.length - most + 1
  return [
    ...lines.slice(0, most - 1),
    paint("dim", clip(`  … ${hidden} more lines: \`sento agents\``, columns)),
  ]
}

function titleLine(views: readonly AgentView[], columns: number, now: number, paint: Paint): string {
  const asked = views.flatMap(view => view.questions).filter(({ isAsked }) => isAsked).length
  const held = views.flatMap(view => view.held).reduce((sum, { count }) => sum + count, 0)
  const left = `sento watch · ${countWords(views.length, "agent")} · ${asked} to answer · ${held} waiting`
  const right = `${timeOf({ isUtc: false }, new Date(now).toISOString())}  q ends`
  const gap = columns - Bun.stringWidth(left) - Bun.stringWidth(right)
  return gap < 2
    ? paint("inverse", clip(left, columns))
    : paint("inverse", `${left}${" ".repeat(gap)}${right}`)
}

function blockOf(view: AgentView, columns: number, now: number, paint: Paint): Block {
  const name = paint("bold", clip(view.name, columns))
  const state = visibleLine(`${view.guardian}${view.session === "" ? "" : ` · ${view.session}`}`)
  const head = hang(`${name}  ${paint(view.isUp ? "dim" : "red", state)}`, columns, indent)
  const questions = view.questions.flatMap(one => questionLines(one, columns, paint))
  const held = view.held.flatMap(one => heldLines(one, columns, now, paint))
  const widest = Math.max(0, ...view.peers.map(({ name }) => name.length))
  const peers = view.peers.map(one => peerLine(one, { view, widest, columns, now, paint }))
  const nobody = view.isUp && peers.length === 0 ? [paint("dim", "  paired with nobody: `sento pair`")] : []
  return { head: [...head, ...questions, ...held], peers: [...peers, ...nobody] }
}

const indent = "  "

const questionLines = ({ words, command, isAsked }: QuestionView, columns: number, paint: Paint): string[] =>
  hanging(
    `${paint(isAsked ? "yellow" : "dim", `${isAsked ? "?" : "·"} ${visibleLine(words)}:`)} ${paint("bold", `\`${command}\``)}`,
    columns,
  )

function heldLines(held: HeldView, columns: number, now: number, paint: Paint): string[] {
  const { direction, name, shortId, count, since, reason } = held
  const what = `${countWords(count, "message")} ${direction === "in" ? "from" : "to"} ${name}`
  const which = shortId === null ? "" : ` [${shortId}]`
  const verb = `${count === 1 ? "waits" : "wait"} to be ${direction === "in" ? "typed" : "sent"}`
  const words = `! ${what}${which} ${verb}, for ${ageWords(since, now)}: ${visibleLine(reason)}`
  return hanging(paint("yellow", words), columns)
}

/** What does not fit into the first line stands behind its mark. */
const hanging = (words: string, columns: number): string[] => hang(indent + words, columns, indent + indent)

type PeerPage = {
  readonly view: AgentView
  /** Of the names. */
  readonly widest: number
  readonly columns: number
  readonly now: number
  readonly paint: Paint
}

/** The widest way there is in words, and the longest age. */
const wayWidth = "not seen yet".length
const ageWidth = "59 min".length

function peerLine(peer: PeerView, { view, widest, columns, now, paint }: PeerPage): string {
  const { name, away, way, lastContactAt, last } = peer
  const isAway = away !== null
  const reached = isAway ? "away" : way === null ? (view.isUp ? "not seen yet" : "") : wayCells[way]
  const age = lastContactAt === null ? "never" : ageWords(lastContactAt, now)
  const left = `${indent}${name.padEnd(widest)}  ${reached.padEnd(wayWidth)}  ${age.padStart(ageWidth)}  `
  const head = clip(left, columns)
  const painted = isAway ? paint("red", head) : head
  const room = columns - columnsOf(left)
  return last === null || room < leastWords ? painted.trimEnd() : painted + lastWords(last, view, room, paint)
}

/** With fewer columns for them, words say nothing. */
const leastWords = 8

function lastWords(last: PeerView["last"] & object, view: AgentView, columns: number, paint: Paint): string {
  const page: Pick<Page, "isUtc"> = { isUtc: false }
  const mark = `${timeOf(page, last.at)} ${last.direction === "in" ? "←" : "→"} `
  const { format } = fateOf(last, view.name)
  const text = excerptLine(last.text, columns - columnsOf(mark))
  return `${paint("dim", mark)}${format === "dim" ? text : paint(format, text)}`
}

const countWords = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`

/** `12 s`, `5 min`, `3 h`, `2 d`. @param at - RFC 3339 */
function ageWords(at: string, now: number): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(at)) / 1000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`
}
