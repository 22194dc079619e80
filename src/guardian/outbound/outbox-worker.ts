/**
 * What waits to be sent: durable before `send` returns, tried again until the peer has it, in order within a
 * pair. Nothing runs and no timer is set while nothing waits; of what waits only the time is held in memory.
 * @see docs/PROTOCOL.md section 4
 */
import { SentoError } from "../../protocol/errors.ts"
import { formatTimestamp } from "../../protocol/freshness.ts"
import { mostHops, type ReceiptState, type UnstampedBody } from "../../protocol/messages.ts"
import {
  type AfterAttempt,
  type AttemptOutcome,
  afterAttempt,
  isExpired,
  longestWaitMilliseconds,
} from "../../protocol/retries.ts"
import { shellWord } from "../../protocol/shell.ts"
import { mayHaveBrought } from "../../protocol/withdrawals.ts"
import { lockedMilliseconds } from "../../store/commits.ts"
import { isLocked } from "../../store/database.ts"
import { faultPoint } from "../../store/faults.ts"
import type { WaitingMessage } from "../../store/inbox.ts"
import type { NewMessage, Postponed, Sent } from "../../store/outbox.ts"
import type { Receipt } from "../../store/receipts-to-send.ts"
import { mostWaitingBytes } from "../../store/waiting-room.ts"
import { endOf } from "../books/pauses.ts"
import { requirePeer, requireSendable } from "../books/requirements.ts"
import { type Watcher, withdrawMessage, withdrawnWords } from "../books/withdrawing.ts"
import { type Context, type NamedPeer, peerById } from "../context.ts"
import type { SendResult, Withdrawn } from "../door/results.ts"
import { type Ended, endedError, type News } from "../waiters.ts"
import { createLanes, type Step } from "./lanes.ts"
import type { Attempt, IsWanted, Sender } from "./sender.ts"

export type OutboxWorker = ReturnType<typeof createOutboxWorker>

/** Attempts under way at once: a start with thousands of waiting pairs must not open as many sockets. */
const mostAttempts = 32
/** So many receipts go before a message. */
const mostReceiptsInRow = 10
/** How long `send` waits for the first attempt before it says that the message is queued. */
const patienceMilliseconds = 20_000
/** After a failure of our own, such as a full disk. */
const troubleMilliseconds = 5_000
/** By so much a clock may be corrected before a wait counts as one of a clock that was wrong. */
const driftMilliseconds = 10_000

/** What `send` is told of its message first. */
type FirstWord =
  | { readonly state: "accepted" }
  | { readonly state: "queued"; readonly reason: string }
  | Omit<Ended, "kind">

/** What is to be sent. */
export type Outgoing = {
  /** A UUIDv7 of the caller's, or null: the same one again is the same message. */
  readonly id: string | null
  readonly text: string
  /** The id of the message it answers, or null. */
  readonly inReplyTo: string | null
  readonly hops: number
  /** Told as soon as it is on disk, before anything is sent. */
  readonly onKept?: (sent: Sent) => void
}

type Task =
  | { readonly kind: "receipt"; readonly receipt: Receipt }
  | { readonly kind: "message"; readonly message: Sent }
  | { readonly kind: "rest"; readonly until: number; readonly reason: string | null }

type Listener = {
  readonly seq: number
  readonly pair: string
  readonly tell: (word: FirstWord) => void
}

export function createOutboxWorker(context: Context, sender: Sender) {
  const { store, log, now } = context
  const lanes = createLanes({ most: mostAttempts, now, stopping: context.stopping, step })
  const listening = new Set<Listener>()
  /** Receipts that a pair was told one after the other. */
  const receiptsInRow = new Map<string, number>()
  /** The message of each pair that was noted as exposed when it was kept, until an attempt uses that note. */
  const untried = new Map<string, number>()
  /** What kept us from writing, said once. */
  let lastTrouble: string | null = null

  /** Tries what waits for this pair now, unless the peer asked to be left alone for a while. */
  function hasten(pair: string): void {
    // Nothing waits: what is kept is woken with it.
    if (!lanes.isIdle(pair)) tryNow(pair)
  }

  function tryNow(pair: string): void {
    try {
      store.outbox.hasten(pair)
      store.receipts.hasten(pair)
      lanes.wake(pair)
    } catch (error) {
      lanes.rest(pair, trouble(pair, error).until)
    }
  }

  async function step(pair: string): Promise<Step> {
    try {
      const peer = peerById(context, pair)
      const task = peer === null ? null : nextTask(pair)
      if (task === null || peer === null) return { kind: "idle" }
      const untilFetched = task.kind === "rest" ? null : sender.untilFetched(pair)
      if (untilFetched !== null) return { kind: "rest", until: now() + untilFetched }
      if (task.kind === "rest") return rest(pair, task)
      if (task.kind === "receipt") await tellReceipt(peer, task.receipt)
      else await tryMessage(peer, task.message)
      lastTrouble = null
      return { kind: "again" }
    } catch (error) {
      return trouble(pair, error)
    }
  }

  /**
   * Receipts go first: they are short, and do not count against the messages a minute. But a pair that is fetched from
   * comes 120 times a minute at the most, and a message does not wait for hundreds of them.
   */
  function nextTask(pair: string): Task | null {
    const receipt = store.receipts.head(pair)
    const message = store.outbox.head(pair)
    const before = receiptsInRow.get(pair) ?? 0
    const isMessageDue = message !== null && isDue(message)
    if (receipt !== null && isDue(receipt) && !(isMessageDue && before >= mostReceiptsInRow)) {
      receiptsInRow.set(pair, before + 1)
      return { kind: "receipt", receipt }
    }
    receiptsInRow.delete(pair)
    if (isMessageDue) return { kind: "message", message }
    if (receipt === null && message === null) return null
    const times = [receipt, message].map(one => one?.nextAt ?? Number.POSITIVE_INFINITY)
    return { kind: "rest", until: Math.min(...times), reason: message?.reason ?? null }
  }

  /** A time further ahead than anything we set comes from a clock that was wrong then, or is now. */
  function isDue({ nextAt, askedFor }: Pick<Sent, "nextAt" | "askedFor">): boolean {
    const ahead = nextAt - now()
    return ahead <= 0 || ahead > (askedFor ?? longestWaitMilliseconds) + driftMilliseconds
  }

  async function tryMessage(peer: NamedPeer, message: Sent): Promise<void> {
    if (isExpired(message.createdAt, now()))
      return settle(message, "expired", message.reason || "not delivered within 24 hours")
    const wasExposed = message.isExposed && !isUntried(message)
    let isTried = false
    const attempt = await attemptOf(peer, bodyOf(message), async () => {
      if (!isTried && !message.isExposed) await store.commit(() => store.outbox.expose(message.seq))
      if (!store.outbox.isQueued(message.seq)) return false
      isTried = true
      forgetUntried(message)
      return true
    })
    if (isUnwanted(attempt) || (context.stopping.aborted && attempt.kind !== "accepted")) return
    await conclude(message, attempt, wasExposed || (isTried && isExposing(attempt)))
    forgetUntried(message)
  }

  const isUntried = ({ pair, seq }: Sent): boolean => untried.get(pair) === seq

  function forgetUntried(message: Sent): void {
    if (isUntried(message)) untried.delete(message.pair)
  }

  async function tellReceipt(peer: NamedPeer, receipt: Receipt): Promise<void> {
    const { id, of, state, reason } = receipt
    const body = { v: 1, id, type: "receipt", of, state, ...(reason === null ? {} : { reason }) } as const
    const attempt = await attemptOf(peer, body)
    if (isUnwanted(attempt) || (context.stopping.aborted && attempt.kind !== "accepted")) return
    const attempts = receipt.attempts + 1
    const after = afterAttempt(outcomeOf(attempt), attempts, receipt.at, now(), Math.random())
    await store.commit(() => {
      if (after.state === "queued")
        store.receipts.postpone(receipt, waitFrom(attempt, attempts, after, now()))
      else store.receipts.done(receipt)
    })
    faultPoint("after-settle")
  }

  async function attemptOf(peer: NamedPeer, body: UnstampedBody, isWanted?: IsWanted): Promise<Attempt> {
    faultPoint("before-attempt")
    const attempt = await sender.tell(peer, body, null, isWanted)
    faultPoint("after-attempt")
    return attempt
  }

  /** Waits for the head's time; whoever sent something behind it learns that it is queued. */
  function rest(pair: string, { until, reason }: Extract<Task, { kind: "rest" }>): Step {
    tellQueued(pair, reason || "an earlier message is not through yet")
    return { kind: "rest", until }
  }

  async function conclude(head: Sent, attempt: Attempt, isExposed: boolean): Promise<void> {
    const attempts = head.attempts + 1
    const after = afterAttempt(outcomeOf(attempt), attempts, head.createdAt, now(), Math.random())
    const reason = reasonOf(head.name, attempt)
    if (after.state !== "queued") return settle(head, after.state, reason)
    if (reason !== head.reason) log.write(`to ${head.name}: ${head.id} waits: ${reason}`)
    await store.commit(() =>
      store.outbox.postpone(head.seq, waitFrom(attempt, attempts, after, now()), reason ?? "", isExposed),
    )
    tellFirst(head.seq, { state: "queued", reason: reason ?? "" })
  }

  async function settle(
    head: Sent,
    state: "accepted" | "refused" | "expired",
    reason: string | null,
  ): Promise<void> {
    const isKnown = await store.commit(() => {
      if (state === "accepted" && store.outbox.prove(head.pair, head.id)) return false
      return store.outbox.settle(head.seq, state, reason, now())
    })
    faultPoint("after-settle")
    // It was withdrawn meanwhile, and whoever waited was told so.
    if (!isKnown) return
    log.write(`to ${head.name}: ${head.id} ${state}${reason === null ? "" : ` (${reason})`}`)
    const news: News =
      state === "accepted"
        ? { kind: "state", state, reason: null }
        : { kind: "ended", state, reason: reason ?? state }
    context.waiters.tell(head.pair, head.id, news)
    tellFirst(head.seq, news.kind === "ended" ? news : { state: "accepted" })
  }

  function tellFirst(seq: number, word: FirstWord): void {
    for (const one of [...listening].filter(one => one.seq === seq)) one.tell(word)
  }

  function tellQueued(pair: string, reason: string): void {
    for (const one of [...listening].filter(one => one.pair === pair)) one.tell({ state: "queued", reason })
  }

  /** A full disk, say: the message is where it was, and an attempt that got through is a duplicate next time. */
  function trouble(pair: string, error: unknown): Extract<Step, { kind: "rest" }> {
    const { message } = error as Error
    if (message !== lastTrouble && !context.stopping.aborted) log.write(`sending failed: ${message}`)
    lastTrouble = message
    tellQueued(pair, `an attempt, or what became of it, cannot be noted here: ${message}`)
    return { kind: "rest", until: now() + troubleMilliseconds }
  }

  const watcher: Watcher = {
    isUntried,
    tellWaiters({ pair, id, seq }, reason) {
      context.waiters.tell(pair, id, { kind: "ended", state: "withdrawn", reason })
      tellFirst(seq, { state: "withdrawn", reason })
    },
    tryNext: pair => lanes.wake(pair),
  }

  function firstWord(sent: Sent): Promise<FirstWord> {
    const { promise, resolve } = Promise.withResolvers<FirstWord>()
    const listener = { seq: sent.seq, pair: sent.pair, tell: resolve }
    listening.add(listener)
    const late = setTimeout(resolve, patienceMilliseconds, { state: "queued", reason: "no answer yet" })
    const stop = (): void => resolve({ state: "queued", reason: "the Guardian is stopping" })
    context.stopping.addEventListener("abort", stop, { once: true })
    const hear = (news: News): void => (news.kind === "ended" ? resolve(news) : undefined)
    const unhear = context.waiters.wait({ pair: sent.pair, id: null, hear })
    return promise.finally(() => {
      listening.delete(listener)
      unhear()
      clearTimeout(late)
      context.stopping.removeEventListener("abort", stop)
    })
  }

  /** What is kept now is dialled or handed over next, so that one commit notes both. */
  const isTriedAtOnce = (pair: string): boolean =>
    sender.isFree(pair) && store.receipts.head(pair) === null && store.outbox.head(pair) === null

  /** From here on nothing may fail the call: the message is kept. */
  function firstTried(sent: Sent): Promise<FirstWord> {
    const word = firstWord(sent)
    tryNow(sent.pair)
    return word
  }

  return {
    hasten,

    /** Looks whose time has come: for a clock that was set ahead. */
    look: lanes.look,

    /** @see withdrawMessage */
    withdraw: (id: string): Withdrawn => withdrawMessage(context, id, watcher),

    /** Whether something is to be sent to this pair, now or later. */
    hasWaiting: (pair: string): boolean =>
      store.receipts.head(pair) !== null || store.outbox.head(pair) !== null,

    /** Resolves when what the last attempts brought is on disk. */
    stopped: lanes.stopped,

    /** Goes on with whatever waited when the Guardian stopped. */
    resume(): void {
      for (const { pair, nextAt } of [...store.outbox.times(), ...store.receipts.times()])
        if (nextAt <= now() || nextAt - now() > longestWaitMilliseconds) lanes.wake(pair, false)
        else lanes.rest(pair, nextAt)
    },

    /** Tells a sender what becomes of its message; nothing where that says nothing new. */
    tellSender(
      { pair, id: of }: Omit<WaitingMessage, "seq">,
      state: ReceiptState,
      reason: string | null,
    ): void {
      const isNew = store.now(() => store.receipts.note(pair, of, state, reason, Bun.randomUUIDv7(), now()))
      if (isNew) lanes.wake(pair)
    },

    /**
     * Keeps a message on disk, and says what its first attempt brought; for one that was kept before, what became
     * of it, or what its next attempt brings.
     * @throws unknown-agent, too-long; try-later where sento.db is locked, and nothing kept; usage where the id is another message's; refused where the peer refuses it or
     * the pair has ended; timed-out where it has expired
     */
    async send(to: string, { id, text, inReplyTo, hops, onKept }: Outgoing): Promise<SendResult> {
      const { peer } = requirePeer(context, to)
      requireSendable(text)
      const message = {
        pair: peer.id,
        name: to,
        id: id ?? Bun.randomUUIDv7(),
        text,
        inReplyTo,
        // One more than the peer's own number, which it may have made up.
        hops: Math.min(hops, mostHops),
      }
      const pause = store.peers.pauseOf(peer.id, now())
      const paused = pause === null ? {} : { paused: endOf(pause) }
      faultPoint("before-outgoing-is-kept")
      const kept = await store
        .commit(() => keepOnce(context, message, isTriedAtOnce))
        .catch(error => {
          throw notKept(error, context.paths.database)
        })
      if (kept.isNew && kept.isExposed) untried.set(kept.pair, kept.seq)
      // Whatever fails from here on: it is under way, or waits for its time.
      lanes.wake(kept.pair)
      // One that was kept before may have been settled in the same commit, and its first word told to nobody.
      const sent = store.outbox.byId(kept.pair, kept.id) ?? kept
      faultPoint("after-outgoing-is-kept")
      onKept?.(sent)
      const word = settledWord(sent) ?? (await firstTried(sent))
      if (word.state !== "accepted" && word.state !== "queued") throw endedError(to, word)
      const { state: status, ...why } = word
      const waits = status === "queued" && sent.shortId !== null ? { shortId: sent.shortId } : {}
      return { id: sent.id, ...waits, to, status, ...why, ...paused }
    },
  }
}

/** The message as it is on disk, also where it was before. @throws usage where the id is another message's */
function keepOnce(
  { store, now }: Context,
  message: NewMessage,
  isTriedAtOnce: (pair: string) => boolean,
): Sent & { readonly isNew: boolean } {
  const known = store.outbox.byId(message.pair, message.id)
  if (known === null && !store.outbox.has(message.id)) {
    if (!store.outbox.hasRoom(message.pair, message.text)) throw tooMuchWaits(message.name)
    return { ...store.outbox.keep(message, now(), isTriedAtOnce(message.pair)), isNew: true }
  }
  if (known?.text === message.text && known.inReplyTo === message.inReplyTo) return { ...known, isNew: false }
  throw new SentoError(
    "usage",
    `the id ${message.id} is that of another message`,
    "choose a new one for each message, or none",
  )
}

/** Nothing was kept, as where the disk is full: not the code that says that a message waits. */
const tooMuchWaits = (to: string): SentoError =>
  new SentoError(
    "failed",
    `the message cannot be kept: ${mostWaitingBytes / 1024 / 1024} MiB of text wait for ${to} already`,
    `\`sento doctor ${to}\` says why they wait; send it again when they are through`,
  )

/** What became of a message that is settled; null while it waits. */
function settledWord({ state, reason, isExposed }: Sent): FirstWord | null {
  if (state === "queued") return null
  if (state === "withdrawn") return { state, reason: withdrawnWords(isExposed) }
  return state === "accepted" ? { state } : { state, reason: reason ?? state }
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

/** Nothing was kept, so nothing will be sent. */
function notKept(error: unknown, path: string): SentoError {
  if (error instanceof SentoError) return error
  if (isLocked(error))
    return new SentoError(
      "try-later",
      `the message was not kept: another program has had sento.db locked for ${lockedMilliseconds / 1000} s`,
      `\`fuser -v ${shellWord(path)}\` shows which; end it, then send the message again`,
    )
  return new SentoError(
    "failed",
    `the message cannot be kept: ${(error as Error).message}`,
    "free some space on the disk that holds ~/.sento, then send again",
  )
}

function outcomeOf(attempt: Attempt): AttemptOutcome {
  return attempt.kind === "refused" || attempt.kind === "skewed" ? { kind: attempt.kind } : attempt
}

const isUnwanted = (attempt: Attempt): boolean => attempt.kind === "failed" && attempt.isUnwanted === true

/** Whether an attempt without an answer may have brought its message; what the peer refused for now, it saw. */
const isExposing = (attempt: Attempt): boolean =>
  attempt.kind !== "failed" || attempt.wasCut === true || mayHaveBrought(attempt.cause)

/** When it is tried again, and whether the peer itself asked for that. */
const waitFrom = (
  attempt: Attempt,
  attempts: number,
  { nextAt }: Extract<AfterAttempt, { state: "queued" }>,
  now: number,
): Postponed => ({
  attempts,
  nextAt,
  askedFor: attempt.kind === "later" ? Math.max(attempt.retryAfterSeconds * 1000, nextAt - now) : null,
})

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
