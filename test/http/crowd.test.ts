import { expect, test } from "bun:test"
import { type Connection, createHolds, crowdOf } from "../../src/http/crowd.ts"

/** As many connections, the oldest first; each is named by its address and its place. */
const from = (...addresses: string[]): Connection[] =>
  addresses.map((address, i) => ({ descriptor: i, address, key: `${address}${i}` }))

test.each([
  ["nobody, where there is room", from("a", "a", "b"), 3, []],
  ["the oldest, where all are one's", from("a", "a", "a", "a"), 2, ["a0", "a1"]],
  ["a crowd's, and not the one connection of another", from("b", "a", "a", "a"), 2, ["a1", "a2"]],
  ["the larger of two crowds", from("a", "a", "b", "b", "b"), 4, ["b2"]],
  ["the oldest of each, where all have the same", from("a", "b", "a", "b"), 2, ["a0", "b1"]],
  ["the oldest, where each has one", from("a", "b", "c"), 2, ["a0"]],
] as const)("too many connections: cuts %s", (_, connections, most, cut) => {
  const keys = crowdOf(connections, most).map(({ key }) => key)
  expect(keys.sort()).toEqual([...cut])
})

test("held: the same end in another spelling, until the last of its requests has let it go, each once", () => {
  const holds = createHolds()
  const first = holds.hold("192.0.2.7", 5000)
  const second = holds.hold("::ffff:192.0.2.7", 5000)
  const seen = [holds.size, holds.has("192.0.2.7", 5000), holds.has("192.0.2.7", 5001)]
  first()
  first()
  seen.push(holds.size, holds.has("192.0.2.7", 5000))
  second()
  expect([...seen, holds.size, holds.has("192.0.2.7", 5000)]).toEqual([
    ...[1, true, false],
    ...[1, true],
    ...[0, false],
  ])
})
