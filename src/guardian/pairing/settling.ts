/** What an owner's yes comes to: a pair that is stored, or one that cannot be any more. */
import { requestLifetimeMilliseconds } from "../../protocol/requests.ts"
import { faultPoint } from "../../store/faults.ts"
import type { PairingRequest } from "../../store/requests.ts"
import { endPair, type LocalName, peerFrom, withPeer } from "../books/pairs.ts"
import { announce, type Context, keysOf, peerByName } from "../context.ts"
import type { Sender } from "../outbound/sender.ts"
import { tellEnded } from "./unpairing.ts"

/**
 * Stores the pair of a request: the config first, then the request's outcome, so that a crash in between
 * leaves a pair whose request {@link reconcile} settles. A pair that has the name is ended where the owner said to
 * replace it, and otherwise nothing is stored: this is the one place where a pair gets its name.
 * @throws usage for a name that is taken
 */
export function storePair(context: Context, request: PairingRequest, as: LocalName, sender: Sender): void {
  const old = peerByName(context, as.name)
  if (as.replace) giveUpJoins(context, as.name, request.id)
  if (as.replace && old !== null && old.peer.id !== request.pairId) {
    endPair(context, old)
    tellEnded(context, sender)
  }
  faultPoint("before-peer-is-stored")
  const now = context.now()
  const deadline = request.role === "minter" ? now + requestLifetimeMilliseconds : null
  context.config.update(config => {
    const named = withPeer(config, as.name, peerFrom(request, now))
    context.store.peers.add(request.pairId, deadline)
    return named
  })
  faultPoint("after-peer-is-stored")
  context.store.requests.settle(request.id, "approved", now, as.name)
  faultPoint("after-request-is-settled")
  context.log.write(`paired with ${as.name} (${request.host}:${request.port}, ${request.verifier})`)
}

/** A yes that came for a name which is another pair's by now: nothing is stored, and the other side is told. */
export function declinePair(context: Context, request: PairingRequest, sender: Sender): void {
  const peer = peerFrom(request, context.now())
  endPair(context, { name: request.localName, peer, keys: keysOf(peer) })
  context.store.requests.settle(request.id, "denied", context.now())
  tellEnded(context, sender)
}

/** Joins that wait under a name which its owner has given to another one: what becomes of them is of no more use. */
export function giveUpJoins(context: Context, name: string, forRequest: string): void {
  for (const join of context.store.requests.waiting("joiner")) {
    if (join.localName !== name || join.id === forRequest) continue
    context.store.requests.settle(join.id, "denied", context.now())
    context.log.write(`gave up the join of ${join.name} (${join.id}), whose name is another one's`)
    announce(context, join, { state: "denied" })
  }
}
