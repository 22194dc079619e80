/** What is taken back of what waits: a message of ours, or a join that waits for the other owner's yes. */
import * as v from "valibot"
import { readShortId } from "../../protocol/codes.ts"
import { SentoError } from "../../protocol/errors.ts"
import { messageIdSchema } from "../../protocol/messages.ts"
import { type WithdrawalEffect, withdraw } from "../../protocol/withdrawals.ts"
import type { Sent } from "../../store/outbox.ts"
import type { PairingRequest } from "../../store/requests.ts"
import { keysOf } from "../context.ts"
import type { Withdrawn } from "../door/results.ts"
import { type Books, endPair, peerFrom } from "./pairs.ts"

/** What a running Guardian knows of a message beside what is on disk; elsewhere nobody does. */
export type Watcher = {
  /** Noted on disk as exposed when it was kept, for an attempt that has not begun yet. */
  isUntried(message: Sent): boolean
  tellWaiters(message: Sent, reason: string): void
  tryNext(pair: string): void
}

/** Where no Guardian runs: what one knew before it ended is not known. */
export const nobodyWatches: Watcher = {
  isUntried: () => false,
  tellWaiters: () => {},
  tryNext: () => {},
}

/** @see docs/RELIABILITY.md, "Taking a message back" */
export const withdrawnWords = (mayHaveArrived: boolean): string =>
  mayHaveArrived ? "it may have arrived" : "it never left this machine"

/**
 * Takes a message back that waits to be sent: by its short id, or its whole one.
 * @throws unknown-message; refused for one that does not wait any more
 */
export function withdrawMessage(books: Books, id: string, watcher: Watcher = nobodyWatches): Withdrawn {
  const message = requireSent(books, id)
  const effects = withdraw({
    state: message.state,
    isExposed: message.isExposed && !watcher.isUntried(message),
  })
  if (effects.length === 0) throw tooLate(message)
  let isInDoubt = false
  for (const effect of effects) {
    perform(books, message, watcher, effect)
    if (effect.kind === "withdraw") isInDoubt = effect.mayHaveArrived
  }
  const { id: whole, shortId, name: to } = message
  return { kind: "message", id: whole, shortId, to, mayHaveArrived: isInDoubt }
}

function perform(books: Books, message: Sent, watcher: Watcher, effect: WithdrawalEffect): void {
  const { store, log, now } = books
  switch (effect.kind) {
    case "withdraw":
      store.now(() => store.outbox.withdraw(message.seq, effect.mayHaveArrived, now()))
      log.write(`to ${message.name}: ${message.id} withdrawn: ${withdrawnWords(effect.mayHaveArrived)}`)
      return
    case "tell-waiters":
      watcher.tellWaiters(message, withdrawnWords(effect.mayHaveArrived))
      return
    case "try-next":
      watcher.tryNext(message.pair)
      return
    default:
      effect satisfies never
  }
}

/** @throws unknown-message */
function requireSent({ store }: Pick<Books, "store">, id: string): Sent {
  const shortId = readShortId(id)
  const message = v.is(messageIdSchema, id) ? store.outbox.withId(id) : sentAs(store, shortId)
  if (message !== null) return message
  const came = shortId === null ? null : store.inbox.byShortId(shortId)
  if (came !== null)
    throw new SentoError(
      "unknown-message",
      `message ${JSON.stringify(id)} came from ${came.name}: only what is sent from here can be withdrawn`,
      `one that waits to be typed: \`sento inbox drop ${came.shortId}\``,
    )
  throw new SentoError(
    "unknown-message",
    `nothing of the id ${JSON.stringify(id.slice(0, 64))} waits here`,
    "`sento log --sent` shows the ids of messages, `sento status` what else waits",
  )
}

const sentAs = ({ outbox }: Books["store"], shortId: string | null): Sent | null =>
  shortId === null ? null : outbox.byShortId(shortId)

/**
 * The join of this id that waits for the other owner's yes, or null.
 * @throws usage where a message that waits has the same id
 */
export function joinToWithdraw({ store }: Pick<Books, "store">, id: string): PairingRequest | null {
  const shortId = readShortId(id)
  const join = store.requests.waiting("joiner").find(one => one.id === shortId) ?? null
  const message = join === null ? null : sentAs(store, shortId)
  if (message === null || message.state !== "queued") return join
  throw new SentoError(
    "usage",
    `${JSON.stringify(id)} is a message to ${message.name} and a join of ${join?.name}`,
    `name the message by its whole id: \`sento cancel ${message.id}\``,
  )
}

/** No pair comes of it, whatever the other owner says; one that is stored there is told so when it asks. */
export function withdrawJoin(books: Books, request: PairingRequest): Withdrawn {
  const { id, name, localName } = request
  const peer = peerFrom(request, books.now())
  endPair(books, { name: localName, peer, keys: keysOf(peer) })
  books.store.now(() => {
    books.store.requests.settle(id, "denied", books.now())
    // It was never a pair whose end is news.
    books.store.peers.clear(localName)
  })
  books.log.write(`withdrew the join of ${name} (${id})`)
  return { kind: "join", id, name }
}

function tooLate({ state, name, shortId, peerState }: Sent): SentoError {
  const which = shortId === null ? "the message" : `[${shortId}]`
  if (state === "accepted")
    return new SentoError(
      "refused",
      `${name} has ${which} already${peerState === "held" ? ", and it waits there to be typed" : ""}: it cannot be withdrawn any more`,
      `say so to ${name}: \`sento send ${name} TEXT\``,
    )
  const how = { withdrawn: "was withdrawn already", dropped: "ended with its pair" }
  return new SentoError(
    "refused",
    `${which} to ${name} waits no more: it ${state === "withdrawn" || state === "dropped" ? how[state] : `is ${state}`}`,
    `\`sento log ${name}\` says what became of it`,
  )
}
