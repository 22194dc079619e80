/** What becomes of a message while hands type it: what is looked at again in between, and what goes to the disk. */
import { afterEach, describe, expect, test } from "bun:test"
import { createTypist, Withdrawn } from "../../../src/guardian/inbound/typist.ts"
import type { Received } from "../../../src/store/inbox.ts"
import { type Hands, HandsAway } from "../../../src/tmux/hands.ts"
import type { TypingOptions, TypingOutcome } from "../../../src/tmux/typing.ts"
import { createTestContext, type TestContext } from "../../support/context.ts"
import { receive } from "../../support/store.ts"

const pane = { pane: "%1", pid: 7, startTicks: 70 }
const there = { pane, target: { kind: "pane", pane, profile: "claude" } } as const
const submitted: TypingOutcome = { kind: "submitted" }
const held = (change: object = {}): TypingOutcome =>
  ({ kind: "held", state: "draft", reason: "left", pasted: true, ...change }) as TypingOutcome
const stuck = (change: object = {}): TypingOutcome =>
  ({ kind: "stuck", reason: "it stays", left: null, ...change }) as TypingOutcome

let made: TestContext
afterEach(() => made[Symbol.dispose]())

type Typing = (options: TypingOptions, text: string) => TypingOutcome | Promise<TypingOutcome>

/** Pastes, and comes to this. */
const pastes =
  (outcome: TypingOutcome): Typing =>
  async options => {
    await options.onPasted?.()
    return outcome
  }

/** A typist with hands that do as the test says; `told`: what the senders hear. */
function open(type: Typing, hands: Partial<Hands> = {}) {
  const options: TypingOptions[] = []
  const told: string[] = []
  const taken: string[] = []
  made = createTestContext(["kai", "lea"], {
    find: async () => there,
    type: async (_, text, given) => {
      options.push(given)
      return type(given, text)
    },
    findOnScreen: async () => "not-seen",
    takeOut: async (_, text) => {
      taken.push(text)
      return null
    },
    ...hands,
  })
  const start = () =>
    createTypist(made.context, (message, state, reason) => {
      told.push(`${message.name} ${state}${reason === null ? "" : ` ${reason}`}`)
    })
  return { typist: start(), start, options, told, taken }
}

function message(pair = "kai", text = "hello"): Received {
  const id = receive(made.stored, pair, made.now, { text })
  return made.stored.store.inbox.byId(pair, id) as Received
}

const again = (one: Received): Received => made.stored.store.inbox.byShortId(one.shortId) as Received
const stateOf = (one: Received): string => again(one).state
const inBox = (): unknown => made.stored.store.facts.get("in box")

describe("a message", () => {
  test("that is submitted is delivered, its sender told, and nothing left of it in the notes", async () => {
    const { typist, told, options } = open(pastes(submitted))
    const one = message()
    expect(await typist.deliver(one)).toBeNull()
    expect([stateOf(one), told, inBox()]).toEqual(["delivered", ["kai delivered"], null])
    expect(options[0]).toMatchObject({
      resume: false,
      unseen: false,
      pastedAt: null,
      unpressed: false,
      deliver: "hold",
      allowShell: false,
    })
    expect(made.log).toEqual([`[${one.shortId}] from kai delivered`])
  })

  test("is noted as typed, with what stands in the box, before the paste", async () => {
    const { typist } = open(async options => {
      expect([stateOf(one), inBox()]).toEqual(["waiting", null])
      await options.onPasted?.()
      expect([stateOf(one), inBox()]).toMatchObject([
        "typing",
        { pane, profile: "claude", seq: one.seq, shortId: one.shortId, name: "kai" },
      ])
      return submitted
    })
    const one = message()
    await typist.deliver(one)
    expect(stateOf(one)).toBe("delivered")
  })

  test.each<[string, TypingOutcome, string, string[]]>([
    ["is gone is uncertain", { kind: "vanished", reason: "gone" }, "uncertain", ["kai uncertain"]],
    ["was pressed and stays is uncertain", stuck(), "uncertain", ["kai uncertain"]],
    ["stands in the box stays as it is", held({ unpressed: true }), "typing", []],
    ["did not stay in the box waits as before", held({ pasted: false }), "waiting", []],
  ])("that %s", async (_, outcome, state, words) => {
    const { typist, told } = open(pastes(outcome))
    const one = message()
    const result = await typist.deliver(one)
    expect([stateOf(one), told]).toEqual([state, words])
    expect(result === null).toBe(state === "uncertain")
  })

  test.each([
    ["before its paste ends at once with the Guardian", false],
    ["that was pasted has a moment as the Guardian ends", true],
  ])("%s", async (_, isPasted) => {
    const seen: boolean[] = []
    const { typist } = open(async options => {
      if (isPasted) await options.onPasted?.()
      made.stop()
      seen.push(options.signal?.aborted ?? false)
      options.signal?.throwIfAborted()
      return submitted
    })
    const one = message()
    const end = await typist.deliver(one).catch(() => "cut")
    expect([seen, end]).toEqual([[!isPasted], isPasted ? null : "cut"])
  })

  test("that is held before the paste waits, and says why", async () => {
    const { typist, told } = open(() => held({ pasted: false, state: "dialog", reason: "a question" }))
    const one = message()
    expect(await typist.deliver(one)).toMatchObject({ state: "dialog", reason: "a question" })
    expect([stateOf(one), told, inBox()]).toEqual(["waiting", [], null])
  })
})

test("one that its owner released is typed past a pause, and past the replies that are too many", async () => {
  const { typist } = open(pastes(submitted))
  const { store } = made.stored
  const id = receive(made.stored, "kai", made.now, { hops: 99 })
  store.peers.pause("kai", { until: null, reason: "loop" })
  const waiting = store.inbox.byId("kai", id) as Received
  await expect(typist.deliver({ ...waiting, hops: 0 })).rejects.toThrow(Withdrawn)
  store.inbox.release(waiting.seq)
  expect(await typist.deliver(again(waiting))).toBeNull()
  expect(stateOf(waiting)).toBe("delivered")
})

describe("between the look and the paste", () => {
  const meanwhile = (what: () => void): Typing => {
    return async options => {
      what()
      await options.onPasted?.()
      throw new Error("it was pasted")
    }
  }
  test.each<[string, () => void]>([
    ["the pair is removed", () => made.remove("kai")],
    ["the pair is paused", () => made.stored.store.peers.pause("kai", { until: null, reason: "owner" })],
    [
      "the pair is paused for a moment longer",
      () => made.stored.store.peers.pause("kai", { until: made.now + 1, reason: "owner" }),
    ],
    ["a command takes it as its answer", () => made.stored.store.inbox.claim(1, made.now)],
    ["it is dropped with its pair", () => made.stored.store.inbox.drop("kai", made.now)],
  ])("%s: it is not typed, nor noted as typed", async (_, what) => {
    const { typist, told } = open(meanwhile(what))
    const one = message()
    expect(await typist.deliver(one).catch((error: unknown) => error)).toBeInstanceOf(Withdrawn)
    expect(["waiting", "delivered", "dropped"]).toContain(stateOf(one))
    expect([inBox(), told]).toEqual([null, []])
  })

  test("another pair is removed or paused: it is typed", async () => {
    const { typist } = open(async options => {
      made.remove("lea")
      made.stored.store.peers.pause("lea", { until: null, reason: "owner" })
      made.stored.store.peers.pause("kai", { until: made.now, reason: "owner" })
      await options.onPasted?.()
      return submitted
    })
    const one = message()
    expect(await typist.deliver(one)).toBeNull()
    expect(stateOf(one)).toBe("delivered")
  })
})

describe("before anything is typed", () => {
  test("a message whose pair is gone is dropped, and nobody told", async () => {
    const { typist, told, options } = open(pastes(submitted))
    const one = message()
    made.remove("kai")
    expect(await typist.deliver(one)).toBeNull()
    expect([stateOf(one), told, options]).toEqual(["dropped", [], []])
  })

  test("no pane: it waits; one that was pasted is uncertain", async () => {
    const none = { kind: "none", state: "absent", reason: "no session" } as const
    const { typist, told, options } = open(pastes(submitted), {
      find: async () => ({ pane: null, target: none }),
    })
    const one = message()
    expect(await typist.deliver(one)).toMatchObject({ state: "absent", reason: "no session" })
    expect(stateOf(one)).toBe("waiting")
    made.stored.store.inbox.mark(one.seq, "typing", made.now)
    expect(await typist.deliver(again(one))).toBeNull()
    expect([stateOf(one), told, options]).toEqual(["uncertain", ["kai uncertain"], []])
  })

  test("one reply too many pauses its pair, and is not typed", async () => {
    const { typist, told, options } = open(pastes(submitted))
    const id = receive(made.stored, "kai", made.now, { hops: 1000 })
    const one = made.stored.store.inbox.byId("kai", id) as Received
    expect(await typist.deliver(one)).toBeNull()
    expect([stateOf(one), told, options]).toEqual(["waiting", ["kai held loop"], []])
    expect(made.stored.store.peers.pauseOf("kai", made.now)).toMatchObject({ reason: "loop" })
  })
})

describe("what was pasted", () => {
  test("by this process is gone on with, as it was left", async () => {
    const outcomes = [held({ unseen: true, unpressed: true }), held({ unpressed: false }), submitted]
    const { typist, options } = open(async given => {
      if (!given.resume) await given.onPasted?.()
      return outcomes.shift() ?? submitted
    })
    const one = message()
    for (let i = 0; i < 3; i += 1) await typist.deliver(again(one))
    expect(options.map(({ resume, unseen, unpressed }) => ({ resume, unseen, unpressed }))).toEqual([
      { resume: false, unseen: false, unpressed: false },
      { resume: true, unseen: true, unpressed: true },
      { resume: true, unseen: false, unpressed: false },
    ])
    expect(options[0]?.pastedAt).toBeNull()
    expect(options[1]?.pastedAt).toBeGreaterThan(0)
    expect(stateOf(one)).toBe("delivered")
  })

  test.each([
    ["in-box", "delivered", [true]],
    ["submitted", "delivered", []],
    ["not-seen", "uncertain", []],
  ] as const)("by a Guardian before this one, and is %s now: %s", async (sighting, state, resumes) => {
    const { start, options } = open(pastes(submitted), { findOnScreen: async () => sighting })
    const one = message()
    made.stored.store.inbox.mark(one.seq, "typing", made.now)
    expect(await start().deliver(again(one))).toBeNull()
    expect([stateOf(one), options.map(({ resume }) => resume)]).toEqual([state, [...resumes]])
    for (const { pastedAt, unseen, unpressed } of options)
      expect([pastedAt, unseen, unpressed]).toEqual([null, false, false])
  })

  test("by a Guardian before this one, is gone on with by what that one noted of it, and of it alone", async () => {
    const { start, options } = open(pastes(submitted), { findOnScreen: async () => "in-box" })
    const [one, other] = [message(), message()]
    for (const { seq } of [one, other]) made.stored.store.inbox.mark(seq, "typing", made.now)
    const { seq, shortId } = one
    const kept = { pane, profile: "claude", seq, shortId, name: "kai", text: "t", pastedAt: 7 }
    made.stored.store.facts.set("in box", kept)
    await start().deliver(again(other))
    made.stored.store.facts.set("in box", kept)
    await start().deliver(again(one))
    expect(options.map(({ pastedAt }) => pastedAt)).toEqual([null, 7])
  })

  test("into a program that reads lines, by a Guardian before this one, is uncertain", async () => {
    const plain = { pane, target: { kind: "pane", pane, profile: "plain" } } as const
    const { start, options } = open(pastes(submitted), {
      find: async () => plain,
      findOnScreen: async () => "submitted",
    })
    const one = message()
    made.stored.store.inbox.mark(one.seq, "typing", made.now)
    await start().deliver(again(one))
    expect([stateOf(one), options]).toEqual(["uncertain", []])
  })

  test("and swallowed without a return is typed once more, and no oftener", async () => {
    const swallowed = held({ pasted: false, swallowed: true, unpressed: true })
    const { typist, told } = open(pastes(swallowed))
    const one = message()
    expect(await typist.deliver(one)).not.toBeNull()
    expect([stateOf(one), told]).toEqual(["waiting", []])
    expect(await typist.deliver(again(one))).toBeNull()
    expect([stateOf(one), told]).toEqual(["uncertain", ["kai uncertain"]])
  })

  test("and stays without a return is typed once more, and says why", async () => {
    const { typist, told } = open(pastes(stuck({ unpressed: true, left: null })))
    const one = message()
    expect(await typist.deliver(one)).toEqual({ state: "other", reason: "it stays" })
    expect([stateOf(one), told, made.log]).toEqual([
      "waiting",
      [],
      [`[${one.shortId}] from kai: it stays; it was taken out`],
    ])
    expect(await typist.deliver(again(one))).toBeNull()
    expect([stateOf(one), told]).toEqual(["uncertain", ["kai uncertain"]])
  })

  test("and swallowed behind a return is not typed again", async () => {
    const outcomes = [held({ unpressed: false }), held({ pasted: false, swallowed: true })]
    const { typist } = open(async given => {
      if (!given.resume) await given.onPasted?.()
      return outcomes.shift() ?? submitted
    })
    const one = message()
    await typist.deliver(one)
    await typist.deliver(again(one))
    expect(stateOf(one)).toBe("uncertain")
  })

  test("by hands that went away meanwhile is looked for when they are back", async () => {
    let isAway = true
    const { typist, options } = open(
      async given => {
        if (!given.resume) await given.onPasted?.()
        if (isAway) throw new HandsAway("nobody is there")
        return submitted
      },
      { findOnScreen: async () => "in-box" },
    )
    const one = message()
    expect(await typist.deliver(one)).toMatchObject({ state: "other", reason: "nobody is there" })
    expect(stateOf(one)).toBe("typing")
    isAway = false
    expect(await typist.deliver(again(one))).toBeNull()
    expect([stateOf(one), options[1]?.resume, options[1]?.unpressed]).toEqual(["delivered", true, false])
  })

  test("stays as it is while nobody can look, and is looked for then, though this process has pasted it", async () => {
    let isAway = false
    const away = { kind: "none", state: "other", reason: "no hands", isAway: true } as const
    const { typist, told, options } = open(
      async given => {
        if (!given.resume) await given.onPasted?.()
        return held({ unpressed: true })
      },
      {
        find: async () => (isAway ? { pane, target: away } : there),
        findOnScreen: async () => "submitted",
      },
    )
    const one = message()
    await typist.deliver(one)
    isAway = true
    expect(await typist.deliver(again(one))).toEqual({ state: "other", reason: "no hands" })
    expect([stateOf(one), told]).toEqual(["typing", []])
    isAway = false
    expect(await typist.deliver(again(one))).toBeNull()
    expect([stateOf(one), told, options.length]).toEqual(["delivered", ["kai delivered"], 1])
  })

  test("by hands that went away, another one is typed by those that came", async () => {
    let isAway = true
    const { typist, options } = open(
      async given => {
        if (!given.resume) await given.onPasted?.()
        if (isAway) throw new HandsAway("nobody is there")
        return options.length === 4 ? submitted : held({ unseen: true, unpressed: true })
      },
      { findOnScreen: async () => "in-box" },
    )
    const one = message()
    await typist.deliver(one)
    isAway = false
    // What is known of it is known from now on: it is not looked for again.
    for (let i = 0; i < 3; i += 1) await typist.deliver(again(one))
    expect(options.map(({ resume, unseen, unpressed }) => ({ resume, unseen, unpressed }))).toEqual([
      { resume: false, unseen: false, unpressed: false },
      { resume: true, unseen: false, unpressed: false },
      { resume: true, unseen: true, unpressed: false },
      { resume: true, unseen: true, unpressed: false },
    ])
    expect(stateOf(one)).toBe("delivered")
  })

  test("an error of another kind is the worker's", async () => {
    const { typist } = open(() => {
      throw new TypeError("a bug")
    })
    expect(await typist.deliver(message()).catch((error: Error) => error.message)).toBe("a bug")
  })
})

describe("what stands in the box", () => {
  test("of a message whose pair is gone is taken out before the next is typed", async () => {
    const { typist, taken } = open(pastes(held({ unpressed: true })))
    const one = message("kai", "not any more")
    await typist.deliver(one)
    made.stored.store.inbox.drop("kai", made.now)
    expect(await typist.clearBox(message("lea"))).toBe(true)
    expect([taken.length, taken[0]?.includes("not any more"), inBox()]).toEqual([1, true, null])
    expect(await typist.clearBox(null)).toBe(true)
    expect(taken).toHaveLength(1)
  })

  test("of a message that was never pasted is none", async () => {
    const { typist, taken } = open(() => {
      throw new Error("no paste")
    })
    await typist.deliver(message()).catch(() => {})
    expect([await typist.clearBox(message("lea")), taken]).toEqual([true, []])
  })

  test("of the message that is typed next stays", async () => {
    const { typist, taken } = open(pastes(held({ unpressed: true })))
    const one = message()
    await typist.deliver(one)
    expect([await typist.clearBox(again(one)), taken]).toEqual([true, []])
    expect(inBox()).not.toBeNull()
  })

  test("and cannot be taken out now is tried again", async () => {
    const answers = ["not now", null] as const
    let tries = 0
    const { typist } = open(pastes(held({ unpressed: true })), {
      takeOut: async () => answers[tries++] ?? null,
    })
    await typist.deliver(message())
    expect([await typist.clearBox(null), inBox() === null]).toEqual([false, false])
    expect([await typist.clearBox(null), inBox()]).toEqual([true, null])
    expect(tries).toBe(2)
  })

  test("and does not go is told to its owner", async () => {
    const { typist } = open(pastes(held({ unpressed: true })), { takeOut: async () => "stays" as never })
    const one = message()
    await typist.deliver(one)
    expect(await typist.clearBox(null)).toBe(true)
    expect(made.notices).toEqual([
      `a message from kai [${one.shortId}] stands in the box, and was not sent: in mira's session, send what the box holds or delete it; until then other messages wait`,
    ])
  })

  test("by a Guardian before this one, of a message that was dropped since, is taken out", async () => {
    const { typist, start, taken } = open(pastes(held({ unpressed: true })))
    const one = message()
    await typist.deliver(one)
    made.stored.store.inbox.drop("kai", made.now)
    expect([await start().clearBox(null), taken.length]).toEqual([true, 1])
  })

  test("by a Guardian before this one, of a message that is typed still, stays", async () => {
    const { typist, start, taken } = open(pastes(held({ unpressed: true })))
    const one = message()
    await typist.deliver(one)
    expect([await start().clearBox(again(one)), taken.length]).toEqual([true, 0])
  })

  test("of one that was pressed and stays is noted, and its end on disk all the same", async () => {
    const { typist, taken } = open(pastes(stuck({ left: "taken" })))
    const one = message()
    await typist.deliver(one)
    expect(stateOf(one)).toBe("uncertain")
    expect(made.log[0]).toBe(`[${one.shortId}] from kai: it stays`)
    expect(inBox()).toMatchObject({ shortId: one.shortId })
    expect([await typist.clearBox(null), taken.length]).toEqual([true, 1])
  })
})

test("an end that the disk refuses is written when it can be, and the text not looked for", async () => {
  const { typist, told } = open(pastes(submitted))
  const one = message()
  const { inbox } = made.stored.store
  const { mark } = inbox
  let isFull = true
  inbox.mark = (seq, state, now) => {
    if (isFull && state === "delivered") throw new Error("database or disk is full")
    return mark(seq, state, now)
  }
  expect(await typist.deliver(one).catch((error: Error) => error.message)).toBe("database or disk is full")
  expect([stateOf(one), told]).toEqual(["typing", []])
  isFull = false
  typist.writeAgain()
  expect([stateOf(one), told]).toEqual(["delivered", ["kai delivered"]])
  typist.writeAgain()
  expect(told).toHaveLength(1)
})
