import { describe, expect, test } from "bun:test"
import { type LoopEvent, type LoopState, type Sight, startLoop, step } from "../../src/tmux/loop.ts"

const rules = {
  settleMilliseconds: 100,
  takesWhileBusy: false,
  hasBox: true,
  takeOutKeys: ["kill", "erase"] as const,
}
const idle = sight("ready", "empty", "a")
const ours = sight("draft", "ours", "b")
const shorter = sight("draft", "joined", "b, shorter")
const oursMoved = sight("draft", "ours", "b, moved")
const dialog: Sight = {
  state: "dialog",
  reason: "asks",
  content: "hidden",
  place: "c",
  box: null,
  isTypedInto: false,
  wasTypedInto: false,
}
const other: Sight = { ...dialog, state: "other", reason: "shows no box" }
const busy = sight("busy", "empty", "d")

const pasted: LoopEvent = { kind: "pasted", at: 0, done: true }
const took: LoopEvent = { kind: "took", at: 0, key: "kill", done: true }
const pressed: LoopEvent = { kind: "pressed", at: 0, done: true }
const emptied = [looked(idle), looked(idle, 40)]
const typed = [looked(idle), looked(idle), pasted, looked(ours), looked(ours)]

describe("the typing loop", () => {
  test.each([
    ["submits when the box empties", [...typed, pressed, looked(busy)], ["paste", "press"], "submitted"],
    [
      "waits for the text to show",
      [looked(idle), looked(idle), pasted, looked(idle), looked(ours), looked(ours), pressed, ...emptied],
      ["paste", "press"],
      "submitted",
    ],
    ["does not type while the program works", [looked(busy)], [], "held before paste: busy"],
    ["does not type over a draft", [looked(sight("draft", "foreign", "x"))], [], "held before paste: draft"],
    ["does not type into a dialog", [looked(dialog)], [], "held before paste: dialog"],
    ["does not type into a shell", [looked(sight("shell", "hidden", "x"))], [], "held before paste: shell"],
    [
      "does not type when the second look is busy",
      [looked(idle), looked(busy)],
      [],
      "held before paste: busy",
    ],
    [
      "does not type when the cursor moved between the looks",
      [looked(idle), looked(sight("ready", "empty", "z"))],
      [],
      "held before paste: other",
    ],
    [
      "does not type when tmux found it moved",
      [looked(idle), looked(idle), { kind: "pasted", at: 0, done: false }],
      ["paste"],
      "held before paste: other",
    ],
    [
      "presses nothing at a dialog after the paste",
      [looked(idle), looked(idle), pasted, looked(dialog)],
      ["paste"],
      "held with paste: dialog",
    ],
    [
      "presses nothing at a dialog while it settles",
      [looked(idle), looked(idle), pasted, looked(ours), looked(dialog)],
      ["paste"],
      "held with paste: dialog",
    ],
    [
      "presses nothing when a person types on",
      [...typed.slice(0, 4), looked(typedInto("foreign")), looked(sight("draft", "foreign", "x"), 5000)],
      ["paste"],
      "held with paste: draft",
    ],
    [
      "does not paste while a person types",
      [looked({ ...idle, isTypedInto: true, wasTypedInto: true })],
      [],
      "held before paste: draft",
    ],
    [
      "does not paste when a person begins between the looks",
      [looked(idle), looked({ ...idle, isTypedInto: true, wasTypedInto: true })],
      [],
      "held before paste: draft",
    ],
    [
      "does not press what is alone in the box while a person's key may not be drawn yet",
      [
        ...typed.slice(0, 3),
        looked({ ...ours, isTypedInto: true, wasTypedInto: true }),
        looked({ ...ours, isTypedInto: true, wasTypedInto: true }, 4000),
      ],
      ["paste"],
      "held with paste: draft",
    ],
    [
      "does not press when a person's key came while it settled",
      [
        ...typed.slice(0, 4),
        looked({ ...ours, isTypedInto: true, wasTypedInto: true }),
        looked(sight("draft", "joined", "x"), 4000),
      ],
      ["paste"],
      "held with paste: draft",
    ],
    [
      "presses when the person's key changed nothing",
      [
        ...typed.slice(0, 4),
        looked({ ...ours, isTypedInto: true, wasTypedInto: true }),
        looked(ours),
        looked(ours),
        pressed,
        ...emptied,
      ],
      ["paste", "press"],
      "submitted",
    ],
    [
      "is not submitted while the box holds it with something else",
      [
        ...typed,
        pressed,
        looked(sight("draft", "joined", "b")),
        looked(sight("draft", "joined", "b"), 20_001),
        looked(sight("draft", "joined", "b")),
      ],
      ["paste", "press"],
      "stuck, with other words",
    ],
    [
      "looks again when tmux refused the press",
      [...typed, { kind: "pressed", at: 0, done: false }, looked(dialog)],
      ["paste", "press"],
      "held with paste: dialog",
    ],
    [
      "presses once more when the program took the return for something else",
      [
        ...typed,
        pressed,
        looked(oursMoved, 1600),
        looked(oursMoved, 1600),
        looked(oursMoved, 1700),
        { kind: "pressed", at: 1700, done: true },
        looked(idle, 1710),
        looked(idle, 1750),
      ],
      ["paste", "press", "press"],
      "submitted",
    ],
    [
      "does not take a box that looks empty for a moment for a submission",
      [
        ...typed,
        pressed,
        looked(idle),
        looked(ours, 20),
        looked(idle, 60),
        looked(ours, 80),
        looked(busy, 90),
      ],
      ["paste", "press"],
      "submitted",
    ],
    [
      "does not take another box for a submission at once",
      [
        ...typed,
        pressed,
        looked(sight("draft", "foreign", "x")),
        looked(sight("draft", "foreign", "x"), 299),
      ],
      ["paste", "press"],
      "still in confirm",
    ],
    [
      "is stuck after the second press",
      [
        ...typed,
        pressed,
        looked(oursMoved, 1600),
        looked(oursMoved, 1600),
        looked(oursMoved, 1700),
        { kind: "pressed", at: 1700, done: true },
        looked(oursMoved, 21_800),
        looked(dialog),
      ],
      ["paste", "press", "press"],
      "stuck, not now",
    ],
    [
      "does not press again while a frozen program has not read the return",
      [...typed, pressed, looked(ours, 1600), looked(ours, 10_000), looked(busy, 10_010)],
      ["paste", "press"],
      "submitted",
    ],
    [
      "is stuck when nothing moves after the press",
      [...typed, pressed, looked(ours, 1600), looked(ours, 20_001), looked(ours), took, looked(idle)],
      ["paste", "press", "take"],
      "stuck, taken out",
    ],
    [
      "does not call a dialog after the press a submission",
      [...typed, pressed, looked(dialog, 1600)],
      ["paste", "press"],
      "held with paste: dialog",
    ],
    [
      "ignores an event that it did not ask for",
      [pressed, pasted, looked(dialog)],
      [],
      "held before paste: dialog",
    ],
  ] as const)("%s", (_, events, effects, outcome) => {
    expect(run("paste", events)).toEqual({ effects: [...effects], outcome })
  })

  const shownOtherwise = sight("draft", "foreign", "x")
  test.each([
    [
      "stands still for 1.5 s: it goes out again",
      [looked(shownOtherwise, 100), looked(shownOtherwise, 1600)],
      "take-out",
    ],
    [
      "is still drawn: it is waited for",
      [
        looked(shownOtherwise, 100),
        looked(sight("draft", "foreign", "y"), 1000),
        looked(shownOtherwise, 1600),
      ],
      "see",
    ],
    [
      "is drawn to its end within 4 s: goes on",
      [looked(shownOtherwise, 100), looked(shownOtherwise, 1500), looked(ours, 1599)],
      "settle",
    ],
    [
      "stands beside a person's key: it stays",
      [looked(typedInto("foreign"), 100), looked(shownOtherwise, 1600)],
      "see",
    ],
  ] as const)("what is shown otherwise than it was pasted %s", (_, events, step) => {
    expect(follow("paste", [looked(idle), looked(idle), pasted, ...events]).state.step).toBe(step)
  })

  const joined = sight("draft", "joined", "y")
  test.each([
    [
      "goes out, and is not typed again",
      [looked(joined, 1600), looked(joined, 1700), looked(joined, 3200)],
      { step: "take-out", isUnpressed: false },
    ],
    [
      "stays beside a person's key",
      [looked(typedInto("joined"), 1600), looked(joined, 1700), looked(joined, 3200)],
      { step: "see" },
    ],
    [
      "stays in a box that shows nothing of it",
      [looked(joined, 1600), looked(shownOtherwise, 1700), looked(shownOtherwise, 3300)],
      { step: "see" },
    ],
  ] as const)(
    "a text that a return did not submit, and that is shown otherwise behind it, %s",
    (_, events, want) => {
      expect(follow("paste", [...typed, pressed, ...events]).state).toMatchObject(want)
    },
  )

  test.each([
    ["a dialog before the text showed", [looked(dialog)], true],
    ["a dialog after the text showed", [looked(ours), looked(dialog)], undefined],
    ["work that began before the text showed", [looked(busy)], true],
    [
      "a person's words alone",
      [looked(typedInto("foreign")), looked(sight("draft", "foreign", "x"), 4000)],
      true,
    ],
    [
      "a person's words beside it",
      [looked(typedInto("joined")), looked(sight("draft", "joined", "x"), 4000)],
      undefined,
    ],
  ] as const)("the paste may be swallowed: %s", (_, events, unseen) => {
    const { state } = follow("paste", [looked(idle), looked(idle), pasted, ...events])
    expect(state).toMatchObject({ step: "done", outcome: { kind: "held", pasted: true } })
    expect(state.step === "done" && state.outcome.kind === "held" && state.outcome.unseen).toBe(unseen)
  })

  test.each([
    [
      "it shows late: goes on",
      [looked(idle, 100), looked(ours, 200), looked(ours), pressed, ...emptied],
      "submitted",
    ],
    ["the dialog is still there", [looked(dialog)], "held with paste: dialog"],
    [
      "the box stays empty: to be typed anew",
      [looked(idle), looked(idle, 12_000)],
      "held before paste: other",
    ],
    ["a person has typed", [looked(sight("draft", "foreign", "x"), 4000)], "held with paste: draft"],
  ] as const)("a paste that a dialog may have swallowed: %s", (_, events, outcome) => {
    expect(run("behind-other", events).outcome).toBe(outcome)
  })

  test("a box that was seen with the text, was never pressed nor typed into, and is empty, has lost it", () => {
    const events = [
      looked(idle),
      looked(idle),
      pasted,
      looked(ours),
      looked(sight("ready", "empty", "z")),
      looked(idle, 4000),
    ]
    const { state } = follow("paste", events)
    expect(state).toMatchObject({ outcome: { kind: "held", pasted: false, swallowed: true } })
  })

  test.each([
    ["before a return", [...typed.slice(0, 4), looked(dialog)], true],
    ["behind one", [...typed, pressed, looked(dialog, 1600)], undefined],
  ] as const)("whether a return was pressed is told: a dialog %s", (_, events, unpressed) => {
    const { state } = follow("paste", events)
    expect(state.step === "done" && state.outcome.kind === "held" && state.outcome.unpressed).toBe(unpressed)
  })

  test("a box that was seen with the text, and is empty, is no reason to paste again", () => {
    expect(run("box", [looked(idle), looked(idle, 12_000)]).outcome).toBe("held with paste: other")
  })

  test("what tmux refused to paste was never pasted, what was swallowed was", () => {
    const refused = follow("paste", [
      looked(idle),
      looked(idle),
      { kind: "pasted", at: 0, done: false },
    ]).state
    const swallowed = follow("behind-other", [looked(idle), looked(idle, 4000)]).state
    const held = { kind: "held", pasted: false }
    expect(refused).toMatchObject({ outcome: held })
    expect(refused).not.toMatchObject({ outcome: { swallowed: true } })
    expect(swallowed).toMatchObject({ outcome: { ...held, swallowed: true } })
  })

  test("a screen that never stands still does not keep the others waiting for ever", () => {
    const changes = Array.from({ length: 40 }, (_, index) =>
      looked(sight("draft", "ours", String(index)), index * 300),
    )
    expect(run("paste", [looked(idle), looked(idle), pasted, ...changes]).outcome).toBe(
      "held with paste: other",
    )
  })

  test("a paste that nothing was seen of for 12 s is to be typed anew", () => {
    const events = [looked(idle), looked(idle), pasted, looked(idle, 11_999), looked(idle, 12_000)]
    expect(run("paste", events)).toEqual({ effects: ["paste"], outcome: "held before paste: other" })
  })

  test.each([
    [
      "alone there: key by key",
      [looked(ours), took, looked(shorter), took, looked(idle)],
      2,
      "stuck, taken out",
    ],
    ["already gone", [looked(idle)], 0, "stuck, taken out"],
    ["with a person's words", [looked(sight("draft", "joined", "x"))], 0, "stuck, with other words"],
    ["a person's words alone", [looked(sight("draft", "foreign", "x"))], 0, "stuck, with other words"],
    ["a person types", [looked({ ...ours, isTypedInto: true, wasTypedInto: true })], 0, "stuck, not now"],
    [
      "a person begins to type",
      [looked(ours), took, looked({ ...shorter, isTypedInto: true, wasTypedInto: true })],
      1,
      "stuck, with other words",
    ],
    ["a dialog is open", [looked(dialog)], 0, "stuck, not now"],
    ["a dialog opens", [looked(ours), took, looked(dialog)], 1, "stuck, not now"],
    ["the program works", [looked(sight("busy", "ours", "b"))], 0, "stuck, not now"],
    ["no box for a moment", [looked(ours), took, looked(other), looked(idle, 900)], 1, "stuck, taken out"],
    ["no box for a second", [looked(ours), took, looked(other), looked(other, 1000)], 1, "stuck, not now"],
    [
      "no box again and again",
      [looked(ours), took, looked(other), looked(ours, 399), looked(other, 1000), looked(idle, 1999)],
      1,
      "stuck, taken out",
    ],
    [
      "the key is not seen to do anything yet",
      [looked(ours), took, looked(ours, 399)],
      1,
      "still in take-out",
    ],
    ["tmux refused the key", [looked(ours), { ...took, done: false }, looked(idle)], 1, "stuck, taken out"],
  ] as const)("a text that is to be taken out: %s", (_, events, keys, outcome) => {
    expect(run("take-out", events)).toEqual({ effects: Array(keys).fill("take"), outcome })
  })

  test("a key that changes nothing is the last where there is no other", () => {
    const start = [looked(ours), took, looked(ours, 400)]
    const { state } = follow("take-out", start, { ...rules, takeOutKeys: ["kill"] })
    expect(describeOutcome(state)).toBe("stuck, with other words")
    expect(follow("take-out", [looked(ours)], { ...rules, takeOutKeys: [] }).effects).toEqual([])
  })

  test("a key that changes nothing is followed by the other one, and 2,000 are enough", () => {
    const { state } = follow("take-out", [looked(ours), took, looked(ours, 400)])
    expect(state).toMatchObject({ step: "take-out", last: { key: "erase" } })
    const endless = Array.from({ length: 4000 }, (_, index) =>
      index % 2 === 0 ? looked(sight("draft", "joined", String(index))) : took,
    )
    const all = run("take-out", [looked(ours), took, ...endless])
    expect([all.effects.length, all.outcome]).toEqual([2000, "stuck, with other words"])
  })

  test("what no key takes away is not tried for long: everybody waits behind it", () => {
    const unmoved = Array.from({ length: 100 }, (_, index) => [took, looked(ours, (index + 1) * 400)])
    const all = run("take-out", [looked(ours), ...unmoved.flat()])
    expect(all).toEqual({ effects: Array(12).fill("take"), outcome: "stuck, with other words" })
  })

  test("resumed, never pastes again", () => {
    expect(run("box", [looked(ours), looked(ours), pressed, ...emptied])).toEqual({
      effects: ["press"],
      outcome: "submitted",
    })
  })
})

function run(from: Parameters<typeof startLoop>[0], events: readonly LoopEvent[]) {
  const { state, effects } = follow(from, events)
  return { effects, outcome: describeOutcome(state) }
}

function follow(
  from: Parameters<typeof startLoop>[0],
  events: readonly LoopEvent[],
  known: Parameters<typeof step>[2] = rules,
) {
  const effects: string[] = []
  let state: LoopState = startLoop(from, 0).state
  for (const event of events) {
    const next = step(state, event, known)
    effects.push(...next.effects.map(effect => effect.kind).filter(kind => kind !== "look"))
    state = next.state
  }
  return { effects, state }
}

function describeOutcome(state: LoopState): string {
  if (state.step !== "done") return `still in ${state.step}`
  const { outcome } = state
  if (outcome.kind === "stuck") return `stuck, ${outcome.left ?? "taken out"}`
  return outcome.kind === "held"
    ? `held ${outcome.pasted ? "with" : "before"} paste: ${outcome.state}`
    : outcome.kind
}

function sight(state: Sight["state"], content: Sight["content"], place: string): Sight {
  const box = content === "empty" ? "" : content === "hidden" ? null : `box ${place}`
  return { state, reason: "", content, place, box, isTypedInto: false, wasTypedInto: false }
}

const typedInto = (content: Sight["content"]): Sight => ({
  ...sight("draft", content, "x"),
  isTypedInto: true,
  wasTypedInto: true,
})

function looked(seen: Sight, at = 0): LoopEvent {
  return { kind: "looked", at, sight: seen }
}
