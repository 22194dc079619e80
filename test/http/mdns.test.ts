/** Minters announced and asked for, on networks of the test's own; and how much is read of what others say. */
import { afterEach, beforeEach, describe, expect, jest, type Mock, spyOn, test } from "bun:test"
import { Socket } from "node:dgram"
import { getEventListeners } from "node:events"
import { join } from "node:path"
import { type Answer, encode } from "dns-packet"
import { announce, createHearing, createLimit, search } from "../../src/http/mdns.ts"
import {
  announcementPacket,
  mdnsPort,
  questionPacket,
  randomNames,
  readPacket,
  serviceName,
} from "../../src/http/mdns-packets.ts"
import { type Link, noLink, openLink } from "../support/link.ts"
import { until } from "../support/world.ts"

const names = randomNames(crypto.getRandomValues(new Uint8Array(16)))
const announced = (port: number, address = "192.168.7.1"): Uint8Array =>
  announcementPacket(names, address, port, 120)
const neighbour = { address: "192.168.7.66", port: mdnsPort }

describe("of what neighbours say, a joiner", () => {
  test("keeps the address that a packet came from, with the record's port, each once", () => {
    const hearing = createHearing()
    for (const port of [9876, 9877, 9876])
      expect(hearing.take(announced(port, "127.0.0.1"), neighbour)).toBe("more")
    expect(hearing.places()).toEqual([
      { host: "192.168.7.66", port: 9876 },
      { host: "192.168.7.66", port: 9877 },
    ])
  })

  test("reads 100 packets, whatever they are, and goes to 8 places", () => {
    const hearing = createHearing()
    const junk = new Uint8Array(40).fill(0x80)
    for (let i = 0; i < 1000; i += 1) expect(hearing.take(questionPacket(), neighbour)).toBe("more")
    for (let i = 1; i < 100; i += 1) expect(hearing.take(i % 2 ? junk : announced(i), neighbour)).toBe("more")
    expect(hearing.take(junk, neighbour)).toBe("enough")
    for (let i = 0; i < 10_000; i += 1) expect(hearing.take(announced(20_000 + i), neighbour)).toBe("enough")
    expect(hearing.places()).toHaveLength(8)
    expect(hearing.places()[0]).toEqual({ host: "192.168.7.66", port: 2 })
  })

  test("reads none that comes behind them", () => {
    const hearing = createHearing()
    const junk = new Uint8Array(40).fill(0x80)
    for (let i = 0; i < 100; i += 1) hearing.take(junk, neighbour)
    expect([hearing.take(questionPacket(), neighbour), hearing.take(announced(9876), neighbour)]).toEqual([
      "enough",
      "enough",
    ])
    expect(hearing.places()).toEqual([])
  })
})

test("a limit lets so many pass in a second, and again in the next", () => {
  let now = 5000
  const limit = createLimit(() => now, 2)
  const passed = (): boolean[] => [limit(), limit(), limit()]
  expect(passed()).toEqual([true, true, false])
  now += 999
  expect(passed()).toEqual([false, false, false])
  now += 1
  expect(passed()).toEqual([true, true, false])
})

describe("on loopback, where nobody answers", () => {
  const loopback = { interfaceName: "lo", address: "127.0.0.1", prefix: 8 }
  let sent: Mock<(...words: unknown[]) => void>
  beforeEach(() => {
    jest.useFakeTimers()
    sent = spyOn(Socket.prototype, "send").mockImplementation(((...words: unknown[]) => {
      ;(words.at(-1) as () => void)()
    }) as never) as never
  })
  afterEach(() => {
    sent.mockRestore()
    jest.useRealTimers()
  })
  /** Goes on once what is under way has come as far as it can: real time, which no timer of the search sees. */
  const settled = async () => {
    for (let i = 0; i < 20; i += 1) await new Promise(resolve => setImmediate(resolve))
  }
  const packets = () => sent.mock.calls.map(([packet]) => readPacket(packet as Uint8Array, mdnsPort)?.kind)

  test("a search asks twice, is over after 3 s, and leaves no timer, socket or listener", async () => {
    const { signal } = new AbortController()
    const searching = search([loopback], signal)
    await settled()
    expect(packets()).toEqual(["question"])
    jest.advanceTimersByTime(1000)
    expect(packets()).toEqual(["question", "question"])
    jest.advanceTimersByTime(2000)
    expect(await searching).toEqual({ places: [], asked: [loopback] })
    expect([jest.getTimerCount(), getEventListeners(signal, "abort")]).toEqual([0, []])
    expect(() => (sent.mock.contexts[0] as unknown as Socket).address()).toThrow()
  })

  test("and is over as whoever asked stops, before it asks where that was before", async () => {
    const stop = new AbortController()
    const searching = search([loopback], stop.signal)
    await settled()
    stop.abort()
    expect(await searching).toEqual({ places: [], asked: [loopback] })
    expect([packets(), jest.getTimerCount()]).toEqual([["question"], 0])
    expect(await search([loopback], stop.signal)).toEqual({ places: [], asked: [loopback] })
    expect(packets()).toHaveLength(1)
  })

  test("a network on which it cannot be listened is left out, and where there is no other one it is over", async () => {
    const none = { ...loopback, address: "192.0.2.1" }
    using closed = spyOn(Socket.prototype, "close")
    expect(await search([none], new AbortController().signal)).toEqual({ places: [], asked: [] })
    using _ = spyOn(Socket.prototype, "bind").mockImplementation(function (this: Socket) {
      queueMicrotask(() => this.emit("error", new Error("EADDRINUSE")))
      return this
    } as never)
    expect(await search([loopback], new AbortController().signal)).toEqual({ places: [], asked: [] })
    expect([packets(), closed.mock.calls.length]).toEqual([[], 2])
  })

  test("a minter goes on where nothing can be sent any more, and ends without a wait", async () => {
    using _ = spyOn(Bun, "sleep").mockImplementation(() => new Promise(() => {}))
    const { announcement, socket, isSaid } = await open()
    for (const code of ["ENETDOWN", "ENETDOWN"]) socket.emit("error", new Error(code))
    sent.mockImplementation(() => {
      throw new Error("ENETUNREACH")
    })
    expect(isSaid(1000, [questionPacket()])).toBe(true)
    await announcement.close()
  })

  test("a minter says so twice, and takes it back", async () => {
    const random = (length: number): Uint8Array => new Uint8Array(length)
    const announcement = await announce({ network: loopback, port: 9876, random, elapsed: () => 0 })
    expect(packets()).toEqual(["minter"])
    jest.advanceTimersByTime(1000)
    expect(packets()).toEqual(["minter", "minter"])
    jest.advanceTimersByTime(60_000)
    await announcement.close()
    expect(sent.mock.calls).toHaveLength(3)
    const early = await announce({ network: loopback, port: 9876, random, elapsed: () => 0 })
    await early.close()
    jest.advanceTimersByTime(1000)
    expect(sent.mock.calls).toHaveLength(5)
  })

  /** An announcement, and what comes to its socket. */
  async function open() {
    let now = 0
    const lengths: number[] = []
    const random = (length: number): Uint8Array => {
      lengths.push(length)
      return new Uint8Array(length)
    }
    const announcement = await announce({ network: loopback, port: 9876, random, elapsed: () => now })
    const socket = sent.mock.contexts[0] as unknown as Socket
    return {
      announcement,
      lengths,
      socket,
      /** Whether these packets, which come at this time, have it said again. */
      isSaid(at: number, packets: readonly Uint8Array[], address = "127.0.0.2"): boolean {
        now = at
        const before = sent.mock.calls.length
        for (const packet of packets) socket.emit("message", Buffer.from(packet), { address, port: mdnsPort })
        return sent.mock.calls.length > before
      },
    }
  }
  const several = (count: number, packet: Uint8Array) => Array.from({ length: count }, () => packet)
  const noise = new Uint8Array(12)

  test("a minter has 16 random bytes in its names, and answers a neighbour a second after it last said so", async () => {
    const { announcement, lengths, isSaid } = await open()
    expect(lengths).toEqual([16])
    expect(isSaid(999, [questionPacket()])).toBe(false)
    expect(isSaid(1000, [noise])).toBe(false)
    expect(isSaid(1000, [questionPacket()], "127.0.0.1")).toBe(false)
    expect(isSaid(1000, [questionPacket()], "192.0.2.7")).toBe(false)
    expect(isSaid(1000, [questionPacket()])).toBe(true)
    expect(isSaid(1999, [questionPacket()])).toBe(false)
    await announcement.close()
  })

  test("it reads 100 packets in a second, of which answers are none", async () => {
    const { announcement, isSaid } = await open()
    expect(isSaid(1000, [...several(99, noise), questionPacket()])).toBe(true)
    expect(isSaid(2000, [...several(100, noise), questionPacket()])).toBe(false)
    expect(isSaid(3000, [...several(200, announced(9876)), questionPacket()])).toBe(true)
    await announcement.close()
  })

  test("its socket is closed with it, once, and hears no more", async () => {
    const { announcement, socket, isSaid } = await open()
    expect(socket.address()).toMatchObject({ address: "224.0.0.251", port: mdnsPort })
    await announcement.close()
    expect(() => socket.address()).toThrow()
    expect(isSaid(1000, [questionPacket()])).toBe(false)
    await announcement.close()
  })

  test("its packets stay on its network and do not come back", async () => {
    using echo = spyOn(Socket.prototype, "setMulticastLoopback")
    using hops = spyOn(Socket.prototype, "setMulticastTTL")
    using way = spyOn(Socket.prototype, "setMulticastInterface")
    const { announcement } = await open()
    expect([echo, hops, way].map(one => one.mock.calls)).toEqual([[[false]], [[255]], [["127.0.0.1"]]])
    await announcement.close()
  })
})

let link: Link
afterEach(async () => link?.[Symbol.asyncDispose]())

type Line = { readonly port: number; readonly seconds: number; readonly at: number }

const start = (machine: string, script: string, words: readonly string[], input?: string) =>
  link.start<Line>(machine, `http/inside/${script}.ts`, words, input)

/** Somebody who says these packets again and again. */
const say = (
  machine: string,
  address: string,
  packets: readonly Uint8Array[],
  { milliseconds = 200, from = mdnsPort } = {},
) => {
  const texts = packets.map(packet => Buffer.from(packet).toString("base64"))
  return start(machine, "mdns-say", [address], JSON.stringify({ packets: texts, milliseconds, from }))
}

type Found = {
  readonly places: readonly { readonly host: string; readonly port: number }[]
  readonly interfaces: readonly string[]
  readonly milliseconds: number
}

async function searchOn(machine: string): Promise<Found> {
  const path = join(import.meta.dir, "inside/mdns-search.ts")
  const child = Bun.spawn([...link.on(machine), process.execPath, path], { stdout: "pipe" })
  return JSON.parse(await child.stdout.text()) as Found
}

/** Searches until these are found, and no more: one who stands still for all three seconds of a search is not heard. */
async function finds(machine: string, wanted: Found["places"]): Promise<void> {
  let places: Found["places"] = []
  const areFound = async (): Promise<boolean> => {
    places = (await searchOn(machine)).places.toSorted((a, b) => a.port - b.port)
    return Bun.deepEquals(places, wanted)
  }
  await until("these places", areFound).catch(() => expect(places).toEqual(wanted))
}

describe.skipIf(noLink !== null)(`on a network${noLink === null ? "" : ` (skipped: ${noLink})`}`, () => {
  const room = { left: ["192.168.7.1/24"], right: ["192.168.7.2/24"], third: ["192.168.7.3/24"] }

  test("minters are found by who asks after they said so, and nobody is where none is", async () => {
    link = await openLink(room)
    const nobody = await searchOn("right")
    expect(nobody).toMatchObject({ places: [], interfaces: ["eth0 192.168.7.2/24"] })
    expect(nobody.milliseconds).toBeGreaterThan(2900)
    expect(nobody.milliseconds).toBeLessThan(30_000)
    await start("left", "mdns-announce", ["9876"])
    await start("third", "mdns-announce", ["9879"])
    await finds("right", [
      { host: "192.168.7.1", port: 9876 },
      { host: "192.168.7.3", port: 9879 },
    ])
    expect(link.udpSockets("right")).toBe("")
    await finds("left", [{ host: "192.168.7.3", port: 9879 }])
  }, 120_000)

  test("an announcement is taken back as it is closed, and nothing listens any more", async () => {
    link = await openLink(room)
    const ear = await start("right", "mdns-ear", ["192.168.7.2", "192.168.7.1"])
    const minter = await start("left", "mdns-announce", ["9876"])
    await until("the announcement", () => ear.lines.length > 0)
    expect(link.udpSockets("left")).toContain("224.0.0.251:5353")
    minter.child.stdin.end()
    expect(await minter.child.exited).toBe(0)
    await until("the goodbye", () => ear.lines.at(-1)?.seconds === 0)
    expect(link.udpSockets("left")).toBe("")
    expect(ear.lines.filter(one => one.seconds !== 0 && one.seconds !== 120)).toEqual([])
  }, 120_000)

  test("whoever asks, however often, an announcement comes once a second, and for another network's question none", async () => {
    link = await openLink({ ...room, third: ["10.9.0.3/24"] })
    await start("left", "mdns-announce", ["9876"])
    const ear = await start("right", "mdns-ear", ["192.168.7.2", "192.168.7.1"])
    await say("third", "10.9.0.3", [questionPacket()], { milliseconds: 20 })
    expect((await searchOn("third")).places).toEqual([])
    // Of its own it may say so once more, a second after the first time.
    expect(ear.lines.length).toBeLessThanOrEqual(1)
    const before = ear.lines.length
    const began = performance.now()
    await say("right", "192.168.7.2", Array.from({ length: 20 }, questionPacket), {
      milliseconds: 20,
      from: 0,
    })
    await until("four answers", () => ear.lines.length >= before + 4)
    // By the test's clock: the ear of a busy machine may have heard several at once.
    const seconds = (performance.now() - began) / 1000
    expect(seconds).toBeGreaterThan(2)
    expect(ear.lines.length - before).toBeLessThanOrEqual(2 + seconds)
  }, 120_000)

  test("records that point elsewhere lead to their sender; what comes from another network leads nowhere", async () => {
    link = await openLink({ right: ["192.168.7.2/24"], liar: ["192.168.7.66/24", "10.9.0.66/24"] })
    const elsewhere: Answer[] = [
      { type: "SRV", name: `x.${serviceName}`, ttl: 120, data: { port: 22, target: "victim.local" } },
      { type: "A", name: "victim.local", ttl: 120, data: "192.168.7.1" },
    ]
    await say("liar", "192.168.7.66", [
      encode({ type: "response", answers: elsewhere }),
      announced(23, "8.8.8.8"),
    ])
    await say("liar", "10.9.0.66", [announced(24)])
    await finds("right", [
      { host: "192.168.7.66", port: 22 },
      { host: "192.168.7.66", port: 23 },
    ])
  }, 120_000)

  test("our own announcement, echoed by somebody with our address, leads nowhere", async () => {
    link = await openLink({ right: ["192.168.7.2/24"], mirror: ["192.168.7.2/24", "192.168.7.66/24"] })
    await say("mirror", "192.168.7.2", [announced(9876, "192.168.7.2")])
    expect((await searchOn("right")).places).toEqual([])
  }, 120_000)

  test("a flood ends the search and no more: eight places, and a minter that answers as before", async () => {
    link = await openLink(room)
    const flood = Array.from({ length: 500 }, (_, i) => announced(10_000 + i))
    await say("third", "192.168.7.3", [...flood, crypto.getRandomValues(new Uint8Array(400))], {
      milliseconds: 50,
    })
    await start("left", "mdns-announce", ["9876"])
    // On a busy machine the flood may take as long as a search does: then once more.
    const found = await until("a search that ends before its time", async () => {
      const one = await searchOn("right")
      expect(one.places).toHaveLength(8)
      return one.milliseconds < 2900 ? one : null
    })
    expect(found.places).toHaveLength(8)
    const ear = await start("right", "mdns-ear", ["192.168.7.2", "192.168.7.1"])
    await say("right", "192.168.7.2", [questionPacket()], { milliseconds: 100 })
    await until("an answer", () => ear.lines.some(one => one.port === 9876))
  }, 120_000)

  test("another program on mDNS's port goes on, and so do we", async () => {
    link = await openLink({ left: room.left, right: room.right })
    const ear = await start("right", "mdns-ear", ["192.168.7.2", "192.168.7.1"])
    await start("left", "mdns-announce", ["9876"])
    await finds("right", [{ host: "192.168.7.1", port: 9876 }])
    await until("the ear", () => ear.lines.length > 0)
    expect(link.udpSockets("right").trim().split("\n")).toHaveLength(1)
  }, 120_000)
})
