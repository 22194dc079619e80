/** `held` is told to the senders of all that waits, and a pause's end is not slept through. */
import { Database } from "bun:sqlite"
import { expect, spyOn, test } from "bun:test"
import { newPair, uuidV7 } from "../../support/client.ts"
import { openGuardian, type TestGuardian } from "../../support/guardian.ts"
import { accepts, openPeer, type Peer, tell } from "../../support/peer.ts"
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
