/** The joiner's side: finding the minter, the handshake, and the wait for its owner's answer. */

import { post } from "../../http/client.ts"
import { firstPort, formatAddress, portTries } from "../../protocol/addresses.ts"
import { scalarRandomBytes } from "../../protocol/cpace.ts"
import { SentoError } from "../../protocol/errors.ts"
import {
  confirmsPerCode,
  type JoinerEffect,
  type JoinerEvent,
  type JoinerFailure,
  type JoinerState,
  resumeJoiner,
  startJoiner,
  stepJoiner,
} from "../../protocol/joiner.ts"
import { type Intro, nonceLength } from "../../protocol/pairing-messages.ts"
import { requestLifetimeMilliseconds } from "../../protocol/requests.ts"
import type { AskedJoin } from "../../store/joins.ts"
import type { PairingRequest } from "../../store/requests.ts"
import { type LocalName, requireFreeName } from "../books/pairs.ts"
import { announce, type Context, selfOf } from "../context.ts"
import type { Candidate, PairingEvent } from "../door/results.ts"
import type { Sender } from "../outbound/sender.ts"
import { sleep } from "../sleep.ts"
import { declinePair, giveUpJoins, storePair } from "./settling.ts"

/** What an owner typed. `host` null: this machine; `port` null: the usual range. */
export type JoinWish = {
  readonly symbols: string
  readonly host: string | null
  readonly port: number | null
  readonly as: string | null
  readonly replace: boolean
}

type Emit = (event: PairingEvent) => void

const helloMilliseconds = 5_000
const confirmMilliseconds = 15_000
/** A poll waits 25 s at the minter's. */
const pollMilliseconds = 35_000
const slowestPollMilliseconds = 30_000
/** A minter holds a poll for 25 s; whoever answers sooner, without an end, is not asked again at once. */
const quickPollMilliseconds = 5_000
const jsonHeaders = { "Content-Type": "application/json" }

export type Joining = ReturnType<typeof createJoining>

/** @param greet - says where this Guardian is to the peer of a new pair, until it knows */
export function createJoining(context: Context, sender: Sender, greet: (pair: string) => void) {
  /**
   * Joins with a code, up to the moment when the request waits for the other owner; the wait goes on in the
   * background, also over a restart, and its end is an event.
   * @returns the request that waits
   * @throws usage, unreachable, refused
   */
  async function join(wish: JoinWish, emit: Emit): Promise<PairingRequest> {
    requireTriesLeft(context, wish.symbols)
    const { place, state, intro } = await findMinter(context, wish, emit)
    const as: LocalName = { name: wish.as ?? intro.name, replace: wish.replace }
    requireFreeName(context, as, `sento pair CODE@${formatAddress(place.host, place.port)}`)
    const request = await confirm(context, wish.symbols, state, place, as)
    emit({ event: "verifier", verifier: request.verifier, name: request.name })
    void follow(request)
    return request
  }

  /**
   * Who has an open code at the place that an agent named. Only `hello` is sent, which says nothing of the code.
   * @throws usage, unreachable, refused
   */
  async function find(wish: JoinWish, emit: Emit): Promise<Found> {
    requireTriesLeft(context, wish.symbols)
    const { place, intro } = await findMinter(context, wish, emit)
    const as: LocalName = { name: wish.as ?? intro.name, replace: false }
    requireFreeName(context, as, `sento pair CODE@${formatAddress(place.host, place.port)}`)
    return { ...place, name: intro.name, agent: intro.agent }
  }

  /**
   * Joins as the agent asked and the owner has said. A handshake lives for a minute only, so that another one is
   * made; it must be with the agent that the owner was shown.
   * @throws unreachable, refused
   */
  async function carryOut(asked: AskedJoin, as: LocalName): Promise<PairingRequest> {
    const { symbols, host, port } = asked
    requireTriesLeft(context, symbols)
    const met = await sayHello(context, symbols, host, port)
    if (met === null) throw nobodyAt(host, port)
    if (met.intro.agent !== asked.agent || met.intro.name !== asked.name)
      throw new SentoError(
        "refused",
        `another agent than ${asked.name} answers at ${formatAddress(host, port)} now`,
        "ask the other owner for a new code",
      )
    const request = await confirm(context, symbols, met.state, { host, port }, as, asked.id)
    void follow(request)
    return request
  }

  /** Asks for the owner's answer until it comes or the request expires. */
  async function follow(request: PairingRequest): Promise<void> {
    let [state, effects] = resumeJoiner(request)
    for (let quickAnswers = 0; !context.stopping.aborted && isWaiting(request); ) {
      const effect = effects[0]
      if (effect?.kind === "settle") return settle(request, effect.outcome)
      if (context.now() - request.createdAt > requestLifetimeMilliseconds) return settle(request, "expired")
      const startedAt = performance.now()
      const body = effect?.kind === "poll" ? await pollOnce(context, request, effect.body) : null
      quickAnswers = performance.now() - startedAt < quickPollMilliseconds ? quickAnswers + 1 : 0
      ;[state, effects] = stepJoiner(state, { kind: "decision-answered", body })
      if (effects[0]?.kind !== "settle" && quickAnswers > 0)
        await sleep(Math.min(slowestPollMilliseconds, 1000 * 2 ** quickAnswers), context.stopping)
    }
  }

  /** Its owner may have given its name to another one meanwhile. */
  const isWaiting = ({ id }: PairingRequest): boolean => context.store.requests.get(id)?.state === "waiting"

  function settle(request: PairingRequest, outcome: "approved" | "denied" | "expired"): void {
    const { localName: name } = request
    if (!isWaiting(request)) return
    if (outcome === "approved") {
      if (!isStored(request)) return
      greet(request.pairId)
      announce(context, request, { state: outcome, name })
      return
    }
    context.store.requests.settle(request.id, outcome, context.now())
    announce(context, request, { state: outcome })
  }

  function isStored(request: PairingRequest): boolean {
    const { localName: name, replaces: replace } = request
    try {
      storePair(context, request, { name, replace }, sender)
      return true
    } catch (error) {
      if (!(error instanceof SentoError) || error.code !== "usage") throw error
      decline(request)
      return false
    }
  }

  /** The other owner's yes came when the name was another pair's already; nobody may lose theirs by it. */
  function decline(request: PairingRequest): void {
    const { id, name, localName } = request
    declinePair(context, request, sender)
    const message = `${name}'s owner said yes, but another agent is called ${localName} here by now: nothing was paired`
    context.notices.tell(`declined ${id}`, message)
    context.events.emit({ event: "answered", id, state: "failed" }, { role: "joiner", id })
    const hint = "pair again: `sento pair CODE --as OTHER-NAME`"
    context.events.emit({ event: "failed", code: "refused", message, hint }, { role: "joiner", id })
  }

  return {
    join,
    find,
    carryOut,
    /** Goes on with what waited when the Guardian stopped. */
    resume(): void {
      for (const request of context.store.requests.waiting("joiner")) void follow(request)
    },
  }
}

/** Who answers with an open code, and where; the name is a claim. */
type Found = Pick<AskedJoin, "host" | "port" | "name" | "agent">

type Met = {
  readonly place: { readonly host: string; readonly port: number }
  readonly state: JoinerState
  readonly intro: Intro
}

/** The one Guardian with an open code at the place the owner named. A second one is never tried unasked. */
async function findMinter(context: Context, wish: JoinWish, emit: Emit): Promise<Met> {
  const host = wish.host ?? "127.0.0.1"
  const range = Array.from({ length: portTries }, (_, i) => firstPort + i)
  const isOwn = (port: number): boolean => wish.host === null && port === context.address.port
  const ports = wish.port === null ? range.filter(port => !isOwn(port)) : [wish.port]
  const answers = await Promise.all(ports.map(port => sayHello(context, wish.symbols, host, port)))
  const met = answers.filter(answer => answer !== null)
  const [only] = met
  if (only === undefined) throw nobodyAt(host, wish.port)
  if (met.length > 1) throw several(met, emit)
  emit({ event: "found", name: only.intro.name, ...only.place })
  return only
}

async function sayHello(context: Context, symbols: string, host: string, port: number): Promise<Met | null> {
  const start = startJoiner(symbols, selfOf(context), context.random(nonceLength))
  const answer = await post(host, port, "/v1/pair/hello", {
    headers: jsonHeaders,
    body: start.hello,
    timeoutMilliseconds: helloMilliseconds,
    signal: context.stopping,
  })
  if (answer.kind !== "answered" || answer.status !== 200) return null
  const event: JoinerEvent = {
    kind: "hello-answered",
    body: answer.body,
    random: context.random(scalarRandomBytes),
  }
  const [state, [effect]] = stepJoiner(start, event)
  if (effect?.kind === "found") return { place: { host, port }, state, intro: effect.intro }
  context.log.write(
    `${formatAddress(host, port)} answered hello in a way that cannot be used: ${describe(effect)}`,
  )
  return null
}

const describe = (effect: JoinerEffect | undefined): string =>
  effect?.kind === "fail" ? effect.reason : (effect?.kind ?? "nothing")

function nobodyAt(host: string, port: number | null): SentoError {
  const where = port === null ? host : formatAddress(host, port)
  const hint =
    host === "127.0.0.1"
      ? "ask the other owner to run `sento pair`; for an agent on another machine use CODE@HOST"
      : "ask the other owner to run `sento pair` and to tell you the address it prints"
  return new SentoError("unreachable", `no agent with an open code answers on ${where}`, hint)
}

function several(met: readonly Met[], emit: Emit): SentoError {
  const candidates: Candidate[] = met.map(({ place, intro }) => ({ name: intro.name, ...place }))
  emit({ event: "several", candidates })
  const list = candidates.map(({ name, port }) => `${name} (${port})`).join(", ")
  return new SentoError(
    "usage",
    `several agents have an open code: ${list}`,
    "name one by its port: `sento pair CODE@127.0.0.1:PORT`",
  )
}

function requireTriesLeft(context: Context, symbols: string): void {
  if (context.store.joinTries.made(symbols, context.now()) < confirmsPerCode) return
  throw new SentoError(
    "refused",
    `this code was tried ${confirmsPerCode} times without a right answer`,
    "ask the other owner for a new code",
  )
}

/**
 * Sends the proof and checks the other side's. The try is counted on disk first.
 * @param askedId - of the join that an agent asked for, whose id the request takes; null where the owner joins
 */
async function confirm(
  context: Context,
  symbols: string,
  met: JoinerState,
  place: { readonly host: string; readonly port: number },
  as: LocalName,
  askedId: string | null = null,
): Promise<PairingRequest> {
  const [knowsKeys, effects] = stepJoiner(met, { kind: "consented" })
  const proof = effects.find(effect => effect.kind === "post-confirm")
  if (proof === undefined) throw new Error("the joiner consented and had nothing to send")
  context.store.now(() => context.store.joinTries.add(symbols, context.now()))
  const answer = await post(place.host, place.port, "/v1/pair/confirm", {
    headers: jsonHeaders,
    body: proof.body,
    timeoutMilliseconds: confirmMilliseconds,
    signal: context.stopping,
  })
  const body = answer.kind === "answered" && answer.status === 202 ? answer.body : null
  const [, [effect]] = stepJoiner(knowsKeys, { kind: "confirm-answered", body, host: place.host })
  if (effect?.kind !== "keep-request")
    throw notConfirmed(effect, answer.kind === "unreachable" ? answer.reason : null)
  const kept = context.store.now(() => {
    context.store.joinTries.clear(symbols)
    if (askedId !== null) context.store.joins.settle(askedId, "approved")
    const id = askedId === null ? {} : { id: askedId }
    const extra = { ...id, localName: as.name, replaces: as.replace, confirm: null }
    return context.store.requests.keep(effect.request, extra, context.now())
  })
  if (as.replace) giveUpJoins(context, as.name, kept.id)
  return kept
}

function notConfirmed(effect: JoinerEffect | undefined, unreachable: string | null): SentoError {
  if (unreachable !== null)
    return new SentoError("unreachable", `no answer to the code: ${unreachable}`, "try the same code again")
  const reason: JoinerFailure | null = effect?.kind === "fail" ? effect.reason : null
  if (reason !== "wrong-code") throw new Error(`the joiner failed with ${reason}`)
  return new SentoError(
    "refused",
    "the code is wrong, or no longer open",
    "compare it with the other owner's screen; after 3 wrong tries a new code is needed",
  )
}

async function pollOnce(
  context: Context,
  request: PairingRequest,
  body: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array | null> {
  const answer = await post(request.host, request.port, "/v1/pair/decision", {
    headers: jsonHeaders,
    body,
    timeoutMilliseconds: pollMilliseconds,
    signal: context.stopping,
  })
  return answer.kind === "answered" && answer.status === 200 ? answer.body : null
}
