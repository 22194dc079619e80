/** A Guardian that is stopped in the middle of everything. */
import { Database } from "bun:sqlite"
import { afterEach, expect, test } from "bun:test"
import { join } from "node:path"
import {
  createWorld,
  finished,
  guardiansOf,
  initAgent,
  pairAgents,
  setUpAgent,
  signalTo,
  until,
  type World,
} from "../support/world.ts"

let world: World
afterEach(async () => world?.close())

function textsIn(name: string, table: "inbox" | "outbox", state: string): string[] {
  using database = new Database(join(world.home(name), ".sento/sento.db"), { readonly: true })
  const rows = database.query(`SELECT text FROM ${table} WHERE state = '${state}' ORDER BY text`).all()
  return (rows as { text: string }[]).map(row => row.text)
}

test.each(["SIGTERM", "SIGINT", "SIGKILL"] as const)(
  "%s while messages come in: whatever the sender was told is accepted is on disk",
  async signal => {
    world = createWorld()
    for (const name of ["mira", "kai"]) {
      initAgent(world, name)
      await world.guard(name)
    }
    await pairAgents(world, "mira", "kai")
    const sending = Array.from({ length: 10 }, (_, i) => world.start("mira", ["send", "kai", `message ${i}`]))
    await until("some to arrive", () => textsIn("kai", "inbox", "waiting").length > 2)
    for (const pid of guardiansOf(world.home("kai"))) signalTo(pid, signal)
    await Promise.all(sending.map(finished))
    await until("its end", () => guardiansOf(world.home("kai")).length === 0)
    const accepted = textsIn("mira", "outbox", "accepted")
    const kept = textsIn("kai", "inbox", "waiting")
    expect(accepted.length).toBeGreaterThan(0)
    expect(accepted.filter(text => !kept.includes(text))).toEqual([])
    // Those that were not accepted may have come again by now.
    await world.guard("kai")
    expect((await world.status("kai"))?.waiting.inbox).toBeGreaterThanOrEqual(kept.length)
  },
  120_000,
)

test("SIGTERM between paste and return: the message is submitted first, and nobody is left uncertain", async () => {
  world = createWorld()
  for (const name of ["mira", "kai"]) await setUpAgent(world, name)
  await pairAgents(world, "mira", "kai")
  const inStates = (...states: string[]): number => states.flatMap(one => textsIn("kai", "inbox", one)).length
  let count = 0
  /** Sends a few, and ends the Guardian while it types one; null where all were typed before, or it took its time. */
  async function endWhileTyping(): Promise<readonly number[] | null> {
    for (let i = 0; i < 3; i += 1) {
      count += 1
      expect((await world.run("mira", ["send", "kai", `number ${count}`])).exit).toBe(0)
    }
    await until(
      "one to be typed",
      () => inStates("typing") > 0 || inStates("delivered", "uncertain") === count,
    )
    const began = performance.now()
    for (const pid of guardiansOf(world.home("kai"))) signalTo(pid, "SIGTERM")
    await until("its end", () => guardiansOf(world.home("kai")).length === 0)
    // It has three seconds; a machine with much else to do may need more for a few calls of tmux.
    const isInTime = performance.now() - began < 3000 && inStates("delivered", "uncertain") < count
    const left = [inStates("typing"), inStates("uncertain")]
    await world.guard("kai")
    await until("all of them", () => inStates("delivered", "uncertain") === count)
    return isInTime ? left : null
  }
  const left = (await endWhileTyping()) ?? (await endWhileTyping()) ?? (await endWhileTyping())
  expect(left).toEqual([0, 0])
}, 120_000)

test("a Guardian that was killed leaves sockets and a lock behind that are in nobody's way", async () => {
  world = createWorld()
  initAgent(world, "mira")
  await world.guard("mira")
  for (const pid of guardiansOf(world.home("mira"))) signalTo(pid, "SIGKILL")
  await until("its end", () => guardiansOf(world.home("mira")).length === 0)
  expect((await world.sento("mira", ["guard", "status"])).exit).toBe(1)
  await world.guard("mira")
}, 120_000)

/** A disk that refuses one kind of write, as far as the Guardian can tell. */
async function refuseState(name: string, state: string): Promise<() => void> {
  const path = join(world.home(name), ".sento/sento.db")
  const change = (sql: string): void => {
    using database = new Database(path)
    database.run("PRAGMA busy_timeout = 60000")
    database.run(sql)
  }
  change(`CREATE TRIGGER refuse BEFORE UPDATE OF state ON inbox WHEN NEW.state = '${state}'
    BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END`)
  return () => change("DROP TRIGGER refuse")
}

test("a disk that does not take what is sent: `sento send` says so, and neither 0 nor 75", async () => {
  world = createWorld()
  for (const name of ["mira", "kai"]) await setUpAgent(world, name)
  await pairAgents(world, "mira", "kai")
  using database = new Database(join(world.home("mira"), ".sento/sento.db"))
  database.run("PRAGMA busy_timeout = 60000")
  database.run(
    "CREATE TRIGGER refuse BEFORE INSERT ON outbox BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END",
  )
  expect(await world.sento("mira", ["send", "kai", "hello"])).toEqual({
    exit: 1,
    stdout: "",
    stderr:
      "sento: error: the message cannot be kept: database or disk is full\n" +
      "sento: hint: free some space on the disk that holds ~/.sento, then send again\n",
  })
  database.run("CREATE TRIGGER shut BEFORE INSERT ON codes BEGIN SELECT RAISE(FAIL, 'disk I/O error'); END")
  expect(await world.sento("mira", ["pair"])).toEqual({
    exit: 1,
    stdout: "",
    stderr:
      "sento: error: the Guardian failed: disk I/O error\n" +
      "sento: hint: free some space on the disk of sento.db; see `sento guard logs`\n",
  })
})

test.each([
  ["typing", "before its paste", false],
  ["delivered", "after it was typed", true],
] as const)(
  "a disk that refuses to note %s, %s: said in one plain line, tried again, and typed once",
  async (state, _, isTyped) => {
    world = createWorld()
    for (const name of ["mira", "kai"]) await setUpAgent(world, name)
    await pairAgents(world, "mira", "kai")
    const mend = await refuseState("kai", state)
    expect((await world.sento("mira", ["send", "kai", "only once"])).exit).toBe(0)
    const trouble = "delivery failed: database or disk is full"
    const logged = async (): Promise<string> => (await world.sento("kai", ["guard", "logs"])).stdout
    await until("the trouble", async () => (await logged()).includes(trouble))
    expect((await world.screen("kai")).includes("only once")).toBe(isTyped)
    mend()
    await until("its end", () => textsIn("kai", "inbox", "delivered").length === 1)
    const lines = async () => (await world.screen("kai")).match(/← agent mira/g)?.length ?? 0
    // Typed, and echoed by cat.
    await until("both lines", async () => (await lines()) > 1)
    expect(await lines()).toBe(2)
    const log = await logged()
    expect([log.split(trouble).length - 1, log.includes("    at ")]).toEqual([1, false])
    await until("the word", async () => (await world.log("mira")).some(one => one.peerState === "delivered"))
  },
  120_000,
)
