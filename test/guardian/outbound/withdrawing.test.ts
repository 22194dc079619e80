/** `sento cancel`: what is said of a message that is taken back, and what becomes of it, of those behind, and of who waits. */
import { Database } from "bun:sqlite"
import { afterEach, describe, expect, test } from "bun:test"
import type { Books } from "../../../src/guardian/books/pairs.ts"
import { withdrawMessage } from "../../../src/guardian/books/withdrawing.ts"
import { callDoor } from "../../../src/guardian/door/client.ts"
import { readDoorRequest } from "../../../src/guardian/door/operations.ts"
import type { LogEntry, Withdrawn } from "../../../src/guardian/door/results.ts"
import { openStore } from "../../../src/store/store.ts"
import { newPair, packAnswer, uuidV7 } from "../../support/client.ts"
import { acceptedAnswer, openCollector, openHolder, queue } from "../../support/collecting.ts"
import { rejectionOf } from "../../support/errors.ts"
import { openGuardian, sendFrom, type TestGuardian } from "../../support/guardian.ts"
import { accepted, accepts, openPeer, type Peer, signed, tell } from "../../support/peer.ts"
import { freePort } from "../../support/ports.ts"
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

/** What the log says became of it. */
const stateOf = async (guardian: TestGuardian, text: string): Promise<(string | null)[]> => {
  const { state, reason } = await entry(guardian, text)
  return [state, reason]
}

function onDisk({ paths }: TestGuardian, statement: string): void {
  using database = new Database(paths.database)
  database.run(statement)
}

/** Of the one message that is kept. */
function isExposedOnDisk({ paths }: TestGuardian): boolean {
  using database = new Database(paths.database, { readonly: true })
  return database.query<{ exposed: number }, []>("SELECT exposed FROM outbox").get()?.exposed === 1
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
    const waiting = rejectionOf(callDoor(mira.paths, "agent", request))
    await until("the attempt", () => mira.log().includes("waits: nothing listens"))
    await cancel(mira, "hi")
    for (const error of [await waiting, await rejectionOf(callDoor(mira.paths, "agent", request))])
      expect([error.code, error.message]).toEqual([
        "failed",
        "the message to kai was withdrawn: it never left this machine",
      ])
  })

  test("after a restart it is known that neither the first nor what is behind it came to a connection", async () => {
    const mira = opened(await openGuardian({ kai: { pair: kai } }))
    for (const text of ["first", "second"]) await sendFrom(mira.paths, "kai", text)
    await mira.restart()
    expect([await cancel(mira, "second"), await cancel(mira, "first")]).toEqual([false, false])
  })
})

/** A peer that leaves a hello without an answer until it is let go, and a Guardian that waits for that answer. */
async function openProbed() {
  const going = Promise.withResolvers<void>()
  const peer = opened(
    await openPeer(kai, async asked => {
      if (asked.body.type === "hello") await going.promise
      return signed(kai, accepted(asked), asked.isSealed)
    }),
  )
  const mira = opened(await openGuardian({ kai: { pair: kai, port: peer.port } }))
  const probed = callDoor(mira.paths, "agent", { op: "probe", name: "kai" })
  await until("the hello", () => peer.asked.some(one => one.body.type === "hello"))
  return { peer, mira, probed, go: going.resolve }
}

const textsAt = (peer: Peer): unknown[] =>
  peer.asked.filter(({ body }) => body.type === "message").map(({ body }) => body.text)

describe("behind what the pair is just being told", () => {
  test("what is taken back never leaves", async () => {
    const { peer, mira, probed, go } = await openProbed()
    const sending = rejectionOf(sendFrom(mira.paths, "kai", "gone"))
    await until("it is kept", async () => (await log(mira)).length === 1)
    expect(await cancel(mira, "gone")).toBe(false)
    go()
    await probed
    expect((await sending).message).toBe("the message to kai was withdrawn: it never left this machine")
    expect((await sendFrom(mira.paths, "kai", "next")).status).toBe("accepted")
    expect(textsAt(peer)).toEqual(["next"])
    expect(await stateOf(mira, "gone")).toEqual(gone)
  })

  test("nothing goes to a pair that has ended, neither a message nor a receipt", async () => {
    const { peer, mira, probed, go } = await openProbed()
    const sending = rejectionOf(sendFrom(mira.paths, "kai", "gone"))
    await tell(mira, kai, { text: "held" })
    await until("both are kept", async () => (await log(mira)).length === 2)
    await tell(mira, kai, { type: "unpair" })
    go()
    await Promise.all([probed.catch(() => {}), sending])
    await mira.restart()
    expect(peer.asked.map(one => one.body.type)).toEqual(["hello"])
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
    const sending = rejectionOf(sendFrom(mira.paths, "kai", "slow"))
    await until("the attempt", () => peer.asked.some(one => one.body.text === "slow"))
    expect(isExposedOnDisk(mira)).toBe(true)
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

  test("an attempt that cannot be noted is not made, and waits for the disk", async () => {
    const port = freePort()
    const mira = opened(await openGuardian({ kai: { pair: kai, port } }))
    await sendFrom(mira.paths, "kai", "late")
    expect(isExposedOnDisk(mira)).toBe(false)
    const peer = opened(await openPeer(kai, accepts(kai), port))
    onDisk(
      mira,
      `CREATE TRIGGER full BEFORE UPDATE ON outbox WHEN NEW.exposed = 1 BEGIN SELECT RAISE(ABORT, 'disk full'); END`,
    )
    mira.pass(60_000)
    await until("the trouble", () => mira.log().includes("sending failed: disk full"))
    expect(textsAt(peer)).toEqual([])
    onDisk(mira, "DROP TRIGGER full")
    mira.pass(60_000)
    await until("it went", async () => (await entry(mira, "late")).state === "accepted")
    expect(textsAt(peer)).toEqual(["late"])
  })

  test("what was tried without an answer may have arrived after a restart too", async () => {
    const peer = opened(await openPeer(kai, () => new Response("?", { status: 500 })))
    const mira = opened(await openGuardian({ kai: { pair: kai, port: peer.port } }))
    for (const text of ["first", "second"]) await sendFrom(mira.paths, "kai", text)
    await peer[Symbol.asyncDispose]()
    await mira.restart()
    expect([await cancel(mira, "second"), await cancel(mira, "first")]).toEqual([false, true])
  })

  test("a dial that was cut is not made again for what was taken back", async () => {
    const peer = opened(await openPeer(kai, () => new Promise<Response>(() => {})))
    const mira = opened(await openGuardian({ kai: { pair: kai, port: peer.port } }))
    const sending = rejectionOf(sendFrom(mira.paths, "kai", "cut"))
    await until("the dial", () => textsAt(peer).length === 1)
    expect(await cancel(mira, "cut")).toBe(true)
    await sending
    const collected = await openCollector(mira, kai).collect({ waitSeconds: 1 }).answer
    expect(collected.kind).toBe("word")
    expect(await stateOf(mira, "cut")).toEqual(inDoubt)
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
    const error = await rejectionOf(cancel(mira, "there"))
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

test("where no Guardian runs, the disk says of each whether it ever left, and none of them is sent later", async () => {
  const mira = opened(await openGuardian({ kai: { pair: kai } }))
  for (const text of ["first", "second"]) await sendFrom(mira.paths, "kai", text)
  const ids = (await log(mira)).map(one => one.id)
  await mira.restart(async () => {
    const store = openStore(mira.paths.database, length => crypto.getRandomValues(new Uint8Array(length)))
    const books = { store, log: { write: () => {} }, now: () => mira.now } as unknown as Books
    const answers = ids.toReversed().map(id => mayHaveArrived(withdrawMessage(books, id)))
    store.close()
    expect(answers).toEqual([false, false])
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
  const error = await rejectionOf(callDoor(mira.paths, "agent", { op: "cancel", id: "zzzz" }))
  expect([error.code, error.message]).toEqual(["unknown-message", 'nothing of the id "zzzz" waits here'])
})
