/** `sento log [NAME] [-f]`: the messages both ways, read from sento.db; needs no Guardian. */
import type { Database } from "bun:sqlite"
import { listPaused, loopThereWords, pauseWords } from "../guardian/pauses.ts"
import { unknownAgent } from "../guardian/requirements.ts"
import { SentoError } from "../protocol/errors.ts"
import { formatTimestamp } from "../protocol/freshness.ts"
import { sanitise } from "../protocol/layout.ts"
import type { Config } from "../store/config.ts"
import { readDatabase } from "../store/database.ts"
import { createInbox, createOutbox, type Sent } from "../store/messages.ts"
import type { Paths } from "../store/paths.ts"
import { createPeers } from "../store/peers.ts"
import { needConfig } from "./home.ts"
import { print, printJson, tell } from "./terminal.ts"

export type LogOptions = { readonly json?: boolean; readonly follow?: boolean; readonly lines: string }

type Entry = {
  readonly at: string
  readonly direction: "in" | "out"
  readonly name: string
  readonly id: string
  readonly shortId: string | null
  readonly inReplyTo: string | null
  readonly text: string
  readonly state: string
  readonly reason: string | null
  /** What the other side last said became of it, and why; null before it said anything. */
  readonly peerState: string | null
  readonly peerReason: string | null
  readonly settledAt: string | null
}

/** Of all messages, so many are looked at for those of one agent. */
const mostRead = 10_000
const lookMilliseconds = 250

/** `sento log` */
export async function log(paths: Paths, name: string | null, options: LogOptions): Promise<number> {
  const most = readCount(options.lines)
  const config = needConfig(paths)
  const shown = new Map<string, string>()
  const show = (entries: readonly Entry[]): void => {
    for (const entry of entries) {
      if (shown.get(entry.id) === entry.state) continue
      shown.set(entry.id, entry.state)
      if (options.json) printJson(entry)
      else print(lineOf(entry))
    }
  }
  const all = entriesOf(paths, config, name)
  if (name !== null && all.length === 0 && !Object.hasOwn(config.agents, name))
    throw unknownAgent(name, Object.keys(config.agents))
  for (const { id, state } of all) shown.set(id, state)
  const latest = all.slice(-most)
  for (const { id } of latest) shown.delete(id)
  show(latest)
  if (all.length === 0 && !options.follow && !options.json) tell("no messages yet")
  while (options.follow) {
    await Bun.sleep(lookMilliseconds)
    show(entriesOf(paths, config, name))
  }
  return 0
}

function readCount(text: string): number {
  const count = Number(text)
  if (/^\d{1,5}$/.test(text) && count > 0) return count
  throw new SentoError("usage", `${JSON.stringify(text)} is no number of lines`, "run `sento log -n 100`")
}

/** What came in has no receipts of its own. */
const noReceipt = { peerState: null, peerReason: null }

/** Both ways, the latest last, with the names of today. */
function entriesOf(paths: Paths, config: Config, name: string | null): Entry[] {
  const database = readDatabase(paths.database)
  if (database === null) return []
  const names = new Map(Object.entries(config.agents).map(([known, peer]) => [peer.id, known]))
  const paused = pausedIn(database, config)
  const received = createInbox(database, () => new Uint8Array())
    .recent(mostRead)
    .map(one => ({
      ...one,
      direction: "in" as const,
      time: one.receivedAt,
      reason: one.state === "waiting" ? (paused.get(one.pair) ?? null) : null,
      ...noReceipt,
    }))
  const sent = createOutbox(database)
    .recent(mostRead)
    .map(one => ({ ...one, direction: "out" as const, time: one.createdAt, shortId: null }))
    .map(one => ({ ...one, reason: loopReason(config.name, names.get(one.pair), one) ?? one.reason }))
  database.close()
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

/** Why the messages of paused agents wait, by pair id. */
function pausedIn(database: Database, config: Config): Map<string, string> {
  const paused = listPaused(config, createPeers(database).pauses(Date.now()), new Map())
  return new Map(paused.map(one => [config.agents[one.name]?.id ?? "", `paused ${pauseWords(one)}`]))
}

/** How our message goes on that the other side holds as one reply too many, or null where it holds none. */
function loopReason(self: string, name: string | undefined, sent: Sent): string | null {
  const isHeld = sent.peerState === "held" && sent.peerReason === "loop"
  return isHeld && name !== undefined ? loopThereWords(self, { name, replies: sent.hops }) : null
}

/** One line, harmless to look at: what came from others is cleaned as it is for the pane. */
function lineOf({ at, direction, name, shortId, text, state, reason, peerState, peerReason }: Entry): string {
  const way = direction === "in" ? `← ${name} [${shortId}]` : `→ ${name}`
  const words = sanitise(text).trim().replaceAll("\n", "\n  ")
  const [last, why] =
    state === "accepted" && peerState !== null ? [peerState, reason ?? peerReason] : [state, reason]
  const outcome = why === null ? last : `${last}: ${sanitise(why)}`
  return `${at.slice(0, 19).replace("T", " ")}  ${way}: ${words}  (${outcome})`
}
