/** Where a Guardian is: what it opens, whom it tells, and when its owner is told that those who collect do not find it. */
import { afterEach, beforeEach, expect, type Mock, spyOn, test } from "bun:test"
import { hostsToOpen } from "../../../src/guardian/books/own-places.ts"
import type { Context } from "../../../src/guardian/context.ts"
import { createWhereabouts } from "../../../src/guardian/outbound/whereabouts.ts"

const kai = "a".repeat(32)
const ada = "d".repeat(32)
const lost = { hasCollected: true, isFetching: false }

type Timer = { readonly act: () => void; readonly wait: number; isCleared: boolean }

/** The timers that were set: none of them runs by itself. */
let timers: Timer[] = []
let spies: Mock<never>[] = []
beforeEach(() => {
  timers = []
  const set = spyOn(globalThis, "setInterval").mockImplementation(((act: () => void, wait: number) => {
    const timer = { act, wait, isCleared: false, unref() {} }
    timers.push(timer)
    return timer
  }) as never)
  const clear = spyOn(globalThis, "clearInterval").mockImplementation(((timer?: Timer) => {
    if (timer !== undefined) timer.isCleared = true
  }) as never)
  spies = [set, clear] as never
})
afterEach(() => {
  for (const spy of spies) spy.mockRestore()
})
const running = (): Timer[] => timers.filter(one => !one.isCleared)

/** Of a Guardian what whereabouts.ts uses, with a clock that the test turns. */
function open(carrying: { hasCollected: boolean; isFetching: boolean } = lost, hosts = ["192.0.2.9"]) {
  const [told, log, opened, did]: [string[], string[], (readonly string[])[], string[]] = [[], [], [], []]
  const stopping = new AbortController()
  const machine = {
    now: 0,
    addresses: ["192.0.2.9"],
    moves: [{ pair: kai, from: "192.0.2.7", to: "192.0.2.9" }],
    moving: async () => {},
  }
  let current = {
    name: "mira",
    listen: { hosts, port: 9876, names: [] },
    agents: {
      kai: { id: kai, sendKey: "b".repeat(64), receiveKey: "c".repeat(64) },
    },
  }
  const context = {
    config: {
      get current() {
        return current
      },
      update(change: (config: typeof current) => typeof current) {
        current = change(current)
      },
    },
    elapsed: () => machine.now,
    log: { write: (line: string) => log.push(line) },
    notices: { tell: (_: string, text: string) => told.push(text) },
    stopping: stopping.signal,
    address: { host: "192.0.2.9", port: 9876 },
  } as unknown as Context
  const whereabouts = createWhereabouts(context, {
    addresses: () => machine.addresses.map(address => ({ address })),
    listener: { setHosts: hosts => void opened.push(hosts), open: () => [] },
    collecting: {
      async moved() {
        did.push("moved")
        await machine.moving()
        return machine.moves
      },
      readdressed: pair => void did.push(`readdressed ${pair}`),
    },
    carrying: { hasCollected: () => carrying.hasCollected, isFetching: () => carrying.isFetching },
    outbox: { hasten: pair => void did.push(`hasten ${pair}`) },
  })
  return {
    ...{ machine, told, log, opened, did, whereabouts, carrying, stopping },
    hosts: () => current.listen.hosts,
    forget() {
      current = { ...current, agents: {} as typeof current.agents }
    },
  }
}

async function toldAfter(milliseconds: number, carrying: Parameters<typeof open>[0]): Promise<string[]> {
  const { machine, told, whereabouts } = open(carrying)
  await whereabouts.setHosts(["192.0.2.9"])
  machine.now += milliseconds
  whereabouts.look()
  whereabouts.look()
  await whereabouts.stopped()
  return told
}

test("two minutes after the move it is told once, with what the other owner has to run", async () => {
  expect(await toldAfter(119_000, lost)).toEqual([])
  expect(await toldAfter(120_000, lost)).toEqual([
    "kai's Guardian fetches its messages from this machine, whose address was 192.0.2.7 and is 192.0.2.9 now, and has not come since; tell its owner to run: sento agents address mira 192.0.2.9:9876",
  ])
})

test.each([
  ["comes all the same, by a name or a VPN", { hasCollected: true, isFetching: true }],
  ["can be dialled, and is told", { hasCollected: false, isFetching: false }],
] as const)("nothing is told of a peer that %s", async (_, carrying) => {
  expect(await toldAfter(600_000, carrying)).toEqual([])
})

test("nor of one that could be dialled at the move and collects since, of a pair that ended, or of an address that stayed", async () => {
  const dialled = open({ hasCollected: false, isFetching: false })
  const ended = open()
  const same = open()
  same.machine.moves = [{ pair: kai, from: "192.0.2.9", to: "192.0.2.9" }]
  for (const { whereabouts, machine, carrying, forget } of [dialled, ended, same]) {
    await whereabouts.setHosts(["192.0.2.9"])
    carrying.hasCollected = true
    if (machine === ended.machine) forget()
    machine.now += 600_000
    whereabouts.look()
  }
  expect([dialled.told, ended.told, same.told]).toEqual([[], [], []])
})

test("one of two that moved at different times is told at its own", async () => {
  const { machine, told, whereabouts } = open()
  await whereabouts.setHosts(["192.0.2.9"])
  machine.now += 60_000
  machine.moves = [{ pair: ada, from: "192.0.2.7", to: "192.0.2.9" }]
  await whereabouts.setHosts(["192.0.2.9"])
  machine.now += 60_000
  whereabouts.look()
  expect(told).toHaveLength(1)
})

test("addresses are looked at every 30 s as long as others are let in", async () => {
  const { whereabouts } = open(lost, [])
  expect(running()).toEqual([])
  await whereabouts.setHosts(["127.0.0.2"])
  expect(running()).toEqual([])
  await whereabouts.setHosts(["192.0.2.9"])
  await whereabouts.setHosts(["network"])
  expect(running().map(one => one.wait)).toEqual([30_000])
  await whereabouts.setHosts([])
  expect(running()).toEqual([])
  await whereabouts.setHosts(["192.0.2.9"])
  expect(running()).toHaveLength(1)
  await whereabouts.stopped()
  expect(running()).toEqual([])
})

test("a look that fails is a line in the log, and the next one comes", async () => {
  const { machine, log, did, whereabouts } = open()
  const addresses = machine.addresses
  machine.addresses = null as never
  expect(() => running()[0]?.act()).not.toThrow()
  expect(log).toEqual([expect.stringContaining("cannot be looked at")])
  machine.addresses = [...addresses, "198.51.100.7"]
  running()[0]?.act()
  await whereabouts.stopped()
  expect(did).toEqual(["moved"])
})

test("other addresses are told once, and opened where the owner's word for them is theirs", async () => {
  const [named, all] = [open(), open(lost, ["network"])]
  for (const { machine, whereabouts } of [named, all]) {
    whereabouts.look()
    machine.addresses = ["198.51.100.7"]
    whereabouts.look()
    whereabouts.look()
    await whereabouts.stopped()
  }
  expect([named.did, all.did]).toEqual([["moved"], ["moved"]])
  expect(named.opened).toEqual([])
  expect(all.opened).toEqual([hostsToOpen({ hosts: ["network"], port: 9876, names: [] })])
})

test("hosts that the owner sets are kept and opened, and are no news at the next look", async () => {
  const { machine, did, hosts, opened, whereabouts } = open()
  machine.addresses = ["198.51.100.7"]
  await whereabouts.setHosts(["198.51.100.7"])
  expect([hosts(), opened]).toEqual([["198.51.100.7"], [["127.0.0.1", "198.51.100.7"]]])
  whereabouts.look()
  await whereabouts.stopped()
  expect(did).toEqual(["moved"])
})

test("peers are told of one move after the other, and of none as it stops", async () => {
  const { machine, did, stopping, whereabouts } = open()
  const asked = Promise.withResolvers<void>()
  machine.moving = () => asked.promise
  const both = [whereabouts.setHosts(["192.0.2.9"]), whereabouts.setHosts(["192.0.2.8"])]
  await Promise.resolve()
  expect(did).toEqual(["moved"])
  stopping.abort()
  asked.resolve()
  await Promise.all(both)
  expect(did).toEqual(["moved"])
})

test("what could not be opened is shut until it is open, or is not to be any more; peers are told as it opens", async () => {
  const { did, whereabouts } = open()
  whereabouts.hostChanged("192.0.2.9", "absent")
  whereabouts.hostChanged("192.0.2.8", "taken")
  whereabouts.hostChanged("192.0.2.7", "unusable")
  whereabouts.hostChanged("192.0.2.7", null)
  await whereabouts.stopped()
  expect(did).toEqual(["moved"])
  expect(whereabouts.shut()).toEqual([
    { host: "192.0.2.9", fault: "absent" },
    { host: "192.0.2.8", fault: "taken" },
  ])
  await whereabouts.setHosts(["192.0.2.8"])
  expect(whereabouts.shut()).toEqual([{ host: "192.0.2.8", fault: "taken" }])
})

test("another address of a peer is tried at once, and asked to collect anew", () => {
  const { did, whereabouts } = open()
  whereabouts.readdressed(kai)
  expect(did).toEqual([`readdressed ${kai}`, `hasten ${kai}`])
})
