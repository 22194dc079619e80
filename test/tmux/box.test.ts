/** The box against the text: in one go from the end, whatever a peer writes and a terminal leaves out. */
import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { layOut, sanitise } from "../../src/protocol/layout.ts"
import { boxContent, collapsedLabel, compareEnds, headOf, shows, signs } from "../../src/tmux/box.ts"
import type { Box } from "../../src/tmux/box-reading.ts"
import { profiles } from "../../src/tmux/readiness.ts"

const { claude } = profiles

/** What a box shows, in one row where nothing else is said. */
const box = (text: string, isCut = false, rows = 1): Box => ({ text, rows, isCut })

/** Every code point, cleaned as a message is, in texts of about 8,000. */
const everySign = Array.from({ length: 0x110000 / 0x2000 }, (_, index) =>
  sanitise(Array.from({ length: 0x2000 }, (_, low) => String.fromCodePoint(index * 0x2000 + low)).join("")),
)

/** What tmux 3.3a on Debian 12 left out of 1,106,603 code points was none of these, and no letter with a mark. */
const shownByAll =
  /^[ -~←¡-¨ª-¬¯-\u02ff\u0370-\u0377\u0391-\u03a1\u03a3-\u052f\u05d0-\u05ea\u0621-\u064a\u0e01-\u0e30\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fa5\uac00-\ud7a3]/u

test("every code point, shown or left out by the terminal, is no difference; a person's letter is one", () => {
  const wrong = everySign.flatMap((body, index) => {
    const text = layOut("mira", "k7q2", `${body} end`)
    const bare = [...text]
      .filter(sign => shownByAll.test(sign) || shownByAll.test(sign.normalize("NFD")))
      .join("")
    const found = [text, bare, `${text}x`, `${bare}x`].map(shown => boxContent(claude, box(shown), text))
    return found.join() === "ours,ours,joined,joined" ? [] : [`${index}: ${found}`]
  })
  expect(wrong).toEqual([])
}, 120_000)

const shapes = ["end", "whole or end", "behind others"] as const

describe("steps", () => {
  const units = 32_768
  const fill = (piece: string): string => piece.repeat(Math.ceil(units / piece.length)).slice(0, units)
  test.each([
    ["signs of which each may be missing, and letters", fill("a©"), fill("aaaa")],
    ["only what may be missing", fill("⃁"), fill("⃀")],
    ["the same letter, and one more", fill("a"), `${fill("a")}a`],
    ["joined emoji against their parts", fill("👩‍👩‍👧‍👦a"), fill("👩👩👧👦a")],
    ["what repeats nearly", fill("ab".repeat(50)), fill(`${"ab".repeat(50)}b`)],
    ["marks", fill("a\u0301\u0302"), fill("a\u0302\u0301")],
  ])("%s: at most one for each code point of the two", (_, text, shown) => {
    for (const shape of shapes)
      expect(compareEnds(shown, text, shape).steps).toBeLessThanOrEqual(text.length + shown.length)
  })

  test("whatever the two are", () => {
    const piece = fc.constantFrom("a", "b", "©", "⃁", "👩‍👧", "é", "e\u0301", " ", "\n", "漢", "x".repeat(50))
    const text = fc.array(piece, { maxLength: 200 }).map(pieces => pieces.join(""))
    fc.assert(
      fc.property(text, text, fc.constantFrom(...shapes), (shown, whole, shape) => {
        expect(compareEnds(shown, whole, shape).steps).toBeLessThanOrEqual(shown.length + whole.length)
      }),
    )
  })
})

describe("what is shown", () => {
  const text = "← agent mira [k7q2]: The invoice is ⃁ 250, thé end of it all, and more words than a row has."
  test.each([
    ["the riyal sign left out", text.replace("⃁", ""), "ours"],
    ["the sign left out, and a person's word", `${text.replace("⃁", "")} no`, "joined"],
    ["decomposed, as it was handed in otherwise", text.normalize("NFD"), "ours"],
    ["an accent left out", text.normalize("NFD").replace("\u0301", ""), "ours"],
    ["a letter missing that every terminal shows", text.replace("words", "ords"), "joined"],
    ["another letter in the middle", text.replace("250", "260"), "joined"],
    ["the end of it, as in a box that has scrolled", text.slice(-40), "ours"],
    ["too little of the end to be known", text.slice(-15), "foreign"],
    ["its beginning", text.slice(0, 40), "joined"],
    ["a person's words", "what about lunch?", "foreign"],
    ["nothing", "", "empty"],
  ] as const)("%s: %s is %s", (_, shown, want) => expect(boxContent(claude, box(shown), text)).toBe(want))

  const hindi = "कल की बैठक में क्या तय हुआ और कौन क्या करेगा वह सब लिख दो ".repeat(12)
  const message = `← agent mira [k7q2]: ${hindi}`
  test.each([
    ["of a script that a terminal may not know, the end", hindi.slice(-200), "ours"],
    ["… and a person's word behind it", `${hindi.slice(-200)} नहीं`, "joined"],
    ["… and one that the text has elsewhere", `${hindi.slice(-200)} कल`, "joined"],
    ["… all of it left out", "← agent mira [k7q2]:", "ours"],
  ] as const)("%s", (_, shown, want) => expect(boxContent(claude, box(shown), message)).toBe(want))

  const blanks = `← agent mira [k7q2]: hello${"\n".repeat(60)}end of it`
  const dropped = `← agent mira [k7q2]: ${"⃁".repeat(700)}`
  test.each([
    ["a box that is cut, and of the text's end", box("end of it", true, 20), blanks, "ours"],
    ["a box that is not cut, and too little of the end", box("end of it", false, 20), blanks, "joined"],
    ["a box that is cut, and another end", box("end of all", true, 20), blanks, "foreign"],
    ["rows of what the terminal does not show, cut", box("", true, 7), dropped, "ours"],
    ["rows of which nothing shows, cut, where something would", box("", true, 7), blanks, "foreign"],
    ["several rows of which nothing shows: no empty box", box("", false, 3), blanks, "foreign"],
    ["one row of which nothing shows", box(""), blanks, "empty"],
  ] as const)("%s", (_, shown, pasted, want) => expect(boxContent(claude, shown, pasted)).toBe(want))

  const heap = (letter: string): string => letter + "\u0301".repeat(8)
  const heaped = `← agent mira [k7q2]: ${heap("x")}, and ท${"ำ".repeat(9)} end ${heap("x")}`
  test.each([
    ["letters under many marks, dropped with them", "← agent mira [k7q2]: , and  end", "ours"],
    ["… one of them shown", "← agent mira [k7q2]: x, and  end", "ours"],
    ["… the other one", "← agent mira [k7q2]: , and  end x", "ours"],
    ["… and a person's word", "← agent mira [k7q2]: x, and  end no", "joined"],
  ] as const)("%s", (_, shown, want) => expect(boxContent(claude, box(shown), heaped)).toBe(want))

  test("a row that ends within a composed syllable", () => {
    const korean = `← agent mira [k7q2]: ${"가".normalize("NFD").repeat(6)}`
    expect(
      boxContent(claude, box("← agent mira [k7q2]:\n가가\u1100\n\u1161가가\u1100\n\u1161"), korean),
    ).toBe("ours")
  })

  test("16,384 marks on a letter are not put in order one by one", () => {
    const marks = `a${"\u0301".repeat(16_384)}${"\u0316".repeat(16_383)}`
    expect(signs(marks)).toEqual(["a"])
    expect(boxContent(claude, box("a"), marks)).toBe("ours")
  })

  const long = Array.from({ length: 12 }, (_, index) => `line ${index}`).join("\n")
  const many = "x".repeat(2000)
  test.each([
    ["claude", "[Pasted text #3 +11 lines]", long, "ours"],
    ["claude", "[Pasted text #3 +11\n  lines]", long, "ours"],
    ["claude", "[Pasted text #3 +40 lines]", long, "foreign"],
    ["claude", "[Pasted text #3]", many, "ours"],
    ["claude", "[Pasted text #3 +11 lines] and mine", long, "joined"],
    ["codex", "[Pasted Content 2000 chars]", many, "ours"],
    ["codex", "[Pasted Content 2001 chars]", many, "foreign"],
    ["codex", "[Pasted Content 2000 chars][Pasted Content 2000 chars] #2", many, "joined"],
    ["gemini", "[Pasted Text: 12 lines]", long, "ours"],
    ["gemini", "[Pasted Text: 2000 chars]", many, "ours"],
    ["gemini", "[Pasted Text: 1 chars]", many, "foreign"],
    ["opencode", "[Pasted ~12 lines]", long, "ours"],
    ["opencode", "[Pasted ~99 lines]", long, "foreign"],
  ] as const)("%s, %j: a label alone counts where it is of the length", (name, shown, pasted, want) => {
    expect(boxContent(profiles[name], box(shown), pasted)).toBe(want)
  })
})

/** U+20C1, which a terminal may leave out. */
const riyal = "⃁"

describe("the end of what is shown against the end of the text", () => {
  const text = `first words, and then ${"x".repeat(20)}`
  const others = "another prompt: "
  test.each([
    ["all of it", "ab", "ab", "whole or end", true],
    ["nothing of one that shows", "", "ab", "whole or end", false],
    ["nothing of one that a terminal may leave out", "", riyal.repeat(2), "whole or end", true],
    ["nothing of one whose first sign shows", "", `a${riyal}${riyal}`, "whole or end", false],
    ["an end of 20 signs", text.slice(-20), text, "whole or end", true],
    ["an end of 19 signs", text.slice(-19), text, "whole or end", false],
    ["an end, and before it what is left out", "b", `${riyal}b`, "whole or end", true],
    ["an end, and before it what shows", "b", `a${riyal}b`, "whole or end", false],
    [
      "an end, before it what is left out, and before that what shows",
      "b",
      `a${riyal.repeat(20)}b`,
      "whole or end",
      false,
    ],
    ["a sign of the end, where it is cut", "e", "the", "end", true],
    ["another sign, where it is cut", "t", "the", "end", false],
    ["it behind other words", `${others}ab`, "ab", "whole or end", false],
    ["it behind other words, where such may stand", `${others}ab`, "ab", "behind others", true],
    [
      "20 signs of it behind other words",
      `${others}${text.slice(-20)}`,
      `,${text.slice(-20)}`,
      "behind others",
      true,
    ],
    [
      "19 signs of it behind other words",
      `${others}${text.slice(-19)}`,
      `,${text.slice(-19)}`,
      "behind others",
      false,
    ],
    ["another end behind other words", `${others}ac`, "ab", "behind others", false],
    [
      "a sign that is shown once and left out once",
      `a${riyal}bc`,
      `a${riyal}b${riyal}c`,
      "whole or end",
      true,
    ],
    ["a letter that is shown once and left out once", "aꙮbc", "aꙮbꙮc", "whole or end", false],
    ["a letter with five marks, left out", "ab", `ax${"\u0301".repeat(5)}b`, "whole or end", true],
    ["a letter with four marks, left out", "ab", `ax${"\u0301".repeat(4)}b`, "whole or end", false],
  ] as const)("%s: %j of %j as %s: %p", (_, shown, whole, shape, want) => {
    expect(compareEnds(shown, whole, shape).isOurs).toBe(want)
  })

  test.each([
    ["may be left out for 20 signs", `a${riyal.repeat(20)}`, true],
    ["may be left out for 19 signs", `a${riyal.repeat(19)}`, false],
    ["may be left out, and is short", riyal.repeat(15), true],
    ["may be left out but for its first sign, and is short", `a${riyal.repeat(14)}`, false],
    ["shows", "abc", false],
  ] as const)("of a box that is cut nothing is shown: the text's end %s: %p", (_, whole, want) => {
    expect(compareEnds("", whole, "end").isOurs).toBe(want)
  })

  test("a step for each sign that is compared, and for each that is left out before it", () => {
    expect(compareEnds("b", `${riyal}${riyal}b`, "whole or end")).toEqual({ isOurs: true, steps: 3 })
    expect(compareEnds("ab", "ab", "whole or end")).toEqual({ isOurs: true, steps: 2 })
  })
})

describe("the signs of a text", () => {
  test.each([
    ["letters without their marks", "e\u0301é", ["e", "e"]],
    ["syllables whole", "가", ["가"]],
    ["no blanks, controls or joiners", " a\n\u00ad\u200d\ufe0fb\u0007", ["a", "b"]],
    ["marks without a letter are none", "\u0301", []],
  ] as const)("%s", (_, text, want) => expect(signs(text)).toEqual([...want]))

  test("are found wherever the lines wrap, and not in another order", () => {
    expect([shows("one tw\n  o three", "two"), shows("one", ""), shows("one two", "two one")]).toEqual([
      true,
      true,
      false,
    ])
  })
})

test.each([
  ["by its tag, whatever stands behind", `← agent mira [k7q2]: ${"x".repeat(60)}`, "← agent mira [k7q2]"],
  ["by its first 48 signs without one", "y".repeat(60), "y".repeat(48)],
  ["by all of it where it is short", "hello", "hello"],
] as const)("a text is known again %s", (_, text, want) => expect(headOf(text)).toBe(want))

test.each([
  ["24 signs", 24, "joined"],
  ["23 signs", 23, "foreign"],
] as const)("among a person's words, its last %s are the text, or not: %#", (_, count, want) => {
  const text = `${"a".repeat(100)}the invoice of 2031 is 250 euros`
  expect(boxContent(claude, box(`see ${text.slice(-count)} there`), text)).toBe(want)
})

describe("a label for a collapsed paste", () => {
  const lines = Array.from({ length: 12 }, () => "x").join("\n")
  test.each([
    ["a line less", "gemini", "[Pasted Text: 11 lines]", lines, "alone"],
    ["a line more", "gemini", "[Pasted Text: 13 lines]", lines, "alone"],
    ["two lines less", "gemini", "[Pasted Text: 10 lines]", lines, null],
    ["two lines more", "gemini", "[Pasted Text: 14 lines]", lines, null],
    ["its characters, as code points", "gemini", "[Pasted Text: 3 chars]", "a👍b", "alone"],
    ["its characters, as code units", "gemini", "[Pasted Text: 4 chars]", "a👍b", "alone"],
    ["other characters", "gemini", "[Pasted Text: 5 chars]", "a👍b", null],
    ["among a person's words", "gemini", "see [Pasted Text: 3 chars]", "abc", "among others"],
    ["of any length, where no text is asked for", "gemini", "[Pasted Text: 99 lines]", null, "alone"],
    ["of any length among other words", "gemini", "[Pasted Text: 99 lines] x", null, "among others"],
    ["that is none", "gemini", "Pasted Text", null, null],
    ["of a program that has none", "plain", "[Pasted Text: 3 chars]", null, null],
  ] as const)("%s", (_, name, shown, text, want) => {
    expect(collapsedLabel(profiles[name], shown, text)).toBe(want)
  })
})

test("of a prompt's line nothing but its end is compared, and other words are no message joined", () => {
  const text = "← agent mira [k7q2]: come at five"
  const { plain } = profiles
  const contents = [`>>> ${text}`, ">>> come at five", ">>> ", `${text} and`].map(shown =>
    boxContent(plain, box(shown), text),
  )
  expect(contents).toEqual(["ours", "foreign", "foreign", "foreign"])
  expect([boxContent(plain, box(""), text), boxContent(plain, null, text)]).toEqual(["empty", "hidden"])
})
