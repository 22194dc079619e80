import { describe, expect, test } from "bun:test"
import { type LoopEvent, type LoopState, type Sight, startLoop, step } from "../../src/tmux/loop.ts"

const rules = { settleMilliseconds: 100, takesWhileBusy: false }
const idle = sight("ready", "empty", "a")
const ours = sight("draft", "ours", "b")
const oursMoved = sight("draft", "ours", "b, moved")
const dialog: Sight = { state: "dialog", reason: "asks", content: "hidden", place: "c" }
const busy = sight("busy", "empty", "d")

const pasted: LoopEvent = { kind: "pasted", at: 0, done: true }
const pressed: LoopEvent = { kind: "pressed", at: 0, done: true }
const typed = [looked(idle), looked(idle), pasted, looked(ours), looked(ours)]

describe("the typing loop", () => {
  test.each([
    ["submits when the box empties", [...typed, pressed, looked(busy)], ["paste", "press"], "submitted"],
    [
      "waits for the text to show",
      [looked(idle), looked(idle), pasted, looked(idle), looked(ours), looked(ours), pressed, looked(idle)],
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
      [
        ...typed.slice(0, 4),
        looked(sight("draft", "foreign", "x")),
        looked(sight("draft", "foreign", "x"), 5000),
      ],
      ["paste"],
      "held with paste: draft",
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
      ],
      ["paste", "press", "press"],
      "submitted",
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
      ],
      ["paste", "press", "press"],
      "stuck",
    ],
    [
      "does not press again while a frozen program has not read the return",
      [...typed, pressed, looked(ours, 1600), looked(ours, 10_000), looked(busy, 10_010)],
      ["paste", "press"],
      "submitted",
    ],
    [
      "is stuck when nothing moves after the press",
      [...typed, pressed, looked(ours, 1600), looked(ours, 20_001)],
      ["paste", "press"],
      "stuck",
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
    expect(run(false, events)).toEqual({ effects: [...effects], outcome })
  })

  test("resumed, never pastes again", () => {
    expect(run(true, [looked(ours), looked(ours), pressed, looked(idle)])).toEqual({
      effects: ["press"],
      outcome: "submitted",
    })
  })
})

function run(resume: boolean, events: readonly LoopEvent[]) {
  const effects: string[] = []
  let state: LoopState = startLoop(resume, 0).state
  for (const event of events) {
    const next = step(state, event, rules)
    effects.push(...next.effects.map(effect => effect.kind).filter(kind => kind !== "look"))
    state = next.state
  }
  return { effects, outcome: describeOutcome(state) }
}

function describeOutcome(state: LoopState): string {
  if (state.step !== "done") return `still in ${state.step}`
  const { outcome } = state
  return outcome.kind === "held"
    ? `held ${outcome.pasted ? "with" : "before"} paste: ${outcome.state}`
    : outcome.kind
}

function sight(state: Sight["state"], content: Sight["content"], place: string): Sight {
  return { state, reason: "", content, place }
}

function looked(seen: Sight, at = 0): LoopEvent {
  return { kind: "looked", at, sight: seen }
}
