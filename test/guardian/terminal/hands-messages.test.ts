/** What either side of the hands' line may say, up to which length, and what is left of it. */
import { expect, test } from "bun:test"
import * as v from "valibot"
import {
  fromHandsSchema,
  handsRequestSchema,
  pinSchema,
  readAnswer,
  toHandsSchema,
} from "../../../src/guardian/terminal/hands-messages.ts"

const pin = { pane: "%1", pid: 1, startTicks: 0 }
const target = { pane: pin, profile: "claude" }
const order = (more: object) => ({ say: "do", id: 1, order: more })
const type = {
  ...{ op: "type", target, text: "hi", resume: false, unseen: false, pastedAt: null, unpressed: false },
  ...{ deliver: "hold", allowShell: false },
}
const find = (session: string) => ({ op: "find", kept: null, wish: { session, profile: null } })
const sight = (shortId: string) => ({ op: "findOnScreen", target, shortId })
const answers = (op: Parameters<typeof readAnswer>[0], answer: unknown): boolean =>
  readAnswer(op, answer) !== null

test.each<readonly [string, v.GenericSchema, object, readonly object[]]>([
  [
    "a pane",
    pinSchema,
    { ...pin, pane: "%1234567890" },
    [
      { ...pin, pane: "%12345678901" },
      { ...pin, pane: "%" },
      { ...pin, pane: "1" },
      { ...pin, pane: "%1 " },
    ],
  ],
  [
    "a process",
    pinSchema,
    pin,
    [
      { ...pin, pid: 0 },
      { ...pin, pid: 1.5 },
      { ...pin, startTicks: -1 },
      { ...pin, startTicks: 0.5 },
    ],
  ],
  ["a session of 1024", toHandsSchema, order(find("a".repeat(1024))), [order(find("a".repeat(1025)))]],
  [
    "a session of 1024 to take a pane of",
    toHandsSchema,
    order({ op: "take", session: "a".repeat(1024) }),
    [order({ op: "take", session: "a".repeat(1025) }), order({ op: "take", session: "a", pane: "1" })],
  ],
  ["an id of 64", toHandsSchema, order(sight("a".repeat(64))), [order(sight("a".repeat(65)))]],
  [
    "a line of 4096",
    toHandsSchema,
    order({ op: "tell", session: "a", text: "a".repeat(4096) }),
    [
      order({ op: "tell", session: "a", text: "a".repeat(4097) }),
      order({ op: "tell", session: "a".repeat(1025), text: "a" }),
    ],
  ],
  [
    "an order to type",
    toHandsSchema,
    order(type),
    [order({ ...type, deliver: "now" }), order({ ...type, target: { ...target, profile: "vi" } })],
  ],
  [
    "an order by a number",
    toHandsSchema,
    order(type),
    [
      { ...order(type), id: 0 },
      { ...order(type), id: 1.5 },
    ],
  ],
  [
    "an answer by a number",
    fromHandsSchema,
    { say: "done", id: 1, answer: null },
    [
      { say: "done", id: 0, answer: null },
      { say: "more", id: 1 },
    ],
  ],
  [
    "a tmux of 32",
    handsRequestSchema,
    { op: "hands", version: 1, tmux: "a".repeat(32) },
    [
      { op: "hands", version: 1, tmux: "a".repeat(33) },
      { op: "hands", version: 1, tmux: "" },
      { op: "hands", version: 1, tmux: "3.3 a" },
      { op: "hands", version: 1.5, tmux: null },
    ],
  ],
])("takes %s and no more", (_, schema, inside, outside) => {
  expect([inside, ...outside].map(one => v.is(schema, one))).toEqual([true, ...outside.map(() => false)])
})

test("of a reason one line of visible text is left, of 200 units", () => {
  const said = (reason: string): unknown => {
    const parsed = v.safeParse(fromHandsSchema, { say: "failed", id: 1, reason })
    return parsed.success && parsed.output.say === "failed" ? parsed.output.reason : null
  }
  expect(said("no\n\t tmux")).toBe("no tmux")
  expect(said("a".repeat(200))).toBe("a".repeat(200))
  expect(said("a".repeat(4096))).toBe("a".repeat(200))
  expect(said("a".repeat(4097))).toBeNull()
  expect(said(`${"a".repeat(199)}😀`)).toBe(`${"a".repeat(199)}�`)
})

test("a pane to take is anyone where none is named", () => {
  expect(v.parse(toHandsSchema, order({ op: "take", session: "a" }))).toEqual(
    order({ op: "take", session: "a", pane: null }) as never,
  )
})

const held = { kind: "held", state: "busy", reason: "r", pasted: true }
const stuck = { kind: "stuck", reason: "r", left: null }
const none = { kind: "none", state: "absent", reason: "r" }
test.each<readonly [Parameters<typeof readAnswer>[0], unknown, unknown]>([
  ["find", { pane: null, target: none }, { pane: null, target: { ...none, state: "busy" } }],
  [
    "find",
    { pane: pin, target: { ...none, isAnew: true } },
    { pane: pin, target: { ...none, isAnew: false } },
  ],
  [
    "find",
    { pane: pin, target: { kind: "pane", ...target } },
    { pane: {}, target: { kind: "pane", ...target } },
  ],
  ["take", null, undefined],
  ["look", "copy-mode", "gone"],
  ["type", { kind: "submitted" }, { kind: "sent" }],
  ["type", { ...held, unseen: true }, { ...held, unseen: false }],
  ["type", { ...held, swallowed: true }, { ...held, swallowed: false }],
  ["type", { ...held, unpressed: true }, { ...held, unpressed: false }],
  ["type", held, { ...held, pasted: null }],
  ["type", { ...stuck, unpressed: true }, { ...stuck, unpressed: false }],
  ["type", { ...stuck, left: "not now" }, { ...stuck, left: "never" }],
  ["type", { kind: "vanished", reason: "r" }, { kind: "vanished" }],
  ["takeOut", "with other words", "no"],
  ["findOnScreen", "in-box", "seen"],
  ["tell", null, true],
])("%s is answered by %j, and not by %j", (op, right, wrong) => {
  expect([answers(op, right), answers(op, wrong)]).toEqual([true, false])
})
