/** A peer from which nothing comes: when the owner is told, and how often. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { callDoor } from "../../../src/guardian/door/client.ts"
import { createSilence } from "../../../src/guardian/outbound/silence.ts"
import { newPair } from "../../support/client.ts"
import { createTestContext, type TestContext } from "../../support/context.ts"
import { openGuardian, sendFrom, type TestGuardian } from "../../support/guardian.ts"
import { until } from "../../support/world.ts"

const minute = 60_000
const told = (guardian: TestGuardian): number =>
  guardian.log().split("told the owner: nothing has come from kai for 10 minutes").length - 1

/** An address where nothing listens. */
const away = { fixed: true } as const

test("what has waited for ten minutes for a silent peer is told once, with three ways out", async () => {
  await using mira = await openGuardian({ kai: { pair: newPair(), ...away } })
  expect((await sendFrom(mira.paths, "kai")).status).toBe("queued")
  mira.pass(9 * minute)
  expect(told(mira)).toBe(0)
  mira.pass(2 * minute)
  expect(told(mira)).toBe(1)
  for (const words of [
    "Tailscale",
    "WireGuard",
    "`ssh -R`",
    "port forwarded",
    "sento agents address kai HOST:PORT",
  ])
    expect(mira.log()).toContain(words)
  mira.pass(20 * minute)
  await mira.restart()
  expect((await sendFrom(mira.paths, "kai")).status).toBe("queued")
  mira.pass(11 * minute)
  expect(told(mira)).toBe(1)
})

test("a clock that is set ahead is no silence", async () => {
  await using mira = await openGuardian({ kai: { pair: newPair(), ...away } })
  await sendFrom(mira.paths, "kai")
  mira.now += 60 * minute
  mira.pass(minute)
  expect(told(mira)).toBe(0)
})

test("where nothing waits nothing is told", async () => {
  await using mira = await openGuardian({ kai: { pair: newPair(), ...away } })
  mira.pass(30 * minute)
  mira.pass(30 * minute)
  expect(mira.log()).not.toContain("nothing has come from kai")
})

test("a holder that is gone for ten minutes is told once, though nothing waits for it", async () => {
  const pair = newPair()
  const mira = await openGuardian({ kai: { pair, ...away } })
  const toMira = { pair: { ...pair, send: pair.receive, receive: pair.send }, port: mira.port, ...away }
  await using kai = await openGuardian({ mira: toMira }, [], { name: "kai" })
  await sendFrom(mira.paths, "kai")
  // By the answer it hears that something is there for it.
  await sendFrom(kai.paths, "mira")
  await until("kai to collect", () => kai.log().includes("fetches mira's messages from there"))
  // Nor a receipt.
  await until("the receipt", async () => {
    const log = await callDoor(mira.paths, "agent", { op: "log", limit: 2 })
    const sent = log.find(one => one.direction === "out")
    return (sent?.direction === "out" ? sent.peerState : null) !== null
  })
  const goneAt = `what mira has for this agent is fetched from 127.0.0.1:${mira.port}, and nothing has answered there`
  await mira[Symbol.asyncDispose]()
  await until("a collect that failed", async () => {
    kai.pass(minute)
    return kai.log().includes(goneAt)
  })
  kai.pass(30 * minute)
  expect(kai.log().split(goneAt)).toHaveLength(2)
  expect(kai.log()).not.toContain("nothing has come from mira")
}, 120_000)

test("of a holder that is gone nothing is told before ten minutes are over, and of one that was heard since never", () => {
  using made = createTestContext(["kai"])
  let heardAt: number | null = null
  const silence = createSilence(made.context, {
    hasWaiting: () => false,
    lastHeard: () => heardAt,
    isCollecting: () => true,
  })
  silence.failed("kai")
  made.now += 10 * 60_000 - 1
  silence.look()
  silence.failed("kai")
  expect(made.notices).toEqual([])
  heardAt = made.now
  made.now += 1
  silence.look()
  made.now += 10 * 60_000
  silence.look()
  expect(made.notices).toEqual([])
  silence.failed("kai")
  made.now += 10 * 60_000
  silence.look()
  expect(made.notices).toHaveLength(1)
  expect(made.notices[0]).toStartWith("what kai has for this agent is fetched from 127.0.0.1:1, and nothing")
})

describe("time by time", () => {
  const wait = 10 * 60_000
  let made: TestContext
  let heardAt: number | null
  let isWaiting: boolean
  let isCollecting: boolean
  let silence: ReturnType<typeof createSilence>
  beforeEach(() => {
    made = createTestContext(["kai"])
    heardAt = null
    isWaiting = true
    isCollecting = false
    silence = createSilence(made.context, {
      hasWaiting: () => isWaiting,
      lastHeard: () => heardAt,
      isCollecting: () => isCollecting,
    })
  })
  afterEach(() => made[Symbol.dispose]())
  const pass = (milliseconds: number): void => {
    made.now += milliseconds
    silence.look()
  }

  test("what waits for ten minutes is told then, and not before", () => {
    silence.failed("kai")
    pass(wait - 1)
    expect(made.notices).toEqual([])
    pass(1)
    expect(made.notices).toHaveLength(1)
    expect(made.notices[0]).toStartWith("nothing has come from kai for 10 minutes, and what is for it waits")
  })

  test("looking at one of which nothing failed tells nothing, however long", () => {
    pass(wait)
    pass(wait)
    expect(made.notices).toEqual([])
  })

  test("what came no later than the first failure is no sign of life", () => {
    heardAt = made.now
    silence.failed("kai")
    pass(wait)
    expect(made.notices).toHaveLength(1)
  })

  test("what came later is, and the ten minutes begin with the next failure", () => {
    silence.failed("kai")
    pass(wait - 1)
    heardAt = made.now
    silence.failed("kai")
    pass(wait - 1)
    expect(made.notices).toEqual([])
    pass(1)
    expect(made.notices).toHaveLength(1)
  })

  test("what begins to wait later has ten minutes of its own, and what waits no more is not told", () => {
    isWaiting = false
    silence.failed("kai")
    pass(wait - 1)
    isWaiting = true
    silence.look()
    pass(wait - 1)
    expect(made.notices).toEqual([])
    isWaiting = false
    pass(0)
    isWaiting = true
    pass(1)
    pass(wait - 1)
    expect(made.notices).toEqual([])
    pass(1)
    expect(made.notices).toHaveLength(1)
  })

  test("of one that is fetched from it is told what waits for it, where something does that long", () => {
    isCollecting = true
    isWaiting = false
    silence.failed("kai")
    pass(wait - 1)
    isWaiting = true
    silence.look()
    pass(1)
    expect(made.notices.map(words => words.slice(0, 8))).toEqual(["what kai"])
    pass(wait)
    expect(made.notices.at(-1)).toStartWith("nothing has come from kai")
  })

  test("of a pair that has ended nothing is told", () => {
    silence.failed("kai")
    made.remove("kai")
    pass(wait)
    expect(made.notices).toEqual([])
  })
})
