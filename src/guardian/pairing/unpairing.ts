/** How the other side hears that a pair has ended, and how we hear it. */

import * as v from "valibot"
import type { SignedBytes } from "../../protocol/exchange.ts"
import type { UnstampedBody } from "../../protocol/messages.ts"
import type { Peer } from "../../store/config.ts"
import type { Untold } from "../../store/peers.ts"
import { type Context, keysOf, type NamedPeer } from "../context.ts"
import type { Sender } from "../outbound/sender.ts"

/** What is needed to tell the other side of an ended pair: the key of our direction, and where it was. */
const unpairSchema = v.object({
  host: v.string(),
  port: v.number(),
  sendKey: v.string(),
  features: v.array(v.string()),
})

/** How long we go on telling. */
const unpairLifetimeMilliseconds = 24 * 60 * 60 * 1000
const remindMilliseconds = 60 * 1000

/** Tells the other sides of pairs we ended, until one says 202 or 403, or a day has passed. */
export function tellEnded(context: Context, sender: Sender): void {
  for (const untold of context.store.peers.untold()) tellUntold(context, sender, untold)
}

/**
 * For the pair id of every request that is refused: where we ended that pair and the other side has not heard of it,
 * it is told now, in the answer and by a request of its own, and once a minute at the most, because anybody may have
 * seen its id.
 * @returns the answer, or null where there is nothing to tell
 */
export function createReminder(context: Context, sender: Sender): (pair: string) => SignedBytes | null {
  const toldAt = new Map<string, number>()
  // In memory: anybody can have a request refused, and the disk is not asked for each.
  const ended = new Set(context.store.peers.untold().map(({ pair }) => pair))
  context.waiters.onEnd(pair => ended.add(pair))
  return pair => {
    const untold = ended.has(pair) ? context.store.peers.untoldOf(pair) : null
    if (untold === null) {
      ended.delete(pair)
      return null
    }
    const now = context.now()
    if (Math.abs(now - (toldAt.get(pair) ?? 0)) < remindMilliseconds) return null
    toldAt.set(pair, now)
    const peer = tellUntold(context, sender, untold)
    return peer === null ? null : sender.sign(peer, unpairing())
  }
}

const unpairing = (): UnstampedBody => ({ v: 1, id: Bun.randomUUIDv7(), type: "unpair" })

/** @returns whom it tells, or null where that is over */
function tellUntold(context: Context, sender: Sender, { pair, name, unpair, at }: Untold): NamedPeer | null {
  const known = v.safeParse(unpairSchema, JSON.parse(unpair))
  const isOver = context.now() - at > unpairLifetimeMilliseconds
  if (!known.success || isOver) {
    context.store.peers.told(pair)
    return null
  }
  const peer = formerPeer(pair, name, known.output)
  void tellOne(context, sender, peer)
  return peer
}

async function tellOne(context: Context, sender: Sender, peer: NamedPeer): Promise<void> {
  const attempt = await sender.tell(peer, unpairing())
  const hasHeard = attempt.kind === "failed" && (attempt.status === 202 || attempt.status === 403)
  context.log.write(`told ${peer.name} that the pair has ended: ${hasHeard ? "heard" : "not yet"}`)
  if (hasHeard) context.store.peers.told(peer.peer.id)
}

/** Our end of the secret is gone, so an answer cannot be checked any more; none is needed. */
function formerPeer(id: string, name: string, known: v.InferOutput<typeof unpairSchema>): NamedPeer {
  const peer: Peer = { id, ...known, receiveKey: "00".repeat(32), pairedAt: "" }
  return { name, peer, keys: keysOf(peer) }
}
