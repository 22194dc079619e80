/** Signed requests to peers, one attempt each, in order within a pair. */
import { type PostAnswer, post } from "../../http/client.ts"
import { isLoopback } from "../../protocol/addresses.ts"
import { type Way as CarriedWay, holdsRequest } from "../../protocol/collects.ts"
import { readAnswer, type SignedBytes, signRequest } from "../../protocol/exchange.ts"
import { readTimestamp } from "../../protocol/freshness.ts"
import { visibleLine } from "../../protocol/layout.ts"
import { type Answer, messagesPath, type UnstampedBody } from "../../protocol/messages.ts"
import { isSamePlace, strangerReason } from "../../protocol/moving.ts"
import { saltLength, sealingCoding } from "../../protocol/sealing.ts"
import type { Peer } from "../../store/config.ts"
import { type Context, type NamedPeer, peerById } from "../context.ts"
import { sleep } from "../sleep.ts"
import type { Carrying, WireAnswer } from "./carrying.ts"

/** What one attempt brought: the peer's own word, and the IP literal at which it gave it, or null where it was fetched. */
export type Attempt =
  | (Word & { readonly literal: string | null })
  /** `status`: what answered there, though not rightly signed, or null. */
  | {
      readonly kind: "failed"
      readonly reason: string
      readonly status: number | null
      /** Why nothing answered, or null where something did. */
      readonly cause: Extract<PostAnswer, { kind: "unreachable" }>["cause"] | null
      /** What an answer asked for that was not rightly signed. */
      readonly retryAfterSeconds: number | null
      /** The peer's name led where the peer never was. */
      readonly isElsewhere?: boolean
      /** A dial before it was cut, which may have brought it. */
      readonly wasCut?: boolean
      /** It was not to go any more when its turn came: says nothing of the peer. */
      readonly isUnwanted?: boolean
    }

type Word =
  /** `isMissed`: something waits there for us, and could not be brought. */
  | { readonly kind: "accepted"; readonly isMissed: boolean }
  | { readonly kind: "refused"; readonly detail: string }
  | { readonly kind: "skewed"; readonly aheadSeconds: number }
  | { readonly kind: "later"; readonly retryAfterSeconds: number; readonly reason: string }

const attemptMilliseconds = 15_000

type Answered = Extract<WireAnswer, { kind: "answered" }>

export type Sender = ReturnType<typeof createSender>

export type Failure = Extract<Attempt, { kind: "failed" }>

export type SenderEvents = {
  /** Told of every attempt that no answer of the peer's came to. */
  readonly onFailed: (pair: string, attempt: Failure) => void
  /** Told where a peer was when it gave an answer: at the address that `to` holds, at this IP literal. */
  readonly onReached: (to: NamedPeer, literal: string) => void
  /** Told of every answer of the peer's, dialled or carried. */
  readonly onAnswered: (pair: string) => void
  /** The peer says that something waits for us, and that it could not bring it. */
  readonly onMissed: (pair: string) => void
  /** A request of the peer's came in an answer of its own accord: that the pair has ended. */
  readonly onCarried: (response: Answered) => Promise<unknown>
}

/**
 * A way to a peer that a hello tells of: it is dialled at this IP literal, whatever its name leads to by then, and `from`
 * is said there alone. Null: where its host leads.
 */
export type Way = { readonly literal: string | null; readonly from: string }

/** Asked just before each time that a request is dialled or handed over: whether it is still to go. */
export type IsWanted = () => Promise<boolean>

/** How a request goes: as the pair is to be reached now, or dialled in any case. */
type Route = "any" | "dial"

export function createSender(context: Context, carrying: Carrying, events: SenderEvents) {
  const { onFailed, onReached, onAnswered, onMissed } = events
  const inOrder = new Map<string, Promise<unknown>>()
  /** Pairs to which the last attempt brought nothing, also one of the Guardian before. */
  const unreached = new Set(context.store.outbox.unreached())

  /** Behind whatever this pair is already being told. */
  function queue<Value>(pair: string, task: () => Promise<Value>): Promise<Value> {
    const before = inOrder.get(pair) ?? Promise.resolve()
    const mine = before.then(task, task)
    inOrder.set(pair, mine)
    const tidy = (): void => {
      if (inOrder.get(pair) === mine) inOrder.delete(pair)
    }
    mine.then(tidy, tidy)
    return mine
  }

  async function attempt(
    to: NamedPeer,
    body: UnstampedBody,
    route: Route,
    milliseconds = attemptMilliseconds,
    over: Way | null = null,
    isWanted: IsWanted = async () => true,
  ): Promise<Attempt> {
    const parts = { context, carrying, events, over, isWanted }
    const made = await attemptOnce(parts, to, body, route, milliseconds)
    if (made.kind !== "failed") onAnswered(to.peer.id)
    if (made.kind !== "failed" && made.literal !== null) onReached(to, made.literal)
    if (made.kind === "accepted" && made.isMissed) onMissed(to.peer.id)
    return made
  }

  function fail(pair: string, made: Failure): void {
    if (!carrying.isFetching(pair)) unreached.add(pair)
    onFailed(pair, made)
  }

  return {
    /** The pair has ended. */
    forget: (pair: string): void => void unreached.delete(pair),

    /** Resolves when every attempt under way has ended; those of a Guardian that stops are cut. */
    async stopped(): Promise<void> {
      await Promise.allSettled(inOrder.values())
    },

    /**
     * Tells a peer something, once, and nothing but its end where the pair has ended meanwhile. Rejects with what
     * `isWanted` threw.
     * @param over - where it is a hello that tells of its way
     */
    tell: (
      to: NamedPeer,
      body: UnstampedBody,
      over: Way | null = null,
      isWanted: IsWanted = async () => body.type === "unpair" || peerById(context, to.peer.id) !== null,
    ): Promise<Attempt> =>
      queue(to.peer.id, async () => {
        const made = await attempt(to, body, "any", attemptMilliseconds, over, isWanted)
        if (made.kind !== "failed") unreached.delete(to.peer.id)
        else if (made.isUnwanted !== true) fail(to.peer.id, made)
        return made
      }),

    /** Whether what this pair is told now goes at once. */
    isFree: (pair: string): boolean => !inOrder.has(pair) && carrying.way(pair).kind !== "wait",

    /**
     * One attempt beside whatever else the pair is told, dialled at the address that `to` holds; whoever asks sees to
     * its end.
     */
    ask: (to: NamedPeer, body: UnstampedBody, milliseconds?: number): Promise<Attempt> =>
      attempt(to, body, "dial", milliseconds),

    /** A request to this peer, for whoever brings it. */
    sign: (to: NamedPeer, body: UnstampedBody): SignedBytes => signedFor(context, to, body),

    /** Milliseconds for which a pair is waited for that comes for what there is; null where it is to be tried now. */
    untilFetched(pair: string): number | null {
      const way = carrying.way(pair)
      return way.kind === "wait" ? way.until - context.elapsed() : null
    },

    /** Whether the last attempt to bring this pair something failed, and it does not come for it. */
    hasMissed: (pair: string): boolean => unreached.has(pair) && !carrying.isFetching(pair),

    /** An attempt of another kind than those here failed, or was answered. */
    noteFailure: onFailed,
    noteReached: onReached,
  }
}

type Parts = {
  readonly context: Context
  readonly carrying: Carrying
  readonly events: Pick<SenderEvents, "onCarried">
  readonly over: Way | null
  readonly isWanted: IsWanted
}

/** One signed request and its checked answer: put into what the peer has open, or dialled. */
async function attemptOnce(
  parts: Parts,
  to: NamedPeer,
  body: UnstampedBody,
  route: Route,
  milliseconds: number,
): Promise<Attempt> {
  const { context, carrying } = parts
  const pair = to.peer.id
  const deadline = context.elapsed() + milliseconds
  let wasCut = false
  const ended = (made: Attempt): Attempt => (wasCut && made.kind === "failed" ? { ...made, wasCut } : made)
  const wayNow = (): CarriedWay => (route === "dial" ? { kind: "dial" } : carrying.way(pair))
  while (!context.stopping.aborted) {
    const before = wayNow()
    if (before.kind === "wait") {
      if (await isFetchedBefore(parts, pair, Math.min(before.until, deadline))) continue
      return ended(notFetchedBy(to))
    }
    if (!(await parts.isWanted())) return ended(unwantedAt(to))
    // A collect may have come or gone while that was asked.
    const way = wayNow()
    if (way.kind === "carry") return ended(await carryOnce(parts, to, body))
    if (way.kind === "wait") continue
    const made = await dialOnce(parts, to, body, route, milliseconds)
    if (made !== null) return ended(made)
    wasCut = true
  }
  return ended({ ...notFetchedBy(to), reason: "the Guardian is stopping" })
}

const notFetchedBy = ({ name }: NamedPeer): Failure => ({
  kind: "failed",
  reason: `${name} has not come for what waits here yet`,
  status: null,
  cause: "timed-out",
  retryAfterSeconds: null,
})

const unwantedAt = (to: NamedPeer): Failure => ({
  ...notFetchedBy(to),
  reason: `the pair with ${to.name} has ended`,
  cause: null,
  isUnwanted: true,
})

/** Waits for the pair's next collect. @param until - by the clock that nobody sets */
async function isFetchedBefore({ context, carrying }: Parts, pair: string, until: number): Promise<boolean> {
  const coming = new AbortController()
  const unwatch = carrying.onNext(pair, () => coming.abort())
  const signal = AbortSignal.any([coming.signal, context.stopping])
  await sleep(Math.max(0, until - context.elapsed()), signal).finally(unwatch)
  return coming.signal.aborted
}

async function carryOnce(parts: Parts, to: NamedPeer, body: UnstampedBody): Promise<Attempt> {
  let signature = ""
  const answer = await parts.carrying.carry(to.peer.id, body.id, () => {
    const request = signedFor(parts.context, to, body)
    signature = request.signature
    return request
  })
  return answer.kind === "unreachable"
    ? failureOf(answer)
    : readAttempt(parts, to, { signature, id: body.id }, answer)
}

function signedFor(context: Context, to: NamedPeer, body: UnstampedBody): SignedBytes {
  const salt = to.peer.features.includes(sealingCoding) ? context.random(saltLength) : null
  return signRequest(to.peer.id, to.keys, body, context.now(), salt)
}

/** Null where the pair came for it meanwhile: what was dialled may have arrived, and is a repetition then. */
async function dialOnce(
  parts: Parts,
  to: NamedPeer,
  body: UnstampedBody,
  route: Route,
  timeoutMilliseconds: number,
): Promise<Attempt | null> {
  const coming = new AbortController()
  const unwatch = route === "dial" ? () => {} : parts.carrying.onNext(to.peer.id, () => coming.abort())
  return dialUntil(parts, to, body, timeoutMilliseconds, coming.signal).finally(unwatch)
}

async function dialUntil(
  parts: Parts,
  to: NamedPeer,
  body: UnstampedBody,
  timeoutMilliseconds: number,
  coming: AbortSignal,
): Promise<Attempt | null> {
  const { context, carrying, over } = parts
  const began = performance.now()
  const signal = AbortSignal.any([context.stopping, coming])
  const { id } = body
  let isWanted = true
  const request = signedFor(
    context,
    to,
    over !== null && body.type === "hello" ? { ...body, from: over.from } : body,
  )
  const answer = await post(to.peer.host, to.peer.port, messagesPath, {
    headers: request.headers,
    body: request.body,
    timeoutMilliseconds,
    signal,
    isWanted: async () => {
      isWanted = await parts.isWanted()
      return isWanted
    },
    ...(over === null || over.literal === null ? {} : { literal: over.literal }),
  })
  if (!isWanted) return unwantedAt(to)
  if (answer.kind === "unreachable" && coming.aborted) return null
  const made =
    answer.kind === "unreachable"
      ? failureOf(answer)
      : await readAttempt(parts, to, { signature: request.signature, id }, answer)
  if (made.kind !== "failed") carrying.answeredDial(to.peer.id)
  if (made.kind !== "failed" || !isElsewhere(to.peer, answer.literal)) return made
  // A collect that comes ends this as it cuts a dial: no sooner and no later where that address is silent.
  await sleep(began + timeoutMilliseconds - performance.now(), signal)
  return coming.aborted ? null : { ...made, isElsewhere: true }
}

/**
 * Whether a name leads where the peer never was. Whoever answers for the name sees when it is asked again: so a
 * failure there takes as long as any, and the time says nothing of what that address did.
 */
export const isElsewhere = ({ host, reached, fixed }: Peer, literal: string | null): boolean =>
  fixed !== true && literal !== null && literal !== host && literal !== reached

const failureOf = ({ reason, cause }: Extract<WireAnswer, { kind: "unreachable" }>): Failure => ({
  kind: "failed",
  reason,
  status: null,
  cause,
  retryAfterSeconds: null,
})

async function readAttempt(
  { context, events }: Parts,
  to: NamedPeer,
  request: { signature: string; id: string },
  response: Answered,
): Promise<Attempt> {
  const answer = readAnswer(to.keys, request, response)
  const word = answer === null ? null : wordOf(context, to, answer)
  if (word === null) {
    if (holdsRequest(to.peer.id, to.keys, response, "unpair")) {
      await events.onCarried(response)
      return {
        ...notFetchedBy(to),
        reason: `${to.name} ended the pair`,
        status: response.status,
        cause: null,
      }
    }
    return unsigned(context, to, response.status, response.header("Retry-After"))
  }
  context.store.peers.touch(to.peer.id, context.now())
  return { ...word, literal: response.literal }
}

/** Null for what answers no request of this kind. */
function wordOf(context: Context, to: NamedPeer, answer: Answer): Word | null {
  switch (answer.status) {
    case 202:
      return { kind: "accepted", isMissed: answer.missed === true }
    case 409:
      return null
    case 400:
      return { kind: "refused", detail: visibleLine(`${answer.error}: ${answer.detail}`).slice(0, 200) }
    case 401:
      return { kind: "skewed", aheadSeconds: skew(context.now(), answer.now) }
    case 429:
      return {
        kind: "later",
        retryAfterSeconds: answer.retryAfter,
        reason: `${to.name} takes 10 messages a minute`,
      }
    case 503:
      return {
        kind: "later",
        retryAfterSeconds: answer.retryAfter,
        reason: `${to.name} cannot take messages now`,
      }
  }
}

/** Anybody on the way can send this: never final. */
function unsigned(context: Context, to: NamedPeer, status: number, retryAfter: string | null): Attempt {
  const reason = strangerReason(to.name, status, occupantOf(context, to))
  const retryAfterSeconds = retryAfter !== null && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : null
  return { kind: "failed", reason, status, cause: null, retryAfterSeconds }
}

/** Who else is known to be at a peer's address, or null. */
function occupantOf(context: Context, { peer }: NamedPeer): string | null {
  const { agents } = context.config.current
  if (isLoopback(peer.host) && peer.port === context.address.port) return "this agent"
  const other = Object.entries(agents).find(([, one]) => one.id !== peer.id && isSamePlace(one, peer))
  return other?.[0] ?? null
}

/** Seconds by which our clock is ahead of theirs. */
const skew = (now: number, theirs: string): number =>
  Math.round((now - (readTimestamp(theirs) ?? now)) / 1000)
