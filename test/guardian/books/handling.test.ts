/** What the owner does with a message that waits to be typed. */
import { afterEach, describe, expect, test } from "bun:test"
import { dropReceived, releaseReceived } from "../../../src/guardian/books/handling.ts"
import { SentoError } from "../../../src/protocol/errors.ts"
import type { Received } from "../../../src/store/inbox.ts"
import { createTestContext, type TestContext } from "../../support/context.ts"
import { receive } from "../../support/store.ts"

let made: TestContext
afterEach(() => made[Symbol.dispose]())

type State = "waiting" | "typing" | "delivered" | "uncertain" | "dropped"

function message(state: State = "waiting"): Received {
  made = createTestContext(["kai"])
  const id = receive(made.stored, "kai", made.now, { state })
  return made.stored.store.inbox.byId("kai", id) as Received
}

const again = ({ seq, pair, id }: Received): Received => {
  const found = made.stored.store.inbox.byId(pair, id)
  if (found?.seq !== seq) throw new Error("it is gone")
  return found
}

function errorOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof SentoError) return `${error.code}: ${error.message}`
    throw error
  }
  return "none"
}

describe("drop", () => {
  test("settles what waits, with why, and keeps the word for its sender until a Guardian tells it", () => {
    const one = message()
    expect(dropReceived(made.context, one.shortId)).toEqual({ id: one.shortId, from: "kai", waitsFor: null })
    expect([again(one).state, again(one).reason]).toEqual(["dropped", "dropped by its owner"])
    expect(made.stored.store.receipts.head("kai")).toMatchObject({
      of: one.id,
      state: "refused",
      reason: "dropped by its owner",
    })
    expect(made.stored.store.inbox.next(made.now)).toBeNull()
  })

  test.each([
    ["typing", "refused: [ID] from kai stands in mira's session already, or is just being typed there"],
    ["delivered", "refused: [ID] from kai waits no more: it was typed already"],
    ["uncertain", "refused: [ID] from kai waits no more: it was typed, as far as is known"],
    ["dropped", "refused: [ID] from kai waits no more: it was dropped already"],
  ] as const)("leaves one that is %s as it is, and tells its sender nothing", (state, words) => {
    const one = message(state)
    const error = errorOf(() => dropReceived(made.context, one.shortId))
    expect(error.replace(one.shortId, "ID")).toBe(words)
    expect([again(one).state, made.stored.store.receipts.head("kai")]).toEqual([state, null])
  })

  test("and both or neither: what its sender is told cannot be noted where the drop cannot", () => {
    const one = message()
    const telling = (): void => {
      throw new Error("the disk is full")
    }
    expect(() => dropReceived(made.context, one.shortId, telling)).toThrow("the disk is full")
    expect(again(one).state).toBe("waiting")
  })

  test.each(["zzzz", "no id", ""])("knows no message %j", id => {
    message()
    expect(errorOf(() => dropReceived(made.context, id))).toBe(
      `unknown-message: no message ${JSON.stringify(id)} came in`,
    )
  })
})

describe("release", () => {
  test.each(["owner", "loop"] as const)("lets one through a pause of the %s, and nothing else", reason => {
    const one = message()
    const { store } = made.stored
    receive(made.stored, "kai", made.now + 1)
    store.peers.pause("kai", { until: null, reason })
    expect(store.inbox.next(made.now)).toBeNull()
    expect(releaseReceived(made.context, one.shortId, "a dialog is open")).toEqual({
      id: one.shortId,
      from: "kai",
      waitsFor: "a dialog is open",
    })
    expect(store.inbox.next(made.now)?.seq).toBe(one.seq)
    store.inbox.mark(one.seq, "delivered", made.now)
    expect(store.inbox.next(made.now)).toBeNull()
  })

  test("is nothing for one that no pause holds, so that a later pause holds it all the same", () => {
    const one = message()
    expect(errorOf(() => releaseReceived(made.context, one.shortId, null))).toContain("is held by no pause")
    expect(again(one).isReleased).toBe(false)
  })
})
