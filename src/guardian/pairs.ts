/** How a pair comes to be and how it ends: config file and database, in an order that survives a crash. */
import { SentoError } from "../protocol/errors.ts"
import { formatTimestamp } from "../protocol/freshness.ts"
import { requestLifetimeMilliseconds } from "../protocol/requests.ts"
import type { Config, Peer } from "../store/config.ts"
import { faultPoint } from "../store/faults.ts"
import type { PairingRequest } from "../store/requests.ts"
import { type Context, type NamedPeer, peerById, peerByName } from "./context.ts"
import type { Sender } from "./sender.ts"

/** A name under which a request is to be stored. */
export type LocalName = { readonly name: string; readonly replace: boolean }

/** @throws refused when the name is another pair's and its owner did not say to replace it */
export function requireFreeName(context: Context, { name, replace }: LocalName, command: string): void {
  if (replace || peerByName(context, name) === null) return
  throw new SentoError(
    "usage",
    `an agent named ${JSON.stringify(name)} is paired already`,
    `keep both with \`${command} --as OTHER-NAME\`, or end the old pair with \`${command} --replace\``,
  )
}

/**
 * Stores the pair of a request: the config first, then the request's outcome, so that a crash in between
 * leaves a pair whose request {@link reconcile} settles.
 */
export function storePair(context: Context, request: PairingRequest, as: LocalName, sender: Sender): void {
  const old = peerByName(context, as.name)
  if (old !== null && old.peer.id !== request.pairId) removePair(context, old, sender)
  faultPoint("before-peer-is-stored")
  const now = context.now()
  const deadline = request.role === "minter" ? now + requestLifetimeMilliseconds : null
  context.store.peers.add(request.pairId, deadline)
  context.config.update(config => withPeer(config, as.name, peerOf(request, now)))
  faultPoint("after-peer-is-stored")
  context.store.requests.settle(request.id, "approved", now, as.name)
  faultPoint("after-request-is-settled")
  context.log.write(`paired with ${as.name} (${request.host}:${request.port}, ${request.verifier})`)
}

/** Settles requests whose pair was stored just before a crash. */
export function reconcile(context: Context): void {
  const waiting = [...context.store.requests.waiting("minter"), ...context.store.requests.waiting("joiner")]
  for (const request of waiting) {
    const stored = peerById(context, request.pairId)
    if (stored !== null) context.store.requests.settle(request.id, "approved", context.now(), stored.name)
  }
}

function peerOf(request: PairingRequest, now: number): Peer {
  return {
    id: request.pairId,
    host: request.host,
    port: request.port,
    sendKey: request.sendKey,
    receiveKey: request.receiveKey,
    pairedAt: formatTimestamp(now),
    features: [...request.features],
  }
}

const withPeer = (config: Config, name: string, peer: Peer): Config => ({
  ...config,
  agents: { ...config.agents, [name]: peer },
})

const withoutPeer = (config: Config, pairId: string): Config => ({
  ...config,
  agents: Object.fromEntries(Object.entries(config.agents).filter(([, peer]) => peer.id !== pairId)),
})

/** Ends a pair on our side and tells the other, once. */
export function removePair(context: Context, peer: NamedPeer, sender: Sender): void {
  dropPair(context, peer, true)
  const id = Bun.randomUUIDv7()
  sender.tell(peer, { v: 1, id, type: "unpair" }).then(attempt => {
    context.store.peers.told(peer.peer.id)
    context.log.write(`told ${peer.name} that the pair has ended: ${attempt.kind}`)
  })
}

/** Gives a pair another local name. @throws usage when that one is taken */
export function renamePair(context: Context, { name, peer }: NamedPeer, to: string): void {
  if (peerByName(context, to) !== null)
    throw new SentoError(
      "usage",
      `an agent named ${JSON.stringify(to)} is paired already`,
      to === name
        ? "run `sento agents` to see the names"
        : `end that pair first: \`sento agents remove ${to}\``,
    )
  context.config.update(config => withPeer(withoutPeer(config, peer.id), to, peer))
  context.log.write(`renamed ${name} to ${to}`)
}

/** The other side ended the pair. */
export function pairEnded(context: Context, peer: NamedPeer): void {
  dropPair(context, peer, false)
  context.log.write(`revoked by ${peer.name}`)
}

/** Destroys our end of the secret and drops whatever of the pair waits. */
function dropPair(context: Context, { name, peer }: NamedPeer, byUs: boolean): void {
  const { store } = context
  const now = context.now()
  store.now(() => {
    store.peers.revoke(peer.id, name, byUs, null, now)
    store.peers.forget(peer.id)
    store.inbox.drop(peer.id, now)
    store.outbox.drop(peer.id, now)
  })
  context.config.update(config => withoutPeer(config, peer.id))
  if (byUs) context.log.write(`removed ${name}`)
}
