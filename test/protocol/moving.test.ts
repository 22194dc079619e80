import { describe, expect, test } from "bun:test"
import {
  mayHaveMoved,
  placeAfterHello,
  placeToAsk,
  portsAround,
  strangerReason,
  waitBeforeAsking,
  waitBeforeRepeating,
} from "../../src/protocol/moving.ts"

const here = { host: "127.0.0.1", port: 9876, reached: "127.0.0.1" }
const there = { host: "192.0.2.7", port: 9876, reached: "192.0.2.7" }
const { reached: _, ...unreached } = there

test.each([
  ["another port is taken", here, { port: 9877 }, { host: "127.0.0.1", port: 9877 }],
  ["the same port changes nothing", here, { port: 9876 }, null],
  ["the same host, named, changes nothing", there, { host: "192.0.2.7", port: 9876 }, null],
  [
    "nor one that only its own network knows, though it names it",
    there,
    { host: "169.254.0.8", port: 9 },
    { host: "192.0.2.7", port: 9 },
  ],
  ["nor a multicast one", there, { host: "ff02::1", port: 9876 }, null],
  ["another host is taken", there, { host: "192.0.2.8", port: 9 }, { host: "192.0.2.8", port: 9 }],
  ["a host without its name stays", there, { port: 9 }, { host: "192.0.2.7", port: 9 }],
  ["loopback does not become another host", here, { host: "192.0.2.8", port: 9876 }, null],
  ["of a swap, the port counts", here, { host: "kai.example", port: 9 }, { host: "127.0.0.1", port: 9 }],
  ["another host does not become loopback", there, { host: "127.0.0.1", port: 9876 }, null],
  ["nor loopback by name", there, { host: "localhost", port: 9 }, { host: "192.0.2.7", port: 9 }],
  ["nor loopback mapped into IPv6", there, { host: "::ffff:127.0.0.1", port: 9876 }, null],
  ["loopback may become other loopback", here, { host: "::1", port: 9876 }, { host: "::1", port: 9876 }],
  ["the owner's address stays", { ...here, fixed: true }, { port: 9877 }, null],
  [
    "an address that the owner let go may change",
    { ...here, fixed: false },
    { port: 1 },
    { host: here.host, port: 1 },
  ],
  [
    "a name that was in capitals is the same",
    { host: "KAI.example", port: 1 },
    { host: "kai.example", port: 1 },
    null,
  ],
  [
    "an address that it names and that was seen is taken",
    there,
    { port: 9876, from: "192.0.2.8", seen: "192.0.2.8" },
    { host: "192.0.2.8", port: 9876 },
  ],
  [
    "… in whatever spelling",
    there,
    { port: 9876, from: "192.0.2.8", seen: "::ffff:192.0.2.8" },
    { host: "192.0.2.8", port: 9876 },
  ],
  [
    "one that was seen otherwise is not: a NAT lies between",
    there,
    { port: 9876, from: "192.0.2.8", seen: "192.0.2.9" },
    null,
  ],
  ["nor one over no connection", there, { port: 9876, from: "192.0.2.8", seen: null }, null],
  ["nor one that nobody looked at", there, { port: 9876, from: "192.0.2.8" }, null],
  ["nor one that it does not name", there, { port: 9876, seen: "192.0.2.8" }, null],
  [
    "nor one that only this network knows",
    there,
    { port: 9876, from: "169.254.0.8", seen: "169.254.0.8" },
    null,
  ],
  [
    "nor one in place of a name",
    { host: "kai.example", port: 9876 },
    { port: 9876, from: "192.0.2.8", seen: "192.0.2.8" },
    null,
  ],
  [
    "the host that it names goes before the one that was seen",
    there,
    { host: "192.0.2.9", port: 9876, from: "192.0.2.8", seen: "192.0.2.8" },
    { host: "192.0.2.9", port: 9876 },
  ],
  [
    "a name in capitals is the same",
    { host: "kai.example", port: 1 },
    { host: "KAI.example", port: 1 },
    null,
  ],
])("hello: %s", (_, known, hello, want) => expect(placeAfterHello(known, hello)).toEqual(want))

test.each([
  ["the address that it names", there, { port: 9 }, { host: "192.0.2.7", port: 9 }],
  ["nothing, where it is where it was", there, { port: 9876 }, null],
  ["the known address, where it was never reached", unreached, { port: 9876 }, unreached],
  ["the one that it names before that", unreached, { port: 9 }, { host: "192.0.2.7", port: 9 }],
  ["nothing, where the owner set the address", { ...unreached, fixed: true }, { port: 9 }, null],
])("asked after a hello: %s", (_, known, hello, want) => expect(placeToAsk(known, hello)).toEqual(want))

test.each([
  ["nothing listens", here, { cause: "refused", status: null }, true],
  ["a bare 403", here, { cause: null, status: 403 }, true],
  ["another program", there, { cause: null, status: 404 }, true],
  ["something that speaks no HTTP", there, { cause: "failed", status: null }, true],
  ["silence on this machine", here, { cause: "timed-out", status: null }, true],
  ["silence elsewhere", there, { cause: "timed-out", status: null }, false],
  ["a name that leads nowhere", there, { cause: "unresolved", status: null }, false],
  ["nothing listens where it was never reached", unreached, { cause: "refused", status: null }, false],
  ["another program where it was never reached", unreached, { cause: null, status: 404 }, false],
  ["an address of the owner's", { ...here, fixed: true }, { cause: "refused", status: null }, false],
] as const)("looking for a peer after %s", (_, known, failure, want) =>
  expect(mayHaveMoved(known, failure)).toBe(want),
)

describe("ports to look on", () => {
  test("the nearest first, then the usual range; each once, not the known one, not our own", () => {
    const ports = portsAround(here, 9900)
    expect(ports.slice(0, 4)).toEqual([9877, 9875, 9878, 9874])
    expect(ports.at(-1)).toBe(9975)
    expect(new Set(ports).size).toBe(ports.length)
    expect(ports).not.toContain(9876)
    expect(ports).not.toContain(9900)
    expect(ports).toHaveLength(10 + 99 - 1)
  })

  test.each([
    [2, 1],
    [65_534, 65_535],
  ])("the first and the last are among %d's neighbours", (port, neighbour) =>
    expect(portsAround({ host: "127.0.0.1", port }, null)).toContain(neighbour),
  )

  test.each([
    [1, 2],
    [65_535, 65_534],
  ])("%d has no neighbours that are no ports", (port, first) => {
    const ports = portsAround({ host: "127.0.0.1", port }, null)
    expect(ports[0]).toBe(first)
    expect(ports).toHaveLength(110)
  })
})

const second = 1000
const minute = 60 * second
const tenTimes = (at: number): number[] => Array.from({ length: 10 }, (_, i) => at + i * minute)
test.each([
  ["the first is asked at once", [], 0, 0],
  ["behind one in vain the next is asked 10 s after that began", [5 * second], 5 * second, 10 * second],
  ["whenever that one ended", [5 * second], 14 * second, second],
  ["and no later", [5 * second], 15 * second, 0],
  ["the last one counts", [5 * second, 0], 10 * second, 5 * second],
  ["ten in vain wait until the first is an hour old", tenTimes(0), 10 * minute, 50 * minute],
  ["which is let in then", tenTimes(0), 60 * minute, 0],
] as const)("addresses that a peer names: %s", (_, vainAt, at, want) =>
  expect(waitBeforeAsking(vainAt, at)).toBe(want),
)

test.each([
  [
    "a pair that is not known there",
    403,
    null,
    "kai's address answers, but does not know this pair: kai may have been restored from a backup, have removed this agent, or another agent may have its port; ask its owner",
  ],
  [
    "another agent",
    403,
    "lia",
    "kai's address is also that of lia, and what answers there is not kai, which may have moved; ask its owner",
  ],
  [
    "another program",
    404,
    null,
    "kai's address gave an answer that is not kai's (HTTP 404): another program may have its port",
  ],
] as const)("what is known of %s is named", (_, status, occupant, want) =>
  expect(strangerReason("kai", status, occupant)).toBe(want),
)

test.each([
  ["what was not asked is asked at once", [], 0, 0],
  ["what was asked once waits 10 s", [5 * second], 5 * second, 10 * second],
  ["asked again it waits four times as long", [0, 10 * second], 20 * second, 30 * second],
  ["and so on", [0, 10 * second, 50 * second], 50 * second, 160 * second],
  ["until its time is over", [0, 10 * second], 50 * second, 0],
  ["what is older than an hour counts no more", [0, 60 * minute], 60 * minute, 10 * second],
] as const)("an address asked again without a word of the peer's: %s", (_, vainAt, at, want) =>
  expect(waitBeforeRepeating(vainAt, at)).toBe(want),
)
