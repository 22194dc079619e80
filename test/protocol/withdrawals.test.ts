/** What taking a message back comes to, by all that can be known of it. */
import { describe, expect, test } from "bun:test"
import { mayHaveBrought, type Standing, withdraw } from "../../src/protocol/withdrawals.ts"

const waits: Standing = { state: "queued", isExposed: false }

/** The effects in order, and whether they say that it may have arrived. */
const come = (mayHaveArrived: boolean) => [
  { kind: "withdraw", mayHaveArrived },
  { kind: "tell-waiters", mayHaveArrived },
  { kind: "try-next" },
]

describe("a message that waits", () => {
  test.each<[string, Partial<Standing>, boolean]>([
    ["was never tried, or never came to a connection", {}, false],
    ["was tried, with an end that is not known, or is just being tried", { isExposed: true }, true],
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
