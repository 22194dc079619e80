import { expect, test } from "bun:test"
import { agentProgramNames, chatNames, isName, joinNames, nearestName } from "../../src/protocol/names.ts"

test.each([
  ["one letter", "a", true],
  ["a digit first", "9lives", true],
  ["dashes within and behind", "a--b-", true],
  ["32 characters", "a".repeat(32), true],
  ["33 characters", "a".repeat(33), false],
  ["nothing", "", false],
  ["a dash first, which would be an option", "-rf", false],
  ["upper case", "Hana", false],
  ["an underscore, so no __proto__", "__proto__", false],
  ["a key that valibot leaves out", "constructor", false],
  ["another one", "prototype", false],
  ["such a key with more behind it", "constructor-2", true],
  ["a dot, so no path", "..", false],
  ["a slash", "a/b", false],
  ["a space", "a b", false],
  ["a line break behind", "hana\n", false],
  ["an escape", "a\u001b[2J", false],
  ["a bidi override", "a\u202eb", false],
  ["a zero-width space", "a\u200bb", false],
  ["a Cyrillic look-alike", "h\u0430na", false],
  ["a bracket, which ends a tag", "a]", false],
])("%s", (_, text, want) => expect(isName(text)).toBe(want))

test.each([
  [["a"], "or", "a"],
  [["a", "b"], "and", "a and b"],
  [["a", "b", "c"], "or", "a, b or c"],
  [[], "or", ""],
] as const)("names in words: %j with %s", (names, last, want) => expect(joinNames(names, last)).toBe(want))

test.each<[string, string, string | null, (readonly string[])?]>([
  ["the same in capitals", "MIRA", "mira"],
  ["a letter left out", "mra", "mira"],
  ["a letter put in", "miira", "mira"],
  ["a letter changed", "mora", "mira"],
  ["neighbours swapped", "mria", "mira"],
  ["the first two swapped", "imra", "mira"],
  ["the last two swapped", "miar", "mira"],
  ["two of four changed", "mixx", "mira"],
  ["three changed", "mxxx", null],
  ["two of three changed: more than half", "kxx", null, ["kai"]],
  ["letters swapped that are no neighbours", "arim", null],
  ["one letter for one letter, which is all of it", "a", null, ["b"]],
  ["one of two", "ab", "ac", ["ac"]],
  ["the nearer of two", "katrim", "katrin", ["katja", "katrin"]],
  ["of two as near, the first", "kat", "kai", ["kai", "kal"]],
  ["two left out of a long one", "kaetzhn", "kaetzchen", ["kaetzchen"]],
  ["three letters of a long one", "kaexxxhen", null, ["kaetzchen"]],
  ["one letter of four", "m", null],
  ["nobody to mean", "mira", null, []],
  ["a text of any length", "mira".repeat(10_000), null],
])("meant was, of %s", (_, text, want, names = ["kai", "mira"]) =>
  expect(nearestName(text, names)).toBe(want),
)

const docOf = (name: string): Promise<string> =>
  Bun.file(new URL(`../../docs/${name}.md`, import.meta.url).pathname).text()

test.each([
  ["CONFIG", agentProgramNames],
  ["AGENTS", agentProgramNames],
  ["CONSENT", chatNames],
] as const)("docs/%s.md leaves none of them out", async (name, names) => {
  const text = await docOf(name)
  expect(names.filter(one => !new RegExp(`\\b${one}\\b`).test(text))).toEqual([])
})
