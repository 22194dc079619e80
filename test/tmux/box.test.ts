/** The box against the text: in one go from the end, whatever a peer writes and a terminal leaves out. */
import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { layOut, sanitise } from "../../src/protocol/layout.ts"
import { boxContent, compareEnds, signs } from "../../src/tmux/box.ts"
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
