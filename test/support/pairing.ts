/** Two sides of a pairing with fixed random bytes: the same keys on every run. */
import * as v from "valibot"
import { decodeJson, fromBase64Url, toBase64Url } from "../../src/protocol/bytes.ts"
import { scalarRandomBytes } from "../../src/protocol/cpace.ts"
import { type JoinerState, startJoiner, stepJoiner } from "../../src/protocol/joiner.ts"
import type { MinterEffect, MinterEvent, MinterState } from "../../src/protocol/minter.ts"
import {
  type Confirm,
  confirmSchema,
  helloSchema,
  nonceLength,
  pairingIdLength,
  type Self,
} from "../../src/protocol/pairing-messages.ts"
import { filled, json } from "./bytes.ts"

export const hana: Self = { name: "hana", agent: "hana-0001", port: 9876, host: null }
export const fritz: Self = { name: "fritz", agent: "fritz-001", port: 9877, host: null }
export const now = Date.UTC(2026, 10, 23, 10)

type HelloEvent = Extract<MinterEvent, { kind: "hello" }>
type Found = Extract<JoinerState, { kind: "knows-minter" }>

/** A minter with an open code. */
export const opened = (symbols = "4F2K"): MinterState => ({
  kind: "open",
  symbols,
  handshakes: [],
  helloTimes: [],
})

/** The joiner's first state. @param seed - makes its nonce */
export const joinerOf = (symbols = "4F2K", self = fritz, seed = 1) =>
  startJoiner(symbols, self, filled(nonceLength, seed))

/** What the minter's Guardian makes of hello's bytes. @param seed - makes all random bytes of this hello */
export function helloEvent(bytes: Uint8Array, seed = 100, changes: Partial<HelloEvent> = {}): HelloEvent {
  return {
    kind: "hello",
    bytes,
    hello: v.parse(helloSchema, decodeJson(bytes)),
    address: "192.168.1.20",
    self: hana,
    random: {
      pairing: filled(pairingIdLength, seed),
      nonce: filled(nonceLength, seed + 1),
      scalar: filled(scalarRandomBytes, seed + 2),
    },
    now,
    ...changes,
  }
}

/** The body of the 200 to a hello. */
export function helloAnswer(effects: readonly MinterEffect[]): { intro: string; Y: string } {
  const answer = effects.find(effect => effect.kind === "answer-hello")
  if (answer === undefined) throw new Error(`hello was not answered: ${JSON.stringify(effects)}`)
  return { intro: answer.intro, Y: answer.share }
}

/** The joiner once it has met the minter. */
export function meet(joiner: JoinerState, answer: { intro: string; Y: string }, seed = 200): Found {
  const [met] = stepJoiner(joiner, {
    kind: "hello-answered",
    body: json(answer),
    random: filled(scalarRandomBytes, seed),
  })
  if (met.kind !== "knows-minter") throw new Error(`the joiner is ${met.kind}`)
  return met
}

/** What the joiner posts with its owner's consent, parsed as the minter's Guardian does. */
export function confirmOf(met: JoinerState): { after: JoinerState; confirm: Confirm } {
  const [after, effects] = stepJoiner(met, { kind: "consented" })
  const post = effects.find(effect => effect.kind === "post-confirm")
  return { after, confirm: v.parse(confirmSchema, decodeJson(post?.body ?? new Uint8Array())) }
}

export const confirmEvent = (confirm: Confirm, at = now, address = "192.168.1.20"): MinterEvent => ({
  kind: "confirm",
  confirm,
  address,
  now: at,
})

/** The same bytes with one bit changed. */
export const flipped = (text: string): string => {
  const bytes = fromBase64Url(text, 32) ?? filled(32, 0)
  return toBase64Url(bytes.with(0, (bytes[0] ?? 0) ^ 1))
}
