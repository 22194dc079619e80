/**
 * The collector's end: fetches from peers that cannot reach us what they have for us, and finds out which these are.
 * @see docs/PROTOCOL.md section 7
 */
import { isIP } from "node:net"
import * as v from "valibot"
import { lookUp, type PostAnswer, post } from "../../http/client.ts"
import type { WireRequest } from "../../http/listener.ts"
import { ownAddressTowards } from "../../http/own-addresses.ts"
import { isWildcard } from "../../http/places.ts"
import { isLoopback } from "../../protocol/addresses.ts"
import {
  type Collector,
  type CollectorEffect,
  type CollectorEvent,
  nextTime,
  noCollector,
  stepCollector,
} from "../../protocol/collector.ts"
import {
  collectBucket,
  graceSeconds,
  holdsRequest,
  laterThan,
  packAnswer,
  type Response as WireResponse,
} from "../../protocol/collects.ts"
import { readAnswer, signatureHeader, signRequest } from "../../protocol/exchange.ts"
import { toleranceSeconds } from "../../protocol/freshness.ts"
import { secondsUntilFree } from "../../protocol/limiter.ts"
import { type CarriedAnswer, messagesPath, mostWaitSeconds } from "../../protocol/messages.ts"
import { isSamePlace, type Place } from "../../protocol/moving.ts"
import { longestWaitMilliseconds } from "../../protocol/retries.ts"
import { saltLength, sealingCoding } from "../../protocol/sealing.ts"
import { areLimitsLifted, faultPoint } from "../../store/faults.ts"
import { allCalled, type Called, keepCalled } from "../books/called.ts"
import { createContacts } from "../books/contacts.ts"
import { type Context, greetingOf, type NamedPeer, peerById, selfOf } from "../context.ts"
import { traceStep } from "../log.ts"
import { sleep } from "../sleep.ts"
import { createLanes, type Step } from "./lanes.ts"
import { type Failure, isElsewhere, type Sender } from "./sender.ts"

/** A pair to which another address of ours leads now; `from` and `to` are equal where the port or the listener changed. */
export type Moved = { readonly pair: string; readonly from: string; readonly to: string }

export type Collecting = ReturnType<typeof createCollecting>

/** What is under way at once: hellos that ask to be called, and collects. */
const mostAsksAtOnce = 16
const mostCollectsAtOnce = 512
/** A collect that failed is made again after 1 s, doubling to this; to a peer without contact for a day, to 5 min. */
const longestRestMilliseconds = 60_000
/** An empty answer that comes sooner counts as a failure: nobody on the way can make a collector spin. */
const shortestWaitMilliseconds = 1000
/** Somebody else collects with our keys: not for long again. */
const replacedMilliseconds = 60_000
const lookUpMilliseconds = 3_000
const dayMilliseconds = 24 * 60 * 60 * 1000
/** An answer that took nothing is brought so much later: what is played again makes no collector spin. */
const refusedMilliseconds = 1000
/** By so much a collect is stamped later than one that was not later than those before. */
const aheadMilliseconds = 60_000
/** After a failure of our own, such as a full disk. */
const troubleMilliseconds = 5_000
/** Carried requests remembered of a pair: more than come within a minute. */
const mostCarried = 128
/** So often an answer is brought once more to a peer from which nothing else is fetched. */
const mostLastAnswers = 3

/** Our own end of the way to a peer. */
type Own = Place

/** Where this Guardian was when it was last started. */
const listenedSchema = v.object({ host: v.nullable(v.string()), port: v.number() })

type Fetching = {
  at: Collector
  /** Where we were when we asked last. */
  own: Own | null
  /** Whether the peer could call us there. */
  isCallable: boolean
  /** The id of the latest hello that asked to be called, or null. */
  asked: string | null
  /** What the next collect brings, or null. */
  answer: CarriedAnswer | null
  isStopping: boolean
  /** No collect has been answered yet, or the last one was not. */
  isOut: boolean
  failures: number
  /** The timestamp of the last collect, in milliseconds since the epoch. */
  stamp: number | null
  times: readonly number[]
  /** The signatures of the latest carried requests: each is signed when it is handed over, so none comes twice. */
  carried: readonly string[]
  cut: AbortController
}

/** What one collect came to. */
type Outcome =
  | { readonly kind: "carried"; readonly answer: CarriedAnswer | null }
  | { readonly kind: "empty" | "unknown" | "replaced" | "failed" | "cut" }
  | { readonly kind: "later"; readonly seconds: number; readonly wasTaken: boolean }

export type CollectingParts = {
  readonly sender: Sender
  /** The receiver, as the listener hands requests to it. */
  readonly receive: (request: WireRequest & { readonly isCarried: boolean }) => Promise<Response>
}

const failureOf = (reason: string, status: number | null, cause: Failure["cause"]): Failure => ({
  kind: "failed",
  reason,
  status,
  cause,
  retryAfterSeconds: null,
})

/** What a collect came to where nothing came that the peer can have signed; else null. */
function failureIn(
  { peer, keys }: NamedPeer,
  request: { signature: string; id: string },
  response: PostAnswer,
): Failure | null {
  const isPeers =
    response.kind === "answered" &&
    (holdsRequest(peer.id, keys, response, null) || readAnswer(keys, request, response) !== null)
  if (isPeers) return null
  const failure =
    response.kind === "unreachable"
      ? failureOf(response.reason, null, response.cause)
      : failureOf("its answer is not the peer's", response.status, null)
  return { ...failure, isElsewhere: isElsewhere(peer, response.literal) }
}

export function createCollecting(context: Context, { sender, receive }: CollectingParts) {
  const { store, log, elapsed, stopping, notices } = context
  const pairs = new Map<string, Fetching>()
  /** When something signed came from a pair, by the clock that nobody sets. */
  const heardAt = new Map<string, number>()
  const contacts = createContacts(context)
  const asks = createLanes({ most: mostAsksAtOnce, now: elapsed, stopping, step: orRest(askNext) })
  const collects = createLanes({
    most: mostCollectsAtOnce,
    now: elapsed,
    stopping,
    step: orRest(collectNext),
  })
  /** What kept us from it, said once. */
  let lastTrouble: string | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let timerAt = Number.POSITIVE_INFINITY

  function fetchingOf(pair: string): Fetching {
    const known = pairs.get(pair)
    if (known !== undefined) return known
    const fresh: Fetching = {
      at: noCollector,
      own: null,
      isCallable: false,
      asked: null,
      answer: null,
      isStopping: false,
      isOut: true,
      failures: 0,
      stamp: null,
      times: [],
      carried: [],
      cut: new AbortController(),
    }
    pairs.set(pair, fresh)
    return fresh
  }

  /** A disk that refuses, say: it is tried again. */
  function orRest(step: (pair: string) => Promise<Step>): (pair: string) => Promise<Step> {
    return pair =>
      step(pair).catch(error => {
        const { message } = error as Error
        if (message !== lastTrouble && !stopping.aborted) log.write(`fetching failed: ${message}`)
        lastTrouble = message
        return { kind: "rest", until: elapsed() + troubleMilliseconds }
      })
  }

  const isBusy = (pair: string): boolean =>
    elapsed() - (heardAt.get(pair) ?? Number.NEGATIVE_INFINITY) < dayMilliseconds

  function feed(pair: string, event: CollectorEvent): void {
    if (stopping.aborted || peerById(context, pair) === null) return
    const fetching = fetchingOf(pair)
    const [next, effects] = stepCollector(fetching.at, event, elapsed(), isBusy(pair))
    traceStep(log, "collector", [fetching.at.state, event, next.state], effects)
    fetching.at = next
    arm(nextTime(next))
    for (const effect of effects) perform(pair, fetching, effect)
  }

  function perform(pair: string, fetching: Fetching, effect: CollectorEffect): void {
    switch (effect.kind) {
      case "ask":
        fetching.asked = null
        asks.wake(pair, false)
        return
      case "collect":
        fetching.isStopping = false
        if (effect.anew) cutOpen(fetching)
        collects.wake(pair, effect.anew)
        return
      case "stop":
        fetching.isStopping = true
        return
      case "keep":
        keep(pair, fetching, effect.isCalled)
        return
      case "tell":
        tell(pair, effect.what)
        return
      default:
        effect satisfies never
    }
  }

  function cutOpen(fetching: Fetching): void {
    fetching.cut.abort()
    fetching.cut = new AbortController()
  }

  function keep(pair: string, { own }: Fetching, isCalled: boolean): void {
    try {
      keepCalled(store, pair, isCalled && own !== null && own)
    } catch (error) {
      log.write(`it cannot be kept how a peer is reached: ${(error as Error).message}`)
    }
  }

  function tell(pair: string, what: Extract<CollectorEffect, { kind: "tell" }>["what"]): void {
    const peer = peerById(context, pair)
    if (peer === null) return
    const { name } = peer
    const words = {
      collects: `${name} cannot reach this machine, so this Guardian fetches ${name}'s messages from there`,
      called: `${name} can reach this machine: its messages come by themselves`,
      older: `${name} has an older sento: its messages come only where it can reach this machine`,
    }[what]
    if (what === "called") log.write(words)
    else notices.tell(`${what} ${pair}`, words)
  }

  /** One timer for all pairs. */
  function arm(at: number): void {
    if (at >= timerAt || stopping.aborted) return
    clearTimeout(timer)
    timerAt = at
    timer = setTimeout(look, Math.min(Math.max(at - elapsed(), 0), dayMilliseconds))
    timer.unref()
  }

  function look(): void {
    timerAt = Number.POSITIVE_INFINITY
    const now = elapsed()
    for (const [pair, { at }] of [...pairs])
      if (peerById(context, pair) === null) forget(pair)
      else if (nextTime(at) <= now) feed(pair, { kind: "time" })
    arm(Math.min(...[...pairs.values()].map(({ at }) => nextTime(at))))
  }

  /** Says hello, and asks to be called. */
  async function askNext(pair: string): Promise<Step> {
    const peer = peerById(context, pair)
    const fetching = pairs.get(pair)
    if (peer === null || fetching === undefined) return { kind: "idle" }
    const way = await wayTowards(peer)
    fetching.own = way?.own ?? null
    fetching.isCallable = way !== null && isCallable(way.own)
    // A look-up that takes too long says nothing of whether we can be called.
    if (way === null || !fetching.isCallable) {
      feed(pair, { kind: way === null ? "unheard" : "uncallable" })
      return { kind: "idle" }
    }
    const hello = { ...greetingOf(context), callBack: true } as const
    fetching.asked = hello.id
    const attempt = await sender.tell(peer, hello, { literal: way.literal, from: way.own.host })
    feed(pair, { kind: attempt.kind === "accepted" ? "asked" : "unheard" })
    return { kind: "idle" }
  }

  /** Our address on the way to a peer, and our port; null where there is no way. */
  const ownTowards = async (peer: NamedPeer): Promise<Own | null> => (await wayTowards(peer))?.own ?? null

  /**
   * Our end of the way to a peer, and the IP literal to which it leads, null where any of this machine's will do. Said
   * to another one, to which the peer's name leads later, our end would tell its owner which networks we are in.
   */
  async function wayTowards({
    peer: { host, port },
  }: NamedPeer): Promise<{ own: Own; literal: string | null } | null> {
    const ours = context.address.port
    if (isLoopback(host))
      return { own: { host: context.listening().find(isLoopback) ?? "127.0.0.1", port: ours }, literal: null }
    const literal = isIP(host) === 0 ? await lookUp(host, lookUpMilliseconds, stopping) : host
    const own = literal === null ? null : await ownAddressTowards(literal, port)
    return own === null ? null : { own: { host: own, port: ours }, literal }
  }

  /** Whether another address of ours leads to a peer than when it was asked last, or others are let in there. */
  async function lookWhereFrom(pair: string, fetching: Fetching): Promise<Moved | null> {
    const peer = peerById(context, pair)
    const own = peer === null ? null : await ownTowards(peer)
    if (own === null) return null
    const { own: before, isCallable: wasCallable } = fetching
    if (before !== null && isSamePlace(before, own) && wasCallable === isCallable(own)) return null
    feed(pair, { kind: "moved" })
    return { pair, from: before?.host ?? own.host, to: own.host }
  }

  /** Where the owner says how others reach this machine, a way through a router may lead to whatever is listened at. */
  const isCallable = ({ host }: Own): boolean =>
    selfOf(context).host !== null || context.listening().some(one => one === host || isWildcard(one))

  async function collectNext(pair: string): Promise<Step> {
    const peer = peerById(context, pair)
    const fetching = pairs.get(pair)
    if (peer === null || fetching === undefined) return { kind: "idle" }
    if (fetching.isStopping && fetching.answer === null) return { kind: "idle" }
    const wait = secondsUntilFree(collectBucket, fetching.times, elapsed())
    if (wait !== null && !areLimitsLifted()) return { kind: "rest", until: elapsed() + wait * 1000 }
    const began = elapsed()
    // The first one after a failure only shows that there is an answer again.
    const seconds = fetching.isStopping || fetching.isOut ? 0 : mostWaitSeconds
    const outcome = await collectOnce(peer, fetching, seconds)
    const wasHeld = seconds > 0 && elapsed() - began >= shortestWaitMilliseconds
    // One that is not to be held shows that the peer is there, not that it holds any.
    if (wasHeld || (outcome.kind === "carried" && outcome.answer !== null)) fetching.failures = 0
    const isSudden = seconds > 0 && outcome.kind === "empty" && !wasHeld
    return after(pair, fetching, isSudden ? { kind: "failed" } : outcome)
  }

  /** What follows one collect. */
  function after(pair: string, fetching: Fetching, outcome: Outcome): Step {
    fetching.isOut = outcome.kind === "failed" || (outcome.kind === "cut" && fetching.isOut)
    switch (outcome.kind) {
      case "carried":
        fetching.answer = outcome.answer
        faultPoint("after-answer-is-kept")
        feed(pair, { kind: outcome.answer === null ? "collect-failed" : "collect-answered" })
        if (outcome.answer === null) return restOf(pair, fetching)
        return outcome.answer.status === 202
          ? { kind: "again" }
          : { kind: "rest", until: elapsed() + refusedMilliseconds }
      case "empty":
        fetching.answer = null
        feed(pair, { kind: "collect-answered" })
        return { kind: "again" }
      case "cut":
        return { kind: "again" }
      case "later":
        if (outcome.wasTaken) fetching.answer = null
        feed(pair, { kind: "collect-answered" })
        return { kind: "rest", until: elapsed() + outcome.seconds * 1000 }
      case "replaced":
        fetching.answer = null
        tellReplaced(pair)
        return { kind: "rest", until: elapsed() + replacedMilliseconds }
      case "unknown":
        fetching.answer = null
        feed(pair, { kind: "collect-unknown" })
        return { kind: "idle" }
      case "failed":
        feed(pair, { kind: "collect-failed" })
        if (fetching.isStopping && fetching.failures >= mostLastAnswers) fetching.answer = null
        return restOf(pair, fetching)
    }
  }

  function restOf(pair: string, fetching: Fetching): Step {
    fetching.failures += 1
    const longest = isBusy(pair) ? longestRestMilliseconds : longestWaitMilliseconds
    const backOff = Math.min(longest, 1000 * 2 ** (fetching.failures - 1))
    return { kind: "rest", until: elapsed() + backOff * (1 - Math.random() / 2) }
  }

  function tellReplaced(pair: string): void {
    const name = peerById(context, pair)?.name
    notices.tell(
      `replaced ${pair}`,
      `another Guardian fetches what ${name} has for this agent, with this agent's keys: a copy of its home runs somewhere, and of each message only one of them hears`,
    )
  }

  async function collectOnce(peer: NamedPeer, fetching: Fetching, waitSeconds: number): Promise<Outcome> {
    const { id: pair, host, port, features } = peer.peer
    const { answer, cut } = fetching
    const began = performance.now()
    // A peer whose clock is behind by the tolerance took one that is as far ahead of it.
    fetching.stamp = laterThan(fetching.stamp, context.now(), 2 * toleranceSeconds * 1000)
    const since = elapsed() - collectBucket.seconds * 1000
    fetching.times = [...fetching.times.filter(at => at > since), elapsed()]
    const id = Bun.randomUUIDv7()
    const salt = features.includes(sealingCoding) ? context.random(saltLength) : null
    const body = { v: 1, id, type: "collect", waitSeconds, ...(answer === null ? {} : { answer }) } as const
    const request = signRequest(pair, peer.keys, body, fetching.stamp, salt)
    const response = await post(host, port, messagesPath, {
      headers: request.headers,
      body: request.body,
      timeoutMilliseconds: (waitSeconds + graceSeconds) * 1000,
      signal: AbortSignal.any([stopping, cut.signal]),
    })
    const asked = { signature: request.signature, id, waitSeconds }
    const failure = failureIn(peer, asked, response)
    if (failure?.isElsewhere === true) {
      // As where nothing answers: whoever answers for the name sees when it is looked up next.
      const rest = (waitSeconds + graceSeconds) * 1000 - (performance.now() - began)
      await sleep(rest, AbortSignal.any([stopping, cut.signal]))
    }
    if (cut.signal.aborted) return { kind: "cut" }
    if (failure !== null) noteFailure(pair, waitSeconds, failure)
    if (failure !== null || response.kind === "unreachable") return { kind: "failed" }
    if (answer !== null) faultPoint("after-answer-is-brought")
    if (holdsRequest(pair, peer.keys, response, null)) {
      faultPoint("after-fetching")
      if (isPlayedAgain(fetching, response)) return { kind: "failed" }
      heard(peer, response.literal)
      return { kind: "carried", answer: await answerOf(response, response.literal ?? host) }
    }
    return outcomeOf(peer, asked, response, response.literal)
  }

  /** Whether somebody on the way gives a request of the peer's once more. */
  function isPlayedAgain(fetching: Fetching, { header }: WireResponse): boolean {
    const signature = header(signatureHeader) ?? ""
    const wasHere = fetching.carried.includes(signature)
    if (!wasHere) fetching.carried = [...fetching.carried.slice(1 - mostCarried), signature]
    return wasHere
  }

  /**
   * A peer that is gone for long is looked for ever more seldom. One that was held for a while and cut says nothing of
   * that: the next, which is not held, does.
   */
  function noteFailure(pair: string, waitSeconds: number, failure: Failure): void {
    if (waitSeconds > 0) return
    const failures = (pairs.get(pair)?.failures ?? 0) + 1
    if (Number.isInteger(Math.log2(failures))) sender.noteFailure(pair, failure)
  }

  function outcomeOf(
    peer: NamedPeer,
    request: { signature: string; id: string },
    response: WireResponse,
    literal: string | null,
  ): Outcome {
    const answer = readAnswer(peer.keys, request, response)
    if (answer === null) return { kind: "failed" }
    heard(peer, literal)
    switch (answer.status) {
      case 202:
        if (answer.state === "duplicate") stepAhead(peer.peer.id)
        return { kind: answer.state === "accepted" ? "empty" : "failed" }
      case 400:
        return { kind: "unknown" }
      case 401:
        // The peer does not remember it, then.
        forgetStamp(peer.peer.id)
        return { kind: "failed" }
      case 409:
        return { kind: "replaced" }
      case 429:
      case 503:
        return { kind: "later", seconds: answer.retryAfter, wasTaken: answer.status === 503 }
    }
  }

  /** The receiver's answer to a carried request, to be brought; null where it refused what it was given. */
  async function answerOf({ header, body }: WireResponse, address: string): Promise<CarriedAnswer | null> {
    const answer = await receive({
      header,
      body,
      address,
      isCarried: true,
      signal: stopping,
      allow: () => {},
      hold: () => () => {},
    })
    if (answer.status === 403) return null
    return packAnswer({
      status: answer.status,
      header: name => answer.headers.get(name),
      body: new Uint8Array(await answer.arrayBuffer()),
    })
  }

  function heard(peer: NamedPeer, literal: string | null): void {
    const { id: pair } = peer.peer
    heardAt.set(pair, elapsed())
    if (literal !== null) sender.noteReached(peer, literal)
    contacts.note(pair)
  }

  /** The peer knows a later one, of before our clock was set right and we were started again. */
  function stepAhead(pair: string): void {
    const fetching = pairs.get(pair)
    if (fetching?.stamp != null) fetching.stamp += aheadMilliseconds
  }

  function forgetStamp(pair: string): void {
    const fetching = pairs.get(pair)
    if (fetching !== undefined) fetching.stamp = null
  }

  function forget(pair: string): void {
    const fetching = pairs.get(pair)
    if (fetching !== undefined) cutOpen(fetching)
    pairs.delete(pair)
    heardAt.delete(pair)
    contacts.forget(pair)
  }

  /** Keeps where this Guardian is now. @returns whether it was elsewhere before */
  function noteListened(lastPort: number): boolean {
    const { host, port } = selfOf(context)
    const kept = v.safeParse(listenedSchema, store.facts.get("listened"))
    const before = kept.success ? kept.output : { host, port: lastPort === 0 ? port : lastPort }
    const isElsewhere = before.port !== port || before.host !== host
    try {
      if (!kept.success || isElsewhere) store.facts.set("listened", { host, port })
    } catch (error) {
      log.write(`it cannot be kept where this Guardian is: ${(error as Error).message}`)
    }
    return isElsewhere
  }

  /** A pair from before this start. @param isElsewhere - whether the Guardian is not where it was last */
  async function begin(pair: string, called: Called | null, isElsewhere: boolean): Promise<void> {
    const peer = peerById(context, pair)
    // Here too: a look-up takes its time, and the next pair waits for it.
    if (peer === null || pairs.has(pair)) return
    const own = called === null || called === false ? null : await ownTowards(peer)
    // What happened meanwhile says more.
    if (pairs.has(pair)) return
    const fetching = fetchingOf(pair)
    fetching.own = own
    fetching.isCallable = own !== null && isCallable(own)
    const isKnown = called !== null && called !== false && own !== null && isSamePlace(own, called)
    feed(pair, {
      kind: isKnown && fetching.isCallable ? "known" : isElsewhere || called !== null ? "begun" : "unknown",
    })
  }

  /** By whom peers called us: what cannot be read keeps nobody from being fetched from. */
  function lastCalled(): ReturnType<typeof allCalled> {
    try {
      return allCalled(store)
    } catch (error) {
      tellUnknown(error as Error)
      return new Map()
    }
  }

  function tellUnknown({ message }: Error): void {
    if (!stopping.aborted) log.write(`it is not known how a peer reaches us: ${message}`)
  }

  return {
    /** Goes on where the last Guardian was. @param lastPort - the port it had, or 0 where that is not known */
    async resume(lastPort: number): Promise<void> {
      const isElsewhere = noteListened(lastPort)
      const now = context.now()
      for (const [pair, at] of store.peers.lastContacts())
        if (at !== null) heardAt.set(pair, elapsed() - Math.max(0, now - at))
      const called = lastCalled()
      for (const { id } of Object.values(context.config.current.agents)) {
        if (stopping.aborted) return
        await begin(id, called.get(id) ?? null, isElsewhere).catch(tellUnknown)
      }
    },

    /** A pair is new. */
    paired: (pair: string): void => feed(pair, { kind: "begun" }),

    /** The pair has ended: what is open to it is closed. */
    ended: forget,

    /** Looks whose time has come, whatever the timers say. */
    look(): void {
      look()
      asks.look()
      collects.look()
    },

    /** Something rightly signed came from the peer. */
    heardFrom: (pair: string): void => void heardAt.set(pair, elapsed()),

    /** A `hello` that calls back came over our own listener. */
    called(pair: string, callOf: string): void {
      const fetching = pairs.get(pair)
      if (fetching?.asked !== callOf) return
      feed(pair, { kind: "called" })
      // Also of a pair of which a start knew nothing, and so wrote nothing.
      keep(pair, fetching, true)
    },

    missed: (pair: string): void => feed(pair, { kind: "missed" }),

    /** The peer was found: what was to be tried later is tried now. */
    hasten(pair: string): void {
      if (collects.isResting(pair)) collects.wake(pair)
    },

    /** Our own addresses or the listener's have changed: what leads to whom is looked at again. */
    async moved(): Promise<readonly Moved[]> {
      const moved: Moved[] = []
      for (const [pair, fetching] of [...pairs]) {
        const one = await lookWhereFrom(pair, fetching)
        if (one !== null) moved.push(one)
      }
      return moved
    },

    /** The peer is elsewhere, by its owner's word here: what is open to it was made to where it was. */
    readdressed: (pair: string): void => feed(pair, { kind: "moved" }),

    /**
     * The peer gave an answer: it is there, so a collect that failed is made again now, and so is one that was made
     * at an address which is ours no more.
     */
    answered(pair: string): void {
      heardAt.set(pair, elapsed())
      const fetching = pairs.get(pair)
      if (fetching?.at.state !== "collecting") return
      if (fetching.isOut && collects.isResting(pair)) collects.wake(pair)
      if (fetching.own !== null) void lookWhereFrom(pair, fetching)
    },

    /** When something signed came from a pair, by the clock that nobody sets; null: not that we know. */
    lastHeard: (pair: string): number | null => heardAt.get(pair) ?? null,

    /** Takes a request that came in the answer to one of ours. */
    takeCarried: (response: WireResponse, address: string): Promise<unknown> =>
      answerOf(response, address).catch(error =>
        log.write(`what came in an answer was not taken: ${(error as Error).message}`),
      ),

    /** How this side believes to be reached by a pair. */
    stateOf: (pair: string): Collector["state"] | null => pairs.get(pair)?.at.state ?? null,

    /** Whether this side fetches from a pair, also while it asks to be called. */
    isCollecting(pair: string): boolean {
      const at = pairs.get(pair)?.at
      return at?.state === "collecting" || (at?.state === "asking" && at.isCollecting)
    },

    async stopped(): Promise<void> {
      clearTimeout(timer)
      await Promise.all([asks.stopped(), collects.stopped()])
    },
  }
}
