/** An owner's question, word for word: a yes is given to these words. */
import { describe, expect, test } from "bun:test"
import {
  type AskedAbout,
  briefQuestionLines,
  placeWords,
  questionLine,
  questionLines,
  questionText,
  readYesNo,
} from "../../src/protocol/questions.ts"

const request: AskedAbout = {
  kind: "request",
  name: "kai",
  as: "kai",
  host: "192.0.2.7",
  claimedHost: null,
  port: 9876,
  verifier: "k7q2-a1b2",
  expiresAt: Date.UTC(2026, 10, 25, 3, 35, 59),
}
const join: AskedAbout = { ...request, kind: "join", host: "fd00::1", verifier: null }
const claimed: AskedAbout = { ...request, claimedHost: "kai.example" }
const ends = "Unanswered, the request ends at 2026-11-25 03:35 UTC, and nothing is paired."
const grants = [
  "With a yes kai's messages will be typed into mira's session;",
  "what they make mira do is up to mira and its permissions.",
]
const compares = "Verifier: k7q2-a1b2. kai's owner must see the same; if not, say no."

describe("the lines of", () => {
  test.each<[string, AskedAbout, string[]]>([
    ["a request", request, ["kai's owner, at 192.0.2.7, typed your code.", compares, ...grants, ends]],
    [
      "one that names another address",
      claimed,
      ["kai's owner, at kai.example, calling from 192.0.2.7, typed your code.", compares, ...grants, ends],
    ],
    [
      "a join",
      join,
      [
        "mira itself asks to join kai at [fd00::1]:9876 with a code it was given.",
        "The name is that agent's claim; a yes sends the proof of the code, and kai's owner must say yes too.",
        ...grants,
        ends,
      ],
    ],
    [
      "one under another name, of an agent that asks nobody",
      { ...request, as: "kai2", unasked: "--yolo" },
      [
        "kai's owner, at 192.0.2.7, typed your code.",
        compares,
        "kai will be called kai2 here.",
        ...grants,
        "mira acts without asking (--yolo): they take effect at once.",
        ends,
      ],
    ],
  ])("%s", (_, asked, want) => {
    expect(questionLines(asked, "mira")).toEqual(want)
    expect(questionText(asked, "mira")).toBe([questionLine(asked, "mira"), ...want].join("\n"))
  })
})

describe("in few words,", () => {
  const typed = "A yes lets kai type here."
  const differs = "Verifier: k7q2-a1b2; no, if it differs there."
  test.each<[string, AskedAbout, string[]]>([
    ["a request", request, ["kai's owner, at 192.0.2.7, typed your code.", differs, typed]],
    [
      "one that names another address",
      claimed,
      ["kai's owner, at kai.example, calling from 192.0.2.7, typed your code.", differs, typed],
    ],
    [
      "a join under another name, by an agent that asks nobody",
      { ...join, as: "kai2", unasked: "--yolo" },
      [
        "mira asks to join kai at [fd00::1]:9876.",
        "Nothing is proved yet; kai's owner is asked, too.",
        "kai will be called kai2 here.",
        "A yes lets kai type here, which asks nobody (--yolo).",
      ],
    ],
  ])("%s", (_, asked, want) => expect(briefQuestionLines(asked, "mira")).toEqual(want))
})

test.each([
  ["a request", request, "Agent kai wants to pair. Approve? (yes/no)"],
  ["a join", join, "mira wants to pair with kai. Approve? (yes/no)"],
] as const)("the question of %s", (_, asked, want) => expect(questionLine(asked, "mira")).toBe(want))

test.each([
  ["nowhere else", null, "192.0.2.7"],
  ["the longest address", "a".repeat(45), `${"a".repeat(45)}, calling from 192.0.2.7`],
  [
    "a longer name, which would hide the address: its end",
    `evil${"a".repeat(31)}.kai.example`,
    `…l${"a".repeat(31)}.kai.example, calling from 192.0.2.7`,
  ],
])("where it is: %s", (_, claimedHost, want) =>
  expect(placeWords({ host: "192.0.2.7", claimedHost })).toBe(want),
)

test.each([
  ["yes", "yes"],
  [" NO\n", "no"],
  ["y", null],
  ["yes!", null],
  ["yes no", null],
  ["", null],
] as const)("the answer %j is %p", (text, want) => expect(readYesNo(text)).toBe(want))
