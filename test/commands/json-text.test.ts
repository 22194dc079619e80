/** Entries in other people's JSON: what is put in comes out again, and nothing else moves. */
import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import {
  amend,
  BrokenJson,
  inline,
  membersAt,
  type Place,
  put,
  readJson,
  take,
} from "../../src/commands/setup/json-text.ts"

const ours = { command: ["sento", "mcp"] }
const isOurs = (value: unknown): boolean => Bun.deepEquals(value, ours)
const server: Place = { path: ["mcp"], key: "sento" }
const hook: Place = { path: ["hooks", "Stop"], key: null }
const entry = `"sento": ${inline(ours)}`

describe("put", () => {
  test.each([
    ["an empty object", "{}", `{"mcp": { ${entry} }}`],
    ["an object with other keys", '{\n  "a": 1\n}\n', `{\n  "a": 1,\n  "mcp": { ${entry} }\n}\n`],
    ["the object that is there", '{"mcp": {"x": 1}}', `{"mcp": {"x": 1, ${entry}}}`],
    ["an empty object that is there", '{ "mcp": {} }', `{ "mcp": {${entry}} }`],
    ["a comma at the end", '{\n\t"a": 1,\n}', `{\n\t"a": 1,\n\t"mcp": { ${entry} },\n}`],
    ["a comment at the end", '{\n  "a": 1 // one\n}', `{\n  "a": 1, // one\n  "mcp": { ${entry} }\n}`],
    ["comments alone", "{\n  // nothing\n}", `{\n  // nothing\n  "mcp": { ${entry} }\n}`],
    [
      "signs that JSON takes as they are",
      '{"a\u007f\u0085": "\u2028"}',
      `{"a\u007f\u0085": "\u2028", "mcp": { ${entry} }}`,
    ],
    ["CRLF", '{\r\n "a": 1\r\n}', `{\r\n "a": 1,\r\n "mcp": { ${entry} }\r\n}`],
    [
      "a comma before its comment",
      '{\n  "a": 1 /* x */\n  ,\n}',
      `{\n  "a": 1 /* x */\n  ,\n  "mcp": { ${entry} },\n}`,
    ],
  ])("into %s", (_, before, after) => {
    expect(put(before, server, ours)).toBe(after)
    expect(take(after, server, isOurs)).toBe(before)
  })

  test.each([
    ["a list that is missing", "{}", '{"hooks": { "Stop": [ 7 ] }}'],
    ["an empty list", '{"hooks": {"Stop": []}}', '{"hooks": {"Stop": [7]}}'],
    ["a list of others", '{"hooks": {"Stop": [1,\n 2]}}', '{"hooks": {"Stop": [1,\n 2, 7]}}'],
  ])("into %s", (_, before, after) => {
    expect(put(before, hook, 7)).toBe(after)
    expect(take(after, hook, value => value === 7)).toBe(before)
  })

  test.each([
    ['{"mcp": []}', "mcp is something else there"],
    ['{"mcp": null}', "mcp is something else there"],
    ["[]", "the whole is something else there"],
  ])("refuses what is in the way: %s", (text, why) => expect(() => put(text, server, ours)).toThrow(why))
})

describe("take", () => {
  test.each([
    ["behind ours", `{"mcp": {"x": 1, ${entry}, "y": 2}}`, '{"mcp": {"x": 1, "y": 2}}'],
    ["in the object we made", `{"mcp": { ${entry}, "y": 2 }}`, '{"mcp": { "y": 2 }}'],
    ["before ours removed", `{"mcp": {${entry}}}`, '{"mcp": {}}'],
    ["a comma put after ours", `{"mcp": {"x": 1, ${entry},}}`, '{"mcp": {"x": 1,}}'],
    ["nothing of ours", '{"mcp": {"sento": 1}}', '{"mcp": {"sento": 1}}'],
  ])("leaves what others did meanwhile: %s", (_, edited, left) =>
    expect(take(edited, server, isOurs)).toBe(left),
  )
})

describe("amend", () => {
  const wanted = { type: "local", command: ["/new", "mcp"], timeout: 5 }
  const amended = (text: string): string =>
    amend(text, root => membersAt(root, server)[0]?.node, wanted, new Set(["command"]))
  const within = (inner: string): string => `{"mcp": {"x": 1, "sento": ${inner}, "y": 2}}`

  test.each([
    ["nothing where all is right", '{"type": "local", "command": ["/new", "mcp"], "timeout": 5}', null],
    [
      "a word of a list, in its place",
      '{"type":"local","timeout":5,"command":[\n"/old", // c\n"mcp"]}',
      '{"type":"local","timeout":5,"command":[\n"/new", // c\n"mcp"]}',
    ],
    [
      "a list of another length, whole",
      '{"type":"local","timeout":5,"command":["/a","b","mcp"]}',
      '{"type":"local","timeout":5,"command":["/new", "mcp"]}',
    ],
    [
      "what is missing, at the end",
      '{"command": ["/new", "mcp"], "type": "local"}',
      '{"command": ["/new", "mcp"], "type": "local", "timeout": 5}',
    ],
    [
      "nothing that an owner set",
      '{"command": ["/new", "mcp"], "timeout": 9, "type": "x", "enabled": false}',
      null,
    ],
    [
      "the last of a key that stands twice",
      '{"command": 1, "type": "local", "timeout": 5, "command": ["/old", "mcp"]}',
      '{"command": 1, "type": "local", "timeout": 5, "command": ["/new", "mcp"]}',
    ],
    ["nothing of what is no object", "7", null],
  ])("changes %s", (_, before, after) => {
    expect(amended(within(before))).toBe(within(after ?? before))
    expect(amended(within(after ?? before))).toBe(within(after ?? before))
  })
})

test.each([
  ["", 1],
  ["{", 1],
  ['{"a" 1}', 1],
  ['{\n"a": 1\n"b": 2}', 3],
  ["{}\n{}", 2],
  ["{'a': 1}", 1],
  ['{"a": nul}', 1],
  ['{"a": "\n"}', 1],
  ["{,}", 1],
])("%j is not JSON, and the line is named", (text, line) => {
  expect(() => readJson(text)).toThrow(BrokenJson)
  expect(() => readJson(text)).toThrow(`line ${line} `)
})

/** JSON with comments, as untidy as people write it. */
const space = fc.constantFrom("", " ", "\n", "\r\n  ", "\t", " // c\n", "/* , } */", "\n\n    ")
const key = fc.constantFrom('"a"', '"mcp"', '"hooks"', '"Stop"', '"x,y"', '"\\"}"', '"ü"')
const { value } = fc.letrec<{ value: string; object: string; array: string }>(tie => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom("1", "-2.5e3", "true", "null", '"// s"', '"]"'),
    tie("object"),
    tie("array"),
  ),
  object: listOf(
    "{}",
    fc.tuple(key, space, tie("value")).map(([k, s, v]) => `${k}${s}: ${v}`),
  ),
  array: listOf("[]", tie("value")),
}))

function listOf(brackets: string, member: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const members = fc.uniqueArray(fc.tuple(space, member, space), {
    maxLength: 3,
    selector: ([, text]) => text.split(":")[0],
  })
  return fc.tuple(members, fc.boolean(), space).map(([list, hasComma, end]) => {
    const inner = list.map(([a, text, b]) => a + text + b).join(",")
    return `${brackets[0]}${inner}${hasComma && list.length > 0 ? "," : ""}${end}${brackets[1]}`
  })
}

test("whatever the file looks like, what was put in is there, all else is as it was, and it comes out again", () => {
  fc.assert(
    fc.property(space, value, space, fc.constantFrom(server, hook), (before, middle, after, place) => {
      const text = before + middle + after
      expect(readJson(text).value).toEqual(Bun.JSONC.parse(text))
      let added: string
      try {
        added = put(text, place, ours)
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError)
        return
      }
      expect(JSON.stringify(Bun.JSONC.parse(added))).toContain(JSON.stringify(ours))
      expect(take(added, place, isOurs)).toBe(text)
      const at = membersAt(readJson(added), place).length - 1
      const moved = { command: ["/opt/sento", "mcp"], enabled: false }
      const again = amend(added, root => membersAt(root, place)[at]?.node, moved, new Set(["command"]))
      expect(membersAt(readJson(again), place)[at]?.node.value).toEqual(moved)
      expect(take(again, place, one => Bun.deepEquals(one, moved))).toBe(text)
    }),
    { numRuns: 2000 },
  )
})
