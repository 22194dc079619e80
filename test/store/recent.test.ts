/** The latest messages of each box: whose they are, how old, which words, and in which order. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import type { Correspondent, Wanted } from "../../src/store/recent.ts"
import { createTestStore, type TestStore } from "../support/store.ts"
import { now } from "./two-pairs/fixture.ts"

let stored: TestStore
beforeEach(() => {
  stored = createTestStore()
})
afterEach(() => stored[Symbol.dispose]())

const boxes = {
  inbox: {
    put(pair: string, name: string, text: string, at: number): void {
      const timestamp = new Date(at).toISOString()
      const body = { v: 1, id: Bun.randomUUIDv7(), type: "message", timestamp, text } as const
      expect(stored.store.inbox.admit(pair, name, body, at).kind).toBe("accepted")
    },
    recent: (most: number, of?: Correspondent | null, wanted?: Wanted) =>
      stored.store.inbox.recent(most, of, wanted).map(one => one.text),
  },
  outbox: {
    put(pair: string, name: string, text: string, at: number): void {
      stored.store.outbox.keep({ pair, name, id: Bun.randomUUIDv7(), text, inReplyTo: null, hops: 0 }, at)
    },
    recent: (most: number, of?: Correspondent | null, wanted?: Wanted) =>
      stored.store.outbox.recent(most, of, wanted).map(one => one.text),
  },
}

describe.each(["inbox", "outbox"] as const)("of the %s", box => {
  const { put, recent } = boxes[box]
  /** Texts, oldest first, each of its pair and of the name that it had then. */
  const given = (...rows: readonly (readonly [pair: string, name: string, text: string])[]): void => {
    for (const [i, [pair, name, text]] of rows.entries()) put(pair, name, text, now + i)
  }

  test("all, newest first, and no more than are wanted", () => {
    given(["p1", "kai", "a"], ["p2", "lia", "b"], ["p1", "kai", "c"])
    expect(recent(9)).toEqual(["c", "b", "a"])
    expect(recent(2)).toEqual(["c", "b"])
    expect(recent(1, null)).toEqual(["c"])
  })

  test("none that came before a time, and those of that very time", () => {
    given(["p1", "kai", "a"], ["p1", "kai", "b"], ["p1", "kai", "c"])
    const since = now + 1
    expect(recent(9, null, { since, matches: null })).toEqual(["c", "b"])
    expect(recent(9, { name: "kai", pair: "p1", paired: ["p1"] }, { since, matches: null })).toEqual([
      "c",
      "b",
    ])
    expect(recent(9, { name: "kai", pair: null, paired: [] }, { since, matches: null })).toEqual(["c", "b"])
  })

  test("the words are looked for in all there is, however few are wanted", () => {
    given(...Array.from({ length: 9 }, (_, i) => ["p1", "kai", `${i < 3 ? "yes" : "no"} ${i}`] as const))
    const matches = (text: string): boolean => text.startsWith("yes")
    for (const of of [
      null,
      { name: "kai", pair: "p1", paired: ["p1"] },
      { name: "kai", pair: null, paired: [] },
    ]) {
      expect(recent(2, of, { since: null, matches })).toEqual(["yes 2", "yes 1"])
      expect(recent(9, of, { since: now + 1, matches })).toEqual(["yes 2", "yes 1"])
      expect(recent(9, of, { since: null, matches: () => false })).toEqual([])
    }
  })

  test("an agent's are its pair's, by whatever name, and those of pairs that ended under its name", () => {
    given(
      ["now", "old-name", "renamed since"],
      ["a-former", "kai", "of the first"],
      ["b-former", "lia", "another's"],
      ["c-former", "kai", "of the second"],
      ["c-former", "porter", "of the second, later"],
      ["d-former", "kai", "of the third"],
      ["lias", "kai", "of one that is called lia today"],
      ["now", "kai", "of today"],
    )
    const kai = { name: "kai", pair: "now", paired: ["lias", "now"] }
    expect(recent(9, kai)).toEqual([
      "of today",
      "of the third",
      "of the second",
      "of the first",
      "renamed since",
    ])
    expect(recent(2, kai)).toEqual(["of today", "of the third"])
    expect(recent(9, { ...kai, pair: null })).toEqual(["of the third", "of the second", "of the first"])
    expect(recent(9, { ...kai, pair: null, paired: [] })).toEqual([
      "of today",
      "of one that is called lia today",
      "of the third",
      "of the second",
      "of the first",
    ])
    expect(recent(9, { name: "nobody", pair: null, paired: [] })).toEqual([])
  })
})
