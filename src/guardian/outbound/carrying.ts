/**
 * The holder's end of collects: requests that peers keep open here, and what goes to them in the answers. Nothing of
 * it is on disk: a crash at any point leads to a repetition, which the other side knows by its id.
 * @see docs/PROTOCOL.md section 7
 */
import type { PostAnswer } from "../../http/client.ts"
import type { WireRequest } from "../../http/listener.ts"
import {
  carriedMilliseconds,
  collectBucket,
  graceSeconds,
  onItsWayMilliseconds,
  type Seen,
  unpackAnswer,
  type Way,
  wayTo,
} from "../../protocol/collects.ts"
import { readAnswer, type SignedBytes } from "../../protocol/exchange.ts"
import { toleranceSeconds } from "../../protocol/freshness.ts"
import { secondsUntilFree } from "../../protocol/limiter.ts"
import type { AnswerContent, CarriedAnswer, MessageBody } from "../../protocol/messages.ts"
import { areLimitsLifted, faultPoint } from "../../store/faults.ts"
import type { Context, NamedPeer } from "../context.ts"

export type Carrying = ReturnType<typeof createCarrying>

/** What a collect is answered: the bytes of a request, or a word of our own. */
export type CollectReply =
  | { readonly kind: "carried"; readonly request: SignedBytes }
  | { readonly kind: "content"; readonly content: AnswerContent }

type Unreachable = Extract<PostAnswer, { kind: "unreachable" }>

/** What a request was answered, dialled or carried: `literal` is null for the latter. */
export type WireAnswer =
  | (Omit<Extract<PostAnswer, { kind: "answered" }>, "literal"> & { readonly literal: string | null })
  | Unreachable

export type Collect = Extract<MessageBody, { type: "collect" }>

/** What the connection of a collect can do. */
export type Held = Pick<WireRequest, "signal" | "allow" | "hold">

/** A carried request whose answer is to come. */
type Handed = {
  readonly signature: string
  readonly id: string
  readonly end: (answer: WireAnswer) => void
}

type Lane = {
  /** The timestamp of the latest collect: what is not later was played again, or held back on the way. */
  latest: number
  /** When collects of the last minute came. */
  times: readonly number[]
  open: ((reply: CollectReply) => void) | null
  handed: Handed | null
  /** When the latest one that is held began, and when the last one ended; null: there was none. */
  beganAt: number | null
  endedAt: number | null
  answeredDialAt: number | null
  /** Whether it has collected since it last answered a dial: what is then at its address may be a router. */
  hasCollected: boolean
}

/** How long one waits that could be told nothing, in seconds, before it collects again. */
const crowdedSeconds = 30

export type CarryingEvents = {
  /** Told of a pair that has come for what there is. */
  readonly onCollect: (pair: string) => void
  /** Whether something is to be sent to a pair. */
  readonly hasWaiting: (pair: string) => boolean
}

/** @param most - collects that may be open at once; beyond, only those for which something waits */
export function createCarrying(
  context: Pick<Context, "now" | "elapsed" | "stopping">,
  most: number,
  { onCollect, hasWaiting }: CarryingEvents,
) {
  const { now, elapsed, stopping } = context
  const lanes = new Map<string, Lane>()
  /** Told once of a collect that comes, by pair. */
  const watchers = new Map<string, Set<() => void>>()
  let open = 0

  function laneOf(pair: string): Lane {
    const lane = lanes.get(pair) ?? {
      latest: Number.NEGATIVE_INFINITY,
      times: [],
      open: null,
      handed: null,
      beganAt: null,
      endedAt: null,
      answeredDialAt: null,
      hasCollected: false,
    }
    lanes.set(pair, lane)
    return lane
  }

  /** Settles the carried request that is under way by what this collect brought, or by its bringing nothing. */
  function settle(
    lane: Lane,
    { keys }: NamedPeer,
    answer: CarriedAnswer | undefined,
  ): "answered" | "failed" | "none" {
    const { handed } = lane
    if (handed === null) return "none"
    const response = answer === undefined ? null : unpackAnswer(answer)
    if (response === null || readAnswer(keys, handed, response) === null) {
      handed.end(carriedFailure("the peer's answer did not come"))
      return "failed"
    }
    faultPoint("before-carried-answer")
    handed.end({ kind: "answered", literal: null, ...response })
    faultPoint("after-carried-answer")
    return "answered"
  }

  /** Holds a collect open until there is something for its pair, it runs out, or it is closed. */
  function holdOpen(lane: Lane, seconds: number, held: Held): Promise<CollectReply> {
    const { promise, resolve } = Promise.withResolvers<CollectReply>()
    held.allow(seconds + graceSeconds)
    const release = held.hold()
    const runOut = (): void => resolve(nothingForIt)
    const timer = setTimeout(runOut, seconds * 1000)
    held.signal.addEventListener("abort", runOut, { once: true })
    stopping.addEventListener("abort", runOut, { once: true })
    if (held.signal.aborted || stopping.aborted) runOut()
    lane.open = resolve
    open += 1
    return promise.finally(() => {
      clearTimeout(timer)
      held.signal.removeEventListener("abort", runOut)
      stopping.removeEventListener("abort", runOut)
      release()
      open -= 1
      if (lane.open === resolve) lane.open = null
      if (seconds > 0) lane.endedAt = elapsed()
    })
  }

  /** How something goes to this pair now. */
  function way(pair: string): Way {
    const lane = lanes.get(pair)
    return lane === undefined ? { kind: "dial" } : wayTo(seenOf(lane), elapsed())
  }

  function forget(pair: string): void {
    const lane = lanes.get(pair)
    lane?.handed?.end(carriedFailure("the pair has ended"))
    lane?.open?.(nothingForIt)
    lanes.delete(pair)
  }

  function wake(pair: string): void {
    const waiting = watchers.get(pair)
    watchers.delete(pair)
    for (const tell of waiting ?? []) tell()
  }

  return {
    /**
     * Whether this collect is later than all of its pair that came before; nothing else may look at one that is not.
     * What lies further ahead than any that is fresh was taken before the clock was set back, and is no measure now.
     */
    isLater(pair: string, sentAt: number): boolean {
      const latest = lanes.get(pair)?.latest ?? Number.NEGATIVE_INFINITY
      return sentAt > latest || latest > now() + toleranceSeconds * 1000
    },

    /** Takes a collect that is fresh, rightly signed and later than those before. */
    async take(from: NamedPeer, collect: Collect, sentAt: number, held: Held): Promise<CollectReply> {
      const pair = from.peer.id
      const lane = laneOf(pair)
      lane.latest = sentAt
      const wait = secondsUntilFree(collectBucket, lane.times, elapsed())
      if (wait !== null && !areLimitsLifted())
        return { kind: "content", content: { status: 429, retryAfter: wait } }
      const since = elapsed() - collectBucket.seconds * 1000
      lane.times = [...lane.times.filter(at => at > since), elapsed()]
      const others = lane.open === null ? open : open - 1
      lane.open?.({ kind: "content", content: { status: 409, error: "replaced" } })
      // The last one before it stops is not held, and says that it can be dialled.
      if (collect.waitSeconds > 0) lane.hasCollected = true
      const outcome = settle(lane, from, collect.answer)
      lane.handed = null
      if (others >= most && !hasWaiting(pair))
        return { kind: "content", content: { status: 503, retryAfter: crowdedSeconds } }
      if (collect.waitSeconds > 0) lane.beganAt = elapsed()
      const reply = holdOpen(lane, collect.waitSeconds, held)
      wake(pair)
      // What failed by this very collect waits as after any failure.
      if (outcome !== "failed") onCollect(pair)
      return named(await reply, collect.id)
    },

    way,

    /** Whether a pair comes for what there is, so that nothing of it is missed. */
    isFetching: (pair: string): boolean => way(pair).kind !== "dial",

    /** Whether it has collected since it last answered a dial. */
    hasCollected: (pair: string): boolean => lanes.get(pair)?.hasCollected ?? false,

    /**
     * Puts a request into the pair's open collect, and resolves with its answer. One at a time.
     * @param make - signs it: only now, so that nothing ages while it waits
     */
    async carry(pair: string, id: string, make: () => SignedBytes): Promise<WireAnswer> {
      const lane = laneOf(pair)
      if (lane.open === null || lane.handed !== null) return carriedFailure("the peer does not fetch now")
      const { promise, resolve } = Promise.withResolvers<WireAnswer>()
      const request = make()
      const late = (): void =>
        resolve(carriedFailure("the peer fetched what waited here, and did not answer in time", "timed-out"))
      const timer = setTimeout(late, carriedMilliseconds)
      const cut = (): void => resolve(carriedFailure("the Guardian is stopping"))
      stopping.addEventListener("abort", cut, { once: true })
      const handed = { signature: request.signature, id, end: resolve }
      lane.handed = handed
      lane.open({ kind: "carried", request })
      lane.open = null
      faultPoint("after-hand-over")
      return promise.finally(() => {
        clearTimeout(timer)
        stopping.removeEventListener("abort", cut)
        if (lane.handed === handed) lane.handed = null
      })
    },

    /** A dial was answered by the peer. */
    answeredDial(pair: string): void {
      const lane = laneOf(pair)
      lane.answeredDialAt = elapsed()
      lane.hasCollected = false
    },

    /** Calls back once when the pair's next collect comes. @returns what ends the watch */
    onNext(pair: string, tell: () => void): () => void {
      const waiting = watchers.get(pair) ?? new Set()
      watchers.set(pair, waiting.add(tell))
      return () => {
        waiting.delete(tell)
        if (waiting.size === 0 && watchers.get(pair) === waiting) watchers.delete(pair)
      }
    },

    /** The pair has ended: what it holds open is answered with this, or with nothing. */
    forget,

    /** Forgets the pairs of which nothing more is to be told. */
    tidy(isKept: (pair: string) => boolean): void {
      for (const pair of [...lanes.keys()]) if (!isKept(pair)) forget(pair)
    },
  }
}

const seenOf = ({ open, beganAt, endedAt, answeredDialAt }: Lane): Seen => ({
  isOpen: open !== null,
  endedAt,
  hasAnsweredDial:
    answeredDialAt !== null && answeredDialAt >= (beganAt ?? answeredDialAt) - onItsWayMilliseconds,
})

/** Without the id of the collect that it is for. */
const nothingForIt: CollectReply = { kind: "content", content: { status: 202, id: "", state: "accepted" } }

/** An empty answer names the collect that it is for. */
function named(reply: CollectReply, id: string): CollectReply {
  if (reply.kind === "carried" || reply.content.status !== 202) return reply
  return { kind: "content", content: { ...reply.content, id } }
}

const carriedFailure = (reason: string, cause: "timed-out" | "failed" = "failed"): Unreachable => ({
  kind: "unreachable",
  literal: null,
  cause,
  reason,
})
