/** What a look means for typing, before the program's own reader says more: programs.test.ts. */
import { describe, expect, test } from "bun:test"
import type { Program } from "../../src/tmux/keyboard-owner.ts"
import { profiles, readPane } from "../../src/tmux/readiness.ts"
import { parseScreen } from "../../src/tmux/screen.ts"
import type { Snapshot } from "../../src/tmux/snapshot.ts"

const rule = "─".repeat(50)
const programOf = (executable: string): Program => ({ executable, name: executable, arguments: [executable] })
const snapshot = (more: Partial<Snapshot> = {}): Snapshot => ({
  ...{
    lines: parseScreen([rule, "❯ x", rule].join("\n")),
    cursor: { x: 3, y: 1 },
    title: "",
    command: "claude",
  },
  ...{ copyMode: false, alternateScreen: false, width: 60, height: 20, program: programOf("claude") },
  ...{ lastKeyAt: null, keyboards: [], sessionKeys: "" },
  ...more,
})
const read = (more: Partial<Snapshot> = {}, name: keyof typeof profiles = "claude", allowShell = false) =>
  readPane(profiles[name], { kind: "seen", snapshot: snapshot(more) }, allowShell)
const box = { text: "x", rows: 1, isCut: false }

test("a pane that is gone is absent, and says why", () => {
  const gone = readPane(profiles.claude, { kind: "absent", reason: "it was closed" }, true)
  expect(gone).toEqual({ state: "absent", reason: "it was closed", box: null })
})

test("in copy mode nothing is typed, and the box is seen all the same", () => {
  expect(read()).toMatchObject({ state: "draft", box })
  expect(read({ copyMode: true })).toEqual({ state: "copy-mode", reason: "the pane is in copy mode", box })
})

test.each([
  [40, 10, "draft"],
  [39, 10, "other"],
  [40, 9, "other"],
  [200, 9, "other"],
  [39, 60, "other"],
])("of %i×%i a pane is %s", (width, height, state) => {
  const reason = `the pane has ${width}×${height}, too little to see what the program does; it needs 40×10`
  expect(read({ width, height })).toEqual(
    state === "draft"
      ? { state, reason: "there is a half-written text in the box", box }
      : { state: "other", reason, box: null },
  )
})

describe("the program in the pane, where the profile is", () => {
  const wrong = (label: string, profile: string): string =>
    `${label} runs in the pane, not what the profile ${profile} knows`
  test.each([
    ["claude", "codex", false, "other", wrong("codex", "claude")],
    ["claude", "cat", true, "other", wrong("cat", "claude")],
    ["claude", "bash", false, "shell", "a shell (bash) runs in the pane"],
    ["claude", "bash", true, "shell", "a shell (bash) runs in the pane"],
    ["plain", "claude", true, "other", wrong("claude", "plain")],
    ["plain", "bash", false, "shell", "a shell (bash) runs in the pane"],
    ["plain", "less", false, "other", "less runs in the pane, which takes keys as commands"],
  ] as const)("%s: %s, shells allowed: %p, is %s", (profile, program, allowShell, state, reason) => {
    expect(read({ program: programOf(program) }, profile, allowShell)).toEqual({ state, reason, box: null })
  })

  test.each([
    ["bash", true],
    ["less", true],
    ["cat", false],
    ["cat", true],
  ] as const)(
    "plain: %s, shells allowed: %p, is typed into, however small the pane is",
    (program, allowShell) => {
      const small = { width: 10, height: 3, program: programOf(program) }
      expect(read(small, "plain", allowShell).state).toBe("ready")
    },
  )

  test("plain: an agent program aside, or several, are typed into for no word of the owner's", () => {
    const aside = { ...programOf("claude"), aside: "in a session of its own" } as const
    const several = { ...programOf("bash"), several: ["claude", "codex"] } as const
    for (const program of [aside, several]) expect(read({ program }, "plain", true).state).toBe("other")
  })
})
