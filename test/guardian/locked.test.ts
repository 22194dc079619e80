/** sento.db locked by another process: a backup, or whoever has left a transaction open in it. */
import { Database } from "bun:sqlite"
import { expect, test } from "bun:test"
import { callDoor } from "../../src/guardian/door/client.ts"
import { messageBody, newPair, post, signPlain } from "../support/client.ts"
import { openGuardian, type TestGuardian } from "../support/guardian.ts"
import { accepts, openPeer } from "../support/peer.ts"
import { built, finished, plainEnvironment, type Ran } from "../support/world.ts"

const kai = newPair()

function lock({ paths }: TestGuardian): Database {
  const database = new Database(paths.database)
  database.run("BEGIN IMMEDIATE")
  return database
}

const sento = ({ paths }: TestGuardian, ...words: string[]): Promise<Ran> => {
  const env = { ...plainEnvironment, SENTO_HOME: paths.home }
  return finished(Bun.spawn([...built, ...words], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" }))
}

const texts = async (guardian: TestGuardian): Promise<string[]> =>
  (await callDoor(guardian.paths, "agent", { op: "log", limit: 100 })).map(one => one.text)

test("`send` and a message that comes wait for a database that is locked, and the Guardian answers meanwhile", async () => {
  await using peer = await openPeer(kai, accepts(kai))
  await using guardian = await openGuardian({ kai: { pair: kai, port: peer.port } })
  using database = lock(guardian)
  const sending = callDoor(guardian.paths, "agent", { op: "send", to: "kai", text: "ours" })
  const coming = post(guardian.port, signPlain(kai, messageBody(guardian.now, { text: "theirs" })))
  const slowest: number[] = []
  for (let i = 0; i < 3; i += 1) {
    const startedAt = performance.now()
    await callDoor(guardian.paths, "agent", { op: "alive" })
    slowest.push(performance.now() - startedAt)
  }
  // Who is held up by the lock is so for two seconds each time, as SQLite waits; a busy machine may take one once.
  expect(Math.min(...slowest)).toBeLessThan(500)
  expect(Math.max(...slowest)).toBeLessThan(1900)
  expect(await texts(guardian)).toEqual([])
  database.run("ROLLBACK")
  expect(await sending).toMatchObject({ to: "kai", status: "accepted" })
  expect((await coming).status).toBe(202)
  expect((await texts(guardian)).sort()).toEqual(["ours", "theirs"])
})

test("one that stays locked: `send` exits with 75, keeps nothing, and says who is in the way and what to do", async () => {
  await using guardian = await openGuardian({ kai: { pair: kai } })
  using database = lock(guardian)
  const [sent, answer] = await Promise.all([
    sento(guardian, "send", "kai", "hello"),
    post(guardian.port, signPlain(kai, messageBody(guardian.now))),
  ])
  expect(sent).toEqual({
    exit: 75,
    stdout: "",
    stderr:
      "sento: error: the message was not kept: another program has had sento.db locked for 5 s\n" +
      `sento: hint: \`fuser -v ${guardian.paths.database}\` shows which; end it, then send the message again\n`,
  })
  expect(answer.status).toBe(503)
  database.run("ROLLBACK")
  expect(await texts(guardian)).toEqual([])
})
