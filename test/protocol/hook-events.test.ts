/** What the agent's door takes of a turn. */
import { describe, expect, test } from "bun:test"
import * as v from "valibot"
import { hookEventSchema } from "../../src/protocol/hook-events.ts"

const tag = { name: "mira", id: "k7q2" }
const prompt = { kind: "prompt", turn: "A", tags: [tag], digest: "ab".repeat(32), author: null }
const ended = { kind: "ended", turn: null, text: "", isContinued: false, hasBackground: false, digest: null }

describe("is taken:", () => {
  test.each<[string, unknown]>([
    ["a prompt", prompt],
    ["one without anything known", { ...prompt, turn: null, tags: [], digest: null, author: "program" }],
    ["16 tags", { ...prompt, tags: Array(16).fill(tag) }],
    ["an id of 64 signs", { ...prompt, tags: [{ ...tag, id: "k".repeat(64) }] }],
    ["a turn of one sign", { ...prompt, turn: "A" }],
    ["a turn of 200", { ...prompt, turn: "A".repeat(200) }],
    ["an end", ended],
    ["an end with 40,000 units", { ...ended, text: "a".repeat(40_000) }],
    ["a dialog", { kind: "person", turn: null }],
    ["a failure", { kind: "failed", turn: "A" }],
    ["the session's end", { kind: "gone" }],
    ["something unseen", { kind: "unseen" }],
  ])("%s", (_, event) => expect(v.parse(hookEventSchema, event)).toEqual(event as never))
})

describe("is refused:", () => {
  test.each<[string, unknown]>([
    ["17 tags", { ...prompt, tags: Array(17).fill(tag) }],
    ["an id of 65 signs", { ...prompt, tags: [{ ...tag, id: "k".repeat(65) }] }],
    ["a tag of no name", { ...prompt, tags: [{ ...tag, name: "Mira the 1st" }] }],
    ["a turn without a sign", { ...prompt, turn: "" }],
    ["a turn of 201", { ...prompt, turn: "A".repeat(201) }],
    ["a digest in upper case", { ...prompt, digest: "AB".repeat(32) }],
    ["an author of its own", { ...prompt, author: "person" }],
    ["an end with 40,001 units", { ...ended, text: "a".repeat(40_001) }],
    ["an unknown kind", { kind: "begun" }],
  ])("%s", (_, event) => expect(v.is(hookEventSchema, event)).toBe(false))
})
