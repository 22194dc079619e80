/** How a pair comes to be and how it ends: config file and database, in an order that survives a crash. */
import * as v from "valibot"
import { SentoError } from "../protocol/errors.ts"
import { formatTimestamp } from "../protocol/freshness.ts"
import { requestLifetimeMilliseconds } from "../protocol/requests.ts"
import type { Config, Peer } from "../store/config.ts"
import { faultPoint } from "../store/faults.ts"
import type { Facts, Untold } from "../store/peers.ts"
import type { PairingRequest } from "../store/requests.ts"
import { announce, type Context, keysOf, type NamedPeer, peerById, peerByName } from "./context.ts"
import type { Sender } from "./sender.ts"
import { forgetFiles } from "./typed-text.ts"

/** What changing a pair takes: also there for a command that holds the Guardian's lock. */
export type Books = Pick<Context, "paths" | "store" | "config" | "log" | "now" | "waiters">

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

/** Joins that wait under a name which its owner has given to another one: what becomes of them is of no more use. */
export function giveUpJoins(context: Context, name: string, forRequest: string): void {
  for (const join of context.store.requests.waiting("joiner")) {
    if (join.localName !== name || join.id === forRequest) continue
    context.store.requests.settle(join.id, "denied", context.now())
    context.log.write(`gave up the join of ${join.name} (${join.id}), whose name is another one's`)
    announce(context, join, { state: "denied" })
  }
}

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
    const named = withPeer(config, as.name, peerOf(request, now))
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
  const peer = peerOf(request, context.now())
  endPair(context, { name: request.localName, peer, keys: keysOf(peer) })
  context.store.requests.settle(request.id, "denied", context.now())
  tellEnded(context, sender)
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

const lossKey = "database lost"
const lossSchema = v.number()

/**
 * Notes it where sento.db does not know pairs that the config has: it was lost, or an old copy was put back. They go
 * on with the keys of the config.
 */
export function noteLoss({ store, config, log, now }: Pick<Books, "store" | "config" | "log" | "now">): void {
  const known = new Set([
    ...store.peers.lastContacts().keys(),
    ...store.peers.revocations().map(({ pair }) => pair),
  ])
  const unknown = Object.values(config.current.agents).filter(({ id }) => !known.has(id))
  if (unknown.length === 0) return
  store.now(() => {
    for (const { id } of unknown) store.peers.add(id, null)
    store.facts.set(lossKey, now())
  })
  log.write(lossWords)
}

/** When a loss of sento.db was noted last, in milliseconds since the epoch, or null. */
export function lossOf(facts: Pick<Facts, "get">): number | null {
  const at = v.safeParse(lossSchema, facts.get(lossKey))
  return at.success ? at.output : null
}

/** What the loss of sento.db means, for the owner. */
export const lossWords =
  "sento.db was lost, or an old copy of it was put back: messages that waited in it are gone, those that came may come again, and pairs that had ended may be back (`sento agents` shows them)"

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

/** @throws usage where the name is another pair's: whoever wants to replace that one ends it first */
function withPeer(config: Config, name: string, peer: Peer): Config {
  const old = Object.hasOwn(config.agents, name) ? config.agents[name] : undefined
  if (old !== undefined && old.id !== peer.id)
    throw new SentoError(
      "usage",
      `an agent named ${JSON.stringify(name)} is paired already`,
      `end that pair first: \`sento agents remove ${name}\``,
    )
  return { ...config, agents: { ...config.agents, [name]: peer } }
}

const withoutPeer = (config: Config, pairId: string): Config => ({
  ...config,
  agents: Object.fromEntries(Object.entries(config.agents).filter(([, peer]) => peer.id !== pairId)),
})

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
 * Ends a pair on our side: from here on it is refused, and nothing of it is typed. What is needed to tell the
 * other side stays in the database for {@link tellEnded}.
 */
export function endPair(books: Books, peer: NamedPeer): void {
  const { host, port, sendKey, features } = peer.peer
  dropPair(books, peer, true, JSON.stringify({ host, port, sendKey, features }))
  books.log.write(`removed ${peer.name}`)
}

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

/** Gives a pair another local name. @throws usage when that one is taken */
export function renamePair(context: Books, { name, peer }: NamedPeer, to: string): void {
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

/**
 * Destroys our end of the secret and drops whatever of the pair waits. The database goes first, so that a
 * crash in between leaves a revocation, which {@link reconcile} carries out.
 */
function dropPair(books: Books, { name, peer }: NamedPeer, byUs: boolean, unpair: string | null): void {
  const { store, config, now, waiters } = books
  const reason = byUs ? "removed here" : `revoked by ${name}`
  store.now(() => {
    store.peers.revoke(peer.id, name, byUs, unpair, now())
    store.peers.forget(peer.id)
    store.inbox.drop(peer.id, now())
    store.outbox.drop(peer.id, reason, now())
    store.receipts.drop(peer.id)
  })
  faultPoint("after-revocation-is-kept")
  config.update(current => withoutPeer(current, peer.id))
  forgetFiles(books)
  if (!store.scrub()) books.log.write(`what sento.db-wal holds of ${name} is overwritten later`)
  waiters.endPair(peer.id, reason)
}
