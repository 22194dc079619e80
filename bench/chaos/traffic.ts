/** One direction's messages: sent through the agent's door, and what was said of each. */
import { join } from "node:path"
import { type Asked, askToSend } from "./door.ts"
import type { Random } from "./random.ts"
import type { Side } from "./side.ts"
import { sleep } from "./sleep.ts"
import { composeText, type Direction, sightings } from "./texts.ts"

export type Fate = "taken" | "refused" | "unanswered"

export type SentText = { readonly key: string; readonly text: string; fate: Fate; id: string | null }

export type Traffic = {
  readonly direction: Direction
  readonly from: Side
  readonly to: Side
  /** All that was ever said to the door, but what no Guardian heard. */
  readonly texts: readonly SentText[]
  taken(): number
  /** How often the door answered `queued` instead of `accepted`. */
  queued(): number
  timeouts(): number
  /** How often a text was said again with the same id, because the Guardian died before it answered. */
  again(): number
  /** Why the door refused, with how often. */
  readonly refusals: ReadonlyMap<string, number>
  /** Sends until `isEnough`. */
  flow(isEnough: () => boolean, signal: AbortSignal): Promise<void>
  /** Sends one. */
  send(signal: AbortSignal): Promise<void>
}

/** Messages that may be under way at once: enough to fill every queue, few enough that kills hit all stages. */
const mostUnderWay = 25
/** Sends that may wait for their answer at once: one to a peer that nobody can dial may take its 20 s. */
const mostUnanswered = 40

export function createTraffic(direction: Direction, from: Side, to: Side, random: Random): Traffic {
  const texts: SentText[] = []
  const refusals = new Map<string, number>()
  const door = join(from.home, ".sento/agent.sock")
  const counts = { next: 0, queued: 0, timeouts: 0, again: 0 }
  const taken = (): number => texts.filter(text => text.fate === "taken").length

  async function sendOne(signal: AbortSignal, isLong: boolean): Promise<void> {
    const { key, text } = composeText(direction, counts.next++, random, isLong)
    const messageId = Bun.randomUUIDv7()
    for (let wasHeard = false; ; ) {
      const asked = await askToSend(door, to.name, text, messageId)
      const hasDied = asked.kind === "unanswered" && !asked.isTimeout
      if (asked.kind !== "absent" && (!hasDied || signal.aborted)) return note(key, text, asked)
      if (hasDied) counts.again += 1
      wasHeard ||= hasDied
      if (signal.aborted && !wasHeard) return
      if (signal.aborted) return note(key, text, { kind: "unanswered", isTimeout: false })
      await sleep(20, signal)
    }
  }

  function note(key: string, text: string, asked: Exclude<Asked, { kind: "absent" }>): void {
    texts.push({ key, text, fate: asked.kind, id: asked.kind === "taken" ? asked.id : null })
    if (asked.kind === "taken" && asked.status === "queued") counts.queued += 1
    if (asked.kind === "unanswered" && asked.isTimeout) counts.timeouts += 1
    if (asked.kind === "refused") refusals.set(asked.reason, (refusals.get(asked.reason) ?? 0) + 1)
  }

  /** What was taken and not yet seen; a kill may have made one of them uncertain. */
  function underWay(): number {
    const seen = new Set(sightings(to.record(), new Map()).map(one => one.key)).size
    return taken() - seen - to.counts.killed - to.counts.diedAtPoint
  }

  async function flow(isEnough: () => boolean, signal: AbortSignal): Promise<void> {
    const asked = new Set<Promise<void>>()
    while (!signal.aborted && !isEnough()) {
      if (asked.size >= mostUnanswered || underWay() >= mostUnderWay) {
        await sleep(100, signal)
        continue
      }
      const burst = random.chance(0.1) ? random.between(2, 8) : 1
      const isLong = random.chance(from.isDiskFull() ? 0.8 : 0.03)
      for (let i = 0; i < burst; i += 1) {
        const sending = sendOne(signal, isLong).finally(() => asked.delete(sending))
        asked.add(sending)
      }
      await sleep(random.between(0, 120), signal)
    }
    await Promise.all(asked)
  }

  return {
    direction,
    from,
    to,
    texts,
    taken,
    queued: () => counts.queued,
    timeouts: () => counts.timeouts,
    again: () => counts.again,
    refusals,
    flow,
    send: signal => sendOne(signal, false),
  }
}
