/**
 * What waits to be sent: durable before `send` returns, tried again until the peer has it, in order within a
 * pair. Nothing runs and no timer is set while nothing waits.
 * @see docs/PROTOCOL.md section 4
 */
import { SentoError } from "../protocol/errors.ts"
import { formatTimestamp } from "../protocol/freshness.ts"
import type { ReceiptState, UnstampedBody } from "../protocol/messages.ts"
import { type AttemptOutcome, afterAttempt, isExpired, longestWaitMilliseconds } from "../protocol/retries.ts"
import type { Received, Sent } from "../store/messages.ts"
import type { Receipt } from "../store/receipts.ts"
import { type Context, type NamedPeer, peerById } from "./context.ts"
import type { SendResult } from "./door-requests.ts"
import { createPermits } from "./permits.ts"
import { requirePeer, requireSendable } from "./requirements.ts"
import type { Attempt, Sender } from "./sender.ts"

export type Outbox = ReturnType<typeof createOutboxWorker>

/** Attempts under way at once: a start with thousands of waiting pairs must not open as many sockets. */
const mostAttempts = 32
/** Pairs whose lanes start in one turn of the event loop, so that the doors answer meanwhile. */
const pairsInOneTurn = 16
/** How long `send` waits for the first attempt before it says that the message is queued. */
const patienceMilliseconds = 20_000
/** Longer than any wait that a peer may ask for. */
const mostWaitMilliseconds = 2 * 24 * 60 * 60 * 1000
/** After a failure of our own, such as a full disk. */
const troubleMilliseconds = 5_000

/** What `send` is told of its message first. */
type FirstWord =
  | { readonly state: "accepted" }
  | { readonly state: "queued"; readonly reason: string }
  | { readonly state: "refused"; readonly reason: string }

type Task =
  | { readonly kind: "receipt"; readonly receipt: Receipt }
  | { readonly kind: "message"; readonly message: Sent }
  | { readonly kind: "rest"; readonly milliseconds: number }

type Lane = {
  isRunning: boolean
  /** Something came while the lane ran: it looks once more. */
  isStale: boolean
  timer: ReturnType<typeof setTimeout> | null
  /** Why the oldest message waits. */
  reason: string
  /** The peer itself asked for the wait: nothing shortens it. */
  isAsked: boolean
}

export function createOutboxWorker(context: Context, sender: Sender) {
  const { store, log, now } = context
  const lanes = new Map<string, Lane>()
  const listening = new Map<number, { readonly pair: string; readonly tell: (word: FirstWord) => void }>()
  const draining = new Set<Promise<void>>()
  const permits = createPermits(mostAttempts)

  function laneOf(pair: string): Lane {
    const lane = lanes.get(pair) ?? {
      isRunning: false,
      isStale: false,
      timer: null,
      reason: "",
      isAsked: false,
    }
    lanes.set(pair, lane)
    return lane
  }

  /** Tries what waits for this pair now, unless the peer asked to be left alone for a while. */
  function hasten(pair: string): void {
    const lane = laneOf(pair)
    if (!lane.isAsked) store.outbox.hasten(pair)
    store.receipts.hasten(pair)
    run(pair, lane)
  }

  function run(pair: string, lane: Lane): void {
    lane.isStale = lane.isRunning
    if (lane.isRunning || context.stopping.aborted) return
    if (lane.timer !== null) clearTimeout(lane.timer)
    lane.timer = null
    lane.isRunning = true
    const drained = drain(pair, lane)
      .catch(error => {
        if (!context.stopping.aborted) trouble(pair, lane, error)
      })
      .finally(() => {
        lane.isRunning = false
        if (lane.isStale) run(pair, lane)
        else if (lane.timer === null) lanes.delete(pair)
        draining.delete(drained)
      })
    draining.add(drained)
  }

  async function drain(pair: string, lane: Lane): Promise<void> {
    while (!context.stopping.aborted) {
      lane.isStale = false
      const peer = peerById(context, pair)
      const task = peer === null ? null : nextTask(pair)
      if (task === null || peer === null) return
      if (task.kind === "rest") return rest(pair, lane, task.milliseconds)
      if (task.kind === "receipt") await tellReceipt(peer, task.receipt)
      else await tryMessage(peer, lane, task.message)
    }
  }

  /** Receipts go first: they are short, and do not count against the messages a minute. */
  function nextTask(pair: string): Task | null {
    const receipt = store.receipts.head(pair)
    if (receipt !== null && isDue(receipt.nextAt)) return { kind: "receipt", receipt }
    const message = store.outbox.head(pair)
    if (message !== null && isDue(message.nextAt)) return { kind: "message", message }
    const times = [receipt, message].flatMap(one => (one === null ? [] : [one.nextAt]))
    return times.length === 0 ? null : { kind: "rest", milliseconds: Math.min(...times) - now() }
  }

  /** A time far ahead comes from a clock that was wrong then, or is now. */
  const isDue = (nextAt: number): boolean => nextAt <= now() || nextAt - now() > mostWaitMilliseconds

  async function tryMessage(peer: NamedPeer, lane: Lane, message: Sent): Promise<void> {
    if (isExpired(message.createdAt, now()))
      return settle(message, "expired", lane.reason || "not delivered within 24 hours")
    const attempt = await permits.use(() => sender.tell(peer, bodyOf(message)))
    if (!context.stopping.aborted || attempt.kind === "accepted") conclude(message, lane, attempt)
  }

  async function tellReceipt(peer: NamedPeer, receipt: Receipt): Promise<void> {
    const { id, of, state, reason } = receipt
    const body = { v: 1, id, type: "receipt", of, state, ...(reason === null ? {} : { reason }) } as const
    const attempt = await permits.use(() => sender.tell(peer, body))
    if (context.stopping.aborted && attempt.kind !== "accepted") return
    const attempts = receipt.attempts + 1
    const after = afterAttempt(outcomeOf(attempt), attempts, receipt.at, now(), Math.random())
    if (after.state === "queued") store.receipts.postpone(receipt, attempts, after.nextAt)
    else store.receipts.done(receipt)
  }

  /** Waits for the head's time; whoever sent something behind it learns that it is queued. */
  function rest(pair: string, lane: Lane, milliseconds: number): void {
    for (const [seq, one] of listening)
      if (one.pair === pair) {
        listening.delete(seq)
        one.tell({ state: "queued", reason: lane.reason || "an earlier message is not through yet" })
      }
    lane.timer = setTimeout(() => run(pair, lane), Math.min(milliseconds, longestWaitMilliseconds))
    lane.timer.unref()
  }

  function conclude(head: Sent, lane: Lane, attempt: Attempt): void {
    const attempts = head.attempts + 1
    const after = afterAttempt(outcomeOf(attempt), attempts, head.createdAt, now(), Math.random())
    lane.isAsked = attempt.kind === "later"
    const reason = reasonOf(head.name, attempt)
    if (after.state === "queued") wait(head, lane, attempts, after.nextAt, reason ?? "")
    else settle(head, after.state, reason)
  }

  function wait(head: Sent, lane: Lane, attempts: number, nextAt: number, reason: string): void {
    if (reason !== lane.reason) log.write(`to ${head.name}: ${head.id} waits: ${reason}`)
    lane.reason = reason
    store.outbox.postpone(head.seq, attempts, nextAt, reason)
    tellFirst(head.seq, { state: "queued", reason })
  }

  function settle(head: Sent, state: "accepted" | "refused" | "expired", reason: string | null): void {
    store.outbox.settle(head.seq, state, reason, now())
    log.write(`to ${head.name}: ${head.id} ${state}${reason === null ? "" : ` (${reason})`}`)
    if (state === "accepted") context.waiters.tell(head.id, { kind: "state", state, reason: null })
    if (state === "accepted") tellFirst(head.seq, { state })
    else tellFirst(head.seq, { state: "refused", reason: reason ?? state })
  }

  function tellFirst(seq: number, word: FirstWord): void {
    listening.get(seq)?.tell(word)
    listening.delete(seq)
  }

  /** A full disk, say: the message is where it was, and an attempt that got through is a duplicate next time. */
  function trouble(pair: string, lane: Lane, error: unknown): void {
    log.write(`sending failed: ${(error as Error).message}`)
    lane.timer = setTimeout(() => run(pair, lane), troubleMilliseconds)
    lane.timer.unref()
  }

  function firstWord(sent: Sent): Promise<FirstWord> {
    const { promise, resolve } = Promise.withResolvers<FirstWord>()
    listening.set(sent.seq, { pair: sent.pair, tell: resolve })
    const late = setTimeout(
      () => tellFirst(sent.seq, { state: "queued", reason: "no answer yet" }),
      patienceMilliseconds,
    )
    const stop = (): void => tellFirst(sent.seq, { state: "queued", reason: "the Guardian is stopping" })
    context.stopping.addEventListener("abort", stop, { once: true })
    return promise.finally(() => {
      clearTimeout(late)
      context.stopping.removeEventListener("abort", stop)
    })
  }

  return {
    hasten,

    /** Resolves when what the last attempts brought is on disk. */
    async stopped(): Promise<void> {
      await Promise.allSettled(draining)
    },

    /** Goes on with whatever waited when the Guardian stopped; with thousands of pairs, a few in each turn. */
    async resume(): Promise<void> {
      const pairs = [...new Set([...store.outbox.pairsWaiting(), ...store.receipts.pairsWaiting()])]
      while (pairs.length > 0 && !context.stopping.aborted) {
        for (const pair of pairs.splice(0, pairsInOneTurn)) run(pair, laneOf(pair))
        await nextTurn()
      }
    },

    /** Tells a sender what becomes of its message; nothing where that says nothing new. */
    tellSender({ pair, id: of }: Received, state: ReceiptState, reason: string | null): void {
      const isNew = store.now(() => store.receipts.note(pair, of, state, reason, Bun.randomUUIDv7(), now()))
      if (isNew) run(pair, laneOf(pair))
    },

    /**
     * Keeps a message on disk, and says what its first attempt brought.
     * @param inReplyTo - the id of the message it answers, or null
     * @param onKept - told the message's id as soon as it is on disk, before anything is sent
     * @throws unknown-agent, too-long, usage; refused where the pair was revoked; failed where the peer refuses it
     */
    async send(
      to: string,
      text: string,
      inReplyTo: string | null,
      hops: number,
      onKept: (id: string) => void = () => {},
    ): Promise<SendResult> {
      const { peer } = requirePeer(context, to)
      requireSendable(text)
      const id = Bun.randomUUIDv7()
      const message = { pair: peer.id, name: to, id, text, inReplyTo, hops }
      const sent = await store.commit(() => store.outbox.keep(message, now())).catch(diskRefuses)
      onKept(id)
      const word = firstWord(sent)
      // From here on nothing may fail the call: the message is kept, and said again it would be another one.
      try {
        hasten(peer.id)
      } catch (error) {
        trouble(peer.id, laneOf(peer.id), error)
        tellFirst(sent.seq, { state: "queued", reason: "the disk refuses to write" })
      }
      const result = await word
      if (result.state === "refused")
        throw new SentoError("failed", `${to} refused the message: ${result.reason}`)
      return { id, to, status: result.state, ...(result.state === "queued" ? { reason: result.reason } : {}) }
    },
  }
}

function bodyOf(sent: Sent): UnstampedBody {
  return {
    v: 1,
    id: sent.id,
    type: "message",
    text: sent.text,
    createdAt: formatTimestamp(sent.createdAt),
    hops: sent.hops,
    ...(sent.inReplyTo === null ? {} : { inReplyTo: sent.inReplyTo }),
  }
}

const nextTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** Nothing was kept, so nothing will be sent. */
function diskRefuses(error: unknown): never {
  throw new SentoError(
    "try-later",
    `the message cannot be kept: ${(error as Error).message}`,
    "free some space on the disk that holds ~/.sento, then send again",
  )
}

function outcomeOf(attempt: Attempt): AttemptOutcome {
  return attempt.kind === "refused" || attempt.kind === "skewed" ? { kind: attempt.kind } : attempt
}

/** For the log and for whoever sent it. */
function reasonOf(name: string, attempt: Attempt): string | null {
  switch (attempt.kind) {
    case "accepted":
      return null
    case "refused":
      return attempt.detail
    case "skewed":
      return `this machine's clock is ${Math.abs(attempt.aheadSeconds)} s ${attempt.aheadSeconds > 0 ? "ahead of" : "behind"} ${name}'s; set both with \`timedatectl\``
    case "later":
    case "failed":
      return attempt.reason
  }
}
