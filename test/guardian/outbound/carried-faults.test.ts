/** SIGKILL at either side of a pair of which only one can be dialled: what is carried arrives once, in order. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { FaultPoint } from "../../../src/store/faults.ts"
import { freePort } from "../../support/ports.ts"
import {
  createWorld,
  guardiansOf,
  initAgent,
  pairAgents,
  signalTo,
  until,
  type World,
} from "../../support/world.ts"

/** A machine with much else to do may take its time. */
const waitMilliseconds = 60_000

const faulty = join(import.meta.dir, "../../../dist/sento-faults")

describe.skipIf(!existsSync(faulty))("a message that is carried is there once, in order, with", () => {
  let world: World
  let port = 0

  beforeAll(async () => {
    world = createWorld([faulty])
    for (const name of ["mira", "kai"]) {
      await world.session(name, ["cat"])
      initAgent(world, name)
      await guard(name)
    }
    await pairAgents(world, "mira", "kai")
    await world.stopGuard("mira")
    const path = join(world.home("mira"), ".sento-config.json")
    const config = JSON.parse(readFileSync(path, "utf8"))
    Object.assign(config.agents.kai, { port: freePort(), fixed: true })
    writeFileSync(path, JSON.stringify(config))
    port = await guard("mira")
    // The word that something was missed.
    await world.sento("mira", ["send", "kai", "first"])
    await world.sento("kai", ["send", "mira", "hello"])
    await isTold("mira", "first")
    await isTold("kai", "hello")
  }, 120_000)
  afterAll(() => world?.close())

  const guard = async (name: string, point: FaultPoint | null = null): Promise<number> =>
    (await world.guard(name, point === null ? {} : { SENTO_FAULT: point })).port

  /** Its sender has the word that it was typed: then nothing is on its way. */
  const isTold = (name: string, said: string): Promise<unknown> =>
    until(
      `${name} to know of ${said}`,
      async () =>
        (await world.log(name)).some(
          ({ direction, text, peerState }) =>
            direction === "out" && text === said && peerState === "delivered",
        ),
      waitMilliseconds,
    )

  async function guardAnew(name: string, point: FaultPoint): Promise<void> {
    await world.stopGuard(name)
    await guard(name, point)
  }

  /** Remote ports of connections to mira. */
  function connections(): string[] {
    const own = port.toString(16).toUpperCase().padStart(4, "0")
    const lines = readFileSync("/proc/net/tcp", "utf8").split("\n")
    const rows = lines.map(line => line.trim().split(/\s+/))
    return rows
      .filter(([, near, , state]) => near?.endsWith(`:${own}`) && state === "01")
      .map(([, , far]) => far ?? "")
  }

  /** One that is still there a moment later is held. */
  async function isCollecting(): Promise<void> {
    let before: string[] = []
    await until("a collect to be open", () => {
      const now = connections()
      const isHeld = now.some(one => before.includes(one))
      before = now
      return isHeld
    })
  }

  const dies = (name: string): Promise<unknown> =>
    until(`the death of ${name}'s Guardian`, () => guardiansOf(world.home(name)).length === 0)

  async function arrivesOnce(...texts: string[]): Promise<void> {
    const came = async (): Promise<string[]> =>
      (await world.log("kai"))
        .filter(({ direction, text }) => direction === "in" && texts.includes(text))
        .map(({ text, state }) => `${text} ${state}`)
    const want = texts.map(text => `${text} delivered`)
    await until("its delivery", async () => Bun.deepEquals(await came(), want), waitMilliseconds)
    for (const text of texts) await isTold("mira", text)
    await until("nothing to wait", async () => (await world.status("mira"))?.waiting.outbox === 0)
    expect(await came()).toHaveLength(texts.length)
    expect(await typed(...texts)).toEqual(texts)
  }

  /** What stands in kai's terminal as typed; `cat` shows each line twice. */
  async function typed(...texts: string[]): Promise<string[]> {
    const lines = (await world.screen("kai")).split("\n")
    const shown = lines.flatMap(line => /^← agent mira \[....\]: (.*?)\s*$/.exec(line)?.[1] ?? [])
    return shown.filter((text, i) => texts.includes(text) && shown.indexOf(text) === i)
  }

  test.each([
    "after-fetching",
    "before-message-is-kept",
    "after-message-is-kept",
    "after-answer-is-kept",
  ] as const)(
    "the collector killed %s",
    async point => {
      await guardAnew("kai", point)
      await isCollecting()
      const sending = world.sento("mira", ["send", "kai", point])
      await dies("kai")
      await guard("kai")
      await arrivesOnce(point)
      expect([0, 75]).toContain((await sending).exit)
    },
    120_000,
  )

  test("the collector killed after its answer was heard, with more to come", async () => {
    await guardAnew("kai", "after-answer-is-brought")
    await isCollecting()
    expect((await world.sento("mira", ["send", "kai", "heard"])).exit).toBe(0)
    await isTold("mira", "heard")
    const sending = world.sento("mira", ["send", "kai", "not yet"])
    await dies("kai")
    await guard("kai")
    await arrivesOnce("heard", "not yet")
    expect([0, 75]).toContain((await sending).exit)
  }, 120_000)

  test.each([
    "before-attempt",
    "after-hand-over",
    "before-carried-answer",
    "after-carried-answer",
    "after-attempt",
    "after-settle",
  ] as const)(
    "the holder killed %s",
    async point => {
      await guardAnew("mira", point)
      await isCollecting()
      const before = guardiansOf(world.home("mira"))
      expect([0, 75]).toContain((await world.sento("mira", ["send", "kai", point])).exit)
      // Where the collect had just ended it was queued, and dies of it later, with nobody to start another.
      const started = await until("the death of mira's Guardian", () => {
        const now = guardiansOf(world.home("mira"))
        return now.some(pid => before.includes(pid)) ? null : now
      })
      if (started.length === 0) await guard("mira")
      await arrivesOnce(point)
    },
    120_000,
  )

  test("both killed, between commit and answer", async () => {
    await guardAnew("kai", "after-message-is-kept")
    await isCollecting()
    const sending = world.sento("mira", ["send", "kai", "both"])
    await dies("kai")
    for (const pid of guardiansOf(world.home("mira"))) signalTo(pid, "SIGKILL")
    // Whoever sent it starts another.
    await sending
    await guard("kai")
    await world.sento("mira", ["send", "kai", "behind it"])
    await arrivesOnce("both", "behind it")
  }, 120_000)
})
