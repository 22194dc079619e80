/** A box as a screen shows it: its words without the prompt, without what is faint, and what that says of the pane. */
import { describe, expect, test } from "bun:test"
import {
  boxText,
  composerState,
  emptyBox,
  isEmptyBox,
  lastLine,
  noBox,
  withFinalSpace,
} from "../../src/tmux/box-reading.ts"
import { parseScreen, type Run } from "../../src/tmux/screen.ts"

const box = (text: string, rows = 1) => ({ text, rows, isCut: false })

test("a box is empty where it shows nothing, in one row at the most", () => {
  expect([box(""), box("", 0), box("", 2), box("x"), box("x", 0), emptyBox].map(isEmptyBox)).toEqual([
    true,
    true,
    false,
    false,
    false,
    true,
  ])
  expect(emptyBox).toEqual(box(""))
})

test.each([
  ["busy, also over an empty box", box(""), true, "busy", "the program is working"],
  ["busy over a draft", box("x"), true, "busy", "the program is working"],
  ["ready", box(""), false, "ready", ""],
  ["a draft", box("x"), false, "draft", "there is a half-written text in the box"],
  ["a draft of which nothing shows", box("", 2), false, "draft", "there is a half-written text in the box"],
] as const)("a composer is %s", (_, shown, isBusy, state, reason) => {
  expect(composerState(shown, isBusy)).toEqual({ state, reason, box: shown })
})

test("without a box the program may be asking, and is not typed into", () => {
  expect(noBox("Codex")).toEqual({
    state: "other",
    reason: "Codex shows no box to type into; it may be asking something",
    box: null,
  })
  expect(withFinalSpace("see @wo")).toBe("see @wo ")
})

test.each([
  ["the last one that matches", undefined, 3],
  ["the last one above another", 3, 0],
  ["the first one, just above", 1, 0],
  ["none above the first", 0, -1],
  ["the last one, where the cursor is below all of them", 9, 3],
] as const)("of the lines, %s", (_, before, want) => {
  expect(lastLine(parseScreen("> a\nb\nc\n> d\ne"), /^> /, before)).toBe(want)
})

test("no line, where none matches", () => expect(lastLine(parseScreen("a\nb"), /^> /)).toBe(-1))

describe("the words of a box", () => {
  const isDim = (run: Run): boolean => run.dim
  const wordsOf = (screen: string, prefix = /^> ?/): string => boxText(parseScreen(screen), prefix, isDim)
  const dim = (text: string): string => `\x1b[2m${text}\x1b[22m`
  const reverse = (text: string): string => `\x1b[7m${text}\x1b[27m`

  test.each([
    ["stand behind the prompt of its first row alone", "> one\n> two", "one\n> two"],
    [
      "stand behind a prompt in several styles",
      `${reverse(">")} words and more of them`,
      "words and more of them",
    ],
    [
      "stand behind a prompt that ends within a style",
      `> one ${reverse("two words")} three words`,
      "one two words three words",
    ],
    ["are all of a row without a prompt", "one\ntwo", "one\ntwo"],
    ["lose the blanks around them, and those at the ends of rows", ">   one  \n  two \n  ", "one\n  two"],
    ["are none where all of it is faint", `> ${dim("Ask anything")}`, ""],
    ["are none where a cursor stands on what is faint", `> ${reverse("A")}${dim("sk anything")}`, ""],
    ["are none where the cursor is of two code units", `> ${reverse("👍")}${dim("sk anything")}`, ""],
    ["are none where the cursor has a blank beside it", `> ${reverse(" A ")}${dim("sk anything")}`, ""],
    [
      "are none where blanks of another style stand beside what is faint",
      `>  ${dim("Ask")}  ${reverse(" ")}`,
      "",
    ],
    ["are two letters in reverse before what is faint", `> ${reverse("AB")}${dim("sk")}`, "AB"],
    ["are one letter, not in reverse, before what is faint", `> A${dim("sk")}`, "A"],
    ["are one letter in reverse, where nothing is faint", `> ${reverse("A")}`, "A"],
    ["are one letter in reverse, where blanks alone are faint", `> ${dim("  ")}${reverse("A")}`, "A"],
    ["come before a faint suggestion", `> run ${dim("the tests")}`, "run"],
    ["keep their places where something faint stands between", `> a${dim("bc d")}e`, "a    e"],
  ])("%s", (_, screen, want) => expect(wordsOf(screen)).toBe(want))

  test("are found by what the program has for faint", () => {
    const isGrey = (run: Run): boolean => run.colour === "90"
    expect(boxText(parseScreen("> \x1b[90mAsk"), /^> /, isGrey)).toBe("")
    expect(boxText(parseScreen("> \x1b[90mAsk"), /^> /, isDim)).toBe("Ask")
  })
})
