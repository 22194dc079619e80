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

/**
 * Pairs at whose address something has taken the word, or refused it, in this run. Nobody can check whether that was the
 * peer: it is dialled no more, and the key stays for those who ask.
 */
const dialled = new WeakMap<Context["store"], Set<string>>()

function dialledOf({ store }: Context): Set<string> {
  const known = dialled.get(store) ?? new Set()
  dialled.set(store, known)
  return known
}

/** Tells the other sides of pairs we ended, until something there says 202 or 403, or a day has passed. */
export function tellEnded(context: Context, sender: Sender): void {
  for (const untold of context.store.peers.untold()) tellUntold(context, sender, untold)
}

/**
 * For the pair id of every request that is refused: where we ended that pair, its other side is told so in the answer,
 * for a day, and by a request of its own, once a minute at the most, because anybody may have seen the id. The answer
 * is the same for a minute: whoever knows the id and asks first must not use it up.
 * @returns the answer, or null where there is nothing to tell
 */
export function createReminder(context: Context, sender: Sender): (pair: string) => SignedBytes | null {
  const made = new Map<string, { readonly at: number; readonly answer: SignedBytes }>()
  // In memory: anybody can have a request refused, and the disk is not asked for each.
  const ended = new Set(context.store.peers.untold().map(({ pair }) => pair))
  context.waiters.onEnd(pair => ended.add(pair))

  function answerAnew(pair: string, untold: Untold, at: number): SignedBytes | null {
    const peer = tellUntold(context, sender, untold)
    if (peer === null) return null
    const answer = sender.sign(peer, unpairing())
    made.set(pair, { at, answer })
    return answer
  }

  return pair => {
    if (!ended.has(pair)) return null
    const now = context.now()
    const last = made.get(pair)
    if (last !== undefined && Math.abs(now - last.at) < remindMilliseconds) return last.answer
    made.delete(pair)
    const untold = context.store.peers.untoldOf(pair)
    if (untold === null) ended.delete(pair)
    return untold === null ? null : answerAnew(pair, untold, now)
  }
}

const unpairing = (): UnstampedBody => ({ v: 1, id: Bun.randomUUIDv7(), type: "unpair" })

/** @returns who is to be told, or null where that is over */
function tellUntold(context: Context, sender: Sender, { pair, name, unpair, at }: Untold): NamedPeer | null {
  const known = v.safeParse(unpairSchema, JSON.parse(unpair))
  const isOver = context.now() - at > unpairLifetimeMilliseconds
  if (!known.success || isOver) {
    context.store.peers.told(pair)
    dialledOf(context).delete(pair)
    return null
  }
  const peer = formerPeer(pair, name, known.output)
  if (!dialledOf(context).has(pair))
    tellOne(context, sender, peer).catch(error =>
      context.log.write(`${name} was not told that the pair has ended: ${(error as Error).message}`),
    )
  return peer
}

async function tellOne(context: Context, sender: Sender, peer: NamedPeer): Promise<void> {
  const attempt = await sender.tell(peer, unpairing())
  const hasHeard = attempt.kind === "failed" && (attempt.status === 202 || attempt.status === 403)
  context.log.write(`told ${peer.name} that the pair has ended: ${hasHeard ? "heard" : "not yet"}`)
  if (hasHeard) dialledOf(context).add(peer.peer.id)
}

/** Our end of the secret is gone, so an answer cannot be checked any more; none is needed. */
function formerPeer(id: string, name: string, known: v.InferOutput<typeof unpairSchema>): NamedPeer {
  const peer: Peer = { id, ...known, receiveKey: "00".repeat(32), pairedAt: "" }
  return { name, peer, keys: keysOf(peer) }
}
