/** What one side has lost, or has not heard. */
import { Database } from "bun:sqlite"
import { expect, test } from "bun:test"
import { messageBody, newPair, post, signPlain } from "../../support/client.ts"
import { openGuardian, type TestGuardian } from "../../support/guardian.ts"
import { accepts, openPeer } from "../../support/peer.ts"
import { built, finished, plainEnvironment, until } from "../../support/world.ts"

const kai = newPair()
const lia = newPair()
const loss = /told the owner: sento\.db was lost, or an old copy/g

function run(guardian: TestGuardian, query: string, ...values: (string | number)[]): void {
  using database = new Database(guardian.paths.database)
  database.run(query, values)
}

test("a database that does not know a pair of the config is told to the owner, once, and by `sento doctor`", async () => {
  await using guardian = await openGuardian({ kai: { pair: kai } })
  const told = (): number => guardian.log().match(loss)?.length ?? 0
  expect(told()).toBe(1)
  await guardian.restart()
  expect(told()).toBe(1)
  run(guardian, "UPDATE facts SET value = ? WHERE key = 'database lost'", String(Date.now()))
  const env = { ...plainEnvironment, SENTO_HOME: guardian.paths.home }
  const doctor = await finished(
    Bun.spawn([...built, "doctor"], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" }),
  )
  expect(doctor.stdout).toMatch(
    /^wrong database: sento\.db was lost.*pairs that had ended: `sento agents remove NAME`$/m,
  )
  guardian.now += 1
  run(guardian, "DELETE FROM peers")
  await guardian.restart()
  expect(told()).toBe(2)
})

test("a peer that did not hear of the pair's end is told when it asks, whoever asked before", async () => {
  let isThere = false
  const away = () => new Response(null, { status: 500 })
  await using peer = await openPeer(kai, asked => (isThere ? accepts(kai)(asked) : away()))
  await using guardian = await openGuardian({ lia: { pair: lia } })
  const unpair = { host: "127.0.0.1", port: peer.port, sendKey: kai.receive, features: [] }
  const ask = async (): Promise<number[]> => {
    const statuses: number[] = []
    for (let i = 0; i < 5; i += 1)
      statuses.push((await post(guardian.port, signPlain(kai, messageBody(guardian.now)))).status)
    return statuses
  }
  const always = Array(5).fill(200)
  const insert = "INSERT INTO revoked (pair, name, by_us, at, unpair) VALUES (?, 'kai', 1, ?, ?)"
  run(guardian, insert, kai.id, guardian.now, JSON.stringify(unpair))
  await guardian.restart()
  await until("the first try", () => guardian.log().includes("told kai that the pair has ended: not yet"))
  expect(await ask()).toEqual(always)
  await until("the second try", () => peer.count() === 2)
  guardian.now += 60_000
  isThere = true
  expect(await ask()).toEqual(always)
  await until("the word", () => guardian.log().includes("told kai that the pair has ended: heard"))
  expect(peer.asked.map(one => one.body.type)).toEqual(["unpair", "unpair", "unpair"])
  // Something has taken the word; whether that was the peer nobody can check: who asks is told for a day.
  guardian.now += 60_000
  expect(await ask()).toEqual(always)
  expect(peer.count()).toBe(3)
  guardian.now += 24 * 60 * 60_000
  expect(await ask()).toEqual(Array(5).fill(403))
})
