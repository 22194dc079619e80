/** `sento cancel`: what is said of a message that is taken back, and what becomes of it, of those behind, and of who waits. */
import { afterEach, describe, expect, test } from "bun:test"
import type { Books } from "../../../src/guardian/books/pairs.ts"
import { withdrawMessage } from "../../../src/guardian/books/withdrawing.ts"
import { callDoor } from "../../../src/guardian/door/client.ts"
import { readDoorRequest } from "../../../src/guardian/door/operations.ts"
import type { LogEntry, Withdrawn } from "../../../src/guardian/door/results.ts"
import { SentoError } from "../../../src/protocol/errors.ts"
import { openStore } from "../../../src/store/store.ts"
import { newPair, packAnswer, uuidV7 } from "../../support/client.ts"
import { acceptedAnswer, openCollector, openHolder, queue } from "../../support/collecting.ts"
import { openGuardian, sendFrom, type TestGuardian } from "../../support/guardian.ts"
import { accepted, accepts, freePort, openPeer, signed, tell } from "../../support/peer.ts"
import { until } from "../../support/world.ts"

const kai = newPair()

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})
function opened<One extends AsyncDisposable>(one: One): One {
  open.push(one)
  return one
}

const log = ({ paths }: TestGuardian): Promise<LogEntry[]> =>
  callDoor(paths, "agent", { op: "log", limit: 100 })

/** The message of this text as the log has it. */
async function entry(guardian: TestGuardian, text: string): Promise<LogEntry> {
  const found = (await log(guardian)).find(one => one.text === text)
  if (found === undefined) throw new Error(`no message says ${text}`)
  return found
}

async function cancel(guardian: TestGuardian, text: string): Promise<boolean> {
  const { shortId } = await entry(guardian, text)
  const withdrawn = await callDoor(guardian.paths, "agent", { op: "cancel", id: shortId ?? "" })
  return mayHaveArrived(withdrawn)
}

function mayHaveArrived(withdrawn: Withdrawn): boolean {
  if (withdrawn.kind !== "message") throw new Error("a join was withdrawn")
  return withdrawn.mayHaveArrived
}

const errorOf = (work: Promise<unknown>): Promise<SentoError> =>
  work.then(
    () => {
      throw new Error("it went")
    },
    error => {
      if (error instanceof SentoError) return error
      throw error
    },
  )

/** What the log says became of it. */
const stateOf = async (guardian: TestGuardian, text: string): Promise<(string | null)[]> => {
  const { state, reason } = await entry(guardian, text)
  return [state, reason]
}

const gone = ["withdrawn", "it never left this machine"]
const inDoubt = ["withdrawn", "it may have arrived"]
const tooLate = ["accepted", "withdrawn too late"]

describe("where nothing listens", () => {
  test("what waits never left, the first as those behind it, and is not sent when the peer is there", async () => {
    const port = freePort()
    const mira = opened(await openGuardian({ kai: { pair: kai, port } }))
    for (const text of ["first", "second", "third"]) await sendFrom(mira.paths, "kai", text)
    expect([await cancel(mira, "second"), await cancel(mira, "first")]).toEqual([false, false])
    expect([await stateOf(mira, "first"), await stateOf(mira, "second")]).toEqual([gone, gone])
    const peer = opened(await openPeer(kai, accepts(kai), port))
    await tell(mira, kai, { text: "here I am" })
    await until("the third", async () => (await entry(mira, "third")).state === "accepted")
    const came = peer.asked.filter(({ body }) => body.type === "message")
    expect(came.map(({ body }) => body.text)).toEqual(["third"])
  })

  test("a command that waits for the answer ends, and says why; the same message again is the same, withdrawn", async () => {
    const mira = opened(await openGuardian({ kai: { pair: kai } }))
    const request = { op: "send", to: "kai", text: "hi", wait: true, messageId: uuidV7(mira.now) } as const
    const waiting = errorOf(callDoor(mira.paths, "agent", request))
    await until("it is kept", async () => (await log(mira)).length === 1)
    await cancel(mira, "hi")
    for (const error of [await waiting, await errorOf(callDoor(mira.paths, "agent", request))])
      expect([error.code, error.message]).toEqual([
        "failed",
        "the message to kai was withdrawn: it never left this machine",
      ])
  })

  test("after a restart the first may have been tried by the Guardian before, and what is behind was not", async () => {
    const mira = opened(await openGuardian({ kai: { pair: kai } }))
    for (const text of ["first", "second"]) await sendFrom(mira.paths, "kai", text)
    await mira.restart()
    expect([await cancel(mira, "second"), await cancel(mira, "first")]).toEqual([false, true])
  })
})

describe("where something answers", () => {
  test("what is just being tried may have arrived; a 202 that comes then says that it was too late", async () => {
    const answer = Promise.withResolvers<void>()
    const peer = opened(
      await openPeer(kai, async asked => {
        if (asked.body.text === "slow") await answer.promise
        return signed(kai, accepted(asked), asked.isSealed)
      }),
    )
    const mira = opened(await openGuardian({ kai: { pair: kai, port: peer.port } }))
    const sending = errorOf(sendFrom(mira.paths, "kai", "slow"))
    await until("the attempt", () => peer.asked.some(one => one.body.text === "slow"))
    expect(await cancel(mira, "slow")).toBe(true)
    expect((await sending).message).toBe("the message to kai was withdrawn: it may have arrived")
    expect(await stateOf(mira, "slow")).toEqual(inDoubt)
    answer.resolve()
    await until("the proof", async () => (await entry(mira, "slow")).state === "accepted")
    expect(await stateOf(mira, "slow")).toEqual(tooLate)
    expect((await sendFrom(mira.paths, "kai", "next")).status).toBe("accepted")
  })

  test("what was tried without an answer of the peer's may have arrived, and is not tried again", async () => {
    const peer = opened(await openPeer(kai, () => new Response("?", { status: 500 })))
    const mira = opened(await openGuardian({ kai: { pair: kai, port: peer.port } }))
    await sendFrom(mira.paths, "kai", "lost?")
    expect(await cancel(mira, "lost?")).toBe(true)
    expect(await stateOf(mira, "lost?")).toEqual(inDoubt)
    const count = peer.asked.filter(one => one.body.type === "message").length
    mira.pass(10 * 60 * 1000)
    expect(peer.asked.filter(one => one.body.type === "message").length).toBe(count)
  })

  test.each(["held", "delivered", "answered"] as const)(
    "a receipt %s is a proof that it came",
    async state => {
      const peer = opened(await openPeer(kai, () => new Response("?", { status: 500 })))
      const mira = opened(await openGuardian({ kai: { pair: kai, port: peer.port } }))
      const { id } = await sendFrom(mira.paths, "kai", "lost?")
      await cancel(mira, "lost?")
      await tell(mira, kai, { type: "receipt", of: id, state })
      expect(await stateOf(mira, "lost?")).toEqual(tooLate)
      expect((await entry(mira, "lost?")).peerState).toBe(state)
    },
  )

  test("an answer is one too", async () => {
    const peer = opened(await openPeer(kai, () => new Response("?", { status: 500 })))
    const mira = opened(await openGuardian({ kai: { pair: kai, port: peer.port } }))
    const { id } = await sendFrom(mira.paths, "kai", "lost?")
    await cancel(mira, "lost?")
    await tell(mira, kai, { text: "no, here", inReplyTo: id })
    expect(await stateOf(mira, "lost?")).toEqual(tooLate)
  })

  test("what the peer has cannot be withdrawn", async () => {
    const peer = opened(await openPeer(kai, accepts(kai)))
    const mira = opened(await openGuardian({ kai: { pair: kai, port: peer.port } }))
    await sendFrom(mira.paths, "kai", "there")
    const error = await errorOf(cancel(mira, "there"))
    expect([error.code, error.message]).toEqual([
      "refused",
      expect.stringMatching(/^kai has \[[0-9a-z]{4}\] already: it cannot be withdrawn any more$/),
    ])
  })
})

test("what was put into a collect may have arrived; the answer that the next one brings is the proof", async () => {
  const mira = opened(await openHolder(kai))
  const collector = openCollector(mira, kai)
  await queue(mira, "kai", "carried")
  const carried = await collector.take()
  expect(carried.body.text).toBe("carried")
  expect(await cancel(mira, "carried")).toBe(true)
  expect(await stateOf(mira, "carried")).toEqual(inDoubt)
  await collector.collect({ waitSeconds: 0, answer: packAnswer(kai, carried, acceptedAnswer(carried)) })
    .answer
  await until("the proof", async () => (await entry(mira, "carried")).state === "accepted")
  expect(await stateOf(mira, "carried")).toEqual(tooLate)
})

test("where no Guardian runs, the first may have arrived, what is behind never left, and none of them is sent later", async () => {
  const mira = opened(await openGuardian({ kai: { pair: kai } }))
  for (const text of ["first", "second"]) await sendFrom(mira.paths, "kai", text)
  const ids = (await log(mira)).map(one => one.id)
  await mira.restart(async () => {
    const store = openStore(mira.paths.database, length => crypto.getRandomValues(new Uint8Array(length)))
    const books = { store, log: { write: () => {} }, now: () => mira.now } as unknown as Books
    const answers = ids.toReversed().map(id => mayHaveArrived(withdrawMessage(books, id)))
    store.close()
    expect(answers).toEqual([false, true])
  })
  expect((await log(mira)).map(one => one.state)).toEqual(["withdrawn", "withdrawn"])
})

test("an agent may take back what was said in its name, and do nothing to what waits for its owner", async () => {
  const mira = opened(await openGuardian({ kai: { pair: kai } }))
  for (const op of ["drop", "release"]) {
    expect(readDoorRequest("agent", { op, id: "k7q2" })).toBeNull()
    expect(readDoorRequest("owner", { op, id: "k7q2" })).not.toBeNull()
  }
  for (const request of [{ op: "close" }, { op: "clear", name: null }]) {
    expect(readDoorRequest("agent", request)).toBeNull()
    expect(readDoorRequest("owner", request)).not.toBeNull()
  }
  const error = await errorOf(callDoor(mira.paths, "agent", { op: "cancel", id: "zzzz" }))
  expect([error.code, error.message]).toEqual(["unknown-message", 'nothing of the id "zzzz" waits here'])
})
