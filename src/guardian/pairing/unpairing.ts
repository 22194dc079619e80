/** How the other side hears that a pair has ended, and how we hear it. */

import * as v from "valibot"
import type { Peer } from "../../store/config.ts"
import type { Untold } from "../../store/peers.ts"
import { dropPair } from "../books/pairs.ts"
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
 * it is told now, and once a minute at the most, because anybody may have seen its id.
 */
export function createReminder(context: Context, sender: Sender): (pair: string) => void {
  const toldAt = new Map<string, number>()
  return pair => {
    const untold = context.store.peers.untoldOf(pair)
    if (untold === null) return
    const now = context.now()
    if (Math.abs(now - (toldAt.get(pair) ?? 0)) < remindMilliseconds) return
    toldAt.set(pair, now)
    tellUntold(context, sender, untold)
  }
}

function tellUntold(context: Context, sender: Sender, { pair, name, unpair, at }: Untold): void {
  const known = v.safeParse(unpairSchema, JSON.parse(unpair))
  const isOver = context.now() - at > unpairLifetimeMilliseconds
  if (!known.success || isOver) context.store.peers.told(pair)
  else void tellOne(context, sender, formerPeer(pair, name, known.output))
}

async function tellOne(context: Context, sender: Sender, peer: NamedPeer): Promise<void> {
  const attempt = await sender.tell(peer, { v: 1, id: Bun.randomUUIDv7(), type: "unpair" })
  const hasHeard = attempt.kind === "failed" && (attempt.status === 202 || attempt.status === 403)
  context.log.write(`told ${peer.name} that the pair has ended: ${hasHeard ? "heard" : "not yet"}`)
  if (hasHeard) context.store.peers.told(peer.peer.id)
}

/** Our end of the secret is gone, so an answer cannot be checked any more; none is needed. */
function formerPeer(id: string, name: string, known: v.InferOutput<typeof unpairSchema>): NamedPeer {
  const peer: Peer = { id, ...known, receiveKey: "00".repeat(32), pairedAt: "" }
  return { name, peer, keys: keysOf(peer) }
}

/** The other side ended the pair. */
export function pairEnded(books: Context, peer: NamedPeer): void {
  dropPair(books, peer, false, null)
  books.notices.tell(
    `revoked ${peer.peer.id}`,
    `${peer.name} ended the pair: nothing goes to it or comes from it any more`,
  )
  books.log.write(`revoked by ${peer.name}`)
}
