/** What an attempt to type a message makes of it, for every outcome and whatever was known before. */
import { expect, test } from "bun:test"
import { verdictOf } from "../../../src/guardian/inbound/verdict.ts"
import type { TypingOutcome } from "../../../src/tmux/typing.ts"

const first = { isPasted: true, isUnpressed: true, isSecond: false }
const pressed = { ...first, isUnpressed: false }
const second = { ...first, isSecond: true }
const unpasted = { isPasted: false, isUnpressed: false, isSecond: false }

const held = { kind: "held", state: "draft", reason: "a person is typing in the pane", pasted: true } as const
const gone = { ...held, pasted: false } as const
const stuck = { kind: "stuck", reason: "it stays", left: null } as const
const vanished = { kind: "vanished", reason: "it is not there any more" } as const

test.each([
  ["submitted", { kind: "submitted" }, first, "delivered"],
  ["vanished", vanished, first, "uncertain"],
  ["pressed, and not taken", stuck, first, "uncertain"],
  ["never pressed, and taken out", { ...stuck, unpressed: true }, first, "again"],
  ["the same, pressed by an earlier attempt", { ...stuck, unpressed: true }, pressed, "uncertain"],
  ["the same a second time", { ...stuck, unpressed: true }, second, "uncertain"],
  ["in the box", held, first, "held"],
  ["in the box, pressed before", held, pressed, "held"],
  ["never pasted", gone, unpasted, "held"],
  ["its paste did not stay", gone, first, "back"],
  ["its paste was swallowed", { ...gone, swallowed: true }, first, "again"],
  ["its paste was swallowed, pressed before", { ...gone, swallowed: true }, pressed, "uncertain"],
  ["its paste was swallowed a second time", { ...gone, swallowed: true }, second, "uncertain"],
] as const)("%s", (_, outcome: TypingOutcome, before, verdict) =>
  expect(verdictOf(outcome, before)).toBe(verdict),
)
