/** Each step of the typing loop as a whole: the next state, what is done, and when. Whole deliveries: loop.test.ts. */
import { describe, expect, test } from "bun:test"
import {
  type LoopEvent,
  type LoopRules,
  type LoopState,
  type LoopStep,
  type Sight,
  startLoop,
  step,
} from "../../src/tmux/loop.ts"

type In<Name extends LoopState["step"]> = Extract<LoopState, { step: Name }>

const rules: LoopRules = {
  settleMilliseconds: 100,
  takesWhileBusy: false,
  hasBox: true,
  takeOutKeys: ["kill", "erase"],
}
const queueing = { ...rules, takesWhileBusy: true }

const sight = (more: Partial<Sight> = {}): Sight => ({
  state: "draft",
  reason: "a reason",
  content: "ours",
  place: "here",
  box: "words",
  isTypedInto: false,
  wasTypedInto: false,
  ...more,
})
const ready = sight({ state: "ready", content: "empty", box: "" })
const typing = { isTypedInto: true, wasTypedInto: true } as const
const personTypes = { state: "draft", reason: "a person is typing in the pane" } as const

const looked = (seen: Sight, at = 0): LoopEvent => ({ kind: "looked", at, sight: seen })
const look = (afterMilliseconds: number) => ({ kind: "look", afterMilliseconds }) as const
const goesOn = (state: LoopState, afterMilliseconds: number): LoopStep => ({
  state,
  effects: [look(afterMilliseconds)],
})
const ends = (outcome: object): LoopStep =>
  ({ state: { step: "done", outcome }, effects: [] }) as unknown as LoopStep

const see = (more: Partial<In<"see">> = {}): In<"see"> => ({
  step: "see",
  since: 1000,
  presses: 0,
  paste: "not-yet",
  isAlone: true,
  ...more,
})
const settle = (more: Partial<In<"settle">> = {}): In<"settle"> => ({
  step: "settle",
  since: 1000,
  presses: 0,
  isAlone: true,
  seen: sight(),
  ...more,
})
const press: In<"press"> = { step: "press", since: 1000, presses: 0, isAlone: true, place: "here" }
const confirm = (more: Partial<In<"confirm">> = {}): In<"confirm"> => ({
  step: "confirm",
  since: 1000,
  pressedAt: 1000,
  presses: 1,
  isAlone: true,
  place: "here",
  goneSince: null,
  ...more,
})
const takeOut = (more: Partial<In<"take-out">> = {}): In<"take-out"> => ({
  step: "take-out",
  reason: "why",
  isAlone: false,
  isUnpressed: false,
  keys: 0,
  last: null,
  inVain: 0,
  hiddenSince: null,
  ...more,
})

test("where it begins", () => {
  expect(startLoop("paste", 7)).toEqual(goesOn({ step: "gate", previous: null }, 0))
  expect(startLoop("box", 7)).toEqual(goesOn(see({ since: 7, paste: "shown", isAlone: false }), 0))
  expect(startLoop("box", 7, true)).toEqual(goesOn(see({ since: 7, paste: "shown" }), 0))
  expect(startLoop("behind-other", 7)).toEqual(
    goesOn(see({ since: 7, paste: "behind-other", isAlone: false }), 0),
  )
  expect(startLoop("take-out", 7, true)).toEqual(goesOn(takeOut({ reason: "it is not to be submitted" }), 0))
})

test("what a state does not wait for changes nothing", () => {
  const states: readonly (readonly [LoopState, readonly LoopEvent["kind"][]])[] = [
    [{ step: "gate", previous: null }, ["looked"]],
    [{ step: "paste" }, ["pasted"]],
    [see(), ["looked"]],
    [settle(), ["looked"]],
    [press, ["pressed"]],
    [confirm(), ["looked"]],
    [takeOut(), ["looked", "took"]],
    [{ step: "done", outcome: { kind: "submitted" } }, []],
  ]
  const events: readonly LoopEvent[] = [
    looked(sight()),
    { kind: "pasted", at: 1, done: true },
    { kind: "pressed", at: 1, done: true },
    { kind: "took", at: 1, key: "kill", done: true },
  ]
  for (const [state, awaited] of states)
    for (const event of events.filter(({ kind }) => !awaited.includes(kind)))
      expect(step(state, event, rules)).toEqual({ state, effects: [] })
})

describe("before the paste", () => {
  const gate = (seen: Sight, previous: Sight | null = null, known = rules) =>
    step({ step: "gate", previous }, looked(seen), known)
  const pastes: LoopStep = { state: { step: "paste" }, effects: [{ kind: "paste" }] }
  const held = (state: string, reason = "a reason") => ends({ kind: "held", state, reason, pasted: false })
  const busy = sight({ state: "busy", content: "empty" })

  test("an open box is looked at again after 60 ms", () => {
    expect(gate(ready)).toEqual(goesOn({ step: "gate", previous: ready }, 60))
    expect(gate(busy, null, queueing)).toEqual(goesOn({ step: "gate", previous: busy }, 60))
  })

  test.each([
    ["that stands still", ready, ready, rules, pastes],
    ["whose program draws nothing in it", { ...ready, content: "foreign" }, ready, rules, pastes],
    ["of a program that works, and queues", { ...busy, place: "there" }, busy, queueing, pastes],
    ["that moved", { ...ready, place: "there" }, ready, rules, held("other", "the screen is changing")],
    ["that is not to be seen", { ...ready, content: "hidden" }, null, rules, held("ready")],
    ["of a program that works", busy, busy, rules, held("busy")],
    ["of a program that works, with words", { ...busy, content: "foreign" }, busy, queueing, held("busy")],
    ["with a draft", sight({ content: "empty" }), null, queueing, held("draft")],
    ["that a person types into", { ...ready, ...typing }, ready, rules, held("draft", personTypes.reason)],
    ["of no reason", { ...busy, reason: "" }, null, rules, held("busy", "the pane is not ready")],
  ] as const)("a box %s", (_, seen, previous, known, want) => {
    expect(gate(seen, previous, known)).toEqual(want)
  })

  test("what tmux pasted is looked for at once; what it refused was not pasted", () => {
    const paste = (done: boolean) => step({ step: "paste" }, { kind: "pasted", at: 1000, done }, rules)
    expect(paste(true)).toEqual(goesOn(see(), 0))
    expect(paste(false)).toEqual(held("other", "the screen is changing"))
  })
})

describe("behind the paste", () => {
  const at = (state: In<"see">, seen: Sight, milliseconds: number, known = rules) =>
    step(state, looked(seen, 1000 + milliseconds), known)
  const swallowed = ends({
    kind: "held",
    state: "other",
    reason: "the pane took no notice of the message",
    pasted: false,
    swallowed: true,
  })
  const held = (state: string, reason: string, more: object = {}) =>
    ends({ kind: "held", state, reason, pasted: true, unpressed: true, ...more })
  const foreign = sight({ content: "foreign", box: "other words" })
  const joined = sight({ content: "joined", box: "words and others" })
  const unshown = "the message does not show in the box"

  test("the text alone in the box settles", () => {
    const seen = sight()
    expect(at(see(), seen, 5)).toEqual(goesOn(settle({ seen }), 100))
    expect(at(see({ presses: 1, isAlone: false }), seen, 9000)).toEqual(
      goesOn(settle({ seen, presses: 1, isAlone: false }), 100),
    )
  })

  test.each([
    ["nothing, and nothing was seen: every 60 ms", see(), ready, 60, see()],
    [
      "nothing, where something swallowed it: every 60 ms",
      see({ paste: "behind-other" }),
      ready,
      60,
      see({ paste: "behind-other" }),
    ],
    ["nothing any more: every 10 ms", see({ paste: "shown" }), ready, 10, see({ paste: "shown" })],
    ["nothing, behind a return: every 10 ms", see({ presses: 1 }), ready, 10, see({ presses: 1 })],
    ["the text, with a person's key", see(), sight(typing), 10, see({ paste: "shown", isAlone: false })],
    ["the text, and more", see(), joined, 10, see({ paste: "shown" })],
    ["something else", see(), foreign, 10, see()],
    [
      "something else, with a key that came before",
      see(),
      { ...foreign, wasTypedInto: true },
      10,
      see({ isAlone: false }),
    ],
  ] as const)("what shows %s", (_, state, seen, after, want) => {
    const next = at(state, seen, 5)
    const { other } = next.state as In<"see">
    expect(next).toEqual(goesOn({ ...want, ...(other && { other }) }, after))
    expect(other).toEqual({ sight: seen, since: 1005 })
  })

  test.each([
    ["an empty box has swallowed it after 12 s", see(), ready, 12_000, swallowed],
    ["… after 4 s, where something else was there", see({ paste: "behind-other" }), ready, 4000, swallowed],
    ["… after 4 s, where it was shown, alone", see({ paste: "shown" }), ready, 4000, swallowed],
    [
      "… is no loss where it was shown, and a person had a key",
      see({ paste: "shown", isAlone: false }),
      ready,
      4000,
      held("other", unshown),
    ],
    [
      "… nor where a person has one now",
      see({ paste: "shown" }),
      { ...ready, wasTypedInto: true },
      4000,
      held("other", unshown),
    ],
    [
      "a person's words beside it stay",
      see({ isAlone: false }),
      joined,
      4000,
      held("draft", "the box holds more than the message"),
    ],
    [
      "a person's words stay",
      see({ isAlone: false }),
      foreign,
      4000,
      held("draft", "the box holds something else than the message", { unseen: true }),
    ],
    [
      "… also where it was shown",
      see({ isAlone: false, paste: "shown" }),
      foreign,
      4000,
      held("draft", "the box holds something else than the message"),
    ],
    ["a person types", see(), sight(typing), 4000, held("draft", personTypes.reason, { unseen: true })],
    [
      "a program's words at a prompt",
      see(),
      { ...foreign, state: "ready" },
      4000,
      held("draft", "the box holds something else than the message", { unseen: true }),
    ],
  ] as const)("%s", (_, state, seen, milliseconds, want) => {
    expect(at(state, seen, milliseconds - 1).state.step).toBe("see")
    expect(at(state, seen, milliseconds)).toEqual(want as LoopStep)
  })

  test("behind a return an empty box is nothing swallowed", () => {
    const want = ends({ kind: "held", state: "other", reason: unshown, pasted: true, unseen: true })
    expect(at(see({ presses: 1 }), ready, 4000)).toEqual(want)
  })

  test("a program that works and queues may show it later, and has swallowed nothing", () => {
    const busy = sight({ state: "busy", content: "empty" })
    expect(at(see(), busy, 3999, queueing).state.step).toBe("see")
    expect(at(see(), busy, 4000, queueing)).toEqual(held("other", unshown, { unseen: true }))
  })

  describe("what is shown otherwise", () => {
    const other = { sight: foreign, since: 1100 }
    const out = (isUnpressed: boolean) =>
      goesOn(
        takeOut({ reason: "the screen does not show the message as it is", isAlone: true, isUnpressed }),
        0,
      )

    test("goes out when it stands still for 1.5 s, with one key, too", () => {
      expect(at(see({ other }), foreign, 1599)).toEqual(goesOn(see({ other }), 10))
      expect(at(see({ other }), foreign, 1600)).toEqual(out(true))
      expect(at(see({ other }), foreign, 1600, { ...rules, takeOutKeys: ["kill"] })).toEqual(out(true))
    })

    test("stays where no key takes it out", () => {
      const want = held("draft", "the box holds something else than the message", { unseen: true })
      expect(at(see({ other }), foreign, 1600, { ...rules, takeOutKeys: [] })).toEqual(want)
    })

    test.each([
      ["its words", { box: "other" }],
      ["its place", { place: "there" }],
    ] as const)("is waited for anew when %s changed", (_, more) => {
      const seen = { ...foreign, ...more }
      const next = at(see({ other }), seen, 1600)
      expect(next).toEqual(goesOn(see({ other: { sight: seen, since: 2600 } }), 10))
    })

    test.each([
      ["a person's key", see({ other }), { ...foreign, wasTypedInto: true }, see({ isAlone: false })],
      ["a person's key of before", see({ other, isAlone: false }), foreign, see({ isAlone: false })],
      ["a return behind which nothing of it shows", see({ other, presses: 1 }), foreign, see({ presses: 1 })],
      ["a program that does not call it a draft", see({ other }), { ...foreign, state: "ready" }, see()],
    ] as const)("is not taken for the text's after %s", (_, state, seen, want) => {
      expect(at(state, seen, 1600)).toEqual(goesOn({ ...want, other: { sight: seen, since: 2600 } }, 10))
    })

    test("goes out behind a return where the text shows in it, and is then not to be typed again", () => {
      const before = { sight: joined, since: 1100 }
      expect(at(see({ presses: 1, other: before }), joined, 1600)).toEqual(out(false))
    })

    test("goes out after 4 s though it changes", () => {
      expect(at(see(), foreign, 4000)).toEqual(out(true))
    })
  })

  test.each([
    ["a dialog", sight({ state: "dialog", content: "hidden" }), rules, "dialog"],
    ["a draft of which nothing is seen", sight({ content: "hidden" }), queueing, "draft"],
    ["work", sight({ state: "busy" }), rules, "busy"],
  ] as const)("nothing is pressed over %s", (_, seen, known, state) => {
    expect(at(see(), seen, 5, known)).toEqual(held(state, "a reason", { unseen: true }))
    expect(at(see({ paste: "shown" }), seen, 5, known)).toEqual(held(state, "a reason"))
    expect(step(settle(), looked(seen, 1005), known)).toEqual(held(state, "a reason"))
    const pressed = ends({ kind: "held", state, reason: "a reason", pasted: true })
    expect(step(settle({ presses: 1 }), looked(seen, 1005), known)).toEqual(pressed)
  })
})

describe("before the return", () => {
  const at = (seen: Sight, milliseconds: number, known = rules, state = settle()) =>
    step(state, looked(seen, 1000 + milliseconds), known)
  const presses = (place = "here", isAlone = true): LoopStep => ({
    state: { ...press, place, isAlone },
    effects: [{ kind: "press" }],
  })
  const again = (isAlone = true) => goesOn(see({ paste: "shown", isAlone }), 10)

  test("what stands still is pressed, however long it took", () => {
    expect(at(sight(), 100)).toEqual(presses())
    expect(at(sight(), 60_000)).toEqual(presses())
    expect(at(sight({ wasTypedInto: true }), 100)).toEqual(presses("here", false))
    expect(at(sight(), 100, rules, settle({ isAlone: false }))).toEqual(presses("here", false))
  })

  test("of a program that works and queues the cursor may move", () => {
    expect(at(sight({ state: "busy", place: "there" }), 100, queueing)).toEqual(presses("there"))
  })

  test.each([
    ["moves", sight({ place: "there" }), again()],
    ["holds more", sight({ content: "joined" }), again()],
    ["has a person's key", sight(typing), again(false)],
  ] as const)("what %s is looked at again, for 10 s", (_, seen, want) => {
    expect(at(seen, 10_000)).toEqual(want)
    expect(at(seen, 10_001)).toEqual(
      ends({
        kind: "held",
        state: "other",
        reason: "the screen keeps changing",
        pasted: true,
        unpressed: true,
      }),
    )
  })

  test("a return that tmux refused is none", () => {
    const after = (done: boolean) => step(press, { kind: "pressed", at: 2000, done }, rules)
    expect(after(true)).toEqual(goesOn(confirm({ pressedAt: 2000 }), 10))
    expect(after(false)).toEqual(again())
  })
})

describe("behind the return", () => {
  const at = (state: In<"confirm">, seen: Sight, milliseconds: number, known = rules) =>
    step(state, looked(seen, 1000 + milliseconds), known)
  const submitted = ends({ kind: "submitted" })
  const out = goesOn(takeOut({ reason: "the return was pressed, but the message stays in the box" }), 0)

  test.each([
    ["empty, 40 ms", ready, 40, rules],
    ["of other words, 300 ms", sight({ content: "foreign" }), 300, rules],
    ["of other words at a prompt, 40 ms", sight({ content: "foreign" }), 40, { ...rules, hasBox: false }],
    ["empty at a prompt, 40 ms", ready, 40, { ...rules, hasBox: false }],
  ] as const)("a box that is %s long, is submitted", (_, seen, milliseconds, known) => {
    const gone = confirm({ goneSince: 1500 })
    expect(at(confirm(), seen, 500, known)).toEqual(goesOn(gone, 10))
    expect(at(gone, seen, 500 + milliseconds - 1, known)).toEqual(goesOn(gone, 10))
    expect(at(gone, seen, 500 + milliseconds, known)).toEqual(submitted)
  })

  test("an empty box is submitted at once when the program works", () => {
    expect(at(confirm(), sight({ state: "busy", content: "empty" }), 5)).toEqual(submitted)
  })

  test.each([
    ["where it was, 20 s", confirm(), sight(), 20_000, out],
    [
      "where it was while the program works, 20 s",
      confirm(),
      sight({ state: "busy", place: "there" }),
      20_000,
      out,
    ],
    [
      "elsewhere, 1.5 s: it is pressed again",
      confirm(),
      sight({ place: "there" }),
      1500,
      goesOn(see({ since: 2500, presses: 1, paste: "shown" }), 0),
    ],
    [
      "elsewhere, with a person's key",
      confirm(),
      sight({ place: "there", wasTypedInto: true }),
      1500,
      goesOn(see({ since: 2500, presses: 1, paste: "shown", isAlone: false }), 0),
    ],
    [
      "elsewhere behind the second return, 20 s",
      confirm({ presses: 2 }),
      sight({ place: "there" }),
      20_000,
      out,
    ],
    [
      "unseen, 1.5 s",
      confirm(),
      sight({ content: "hidden", state: "dialog" }),
      1500,
      ends({ kind: "held", state: "dialog", reason: "a reason", pasted: true }),
    ],
    [
      "unseen behind the second return",
      confirm({ presses: 2 }),
      sight({ content: "hidden", state: "dialog", place: "there" }),
      1500,
      ends({ kind: "held", state: "dialog", reason: "a reason", pasted: true }),
    ],
  ] as const)("a text that stays %s", (_, state, seen, milliseconds, want) => {
    const isAlone = !seen.wasTypedInto
    expect(at({ ...state, goneSince: 1100 }, seen, milliseconds - 1)).toEqual(
      goesOn({ ...state, isAlone }, 10),
    )
    expect(at(state, seen, milliseconds)).toEqual(want)
  })
})

describe("out of the box", () => {
  const at = (state: In<"take-out">, seen: Sight, time = 2000, known = rules) =>
    step(state, looked(seen, time), known)
  const stuck = (left: string | null, more: object = {}) =>
    ends({ kind: "stuck", reason: "why", left, ...more })
  const foreign = sight({ content: "foreign" })
  const last = { key: "kill", at: 1000, sight: sight() } as const
  const takes = (key: "kill" | "erase", more: Partial<In<"take-out">>): LoopStep => ({
    state: takeOut(more),
    effects: [{ kind: "take", key }],
  })

  test("an empty box is the end, and whether it may be typed again is told", () => {
    expect(at(takeOut(), ready)).toEqual(stuck(null))
    expect(at(takeOut({ isUnpressed: true }), ready)).toEqual(stuck(null, { unpressed: true }))
    expect(at(takeOut({ isUnpressed: true }), foreign)).toEqual(stuck("with other words"))
  })

  test.each([
    ["a draft", sight()],
    ["a prompt's", sight({ state: "ready" })],
  ] as const)("the text goes out with a key: %s", (_, seen) => {
    expect(at(takeOut(), seen)).toEqual(takes("kill", { last: { key: "kill", at: 2000, sight: seen } }))
  })

  test("what is known to be the text alone goes out, whatever it shows", () => {
    const want = takes("kill", { isAlone: true, last: { key: "kill", at: 2000, sight: foreign } })
    expect(at(takeOut({ isAlone: true }), foreign)).toEqual(want)
  })

  test.each([
    ["other words", takeOut(), foreign, "with other words"],
    ["a dialog", takeOut(), sight({ state: "dialog" }), "not now"],
    ["a box that is not to be seen", takeOut(), sight({ content: "hidden" }), "not now"],
    ["a person who types beside it", takeOut(), sight(typing), "not now"],
    ["a person who types other words", takeOut(), { ...foreign, ...typing }, "with other words"],
    ["a person who types behind a key", takeOut({ last }), sight(typing), "with other words"],
  ] as const)("it stays with %s", (_, state, seen, left) => expect(at(state, seen)).toEqual(stuck(left)))

  test("a key has 400 ms to change something, then the other one has its turn", () => {
    const waiting = takeOut({ last, keys: 1, hiddenSince: 900 })
    expect(at(waiting, sight(), 1399)).toEqual(goesOn({ ...waiting, hiddenSince: null }, 10))
    const next = { keys: 1, inVain: 1 }
    expect(at(waiting, sight(), 1400)).toEqual(
      takes("erase", { ...next, last: { key: "erase", at: 1400, sight: sight() } }),
    )
    const erased = takeOut({ last: { ...last, key: "erase" }, keys: 2, inVain: 1 })
    expect(at(erased, sight(), 1400)).toEqual(
      takes("kill", { keys: 2, inVain: 2, last: { key: "kill", at: 1400, sight: sight() } }),
    )
    expect(at(waiting, sight(), 1400, { ...rules, takeOutKeys: ["kill"] })).toEqual(stuck("with other words"))
  })

  test.each([
    ["its words", sight({ box: "word" })],
    ["its place", sight({ place: "there" })],
    ["both", sight({ box: "w", place: "there" })],
  ] as const)("what a key changed goes on at once: %s", (_, seen) => {
    expect(at(takeOut({ last, keys: 1, inVain: 3 }), seen, 1001)).toEqual(
      takes("kill", { keys: 1, last: { key: "kill", at: 1001, sight: seen } }),
    )
  })

  test("2,000 keys, and 12 in a row in vain, are enough", () => {
    const changed = sight({ box: "word" })
    expect(at(takeOut({ last, keys: 1999 }), changed).state.step).toBe("take-out")
    expect(at(takeOut({ last, keys: 2000 }), changed)).toEqual(stuck("with other words"))
    expect(at(takeOut({ last, inVain: 10 }), sight()).state.step).toBe("take-out")
    expect(at(takeOut({ last, inVain: 11 }), sight())).toEqual(stuck("with other words"))
  })

  test("a box that is gone has a second to come again", () => {
    const other = sight({ state: "other", content: "hidden" })
    expect(at(takeOut(), other, 1000)).toEqual(goesOn(takeOut({ hiddenSince: 1000 }), 10))
    const hidden = takeOut({ hiddenSince: 1000 })
    expect(at(hidden, other, 1999)).toEqual(goesOn(hidden, 10))
    expect(at(hidden, other, 2000)).toEqual(stuck("not now"))
  })

  test("a key counts when tmux took it", () => {
    const took = (done: boolean) =>
      step(takeOut({ last, keys: 5 }), { kind: "took", at: 3000, key: "kill", done }, rules)
    expect(took(true)).toEqual(goesOn(takeOut({ last: { ...last, at: 3000 }, keys: 6 }), 0))
    expect(took(false)).toEqual(goesOn(takeOut({ last: { ...last, at: 3000 }, keys: 5 }), 0))
  })
})
