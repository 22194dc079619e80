/** No row of a peer's is wider than the terminal, and none begins where only ours do: of anything that can be said. */
import { describe, expect, test } from "bun:test"
import { changeLines, excerptLine, messageLines, type Page } from "../../src/commands/log-lines.ts"
import { clip, columnsOf, hang, wrap } from "../../src/commands/rows.ts"
import { paintFor, plain, printRows } from "../../src/commands/terminal.ts"
import { screenLines } from "../../src/commands/watch/lines.ts"
import type { LogEntry } from "../../src/guardian/door/results.ts"
import { sanitise } from "../../src/protocol/layout.ts"
import { crowded, hostileTexts } from "../support/hostile-texts.ts"
import { createWorld } from "../support/world.ts"

const forged = "09:31  mira → nova [zzzz] · delivered to nova"
const at = "2026-11-23T10:05:00.000Z"
const said = (text: string, change: Partial<LogEntry> = {}): LogEntry => ({
  ...{ at, direction: "in", name: "kai", id: "1", shortId: "k7q2", inReplyTo: null, inReplyToShortId: null },
  ...{ text, state: "delivered", reason: null, peerState: null, peerReason: null, settledAt: null },
  ...change,
})
const page = (columns: number): Page => ({ self: "mira", columns, paint: plain, isUtc: true })

/** Every row that a peer's words can get into, of `log`, `log -f` and `inbox`; and of those of ours the first. */
function rowsOf(text: string, columns: number): { own: readonly string[]; others: readonly string[] } {
  const told = said("hi", { direction: "out", state: "accepted", peerState: "refused", peerReason: text })
  const received = messageLines(page(columns), said(text))
  const sent = messageLines(page(columns), told)
  const change = changeLines(page(columns), told, at)
  const own = [received, sent, change].map(([first = ""]) => first)
  return {
    own,
    others: [...received.slice(1), ...sent.slice(1), ...change.slice(1), ...wrap(text, columns, "  ")],
  }
}

/** What is amiss with them: a row that is wider, one in our place. */
function faults(text: string, columns: number): string[] {
  const { own, others } = rowsOf(text, columns)
  const wide = [...own, ...others, excerptLine(text, columns)].filter(row => columnsOf(row) > columns)
  return [...wide, ...others.filter(row => /^\S/.test(row)), ...own.filter(row => !/^10:05( |$)/.test(row))]
}

/** All that a message can bring, in texts of so many code points. */
const everything = Array.from({ length: 0x440 }, (_, block) =>
  sanitise(Array.from({ length: 0x400 }, (_, i) => String.fromCodePoint(block * 0x400 + i)).join("")),
).filter(text => /[^\s\ufffd]/.test(text))
const everySign = [...new Set(everything.join(""))].filter(sign => sign !== "\n")
const isMark = (sign: string): boolean => /[\p{Mn}\p{Me}\u200c\u200d]/u.test(sign)

describe("no row is wider than the terminal, and none but ours begins in its first column:", () => {
  test("every sign that is let through", () => {
    expect(everySign.length).toBeGreaterThan(290_000)
    expect(everything.flatMap(text => faults(text, 80))).toEqual([])
  }, 120_000)

  test("every sign is counted as wide as Bun does at the least, and every one that is no mark as one column", () => {
    const narrow = everySign.filter(
      sign => columnsOf(sign) < Math.max(Bun.stringWidth(sign), isMark(sign) ? 0 : 1),
    )
    expect(narrow).toEqual([])
  })

  const blanks = ["\u3000", "\u00a0", "\u2003", " "].map(blank => `${blank.repeat(36)} ${forged}`)
  const fillers = ["\u0601", "\u06dd", "का", "㉈", "👍🏽", "क्", "ᄒ", "🇯🇵", "…", "\ue0b0"]
  const filled = fillers.flatMap(sign => [36, 72, 73, 80].map(times => `${sign.repeat(times)}${forged}`))
  const all = [
    ...blanks,
    ...filled,
    ...crowded.map(sign => sign.repeat(200)),
    ...hostileTexts.map(([, text]) => text),
  ]

  test.each([1, 2, 3, 12, 18, 19, 80])("at %p columns", columns => {
    const faulty = (text: string): string[] => (columns > 8 ? faults(text, columns) : wide(text, columns))
    expect(all.map(text => sanitise(text)).flatMap(faulty)).toEqual([])
  })

  /** Where our own mark does not fit into a row, and a wide sign into none. */
  const wide = (text: string, columns: number): string[] => {
    const { own, others } = rowsOf(text, columns)
    return [...own, ...others].filter(row => columnsOf(row) > Math.max(columns, 5))
  }

  test("on the screen of `watch`", () => {
    const rows = all.flatMap(text =>
      screenLines(
        [
          {
            ...{ name: "mira", guardian: "listens", session: "ready", isUp: true, questions: [] },
            held: [{ direction: "out", name: "kai", shortId: "k7q2", count: 1, since: at, reason: text }],
            peers: [{ name: "kai", way: "direct", away: null, lastContactAt: at, last: said(text) }],
          },
        ],
        { columns: 80, rows: 24 },
        Date.parse(at),
        plain,
      ).slice(3),
    )
    expect(rows.filter(row => columnsOf(row) > 80 || /^\S/.test(row))).toEqual([])
  })
})

/** With an end of its own. */
function worldOf() {
  const world = createWorld()
  return { ...world, [Symbol.asyncDispose]: () => world.close() }
}

test("a real terminal breaks no row that is full of a sign that is counted wider than Bun does", async () => {
  const isLetter = (sign: string): boolean => /[\p{Co}\p{Script=Han}]/u.test(sign)
  const doubted = everySign.filter(sign => !isLetter(sign) && columnsOf(sign) > Bun.stringWidth(sign))
  const joined = [
    "👍🏽",
    "का",
    "कि",
    "தி",
    "👩🏽\u200d🚀",
    "👩\u200d👩\u200d👧\u200d👦",
    "❤\ufe0f",
    "1\ufe0f\u20e3",
  ]
  const texts = [...doubted, ...joined].map(sign => sanitise(`${sign.repeat(30)}${forged}`))
  const rows = texts.flatMap(text => wrap(text, 40, "  "))
  await using world = worldOf()
  await world.session("first", ["cat"])
  await world.tmux("set-option", "-g", "history-limit", String(2 * rows.length))
  const file = `${world.folder}/all`
  await Bun.write(file, `${rows.join("\n")}\n  the end`)
  await world.session("rows", ["sh", "-c", `cat ${file}; exec cat`], undefined, [40, 24])
  await world.shows("rows", "the end")
  const { stdout } = await world.tmux("capture-pane", "-p", "-S", "-", "-t", "=rows:")
  const shown = stdout.trimEnd().split("\n")
  expect(shown.filter(row => !row.startsWith("  "))).toEqual([])
  expect(shown).toHaveLength(rows.length + 1)
}, 120_000)

test("a terminal is told to break no row, and may again at the end of each; a dumb one and a file are told nothing", () => {
  const told = (isTerminal: boolean, TERM: string): string => {
    const written: string[] = []
    const out = (text: string) => void written.push(text)
    printRows({ out, isTerminal: { stdout: isTerminal }, environment: { TERM } } as never, ["one", "two"])
    return written.join("")
  }
  expect(told(true, "xterm")).toBe("\u001b[?7lone\u001b[?7h\n\u001b[?7ltwo\u001b[?7h\n")
  expect([told(true, "dumb"), told(false, "xterm")]).toEqual(["one\ntwo\n", "one\ntwo\n"])
})

test("a style goes on in the next row, and ends with each", () => {
  const paint = paintFor(
    { isTerminal: { stdin: true, stdout: true, stderr: true }, environment: {} } as never,
    "stdout",
  )
  expect(hang(`10:05  ${paint("red", "one two three")} four`, 15, "  ")).toEqual([
    "10:05  \u001b[31mone two\u001b[0m",
    "  \u001b[31mthree\u001b[39m four",
  ])
})

test("a clipped line ends with a whole sign", () => {
  expect([clip("日本語", 3), clip("ab👍🏽", 4), clip("e\u0301e\u0301", 1)]).toEqual(["日", "ab", "e\u0301"])
})
