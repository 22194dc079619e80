/** The messages both ways, as `sento log` and the agent's door tell them. */
import { formatTimestamp } from "../../protocol/freshness.ts"
import type { Config } from "../../store/config.ts"
import type { Inbox } from "../../store/inbox.ts"
import type { Outbox, Sent } from "../../store/outbox.ts"
import type { Peers } from "../../store/peers.ts"
import type { Correspondent } from "../../store/recent.ts"
import type { LogEntry } from "../door/results.ts"
import { listPaused, loopThereWords, pauseWords } from "./pauses.ts"

export type HistoryParts = {
  readonly config: Config
  readonly inbox: Pick<Inbox, "recent">
  readonly outbox: Pick<Outbox, "recent">
  readonly peers: Pick<Peers, "pauses">
}

/** What came in has no receipts of its own. */
const noReceipt = { peerState: null, peerReason: null }

/**
 * Both ways, the latest last, with the names of today.
 * @param name - only those from and to this agent, or null for all
 * @param most - so many of each way, so that an agent that says much hides nothing of another one
 * @param now - milliseconds since the epoch
 */
export function historyOf(books: HistoryParts, name: string | null, most: number, now: number): LogEntry[] {
  const { config } = books
  const names = new Map(Object.entries(config.agents).map(([known, peer]) => [peer.id, known]))
  const paused = pausedIn(books, now)
  const of = name === null ? null : agentNamed(config, name)
  const received = books.inbox.recent(most, of).map(one => ({
    ...one,
    direction: "in" as const,
    time: one.receivedAt,
    reason: one.state === "waiting" ? (paused.get(one.pair) ?? null) : null,
    ...noReceipt,
  }))
  const sent = books.outbox
    .recent(most, of)
    .map(one => ({ ...one, direction: "out" as const, time: one.createdAt, shortId: null }))
    .map(one => ({ ...one, reason: loopReason(config.name, names.get(one.pair), one) ?? one.reason }))
  return [...received, ...sent]
    .map(one => ({ ...one, name: names.get(one.pair) ?? one.name }))
    .filter(one => name === null || one.name === name)
    .sort((a, b) => a.time - b.time)
    .map(({ time, direction, name, id, shortId, inReplyTo, text, state, reason, settledAt, ...told }) => ({
      at: formatTimestamp(time),
      direction,
      name,
      id,
      shortId,
      inReplyTo,
      text,
      state,
      reason,
      peerState: told.peerState,
      peerReason: told.peerReason,
      settledAt: settledAt === null ? null : formatTimestamp(settledAt),
    }))
}

function agentNamed({ agents }: Config, name: string): Correspondent {
  const pair = Object.hasOwn(agents, name) ? (agents[name]?.id ?? null) : null
  return { name, pair, paired: Object.values(agents).map(({ id }) => id) }
}

/** How our message goes on that the other side holds as one reply too many, or null where it holds none. */
function loopReason(self: string, name: string | undefined, sent: Sent): string | null {
  const isHeld = sent.peerState === "held" && sent.peerReason === "loop"
  return isHeld && name !== undefined ? loopThereWords(self, { name, replies: sent.hops }) : null
}

/** Why the messages of paused agents wait, by pair id. */
function pausedIn({ config, peers }: HistoryParts, now: number): Map<string, string> {
  const paused = listPaused(config, peers.pauses(now), new Map())
  return new Map(paused.map(one => [config.agents[one.name]?.id ?? "", `paused ${pauseWords(one)}`]))
}
