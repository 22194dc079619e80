/** How a pair comes to be and how it ends: config file and database, in an order that survives a crash. */
import { SentoError } from "../../protocol/errors.ts"
import { formatTimestamp } from "../../protocol/freshness.ts"
import type { Config, Peer } from "../../store/config.ts"
import { faultPoint } from "../../store/faults.ts"
import type { PairingRequest } from "../../store/requests.ts"
import { type Context, type NamedPeer, peerById, peerByName } from "../context.ts"
import type { Teller } from "../notices.ts"
import { forgetCalled } from "./called.ts"
import { forgetFiles } from "./message-files.ts"

/** What changing a pair takes: also there for a command that holds the Guardian's lock. */
export type Books = Pick<Context, "paths" | "store" | "config" | "log" | "now" | "waiters"> & {
  readonly notices: Teller
}

/** A name under which a request is to be stored. */
export type LocalName = { readonly name: string; readonly replace: boolean }

/**
 * Why a name cannot be given to another pair, or null where it is free or its owner said to replace what has it: it
 * is a paired agent's, or kept for a join that waits for the other owner's yes. Without the latter a stranger could
 * be approved under the name that is about to be somebody's, and the late yes would find the name taken.
 * @param command - what the hint adds `--as` to
 */
export function nameTaken(
  context: Pick<Context, "config" | "store">,
  { name, replace }: LocalName,
  command: string,
): SentoError | null {
  if (replace) return null
  const quoted = JSON.stringify(name)
  const keepBoth = `keep both with \`${command} --as OTHER-NAME\``
  if (peerByName(context, name) !== null)
    return new SentoError(
      "usage",
      `an agent named ${quoted} is paired already`,
      `${keepBoth}, or end the old pair with \`${command} --replace\``,
    )
  if (!isNameKept(context.store, name)) return null
  return new SentoError(
    "usage",
    `the name ${quoted} is kept for a join that waits for the other owner's yes`,
    `${keepBoth}, or give that join up with \`${command} --replace\``,
  )
}

/** Whether a join that waits for the other owner's yes is to have this name here. */
export const isNameKept = (store: Pick<Context["store"], "requests">, name: string): boolean =>
  store.requests.waiting("joiner").some(({ localName }) => localName === name)

/** @throws usage where there is a {@link nameTaken} */
export function requireFreeName(
  context: Pick<Context, "config" | "store">,
  as: LocalName,
  command: string,
): void {
  const taken = nameTaken(context, as, command)
  if (taken !== null) throw taken
}

/**
 * Finishes what a crash cut in two: settles requests whose pair was stored, and takes revoked pairs out of
 * the config, also where an old copy of it brought them back.
 */
export function reconcile(context: Context): void {
  for (const { pair } of context.store.peers.revocations())
    if (peerById(context, pair) !== null) context.config.update(config => withoutPeer(config, pair))
  const waiting = [...context.store.requests.waiting("minter"), ...context.store.requests.waiting("joiner")]
  for (const request of waiting) {
    const stored = peerById(context, request.pairId)
    if (stored !== null) context.store.requests.settle(request.id, "approved", context.now(), stored.name)
  }
}

/** @throws usage where the name is another pair's: whoever wants to replace that one ends it first */
export function withPeer(config: Config, name: string, peer: Peer): Config {
  const old = Object.hasOwn(config.agents, name) ? config.agents[name] : undefined
  if (old !== undefined && old.id !== peer.id)
    throw new SentoError(
      "usage",
      `an agent named ${JSON.stringify(name)} is paired already`,
      `end that pair first: \`sento agents remove ${name}\``,
    )
  return { ...config, agents: { ...config.agents, [name]: peer } }
}

/** The peer that a request makes. @param now - milliseconds since the epoch */
export const peerFrom = (request: PairingRequest, now: number): Peer => ({
  id: request.pairId,
  host: request.host,
  port: request.port,
  sendKey: request.sendKey,
  receiveKey: request.receiveKey,
  pairedAt: formatTimestamp(now),
  features: [...request.features],
})

const withoutPeer = (config: Config, pairId: string): Config => ({
  ...config,
  agents: Object.fromEntries(Object.entries(config.agents).filter(([, peer]) => peer.id !== pairId)),
})

/**
 * Ends a pair on our side: from here on it is refused, and nothing of it is typed. What is needed to tell the
 * other side stays in the database for {@link tellEnded}.
 */
export function endPair(books: Books, peer: NamedPeer): void {
  const { host, port, sendKey, features } = peer.peer
  dropPair(books, peer, true, JSON.stringify({ host, port, sendKey, features }))
  books.log.write(`removed ${peer.name}`)
}

/** Gives a pair another local name. @throws usage when that one is taken */
export function renamePair(context: Books, { name, peer }: NamedPeer, to: string): null {
  if (peerByName(context, to) !== null)
    throw new SentoError(
      "usage",
      `an agent named ${JSON.stringify(to)} is paired already`,
      to === name
        ? "run `sento agents` to see the names"
        : `end that pair first: \`sento agents remove ${to}\``,
    )
  if (isNameKept(context.store, to))
    throw new SentoError(
      "usage",
      `the name ${JSON.stringify(to)} is kept for a join that waits for the other owner's yes`,
      `give another one: \`sento agents rename ${name} OTHER-NAME\``,
    )
  context.config.update(config => withPeer(withoutPeer(config, peer.id), to, peer))
  context.log.write(`renamed ${name} to ${to}`)
  return null
}

/**
 * Destroys our end of the secret and drops whatever of the pair waits. The database goes first, so that a
 * crash in between leaves a revocation, which {@link reconcile} carries out.
 */
export function dropPair(
  books: Books,
  { name, peer }: NamedPeer,
  byUs: boolean,
  unpair: string | null,
): void {
  const { store, config, now, waiters } = books
  const reason = byUs ? "removed here" : `revoked by ${name}`
  store.now(() => {
    store.peers.revoke(peer.id, name, byUs, unpair, now())
    store.peers.forget(peer.id)
    store.inbox.drop(peer.id, now())
    store.outbox.drop(peer.id, reason, now())
    store.receipts.drop(peer.id)
    forgetCalled(store, peer.id)
  })
  faultPoint("after-revocation-is-kept")
  config.update(current => withoutPeer(current, peer.id))
  forgetFiles(books)
  if (!store.scrub()) books.log.write(`what sento.db-wal holds of ${name} is overwritten later`)
  waiters.endPair(peer.id, reason)
}

/** The other side ended the pair. */
export function pairEnded(books: Books, peer: NamedPeer): void {
  dropPair(books, peer, false, null)
  books.notices.tell(
    `revoked ${peer.peer.id}`,
    `${peer.name} ended the pair: nothing goes to it or comes from it any more`,
  )
  books.log.write(`revoked by ${peer.name}`)
}
