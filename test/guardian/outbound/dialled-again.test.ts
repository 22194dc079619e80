/** A peer that has answered a dial, and whose last collect may have been on its way then: it may come for nothing more. */
import { expect, test } from "bun:test"
import type { NamedPeer } from "../../../src/guardian/context.ts"
import { createCarrying } from "../../../src/guardian/outbound/carrying.ts"

const keys = { send: new Uint8Array(32), receive: new Uint8Array(32) }
const kai = { name: "kai", peer: { id: "kai" }, keys } as NamedPeer

function openLane() {
  const clock = { now: 1_000_000, elapsed: 0 }
  const stopping = new AbortController()
  const carrying = createCarrying(
    { now: () => clock.now, elapsed: () => clock.elapsed, stopping: stopping.signal },
    2,
    { onCollect: () => {}, hasWaiting: () => false },
  )
  return {
    carrying,
    pass(milliseconds: number) {
      clock.now += milliseconds
      clock.elapsed += milliseconds
    },
    /** One that comes, and ends with nothing. */
    async collect(): Promise<void> {
      const gone = new AbortController()
      const taken = carrying.take(
        kai,
        { v: 1, id: "id", timestamp: "", type: "collect", waitSeconds: 25 },
        clock.now,
        { signal: gone.signal, allow: () => {}, hold: () => () => {} },
      )
      gone.abort()
      await taken
    },
  }
}

test.each([
  ["a moment ago: it is dialled", 200, "dial"],
  ["9 s ago: it is dialled", 9_000, "dial"],
  ["long before: its next collect is waited for", 60_000, "wait"],
] as const)("a collect has ended, of a peer that answered a dial %s", async (_, milliseconds, want) => {
  const { carrying, pass, collect } = openLane()
  carrying.answeredDial("kai")
  pass(milliseconds)
  await collect()
  expect(carrying.way("kai").kind).toBe(want)
})

test("one that answers a dial after its collect began is dialled; one that never did is waited for", async () => {
  const { carrying, pass, collect } = openLane()
  await collect()
  expect(carrying.way("kai").kind).toBe("wait")
  pass(1000)
  carrying.answeredDial("kai")
  expect(carrying.way("kai").kind).toBe("dial")
  expect(carrying.hasCollected("kai")).toBe(false)
})
