/** Pairs whose messages are kept and not typed: their owner said so, or two agents answer each other on and on. */
import { formatTimestamp, minuteWords } from "../../protocol/freshness.ts"
import type { Config, Peer } from "../../store/config.ts"
import type { Received } from "../../store/inbox.ts"
import type { Pause } from "../../store/peers.ts"
import type { NamedPeer } from "../context.ts"
import type { LoopThere, PausedAgent, PauseEnd, Resumed } from "../door/results.ts"
import type { Books } from "./pairs.ts"

/** Replies in a row that are typed where the config names no other number. */
export const defaultHopLimit = 20

/** After so long without a message beyond the usual limit, a new conversation starts with the usual limit. */
const calmMilliseconds = 60 * 60 * 1000

const usualLimit = (config: Config, peer: Peer): number => peer.hopLimit ?? config.hopLimit ?? defaultHopLimit

/**
 * Whether this message is one reply too many: its pair is paused then, and its owner told how to go on. Asked
 * when its turn comes, so that what came before it is typed.
 */
export function stopsLoop(books: Books, { name, peer }: NamedPeer, message: Received): boolean {
  const { store, log, config } = books
  const usual = usualLimit(config.current, peer)
  if (message.hops === 0) forgetExtension(books, peer.id, usual)
  if (message.hops <= Math.max(usual, store.peers.hopLimit(peer.id) ?? 0)) return false
  store.peers.pause(peer.id, { until: null, reason: "loop" })
  const words = `${name} is paused ${pauseWords({ name, until: "resume", reason: "loop" })}`
  log.write(`holding [${message.shortId}] from ${name} (${message.hops} replies in a row): ${words}`)
  books.notices.tell(`loop ${peer.id} ${message.id}`, words)
  return true
}

function forgetExtension({ store, now }: Books, pair: string, usual: number): void {
  if (store.peers.hopLimit(pair) === null) return
  const last = store.inbox.latestBeyond(pair, usual)
  if (last === null || now() - last > calmMilliseconds) store.peers.setHopLimit(pair, null)
}

/**
 * Why a message of this pair that waits is held by a pause, in words for its sender, or null where it is not.
 * @returns at most 200 characters, as a receipt's reason may have
 */
export function pauseReason({ store, now }: Pick<Books, "store" | "now">, pair: string): string | null {
  const pause = store.peers.pauseOf(pair, now())
  if (pause === null) return null
  if (pause.reason === "loop") return "too many replies in a row; the owner there must let the agents go on"
  return pause.until === null
    ? "paused by its owner"
    : `paused by its owner until ${untilWords(endOf(pause))}`
}

/** Keeps what comes from now on. @param milliseconds - how long, or null: until {@link resumePair} */
export function pausePair(books: Books, { name, peer }: NamedPeer, milliseconds: number | null): PauseEnd {
  const pause: Pause = { until: milliseconds === null ? null : books.now() + milliseconds, reason: "owner" }
  books.store.peers.pause(peer.id, pause)
  books.log.write(`paused ${name} until ${pause.until === null ? "resume" : minuteWords(pause.until)}`)
  return endOf(pause)
}

/** Lets what waits be typed; after a loop, as many replies more as a conversation may have. */
export function resumePair(books: Books, { name, peer }: NamedPeer): Resumed {
  const { store, log } = books
  const wasPaused = store.peers.pauseOf(peer.id, books.now()) !== null
  const usual = usualLimit(books.config.current, peer)
  const limit = Math.max(usual, store.peers.hopLimit(peer.id) ?? 0)
  const isBeyond = (store.inbox.waitingHops(peer.id) ?? 0) > limit
  store.now(() => {
    store.peers.resume(peer.id)
    if (!isBeyond) return
    // A peer may claim any number: what waits is the next reply, and the limit grows by what the owner allows.
    store.inbox.capHops(peer.id, limit + 1)
    store.peers.setHopLimit(peer.id, limit + 1 + usual)
  })
  log.write(`resumed ${name}${isBeyond ? `: ${usual} more replies may follow` : ""}`)
  return { wasPaused, moreReplies: isBeyond ? usual : null }
}

/** RFC 3339, or `resume`. */
export const endOf = ({ until }: Pause): PauseEnd => (until === null ? "resume" : formatTimestamp(until))

/** When a pause with an end is over, in a sentence. */
export const untilWords = (until: PauseEnd): string => minuteWords(Date.parse(until))

/** The paused ones of the paired agents. @param pauses, waiting - by pair id */
export function listPaused(
  config: Config,
  pauses: ReadonlyMap<string, Pause>,
  waiting: ReadonlyMap<string, number>,
): PausedAgent[] {
  return Object.entries(config.agents).flatMap(([name, { id }]) => {
    const pause = pauses.get(id)
    if (pause === undefined) return []
    return [{ name, until: endOf(pause), reason: pause.reason, waiting: waiting.get(id) ?? 0 }]
  })
}

/** Why an agent's messages are kept, and how to go on, for the owner here. */
export function pauseWords({ name, until, reason }: Omit<PausedAgent, "waiting">): string {
  const how = `\`sento agents resume ${name}\``
  if (reason === "loop") return `because the agents answered each other too often: until ${how}`
  return until === "resume" ? `until ${how}` : `until ${untilWords(until)}, or ${how}`
}

/** Where the other side holds our message because the agents answered each other too often, and how to go on. */
export function loopThereWords(self: string, { name, replies }: LoopThere): string {
  return `${replies} replies in a row; ${name}'s owner runs \`sento agents resume ${self}\``
}

/** The paired agents whose Guardians hold a message of ours as one reply too many. @param loops - by pair id */
export function listLoopsThere(config: Config, loops: ReadonlyMap<string, number>): LoopThere[] {
  return Object.entries(config.agents).flatMap(([name, { id }]) => {
    const replies = loops.get(id)
    return replies === undefined ? [] : [{ name, replies }]
  })
}
