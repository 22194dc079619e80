/** Whom a code is tried with: on this machine first, then on its networks, and of several with nobody. */
import { afterEach, beforeEach, expect, type Mock, spyOn, test } from "bun:test"
import type { PairingEvent } from "../../../src/guardian/door/results.ts"
import * as handshake from "../../../src/guardian/pairing/handshake.ts"
import * as heard from "../../../src/guardian/pairing/heard.ts"
import { createJoining, type JoinWish } from "../../../src/guardian/pairing/joining.ts"
import type { Place } from "../../../src/protocol/moving.ts"
import { createTestContext, type TestContext } from "../../support/context.ts"
import { rejectionOf } from "../../support/errors.ts"

let made: TestContext
/** Where somebody answers with an open code, and by which name. */
let open: Map<string, string>
/** Where hello was said. */
let asked: Place[]
let near: Place[]
let searches: number
let events: PairingEvent[]
let mocks: Mock<never>[]

const key = ({ host, port }: Place): string => `${host}:${port}`

beforeEach(() => {
  made = createTestContext(["ada"])
  Object.assign(made.context, { address: { host: "127.0.0.1", port: 9880 } })
  open = new Map()
  asked = []
  near = []
  searches = 0
  events = []
  const sayHello: typeof handshake.sayHello = async (_, __, place) => {
    asked.push(place)
    const name = open.get(key(place))
    return name === undefined
      ? { place, cause: "refused", reason: "" }
      : ({ place, intro: { name, agent: `agent-${name}` }, confirm: () => expect.unreachable() } as never)
  }
  const searchNetworks = async () => {
    searches += 1
    return { places: near, interfaceNames: ["eth0"] }
  }
  mocks = [
    spyOn(handshake, "sayHello").mockImplementation(sayHello) as never,
    spyOn(heard, "searchNetworks").mockImplementation(searchNetworks) as never,
  ]
})
afterEach(() => {
  for (const mock of mocks) mock.mockRestore()
  made[Symbol.dispose]()
})

const find = (more: Partial<JoinWish> = {}) =>
  createJoining(made.context, {} as never, () => {}).find(
    { ...{ symbols: "4F2K", host: null, port: null, as: null, replace: false, heard: false }, ...more },
    event => void events.push(event),
  )
const loopback = "127.0.0.1"
const ports = () => asked.map(({ port }) => port)
const range = Array.from({ length: 100 }, (_, i) => 9876 + i)

test("a bare code is tried at the usual ports of this machine, but for our own, and goes no further where one has it", async () => {
  open.set(`${loopback}:9975`, "mira")
  expect(await find()).toEqual({
    ...{ host: loopback, port: 9975, name: "mira", agent: "agent-mira", isHeard: false },
  })
  expect(ports()).toEqual(range.filter(port => port !== 9880))
  expect([...new Set(asked.map(({ host }) => host))]).toEqual([loopback])
  expect([searches, events]).toEqual([0, [{ event: "found", name: "mira", host: loopback, port: 9975 }]])
})

test("at a host that was named, at all of them, and nowhere else", async () => {
  expect((await rejectionOf(find({ host: "192.0.2.7" }))).code).toBe("unreachable")
  expect([ports(), asked[0]?.host, searches]).toEqual([range, "192.0.2.7", 0])
  asked = []
  expect((await rejectionOf(find({ host: loopback, port: 9880 }))).code).toBe("unreachable")
  expect(asked).toEqual([{ host: loopback, port: 9880 }])
})

test("at a port alone, at that one of this machine, but for our own, and then on the networks", async () => {
  expect((await rejectionOf(find({ port: 7 }))).code).toBe("unreachable")
  expect([asked, searches]).toEqual([[{ host: loopback, port: 7 }], 1])
})

test("where nobody has it here, on the networks, which is said", async () => {
  near = [
    { host: "192.0.2.7", port: 9876 },
    { host: "192.0.2.8", port: 9876 },
  ]
  open.set("192.0.2.8:9876", "mira")
  expect(await find()).toMatchObject({ host: "192.0.2.8", port: 9876, isHeard: true })
  expect([asked.length, searches]).toEqual([101, 1])
})

test("nobody on either has it: it is said where was looked", async () => {
  const error = await rejectionOf(find())
  expect([error.code, error.message.includes("eth0") || error.hint?.includes("eth0")]).toEqual([
    "unreachable",
    true,
  ])
  expect(events).toEqual([])
})

test("what was heard once with a code is not looked for again", async () => {
  heard.countTry(made.context, "4F2K", true)
  near = [{ host: "192.0.2.8", port: 9876 }]
  open.set("192.0.2.8:9876", "mira")
  expect((await rejectionOf(find())).code).toBe("refused")
  expect(searches).toBe(0)
})

test("a place that the owner picked out of what was heard is one that was", async () => {
  open.set("192.0.2.8:9876", "mira")
  expect(await find({ host: "192.0.2.8", port: 9876, heard: true })).toMatchObject({ isHeard: true })
})

test.each<readonly [string, readonly string[], readonly string[], string, string]>([
  [
    "on this machine by their ports",
    [`${loopback}:9876`, `${loopback}:9877`],
    [],
    "mira (9876), lia (9877)",
    "name one by its port: `sento pair CODE@127.0.0.1:PORT`",
  ],
  [
    "on the networks by their addresses",
    [],
    ["192.0.2.7:9876", "192.0.2.8:9877"],
    "mira (192.0.2.7:9876), lia (192.0.2.8:9877)",
    "name one by its address, as its owner sees it: `sento pair CODE@HOST:PORT`",
  ],
  [
    "of which one was heard of this machine, by their addresses too",
    [],
    [`${loopback}:19876`, "192.0.2.8:9877"],
    `mira (${loopback}:19876), lia (192.0.2.8:9877)`,
    "name one by its address, as its owner sees it: `sento pair CODE@HOST:PORT`",
  ],
])("several are named %s", async (_, here, there, list, hint) => {
  const places = [...here, ...there].map(text => {
    const [host = "", port = ""] = text.split(":")
    return { host, port: Number(port) }
  })
  for (const [i, place] of places.entries()) open.set(key(place), ["mira", "lia"][i] ?? "")
  near = there.length === 0 ? [] : places
  const error = await rejectionOf(find())
  expect([error.code, error.message, error.hint]).toEqual([
    "usage",
    `several agents have an open code: ${list}`,
    hint,
  ])
  expect(events).toEqual([
    {
      event: "several",
      candidates: places.map((place, i) => ({ name: ["mira", "lia"][i] ?? "", ...place })),
    },
  ])
})
