/**
 * The collector's end: fetches from peers that cannot reach us what they have for us, and finds out which these are.
 * @see docs/PROTOCOL.md section 7
 */
import { isIP } from "node:net"
import * as v from "valibot"
import { lookUp, post } from "../../http/client.ts"
import type { WireRequest } from "../../http/listener.ts"
import { ownAddressTowards } from "../../http/own-addresses.ts"
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
import { readAnswer, signRequest } from "../../protocol/exchange.ts"
import { toleranceSeconds } from "../../protocol/freshness.ts"
import { secondsUntilFree } from "../../protocol/limiter.ts"
import { type CarriedAnswer, messagesPath, mostWaitSeconds } from "../../protocol/messages.ts"
import { isSamePlace } from "../../protocol/moving.ts"
import { longestWaitMilliseconds } from "../../protocol/retries.ts"
import { saltLength, sealingCoding } from "../../protocol/sealing.ts"
import { type Context, greetingOf, type NamedPeer, peerById, selfOf } from "../context.ts"
import { traceStep } from "../log.ts"
import { createLanes, type Step } from "./lanes.ts"
import type { Failure, Sender } from "./sender.ts"

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
/** Contact is written down so often. */
const touchMilliseconds = 60_000

/** Our own end of the way to a peer. */
const ownSchema = v.object({ host: v.string(), port: v.number() })
type Own = v.InferOutput<typeof ownSchema>

/** False: it was not called there, or is not where it was. */
const calledSchema = v.union([ownSchema, v.literal(false)])

/** Where this Guardian was when it was last started. */
const listenedSchema = v.object({ host: v.nullable(v.string()), port: v.number() })

const calledKey = (pair: string): string => `called ${pair}`

/** Forgets how a pair was reached. */
export const forgetCalled = ({ facts }: Pick<Context["store"], "facts">, pair: string): void =>
  facts.remove(calledKey(pair))

type Fetching = {
  at: Collector
  /** Where we were when we asked last. */
  own: Own | null
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

export function createCollecting(context: Context, { sender, receive }: CollectingParts) {
  const { store, log, elapsed, stopping, notices } = context
  const pairs = new Map<string, Fetching>()
  /** When something signed came from a pair, by the clock that nobody sets. */
  const heardAt = new Map<string, number>()
  const touchedAt = new Map<string, number>()
  const asks = createLanes({ most: mostAsksAtOnce, now: elapsed, stopping, step: askNext })
  const collects = createLanes({ most: mostCollectsAtOnce, now: elapsed, stopping, step: collectNext })
  let timer: ReturnType<typeof setTimeout> | null = null
  let timerAt = Number.POSITIVE_INFINITY

  function fetchingOf(pair: string): Fetching {
    const known = pairs.get(pair)
    if (known !== undefined) return known
    const fresh: Fetching = {
      at: noCollector,
      own: null,
      asked: null,
      answer: null,
      isStopping: false,
      isOut: true,
      failures: 0,
      stamp: null,
      times: [],
      cut: new AbortController(),
    }
    pairs.set(pair, fresh)
    return fresh
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
      store.facts.set(calledKey(pair), isCalled && own)
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
    if (timer !== null) clearTimeout(timer)
    timerAt = at
    timer = setTimeout(look, Math.min(Math.max(at - elapsed(), 0), dayMilliseconds))
    timer.unref()
  }

  function look(): void {
    timerAt = Number.POSITIVE_INFINITY
    const now = elapsed()
    for (const [pair, { at }] of [...pairs])
      if (peerById(context, pair) === null) pairs.delete(pair)
      else if (nextTime(at) <= now) feed(pair, { kind: "time" })
    arm(Math.min(...[...pairs.values()].map(({ at }) => nextTime(at))))
  }

  /** Says hello, and asks to be called. */
  async function askNext(pair: string): Promise<Step> {
    const peer = peerById(context, pair)
    const fetching = pairs.get(pair)
    if (peer === null || fetching === undefined) return { kind: "idle" }
    const own = await ownTowards(peer)
    if (own === null || !isCallable(own)) {
      feed(pair, { kind: "uncallable" })
      return { kind: "idle" }
    }
    const hello = { ...greetingOf(context), from: own.host, callBack: true } as const
    fetching.own = own
    fetching.asked = hello.id
    const attempt = await sender.tell(peer, hello)
    feed(pair, { kind: attempt.kind === "accepted" ? "asked" : "unheard" })
    return { kind: "idle" }
  }

  /** Our address on the way to a peer, and our port; null where there is no way. */
  async function ownTowards({ peer }: NamedPeer): Promise<Own | null> {
    const { port } = context.address
    if (isLoopback(peer.host)) return { host: context.listening().find(isLoopback) ?? "127.0.0.1", port }
    const literal = isIP(peer.host) === 0 ? await lookUp(peer.host, lookUpMilliseconds, stopping) : peer.host
    const host = literal === null ? null : await ownAddressTowards(literal, peer.port)
    return host === null ? null : { host, port }
  }

  /** Where the owner says how others reach this machine, a way through a router may lead to whatever is listened at. */
  const isCallable = ({ host }: Own): boolean =>
    selfOf(context).host !== null ||
    context.listening().some(one => one === host || one === "0.0.0.0" || one === "::")

  async function collectNext(pair: string): Promise<Step> {
    const peer = peerById(context, pair)
    const fetching = pairs.get(pair)
    if (peer === null || fetching === undefined) return { kind: "idle" }
    if (fetching.isStopping && fetching.answer === null) return { kind: "idle" }
    const wait = secondsUntilFree(collectBucket, fetching.times, elapsed())
    if (wait !== null) return { kind: "rest", until: elapsed() + wait * 1000 }
    const began = elapsed()
    // The first one after a failure only shows that there is an answer again.
    const seconds = fetching.isStopping || fetching.isOut ? 0 : mostWaitSeconds
    const outcome = await collectOnce(peer, fetching, seconds)
    if (stopping.aborted) return { kind: "idle" }
    const isSudden = seconds > 0 && outcome.kind === "empty" && elapsed() - began < shortestWaitMilliseconds
    return after(pair, fetching, isSudden ? { kind: "failed" } : outcome)
  }

  /** What follows one collect. */
  function after(pair: string, fetching: Fetching, outcome: Outcome): Step {
    fetching.isOut = outcome.kind === "failed" || (outcome.kind === "cut" && fetching.isOut)
    switch (outcome.kind) {
      case "carried":
        fetching.failures = 0
        fetching.answer = outcome.answer
        feed(pair, { kind: outcome.answer === null ? "collect-failed" : "collect-answered" })
        return outcome.answer === null ? restOf(pair, fetching) : { kind: "again" }
      case "empty":
        fetching.failures = 0
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
    fetching.stamp = laterThan(fetching.stamp, context.now(), toleranceSeconds * 1000)
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
    if (cut.signal.aborted) return { kind: "cut" }
    if (response.kind === "unreachable") {
      sender.noteFailure(pair, failureOf(response.reason, null, response.cause))
      return { kind: "failed" }
    }
    if (holdsRequest(pair, peer.keys, response, null)) {
      heard(peer, response.literal)
      return { kind: "carried", answer: await answerOf(response, response.literal ?? host) }
    }
    return outcomeOf(peer, { signature: request.signature, id }, response, response.literal)
  }

  function outcomeOf(
    peer: NamedPeer,
    request: { signature: string; id: string },
    response: WireResponse,
    literal: string | null,
  ): Outcome {
    const answer = readAnswer(peer.keys, request, response)
    if (answer === null) {
      sender.noteFailure(peer.peer.id, failureOf("its answer is not the peer's", response.status, null))
      return { kind: "failed" }
    }
    heard(peer, literal)
    switch (answer.status) {
      case 202:
        return { kind: answer.state === "accepted" ? "empty" : "failed" }
      case 400:
        return { kind: "unknown" }
      case 401:
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
    if (elapsed() - (touchedAt.get(pair) ?? Number.NEGATIVE_INFINITY) < touchMilliseconds) return
    touchedAt.set(pair, elapsed())
    try {
      store.peers.touch(pair, context.now())
    } catch (error) {
      log.write(`a contact cannot be noted: ${(error as Error).message}`)
    }
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
  async function begin(pair: string, isElsewhere: boolean): Promise<void> {
    const peer = peerById(context, pair)
    if (peer === null) return
    const kept = v.safeParse(calledSchema, store.facts.get(calledKey(pair)))
    const called = kept.success ? kept.output : null
    const own = called === null || called === false ? null : await ownTowards(peer)
    fetchingOf(pair).own = own
    const isKnown = called !== null && called !== false && own !== null && isSamePlace(own, called)
    feed(pair, { kind: isKnown ? "known" : isElsewhere || called !== null ? "begun" : "unknown" })
  }

  return {
    /** Goes on where the last Guardian was. @param lastPort - the port it had, or 0 where that is not known */
    async resume(lastPort: number): Promise<void> {
      const isElsewhere = noteListened(lastPort)
      const now = context.now()
      for (const [pair, at] of store.peers.lastContacts())
        if (at !== null) heardAt.set(pair, elapsed() - Math.max(0, now - at))
      for (const { id } of Object.values(context.config.current.agents)) {
        if (stopping.aborted) return
        await begin(id, isElsewhere)
      }
    },

    /** A pair is new. */
    paired: (pair: string): void => feed(pair, { kind: "begun" }),

    /** Something rightly signed came from the peer. */
    heardFrom: (pair: string): void => void heardAt.set(pair, elapsed()),

    /** A `hello` that calls back came over our own listener. */
    called(pair: string, callOf: string): void {
      if (pairs.get(pair)?.asked === callOf) feed(pair, { kind: "called" })
    },

    missed: (pair: string): void => feed(pair, { kind: "missed" }),

    /** The peer was found: what was to be tried later is tried now. */
    hasten(pair: string): void {
      if (collects.isResting(pair)) collects.wake(pair)
    },

    /** Our own addresses or the listener's have changed: what leads to whom is looked at again. */
    async moved(): Promise<void> {
      for (const pair of [...pairs.keys()]) {
        const peer = peerById(context, pair)
        const own = peer === null ? null : await ownTowards(peer)
        const before = pairs.get(pair)?.own
        if (own !== null && (before?.host !== own.host || before.port !== own.port))
          feed(pair, { kind: "moved" })
      }
    },

    /** Takes a request that came in the answer to one of ours. */
    takeCarried: answerOf,

    /** How this side believes to be reached by a pair. */
    stateOf: (pair: string): Collector["state"] | null => pairs.get(pair)?.at.state ?? null,

    async stopped(): Promise<void> {
      if (timer !== null) clearTimeout(timer)
      await Promise.all([asks.stopped(), collects.stopped()])
    },
  }
}
