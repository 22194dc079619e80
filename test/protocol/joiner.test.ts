import { describe, expect, test } from "bun:test"
import { decodeJson, toBase64Url, utf8 } from "../../src/protocol/bytes.ts"
import { scalarRandomBytes } from "../../src/protocol/cpace.ts"
import {
  type JoinerEffect,
  type JoinerEvent,
  type JoinerState,
  resumeJoiner,
  stepJoiner,
} from "../../src/protocol/joiner.ts"
import { decisionPollTag, decisionStateTag } from "../../src/protocol/key-schedule.ts"
import { stepMinter } from "../../src/protocol/minter.ts"
import type { ConfirmedPairing } from "../../src/protocol/requests.ts"
import { filled, hex, json } from "../support/bytes.ts"
import {
  confirmEvent,
  confirmOf,
  flipped,
  fritz,
  hana,
  helloAnswer,
  helloEvent,
  joinerOf,
  meet,
  opened,
} from "../support/pairing.ts"
import known from "../vectors/sento-pairing.json"

/** An honest run up to the minter's 202; `joinerSymbols` is what was typed. */
function exchange(joinerSymbols = "4F2K") {
  const joiner = joinerOf(joinerSymbols)
  const [open, answered] = stepMinter(opened(), helloEvent(joiner.hello))
  const answer = helloAnswer(answered)
  const found = meet(joiner, answer)
  const { after, confirm } = confirmOf(found)
  const [judging] = stepMinter(open, confirmEvent(confirm))
  const [, effects] = stepMinter(judging, { kind: "try-taken", left: 2 })
  const tag = effects.find(effect => effect.kind === "answer-confirm")?.tag ?? null
  const minterRequest = effects.find(effect => effect.kind === "keep-request")?.request ?? null
  return { joiner, answer, found, after, confirm, tag, minterRequest }
}

const honest = exchange()
const confirmAnswered = (body: Uint8Array | null): JoinerEvent => ({
  kind: "confirm-answered",
  body,
  host: "192.168.1.10",
})
const decided = (body: Uint8Array | null): JoinerEvent => ({ kind: "decision-answered", body })
const failed = (reason: string) => [{ kind: "failed" }, [{ kind: "fail", reason }]]

function waiting(): { state: JoinerState; request: ConfirmedPairing; effects: readonly JoinerEffect[] } {
  const [state, effects] = stepJoiner(honest.after, confirmAnswered(json({ tag: honest.tag })))
  if (state.kind !== "waiting") throw new Error(`the joiner is ${state.kind}`)
  return { state, request: state.request, effects }
}

describe("an honest run", () => {
  test("the hello says who joins, and nothing of the code", () => {
    const { hello } = joinerOf("4F2K", { ...fritz, host: "fritz.lan" })
    expect(decodeJson(hello)).toEqual({
      v: 1,
      suite: "CPACE-RISTR255-SHA512",
      name: "fritz",
      agent: "fritz-001",
      host: "fritz.lan",
      port: 9877,
      nonce: toBase64Url(filled(16, 1)),
      features: ["aes128gcm"],
    })
  })

  test("nothing is sent before the joiner's owner consents", () => {
    const [state, effects] = stepJoiner(honest.joiner, {
      kind: "hello-answered",
      body: json(honest.answer),
      random: filled(scalarRandomBytes, 200),
    })
    expect([state.kind, effects.map(({ kind }) => kind)]).toEqual(["knows-minter", ["found"]])
  })

  test("the confirm is counted before it is posted", () => {
    const [state, effects] = stepJoiner(honest.found, { kind: "consented" })
    expect([state.kind, effects.map(({ kind }) => kind)]).toEqual([
      "knows-keys",
      ["count-confirm", "post-confirm"],
    ])
  })

  test("both sides keep the same pair, with each one's sending key the other's receiving key", () => {
    const { request } = waiting()
    const other = honest.minterRequest
    expect(request).toEqual({
      role: "joiner",
      pairing: toBase64Url(filled(16, 100)),
      name: "hana",
      agent: hana.agent,
      host: "192.168.1.10",
      port: hana.port,
      features: ["aes128gcm"],
      verifier: other?.verifier ?? "",
      pairId: other?.pairId ?? "",
      sendKey: other?.receiveKey ?? "",
      receiveKey: other?.sendKey ?? "",
      decisionKey: other?.decisionKey ?? "",
    })
    expect([other?.name, other?.port, request.sendKey === request.receiveKey]).toEqual(["fritz", 9877, false])
    expect(request.verifier).toMatch(/^[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$/)
  })

  test("the request is on disk before the first poll, and the poll carries the tag of a poll", () => {
    const { effects, request } = waiting()
    const tag = toBase64Url(decisionPollTag(hex(request.decisionKey)))
    expect(effects).toEqual([
      { kind: "keep-request", request },
      { kind: "poll", body: json({ pairing: request.pairing, tag }) },
    ])
  })

  test("neither the code nor a scalar is left in the states that follow", () => {
    expect([Object.keys(honest.found), Object.keys(honest.after)]).toEqual([
      ["kind", "intro", "keys", "share"],
      ["kind", "intro", "keys"],
    ])
  })

  test("a Guardian that stopped goes on polling", () => {
    const { state, request, effects } = waiting()
    expect(resumeJoiner(request)).toEqual([state, effects.slice(1)])
  })
})

describe("an answer to hello that ends it", () => {
  const { answer, joiner } = honest
  const intro = JSON.parse(answer.intro)
  const change = (part: object): object => ({ ...answer, intro: JSON.stringify({ ...intro, ...part }) })

  test.each([
    ["no JSON", utf8("<html>"), "malformed-answer"],
    ["no share", json({ intro: answer.intro }), "malformed-answer"],
    ["a share of 31 bytes", json({ ...answer, Y: toBase64Url(filled(31, 1)) }), "malformed-answer"],
    ["an intro that is an object", json({ ...answer, intro }), "malformed-answer"],
    ["an intro that is no JSON", json({ ...answer, intro: "{" }), "malformed-answer"],
    [
      "an intro longer than 4096",
      json({ ...answer, intro: `${answer.intro}${" ".repeat(4096)}` }),
      "malformed-answer",
    ],
    ["another version", json(change({ v: 2 })), "malformed-answer"],
    ["a name with an escape", json(change({ name: "ha\u001b[2Jna" })), "malformed-answer"],
    ["a host that is this machine", json(change({ host: "0.0.0.0" })), "malformed-answer"],
    ["a port of 0", json(change({ port: 0 })), "malformed-answer"],
    ["a nonce of 15 bytes", json(change({ nonce: toBase64Url(filled(15, 1)) })), "malformed-answer"],
    ["this agent's own id", json(change({ agent: fritz.agent })), "own-agent"],
    [
      "the identity: the minter would know every key",
      json({ ...answer, Y: toBase64Url(filled(32, 0)) }),
      "unsafe-share",
    ],
    ["a point that does not decode", json({ ...answer, Y: toBase64Url(filled(32, 0xff)) }), "unsafe-share"],
    [
      "the joiner's own share reflected",
      json({ ...answer, Y: toBase64Url(honest.found.share) }),
      "unsafe-share",
    ],
  ])("%s", (_, body, reason) =>
    expect(
      stepJoiner(joiner, { kind: "hello-answered", body, random: filled(scalarRandomBytes, 200) }),
    ).toEqual(failed(reason) as never),
  )
})

describe("without the minter's right tag nothing is kept and nothing shown", () => {
  const right = honest.tag ?? ""

  test.each([
    ["no 202", null],
    ["an empty body", new Uint8Array()],
    ["no tag", json({})],
    ["a false minter's tag", json({ tag: flipped(right) })],
    ["the joiner's own tag played back", json({ tag: toBase64Url(honest.confirm.tag) })],
    ["a tag cut short", json({ tag: right.slice(0, 20) })],
    ["a padded tag", json({ tag: `${right}=` })],
  ])("%s", (_, body) =>
    expect(stepJoiner(honest.after, confirmAnswered(body))).toEqual(failed("wrong-code") as never),
  )

  test("a wrong code gets no tag from the minter", () => {
    expect([exchange("4F2M").tag, exchange("4F2M").minterRequest]).toEqual([null, null])
  })
})

describe("the other owner's answer", () => {
  const { state, request, effects } = waiting()
  const key = hex(request.decisionKey)
  const poll = effects.slice(1)
  const signed = (answer: string, as = answer): Uint8Array =>
    json({ state: answer, tag: toBase64Url(decisionStateTag(key, as)) })

  test.each(["approved", "denied", "expired"] as const)("%s settles it", outcome =>
    expect(stepJoiner(state, decided(signed(outcome)))).toEqual([
      { kind: "settled", outcome },
      [{ kind: "settle", outcome }],
    ]),
  )

  test.each([
    ["none came", null],
    ["still waiting", signed("waiting")],
    ["unsigned", json({ state: "approved" })],
    ["forged by one without the key", json({ state: "approved", tag: toBase64Url(filled(32, 0)) })],
    ["a denial's tag on an approval", signed("approved", "denied")],
    ["an approval's tag on a denial", signed("denied", "approved")],
    ["the tag of waiting on an approval", signed("approved", "waiting")],
    ["the poll's own tag played back", json({ state: "approved", tag: toBase64Url(decisionPollTag(key)) })],
    ["a state that there is not", signed("poll")],
    ["no JSON", utf8("approved")],
  ])("asks again: %s", (_, body) => expect(stepJoiner(state, decided(body))).toEqual([state, poll]))

  test("a kept request whose key is broken is a bug", () => {
    expect(() => resumeJoiner({ ...request, decisionKey: "00" })).toThrow("not 64 hex digits")
  })
})

describe("an event in the wrong state is a bug", () => {
  const events: readonly JoinerEvent[] = [
    { kind: "hello-answered", body: json(honest.answer), random: filled(scalarRandomBytes, 200) },
    { kind: "consented" },
    confirmAnswered(null),
    decided(null),
  ]
  const states: readonly (readonly [JoinerState, string])[] = [
    [honest.joiner, "hello-answered"],
    [honest.found, "consented"],
    [honest.after, "confirm-answered"],
    [waiting().state, "decision-answered"],
    [{ kind: "failed" }, ""],
    [{ kind: "settled", outcome: "approved" }, ""],
  ]
  const pairs = states.flatMap(([state, fits]) =>
    events.filter(event => event.kind !== fits).map(event => [event.kind, state.kind, state, event] as const),
  )

  test.each(pairs)("%s while %s", (_, __, state, event) =>
    expect(() => stepJoiner(state, event)).toThrow(`the joiner got ${event.kind} while ${state.kind}`),
  )
})

describe("somebody in between who changes a byte leaves two sides that do not agree", () => {
  /** The tags and verifiers of both sides when hello and its answer are changed on the way. */
  function tampered(
    hello: (text: string) => string,
    answer: (one: { intro: string; Y: string }) => { intro: string; Y: string },
  ): { accepted: boolean; reasons: string[] } {
    const joiner = joinerOf()
    const seen = utf8(hello(new TextDecoder().decode(joiner.hello)))
    const [open, answered] = stepMinter(opened(), helloEvent(seen))
    const { confirm } = confirmOf(meet(joiner, answer(helloAnswer(answered))))
    const [judging] = stepMinter(open, confirmEvent(confirm))
    const [, effects] = stepMinter(judging, { kind: "try-taken", left: 2 })
    return {
      accepted: effects.some(({ kind }) => kind === "answer-confirm"),
      reasons: effects.flatMap(effect => (effect.kind === "refuse" ? [effect.reason] : [])),
    }
  }
  const same = <T>(one: T): T => one
  const inIntro =
    (from: string, to: string) =>
    (one: { intro: string; Y: string }): { intro: string; Y: string } => ({
      ...one,
      intro: one.intro.replace(from, to),
    })
  const otherPoint = toBase64Url(hex(known.Y_minter))

  test.each([
    ["the joiner's name", (text: string) => text.replace("fritz", "frida"), same],
    ["the joiner's port", (text: string) => text.replace("9877", "9878"), same],
    [
      "the joiner's features, to turn encryption off",
      (text: string) => text.replace('"aes128gcm"', ""),
      same,
    ],
    ["a space in hello", (text: string) => text.replace(",", ", "), same],
    ["the minter's name", same, inIntro("hana", "hans")],
    ["the minter's port", same, inIntro("9876", "9879")],
    ["the minter's features", same, inIntro('"aes128gcm"', "")],
    ["a space in intro", same, inIntro(",", ", ")],
    ["a key twice in intro", same, inIntro('"v":1', '"v":1,"v":1')],
    ["the minter's share", same, (one: { intro: string; Y: string }) => ({ ...one, Y: otherPoint })],
  ])("%s", (_, hello, answer) =>
    expect(tampered(hello, answer)).toEqual({
      accepted: false,
      reasons: ["a wrong code from 192.168.1.20"],
    }),
  )

  test("one who relays every byte unchanged is no harm", () => {
    expect(tampered(same, same)).toEqual({ accepted: true, reasons: [] })
  })
})
