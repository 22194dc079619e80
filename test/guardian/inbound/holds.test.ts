/** `held` is told to the senders of all that waits, and a pause's end is not slept through. */
import { Database } from "bun:sqlite"
import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test"
import { createHolds } from "../../../src/guardian/inbound/holds.ts"
import type { Received } from "../../../src/store/inbox.ts"
import { newPair, uuidV7 } from "../../support/client.ts"
import { createTestContext, type TestContext } from "../../support/context.ts"
import { openGuardian, type TestGuardian } from "../../support/guardian.ts"
import { accepts, openPeer, type Peer, tell } from "../../support/peer.ts"
import { receive as receiveInto } from "../../support/store.ts"
import { until } from "../../support/world.ts"

const kai = newPair()
const lia = newPair()
const hour = 60 * 60 * 1000

function run(guardian: TestGuardian, query: string, ...values: (string | number)[]): void {
  using database = new Database(guardian.paths.database)
  database.run(query, values)
}

/** A message comes from this peer. @returns its id */
async function receive(guardian: TestGuardian, pair = kai): Promise<string> {
  const id = uuidV7(guardian.now)
  expect(await tell(guardian, pair, { id })).toMatchObject({ status: 202 })
  return id
}

/** Once this peer has heard that all of these are held. */
const hears = (peer: Peer, ids: readonly string[], reason: string): Promise<boolean> =>
  until(`that ${ids.length} are held: ${reason}`, () => {
    const told = peer.asked.map(one => one.body).filter(one => one.state === "held" && one.reason === reason)
    return ids.every(id => told.some(one => one.of === id))
  })

test("a hold is told to the senders of all that waits, and at once to those of what comes then", async () => {
  await using kais = await openPeer(kai, accepts(kai))
  await using lias = await openPeer(lia, accepts(lia))
  await using guardian = await openGuardian({
    kai: { pair: kai, port: kais.port },
    lia: { pair: lia, port: lias.port },
  })
  const ids = await Promise.all(Array.from({ length: 5 }, () => receive(guardian)))
  const other = await receive(guardian, lia)
  await hears(kais, ids, "no session")
  await hears(lias, [other], "no session")
})

test("a pause is told to the senders of what waited before it, and of what comes then", async () => {
  await using peer = await openPeer(kai, accepts(kai))
  await using guardian = await openGuardian({ kai: { pair: kai, port: peer.port } })
  const ids = [await receive(guardian), await receive(guardian)]
  await hears(peer, ids, "no session")
  run(guardian, "UPDATE peers SET pause_reason = 'owner'")
  await guardian.restart()
  await hears(peer, [...ids, await receive(guardian)], "paused")
})

test("more messages than one look takes are all told", async () => {
  await using peer = await openPeer(kai, accepts(kai))
  await using guardian = await openGuardian({ kai: { pair: kai, port: peer.port } })
  await receive(guardian)
  await guardian.restart()
  const ids = Array.from({ length: 150 }, () => uuidV7(guardian.now))
  const rows = ids.map(id => `('${kai.id}', 'kai', '${id}', '${id}', 'hi', 0, 0, 'waiting')`)
  const columns = "pair, name, id, short_id, text, hops, received_at, state"
  run(guardian, `INSERT INTO inbox (${columns}) VALUES ${rows.join(", ")}`)
  await guardian.restart()
  await hears(peer, ids, "no session")
})

test("while a pause has an end, the clock is looked at once a minute: the machine may have slept", async () => {
  await using guardian = await openGuardian({ kai: { pair: kai } })
  await receive(guardian)
  run(guardian, "UPDATE peers SET pause_reason = 'owner', paused_until = ?", guardian.now + hour)
  const timers = spyOn(globalThis, "setTimeout")
  try {
    await guardian.restart()
    const isLook = (wait: unknown): boolean => wait === 60_000
    await until("a look", () => timers.mock.calls.some(([, wait]) => isLook(wait)))
    const [look] = timers.mock.calls.find(([, wait]) => isLook(wait)) ?? []
    guardian.now += 2 * hour
    ;(look as () => void)()
    await until("what is held to be looked at", () => guardian.log().match(/holding/g)?.length === 2)
  } finally {
    timers.mockRestore()
  }
})

describe("a hold", () => {
  const minute = 60_000
  let made: TestContext
  beforeEach(() => {
    made = createTestContext(["kai", "lia"])
  })
  afterEach(() => made[Symbol.dispose]())

  function openHolds() {
    const told: string[] = []
    const holds = createHolds(made.context, ({ id }, state, reason) => told.push(`${id} ${state} ${reason}`))
    return { told, holds }
  }
  const one = (pair = "kai"): Received => {
    const id = receiveInto(made.stored, pair, made.now)
    const message = made.stored.store.inbox.byId(pair, id)
    if (message === null) throw new Error("it is not there")
    return message
  }
  const busy = { state: "busy", reason: "it works" } as const

  test("is told at once, lasts from its first cause, and is over with its message", () => {
    const { told, holds } = openHolds()
    const message = one()
    expect(holds.current()).toBeNull()
    const since = made.now
    holds.note(message, busy)
    expect(new Set(told)).toEqual(new Set([`${message.id} held busy`]))
    made.now += minute
    holds.note(message, { state: "dialog", reason: "it asks" })
    expect(told.at(-1)).toBe(`${message.id} held dialog`)
    expect(holds.current()).toEqual({
      ...{ shortId: message.shortId, name: "kai", state: "dialog", reason: "it asks", since },
    })
    const count = told.length
    holds.note(message, { state: "dialog", reason: "it asks" })
    expect(told).toHaveLength(count)
    holds.note(message, null)
    expect(holds.current()).toBeNull()
    const other = one()
    holds.note(other, busy)
    expect(holds.current()).toMatchObject({ shortId: other.shortId, since: made.now })
    holds.end()
    expect(holds.current()).toBeNull()
  })

  test.each([
    ["ready", "busy"],
    ["draft", "draft"],
    ["shell", "no agent"],
    ["copy-mode", "copy mode"],
    ["other", "not ready"],
    ["absent", "no session"],
  ] as const)("in the state %s is told as %j: nothing of what the screen shows", (state, words) => {
    const { told, holds } = openHolds()
    const message = one()
    holds.note(message, { state, reason: "secret" })
    expect(told).toContain(`${message.id} held ${words}`)
    expect(told.join()).not.toContain("secret")
  })

  test("of ten minutes is told to the owner, once for each message", () => {
    const { holds } = openHolds()
    const [first, second] = [one(), one()]
    holds.note(first, busy)
    made.now += 10 * minute - 1
    holds.note(first, busy)
    expect(made.notices).toEqual([])
    made.now += 1
    holds.note(first, busy)
    holds.note(first, busy)
    expect(made.notices).toEqual(["a message from kai has waited for 10 minutes: it works"])
    holds.note(second, busy)
    made.now += 10 * minute
    holds.note(second, busy)
    expect(made.notices).toHaveLength(2)
  })

  test("by a box with other words than were pasted, or by a session made anew, is told to the owner at once", () => {
    const { holds } = openHolds()
    const message = one()
    one()
    holds.note(message, { state: "draft", reason: "typed" })
    holds.note(message, { state: "busy", reason: "works", pasted: true })
    expect(made.notices).toEqual([])
    holds.note(message, { state: "draft", reason: "other", pasted: true })
    holds.note(message, { state: "absent", reason: "anew", isAnew: true })
    expect(made.notices).toEqual([
      expect.stringContaining(`[${message.shortId}] stands in the box with other words`),
      expect.stringContaining("2 messages wait for mira, whose tmux session mira was made anew"),
    ])
    made.stored.store.inbox.mark(message.seq, "delivered", made.now)
    holds.note(one("lia"), { state: "absent", reason: "anew again", isAnew: true })
    expect(made.notices.at(-1)).toContain("2 messages wait")
  })

  test("is told to all that waits, and of a paused pair that it is paused, but to a loop's nothing", () => {
    const { told, holds } = openHolds()
    const [kais, lias, released] = [one(), one("lia"), one("lia")]
    const { peers, inbox } = made.stored.store
    inbox.release(released.seq)
    peers.pause("lia", { until: null, reason: "owner" })
    holds.changed()
    expect(told).toEqual([`${lias.id} held paused`])
    holds.note(kais, busy)
    expect(told.slice(1).toSorted()).toEqual(
      [
        `${kais.id} held busy`,
        `${kais.id} held busy`,
        `${lias.id} held paused`,
        `${released.id} held busy`,
      ].toSorted(),
    )
    told.length = 0
    peers.pause("lia", { until: null, reason: "loop" })
    holds.changed()
    expect(told.toSorted()).toEqual([`${kais.id} held busy`, `${released.id} held busy`].toSorted())
    told.length = 0
    holds.arrived()
    expect(told).toEqual([])
    const next = one()
    holds.arrived()
    expect(told).toEqual([`${next.id} held busy`])
  })

  test("that cannot be noted is tried again, and said once", async () => {
    let isFull = true
    const told: string[] = []
    const holds = createHolds(made.context, ({ id }) => {
      if (isFull) throw new Error("full")
      told.push(id)
    })
    const message = one()
    made.stored.store.peers.pause("kai", { until: null, reason: "owner" })
    holds.changed()
    await until("another try", () => made.log.length > 0)
    await Bun.sleep(600)
    expect(made.log).toEqual(["cannot note what is held: full"])
    isFull = false
    await until("the word", () => told.length > 0)
    expect(told).toEqual([message.id])
  })

  test("is told to nobody any more as the Guardian stops", () => {
    const { told, holds } = openHolds()
    one()
    made.stored.store.peers.pause("kai", { until: null, reason: "owner" })
    made.stop()
    holds.changed()
    expect(told).toEqual([])
  })
})
