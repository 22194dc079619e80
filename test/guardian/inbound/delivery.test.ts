/** The worker that types what waits: when it runs, what it waits for, and when it stops. */
import { afterEach, describe, expect, spyOn, test } from "bun:test"
import { createDelivery } from "../../../src/guardian/inbound/delivery.ts"
import { DatabaseLocked } from "../../../src/store/database.ts"
import type { Hands } from "../../../src/tmux/hands.ts"
import type { TypingOutcome } from "../../../src/tmux/typing.ts"
import { createTestContext, type TestContext } from "../../support/context.ts"
import { settle } from "../../support/settle.ts"
import { receive } from "../../support/store.ts"
import { until } from "../../support/world.ts"

const pane = { pane: "%1", pid: 7, startTicks: 70 }
const there = { pane, target: { kind: "pane", pane, profile: "claude" } } as const
const submitted: TypingOutcome = { kind: "submitted" }
const busy: TypingOutcome = { kind: "held", state: "busy", reason: "it works", pasted: false }

let made: TestContext
let delivery: ReturnType<typeof createDelivery>
afterEach(async () => {
  made.stop()
  await delivery.stopped()
  made[Symbol.dispose]()
})

/** `outcomes`: of each attempt in turn; the last one stays. */
function open(outcomes: (TypingOutcome | Error)[], hands: Partial<Hands> = {}) {
  const typed: string[] = []
  const told: string[] = []
  made = createTestContext(["kai", "lia"], {
    find: async () => there,
    look: async () => "ready",
    findOnScreen: async () => "not-seen",
    takeOut: async () => null,
    async type(_, text, options) {
      typed.push(/: (\w+)/.exec(text)?.[1] ?? text)
      const outcome = outcomes.length > 1 ? outcomes.shift() : outcomes[0]
      if (outcome instanceof Error) throw outcome
      if (outcome?.kind === "submitted") await options.onPasted?.()
      return outcome ?? submitted
    },
    ...hands,
  })
  delivery = createDelivery(made.context, ({ name }, state) => told.push(`${name} ${state}`))
  return { typed, told }
}
const came = (text: string, pair = "kai") => receive(made.stored, pair, made.now, { text })
const waiting = () => made.stored.store.inbox.waitingCount()
const isStill = async () => {
  await delivery.stopped()
  await Bun.sleep(20)
}

test("types what waits, pair by pair in turn, until nothing does, and what comes then wakes it", async () => {
  const { typed } = open([submitted])
  for (const text of ["k1", "k2", "k3"]) came(text)
  for (const text of ["l1", "l2"]) came(text, "lia")
  delivery.wake()
  delivery.wake()
  await until("all", () => waiting() === 0)
  expect(typed).toEqual(["k1", "l1", "k2", "l2", "k3"])
  await isStill()
  came("k4")
  delivery.arrived()
  await until("the next", () => typed.length === 6)
})

test("what is held is tried again, said once, and over with the message", async () => {
  const { typed, told } = open([busy, busy, submitted])
  came("hello")
  delivery.wake()
  await until("the hold", () => delivery.hold() !== null)
  expect(delivery.hold()).toMatchObject({ name: "kai", state: "busy", reason: "it works" })
  await until("its end", () => waiting() === 0)
  expect(typed).toHaveLength(3)
  await isStill()
  expect([delivery.hold(), new Set(told)]).toEqual([null, new Set(["kai held", "kai delivered"])])
})

test("nothing is typed of a paused pair until the pause is over", async () => {
  const { typed } = open([submitted])
  made.stored.store.peers.pause("kai", { until: made.now + 40, reason: "owner" })
  came("hello")
  delivery.wake()
  await isStill()
  expect(typed).toEqual([])
  made.now += 40
  await until("its end", () => typed.length === 1)
})

test("a pause that is over early is heard of, and a longer one is looked at once a minute", async () => {
  const { typed } = open([submitted])
  const timers = spyOn(globalThis, "setTimeout")
  made.stored.store.peers.pause("kai", { until: made.now + 3_600_000, reason: "owner" })
  came("hello")
  delivery.pausesChanged()
  await isStill()
  expect(timers.mock.calls.map(([, wait]) => wait)).toContain(60_000)
  timers.mockRestore()
  made.stored.store.peers.resume("kai")
  delivery.pausesChanged()
  await until("it", () => typed.length === 1)
})

describe("a failure", () => {
  test("is logged once, and the message tried again", async () => {
    const bug = new Error("bug")
    const { typed } = open([bug, bug, submitted])
    came("hello")
    delivery.wake()
    await until("its end", () => waiting() === 0)
    expect(typed).toHaveLength(3)
    expect(made.log.filter(line => line.startsWith("delivery failed: Error: bug"))).toHaveLength(1)
  })

  test("of the disk waits longer, and says what the disk said", async () => {
    open([submitted])
    const { inbox } = made.stored.store
    came("hello")
    const next = spyOn(inbox, "next").mockImplementation(() => {
      throw new DatabaseLocked()
    })
    const timers = spyOn(globalThis, "setTimeout")
    delivery.wake()
    await until("the word", () => made.log.some(line => line.startsWith("delivery failed: ")))
    await settle()
    expect(timers.mock.calls.map(([, wait]) => wait)).toContain(2000)
    expect(made.log.some(line => line.includes("    at "))).toBe(false)
    timers.mockRestore()
    next.mockRestore()
    await until("its end", () => waiting() === 0)
  })
})

test("a Guardian that stops types nothing more", async () => {
  const { typed } = open([busy])
  came("hello")
  delivery.wake()
  await until("an attempt", () => typed.length > 0)
  made.stop()
  await delivery.stopped()
  const count = typed.length
  delivery.wake()
  await isStill()
  expect([typed.length, made.log.filter(line => line.startsWith("delivery failed"))]).toEqual([count, []])
})
