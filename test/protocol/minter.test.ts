import { describe, expect, test } from "bun:test"
import { fromBase64Url, toBase64Url } from "../../src/protocol/bytes.ts"
import { pointLength } from "../../src/protocol/cpace.ts"
import {
  type MinterEffect,
  type MinterEvent,
  type MinterState,
  stepMinter,
} from "../../src/protocol/minter.ts"
import type { Confirm } from "../../src/protocol/pairing-messages.ts"
import { filled } from "../support/bytes.ts"
import {
  confirmEvent,
  confirmOf,
  fritz,
  hana,
  helloAnswer,
  helloEvent,
  joinerOf,
  meet,
  now,
  opened,
} from "../support/pairing.ts"

const refuse = (reason: string) => ({ kind: "refuse", reason }) as const
const wrong = "a wrong code from 192.168.1.20"

/** Feeds the events one by one: the last state and all effects. */
function run(state: MinterState, ...events: readonly MinterEvent[]): [MinterState, MinterEffect[]] {
  const all: MinterEffect[] = []
  for (const event of events) {
    const [next, effects] = stepMinter(state, event)
    state = next
    all.push(...effects)
  }
  return [state, all]
}

/** A minter that answered one hello, and what a joiner with these symbols confirms. */
function met(symbols = "4F2K"): { open: MinterState; confirm: Confirm } {
  const joiner = joinerOf(symbols)
  const [open, effects] = run(opened(), helloEvent(joiner.hello))
  return { open, confirm: confirmOf(meet(joiner, helloAnswer(effects))).confirm }
}

const kinds = (effects: readonly MinterEffect[]): string[] => effects.map(({ kind }) => kind)
const judged = (left: number | null): MinterEvent => ({ kind: "try-taken", left })

describe("each row of the table", () => {
  test("a closed minter opens with a code", () => {
    expect(run({ kind: "closed" }, { kind: "code-opened", symbols: "4F2K" })).toEqual([opened(), []])
  })

  test("hello is answered with an intro and a share", () => {
    const [state, effects] = run(opened(), helloEvent(joinerOf().hello))
    const { intro, Y } = helloAnswer(effects)
    expect([state.kind, kinds(effects), JSON.parse(intro), fromBase64Url(Y, pointLength)?.length]).toEqual([
      "open",
      ["answer-hello"],
      {
        v: 1,
        pairing: toBase64Url(filled(16, 100)),
        name: "hana",
        agent: "hana-0001",
        port: 9876,
        nonce: toBase64Url(filled(16, 101)),
        features: ["aes128gcm"],
      },
      32,
    ])
  })

  test("the intro names a host where the owner set one", () => {
    const self = { ...hana, host: "hana.lan" }
    const [, effects] = run(opened(), helloEvent(joinerOf().hello, 100, { self }))
    expect(JSON.parse(helloAnswer(effects).intro).host).toBe("hana.lan")
  })

  test("a try is taken from the disk before anything is answered", () => {
    const { open, confirm } = met()
    const [state, effects] = run(open, confirmEvent(confirm))
    expect([state.kind, effects]).toEqual(["judging", [{ kind: "take-try" }]])
  })

  test("the right code: the request is kept, then the tag goes out, then the code is closed", () => {
    const { open, confirm } = met()
    const [state, effects] = run(open, confirmEvent(confirm), judged(2))
    expect([state, kinds(effects)]).toEqual([
      { kind: "closed" },
      ["take-try", "keep-request", "answer-confirm"],
    ])
  })

  test("the right code with the last try still counts", () => {
    const { open, confirm } = met()
    expect(kinds(run(open, confirmEvent(confirm), judged(0))[1])).toContain("answer-confirm")
  })

  test.each([2, 1])(
    "a wrong code with %d tries left: open, and nothing that tells more than the one refusal",
    left => {
      const { open, confirm } = met("4F2M")
      const [state, effects] = run(open, confirmEvent(confirm), judged(left))
      expect([state.kind, effects]).toEqual(["open", [{ kind: "take-try" }, refuse(wrong)]])
    },
  )

  test("a wrong code with the last try burns the code and names the address", () => {
    const { open, confirm } = met("4F2M")
    expect(run(open, confirmEvent(confirm), judged(0))).toEqual([
      { kind: "closed" },
      [{ kind: "take-try" }, { kind: "burn", address: "192.168.1.20" }, refuse(`${wrong}, the last try`)],
    ])
  })

  test("a code that expired between confirm and the disk's word is refused, though it was right", () => {
    const { open, confirm } = met()
    expect(run(open, confirmEvent(confirm), judged(null))).toEqual([
      { kind: "closed" },
      [{ kind: "take-try" }, refuse("the code is no longer open")],
    ])
  })

  test.each([
    ["closed", { kind: "closed" } as const],
    ["open", met().open],
    ["judging", run(met().open, confirmEvent(met().confirm))[0]],
  ] as const)("closing the code while %s closes", (_, state) => {
    expect(run(state, { kind: "code-closed" })).toEqual([{ kind: "closed" }, []])
  })
})

describe("out of order", () => {
  const { open, confirm } = met()
  const judging = run(open, confirmEvent(confirm))[0]

  test.each([
    ["hello without a code", { kind: "closed" }, helloEvent(joinerOf().hello)],
    ["confirm without a code", { kind: "closed" }, confirmEvent(confirm)],
    ["hello while a confirm is judged", judging, helloEvent(joinerOf().hello)],
    ["a second confirm while the first is judged", judging, confirmEvent(confirm)],
  ] as [string, MinterState, MinterEvent][])("%s is refused and changes nothing", (_, state, event) =>
    expect(run(state, event)).toEqual([state, [refuse("no code is open")]]),
  )

  test.each([
    ["closed", { kind: "closed" } as MinterState],
    ["open", open],
  ] as const)("a try taken while %s is a bug", (_, state) =>
    expect(() => run(state, judged(2))).toThrow("a try was taken while"),
  )

  test("a new code forgets the handshakes of the old one", () => {
    const [state, effects] = run(open, { kind: "code-opened", symbols: "9XQM" }, confirmEvent(confirm))
    expect([state, effects]).toEqual([opened("9XQM"), [refuse("no such handshake")]])
  })
})

describe("a handshake", () => {
  test("dies at its first confirm: a second guess with it costs no try and gets nothing", () => {
    const { open, confirm } = met("4F2M")
    const [state, effects] = run(open, confirmEvent(confirm), judged(2), confirmEvent(confirm))
    expect([state.kind, effects.slice(2)]).toEqual(["open", [refuse("no such handshake")]])
  })

  test.each([
    ["lives 60 s", now + 60_000, ["take-try"]],
    ["is dead a millisecond later", now + 60_001, ["refuse"]],
    ["is dead when the clock was set back", now - 60_001, ["refuse"]],
  ])("%s", (_, at, want) => {
    const { open, confirm } = met()
    expect(kinds(run(open, confirmEvent(confirm, at))[1])).toEqual(want)
  })

  test("with a pairing id that nobody was given is refused", () => {
    const { open, confirm } = met()
    const other = { ...confirm, pairing: filled(16, 9) }
    expect(run(open, confirmEvent(other))).toEqual([open, [refuse("no such handshake")]])
  })

  test("is bound to its own pairing id: one joiner's proof does not fit another's handshake", () => {
    const { open, confirm } = met()
    const [both, answers] = run(open, helloEvent(joinerOf("4F2K", fritz, 2).hello, 110))
    const { intro } = helloAnswer(answers)
    const moved = { ...confirm, pairing: fromBase64Url(JSON.parse(intro).pairing, 16) ?? filled(16, 0) }
    expect(run(both, confirmEvent(moved), judged(2))[1]).toEqual([{ kind: "take-try" }, refuse(wrong)])
  })

  test("has a fresh share and nonce for the very same hello", () => {
    const { hello } = joinerOf()
    const [, effects] = run(opened(), helloEvent(hello, 100), helloEvent(hello, 110))
    const shares = effects.map(effect => (effect.kind === "answer-hello" ? effect.share : ""))
    expect(new Set(shares).size).toBe(2)
  })
})

describe("a share that cannot be used costs no try", () => {
  const { open, confirm } = met()
  const answered = open.kind === "open" ? open.handshakes[0]?.share : undefined

  test.each([
    ["a malformed point", filled(pointLength, 0xff)],
    ["the identity, with which K would be known", filled(pointLength, 0)],
    ["the minter's own share reflected", new Uint8Array(answered ?? [])],
  ])("%s", (_, Y) => {
    const [state, effects] = run(open, confirmEvent({ ...confirm, Y }))
    expect([state.kind === "open" && state.handshakes, effects]).toEqual([
      [],
      [refuse("a share that cannot be used")],
    ])
  })
})

describe("limits", () => {
  test("the sixth hello in a second is refused, and the next second opens again", () => {
    const hellos = [0, 10, 20, 30, 40, 999, 1000].map((after, i) =>
      helloEvent(joinerOf("4F2K", fritz, i).hello, 100 + i, { now: now + after }),
    )
    expect(run(opened(), ...hellos)[1].map(one => (one.kind === "refuse" ? one.reason : one.kind))).toEqual([
      ...Array(5).fill("answer-hello"),
      "too many hellos a second",
      "answer-hello",
    ])
  })

  /** Opens one handshake a second from each address; the pairing ids that are left. */
  function left(...addresses: readonly string[]): string[] {
    const hellos = addresses.map((address, i) =>
      helloEvent(joinerOf("4F2K", fritz, i).hello, 10 + i, { address, now: now + i * 1000 }),
    )
    const [state] = run(opened(), ...hellos)
    if (state.kind !== "open") throw new Error("closed")
    return state.handshakes.map(one => `${Buffer.from(one.pairing, "base64url")[0] ?? 0}`)
  }

  test.each([
    [
      "eight stay",
      ["a", "b", "c", "d", "e", "f", "g", "h"],
      ["10", "11", "12", "13", "14", "15", "16", "17"],
    ],
    [
      "a ninth evicts the oldest of the busiest address, so that a crowd evicts itself",
      ["honest", "x", "x", "x", "x", "x", "x", "x", "x"],
      ["10", "12", "13", "14", "15", "16", "17", "18"],
    ],
    [
      "a flood from one address leaves an honest joiner in place",
      ["honest", ...Array(20).fill("x")],
      ["10", "24", "25", "26", "27", "28", "29", "30"],
    ],
    [
      "where no address is busier the oldest of all goes",
      ["a", "b", "c", "d", "e", "f", "g", "h", "i"],
      ["11", "12", "13", "14", "15", "16", "17", "18"],
    ],
  ])("%s", (_, addresses, want) => expect(left(...addresses)).toEqual(want))

  test("dead handshakes make room before a living one is evicted", () => {
    const hellos = [0, 1, 2, 3, 4, 5, 6, 7].map(i =>
      helloEvent(joinerOf("4F2K", fritz, i).hello, 10 + i, { now: now + i * 1000 }),
    )
    const late = helloEvent(joinerOf().hello, 90, { now: now + 66_500 })
    const [state] = run(opened(), ...hellos, late)
    expect(state.kind === "open" && state.handshakes.map(one => one.openedAt - now)).toEqual([7000, 66_500])
  })
})

test("a hello with this agent's own id is refused: one does not pair with oneself", () => {
  const { hello } = joinerOf("4F2K", { ...fritz, agent: hana.agent })
  expect(run(opened(), helloEvent(hello))).toEqual([opened(), [refuse("this agent's own id")]])
})

describe("the joiner is reached where it called from, and where it says that it is is kept apart", () => {
  test.each([
    ["nothing said", null, "192.168.1.20", null],
    ["the same said", "192.168.1.20", "192.168.1.20", null],
    ["another host", "fritz.lan", "192.168.1.20", "fritz.lan"],
    ["our loopback, from elsewhere", "127.0.0.1", "192.168.1.20", "127.0.0.1"],
    ["loopback by name", "evil.localhost", "192.168.1.20", "evil.localhost"],
    ["another host, from loopback", "fritz.lan", "127.0.0.1", "fritz.lan"],
    ["an IPv6 address in capitals", "2001:DB8::1", "2001:db8::1", null],
  ])("%s", (_, host, address, claimedHost) => {
    const joiner = joinerOf("4F2K", { ...fritz, host })
    const [open, effects] = run(opened(), helloEvent(joiner.hello, 100, { address }))
    const { confirm } = confirmOf(meet(joiner, helloAnswer(effects)))
    const [, accepted] = run(open, confirmEvent(confirm, now, address), judged(2))
    const kept = accepted.find(effect => effect.kind === "keep-request")
    expect(kept).toMatchObject({ request: { host: address }, claimedHost })
  })
})
