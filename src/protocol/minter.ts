/**
 * The minter's side of a pairing, from the printed code to the question for its owner, as a pure machine:
 * `step(state, event)` gives the next state and what is to be done, in that order.
 *
 *     state    event          next              effects
 *     any      code-opened    open              (an older code is forgotten)
 *     open     hello          open              answer-hello, or refuse
 *     open     confirm        judging           take-try; or open and refuse (unknown or malformed: no try)
 *     judging  try-taken      closed            keep-request, answer-confirm   (the tag is right)
 *                             open              refuse                         (wrong, tries are left)
 *                             closed            burn, refuse                   (wrong, it was the last)
 *                             closed            refuse                         (the code was open no longer)
 *     any      code-closed    closed
 *
 * A repeated confirm gets its 202 again from the kept request, before this machine sees it.
 * Anything else is refused where it came over the network, and is a bug where it did not.
 * @see docs/PROTOCOL.md section 2
 */
import { type Bytes, concat, equalInConstantTime, toBase64Url, utf8 } from "./bytes.ts"
import { newScalar, publicShare, type Scalar, sessionKey, sharedPoint } from "./cpace.ts"
import { derivePairingKeys, type PairingKeys, pairingGenerator } from "./key-schedule.ts"
import { type Confirm, type Hello, ownFeatures, type Self } from "./pairing-messages.ts"
import { type ConfirmedPairing, confirmedPairing } from "./requests.ts"

export const handshakeLifetimeMilliseconds = 60 * 1000
export const mostHandshakes = 8
export const hellosPerSecond = 5

/** One `hello` that was answered and may still be confirmed. */
export type Handshake = {
  readonly pairing: string
  readonly openedAt: number
  /** The IP address the `hello` came from. */
  readonly address: string
  readonly hello: Hello
  readonly helloBytes: Uint8Array
  readonly introBytes: Uint8Array
  readonly sid: Uint8Array
  readonly scalar: Scalar
  readonly share: Uint8Array
}

export type MinterState =
  | { readonly kind: "closed" }
  | {
      readonly kind: "open"
      readonly symbols: string
      readonly handshakes: readonly Handshake[]
      /** When the last hellos came, for the limit a second. */
      readonly helloTimes: readonly number[]
    }
  | {
      readonly kind: "judging"
      readonly open: Extract<MinterState, { kind: "open" }>
      readonly handshake: Handshake
      readonly keys: PairingKeys
      readonly isRight: boolean
      readonly address: string
    }

export type MinterEvent =
  | { readonly kind: "code-opened"; readonly symbols: string }
  | { readonly kind: "code-closed" }
  | {
      readonly kind: "hello"
      readonly bytes: Uint8Array
      readonly hello: Hello
      readonly address: string
      readonly self: Self
      readonly random: MinterRandom
      readonly now: number
    }
  | { readonly kind: "confirm"; readonly confirm: Confirm; readonly address: string; readonly now: number }
  /** The disk's word: tries left after this one, or null where the code was spent, burned or had expired. */
  | { readonly kind: "try-taken"; readonly left: number | null }

/** Random bytes that one hello takes: 16, 16 and 64. */
export type MinterRandom = {
  readonly pairing: Uint8Array
  readonly nonce: Uint8Array
  readonly scalar: Uint8Array
}

export type MinterEffect =
  | { readonly kind: "answer-hello"; readonly intro: string; readonly share: string }
  | { readonly kind: "take-try" }
  /** With the tag that answers its confirm, so that a repeated one gets the same answer. */
  | {
      readonly kind: "keep-request"
      readonly request: ConfirmedPairing
      /** Where the joiner says that it is, if that is not where it called from; or null. */
      readonly claimedHost: string | null
      readonly tag: string
    }
  | { readonly kind: "answer-confirm"; readonly tag: string }
  | { readonly kind: "burn"; readonly address: string }
  | { readonly kind: "refuse"; readonly reason: string }

export type MinterStep = readonly [MinterState, readonly MinterEffect[]]

export function stepMinter(state: MinterState, event: MinterEvent): MinterStep {
  switch (event.kind) {
    case "code-opened":
      return [{ kind: "open", symbols: event.symbols, handshakes: [], helloTimes: [] }, []]
    case "code-closed":
      return [{ kind: "closed" }, []]
    case "hello":
      return state.kind === "open" ? answerHello(state, event) : [state, refuse("no code is open")]
    case "confirm":
      return state.kind === "open" ? takeConfirm(state, event) : [state, refuse("no code is open")]
    case "try-taken":
      if (state.kind !== "judging") throw new Error(`a try was taken while ${state.kind}`)
      return judge(state, event.left)
  }
}

const refuse = (reason: string): readonly MinterEffect[] => [{ kind: "refuse", reason }]

type Open = Extract<MinterState, { kind: "open" }>
type HelloEvent = Extract<MinterEvent, { kind: "hello" }>

function answerHello(state: Open, event: HelloEvent): MinterStep {
  const helloTimes = state.helloTimes.filter(time => Math.abs(event.now - time) < 1000)
  if (helloTimes.length >= hellosPerSecond)
    return [{ ...state, helloTimes }, refuse("too many hellos a second")]
  if (event.hello.agent === event.self.agent) return [state, refuse("this agent's own id")]
  const { handshake, intro } = openHandshake(state.symbols, event)
  const handshakes = [...evict(alive(state.handshakes, event.now)), handshake]
  return [
    { ...state, handshakes, helloTimes: [...helloTimes, event.now] },
    [{ kind: "answer-hello", intro, share: toBase64Url(handshake.share) }],
  ]
}

function openHandshake(symbols: string, event: HelloEvent): { handshake: Handshake; intro: string } {
  const { self, random, hello } = event
  const pairing = toBase64Url(random.pairing)
  const intro = JSON.stringify({
    v: 1,
    pairing,
    name: self.name,
    agent: self.agent,
    ...(self.host === null ? {} : { host: self.host }),
    port: self.port,
    nonce: toBase64Url(random.nonce),
    features: ownFeatures,
  })
  const introBytes = utf8(intro)
  const sid = concat(hello.nonce, random.nonce)
  const scalar = newScalar(random.scalar)
  const share = publicShare(scalar, pairingGenerator(symbols, event.bytes, introBytes, sid))
  const { address, bytes: helloBytes, now: openedAt } = event
  return {
    handshake: { pairing, openedAt, address, hello, helloBytes, introBytes, sid, scalar, share },
    intro,
  }
}

const alive = (handshakes: readonly Handshake[], now: number): readonly Handshake[] =>
  handshakes.filter(({ openedAt }) => Math.abs(now - openedAt) <= handshakeLifetimeMilliseconds)

/** Makes room for one more: the oldest of the address that holds most goes, so that a crowd evicts itself. */
function evict(handshakes: readonly Handshake[]): readonly Handshake[] {
  if (handshakes.length < mostHandshakes) return handshakes
  const countOf = (address: string): number => handshakes.filter(one => one.address === address).length
  const busiest = handshakes.reduce((a, b) => (countOf(b.address) > countOf(a.address) ? b : a))
  return handshakes.filter(one => one !== busiest)
}

function takeConfirm(state: Open, event: Extract<MinterEvent, { kind: "confirm" }>): MinterStep {
  const { confirm, address, now } = event
  const pairing = toBase64Url(confirm.pairing)
  const handshake = alive(state.handshakes, now).find(one => one.pairing === pairing)
  if (handshake === undefined) return [state, refuse("no such handshake")]
  const open = { ...state, handshakes: state.handshakes.filter(one => one !== handshake) }
  const keys = keysOf(handshake, confirm.Y)
  if (keys === null) return [open, refuse("a share that cannot be used")]
  const isRight = equalInConstantTime(keys.joinerTag, confirm.tag)
  return [{ kind: "judging", open, handshake, keys, isRight, address }, [{ kind: "take-try" }]]
}

/** Null for a share that does not decode, is the identity, or is our own played back. */
function keysOf(handshake: Handshake, joinerShare: Bytes): PairingKeys | null {
  if (equalInConstantTime(joinerShare, handshake.share)) return null
  const shared = sharedPoint(handshake.scalar, joinerShare)
  if (shared === null) return null
  const nothing = new Uint8Array()
  const key = sessionKey(
    handshake.sid,
    shared,
    { share: handshake.share, associated: nothing },
    { share: joinerShare, associated: nothing },
  )
  const { helloBytes: hello, introBytes: intro, share: minterShare } = handshake
  return derivePairingKeys(key, handshake.sid, { hello, intro, minterShare, joinerShare })
}

function judge(state: Extract<MinterState, { kind: "judging" }>, left: number | null): MinterStep {
  if (left === null) return [{ kind: "closed" }, refuse("the code is no longer open")]
  if (state.isRight) return [{ kind: "closed" }, acceptConfirm(state)]
  if (left > 0) return [state.open, refuse(`a wrong code from ${state.address}`)]
  return [
    { kind: "closed" },
    [{ kind: "burn", address: state.address }, ...refuse(`a wrong code from ${state.address}, the last try`)],
  ]
}

function acceptConfirm(state: Extract<MinterState, { kind: "judging" }>): readonly MinterEffect[] {
  const { handshake, keys, address } = state
  const { hello } = handshake
  // The address that was spoken to, until the one that is claimed has given an answer that the peer alone can sign.
  const request = confirmedPairing("minter", handshake.pairing, hello, address, keys)
  const claimedHost = hello.host?.toLowerCase() === address ? null : (hello.host ?? null)
  const tag = toBase64Url(keys.minterTag)
  return [
    { kind: "keep-request", request, claimedHost, tag },
    { kind: "answer-confirm", tag },
  ]
}
