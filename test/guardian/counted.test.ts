/** What a Guardian costs, as far as it can be counted: no clock, no ratio, the same on every machine. */

import { heapStats } from "bun:jsc"
import { Database, type Statement } from "bun:sqlite"
import { afterEach, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { createReceiver } from "../../src/guardian/inbound/receiver.ts"
import { type PairKeys, signRequest } from "../../src/protocol/exchange.ts"
import { createTestContext, peerOf, type TestContext } from "../support/context.ts"
import { openGuardian } from "../support/guardian.ts"
import { until } from "../support/world.ts"

const undo: (() => void)[] = []
afterEach(() => {
  for (const one of undo.splice(0).reverse()) one()
})

const pair = "ab".repeat(16)
/** The peer's: ours the other way round. */
const keys: PairKeys = { send: new Uint8Array(32).fill(2), receive: new Uint8Array(32).fill(1) }

/** A receiver that has a message of this peer signed, given to it, and accepted. */
function openReceiver(): (laterMilliseconds?: number) => Promise<void> {
  const made: TestContext = createTestContext([])
  undo.push(() => made[Symbol.dispose]())
  made.context.config.update(config => ({ ...config, agents: { kai: { ...peerOf("kai"), id: pair } } }))
  const receive = createReceiver(made.context, {
    onAdmitted: () => {},
    onRefused: () => null,
    carrying: { isLater: () => false, take: () => Promise.reject(new Error("no collects here")) },
    hasMissed: () => false,
    onCollected: () => {},
  })
  return async (laterMilliseconds = 0) => {
    made.now += laterMilliseconds
    const message = { v: 1, id: Bun.randomUUIDv7(), type: "message", text: "hello" } as const
    const { headers, body } = signRequest(pair, keys, message, made.now, null)
    const lines = new Headers(headers)
    const answer = await receive({
      body,
      header: name => lines.get(name),
      address: "192.0.2.7",
      allow: () => {},
      hold: () => () => {},
      signal: new AbortController().signal,
    })
    expect(answer.status).toBe(202)
  }
}

/** The statements that run from now on, by their text. */
function watchStatements(): string[] {
  const ran: string[] = []
  const watched = new WeakSet<Statement>()
  const { query, run } = Database.prototype
  Object.assign(Database.prototype, {
    query(this: Database, sql: string) {
      const statement = query.call(this, sql)
      if (!watched.has(statement)) watch(statement, () => ran.push(sql))
      watched.add(statement)
      return statement
    },
    run(this: Database, sql: string) {
      ran.push(sql)
      return run.call(this, sql)
    },
  })
  undo.push(() => Object.assign(Database.prototype, { query, run }))
  return ran
}

function watch(statement: Statement, onRun: () => void): void {
  for (const name of ["run", "get", "all", "values"] as const) {
    const act = statement[name].bind(statement) as (...values: never[]) => never
    statement[name] = (...values: never[]) => {
      onRun()
      return act(...values)
    }
  }
}

test("one accepted message: 13 statements of SQLite at the most", async () => {
  const ran = watchStatements()
  const accept = openReceiver()
  await accept()
  ran.length = 0
  await accept()
  expect(ran.filter(sql => /^(BEGIN|COMMIT)/.test(sql))).toEqual(["BEGIN IMMEDIATE", "COMMIT"])
  expect(ran.length, ran.join("\n")).toBeLessThanOrEqual(13)
})

/** read(2), write(2) and their kin, by this thread so far (proc(5)); to ask takes some too. */
function readsAndWrites(): number {
  const io = readFileSync("/proc/thread-self/io", "utf8")
  return Number(/^syscr: (\d+)/m.exec(io)?.[1]) + Number(/^syscw: (\d+)/m.exec(io)?.[1])
}

test("one accepted message: 22 reads and writes at the most", async () => {
  const accept = openReceiver()
  const counts: number[] = []
  readsAndWrites()
  const own = -readsAndWrites() + readsAndWrites()
  for (let i = 0; i < 8; i += 1) {
    const before = readsAndWrites()
    await accept()
    counts.push(readsAndWrites() - before - own)
  }
  expect(Math.min(...counts), String(counts)).toBeLessThanOrEqual(22)
})

test("memory after a thousand messages more: no object that stays", async () => {
  const accept = openReceiver()
  const objectsAfter = async (count: number): Promise<number> => {
    // Ten a minute are let through.
    for (let i = 0; i < count; i += 1) await accept(7000)
    Bun.gc(true)
    return heapStats().objectCount
  }
  await objectsAfter(300)
  const before = await objectsAfter(100)
  const more = (await objectsAfter(1000)) - before
  expect(more).toBeLessThan(500)
})

/** The timers that are set now, by their milliseconds. */
function watchTimers(): { readonly repeated: () => number[]; readonly waiting: () => number[] } {
  const repeated = new Map<unknown, number>()
  const waiting = new Map<unknown, number>()
  const { setInterval, setTimeout, clearInterval, clearTimeout } = globalThis
  const clear = (timer: never): void => {
    repeated.delete(timer)
    waiting.delete(timer)
    clearTimeout(timer)
  }
  Object.assign(globalThis, {
    setInterval(act: () => void, milliseconds: number) {
      const timer = setInterval(act, milliseconds)
      repeated.set(timer, milliseconds)
      return timer
    },
    setTimeout(act: (...values: unknown[]) => void, milliseconds: number, ...values: unknown[]) {
      const timer = setTimeout(() => {
        waiting.delete(timer)
        act(...values)
      }, milliseconds)
      waiting.set(timer, milliseconds)
      return timer
    },
    clearInterval: clear,
    clearTimeout: clear,
  })
  undo.push(() => Object.assign(globalThis, { setInterval, setTimeout, clearInterval, clearTimeout }))
  return { repeated: () => [...repeated.values()], waiting: () => [...waiting.values()] }
}

test("an idle Guardian on loopback: a look every 10 s, a sweep every 10 minutes, and no other timer", async () => {
  const timers = watchTimers()
  await using _guardian = await openGuardian({})
  await until("what its start has set to be over", () => timers.waiting().length === 0)
  expect(timers.repeated()).toEqual([10_000, 600_000])
})
