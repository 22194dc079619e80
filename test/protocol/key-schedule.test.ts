/** The known answer of docs/PROTOCOL.md section 2: one handshake, all its values. */
import { describe, expect, test } from "bun:test"
import { concat, toHex, utf8 } from "../../src/protocol/bytes.ts"
import { readCode } from "../../src/protocol/codes.ts"
import { lv, publicShare, scalarFromBytes, sessionKey, sharedPoint } from "../../src/protocol/cpace.ts"
import {
  decisionPollTag,
  decisionStateTag,
  derivePairingKeys,
  pairingGenerator,
  type Transcript,
  transcriptHash,
} from "../../src/protocol/key-schedule.ts"
import { filled, hex } from "../support/bytes.ts"
import known from "../vectors/sento-pairing.json"

const hello = utf8(known.hello)
const intro = utf8(known.intro)
const sid = hex(known.sid)
const transcript: Transcript = {
  hello,
  intro,
  minterShare: hex(known.Y_minter),
  joinerShare: hex(known.Y_joiner),
}

describe("the known answer", () => {
  test("the code feeds the PAKE as its symbols alone", () => {
    expect(utf8(readCode(known.code) ?? "")).toEqual(hex(known.PRS))
  })

  test("the channel is bound to the exact bytes of hello and intro, the session to both nonces", () => {
    expect(lv(utf8("sento/pair/1"), hello, intro)).toEqual(hex(known.CI))
    expect(concat(hex(known.nI), hex(known.nR))).toEqual(sid)
  })

  test("generator, both shares, K and ISK", () => {
    const g = pairingGenerator("4F2K", hello, intro, sid)
    const [minter, joiner] = [scalarFromBytes(hex(known.y_minter)), scalarFromBytes(hex(known.y_joiner))]
    const nothing = new Uint8Array()
    const key = sessionKey(
      sid,
      hex(known.K),
      { share: transcript.minterShare, associated: nothing },
      { share: transcript.joinerShare, associated: nothing },
    )
    expect({
      g,
      Y_minter: publicShare(minter, g),
      Y_joiner: publicShare(joiner, g),
      K: sharedPoint(minter, transcript.joinerShare),
      alsoK: sharedPoint(joiner, transcript.minterShare),
      ISK: key,
    }).toEqual({
      g: hex(known.g),
      Y_minter: hex(known.Y_minter),
      Y_joiner: hex(known.Y_joiner),
      K: hex(known.K),
      alsoK: hex(known.K),
      ISK: hex(known.ISK),
    })
  })

  test("transcript hash, tags, keys, pair id and verifier", () => {
    expect(transcriptHash(transcript)).toEqual(hex(known.TH))
    expect(derivePairingKeys(hex(known.ISK), sid, transcript)).toEqual({
      pairId: hex(known.pairId),
      joinerToMinter: hex(known.key_joiner_to_minter),
      minterToJoiner: hex(known.key_minter_to_joiner),
      decision: hex(known.key_decision),
      joinerTag: hex(known.tag_joiner),
      minterTag: hex(known.tag_minter),
      verifier: known.verifier,
    })
  })
})

describe("every byte that both sides saw changes every key", () => {
  const base = derivePairingKeys(hex(known.ISK), sid, transcript)
  const spelled = (keys: typeof base): string[] =>
    Object.values(keys).map(value => (typeof value === "string" ? value : toHex(value)))

  test.each([
    ["hello", { ...transcript, hello: utf8(known.hello.replace("fritz", "fritx")) }],
    ["intro", { ...transcript, intro: utf8(known.intro.replace("hana", "hans")) }],
    ["a space in hello", { ...transcript, hello: utf8(`${known.hello} `) }],
    ["the minter's share", { ...transcript, minterShare: filled(32, 9) }],
    ["the joiner's share", { ...transcript, joinerShare: filled(32, 9) }],
    [
      "the shares swapped",
      { ...transcript, minterShare: transcript.joinerShare, joinerShare: transcript.minterShare },
    ],
    [
      "a byte moved from hello to intro",
      { ...transcript, hello: hello.slice(0, -1), intro: concat(utf8("}"), intro) },
    ],
  ])("%s", (_, other) => {
    const changed = spelled(derivePairingKeys(hex(known.ISK), sid, other))
    expect(spelled(base).filter(value => changed.includes(value))).toEqual([])
  })

  test("the session id", () => {
    const changed = spelled(derivePairingKeys(hex(known.ISK), filled(32, 1), transcript))
    expect(spelled(base).filter(value => changed.includes(value))).toEqual([])
  })

  test("no two derived values are the same, so none stands in for another", () => {
    expect(new Set(spelled(base)).size).toBe(7)
  })
})

test("the tag of a poll and of each state differ, so none can be played back as another", () => {
  const key = hex(known.key_decision)
  const states = ["waiting", "approved", "denied", "expired"].map(state => decisionStateTag(key, state))
  const tags = [decisionPollTag(key), ...states].map(toHex)
  expect([new Set(tags).size, tags.every(tag => tag.length === 64)]).toEqual([5, true])
})
