/**
 * The joiner's side of a pairing, from the typed code to the other owner's answer, as a pure machine.
 *
 *     state         event             next          effects
 *     knows-code    hello-answered    knows-minter  found                  (or failed, fail)
 *     knows-minter  consented         knows-keys    count-confirm, post-confirm
 *     knows-keys    confirm-answered  waiting       keep-request, poll     (the minter's tag is right)
 *                                     failed        fail
 *     waiting       decision-answered settled       settle                 (a decision, its tag is right)
 *                                     waiting       poll                   (any other answer, or none)
 *
 * An event that does not fit its state is a bug of the Guardian's: nothing of it comes unasked.
 * @see docs/PROTOCOL.md section 2
 */
import * as v from "valibot"
import { type Bytes, concat, decodeJson, equalInConstantTime, fromHex, toBase64Url, utf8 } from "./bytes.ts"
import { newScalar, publicShare, sessionKey, sharedPoint } from "./cpace.ts"
import {
  decisionPollTag,
  decisionStateTag,
  derivePairingKeys,
  type PairingKeys,
  pairingGenerator,
} from "./key-schedule.ts"
import {
  confirmAnswerSchema,
  type DecisionState,
  decisionAnswerSchema,
  helloAnswerSchema,
  type Intro,
  introSchema,
  ownFeatures,
  type Self,
  suite,
} from "./pairing-messages.ts"
import { type ConfirmedPairing, confirmedPairing } from "./requests.ts"

/** Confirms without a valid answer after which a joiner stops using a code, time-outs included. */
export const confirmsPerCode = 3

export type JoinerState =
  | {
      readonly kind: "knows-code"
      readonly symbols: string
      readonly agent: string
      readonly nonce: Uint8Array
      readonly hello: Bytes
    }
  | {
      readonly kind: "knows-minter"
      readonly intro: Intro
      readonly keys: PairingKeys
      readonly share: Bytes
    }
  | { readonly kind: "knows-keys"; readonly intro: Intro; readonly keys: PairingKeys }
  | { readonly kind: "waiting"; readonly request: ConfirmedPairing }
  | { readonly kind: "settled"; readonly outcome: Exclude<DecisionState, "waiting"> }
  | { readonly kind: "failed" }

export type JoinerEvent =
  /** @param random - 64 bytes for the scalar */
  | { readonly kind: "hello-answered"; readonly body: Uint8Array; readonly random: Uint8Array }
  | { readonly kind: "consented" }
  /** `body` is null where no 202 came. @param host - where the minter was reached */
  | { readonly kind: "confirm-answered"; readonly body: Uint8Array | null; readonly host: string }
  | { readonly kind: "decision-answered"; readonly body: Uint8Array | null }

export type JoinerFailure = "malformed-answer" | "unsafe-share" | "own-agent" | "wrong-code"

export type JoinerEffect =
  | { readonly kind: "found"; readonly intro: Intro }
  | { readonly kind: "count-confirm" }
  | { readonly kind: "post-confirm"; readonly body: Bytes }
  | { readonly kind: "keep-request"; readonly request: ConfirmedPairing }
  | { readonly kind: "poll"; readonly body: Bytes }
  | { readonly kind: "settle"; readonly outcome: Exclude<DecisionState, "waiting"> }
  | { readonly kind: "fail"; readonly reason: JoinerFailure }

export type JoinerStep = readonly [JoinerState, readonly JoinerEffect[]]

/** The first state: the bytes of `hello` to post are in it. @param nonce - 16 random bytes */
export function startJoiner(
  symbols: string,
  self: Self,
  nonce: Uint8Array,
): JoinerState & { kind: "knows-code" } {
  const hello = utf8(
    JSON.stringify({
      v: 1,
      suite,
      name: self.name,
      agent: self.agent,
      ...(self.host === null ? {} : { host: self.host }),
      port: self.port,
      nonce: toBase64Url(nonce),
      features: ownFeatures,
    }),
  )
  return { kind: "knows-code", symbols, agent: self.agent, nonce, hello }
}

/** A request that waited when the Guardian stopped goes on from here. */
export function resumeJoiner(request: ConfirmedPairing): JoinerStep {
  return [{ kind: "waiting", request }, [poll(request)]]
}

export function stepJoiner(state: JoinerState, event: JoinerEvent): JoinerStep {
  if (state.kind === "knows-code" && event.kind === "hello-answered") return meet(state, event)
  if (state.kind === "knows-minter" && event.kind === "consented") return confirm(state)
  if (state.kind === "knows-keys" && event.kind === "confirm-answered") return checkTag(state, event)
  if (state.kind === "waiting" && event.kind === "decision-answered") return decide(state, event.body)
  throw new Error(`the joiner got ${event.kind} while ${state.kind}`)
}

const fail = (reason: JoinerFailure): JoinerStep => [{ kind: "failed" }, [{ kind: "fail", reason }]]

function meet(
  state: Extract<JoinerState, { kind: "knows-code" }>,
  event: Extract<JoinerEvent, { kind: "hello-answered" }>,
): JoinerStep {
  const answer = v.safeParse(helloAnswerSchema, decodeJson(event.body))
  if (!answer.success) return fail("malformed-answer")
  const introBytes = utf8(answer.output.intro)
  const intro = v.safeParse(introSchema, decodeJson(introBytes))
  if (!intro.success) return fail("malformed-answer")
  if (intro.output.agent === state.agent) return fail("own-agent")
  return deriveKeys(state, introBytes, intro.output, answer.output.Y, event.random)
}

/** Aborts on a share that does not decode or is the identity: with that one the minter would know every key. */
function deriveKeys(
  state: Extract<JoinerState, { kind: "knows-code" }>,
  introBytes: Bytes,
  intro: Intro,
  minterShare: Bytes,
  random: Uint8Array,
): JoinerStep {
  const sid = concat(state.nonce, intro.nonce)
  const scalar = newScalar(random)
  const share = publicShare(scalar, pairingGenerator(state.symbols, state.hello, introBytes, sid))
  const shared = sharedPoint(scalar, minterShare)
  if (shared === null || equalInConstantTime(share, minterShare)) return fail("unsafe-share")
  const nothing = new Uint8Array()
  const key = sessionKey(
    sid,
    shared,
    { share: minterShare, associated: nothing },
    { share, associated: nothing },
  )
  const transcript = { hello: state.hello, intro: introBytes, minterShare, joinerShare: share }
  const keys = derivePairingKeys(key, sid, transcript)
  return [{ kind: "knows-minter", intro, keys, share }, [{ kind: "found", intro }]]
}

function confirm(state: Extract<JoinerState, { kind: "knows-minter" }>): JoinerStep {
  const { intro, keys, share } = state
  const pairing = toBase64Url(intro.pairing)
  const body = utf8(JSON.stringify({ pairing, Y: toBase64Url(share), tag: toBase64Url(keys.joinerTag) }))
  return [{ kind: "knows-keys", intro, keys }, [{ kind: "count-confirm" }, { kind: "post-confirm", body }]]
}

function checkTag(
  state: Extract<JoinerState, { kind: "knows-keys" }>,
  event: Extract<JoinerEvent, { kind: "confirm-answered" }>,
): JoinerStep {
  const answer = v.safeParse(confirmAnswerSchema, event.body === null ? undefined : decodeJson(event.body))
  if (!answer.success || !equalInConstantTime(answer.output.tag, state.keys.minterTag))
    return fail("wrong-code")
  const { intro, keys } = state
  const pairing = toBase64Url(intro.pairing)
  const request = confirmedPairing("joiner", pairing, intro, event.host, keys)
  return [{ kind: "waiting", request }, [{ kind: "keep-request", request }, poll(request)]]
}

function decide(state: Extract<JoinerState, { kind: "waiting" }>, body: Uint8Array | null): JoinerStep {
  const answer = v.safeParse(decisionAnswerSchema, body === null ? undefined : decodeJson(body))
  const outcome = answer.success ? answer.output.state : "waiting"
  const isSigned =
    answer.success && equalInConstantTime(answer.output.tag, decisionStateTag(keyOf(state.request), outcome))
  if (!isSigned || outcome === "waiting") return [state, [poll(state.request)]]
  return [{ kind: "settled", outcome }, [{ kind: "settle", outcome }]]
}

function poll(request: ConfirmedPairing): JoinerEffect {
  const tag = toBase64Url(decisionPollTag(keyOf(request)))
  return { kind: "poll", body: utf8(JSON.stringify({ pairing: request.pairing, tag })) }
}

function keyOf(request: ConfirmedPairing): Bytes {
  const key = fromHex(request.decisionKey, 32)
  if (key === null) throw new Error(`the decision key of ${request.pairing} is not 64 hex digits`)
  return key
}
