/** What is bound, closed and tried again, with servers that bind nothing. */
import { afterEach, expect, jest, spyOn, test } from "bun:test"
import { type HostFault, openPlaces, type Places, placesOf } from "../../src/http/places.ts"
import { until } from "../support/world.ts"

type Call = readonly [host: string, port: number]

/** Servers that take a port or fail as `refuse` says; `stops`: which were stopped, and whether what they held was cut. */
function createServers() {
  const calls: Call[] = []
  const stops: [string, boolean][] = []
  const refused = new Map<string, string>()
  const releases = new Map<string, () => void>()
  let anyPort = 40_000
  return {
    calls,
    stops,
    refused,
    /** Lets what a stopped server still held end. */
    release: (host: string) => releases.get(host)?.(),
    serve(host: string, port: number) {
      calls.push([host, port])
      const code = refused.get(`${host} ${port}`) ?? refused.get(host)
      if (code !== undefined) throw Object.assign(new Error(`listen ${code}`), { code })
      anyPort += port === 0 ? 1 : 0
      const { promise, resolve } = Promise.withResolvers<void>()
      return {
        port: port === 0 ? anyPort : port,
        stop(isCut = false) {
          stops.push([host, isCut])
          if (isCut) resolve()
          releases.set(host, resolve)
          return promise
        },
      } as never
    },
  }
}

let places: Places | null = null
let servers = createServers()
let faults: [string, HostFault | null][]
afterEach(async () => {
  const stopping = places?.stop()
  for (const host of ["127.0.0.1", "192.0.2.7", "192.0.2.8", "0.0.0.0", "::", "fd00::2"])
    servers.release(host)
  await stopping
  places = null
  jest.useRealTimers()
})

/** What has settled is heard. */
const heard = (): Promise<void> => new Promise(resolve => process.nextTick(resolve))

function open(hosts: readonly string[], preferredPort = 0, retryMilliseconds = 1): Places {
  faults = []
  places = openPlaces({
    hosts,
    preferredPort,
    serve: servers.serve,
    retryMilliseconds,
    onHost: (host, fault) => faults.push([host, fault]),
  })
  return places
}

/** Time in which it would be tried again a dozen times. */
const severalTries = (): Promise<void> => Bun.sleep(20)

const home = "127.0.0.1"
const wan = "192.0.2.7"
const vpn = "192.0.2.8"

test("localhost is one in whatever case", () => expect(placesOf(["LOCALHOST", "127.0.0.1"])).toEqual([home]))

test("the preferred port first, then all of the range but that one, each once", () => {
  servers = createServers()
  servers.refused.set(home, "EADDRINUSE")
  expect(() => open([home], 9878)).toThrow("no free port on 127.0.0.1 from 9876 to 9975")
  const ports = servers.calls.map(([, port]) => port)
  expect([ports.slice(0, 4), ports.at(-1), ports.length]).toEqual([[9878, 9876, 9877, 9879], 9975, 100])
})

test("any port is chosen by the kernel, sixteen times at the most", () => {
  servers = createServers()
  servers.refused.set(home, "EADDRINUSE")
  expect(() => open([home])).toThrow("no free port")
  const ports = servers.calls.map(([, port]) => port)
  expect([ports.filter(port => port === 0).length, ports[15], ports[16], ports.length]).toEqual([
    16, 0, 9876, 116,
  ])
})

test("all hosts have one port, and where it is taken on one, what was opened is cut", () => {
  servers = createServers()
  servers.refused.set(`${wan} 40001`, "EADDRINUSE")
  const { port } = open([home, wan])
  expect([port, servers.calls]).toEqual([
    40_002,
    [
      [home, 0],
      [wan, 40_001],
      [home, 0],
      [wan, 40_002],
    ],
  ])
  expect(servers.stops).toEqual([[home, true]])
})

test.each([
  [
    "nobody is let in",
    [wan, vpn],
    [wan, vpn],
    "EADDRNOTAVAIL",
    "config",
    `cannot listen on ${wan}: listen EADDRNOTAVAIL`,
  ],
  [
    "this machine itself is not there",
    [wan, home],
    [home],
    "EADDRNOTAVAIL",
    "unreachable",
    `cannot listen on ${home}: listen EADDRNOTAVAIL`,
  ],
  [
    "this machine may not be listened on",
    [wan, home],
    [home],
    "EACCES",
    "config",
    `cannot listen on ${home}: listen EACCES`,
  ],
] as const)("no start where %s, and what was opened is cut", (_, hosts, refused, code, error, message) => {
  servers = createServers()
  for (const host of refused) servers.refused.set(host, code)
  const failure = (() => {
    try {
      return open(hosts)
    } catch (error) {
      return error
    }
  })()
  expect(failure).toMatchObject({ code: error, message })
  expect(servers.stops).toEqual(
    hosts.filter(host => !refused.includes(host as never)).map(host => [host, true]),
  )
})

test("a host that is not there is told once, tried until it is, and then no more", async () => {
  servers = createServers()
  servers.refused.set(wan, "EADDRNOTAVAIL")
  const { open: opened, port } = open([home, wan])
  await until("tries", () => servers.calls.length > 4)
  expect([opened(), faults]).toEqual([[home], [[wan, "absent"]]])
  servers.refused.set(wan, "EACCES")
  await until("another word", () => faults.length > 1)
  servers.refused.delete(wan)
  await until("it to be there", () => opened().includes(wan))
  expect(faults).toEqual([
    [wan, "absent"],
    [wan, "unusable"],
    [wan, null],
  ])
  expect(servers.calls.slice(2).every(([host, on]) => host === wan && on === port)).toBe(true)
  const tries = servers.calls.length
  await severalTries()
  expect(servers.calls.length).toBe(tries)
})

test("without loopback it is enough that one is there", () => {
  servers = createServers()
  servers.refused.set(vpn, "EADDRNOTAVAIL")
  expect(open([vpn, wan]).open()).toEqual([wan])
})

test("of two loopbacks that are not there the first is named", () => {
  servers = createServers()
  for (const host of [home, "::1"]) servers.refused.set(host, "EADDRNOTAVAIL")
  expect(() => open([wan, home, "::1"])).toThrow(`cannot listen on ${home}: `)
  expect(() => open([wan, "::1", home])).toThrow("cannot listen on ::1: ")
})

test("where nothing else is said, what is not there is tried every five seconds", () => {
  jest.useFakeTimers()
  servers = createServers()
  servers.refused.set(wan, "EADDRNOTAVAIL")
  places = openPlaces({ hosts: [home, wan], preferredPort: 0, serve: servers.serve })
  jest.advanceTimersByTime(4999)
  expect(servers.calls).toHaveLength(2)
  jest.advanceTimersByTime(5001)
  expect(servers.calls).toHaveLength(4)
})

test("a name that leads nowhere is told, and not tried again", async () => {
  jest.useFakeTimers()
  servers = createServers()
  servers.refused.set("kai.example", "ENOTFOUND")
  open([home, "kai.example"])
  await heard()
  expect([faults, jest.getTimerCount()]).toEqual([[["kai.example", "unusable"]], 0])
})

test("what is not there is told once, also where others come and go", async () => {
  servers = createServers()
  servers.refused.set(wan, "EADDRNOTAVAIL")
  const { setHosts } = open([home, wan], 0, 60_000)
  await heard()
  setHosts([home, wan, vpn])
  setHosts([home, wan])
  expect(faults).toEqual([[wan, "absent"]])
})

test("of what went before it could be told nothing is told", async () => {
  servers = createServers()
  servers.refused.set(wan, "EADDRNOTAVAIL")
  open([home, wan]).setHosts([home])
  await heard()
  expect(faults).toEqual([])
})

test("nor of what has come meanwhile, but that it is there", async () => {
  servers = createServers()
  servers.refused.set(wan, "EADDRNOTAVAIL")
  const { setHosts } = open([home, wan])
  servers.refused.delete(wan)
  setHosts([home, wan])
  await heard()
  expect(faults).toEqual([[wan, null]])
})

test("hosts that go are closed, without cutting what they hold; those that come are opened on the same port", async () => {
  servers = createServers()
  const { open: opened, port, setHosts } = open([home, wan])
  setHosts([home, vpn])
  expect([opened(), servers.stops, servers.calls.at(-1)]).toEqual([[home, vpn], [[wan, false]], [vpn, port]])
  setHosts([home, vpn])
  expect([servers.stops.length, servers.calls.length]).toEqual([1, 3])
})

test("one that goes is cut two seconds later, and one whose place a wildcard takes is not", async () => {
  jest.useFakeTimers()
  servers = createServers()
  const { open: opened, setHosts } = open([home, wan])
  setHosts([home])
  setHosts(["0.0.0.0", "fd00::2"])
  expect([opened(), servers.stops]).toEqual([
    ["0.0.0.0", "fd00::2"],
    [
      [wan, false],
      [home, false],
    ],
  ])
  jest.advanceTimersByTime(1999)
  expect(servers.stops).toHaveLength(2)
  jest.advanceTimersByTime(60_000)
  expect(servers.stops.slice(2)).toEqual([[wan, true]])
  servers.release(home)
})

test("a host that goes while it is not there is tried no more, and is new when it comes again", async () => {
  servers = createServers()
  servers.refused.set(wan, "EADDRNOTAVAIL")
  const { setHosts } = open([home, wan])
  await until("its word", () => faults.length > 0)
  setHosts([home])
  const tries = servers.calls.length
  await severalTries()
  expect(servers.calls.length).toBe(tries)
  setHosts([home, wan])
  expect(faults).toEqual([
    [wan, "absent"],
    [wan, "absent"],
  ])
})

test("a wildcard that is taken gives way to what else was wished, and is not tried again", async () => {
  servers = createServers()
  const { open: opened, setHosts } = open([home])
  servers.refused.set("0.0.0.0", "EADDRINUSE")
  setHosts([home, wan, "0.0.0.0"])
  servers.release(home)
  expect([opened(), faults]).toEqual([[home, wan], [["0.0.0.0", "taken"]]])
  const tries = servers.calls.length
  await severalTries()
  expect(servers.calls.length).toBe(tries)
})

test("a stop closes all, waits for what they hold, and cuts it after two seconds", async () => {
  jest.useFakeTimers()
  servers = createServers()
  const { stop } = open([home, wan])
  let isOver = false
  const stopping = stop().then(() => {
    isOver = true
  })
  servers.release(wan)
  await heard()
  jest.advanceTimersByTime(1999)
  await heard()
  expect([servers.stops, isOver]).toEqual([
    [
      [home, false],
      [wan, false],
    ],
    false,
  ])
  jest.advanceTimersByTime(1)
  await stopping
  expect([servers.stops.slice(2), jest.getTimerCount()]).toEqual([[[home, true]], 0])
})

test("it is tried again by one timer, as long as something is not there, and by none afterwards", async () => {
  servers = createServers()
  const running = new Set<unknown>()
  const set = globalThis.setInterval
  const clear = globalThis.clearInterval
  using _ = spyOn(globalThis, "setInterval").mockImplementation(((act: () => void, wait: number) => {
    const timer = set(act, wait)
    running.add(timer)
    return timer
  }) as never)
  using __ = spyOn(globalThis, "clearInterval").mockImplementation((timer => {
    running.delete(timer)
    clear(timer as never)
  }) as typeof clearInterval)
  servers.refused.set(wan, "EADDRNOTAVAIL")
  servers.refused.set(vpn, "EADDRNOTAVAIL")
  const places = open([home, wan, vpn])
  expect(running.size).toBe(1)
  servers.refused.delete(wan)
  await until("one of both", () => places.open().includes(wan))
  expect(running.size).toBe(1)
  servers.refused.delete(vpn)
  await until("the other", () => places.open().includes(vpn))
  expect(running.size).toBe(0)
  servers.refused.set(vpn, "EADDRINUSE")
  places.setHosts([home, wan])
  places.setHosts([home, wan, vpn])
  expect(running.size).toBe(1)
  for (const host of [home, wan, vpn]) servers.release(host)
  const stopping = places.stop()
  for (const host of [home, wan, vpn]) servers.release(host)
  await stopping
  expect(running.size).toBe(0)
})
