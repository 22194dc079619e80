/** A conversation as people read it: what became of each message in words, and how it is laid out. */
import { describe, expect, test } from "bun:test"
import {
  changeLines,
  dayLine,
  excerptLine,
  fateOf,
  messageLines,
  type Page,
} from "../../src/commands/log-lines.ts"
import { columnsOf, wrap } from "../../src/commands/rows.ts"
import { plain } from "../../src/commands/terminal.ts"
import type { LogEntry } from "../../src/guardian/door/results.ts"

const sent: LogEntry = {
  at: "2026-11-23T10:05:00.000Z",
  direction: "out",
  name: "kai",
  id: "01a22b75-c444-7445-920f-f72b13a8cac7",
  shortId: "k7q2",
  inReplyTo: null,
  inReplyToShortId: null,
  text: "hello",
  state: "accepted",
  reason: null,
  peerState: null,
  peerReason: null,
  settledAt: null,
}
const received: LogEntry = { ...sent, direction: "in", state: "delivered" }

const page: Page = { self: "mira", columns: 60, paint: plain, isUtc: true }

describe("what became of a message is", () => {
  test.each<[Partial<LogEntry>, string]>([
    [{ state: "queued" }, "waits to be sent"],
    [{ state: "queued", reason: "" }, "waits to be sent"],
    [{ state: "queued", reason: "no route" }, "waits to be sent: no route"],
    [{}, "kai has it"],
    [
      { peerState: "held", peerReason: "busy" },
      "kai has it, and types it when kai's agent is done with its work",
    ],
    [
      { peerState: "held", peerReason: "paused" },
      "kai has it, and types it when kai's owner lets it: messages from here are paused there",
    ],
    [
      { peerState: "held", peerReason: "loop", reason: "21 replies in a row; …" },
      "kai has it, and types it when its owner lets the agents go on: 21 replies in a row; …",
    ],
    [{ peerState: "held", peerReason: "toString" }, 'kai has it, and holds it: "toString"'],
    [{ peerState: "held" }, "kai has it, and holds it"],
    [{ peerState: "delivered" }, "typed into kai's session"],
    [{ peerState: "uncertain" }, "kai has it, and perhaps it was typed: kai's Guardian cannot tell"],
    [
      { peerState: "failed", peerReason: "no reason\nat all" },
      'kai had it and gave no answer: "no reason at all"',
    ],
    [{ peerState: "answered" }, "answered by kai"],
    [{ peerState: "refused", peerReason: "dropped by its owner" }, "dropped by kai's owner, never typed"],
    [{ peerState: "expired" }, "kai had it and did not type it"],
    [{ peerState: "new\u001b[2J" }, "kai: new[2J"],
    [{ reason: "withdrawn too late" }, "withdrawn too late: kai has it"],
    [{ reason: "withdrawn too late", peerState: "answered" }, "withdrawn too late: answered by kai"],
    [{ state: "withdrawn", reason: "it may have arrived" }, "withdrawn: it may have arrived"],
    [{ state: "refused", reason: "invalid: text" }, "kai refused it: invalid: text"],
    [{ state: "expired", reason: "no route" }, "given up after 24 hours: no route"],
    [{ state: "dropped", reason: "removed here" }, "dropped: the pair with kai ended: removed here"],
  ])("sent, %j: %s", (change, words) => expect(fateOf({ ...sent, ...change }, "mira").words).toBe(words))

  test.each<[Partial<LogEntry>, string]>([
    [{ state: "waiting" }, "waits to be typed"],
    [{ state: "waiting", reason: "paused until …" }, "waits to be typed: paused until …"],
    [{ state: "typing" }, "is being typed into mira's session"],
    [{}, "delivered to mira"],
    [{ state: "uncertain" }, "perhaps delivered to mira: its session does not show it"],
    [{ state: "dropped" }, "dropped: the pair with kai ended"],
    [{ state: "dropped", reason: "dropped by its owner" }, "dropped here, never typed"],
  ])("received, %j: %s", (change, words) =>
    expect(fateOf({ ...received, ...change }, "mira").words).toBe(words),
  )
})

describe("a message is laid out", () => {
  test("with who to whom, both ids and its end; what is said stands below, where no line of it can be a head", () => {
    const text = "one\n10:05  mira → kai [aaaa] · answered by kai\n\n  four\n── Monday ──"
    const answer = { ...received, text, inReplyToShortId: "zzzz" }
    expect(messageLines(page, answer)).toEqual([
      "10:05  kai → mira [k7q2] re [zzzz] · delivered to mira",
      "       one",
      "       10:05  mira → kai [aaaa] · answered by kai",
      "",
      "         four",
      "       ── Monday ──",
    ])
  })

  test("in lines of the terminal's, its head too; CJK and emoji by what they take there", () => {
    const reason = "nothing listens on 127.0.0.1:9880; is its Guardian running?"
    const text = `${"日本語".repeat(14)} 👩‍👩‍👧‍👦👍🏽 ${"long".repeat(20)}`
    const lines = messageLines(page, { ...sent, state: "queued", reason, text })
    expect(lines.slice(0, 2)).toEqual([
      "10:05  mira → kai [k7q2] · waits to be sent: nothing",
      "       listens on 127.0.0.1:9880; is its Guardian running?",
    ])
    for (const line of lines) expect(columnsOf(line)).toBeLessThanOrEqual(60)
    expect(lines.slice(2).join("").replaceAll(" ", "")).toBe(text.replaceAll(" ", ""))
  })

  test("in whole lines where it goes to no terminal, as they were sent", () => {
    const text = `  ${"word ".repeat(100)}end`
    expect(messageLines({ ...page, columns: Number.POSITIVE_INFINITY }, { ...sent, text })).toEqual([
      "10:05  mira → kai [k7q2] · kai has it",
      `       ${text}`,
    ])
  })

  test("without ids where there are none, and without a sign that a terminal obeys", () => {
    const [head, ...words] = messageLines(page, { ...sent, shortId: null, text: "a\u001b[31mb\u202e\u0007" })
    expect([head, words]).toEqual(["10:05  mira → kai · kai has it", ["       a[31mb"]])
  })
})

test("a change is one line, a day another", () => {
  expect(changeLines(page, { ...sent, peerState: "delivered" }, "2026-11-23T10:07:30.000Z")).toEqual([
    "10:07  [k7q2] to kai: typed into kai's session",
  ])
  expect(changeLines(page, received, "2026-11-23T10:07:30.000Z")).toEqual([
    "10:07  [k7q2] from kai: delivered to mira",
  ])
  expect(dayLine(page, sent.at)).toBe("── Monday, 23 November 2026 (UTC) ──")
})

test.each([
  ["fits", "two\nlines", 9, "two lines"],
  ["does not", "two lines", 8, "two li…"],
  ["would be cut within a wide sign", "日本語", 4, "日…"],
  ["has no room", "日本語", 2, ""],
])("of a text that %s a line shows the beginning", (_, text, columns, want) => {
  expect(excerptLine(text, columns)).toBe(want)
})

test("a command stays whole where it fits into a line, and words of ours are broken nowhere", () => {
  expect(wrap("see `sento agents resume kai` for it", 28)).toEqual(
    ["see", "`sento agents resume kai` for", "it"]
      .slice(0, 1)
      .concat(["`sento agents resume kai`", "for it"]),
  )
  const path = `/home/${"a".repeat(40)}`
  expect(wrap(`see ${path} for it`, 20, "", false)).toEqual(["see", path, "for it"])
  expect(wrap(`see ${path}`, 20)[1]).toHaveLength(20)
})
