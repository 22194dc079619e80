/** The messages both ways, as `sento log` and the agent's door tell them. */
import * as v from "valibot"
import { readShortId } from "../../protocol/codes.ts"
import { SentoError } from "../../protocol/errors.ts"
import { formatTimestamp } from "../../protocol/freshness.ts"
import { messageIdSchema } from "../../protocol/messages.ts"
import type { Config } from "../../store/config.ts"
import type { Inbox, Received } from "../../store/inbox.ts"
import type { Outbox, Sent } from "../../store/outbox.ts"
import type { Peers } from "../../store/peers.ts"
import type { Correspondent, Wanted } from "../../store/recent.ts"
import type { LogEntry } from "../door/results.ts"
import { listPaused, loopThereWords, pauseWords } from "./pauses.ts"
import { unknownAgent } from "./requirements.ts"
import { withdrawnWords } from "./withdrawing.ts"

type HistoryParts = {
  readonly config: Config
  readonly inbox: Pick<Inbox, "recent" | "byId" | "byShortId" | "answersTo">
  readonly outbox: Pick<Outbox, "recent" | "byId" | "byShortId" | "withId" | "answersTo">
  readonly peers: Pick<Peers, "pauses">
}

/** Which messages are wanted; null: whichever. */
export type LogWish = {
  /** Those from and to this agent. */
  readonly name: string | null
  /** Those of the conversation that this message is in: a short id, or the whole one of a message of ours. */
  readonly thread: string | null
  /** None older, in milliseconds since the epoch. */
  readonly since: number | null
  /** Those in whose text this stands, in whichever case. */
  readonly grep: string | null
  readonly way: LogEntry["direction"] | null
}

type Message =
  | { readonly direction: "in"; readonly time: number; readonly message: Received }
  | { readonly direction: "out"; readonly time: number; readonly message: Sent }

/**
 * The latest, the latest of all last, with the names of today.
 * @param most - so many, and so many of each way are looked at: one that says much hides nothing of another one
 * @param now - milliseconds since the epoch
 * @throws unknown-agent for a name that nobody has or had; unknown-message
 */
export function logOf(books: HistoryParts, wish: LogWish, most: number, now: number): LogEntry[] {
  const of = wish.name === null ? null : correspondent(books.config, wish.name)
  const found = wish.thread === null ? latest(books, wish, of, most) : inThread(books, wish.thread, wish)
  if (of !== null && found.length === 0) requireKnown(books, of)
  const tell = entriesOf(books, now)
  return found
    .reverse()
    .sort((a, b) => a.time - b.time)
    .map(tell)
    .filter(one => wish.name === null || one.name === wish.name)
    .slice(-most)
}

const received = (message: Received): Message => ({ direction: "in", time: message.receivedAt, message })
const sent = (message: Sent): Message => ({ direction: "out", time: message.createdAt, message })

/** The newest of each way first. */
function latest(
  { inbox, outbox }: HistoryParts,
  { since, grep, way }: LogWish,
  of: Correspondent | null,
  most: number,
): Message[] {
  const wanted: Wanted = { since, matches: matcher(grep) }
  return [
    ...(way === "out" ? [] : inbox.recent(most, of, wanted).map(received)),
    ...(way === "in" ? [] : outbox.recent(most, of, wanted).map(sent)),
  ]
}

/** In one spelling and one case: a name of a file is found whichever way it is composed. */
function matcher(grep: string | null): ((text: string) => boolean) | null {
  if (grep === null) return null
  const sought = folded(grep)
  return text => folded(text).includes(sought)
}

const folded = (text: string): string => text.normalize("NFC").toLowerCase()

function correspondent({ agents }: Config, name: string): Correspondent {
  const pair = Object.hasOwn(agents, name) ? (agents[name]?.id ?? null) : null
  return { name, pair, paired: Object.values(agents).map(({ id }) => id) }
}

/** @throws unknown-agent where nobody of this name is paired, or ever said or was told anything */
function requireKnown({ config, inbox, outbox }: HistoryParts, of: Correspondent): void {
  const isKnown = of.pair !== null || inbox.recent(1, of).length > 0 || outbox.recent(1, of).length > 0
  if (!isKnown) throw unknownAgent(of.name, Object.keys(config.agents))
}

/** So many messages of one conversation are followed. */
const mostInThread = 1000

/** What a message answers, what that answers, and all that answers any of them. @throws unknown-message */
function inThread(books: HistoryParts, id: string, { since, grep, way }: LogWish): Message[] {
  const matches = matcher(grep)
  const thread = new Map<string, Message>()
  const open = [rootOf(books, requireMessage(books, id))]
  for (let one = open.shift(); one !== undefined && thread.size < mostInThread; one = open.shift()) {
    if (thread.has(one.message.id)) continue
    thread.set(one.message.id, one)
    open.push(...answersTo(books, one))
  }
  return [...thread.values()]
    .reverse()
    .filter(
      ({ direction, time, message }) =>
        (way === null || way === direction) &&
        time >= (since ?? 0) &&
        (matches === null || matches(message.text)),
    )
}

/** A peer can make its messages answer each other in a circle: each is passed once. */
function rootOf(books: HistoryParts, from: Message): Message {
  const passed = new Set<string>()
  let root = from
  for (let above = answeredBy(books, root); above !== null; above = answeredBy(books, root)) {
    if (passed.has(above.message.id)) break
    passed.add(above.message.id)
    root = above
  }
  return root
}

/** What a message answers, or null. */
function answeredBy({ inbox, outbox }: HistoryParts, { direction, message }: Message): Message | null {
  const { pair, inReplyTo } = message
  if (inReplyTo === null) return null
  if (direction === "in") return orNull(outbox.byId(pair, inReplyTo), sent)
  return orNull(inbox.byId(pair, inReplyTo), received)
}

const orNull = <Row>(row: Row | null, make: (row: Row) => Message): Message | null =>
  row === null ? null : make(row)

const answersTo = ({ inbox, outbox }: HistoryParts, { direction, message }: Message): Message[] =>
  direction === "in"
    ? outbox.answersTo(message.pair, message.id).map(sent)
    : inbox.answersTo(message.pair, message.id).map(received)

/** @throws unknown-message */
function requireMessage({ inbox, outbox }: HistoryParts, id: string): Message {
  const shortId = readShortId(id)
  const known = v.is(messageIdSchema, id)
    ? orNull(outbox.withId(id), sent)
    : shortId === null
      ? null
      : (orNull(inbox.byShortId(shortId), received) ?? orNull(outbox.byShortId(shortId), sent))
  if (known !== null) return known
  throw new SentoError(
    "unknown-message",
    `no message has the id ${JSON.stringify(id.slice(0, 64))}`,
    "run `sento log` to see those that are there, each with its id in brackets",
  )
}

/** What came in has no receipts of its own. */
const noReceipt = { peerState: null, peerReason: null }

/** Tells a message under the name of today, with what is known of why it waits. */
function entriesOf(books: HistoryParts, now: number): (one: Message) => LogEntry {
  const { config } = books
  const names = new Map(Object.entries(config.agents).map(([known, peer]) => [peer.id, known]))
  const paused = pausedIn(books, now)
  return one => {
    const { direction, time, message } = one
    const { pair, id, shortId, inReplyTo, text, state, settledAt } = message
    const name = names.get(pair) ?? message.name
    const told = direction === "in" ? noReceipt : one.message
    return {
      at: formatTimestamp(time),
      direction,
      name,
      id,
      shortId,
      inReplyTo,
      inReplyToShortId: answeredBy(books, one)?.message.shortId ?? null,
      text,
      state,
      reason: direction === "in" ? heldReason(one.message, paused) : sentReason(config, names, one.message),
      peerState: told.peerState,
      peerReason: told.peerReason,
      settledAt: settledAt === null ? null : formatTimestamp(settledAt),
    }
  }
}

const heldReason = (one: Received, paused: ReadonlyMap<string, string>): string | null =>
  one.state === "waiting" && !one.isReleased ? (paused.get(one.pair) ?? null) : one.reason

/** Also how a message of ours goes on that the other side holds as one reply too many. */
function sentReason(
  { name: self }: Config,
  names: ReadonlyMap<string, string>,
  { pair, state, reason, isExposed, peerState, peerReason, hops }: Sent,
): string | null {
  if (state === "withdrawn") return withdrawnWords(isExposed)
  const name = names.get(pair)
  const isLoop = peerState === "held" && peerReason === "loop"
  return isLoop && name !== undefined ? loopThereWords(self, { name, replies: hops }) : reason
}

/** Why the messages of paused agents wait, by pair id. */
function pausedIn({ config, peers }: HistoryParts, now: number): Map<string, string> {
  const paused = listPaused(config, peers.pauses(now), new Map())
  return new Map(paused.map(one => [config.agents[one.name]?.id ?? "", `paused ${pauseWords(one)}`]))
}
