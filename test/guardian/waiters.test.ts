/** Who waits for what becomes of a message is told of that one alone. */
import { expect, test } from "bun:test"
import { createWaiters, endedError, type News } from "../../src/guardian/waiters.ts"

const typed: News = { kind: "state", state: "delivered", reason: null }

function open() {
  const waiters = createWaiters()
  const heard: string[] = []
  const wait = (name: string, pair: string, id: string | null) =>
    waiters.wait({ pair, id, hear: news => heard.push(`${name} ${news.kind}`) })
  return { waiters, heard, wait }
}

test("of the same message of the same pair, all who wait, until they do no more", () => {
  const { waiters, heard, wait } = open()
  const end = wait("one", "kai", "m1")
  wait("two", "kai", "m1")
  wait("other", "kai", "m2")
  wait("lia", "lia", "m1")
  wait("pair", "kai", null)
  waiters.tell("kai", "m1", typed)
  expect(heard).toEqual(["one state", "two state"])
  end()
  waiters.tell("kai", "m1", typed)
  expect(heard).toEqual(["one state", "two state", "two state"])
  expect([waiters.has("kai", "m1"), waiters.has("kai", "m3"), waiters.has("lia", "m2")]).toEqual([
    true,
    false,
    false,
  ])
})

test("the end of a pair ends all of its waits, and is told to who asked for all ends", () => {
  const { waiters, heard, wait } = open()
  wait("one", "kai", "m1")
  wait("pair", "kai", null)
  wait("lia", "lia", "m1")
  for (const name of ["a", "b"]) waiters.onEnd(pair => heard.push(`${name} ${pair}`))
  waiters.endPair("kai", "removed here")
  expect(heard).toEqual(["a kai", "b kai", "one ended", "pair ended"])
})

test.each([
  ["refused", "refused", "kai refused the message: why"],
  ["expired", "timed-out", "the message to kai has expired: why"],
  ["withdrawn", "failed", "the message to kai was withdrawn: why"],
  ["dropped", "refused", "the pair with kai has ended: why"],
] as const)("an end that is %s has the code %s", (state, code, message) => {
  expect(endedError("kai", { state, reason: "why" })).toMatchObject({ code, message })
})
