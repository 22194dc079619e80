/** What becomes of what a peer has sent, once it is on disk. */

import type { MessageBody } from "../../protocol/messages.ts"
import { isDiskTrouble } from "../../store/database.ts"
import type { Received } from "../../store/inbox.ts"
import { pairEnded } from "../books/pairs.ts"
import { loopThereWords } from "../books/pauses.ts"
import type { Context, NamedPeer } from "../context.ts"
import type { Collecting } from "../outbound/collecting.ts"
import type { Moving } from "../outbound/moving.ts"
import type { OutboxWorker } from "../outbound/outbox-worker.ts"
import type { Delivery } from "./delivery.ts"
import type { Arriving, OnAdmitted } from "./receiver.ts"

export type ArrivalParts = {
  readonly outbox: OutboxWorker
  readonly delivery: Delivery
  readonly moving: Moving
  readonly collecting: Pick<Collecting, "heardFrom" | "called">
}

/** What a body that was taken sets in motion. */
export function createArrivals(context: Context, parts: ArrivalParts): OnAdmitted {
  const { outbox, delivery, moving, collecting } = parts
  return (from, body, arriving) => {
    const { id: pair } = from.peer
    collecting.heardFrom(pair)
    switch (body.type) {
      case "message":
        arrived(context, { outbox, delivery }, from, body)
        break
      case "receipt":
        toldOf(context, from, body)
        break
      case "unpair":
        pairEnded(context, from)
        return
      case "hello":
        if (heardHello(moving, collecting, from, body, arriving)) return
        break
      case "collect":
        return
    }
    // It can be reached again, then: no need to wait for the next try.
    outbox.hasten(pair)
  }
}

type Hello = Extract<MessageBody, { type: "hello" }>

/** @returns whether an address is asked first, behind which what waits is tried by itself */
function heardHello(
  moving: Moving,
  collecting: Pick<Collecting, "called">,
  from: NamedPeer,
  hello: Hello,
  { address, isCarried }: Arriving,
): boolean {
  const seen = isCarried === true ? null : address
  if (hello.callOf !== undefined && seen !== null) collecting.called(from.peer.id, hello.callOf)
  return moving.heard(from, { ...hello, seen }, hello.callBack === true ? hello.id : null)
}

/** To whoever waits for it as an answer; otherwise it is typed, now or when the pause of its pair is over. */
function arrived(
  context: Context,
  { outbox, delivery }: { outbox: OutboxWorker; delivery: Delivery },
  from: NamedPeer,
  { id, inReplyTo, text }: Extract<MessageBody, { type: "message" }>,
): void {
  const message = context.store.inbox.byId(from.peer.id, id)
  if (message === null) return
  try {
    const isTaken = inReplyTo !== undefined && giveToWaiter(context, from, message, inReplyTo, text)
    if (isTaken) outbox.tellSender(message, "delivered", null)
    else if (context.store.peers.pauseOf(from.peer.id, context.now()) === null) delivery.arrived()
    else outbox.tellSender(message, "held", "paused")
  } catch (error) {
    if (!isDiskTrouble(error)) throw error
    context.log.write(`[${message.shortId}] from ${from.name} waits: ${(error as Error).message}`)
    delivery.wake()
  }
}

/**
 * Whether a command waits for this answer and has it now. Also past the hop limit: the limit ends conversations that
 * go on by themselves, because what is typed is answered; whoever says `--wait` has asked for this one answer.
 */
function giveToWaiter(
  context: Context,
  from: NamedPeer,
  message: Received,
  inReplyTo: string,
  text: string,
): boolean {
  const { store, waiters, log, now } = context
  if (!waiters.has(from.peer.id, inReplyTo) || !store.inbox.claim(message.seq, now())) return false
  log.write(`[${message.shortId}] from ${from.name} given to the command that waits for it`)
  waiters.tell(from.peer.id, inReplyTo, { kind: "reply", shortId: message.shortId, text })
  return true
}

/** A receipt that was taken. */
function toldOf(context: Context, from: NamedPeer, body: Extract<MessageBody, { type: "receipt" }>): void {
  const sent = context.store.outbox.byId(from.peer.id, body.of)
  if (sent === null) return
  context.waiters.tell(from.peer.id, body.of, {
    kind: "state",
    state: body.state,
    reason: body.reason ?? null,
  })
  if (body.state !== "held" || body.reason !== "loop") return
  const words = loopThereWords(context.config.current.name, { name: from.name, replies: sent.hops })
  context.notices.tell(`loop there ${sent.id}`, `${from.name}'s Guardian holds our message: ${words}`)
}
