import { expect, test } from "bun:test"
import { type Connection, createHolds, crowdOf } from "../../src/http/crowd.ts"

/** As many connections, the oldest first; each is named by its address and its place. */
const from = (...addresses: string[]): Connection[] =>
  addresses.map((address, i) => ({ descriptor: i, address, key: `${address}${i}` }))

test.each([
  ["nobody, where there is room", from("a", "a", "b"), 3, []],
  ["nobody, where there is more room", from("a", "a", "b"), 5, []],
  ["the oldest, where all are one's", from("a", "a", "a", "a"), 2, ["a0", "a1"]],
  ["a crowd's, and not the one connection of another", from("b", "a", "a", "a"), 2, ["a1", "a2"]],
  ["the larger of two crowds", from("a", "a", "b", "b", "b"), 4, ["b2"]],
  ["the oldest of each, where all have the same", from("a", "b", "a", "b"), 2, ["a0", "b1"]],
  ["the oldest, where each has one", from("a", "b", "c"), 2, ["a0"]],
] as const)("too many connections: cuts %s", (_, connections, most, cut) => {
  const keys = crowdOf(connections, most).map(({ key }) => key)
  expect(keys.sort()).toEqual([...cut])
})

test("held: the same two ends in another spelling, until the last of its requests has let it go, each once", () => {
  const holds = createHolds()
  const peer = { address: "192.0.2.7", port: 5000 }
  const first = holds.hold("127.0.0.1", peer)
  const second = holds.hold("::ffff:127.0.0.1", { ...peer, address: "::ffff:192.0.2.7" })
  const look = () => [holds.size, holds.has("127.0.0.1", peer)]
  const seen = [look()]
  first()
  first()
  seen.push(look())
  second()
  expect([...seen, look()]).toEqual([
    [1, true],
    [1, true],
    [0, false],
  ])
})

test.each([
  ["the same port elsewhere, to another host here", "127.0.0.1", false],
  ["the same port elsewhere, where the host here is not known", null, true],
])("held or a stranger: %s: %p", (_, own, want) => {
  const holds = createHolds()
  holds.hold(own, { address: "192.0.2.7", port: 5000 })
  expect(holds.has("192.0.2.1", { address: "192.0.2.7", port: 5000 })).toBe(want)
  expect(holds.has("192.0.2.1", { address: "192.0.2.7", port: 5001 })).toBe(false)
})
