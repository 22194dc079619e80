/**
 * SIGKILL at each named point of pairing, removing and receiving, then a restart: no half pair, no accepted
 * message lost, none typed twice where the database could tell. Runs the build that has fault points.
 */
import { Database } from "bun:sqlite"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { FaultPoint } from "../../src/store/faults.ts"
import {
  type Child,
  createWorld,
  finished,
  guardiansOf,
  initAgent,
  jsonLines,
  pairAgents,
  until,
  type World,
} from "../support/world.ts"

const faulty = join(import.meta.dir, "../../dist/sento-faults")
const hasBuild = existsSync(faulty)

let world: World
/** Whether the next test goes on in this world: setting one up and pairing costs more than most tests do in it. */
let isShared = false
afterEach(async () => {
  if (!isShared) await world?.close()
})

/** Tests in one world, in which mira and kai are paired. */
function describePaired(what: string, tests: () => void): void {
  describe.skipIf(!hasBuild)(what, () => {
    beforeAll(async () => {
      isShared = true
      await openPaired()
    }, 120_000)
    afterAll(async () => {
      isShared = false
      await world.close()
    })
    tests()
  })
}

async function openWorld(): Promise<void> {
  world = createWorld([faulty])
  for (const name of ["mira", "kai"]) {
    await world.session(name, ["cat"])
    initAgent(world, name)
  }
}

/** Starts a Guardian that dies at this point, or one that does not. */
async function guard(name: string, point: FaultPoint | null = null): Promise<number> {
  return (await world.guard(name, point === null ? {} : { SENTO_FAULT: point })).port
}

const dies = (name: string): Promise<unknown> =>
  until(`the death of ${name}'s Guardian`, () => guardiansOf(world.home(name)).length === 0)

async function codeOf(name: string): Promise<{ code: string; child: Child }> {
  const child = world.start(name, ["pair", "--json"])
  const { lines } = jsonLines(child)
  return {
    code: await until("a code", () => lines.find(line => line.event === "code")?.code as string),
    child,
  }
}

const triesLeft = (name: string): number => {
  const { Database } = require("bun:sqlite") as typeof import("bun:sqlite")
  using database = new Database(join(world.home(name), ".sento/sento.db"), { readonly: true })
  return (
    database.query("SELECT tries_left FROM codes ORDER BY seq DESC LIMIT 1").get() as { tries_left: number }
  ).tries_left
}

test.skipIf(!hasBuild).each([
  ["before-try-is-taken", 3],
  ["after-try-is-taken", 2],
  ["before-request-is-kept", 2],
] as const)(
  "a minter killed %s has %i tries left, nothing is paired, and the code still works",
  async (point, tries) => {
    await openWorld()
    await guard("kai")
    const port = await guard("mira", point)
    const { code } = await codeOf("mira")
    const failed = await world.sento("kai", ["pair", `${code}@127.0.0.1:${port}`])
    expect(failed.exit).toBe(69)
    await dies("mira")
    expect(triesLeft("mira")).toBe(tries)
    const samePort = await guard("mira")
    expect(samePort).toBe(port)
    const again = world.start("kai", ["pair", `${code}@127.0.0.1:${port}`, "--json"])
    await until("the request", async () => (await world.sento("mira", ["approve"])).exit === 0)
    expect((await finished(again)).exit).toBe(0)
    expect([world.paired("mira"), world.paired("kai")]).toEqual([["kai"], ["mira"]])
  },
  120_000,
)

test.skipIf(!hasBuild)(
  "a minter killed after the request is kept asks its owner again; unproved, the joiner has nothing",
  async () => {
    await openWorld()
    await guard("kai")
    const port = await guard("mira", "after-request-is-kept")
    const { code } = await codeOf("mira")
    const failed = await world.sento("kai", ["pair", `${code}@127.0.0.1:${port}`])
    expect(failed.exit).toBe(69)
    await dies("mira")
    await guard("mira")
    const asked = world.start("mira", ["pair", "--json"])
    const { lines } = jsonLines(asked)
    await until("the question", () => lines.some(line => line.event === "request"))
    expect((await world.sento("mira", ["deny"])).exit).toBe(0)
    expect([world.paired("mira"), world.paired("kai")]).toEqual([[], []])
  },
  120_000,
)

test.skipIf(!hasBuild).each([
  ["mira", "before-peer-is-stored"],
  ["mira", "after-peer-is-stored"],
  ["mira", "after-request-is-settled"],
  ["kai", "before-peer-is-stored"],
  ["kai", "after-peer-is-stored"],
  ["kai", "after-request-is-settled"],
] as const)(
  "%s killed %s: after a restart both are paired",
  async (who, point) => {
    await openWorld()
    const port = await guard("mira", who === "mira" ? point : null)
    await guard("kai", who === "kai" ? point : null)
    const { code } = await codeOf("mira")
    const [doomed] = guardiansOf(world.home(who))
    const isDead = (): boolean => !guardiansOf(world.home(who)).includes(doomed ?? 0)
    world.start("kai", ["pair", `${code}@127.0.0.1:${port}`, "--json"])
    await until("an approval", async () => {
      const ran = await world.sento("mira", ["approve", "--json"])
      return ran.exit === 0 || (who === "mira" && isDead())
    })
    await until("its death", isDead)
    // `sento approve` may have started another one.
    if ((await world.status(who)) === null) await guard(who)
    await until("both to be paired", async () => {
      await world.sento("mira", ["approve"])
      return world.paired("mira").length === 1 && world.paired("kai").length === 1
    })
    expect((await world.sento("mira", ["send", "kai", "still there?"])).exit).toBe(0)
    await world.shows("kai", "still there?")
  },
  120_000,
)

test.skipIf(!hasBuild)(
  "killed in the middle of a removal, the pair is gone after the restart",
  async () => {
    await openWorld()
    await guard("mira", "after-revocation-is-kept")
    await guard("kai")
    await pairAgents(world, "mira", "kai")
    await world.sento("mira", ["agents", "remove", "kai"])
    await dies("mira")
    await guard("mira")
    expect(world.paired("mira")).toEqual([])
    await until("the other side to hear", async () => world.paired("kai").length === 0)
  },
  120_000,
)

/** `cat` in a terminal shows a line twice: as it is typed, and as it is printed. */
const echoes = 2

async function typed(words: string): Promise<number> {
  const lines = (await world.screen("kai")).split("\n")
  return lines.filter(line => /^← agent mira \[....\]: /.test(line) && line.includes(words)).length
}

function pendingReceipts(name: string): number {
  using database = new Database(join(world.home(name), ".sento/sento.db"), { readonly: true })
  return (
    database.query<{ n: number }, []>("SELECT count(*) AS n FROM receipts WHERE pending = 1").get()?.n ?? 0
  )
}

const onWay = async (name: string, direction: "in" | "out"): Promise<unknown[]> =>
  (await world.log(name)).filter(one => one.direction === direction).map(one => [one.text, one.state])

/** Starts a Guardian anew, as one that dies at this point. */
async function guardAnew(name: string, point: FaultPoint): Promise<void> {
  if ((await world.status(name)) !== null) await world.stopGuard(name)
  await guard(name, point)
}

/** Both paired and running. */
async function openPaired(kaiRuns: readonly string[] = ["cat"]): Promise<void> {
  world = createWorld([faulty])
  for (const [name, command] of [
    ["mira", ["cat"]],
    ["kai", kaiRuns],
  ] as const) {
    await world.session(name, command)
    initAgent(world, name)
    await guard(name)
  }
  await pairAgents(world, "mira", "kai")
  // By then kai has noted that it was called, and begins with nothing when it is started anew.
  await until("mira to have called kai", () => "reached" in (configOf("mira").agents.kai ?? {}))
}

const configOf = (name: string) =>
  JSON.parse(readFileSync(join(world.home(name), ".sento-config.json"), "utf8"))

describePaired("a receiver", () => {
  test.each([
    ["before-message-is-kept", "sent again by the sender and typed once", 75, "delivered"],
    ["after-message-is-kept", "typed once, though the sender sent it twice", 75, "delivered"],
    ["before-typing-is-noted", "typed once", 0, "delivered"],
    ["after-typing-is-noted", "told to be uncertain, and not typed", 0, "uncertain"],
    ["after-text-is-typed", "typed once, though the database could not tell", 0, "uncertain"],
    ["after-delivery-is-noted", "typed once", 0, "delivered"],
  ] as const)(
    "killed %s: the message is %s",
    async (point, _, exit, word) => {
      const lines = point === "after-typing-is-noted" ? 0 : 1
      await guardAnew("kai", point)
      const sent = await world.sento("mira", ["send", "kai", point])
      expect([exit, 75]).toContain(sent.exit)
      await dies("kai")
      await guard("kai")
      if (lines > 0) await world.shows("kai", point)
      await until("mira to know", async () => (await world.status("mira"))?.waiting.outbox === 0)
      await until("nothing to wait", async () => (await world.status("kai"))?.waiting.inbox === 0)
      await until(
        `its sender to hear: ${word}`,
        async () => (await world.log("mira")).at(-1)?.peerState === word,
      )
      await until("its echo", async () => (await typed(point)) >= lines * echoes)
      expect(await typed(point)).toBe(lines * echoes)
    },
    120_000,
  )

  test.each(["before-attempt", "after-attempt", "after-settle"] as const)(
    "killed %s of a receipt: the sender hears of the delivery all the same",
    async point => {
      await guardAnew("kai", point)
      expect((await world.sento("mira", ["send", "kai", point])).exit).toBe(0)
      await dies("kai")
      await guard("kai")
      await until("the word", async () => (await world.log("mira")).at(-1)?.peerState === "delivered")
      expect((await onWay("kai", "in")).at(-1)).toEqual([point, "delivered"])
      // Nothing is on its way when the next one begins.
      await until("the receipt to be heard", () => pendingReceipts("kai") === 0)
    },
    120_000,
  )
})

describePaired("a sender", () => {
  test.each([
    "before-outgoing-is-kept",
    "after-outgoing-is-kept",
    "before-attempt",
    "after-attempt",
    "after-settle",
  ] as const)(
    "killed %s: `sento send` asks another Guardian, and the message is in both logs once",
    async point => {
      const earlier = [await onWay("mira", "out"), await onWay("kai", "in")]
      await guardAnew("mira", point)
      const before = guardiansOf(world.home("mira"))
      expect(await world.sento("mira", ["send", "kai", point])).toMatchObject({ exit: 0 })
      expect(guardiansOf(world.home("mira"))).not.toEqual(before)
      await world.shows("kai", point)
      expect(await onWay("mira", "out")).toEqual([...(earlier[0] ?? []), [point, "accepted"]])
      await until("its delivery", async () =>
        Bun.deepEquals(await onWay("kai", "in"), [...(earlier[1] ?? []), [point, "delivered"]]),
      )
      await until("its echo", async () => (await typed(point)) >= echoes)
      expect(await typed(point)).toBe(echoes)
    },
    120_000,
  )
})

test.skipIf(!hasBuild).each(["after-outgoing-is-kept", "after-attempt"] as const)(
  "a sender killed %s under `send --wait`: the answer comes, to a message that was sent once",
  async point => {
    await openPaired([faulty, "demo-agent", "forty-two"])
    await guardAnew("mira", point)
    const asked = await world.sento("mira", ["send", "kai", "what is it?", "--wait", "100"])
    expect(asked).toMatchObject({ exit: 0, stdout: expect.stringMatching(/: forty-two\n$/) })
    expect(await onWay("mira", "out")).toEqual([["what is it?", "accepted"]])
    // The answer may come before kai's Guardian has seen the line go.
    const isSettled = async () => (await world.log("kai")).every(one => one.state !== "typing")
    await until("its end", isSettled)
    expect(await onWay("kai", "in")).toEqual([["what is it?", "delivered"]])
    expect(await onWay("mira", "in")).toHaveLength(1)
  },
  120_000,
)

test.skipIf(!hasBuild)(
  "a sender killed after a reply is kept: `sento reply` asks another Guardian, and it is in both logs once",
  async () => {
    await openPaired()
    await guardAnew("mira", "after-outgoing-is-kept")
    expect((await world.sento("kai", ["send", "mira", "question"])).exit).toBe(0)
    const [, id = ""] =
      /← agent kai \[([0-9a-z]{4})\]/.exec(await world.shows("mira", /← agent kai \[/)) ?? []
    expect(await world.sento("mira", ["reply", id, "answer"])).toMatchObject({ exit: 0 })
    expect(await onWay("mira", "out")).toEqual([["answer", "accepted"]])
    await until("its delivery", async () =>
      Bun.deepEquals(await onWay("kai", "in"), [["answer", "delivered"]]),
    )
  },
  120_000,
)

test.skipIf(!hasBuild)("the release build has no fault points", () => {
  const release = join(import.meta.dir, "../../dist/sento")
  for (const variable of ["SENTO_FAULT", "SENTO_CLOCK_OFFSET", "SENTO_LIMITS", "SENTO_TRACE"]) {
    expect(readFileSync(release).includes(variable)).toBe(false)
    expect(readFileSync(faulty).includes(variable)).toBe(true)
  }
})
