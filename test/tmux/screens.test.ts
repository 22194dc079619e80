import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { ProfileName } from "../../src/protocol/names.ts"
import { boxContent } from "../../src/tmux/box.ts"
import { profiles, readPane } from "../../src/tmux/readiness.ts"

import { parseScreen } from "../../src/tmux/screen.ts"
import type { Snapshot } from "../../src/tmux/snapshot.ts"

/** The screens keep no styles: a placeholder in them is told by its words, or not at all. */
const screens = [
  ["claude-ready", "claude", "ready"],
  ["claude-busy", "claude", "busy"],
  ["claude-busy-tool", "claude", "busy"],
  ["claude-busy-queued", "claude", "busy"],
  ["claude-dialog", "claude", "dialog"],
  ["claude-dialog-full", "claude", "dialog"],
  ["claude-askuser", "claude", "dialog"],
  ["claude-trust", "claude", "dialog"],
  ["claude-draft", "claude", "draft"],
  ["claude-stash", "claude", "draft"],
  ["claude-paste2000", "claude", "draft"],
  ["claude-bashmode", "claude", "draft"],
  ["codex-dialog", "codex", "dialog"],
  ["codex-draft", "codex", "draft"],
  ["codex-paste2000", "codex", "draft"],
  ["gem-ready", "gemini", "ready"],
  ["gem-busy", "gemini", "busy"],
  ["gem-busy-queued", "gemini", "busy"],
  ["gem-dialog", "gemini", "dialog"],
  ["gem-draft", "gemini", "draft"],
  ["oc-busy", "opencode", "busy"],
  ["oc-busy-queued", "opencode", "busy"],
  ["oc-dialog", "opencode", "dialog"],
  ["oc-draft", "opencode", "draft"],
] as const

describe("screens of the real programs", () => {
  test.each(screens)("%s under %s is %s", (file, profile, want) => {
    expect(stateOf(profile, snapshotOf(file, profile))).toBe(want)
  })

  test.each([
    ["codex", "\x1b[1m›\x1b[0m \x1b[2mAsk Codex to do anything"],
    [
      "opencode",
      "  ┃\n  ┃  \x1b[38;5;8mAsk anything…\x1b[39m\n  ┃\n  ┃  Build\n  ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀",
    ],
    [
      "claude",
      `${"─".repeat(40)}\n❯\u00a0\x1b[7mT\x1b[0m\x1b[2mry "fix lint errors"\x1b[0m\n${"─".repeat(40)}`,
    ],
    [
      "opencode",
      '  ┃\n  ┃  \x1b[38;2;128;128;128mAsk anything… "Fix broken tests"\x1b[39m\n  ┃\n  ┃  Build\n  ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀',
    ],
    [
      "opencode",
      "  ┃\n  ┃  \x1b[38;2;99;88;77mAsk anything…\x1b[39m\n  ┃\n  ┃  Build\n  ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀",
    ],
  ] as const)("a faint placeholder of %s is an empty box", (profile, screen) => {
    expect(stateOf(profile, { ...snapshotOf(null, profile), ...screenOf(screen) })).toBe("ready")
  })

  test.each([
    ["claude", { title: "✳ Set up my claude agents" }, "ready"],
    ["claude", { copyMode: true }, "copy-mode"],
    ["claude", { title: "⠐ working" }, "busy"],
    ["codex", { title: "Action Required" }, "dialog"],
    ["gemini", { title: "✋  Action Required (work)" }, "dialog"],
    ["claude", { width: 39 }, "other"],
    ["claude", { height: 9 }, "other"],
    ["claude", { program: { executable: "bash", name: "bash", arguments: [] } }, "shell"],
    ["claude", { program: { executable: "vim", name: "vim", arguments: [] } }, "other"],
    ["codex", { lines: [] }, "other"],
    ["claude", { lines: [] }, "other"],
    ["gemini", { lines: [] }, "other"],
    ["opencode", { lines: [] }, "other"],
  ] as const)("%s with %o is %s", (profile, change, want) => {
    expect(stateOf(profile, { ...snapshotOf("claude-ready", profile), ...change })).toBe(want)
  })

  test.each([
    ["remains of what was submitted, the cursor at the beginning", "            ؄؅", 5, "ready"],
    ["the same with the cursor elsewhere", "            ؄؅", 8, "draft"],
    ["a draft whose person went to its beginning", "half a thought", 5, "draft"],
    ["a draft of the same that begins with blanks", "    half a thought", 5, "draft"],
  ] as const)("OpenCode's box with %s", (_, shown, x, want) => {
    const screen = screenOf(
      `  ┃\n  ┃  ${shown}\n  ┃\n  ┃  Build\n  ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀`,
    )
    expect(stateOf("opencode", { ...snapshotOf(null, "opencode"), ...screen, cursor: { x, y: 1 } })).toBe(
      want,
    )
  })

  test.each([
    ["as it is", ""],
    ["with a command begun", "ls"],
  ])("in OpenCode's shell mode a return would run the text: %s", (_, typed) => {
    const shown = typed || '\x1b[38;5;8mRun a command… "pwd"\x1b[39m'
    const screen = screenOf(
      `  ┃\n  ┃  ${shown}\n  ┃\n  ┃  Shell\n  ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀\n   esc exit shell mode`,
    )
    expect(stateOf("opencode", { ...snapshotOf(null, "opencode"), ...screen })).toBe("draft")
  })

  const rule = "─".repeat(60)
  test.each([
    [
      "with its hint",
      "\x1b[2mdescribe a task for a new session\x1b[0m",
      "enter to return · space to reply · ctrl+x to remove",
    ],
    ["with a task begun", "x", "enter to create · esc×2 to clear · ctrl+f to find"],
  ])("in Claude Code's agents view a return begins a session: %s", (_, words, foot) => {
    const screen = screenOf(`${rule}\n❯\u00a0${words}\n${rule}\n  ${foot}`)
    expect(stateOf("claude", { ...snapshotOf(null, "claude"), ...screen })).toBe("other")
  })

  test("what a text or an answer says of work does not make a program busy", () => {
    const low = screenOf(`─── ↑ 9 more ${rule}\n  and press esc to interrupt\n  or not`)
    const cut = {
      ...snapshotOf(null, "claude"),
      lines: low.lines,
      cursor: { x: 8, y: 2 },
      width: 60,
      height: 10,
    }
    const said = screenOf(
      "• Working (1s • esc to interrupt)\n\n  Worked for 1s\n\n\x1b[1m›\x1b[0m \x1b[2mAsk\x1b[0m\n\n  model · /dir",
    )
    expect([stateOf("claude", cut), stateOf("codex", { ...snapshotOf(null, "codex"), ...said })]).toEqual([
      "draft",
      "ready",
    ])
  })

  test("a side bar beside OpenCode's box is none of its words", () => {
    const side = (words: string): string => `${words.padEnd(30)}\x1b[38;5;216m[•] a thing to do\x1b[39m`
    const rows = [
      side("  ┃"),
      side("  ┃"),
      side("  ┃"),
      side("  ┃  Build · Stub"),
      side("  ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀"),
    ]
    expect(stateOf("opencode", { ...snapshotOf(null, "opencode"), ...screenOf(rows.join("\n")) })).toBe(
      "ready",
    )
  })

  test("what stands above OpenCode's box on another ground is conversation, though the bars touch", () => {
    const row = (ground: number, words: string): string =>
      `  \x1b[38;5;75m┃\x1b[48;5;${ground}m  ${words}\x1b[49m`
    const rows = [
      row(233, "REPLY-3"),
      row(234, ""),
      row(234, "half"),
      row(234, ""),
      row(234, "Build · Stub"),
      "  ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀",
    ]
    const { box } = profiles.opencode.read({ ...snapshotOf(null, "opencode"), ...screenOf(rows.join("\n")) })
    expect(box?.text).toBe("half")
  })

  test("an agent program is not typed into under the profile plain: a return may approve", () => {
    expect(stateOf("plain", snapshotOf("claude-ready", "claude"))).toBe("other")
  })
})

/**
 * Screens of the real programs from 40×10 to 200×60 (Claude Code 2.1.332, Codex 0.169.0, Gemini CLI 0.61.0, OpenCode
 * 1.18.33; tmux 3.3a), each below its name, with the answers of a look in front.
 */
describe.each(["claude", "codex", "gemini", "opencode"] as const)("every size: %s", profile => {
  const corpus = readFileSync(join(import.meta.dir, `../screens/sizes-${profile}.txt`), "utf8")
  const sections = corpus
    .split(/^=== /m)
    .slice(1)
    .map(section => [section.slice(0, section.indexOf("\n")), section] as const)

  test.each(sections)("%s", (name, section) => {
    const [, numbers = "", , title = "", ...screen] = section.split("\n")
    const [, , , x, y, , , width, height] = numbers.split(" ").map(Number)
    const seen = {
      ...snapshotOf(null, profile),
      ...{ title, width: width ?? 0, height: height ?? 0, cursor: { x: x ?? 0, y: y ?? 0 } },
      lines: parseScreen(screen.join("\n")),
    }
    expect(stateOf(profile, seen)).toBe(stateNamed(name))
  })
})

/** Codex's sign-in looks as its start does: `other` holds as well. */
function stateNamed(name: string): string {
  if (/codex.*dialog-login/.test(name)) return "other"
  if (/no-provider|busy/.test(name)) return "busy"
  if (/dialog/.test(name)) return "dialog"
  return /-(ready|turn)$/.test(name) ? "ready" : "draft"
}

describe("what a program is given", () => {
  test.each([
    ["claude", "please ultracode, now", 'please "ultracode", now '],
    ["claude", "Ultracode", '"Ultracode" '],
    ["claude", 'say "ultracode" or ultracodes', 'say "ultracode" or ultracodes '],
    ["claude", "a\n  /tmp/a.png\n  b", "a\n  `/tmp/a.png`\n  b "],
    ["claude", 'a\n  "/tmp/a b.JPG"  \n  b', 'a\n  `"/tmp/a b.JPG"`  \n  b '],
    ["claude", "a\n  \u00a0/tmp/a.webp", "a\n  \u00a0`/tmp/a.webp` "],
    ["claude", "a\n  /tmp/a.png /tmp/b.gif", "a\n  `/tmp/a.png /tmp/b.gif` "],
    ["claude", "a\n  see /tmp/a.png\n  /tmp/a.png too", "a\n  see /tmp/a.png\n  /tmp/a.png too "],
    ["claude", "look @Makefile, @x; mail kai@example", "look ＠Makefile, ＠x; mail kai@example "],
    ["claude", "a \\", "a \\ "],
    ["codex", "see @wo", "see @wo "],
    ["gemini", "see @wo", "see ＠wo "],
    ["opencode", "see @wo", "see @wo "],
    ["opencode", "\u1112\u1161\u11ab\u1100\u1173\u11af", "\u1112\u1161\u11ab\u1100\u1173\u11af "],
    ["opencode", "\ud7b0\ud7cb\ud7fb", "\ud7b0\u200b\ud7cb\u200b\ud7fb "],
    ["opencode", "\u1100\ua960\u115f", "\u1100\u200b\ua960\u200b\u115f "],
    ["plain", "a\n  b", "a ⏎ b"],
  ] as const)("%s, of %j: %j", (name, text, want) => expect(profiles[name].adapt(text)).toBe(want))
})

describe("what the box holds", () => {
  const text = "← agent mira [9h6t]: 0 👩‍👩‍👧‍👦 and 🇯🇵: done"
  test.each([
    ["the text", text, "ours"],
    ["it without what a terminal leaves out", text.replace(/\p{RGI_Emoji}/gv, ""), "ours"],
    ["an emoji of a person's behind it", `${text} 👍`, "joined"],
    ["a person's words behind it", `${text} and`, "joined"],
    ["a person's words before it", `see ${text}`, "joined"],
  ] as const)("%s", (_, shown, want) =>
    expect(boxContent(profiles.opencode, { text: shown, rows: 1, isCut: false }, text)).toBe(want),
  )

  test("a sign that tmux puts before the bar of the next row hides no box (U+0B4B, which is 0 or 1 wide)", () => {
    const rows = ["the end of a row is a sign ଡ", "and the next row goes on"]
    const screen = screenOf(
      `  ┃\n  ┃  ${rows[0]}\n\u0b4b ┃  ${rows[1]}\n  ┃\n  ┃  Build\n  ╹${"▀".repeat(60)}`,
    )
    const { state, box } = profiles.opencode.read({ ...snapshotOf(null, "opencode"), ...screen })
    const pasted = `${rows[0]}\u0b4b ${rows[1]}`
    expect([state, boxContent(profiles.opencode, box, pasted)]).toEqual(["draft", "ours"])
  })

  test.each([
    ["in the blank row above", `  ┃${" ".repeat(50)}ী`, "  ┃", 5, "ready"],
    ["in its row", "  ┃", `  ┃${" ".repeat(50)}ী`, 5, "ready"],
    ["marks on the blank before its first cell", "  ┃", "  ┃  \u{1cf00}\u{1cf01}", 5, "ready"],
    ["letters that have no cell there", `  ┃${" ".repeat(70)}ำำ`, "  ┃  \u1161", 5, "ready"],
    ["before its bar, too", `  ┃${" ".repeat(70)}ି`, "ୋ ┃", 5, "ready"],
    ["beside a person's word", `  ┃${" ".repeat(50)}ী`, "  ┃  x", 6, "draft"],
  ] as const)("what stays drawn of a box that was emptied, %s", (_, above, row, x, want) => {
    const lines = parseScreen([above, row, "  ┃", "  ┃  Build", `  ╹${"▀".repeat(60)}`].join("\n"))
    const snapshot = { ...snapshotOf(null, "opencode"), lines, cursor: { x, y: 1 } }
    expect(stateOf("opencode", snapshot)).toBe(want)
  })

  const leading = Array.from({ length: 60 }, (_, index) => String.fromCodePoint(0x1100 + index))
  const ground = (words: string): string => `\x1b[48;5;234m${words}\x1b[48;5;232m`
  const barred = (words: string): string => `  \x1b[38;5;75m┃\x1b[39m${ground(`  ${words.padEnd(70)}`)}`
  /** The end of a row runs over the right edge, and over the next one's bar: U+1100 to U+1123 (80 columns, tmux 3.3a). */
  const overdrawn = (words: string): string => `${ground("ᄥᄦ")}\x1b[49m \x1b[39m${ground(words.padEnd(70))}`
  const foot = [barred(""), barred("Build · Stub"), `  ╹${"▀".repeat(74)}`]
  const openCode = (rows: readonly string[], x = 40): Snapshot => ({
    ...snapshotOf(null, "opencode"),
    ...{ lines: parseScreen([...rows, ...foot].join("\n")), cursor: { x, y: rows.length - 1 } },
  })

  test("a row that has lost its bar to the end of the row above hides no box", () => {
    const rows = [
      barred(""),
      barred(leading.slice(0, 37).join("")),
      overdrawn(`   ${leading.slice(39).join("")}`),
    ]
    const { state, box } = profiles.opencode.read(openCode(rows))
    expect([state, boxContent(profiles.opencode, box, leading.join(""))]).toEqual(["draft", "ours"])
  })

  test.each([
    ["of a box that was emptied, the cursor at its first cell", `${" ".repeat(30)}ᄃᄄ`, 5, "ready"],
    ["with a person's words", "half a thought", 19, "draft"],
    ["with a person's words, the cursor before them", "half a thought", 5, "draft"],
  ] as const)("such a row %s", (_, words, x, want) => {
    expect(stateOf("opencode", openCode([barred(""), overdrawn(words)], x))).toBe(want)
  })

  test.each([
    ["above the box's own rows is none of it", [overdrawn("words"), barred(""), barred("half")], "half"],
    [
      "on another ground is none of it",
      [barred("above"), "words of the answer", barred(""), barred("half")],
      "half",
    ],
  ] as const)("a row without a bar %s", (_, rows, want) => {
    expect(profiles.opencode.read(openCode(rows)).box?.text).toBe(want)
  })

  /** 35 signs of two cells: another one begins in the last column but one of 80, and is drawn in the next row again. */
  const japanese = "確認してください次のビルドは正午です確認してください次のビルドは正午で"
  const further = "また次のビルドは正午です"
  test.each([
    ["🖥", "🖥", "🖥", "ours"],
    ["🖥\ufe0f", "🖥\ufe0f", "🖥", "ours"],
    ["❤\ufe0f", "❤\ufe0f", "❤", "ours"],
    ["☰", "☰", "☰", "ours"],
    ["🇯🇵", "🇯🇵", "🇵", "ours"],
    ["👨\u200d💻", "👨\u200d💻", "👨 ", "ours"],
    ["👩\u200d👩\u200d👧\u200d👦", "👩\u200d👩\u200d👧\u200d", "👩\u200d👩  \u200d👧  \u200d👦 ", "ours"],
    ["क्षि", "क्षि", "ष", "ours"],
    ["🖥🖥", "🖥", "🖥", "ours"],
    ["🖥", "🖥", "🖥 🖥", "joined"],
    ["🖥", "🖥", "🖥x", "joined"],
    ["🖥", "🖥", "🖨", "joined"],
    ["漢", "漢", "漢", "joined"],
  ] as const)("%s at the right edge of OpenCode's box, shown as %s and %s: %s", (sign, end, begin, want) => {
    const rows = [barred(""), barred("← agent mira [abcd]:"), barred(japanese + end), barred(begin + further)]
    const { box } = profiles.opencode.read(openCode(rows))
    expect(boxContent(profiles.opencode, box, `← agent mira [abcd]: ${japanese}${sign}${further}`)).toBe(want)
  })

  /** As a box that grew over the line under an answer is drawn (1.18.33, tmux 3.3a): `seen` on the ground of the page. */
  const grown = (before: string, seen: string, behind: string): string =>
    `  \x1b[38;5;75m┃\x1b[39m${ground(`  ${before}`)}${seen}${ground(`${behind.padEnd(40)}`)}`
  const unseen = "\u{1fae9}"
  test.each([
    ["words of the answer's line", grown("9 and word ", "Build", " 10 and"), "ours"],
    ["a row of nothing else", grown("", "▣  Build · Stub · 244ms", ""), "ours"],
    ["words of a person's message", grown("9 and word ", "\x1b[48;5;233mBuild", " 10 and"), "ours"],
    ["and a person's words", grown("9 and word ", "Build", " 10 and so"), "joined"],
    ["words that a person selected", grown("9 and word ", "\x1b[48;5;255mBuild", " 10 and"), "joined"],
    ["a person's words there", grown("9 and word ", ground("Build"), " 10 and"), "joined"],
  ] as const)("where tmux shows nothing of a sign, %s may stand", (_, row, want) => {
    const said = barred("a message").replace("48;5;234", "48;5;233")
    const rows = [said, "", barred(""), barred("← agent mira [abcd]: 8 and word"), row]
    const words = row.includes("word") ? `9 and word ${unseen} 10 and` : unseen.repeat(30)
    const { box } = profiles.opencode.read(openCode(rows))
    expect(boxContent(profiles.opencode, box, `← agent mira [abcd]: 8 and word ${words}`)).toBe(want)
  })

  const fullRow = `${"ga ".repeat(23)}ga`
  const syllables = (spelt: string): string =>
    spelt.replaceAll("ga", "\u1100\u1161").replaceAll("no", "\u1102\u1169")
  test.each([
    ["another", "no ga", fullRow, 24, "noga"],
    ["the same", "ga ga", fullRow, 26, ""],
    ["the same, drawn twice", "gaga ga", fullRow, 26, ""],
    ["another behind one that is drawn twice", "gano ga", fullRow, 24, "noga"],
  ] as const)("a row that begins with a syllable of letters: %s", (_, begin, above, times, end) => {
    const rows = [barred("← agent mira [abcd]:"), barred(syllables(above)), barred(syllables(begin))]
    const { box } = profiles.opencode.read(openCode(rows))
    const pasted = syllables(`← agent mira [abcd]: ${"ga".repeat(times)}${end.replaceAll(" ", "")}`)
    expect(boxContent(profiles.opencode, box, pasted)).toBe("ours")
  })

  test("letters without a cell that stay drawn of another text are none of this one's", () => {
    const rows = [barred("\u1161"), barred("\u1161← agent mira [abcd]: x"), barred(`\u1161\u1161${japanese}`)]
    const { box } = profiles.opencode.read(openCode(rows))
    expect(boxContent(profiles.opencode, box, `← agent mira [abcd]: x${japanese}`)).toBe("ours")
  })

  test("a sign that a person repeats in a row of its own is seen", () => {
    const rows = [barred(""), barred("← agent mira [abcd]: at the 🖥"), barred("🖥")]
    const { box } = profiles.opencode.read(openCode(rows))
    expect(boxContent(profiles.opencode, box, "← agent mira [abcd]: at the 🖥")).toBe("joined")
  })

  test("a dialog with a row that has lost its bar is a dialog", () => {
    const rows = [
      barred("△ Permission required"),
      overdrawn("  $ rm -rf"),
      barred("Allow once   enter confirm"),
    ]
    const lines = parseScreen(rows.join("\n"))
    expect(stateOf("opencode", { ...snapshotOf(null, "opencode"), lines })).toBe("dialog")
  })

  test("letters of the placeholder that stay visible behind a joined emoji are none of a person's", () => {
    const left = text.replace("👦", "👦\x1b[38;5;8m t \x1b[39m")
    const screen = screenOf(
      `  ┃\n  ┃  ${left}\n  ┃\n  ┃  Build\n  ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀`,
    )
    const { box } = profiles.opencode.read({ ...snapshotOf(null, "opencode"), ...screen })
    expect(boxContent(profiles.opencode, box, text)).toBe("ours")
  })
})

function stateOf(profile: ProfileName, snapshot: Snapshot): string {
  return readPane(profiles[profile], { kind: "seen", snapshot }, false).state
}

function snapshotOf(file: string | null, profile: ProfileName): Snapshot {
  const screen = file === null ? "" : readFileSync(join(import.meta.dir, "../screens", `${file}.txt`), "utf8")
  const program = { executable: profile, name: profile, arguments: [] }
  const base = {
    title: "",
    command: profile,
    copyMode: false,
    alternateScreen: false,
    width: 120,
    height: 40,
    program,
    lastKeyAt: null,
    keyboards: [],
    sessionKeys: "",
  }
  return { ...base, ...screenOf(screen) }
}

/** The cursor where the programs have it: at the box, the last line that begins like one. */
function screenOf(screen: string) {
  const lines = parseScreen(screen)
  const box = lines.findLastIndex(line => /^( ?[!>›❯][ \u00a0]|[!❯]$)/.test(line.text))
  return { lines, cursor: { x: 2, y: box < 0 ? lines.length : box } }
}

describe("a spinner of Gemini CLI", () => {
  const read = (above: readonly string[]): string =>
    stateOf("gemini", {
      ...snapshotOf(null, "gemini"),
      ...{ lines: parseScreen([...above, "", " > x", ""].join("\n")), title: "◇  Ready (work)" },
      cursor: { x: 4, y: above.length + 1 },
    })
  const spins = " ⠋ Thinking... (esc to cancel, 0s)"
  test.each([
    ["below an answer that streams works", ["✦ the answer", spins], "busy"],
    ["that an answer stands below was left there", [spins, "✦ the answer"], "draft"],
  ] as const)("%s", (_, above, want) => expect(read(above)).toBe(want))
})

describe("OpenCode until its first prompt", () => {
  const first = (placeholder: readonly string[], blanks: number, foot: readonly string[]): Snapshot => ({
    ...snapshotOf(null, "opencode"),
    ...screenOf(
      [
        "           █▀▀█ █▀▀█ █▀▀█ █▀▀▄",
        "",
        "  ┃",
        ...placeholder.map(row => `  ┃  \x1b[38;5;8m${row}\x1b[39m`),
        "  ┃",
        ...foot,
        ...Array(blanks).fill(""),
        "  /tmp/work                          1.18.33",
        "",
      ].join("\n"),
    ),
  })
  const whole = ["  ┃  Build · Stub", `  ╹${"▀".repeat(54)}`, "      tab agents  ctrl+p commands"]
  const long = ['Ask anything… "What is the tech stack of this', 'project?"']

  test("a placeholder of two rows is an empty box", () => {
    expect(stateOf("opencode", first(long, 1, whole))).toBe("ready")
  })

  test("a box that its footer is drawn over is held, and says why", () => {
    const { state, reason } = profiles.opencode.read(first(long, 0, ["  /tmp/work     1.18.33"]))
    expect([state, reason]).toEqual(["other", expect.stringContaining("draws its footer over its box")])
  })

  test.each([
    ["one row", "x".repeat(40), 0, true],
    ["five rows, and room for them", "x ".repeat(70), 5, true],
    ["five rows, and no room for them", "x ".repeat(70), 1, false],
    ["a label of one row", "x ".repeat(200), 0, true],
  ] as const)("a text of %s", (_, text, blanks, fits) => {
    expect(
      profiles.opencode.lacksRoom?.(first(['Ask anything… "Fix broken tests"'], blanks, whole), text) ===
        null,
    ).toBe(fits)
  })
})
