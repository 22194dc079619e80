/** On which networks an open code is announced, as the listener, the networks and the code come and go. */
import { afterEach, beforeEach, expect, jest, test } from "bun:test"
import { createAnnouncing } from "../../../src/guardian/pairing/announcing.ts"
import type { LocalNetwork } from "../../../src/http/mdns-networks.ts"
import { createTestContext, type TestContext } from "../../support/context.ts"
import { settle } from "../../support/settle.ts"

let made: TestContext
let machine: LocalNetwork[]
let listening: string[]
let did: string[]
let refused: string[]
/** How often the machine's networks were asked for. */
let looks: number
let announcing: ReturnType<typeof createAnnouncing>

const network = (interfaceName: string, address: string): LocalNetwork => ({
  interfaceName,
  address,
  prefix: 24,
})

beforeEach(() => {
  jest.useFakeTimers()
  made = createTestContext([])
  machine = [network("eth0", "192.168.7.1"), network("wlan0", "10.0.0.1")]
  listening = ["127.0.0.1", "0.0.0.0"]
  did = []
  refused = []
  looks = 0
  Object.assign(made.context, { listening: () => listening })
  announcing = createAnnouncing(made.context, {
    networks(isCovered = () => true) {
      looks += 1
      return machine.filter(({ address }) => isCovered(address))
    },
    async announce({ network: { interfaceName }, port }) {
      if (refused.includes(interfaceName)) throw new Error("in use")
      did.push(`${interfaceName} ${port}`)
      return { close: async () => void did.push(`no ${interfaceName}`) }
    },
  })
})
afterEach(async () => {
  await announcing.stop()
  jest.useRealTimers()
  made[Symbol.dispose]()
})

/** What it did, once it stands still. */
async function seen(): Promise<string[]> {
  await settle()
  return did.splice(0)
}
const look = async (milliseconds = 5000): Promise<string[]> => {
  jest.advanceTimersByTime(milliseconds)
  return seen()
}

test("on each network that the listener lets in, once, for as long as a code is open", async () => {
  expect(await look()).toEqual([])
  announcing.set(true)
  announcing.set(true)
  expect(await seen()).toEqual(["eth0 9876", "wlan0 9876"])
  expect(await look()).toEqual([])
  announcing.set(false)
  expect(await seen()).toEqual(["no eth0", "no wlan0"])
  expect(await look(60_000)).toEqual([])
  announcing.set(true)
  expect(await seen()).toEqual(["eth0 9876", "wlan0 9876"])
})

test.each<readonly [string, string[], string[]]>([
  ["loopback alone", ["127.0.0.1"], []],
  ["one address", ["127.0.0.1", "10.0.0.1"], ["wlan0 9876"]],
  ["all, of both kinds", ["::"], ["eth0 9876", "wlan0 9876"]],
  ["an address that the machine does not have", ["127.0.0.1", "192.168.7.9"], []],
])("of a listener on %s", async (_, hosts, want) => {
  listening = hosts
  announcing.set(true)
  expect(await seen()).toEqual(want)
})

test("where nobody else is let in the kernel is not asked", async () => {
  listening = ["127.0.0.1", "::1"]
  announcing.set(true)
  for (let i = 0; i < 3; i += 1) await look()
  expect(looks).toBe(0)
  listening = ["127.0.0.1", "10.0.0.1"]
  expect(await look()).toEqual(["wlan0 9876"])
  expect(looks).toBe(1)
})

test("what stands for all of IPv4 says nothing of IPv6", async () => {
  machine = [network("eth0", "fd00::1")]
  announcing.set(true)
  expect(await seen()).toEqual([])
  listening = ["::"]
  announcing.look()
  expect(await seen()).toEqual(["eth0 9876"])
})

test("a network that comes or goes, or another address there, is seen within 5 s, and at once where it is said", async () => {
  announcing.set(true)
  await seen()
  machine = [network("wlan0", "10.0.0.1"), network("eth0", "192.168.7.2")]
  expect(await look(4999)).toEqual([])
  expect(await look(1)).toEqual(["no eth0", "eth0 9876"])
  listening = ["127.0.0.1", "10.0.0.1"]
  announcing.look()
  expect(await seen()).toEqual(["no eth0"])
})

test("where it cannot be announced is tried again, and logged once until it could", async () => {
  refused = ["eth0"]
  announcing.set(true)
  expect(await seen()).toEqual(["wlan0 9876"])
  expect(await look()).toEqual([])
  expect(made.log).toEqual(["the code is not announced on eth0: in use"])
  refused = []
  expect(await look()).toEqual(["eth0 9876"])
  machine = []
  await look()
  machine = [network("eth0", "192.168.7.1")]
  refused = ["eth0"]
  await look()
  expect(made.log).toHaveLength(2)
})

test("a failure of the look itself is a bug that stops nothing", async () => {
  const before = machine
  machine = null as never
  announcing.set(true)
  await seen()
  expect(made.log).toEqual([expect.stringContaining("bug: ")])
  machine = before
  expect(await look()).toEqual(["eth0 9876", "wlan0 9876"])
})

test("what is open is taken back as it stops", async () => {
  announcing.set(true)
  await seen()
  await announcing.stop()
  expect(did).toEqual(["no eth0", "no wlan0"])
})
