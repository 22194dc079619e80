/** Who is cut, who is held, and when is looked: with connections and descriptors that are none. */
import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test"
import { readdirSync, readlinkSync } from "node:fs"
import {
  announceNewcomers,
  type Connection,
  createHolds,
  crowdOf,
  descriptorLimit,
  type Kernel,
  sharesOf,
  watchCrowd,
} from "../../src/http/crowd.ts"
import type { End } from "../../src/http/sockets.ts"

/** As many connections, the oldest first; each is named by its address and its place. */
const from = (...addresses: string[]): Connection[] =>
  addresses.map((address, i) => ({ descriptor: i, address, key: `${address}${i}` }))

test.each([
  ["nobody, where there is room", from("a", "a", "b"), 3, []],
  ["nobody, where there is more room", from("a", "a", "b"), 5, []],
  ["the oldest, where all are one's", from("a", "a", "a", "a"), 2, ["a0", "a1"]],
  ["a crowd's, and not the one connection of another", from("b", "a", "a", "a"), 2, ["a1", "a2"]],
  ["the larger of two crowds", from("a", "a", "b", "b", "b"), 4, ["b2"]],
  ["the oldest of each, where all have the same", from("a", "b", "a", "b"), 2, ["a0", "b1"]],
  ["the oldest, where each has one", from("a", "b", "c"), 2, ["a0"]],
] as const)("too many connections: cuts %s", (_, connections, most, cut) => {
  const keys = crowdOf(connections, most).map(({ key }) => key)
  expect(keys.sort()).toEqual([...cut])
})

test("held: the same two ends in another spelling, until the last of its requests has let it go, each once", () => {
  const holds = createHolds()
  const peer = { address: "192.0.2.7", port: 5000 }
  const first = holds.hold("127.0.0.1", peer)
  const second = holds.hold("::ffff:127.0.0.1", { ...peer, address: "::ffff:192.0.2.7" })
  const look = () => [holds.size, holds.has("127.0.0.1", peer)]
  const seen = [look()]
  first()
  first()
  seen.push(look())
  second()
  expect([...seen, look()]).toEqual([
    [1, true],
    [1, true],
    [0, false],
  ])
})

test.each([
  ["the same port elsewhere, to another host here", "127.0.0.1", false],
  ["the same port elsewhere, where the host here is not known", null, true],
])("held or a stranger: %s: %p", (_, own, want) => {
  const holds = createHolds()
  holds.hold(own, { address: "192.0.2.7", port: 5000 })
  expect(holds.has("192.0.2.1", { address: "192.0.2.7", port: 5000 })).toBe(want)
  expect(holds.has("192.0.2.1", { address: "192.0.2.7", port: 5001 })).toBe(false)
})

test.each([
  [0, 0, 0, 0],
  [15, 7, 3, 1],
  [1023, 511, 255, 127],
  [1024, 512, 256, 128],
  [1040, 512, 260, 128],
  [4095, 512, 1023, 128],
  [4096, 512, 1024, 128],
  [1_048_576, 512, 1024, 128],
  [Number.POSITIVE_INFINITY, 512, 1024, 128],
] as const)(
  "of %p descriptors there are for strangers, peers and what is local: %p, %p, %p",
  (of, strangers, peers, rest) => {
    const { connections, holds, local } = sharesOf(of)
    expect([connections, holds, local]).toEqual([strangers, peers, rest])
  },
)

test.each([
  ["256                  4096                 files", 256],
  ["unlimited            unlimited            files", Number.POSITIVE_INFINITY],
])("the limit of descriptors: %s", (words, want) => {
  const row = (name: string, rest: string): string => `${name.padEnd(26)}${rest}     \n`
  const before = row("Max processes", "127 127 processes")
  expect(
    descriptorLimit(before + row("Max open files", words) + row("Max pending signals", "7 7 signals")),
  ).toBe(want)
})

const port = 9876
const here = { address: "192.0.2.1", port }

/** 10 connections of strangers, and room for newcomers below 18 descriptors. */
const limit = 20

/** A kernel with a listener of the port, descriptor 3, and what else is opened; what it was asked and told. */
function createKernel() {
  const open = new Map<number, { own: End | null; other?: End; isListening?: boolean }>()
  const asked: number[] = []
  const told: string[] = []
  const kernel: Kernel = {
    limit,
    descriptors: () => [...open.keys()].sort((a, b) => a - b),
    own(descriptor) {
      asked.push(descriptor)
      return open.get(descriptor)?.own ?? null
    },
    other: descriptor => open.get(descriptor)?.other ?? null,
    isListening: descriptor => open.get(descriptor)?.isListening === true,
    cut(descriptor) {
      told.push(`cut ${descriptor}`)
      open.delete(descriptor)
      return 0
    },
    admit: (descriptor, isOpen) => void told.push(`${isOpen ? "open" : "shut"} ${descriptor}`),
  }
  open.set(3, { own: here, isListening: true })
  return {
    kernel,
    open,
    asked,
    told,
    /** A connection of a stranger's; the address ends in `host`. */
    connect: (descriptor: number, host = 7, from = 40_000 + descriptor) =>
      open.set(descriptor, { own: here, other: { address: `198.51.100.${host}`, port: from } }),
    /** Files, as many as bring the open descriptors to this number. */
    fill(count: number) {
      for (let descriptor = 1000; open.size < count; descriptor += 1) open.set(descriptor, { own: null })
    },
  }
}

let cut: string[]
let errors: unknown[]
let world: ReturnType<typeof createKernel>
let holds: ReturnType<typeof createHolds>
let crowd: ReturnType<typeof watchCrowd>
beforeEach(() => {
  jest.useFakeTimers()
  cut = []
  errors = []
  world = createKernel()
  holds = createHolds()
  const onCut = (address: string) => void cut.push(address)
  crowd = watchCrowd({ port, holds, onCut, onError: error => errors.push(error) }, world.kernel)
})
afterEach(() => {
  crowd.stop()
  jest.useRealTimers()
})

describe("of the strangers on a port", () => {
  test("the first of eleven is cut, and it is said where it came from", () => {
    for (let descriptor = 10; descriptor < 20; descriptor += 1) world.connect(descriptor)
    crowd.look()
    expect([world.told, cut]).toEqual([[], []])
    world.connect(20, 8)
    crowd.look()
    expect([world.told, cut]).toEqual([["cut 10"], ["198.51.100.7"]])
  })

  test("who was there at the last look is older than whoever has a lower descriptor, or the same, since then", () => {
    for (let descriptor = 20; descriptor < 31; descriptor += 1) world.connect(descriptor)
    crowd.look()
    world.connect(21, 7, 50_000)
    world.connect(10)
    crowd.look()
    expect(world.told).toEqual(["cut 20", "cut 22"])
  })

  test("who is held counts no more than what goes elsewhere, or has no other end", () => {
    for (let descriptor = 10; descriptor < 20; descriptor += 1) world.connect(descriptor)
    world.connect(5)
    holds.hold(here.address, { address: "198.51.100.7", port: 40_005 })
    world.open.set(6, { own: { ...here, port: 22 }, other: { address: "198.51.100.7", port: 40_006 } })
    world.open.set(7, { own: here })
    crowd.look()
    expect(world.told).toEqual([])
    world.connect(20)
    crowd.look()
    expect(world.told).toEqual(["cut 10"])
  })

  test("nobody is asked for while no more is open than strangers may have, beside what is held", () => {
    for (let descriptor = 10; descriptor < 19; descriptor += 1) world.connect(descriptor)
    world.connect(5)
    holds.hold(here.address, { address: "198.51.100.7", port: 40_005 })
    crowd.look()
    expect([world.open.size, world.asked]).toEqual([11, []])
  })
})

test("while hardly a descriptor is left, every listener of the port is shut at each look, and opened once", () => {
  world.open.set(4, { own: { ...here, address: "::1" }, isListening: true })
  world.open.set(5, { own: { ...here, port: 22 }, isListening: true })
  world.open.set(6, { own: null, isListening: true })
  world.connect(10)
  world.fill(17)
  crowd.look()
  expect(world.told).toEqual([])
  world.fill(18)
  crowd.look()
  expect(world.told.splice(0)).toEqual(["shut 3", "shut 4"])
  crowd.look()
  expect(world.told.splice(0)).toEqual(["shut 3", "shut 4"])
  world.open.delete(10)
  crowd.look()
  crowd.look()
  expect(world.told).toEqual(["open 3", "open 4"])
})

describe("it is looked", () => {
  const timers = (): number => jest.getTimerCount()
  /** The looks that the clock brings, until one finds nothing new. */
  const settle = (): void => void jest.advanceTimersByTime(800)

  test("400 ms after it began, again as more is open than before, and then no more", () => {
    const looks: number[] = []
    world.kernel.descriptors = () => {
      looks.push(world.open.size)
      return [...world.open.keys()]
    }
    jest.advanceTimersByTime(399)
    expect([looks, timers()]).toEqual([[], 1])
    jest.advanceTimersByTime(1)
    expect([looks, timers()]).toEqual([[1], 1])
    jest.advanceTimersByTime(400)
    expect([looks, timers()]).toEqual([[1, 1], 0])
    jest.advanceTimersByTime(60_000)
    expect(looks).toEqual([1, 1])
    world.connect(10)
    crowd.look()
    expect(timers()).toBe(1)
    settle()
    world.open.delete(10)
    crowd.look()
    expect(timers()).toBe(0)
  })

  test("again as long as the listeners are shut", () => {
    settle()
    world.fill(18)
    settle()
    for (let i = 0; i < 5; i += 1) {
      crowd.look()
      expect(timers()).toBe(1)
      jest.advanceTimersByTime(400)
    }
    world.open.delete(1000)
    settle()
    expect(timers()).toBe(0)
  })

  test("as somebody comes, by one handler and one timer, and no more once it is stopped", () => {
    for (let i = 0; i < 3; i += 1) announceNewcomers(port)
    const tells = new Set(process.listeners("SIGIO"))
    expect(tells.size).toBe(process.listenerCount("SIGIO"))
    settle()
    expect(timers()).toBe(0)
    process.emit("SIGIO", "SIGIO")
    process.emit("SIGIO", "SIGIO")
    expect(timers()).toBe(1)
    world.connect(10)
    jest.advanceTimersByTime(400)
    expect(timers()).toBe(1)
    crowd.stop()
    expect(timers()).toBe(0)
    process.emit("SIGIO", "SIGIO")
    expect(timers()).toBe(0)
  })

  test("again where that failed, which is told", () => {
    settle()
    const { descriptors } = world.kernel
    const broken = new Error("none is left")
    world.kernel.descriptors = () => {
      throw broken
    }
    crowd.look()
    expect([errors, timers()]).toEqual([[broken], 1])
    world.kernel.descriptors = descriptors
    for (let descriptor = 10; descriptor < 21; descriptor += 1) world.connect(descriptor)
    settle()
    expect([world.told, errors]).toEqual([["cut 10"], [broken]])
  })
})

test("a descriptor is kept for the look alone, and given back at the end, once", () => {
  const link = (name: string): string => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`)
    } catch {
      return ""
    }
  }
  const spares = (): number => readdirSync("/proc/self/fd").filter(one => link(one) === "/dev/null").length
  const kept = spares()
  const during: number[] = []
  world.kernel.descriptors = () => {
    during.push(spares())
    return []
  }
  crowd.look()
  crowd.look()
  expect([during, spares()]).toEqual([[kept - 1, kept - 1], kept])
  crowd.stop()
  crowd.stop()
  expect([spares(), errors]).toEqual([kept - 1, []])
})
