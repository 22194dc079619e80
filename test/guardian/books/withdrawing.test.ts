/** Which join an id takes back, and what is left of it; messages: test/guardian/outbound/withdrawing.test.ts. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { joinToWithdraw, withdrawJoin, withdrawMessage } from "../../../src/guardian/books/withdrawing.ts"
import { confirmedWith, createTestContext, type TestContext } from "../../support/context.ts"
import { errorOf } from "../../support/errors.ts"
import { keep, receive } from "../../support/store.ts"

let made: TestContext
beforeEach(() => {
  made = createTestContext(["kai"])
})
afterEach(() => made[Symbol.dispose]())

const store = () => made.stored.store
const request = (name: string, id?: string, role: "joiner" | "minter" = "joiner") =>
  store().requests.keep(
    confirmedWith(name, role),
    { localName: name, replaces: false, confirm: null, ...(id === undefined ? {} : { id }) },
    made.now,
  )
describe("a join", () => {
  test("is the one of this id that waits for the other owner, in any case; a request of another's is none", () => {
    const [noa, lia] = [request("noa"), request("lia", undefined, "minter")]
    request("eve")
    const found = (id: string) => joinToWithdraw(made.context, id)?.name ?? null
    expect([
      found(noa.id),
      found(noa.id.toUpperCase()),
      found(lia.id),
      found("zzzz"),
      found("no id"),
    ]).toEqual(["noa", "noa", null, null, null])
    store().requests.settle(noa.id, "denied", made.now)
    expect(found(noa.id)).toBeNull()
  })

  test("of the id of a message that waits is not guessed; of one that is over, it is the join", () => {
    const id = keep(made.stored, "kai", made.now, "queued")
    const shortId = store().outbox.withId(id)?.shortId ?? ""
    request("noa", shortId)
    const error = errorOf(() => joinToWithdraw(made.context, shortId))
    expect([error.code, error.message, error.hint]).toEqual([
      "usage",
      `"${shortId}" is a message to kai and a join of noa`,
      `name the message by its whole id: \`sento cancel ${id}\``,
    ])
    store().outbox.settle(store().outbox.withId(id)?.seq ?? 0, "accepted", null, made.now)
    expect(joinToWithdraw(made.context, shortId)?.name).toBe("noa")
  })

  test("that is taken back has ended before it was a pair, which the other side is told and nobody here", () => {
    const [noa, eve] = [request("noa"), request("eve")]
    expect(withdrawJoin(made.context, noa)).toEqual({ kind: "join", id: noa.id, name: "noa" })
    expect([store().requests.get(noa.id)?.state, store().requests.get(eve.id)?.state]).toEqual([
      "denied",
      "waiting",
    ])
    expect(store().peers.untold()).toMatchObject([{ pair: noa.pairId, name: "noa" }])
    expect(store().peers.revocations()).toMatchObject([{ pair: noa.pairId, byUs: true, isCleared: true }])
  })
})

describe("a message", () => {
  const cancel = (id: string) => errorOf(() => withdrawMessage(made.context, id))

  test.each([
    ["accepted", null, "refused", "kai has ", "say so to kai"],
    ["accepted", "held", "refused", "and it waits there to be typed", "say so to kai"],
    ["refused", null, "refused", "waits no more: it is refused", "`sento log kai` says"],
    ["expired", null, "refused", "waits no more: it is expired", "`sento log kai` says"],
    ["dropped", null, "refused", "waits no more: it ended with its pair", "`sento log kai` says"],
  ] as const)("that is %s (%p) can be taken back no more", (state, peerState, code, words, hint) => {
    const id = keep(made.stored, "kai", made.now, state)
    if (peerState !== null) store().outbox.noteReceipt("kai", id, peerState, null)
    const error = cancel(id)
    expect(error.code).toBe(code)
    expect(error.message).toContain(words)
    expect(error.hint).toContain(hint)
  })

  test("that came, or is not there, cannot be taken back, and it is said which", () => {
    const came = store().inbox.byId("kai", receive(made.stored, "kai", made.now))?.shortId ?? ""
    expect([cancel(came).message, cancel("zzzz").message]).toEqual([
      `message "${came}" came from kai: only what is sent from here can be withdrawn`,
      'nothing of the id "zzzz" waits here',
    ])
    expect(cancel("x".repeat(200)).message).toContain(`"${"x".repeat(64)}"`)
  })

  test("where no Guardian runs is taken back twice no more", () => {
    const id = keep(made.stored, "kai", made.now, "queued")
    expect(withdrawMessage(made.context, id)).toMatchObject({
      kind: "message",
      id,
      to: "kai",
      mayHaveArrived: false,
    })
    expect(cancel(id).message).toContain("it was withdrawn already")
  })
})
