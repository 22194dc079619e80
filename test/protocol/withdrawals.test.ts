/** What taking a message back comes to, by all that can be known of it. */
import { describe, expect, test } from "bun:test"
import { mayHaveBrought, type Standing, withdraw } from "../../src/protocol/withdrawals.ts"

const waits: Standing = {
  state: "queued",
  isHead: true,
  isExposed: false,
  isUnderWay: false,
  isOurs: true,
}

/** The effects in order, and whether they say that it may have arrived. */
const come = (mayHaveArrived: boolean) => [
  { kind: "withdraw", mayHaveArrived },
  { kind: "tell-waiters", mayHaveArrived },
  { kind: "try-next" },
]

describe("a message that waits", () => {
  test.each<[string, Partial<Standing>, boolean]>([
    ["was never tried", {}, false],
    [
      "waits behind another one, whoever kept it: only the oldest of a pair is tried",
      { isHead: false, isOurs: false },
      false,
    ],
    ["was tried, with an end that is not known", { isExposed: true }, true],
    ["was tried, and others came before it since", { isExposed: true, isHead: false }, true],
    ["is just being tried", { isUnderWay: true }, true],
    ["is the oldest, and a Guardian that has died kept it", { isOurs: false }, true],
  ])("and %s", (_, standing, mayHaveArrived) => {
    expect(withdraw({ ...waits, ...standing })).toEqual(come(mayHaveArrived) as never)
  })
})

test.each(["accepted", "refused", "expired", "dropped", "withdrawn"] as const)(
  "one that is %s stays so",
  state => {
    expect(withdraw({ ...waits, state })).toEqual([])
  },
)

test.each([
  ["refused", false],
  ["unresolved", false],
  ["unroutable", false],
  ["timed-out", true],
  ["failed", true],
  [null, true],
] as const)("an attempt that ended with %s may have brought it: %p", (cause, may) => {
  expect(mayHaveBrought(cause)).toBe(may)
})
