/** What each program's reader makes of a screen, row by row. Recorded screens: screens.test.ts. */
import { describe, expect, test } from "bun:test"
import { agentPrograms } from "../../src/tmux/agent-programs.ts"
import type { Reading } from "../../src/tmux/box-reading.ts"
import { profiles } from "../../src/tmux/readiness.ts"
import { parseScreen, type Screen } from "../../src/tmux/screen.ts"

const { claude, codex, gemini, opencode, plain } = profiles

test.each([
  ["claude", 100, "\r", { kill: "\x15" }, true],
  ["codex", 100, "\t", { kill: "\x15" }, true],
  ["gemini", 150, null, { kill: "\x15", erase: "\x7f" }, true],
  ["opencode", 100, null, { kill: "\x15", erase: "\x0b" }, true],
  ["plain", 100, null, {}, false],
] as const)(
  "%s is pressed after %i ms, queues by %p, is emptied by %j",
  (name, settle, queue, keys, exact) => {
    const { settleMilliseconds, queueKey, takeOutKeys, exactBox } = profiles[name]
    expect([settleMilliseconds, queueKey, takeOutKeys, exactBox]).toEqual([settle, queue, keys, exact])
  },
)

/** A screen of these rows; the cursor stands in `y`, counted from 0. */
const screen = (rows: readonly string[], y: number, more: Partial<Screen> = {}): Screen => ({
  lines: parseScreen(rows.join("\n")),
  cursor: { x: 4, y },
  title: "",
  alternateScreen: false,
  width: 60,
  height: 40,
  ...more,
})

/** `state: text (rows, cut)`, or the reason where there is no box. */
const shown = ({ state, reason, box }: Reading): string =>
  box === null ? `${state}: ${reason}` : `${state}: ${box.text} (${box.rows}${box.isCut ? ", cut" : ""})`

const dim = (text: string): string => `\x1b[2m${text}\x1b[22m`

describe("Claude Code", () => {
  const rule = "─".repeat(60)
  const scrolled = `─── ↑ 3 more ${"─".repeat(40)}`
  const foot = "  ? for shortcuts"
  const noBox = "other: Claude Code shows no box to type into; it may be asking something"
  const asks = "dialog: Claude Code waits for an answer"
  const shell = "draft: the box is in shell mode"
  const agents = "other: the agents view is open"
  const interrupt = "  esc to interrupt"

  test.each([
    ["an empty box", [rule, "❯ ", rule, foot], 1, "ready:  (1)"],
    ["a bare mark", [rule, "❯", rule, foot], 1, "ready:  (1)"],
    ["a box between the first row and the last", [rule, "❯ x", rule], 1, "draft: x (1)"],
    ["two rows, the cursor in the second", [rule, "❯ x", "  y", rule, foot], 2, "draft: x\n  y (2)"],
    ["two rows, the cursor in the first", [rule, "❯ x", "  y", rule, foot], 1, "draft: x\n  y (2)"],
    ["a blank row in it", [rule, "❯ x", "", "  y", rule, foot], 1, "draft: x\n\n  y (3)"],
    ["a row that is none of its own", [rule, "❯ x", "y", rule, foot], 1, noBox],
    ["a first row without the mark", [rule, "  x", rule, foot], 1, noBox],
    [
      "a first row without the mark, of a box that has scrolled",
      [scrolled, "  x", rule, foot],
      1,
      "draft: x (1, cut)",
    ],
    ["the mark in a box that has scrolled", [scrolled, "❯ x", rule, foot], 1, noBox],
    ["a rule with words that tell of no scrolling", [`─── a ${rule}`, "❯ x", rule], 1, "draft: x (1)"],
    ["no lower rule", ["said", rule, "❯ x"], 2, "draft: x (1)"],
    ["no lower rule, the upper one in the first row", [rule, "❯ x", "  y"], 1, "draft: x\n  y (2)"],
    ["no upper rule", ["  x", "  y", rule, foot], 0, "draft: x\n  y (2, cut)"],
    ["no upper rule, and the lower one in the second row", ["  x", rule, foot], 0, "draft: x (1, cut)"],
    ["no rule", ["❯ x", foot], 0, asks],
    ["no rule and no mark", ["said", foot], 0, noBox],
    ["no rule, and rows like those of a box", ["  x", foot], 0, noBox],
    ["the cursor on the lower rule", [rule, "❯ x", rule, foot], 2, noBox],
    ["the cursor on the lower rule, and another below", [rule, "❯ x", rule, foot, rule], 2, noBox],
    ["the cursor below a rule that is the last row", [rule, "❯ x", rule], 3, noBox],
    [
      "the last of several boxes, the cursor in it",
      [rule, "❯ a", rule, "", rule, "❯ b", rule],
      5,
      "draft: b (1)",
    ],
    ["a status line's rule below", [rule, "❯ x", rule, foot, rule], 1, "draft: x (1)"],
    ["bash mode", [rule, "! ls", rule, foot], 1, shell],
    ["memory mode", [rule, "# note", rule, foot], 1, shell],
    ["a mark of bash in the second row", [rule, "❯ x", "! y", rule, foot], 1, noBox],
    ["words that end like a mark of bash", [rule, "❯ x!", rule, foot], 1, "draft: x! (1)"],
    [
      "the hint of queued messages",
      [rule, "❯ Press up to edit queued messages", rule, foot],
      1,
      "ready:  (1)",
    ],
    [
      "words beside that hint",
      [rule, "❯ Press up to edit queued messages now", rule],
      1,
      "draft: Press up to edit queued messages now (1)",
    ],
    ["the agents view by its hint", [rule, "❯ describe a task for a new session", rule, foot], 1, agents],
    [
      "the agents view by its footer",
      [rule, "❯ x", rule, "  a line", "  enter to create · esc×2 to clear"],
      1,
      agents,
    ],
    ["a question right below the box", [rule, "❯ x", rule, "Do you want to proceed?", "  1. Yes"], 1, asks],
    ["a question further below", [rule, "❯ x", rule, foot, "  Esc to cancel"], 1, asks],
    ["a question's words above the box", ["Do you want to go?", rule, "❯ x", rule, foot], 2, "draft: x (1)"],
    [
      "a question's words in the box",
      [rule, "❯ Do you want to go?", rule, foot],
      1,
      "draft: Do you want to go? (1)",
    ],
    [
      "a choice right below the last rule",
      [rule, "❯ Yes", "  No"],
      9,
      noBox.replace(noBox, "draft: Yes\n  No (2)"),
    ],
    ["a choice below the last rule", [rule, " Trust it?", "❯ Yes", "  No"], 2, asks],
    ["a choice above the last rule", ["❯ Yes", rule, "said"], 2, noBox],
    ["a choice right above the last rule, and a row that is none", ["said", "❯ Yes", rule, "said"], 3, noBox],
    ["what is faint", [rule, `❯ ${dim("Try it")}`, rule, foot], 1, "ready:  (1)"],
    ["the footer of one that works", [rule, "❯ ", rule, "  model", interrupt], 1, "busy:  (1)"],
    ["that footer right below the box", [rule, "❯ ", rule, interrupt], 1, "busy:  (1)"],
    [
      "that footer's words in the box's last row",
      [rule, "❯ press", interrupt, rule, foot],
      1,
      "draft: press\n  esc to interrupt (2)",
    ],
    ["a spinner above", ["✽ Thinking… (2s · ↓ 9 tokens)", "", rule, "❯ ", rule, foot], 3, "busy:  (1)"],
    ["a spinner's words in an answer", ["  ✽ Thinking… (2s)", "", rule, "❯ ", rule, foot], 3, "ready:  (1)"],
  ] as const)("%s", (_, rows, y, want) => expect(shown(claude.read(screen(rows, y)))).toBe(want))

  test("a spinner in the title works", () => {
    const read = (title: string): string => claude.read(screen([rule, "❯ ", rule], 1, { title })).state
    expect(["⠐ Claude Code", "✳ Claude Code", "a ⠐"].map(read)).toEqual(["busy", "ready", "ready"])
  })
})

describe("Codex", () => {
  const foot = ["", "  stub-model default · /work"]
  const noBox = "other: Codex shows no box to type into; it may be asking something"
  const asks = "dialog: Codex waits for an answer"
  const arrow = `${"› words".padEnd(59)}↑`

  test.each([
    ["an empty box in the first row", [`› ${dim("Ask Codex")}`, ...foot], 0, "ready:  (1)"],
    ["a draft, the cursor in its row", ["said", "› x", ...foot], 1, "draft: x (1)"],
    ["a draft of two rows", ["› x", "  y", ...foot], 1, "draft: x\n  y (2)"],
    ["rows below the cursor are none of it", ["› x", "  y", ...foot], 0, "draft: x (1)"],
    ["the last box", ["› said", "", "› x", ...foot], 2, "draft: x (1)"],
    ["the cursor above the box", ["said", "› x", ...foot], 0, noBox],
    ["no box", ["said"], 0, noBox],
    ["a menu", ["› 1. Yes", "  2. No"], 0, asks],
    ["a menu, the cursor elsewhere", ["said", "› 1. Yes", "  2. No"], 0, asks],
    ["a question right below the cursor", ["› x", "  press enter to confirm", "  x"], 0, asks],
    [
      "a question's words in the cursor's row",
      ["› Press enter to continue", ...foot],
      0,
      "draft: Press enter to continue (1)",
    ],
    ["a question's words above the box", ["press enter to confirm", "› x", ...foot], 1, "draft: x (1)"],
    [
      "a question's words above the box, the cursor above them",
      ["said", "press enter to confirm", "› x"],
      0,
      noBox,
    ],
    ["a question in the first row, without a box", ["enter to submit answer", "said"], 0, asks],
    ["a question in the box's row, the cursor above", ["said", "› enter to submit answer"], 0, asks],
    ["a box that has scrolled", [arrow, "  more", ...foot], 1, "draft: words\n  more (2, cut)"],
    ["an arrow within the row", ["› see ↑", ...foot], 0, "draft: see ↑ (1)"],
    [
      "an arrow at the end of the second row",
      ["› x", arrow.replace("›", " "), ...foot],
      1,
      `draft: x\n${arrow.replace("›", " ")} (2)`,
    ],
    [
      "arrows in both rows",
      [arrow, arrow.replace("›", " "), ...foot],
      1,
      `draft: words\n${arrow.replace("›", " ")} (2, cut)`,
    ],
    ["a full row without an arrow", [`› ${"x".repeat(58)}`, ...foot], 0, `draft: ${"x".repeat(58)} (1)`],
    ["one that is starting", ["› ", "", "  ? for shortcuts", ""], 0, "other: Codex is still starting"],
    ["one that is starting, and has a draft", ["› x", "", "  ? for shortcuts"], 0, "draft: x (1)"],
    ["one that has started", ["› ", "", "  ? for shortcuts", "  model"], 0, "ready:  (1)"],
    ["one that has started, with a footer of one line", ["› ", "", "  model"], 0, "ready:  (1)"],
    ["one without a footer", ["› "], 0, "ready:  (1)"],
    ["work right above the box", ["• Working (2s • esc to interrupt)", "", "› x", ...foot], 2, "busy: x (1)"],
    ["work further above", ["• Working (2s • esc to interrupt)", "said", "› x", ...foot], 2, "draft: x (1)"],
  ] as const)("%s", (_, rows, y, want) => expect(shown(codex.read(screen(rows, y)))).toBe(want))

  test("a cursor in the column behind the last is in no box", () => {
    const read = (x: number): string => codex.read(screen(["› x", ...foot], 0, { cursor: { x, y: 0 } })).state
    expect([59, 60].map(read)).toEqual(["draft", "other"])
  })

  test("the title tells of a question, and of work", () => {
    const read = (title: string): string => codex.read(screen(["› ", ...foot], 0, { title })).state
    expect(["Action Required", "⠐ work", "work"].map(read)).toEqual(["dialog", "busy", "ready"])
  })

  test("its background server, and a file that only one without it has open", () => {
    const { isServer, ownFile } = agentPrograms.codex.sharedServer ?? { isServer: () => false, ownFile: /$^/ }
    const lines = [
      "codex app-server --listen x",
      "codex app-server",
      "codex --listen x app-server",
      "codex exec --listen",
    ]
    expect(lines.map(line => isServer(line.split(" ")))).toEqual([true, false, false, false])
    expect(ownFile.test("/home/me/.codex/thread-writer-locks/a1")).toBe(true)
    expect(ownFile.test("/home/me/.codex/thread-writer-locks/.a1")).toBe(false)
  })
})

describe("Gemini CLI", () => {
  const foot = ["", " workspace (/directory)"]
  const noBox = "other: Gemini CLI shows no box to type into; it may be asking something"
  const asks = "dialog: Gemini CLI waits for an answer"
  const grey = (text: string): string => `\x1b[38;5;248m${text}\x1b[39m`
  const rows = (count: number): string[] => Array.from({ length: count - 1 }, () => "   y")
  const spins = " ⠋ Thinking... (esc to cancel, 0s)"

  test.each([
    ["a placeholder in grey", [` > ${grey("  Type a thing")}`, ...foot], 0, "ready:  (1)"],
    ["a placeholder that is dim", [` > ${dim("  Type a thing")}`, ...foot], 0, "ready:  (1)"],
    ["a placeholder by its words", [" >   Type your message or @path/to/file", ...foot], 0, "ready:  (1)"],
    [
      "words beside those",
      [" > Type your message or @path/to/file now", ...foot],
      0,
      "draft: Type your message or @path/to/file now (1)",
    ],
    ["a draft", ["said", " > x", ...foot], 1, "draft: x (1)"],
    ["a draft in YOLO mode", ["said", " * x", ...foot], 1, "draft: x (1)"],
    ["a draft of two rows", [" > x", "   y", ...foot], 1, "draft: x\n   y (2)"],
    ["rows below the cursor are none of it", [" > x", "   y", ...foot], 0, "draft: x (1)"],
    ["shell mode", [" ! ls", ...foot], 0, "draft: the box is in shell mode"],
    ["words that end like shell mode", [" > x !", ...foot], 0, "draft: x ! (1)"],
    ["nine rows", [" > x", ...rows(9), ...foot], 8, `draft: x\n${rows(9).join("\n")} (9)`],
    ["ten rows", [" > x", ...rows(10), ...foot], 9, `draft: x\n${rows(10).join("\n")} (10, cut)`],
    ["the cursor above the box", ["said", " > x", ...foot], 0, noBox],
    ["no box", ["said"], 0, noBox],
    ["a question right below the cursor", [" > x", "│ Allow execution of [Shell]? │", "│ │"], 0, asks],
    [
      "a question's words in the cursor's row",
      [" > Apply this change", ...foot],
      0,
      "draft: Apply this change (1)",
    ],
    ["a question's words above the box", ["Apply this change", " > x", ...foot], 1, "draft: x (1)"],
    [
      "a question's words above the box, the cursor above them",
      ["said", "Apply this change", " > x"],
      0,
      noBox,
    ],
    ["a question in the first row, without a box", ["│ ● 1. Allow once │", "│ │"], 0, asks],
    ["a question in the box's row, the cursor above", ["said", " > ● 1. Red"], 0, asks],
    ["a box higher than the pane", ["   one", "", "   two", "x"], 2, "draft: one\n\n   two (3, cut)"],
    ["rows of which the cursor's is not indented", ["   one", "   two", "x y z"], 2, noBox],
    ["rows of which the first is not indented", ["one", "   two", "   three"], 2, noBox],
    ["rows of which the one above the cursor is not indented", ["   one", "two", "   three"], 2, noBox],
    ["work above the box", [spins, " > x", ...foot], 1, "busy: x (1)"],
    ["work right below an answer", ["✦ said", spins, " > x", ...foot], 2, "busy: x (1)"],
    ["what was left of work right above an answer", [spins, "✦ said", " > x", ...foot], 2, "draft: x (1)"],
    ["words of work in an answer", ["✦ I press (esc to cancel)", " > x", ...foot], 1, "draft: x (1)"],
  ] as const)("%s", (_, of, y, want) => expect(shown(gemini.read(screen(of, y)))).toBe(want))

  test("a cursor in the first column is in no box", () => {
    const at = (of: readonly string[]) => (x: number) =>
      gemini.read(screen(of, 0, { cursor: { x, y: 0 } })).state
    expect([0, 1].map(at([" > x", ...foot]))).toEqual(["other", "draft"])
    expect([2, 3].map(at(["   x", ...foot]))).toEqual(["other", "draft"])
  })

  test("the title tells of a question, and of work", () => {
    const read = (title: string): string =>
      gemini.read(screen([` > ${grey("  Type")}`, ...foot], 0, { title })).state
    const titles = ["✋  Action Required (work)", "✦  Working…", "◇  Ready (work)", "work ✦"]
    expect(titles.map(read)).toEqual(["dialog", "busy", "ready", "ready"])
  })
})

describe("a program that reads lines", () => {
  const read = (of: readonly string[], x: number, y: number, alternateScreen = false): Reading =>
    plain.read(screen(of, y, { cursor: { x, y }, alternateScreen }))
  const ready = (text: string): Reading => ({
    state: "ready",
    reason: "",
    box: { text, rows: 1, isCut: false },
  })

  test.each([
    ["what stands up to the cursor's row", [">>> a", ">>> b", "below"], 4, 1, ">>> a\n>>> b"],
    ["the first row", ["> a", "below"], 1, 0, "> a"],
    ["nothing, where the cursor is in the first column", [">>> a", ""], 0, 1, ""],
  ] as const)("shows %s", (_, of, x, y, want) => expect(read(of, x, y)).toEqual(ready(want)))

  test("is none where a program has the whole screen", () => {
    expect(shown(read(["> a"], 3, 0, true))).toBe("other: a full-screen program runs in the pane")
  })
})

describe("OpenCode", () => {
  const edge = (columns = 40): string => `  ╹${"▀".repeat(columns + 4)}`
  const bar = (words = ""): string => `  ┃  ${words}`.trimEnd()
  const box = (rows: readonly string[], columns = 40): string[] => [
    bar(),
    ...rows.map(bar),
    bar(),
    bar("Build · Stub"),
    edge(columns),
  ]
  const foot = "   tab agents"
  const noBox = "other: OpenCode shows no box to type into; it may be asking something"
  const asks = "dialog: OpenCode waits for an answer"
  const shell = "draft: the box is in shell mode"
  const grey = (text: string): string => `\x1b[38;5;8m${text}\x1b[39m`
  const read = (rows: readonly string[], more: Partial<Screen> = {}): string =>
    shown(opencode.read(screen(rows, 30, more)))

  test.each([
    ["a draft", [...box(["x"]), foot], "draft: x (1)"],
    ["a draft of two rows", [...box(["x", "y"]), foot], "draft: x\n  y (2)"],
    ["a placeholder", [...box([grey("Ask anything…")]), foot], "ready:  (1)"],
    ["a placeholder in another colour", [...box(["Ask anything…"]), foot], "ready:  (1)"],
    ["a box without its blank rows", [bar("x"), bar("y"), bar("Build"), edge(), foot], "draft: x\n  y (0)"],
    ["a box without room for words", [bar(), bar("Build"), edge(), foot], noBox],
    ["no box", ["said", foot], noBox],
    ["shell mode", [bar(), bar("ls"), bar(), bar("Shell"), edge(), foot], shell],
    [
      "words of shell mode in the row above",
      [bar(), bar("ls"), bar("Shell"), bar("Build"), edge()],
      "draft: ls\n  Shell (1)",
    ],
    ["a question right below the box", [...box(["x"]), "  △ Permission required", "  x"], asks],
    ["a question further below", [...box(["x"]), foot, "  enter confirm"], asks],
    ["a question's words in the box", box(["△ Permission required"]), "draft: △ Permission required (1)"],
    ["a question's words above the box", ["  △ Permission", ...box(["x"])], "draft: x (1)"],
    [
      "a question's sign in the model's line",
      [bar(), bar("x"), bar(), bar("Build · △ Stub"), edge()],
      "draft: x (1)",
    ],
    [
      "a question above the edge of no box",
      ["  △ Permission required", bar(), bar("Build"), edge(), foot],
      asks,
    ],
    [
      "a box without room for words, below others",
      ["said", "said", bar(), bar("Build"), edge(), foot],
      noBox,
    ],
    ["a model's line without its bar", [bar(), bar("x"), bar(), "  Build", edge()], noBox],
    ["a question where the box was", ["said", "  ┃  △ Permission required", "  ┃"], asks],
    ["work below the box", [...box(["x"]), "   ■⬝⬝", foot], "busy: x (1)"],
    ["words of work in the box", [...box(["esc interrupt"]), foot], "draft: esc interrupt (1)"],
    [
      "a footer drawn over the box",
      ["   █▀▀█ █▀▀█", "  ┃", "  ┃  x", "  /work"],
      expect.stringContaining("other: the pane is so low"),
    ],
  ] as const)("%s", (_, rows, want) => expect(read(rows)).toEqual(want))

  test.each([
    [40, 12, false],
    [40, 13, true],
    [20, 5, false],
    [20, 6, true],
    [10, 5, false],
    [10, 6, true],
  ])("in a pane of %i rows a box of %i is cut: %p", (height, rows, isCut) => {
    const { box: found } = opencode.read(screen(box(Array(rows).fill("x")), 30, { height }))
    expect([found?.rows, found?.isCut]).toEqual([rows, isCut])
  })

  test("a side bar begins where the box's lower edge ends, in whichever style", () => {
    const row = (words: string, style = ""): string => `${bar(words).padEnd(46)}${style}x beside`
    const wide = "y".repeat(40)
    const at = (rows: readonly string[]): string | undefined =>
      opencode.read(screen([bar(), ...rows, bar(), bar("Build"), edge()], 30)).box?.text
    expect(at([row(wide)])).toBe(`${wide} x`)
    expect(at([row("y", "\x1b[31m")])).toBe(`y${" ".repeat(40)}x`)
    expect(at([`${row(wide).slice(0, 46)}\x1b[31mx\x1b[32m beside`])).toBe(`${wide} x`)
  })

  test.each([
    ["a letter at the right edge", "x".repeat(40), "xyz", "xyz"],
    ["a sign at the right edge, drawn again", `${"x".repeat(38)}☰`, "☰yz", "yz"],
    ["a sign one cell before the edge, drawn again", `${"x".repeat(37)}☰`, "☰yz", "yz"],
    ["a sign two cells before the edge, drawn again", `${"x".repeat(36)}☰`, "☰yz", "☰yz"],
    ["a sign at the edge, and another one below", `${"x".repeat(38)}☰`, "☷yz", "☷yz"],
    ["a sign at the edge, and a blank below", `${"x".repeat(38)}☰`, " ☰z", " ☰z"],
    ["a joined sign of two cells, drawn again", `${"x".repeat(38)}🇯🇵`, "🇯🇵yz", "yz"],
    ["a joined sign of one cell", `${"x".repeat(39)}क्`, "क्yz", "क्yz"],
  ])("%s is no word of the next row, or is one", (_, above, below, want) => {
    const found = opencode.read(screen(box([above, below]), 30)).box?.text.split("\n")
    expect(found?.[1]?.replace(/^ {2}/, "")).toBe(want)
  })

  describe("where signs from the end of the row above stand before the bar of its last row", () => {
    const [ground, page] = ["\x1b[48;5;234m", "\x1b[49m"]
    const row = (words: string, before = "  "): string =>
      `${before}${page}┃${ground}${words.padEnd(16)}${page}`
    test.each([
      ["nothing", "  ", "  Shell", shell],
      ["a wide sign", "漢", "  Shell", shell],
      ["more than the bar's own place has", "ᄀᄀᄀ      ", "  Shell", noBox],
      ["what asks", "△ Permission required", "  Allow once  Reject  enter confirm", asks],
      ["nothing, and no shell", "  ", "  Build", "ready:  (1)"],
      ["a wide sign, and no shell", "漢", "  Build", "ready:  (1)"],
    ])("%s", (_, before, words, want) => {
      const rows = ["text", row(""), row(""), row(""), row(words, before), edge(), foot]
      expect(read(rows)).toBe(want)
    })
  })

  test("keys are kept back behind the first prompt's return alone", () => {
    const kept = (rows: readonly string[]) => opencode.keysKept?.(screen(rows, 3))
    expect([kept(["   █▀▀█ █▀▀█", ...box([""])]), kept(["said", "▀▀", ...box([""])])]).toEqual([250, 0])
  })

  describe("until its first prompt has room for a text", () => {
    /** Two blank rows above the logo, and so many between the box and the last row. */
    const first = (blanks: number, rows: readonly string[] = ["Ask anything…"]): Screen =>
      screen(["", "", "   █▀▀█ █▀▀█", ...box(rows), ...Array(blanks).fill(""), "  /work", "", "", ""], 5)
    const fits = (text: string, blanks = 1, rows?: readonly string[]): boolean =>
      opencode.lacksRoom?.(first(blanks, rows), text) === null

    // The box has a row already, and 40 columns; 2 + 1 blank rows are around it.
    test.each([
      ["one row, as wide as the box", "x".repeat(40), 0, true],
      ["two lines of one row each", "x\ny", 0, true],
      ["a row and a cell: two rows, and one for words that wrap", "x".repeat(41), 1, true],
      ["three rows and one, with room for three more", "x".repeat(120), 1, true],
      [
        "three rows and one, and a line of its own: room for three more is too little",
        `${"x".repeat(120)}\ny`,
        1,
        false,
      ],
      ["the same, with a row more", `${"x".repeat(120)}\ny`, 2, true],
      [
        "a row as wide as the box, and one of two rows and one",
        `${"x".repeat(40)}\n${"x".repeat(41)}`,
        1,
        true,
      ],
      ["two lines of three rows, 150 signs", `${"x".repeat(74)}\n${"x".repeat(75)}`, 2, false],
      ["the same with a sign more: a label", `${"x".repeat(75)}\n${"x".repeat(75)}`, 0, true],
      ["150 signs with blanks around", `  ${"x".repeat(74)}\n${"x".repeat(75)}  `, 2, false],
      ["three lines: a label", `${"x".repeat(60)}\n${"x".repeat(60)}\ny`, 0, true],
    ] as const)("%s", (_, text, blanks, want) => expect(fits(text, blanks)).toBe(want))

    test("and none is asked for any more afterwards", () => {
      const later = screen(["said", ...box(["Ask anything…"])], 3)
      expect(opencode.lacksRoom?.(later, "x".repeat(120))).toBeNull()
      expect(opencode.lacksRoom?.(screen(["   █▀▀█ █▀▀█", "  /work"], 3), "x".repeat(120))).toBeNull()
    })

    test("rows that the box has already are no new ones", () => {
      expect([fits("x".repeat(120), 0, ["a", "b"]), fits("x".repeat(120), 0, ["a"])]).toEqual([true, false])
    })
  })

  describe("in colours", () => {
    /** A row on the box's ground, its bar on the page's. */
    const row = (words: string, ground = 234): string =>
      `\x1b[48;5;232m  ┃\x1b[48;5;${ground}m  ${words.padEnd(44)}\x1b[49m`
    /** One over whose bar the end of the row above was drawn. */
    const lost = (words: string): string => `\x1b[48;5;234m${words.padEnd(47)}\x1b[49m`
    const foot = [row("Build"), edge()]
    const at = (rows: readonly string[], x = 40, y = 1): Reading =>
      opencode.read(screen([...rows, ...foot], y, { cursor: { x, y } }))
    const onPage = (words: string): string => `\x1b[48;5;232m${words}\x1b[48;5;234m`
    const unset = (words: string): string => `\x1b[49m${words}\x1b[48;5;234m`

    test.each([
      ["a row that has lost its bar, right above the model's", [row(""), row("x"), lost("漢")], "x\n漢"],
      [
        "a row without a bar that begins with blanks",
        [row("above"), lost("  words"), row(""), row("half"), row("")],
        "half",
      ],
      ["rows on another ground above", [row("said", 233), row(""), row("half"), row("")], "half"],
      [
        "what is left on the page's ground",
        [row(""), row(`9 ${onPage("Build")} 10`), lost("漢")],
        "9       10\n漢",
      ],
      [
        "what is left on the ground of a person's message",
        [row("said", 233), "", row(""), row("9 \x1b[48;5;233mBuild\x1b[48;5;234m 10"), row("")],
        "9       10",
      ],
      [
        "all that a row shows which has lost its bar",
        [row(""), row("x"), lost(`漢 \x1b[31mred\x1b[39m ${onPage("page")}`), row("")],
        "x\n漢 red page",
      ],
      ["a bar among a person's words", [row(""), row("x \x1b[31ma┃b\x1b[39m y"), row("")], "x a┃b y"],
      [
        "words on no ground, below a row without a bar",
        ["said", row(""), row(`9 ${unset("mine")} 10`), row("")],
        "9 mine 10",
      ],
    ] as const)("%s", (_, rows, want) => {
      const found = at(rows)
        .box?.text.split("\n")
        .map(line => line.trimEnd().replace(/^ {2}/, ""))
      expect(found?.join("\n")).toBe(want)
    })

    test("a bar on the same ground as the words is the box's, whatever a person selected behind it", () => {
      const whole = (words: string): string => `\x1b[48;5;234m  ┃  ${words}`
      const rows = [
        whole("half \x1b[48;5;250mselected"),
        whole("more \x1b[48;5;250mtoo"),
        whole("Build"),
        `\x1b[49m${edge()}`,
      ]
      expect(opencode.read(screen(rows, 30)).box?.text).toBe("half selected\n  more too")
    })

    test("a row that was emptied, and has lost its bar to words of three cells, is empty", () => {
      const left = `xyz${" ".repeat(20)}؄`
      expect(at([row(""), lost(left), row("")], 5).state).toBe("ready")
      expect(at([row(""), lost(left), row("")], 6).state).toBe("draft")
    })

    test("a syllable that begins the row below the right edge keeps its blanks before it", () => {
      const full = `${"\u1100\u1161".repeat(19)}xx`
      const text = at([row(""), row(full), row("\u1100\u1161 y"), row("")]).box?.text
      expect(text?.split("\n")[1]).toBe("  \u1100\u1161 y")
    })
  })

  describe("a box that was emptied", () => {
    const emptied = (rows: readonly string[], x: number, y: number): string =>
      opencode.read(screen(rows, y, { cursor: { x, y } })).state
    const left = `${" ".repeat(20)}؄`
    test.each([
      ["has the cursor at its first cell", box([left]), 5, 1, "ready"],
      ["has it one cell on", box([left]), 6, 1, "draft"],
      ["has it in the row above", box([left]), 5, 0, "draft"],
      ["has it in the row below", box([left]), 5, 2, "draft"],
      ["has two rows", box([left, left]), 5, 2, "draft"],
      ["shows eight blanks first", box([`${" ".repeat(8)}؄`]), 5, 1, "ready"],
      ["shows seven blanks first", box([`${" ".repeat(7)}؄`]), 5, 1, "draft"],
      [
        "shows seven blanks behind a bar that was moved",
        [bar(), `漢 ┃  ${" ".repeat(7)}؄`, ...box([]).slice(1)],
        5,
        1,
        "draft",
      ],
    ] as const)("%s: %s", (_, rows, x, y, want) => expect(emptied(rows, x, y)).toBe(want))

    test("is one farther right, too", () => {
      const right = box([left]).map(row => `    ${row}`)
      expect([emptied(right, 9, 1), emptied(right, 5, 1)]).toEqual(["ready", "draft"])
    })
  })
})
