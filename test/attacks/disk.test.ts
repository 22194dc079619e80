/** What peers can make of the disk, and of what an owner sees of the other peers. */
import { Database } from "bun:sqlite"
import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { callDoor } from "../../src/guardian/door/client.ts"
import type { LogEntry } from "../../src/guardian/door/results.ts"
import { type ClientPair, messageBody, newPair, post, signPlain, stamp, uuidV7 } from "../support/client.ts"
import { openGuardian, type TestGuardian } from "../support/guardian.ts"
import { built, createWorld, finished, plainEnvironment, until, type World } from "../support/world.ts"

const day = 24 * 60 * 60 * 1000
const long = "a line of many\n".repeat(1_000)
const [kai, lia, noa] = [newPair(), newPair(), newPair()]

let world: World
let guardian: TestGuardian
beforeAll(async () => {
  world = createWorld()
  await world.session("mira", ["cat"])
  const tmux = { session: "mira", socket: world.socket, profile: "plain" }
  guardian = await openGuardian({ kai: { pair: kai }, lia: { pair: lia }, noa: { pair: noa } }, [], { tmux })
})
afterAll(async () => {
  await guardian?.[Symbol.asyncDispose]()
  await world?.close()
})

const folder = (): string => join(guardian.paths.folder, "inbox")
const files = (): string[] => (existsSync(folder()) ? readdirSync(folder()).sort() : [])

function query<Row>(sql: string, ...values: (string | number)[]): Row[] {
  using database = new Database(guardian.paths.database)
  database.run("PRAGMA busy_timeout = 2000")
  return database.query(sql).all(...values) as Row[]
}

/** Has a long text typed, whose whole lies in a file then. @returns the file's name */
async function sendLong(pair: ClientPair): Promise<string> {
  const id = uuidV7(guardian.now)
  const body = { ...messageBody(guardian.now, { text: long }), id }
  expect((await post(guardian.port, signPlain(pair, body))).status).toBe(202)
  const row = await until(
    "the text to be typed",
    () =>
      query<{ short_id: string }>("SELECT short_id FROM inbox WHERE id = ? AND state = 'delivered'", id)[0],
  )
  expect(files()).toContain(`${row.short_id}.txt`)
  return `${row.short_id}.txt`
}

const log = (name: string): Promise<LogEntry[]> =>
  callDoor(guardian.paths, "agent", { op: "log", name, limit: 50 })

test("the long texts of a pair that ends leave the disk with it; those of others, and what is not ours, stay", async () => {
  const [ofKai, ofLia] = [await sendLong(kai), await sendLong(lia)]
  writeFileSync(join(folder(), "notes.txt"), "the owner's own")
  expect(files()).toEqual([ofKai, ofLia, "notes.txt"].sort())
  const unpair = { v: 1, id: uuidV7(guardian.now), timestamp: stamp(guardian.now), type: "unpair" }
  expect((await post(guardian.port, signPlain(lia, unpair))).status).toBe(202)
  await until("the file to go", () => !files().includes(ofLia))
  expect(files()).toEqual([ofKai, "notes.txt"].sort())
})

test("a long text leaves the disk with its message, and not before", async () => {
  const [name] = files().filter(name => name !== "notes.txt")
  guardian.pass(29 * day)
  expect(files()).toContain(name as string)
  guardian.pass(day)
  expect(files()).toEqual(["notes.txt"])
})

test("a long text whose message is nowhere any more goes as the Guardian starts", async () => {
  const [mine, orphan] = [await sendLong(noa), await sendLong(noa)]
  query("DELETE FROM inbox WHERE short_id = ?", orphan.slice(0, 4))
  await guardian.restart()
  expect(files()).toEqual([mine, "notes.txt"].sort())
})

test("a flood of one peer hides nothing that another one said from `sento log NAME`", async () => {
  const said = { ...messageBody(guardian.now, { text: "before the flood" }), id: uuidV7(guardian.now) }
  expect((await post(guardian.port, signPlain(kai, said))).status).toBe(202)
  using database = new Database(guardian.paths.database)
  database.run("PRAGMA busy_timeout = 2000")
  database.transaction(() => {
    const flood =
      database.query(`INSERT INTO inbox (pair, name, id, short_id, text, hops, received_at, state, settled_at)
      VALUES (?, 'noa', ?, 'zzzz', 'x', 0, ?, 'delivered', ?)`)
    for (let i = 0; i < 11_000; i += 1) flood.run(noa.id, Bun.randomUUIDv7(), guardian.now, guardian.now)
  })()
  expect((await log("kai")).at(-1)?.text).toBe("before the flood")
  const env = { ...plainEnvironment, SENTO_HOME: guardian.paths.home }
  const ran = await finished(
    Bun.spawn([...built, "log", "kai"], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" }),
  )
  expect(ran.stdout).toContain("before the flood")
  expect(ran.stdout).not.toContain("noa")
})
