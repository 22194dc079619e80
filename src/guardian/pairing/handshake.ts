/** The joiner's machine with one minter: performs what it asks, and feeds it the answers. */
import { post } from "../../http/client.ts"
import { formatAddress } from "../../protocol/addresses.ts"
import type { Bytes } from "../../protocol/bytes.ts"
import { scalarRandomBytes } from "../../protocol/cpace.ts"
import { SentoError } from "../../protocol/errors.ts"
import {
  type JoinerEffect,
  type JoinerEvent,
  type JoinerFailure,
  type JoinerState,
  resumeJoiner,
  startJoiner,
  stepJoiner,
} from "../../protocol/joiner.ts"
import type { Place } from "../../protocol/moving.ts"
import { type Intro, nonceLength } from "../../protocol/pairing-messages.ts"
import { type ConfirmedPairing, requestLifetimeMilliseconds } from "../../protocol/requests.ts"
import type { PairingRequest } from "../../store/requests.ts"
import type { LocalName } from "../books/pairs.ts"
import { type Context, selfOf } from "../context.ts"
import { traceStep } from "../log.ts"
import { sleep } from "../sleep.ts"
import { byAddress, countTry, forgetTries } from "./heard.ts"
import type { Miss } from "./nobody.ts"
import { giveUpJoins } from "./settling.ts"

const helloMilliseconds = 5_000
const confirmMilliseconds = 15_000
/** A poll waits 25 s at the minter's. */
const pollMilliseconds = 35_000
const slowestPollMilliseconds = 30_000
/** A minter holds a poll for 25 s; whoever answers sooner, without an end, is not asked again at once. */
const quickPollMilliseconds = 5_000

/** What the other owner's answer, or the time, made of a request. */
type Settle = (request: PairingRequest, end: "approved" | "denied" | "expired") => void

/** The owner's yes to whoever was found. @property askedId - of the join that an agent asked for, or null */
export type Consent = {
  readonly symbols: string
  readonly as: LocalName
  readonly askedId: string | null
  /** Whether mDNS found the place. */
  readonly isHeard: boolean
}

export type Handshake = {
  /** The name is a claim. */
  readonly intro: Intro
  readonly place: Place
  /**
   * Sends the proof and checks the other side's; the try is counted on disk first. The wait for the other owner's
   * answer goes on in the background.
   * @returns the request that waits
   * @throws unreachable, refused
   */
  confirm(consent: Consent): Promise<PairingRequest>
}

/** Says hello at a place; what it came to where nobody with an open code answers in a way that can be used. */
export async function sayHello(
  context: Context,
  symbols: string,
  place: Place,
  settle: Settle,
): Promise<Handshake | Miss> {
  const start = startJoiner(symbols, selfOf(context), context.random(nonceLength))
  const answer = await postPairing(context, place, "hello", start.hello, helloMilliseconds)
  if (answer.kind === "unreachable") return { place, cause: answer.cause, reason: answer.reason }
  if (answer.status !== 200)
    return { place, cause: answer.status === 403 ? "no-code" : "stranger", reason: `HTTP ${answer.status}` }
  const random = context.random(scalarRandomBytes)
  const joiner = createJoiner(context, place, start, settle)
  await joiner.take({ kind: "hello-answered", body: answer.body, random })
  const intro = joiner.found()
  if (intro !== null) return { intro, place, confirm: joiner.confirm }
  const where = formatAddress(place.host, place.port)
  const failure = joiner.failure() ?? "nothing"
  context.log.write(`${where} answered hello in a way that cannot be used: ${failure}`)
  return { place, cause: failure === "own-agent" ? "own" : "stranger", reason: failure }
}

/** Goes on asking for the owner's answer to a request that waited when the Guardian stopped. */
export async function resumeHandshake(
  context: Context,
  request: PairingRequest,
  settle: Settle,
): Promise<void> {
  const [state, effects] = resumeJoiner(request)
  await createJoiner(context, request, state, settle, request).perform(effects)
}

/** @param kept - the request, where it was confirmed before */
function createJoiner(
  context: Context,
  place: Place,
  start: JoinerState,
  settle: Settle,
  kept: PairingRequest | null = null,
) {
  let state = start
  let intro: Intro | null = null
  let failure: JoinerFailure | null = null
  let unreachable: string | null = null
  let consent: Consent | null = null
  let request = kept
  let onKept = (_: PairingRequest): void => {}
  let quickPolls = 0

  const take = (event: JoinerEvent): Promise<void> => perform(step(event))

  function step(event: JoinerEvent): readonly JoinerEffect[] {
    const [next, effects] = stepJoiner(state, event)
    traceStep(context.log, "joiner", [state.kind, event, next.kind], effects)
    state = next
    return effects
  }

  /** All of them, then what the answer to one leads to, and so on. */
  async function perform(first: readonly JoinerEffect[]): Promise<void> {
    for (let effects = first; effects.length > 0; ) {
      let answer: JoinerEvent | null = null
      for (const effect of effects) answer = (await performOne(effect)) ?? answer
      effects = answer === null ? [] : step(answer)
    }
  }

  /** @returns what came of it, where that is an event */
  async function performOne(effect: JoinerEffect): Promise<JoinerEvent | null> {
    switch (effect.kind) {
      case "found":
        intro = effect.intro
        return null
      case "count-confirm": {
        const { symbols, isHeard } = given(consent)
        countTry(context, symbols, isHeard)
        return null
      }
      case "post-confirm":
        return sendProof(effect.body)
      case "keep-request":
        // Where it was reached, which is not its own port where a router or ssh passes the connection on.
        request = keepRequest(context, { ...effect.request, port: place.port }, given(consent))
        onKept(request)
        return null
      case "poll":
        return askDecision(given(request), effect.body)
      case "settle":
        if (!context.stopping.aborted) settle(given(request), effect.outcome)
        return null
      case "fail":
        failure = effect.reason
        return null
      default:
        return effect satisfies never
    }
  }

  async function sendProof(proof: Bytes): Promise<JoinerEvent> {
    const answer = await postPairing(context, place, "confirm", proof, confirmMilliseconds)
    unreachable = answer.kind === "unreachable" ? answer.reason : null
    const body = answer.kind === "answered" && answer.status === 202 ? answer.body : null
    return { kind: "confirm-answered", body, host: place.host }
  }

  /** Null where nobody waits for the answer any more. */
  async function askDecision(asked: PairingRequest, poll: Bytes): Promise<JoinerEvent | null> {
    if (quickPolls > 0)
      await sleep(Math.min(slowestPollMilliseconds, 1000 * 2 ** quickPolls), context.stopping)
    // Its owner may have given its name to another one meanwhile.
    if (context.stopping.aborted || context.store.requests.get(asked.id)?.state !== "waiting") return null
    if (context.now() - asked.createdAt > requestLifetimeMilliseconds) {
      settle(asked, "expired")
      return null
    }
    const startedAt = performance.now()
    const answer = await postPairing(context, asked, "decision", poll, pollMilliseconds)
    quickPolls = performance.now() - startedAt < quickPollMilliseconds ? quickPolls + 1 : 0
    const body = answer.kind === "answered" && answer.status === 200 ? answer.body : null
    return { kind: "decision-answered", body }
  }

  function confirm(given: Consent): Promise<PairingRequest> {
    const { promise, resolve, reject } = Promise.withResolvers<PairingRequest>()
    consent = given
    onKept = resolve
    take({ kind: "consented" }).then(
      () => (request === null ? reject(notConfirmed(failure, unreachable, given.isHeard)) : undefined),
      error => {
        // Nobody waits for what comes after the request was kept.
        if (request !== null) throw error
        reject(error)
      },
    )
    return promise
  }

  return { take, perform, confirm, found: () => intro, failure: () => failure }
}

/** What the machine asks for only after this is there. */
function given<Value>(value: Value | null): Value {
  if (value === null) throw new Error("the joiner asked for something too early")
  return value
}

function keepRequest(
  context: Context,
  pairing: ConfirmedPairing,
  { symbols, as, askedId }: Consent,
): PairingRequest {
  const { store, now } = context
  const kept = store.now(() => {
    forgetTries(store, symbols)
    if (askedId !== null) store.joins.settle(askedId, "approved")
    const id = askedId === null ? {} : { id: askedId }
    const extra = { ...id, localName: as.name, replaces: as.replace, confirm: null }
    return store.requests.keep(pairing, extra, now())
  })
  if (as.replace) giveUpJoins(context, as.name, kept.id)
  return kept
}

function notConfirmed(reason: JoinerFailure | null, unreachable: string | null, isHeard: boolean): Error {
  if (unreachable !== null)
    return new SentoError(
      "unreachable",
      `no answer to the code: ${unreachable}`,
      isHeard ? byAddress : "try the same code again",
    )
  if (reason !== "wrong-code") return new Error(`the joiner failed with ${reason}`)
  if (isHeard) return new SentoError("refused", "whoever answered on the network has another code", byAddress)
  return new SentoError(
    "refused",
    "the code is wrong, or no longer open",
    "compare it with the other owner's screen; after 3 wrong tries a new code is needed",
  )
}

const postPairing = (
  { stopping }: Context,
  { host, port }: Place,
  step: "hello" | "confirm" | "decision",
  body: Bytes,
  timeoutMilliseconds: number,
) =>
  post(host, port, `/v1/pair/${step}`, {
    headers: { "Content-Type": "application/json" },
    body,
    timeoutMilliseconds,
    signal: stopping,
  })
