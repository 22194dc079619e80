/** What is said by mDNS, and what of others' packets is believed. */
import { describe, expect, test } from "bun:test"
import { type Answer, decode, encode, type Packet } from "dns-packet"
import fc from "fast-check"
import {
  announcementPacket,
  mdnsPort,
  questionPacket,
  randomNames,
  readPacket,
  saysItAnswers,
  serviceName,
} from "../../src/http/mdns-packets.ts"
import { processorMilliseconds } from "../support/processor.ts"

const names = randomNames(Uint8Array.from({ length: 16 }, (_, i) => i))
const announced = announcementPacket(names, "192.168.7.1", 9876, 120)
const minter = { kind: "minter", port: 9876 } as const

test("an announcement has PTR, SRV, TXT and A, as DNS-SD wants them, and random names alone", () => {
  const instance = "0001020304050607._sento._tcp.local"
  const host = "08090a0b0c0d0e0f.local"
  const own = { ttl: 120, class: "IN", flush: true } as const
  expect(decode(Buffer.from(announced))).toMatchObject({
    id: 0,
    type: "response",
    flag_aa: true,
    questions: [],
    answers: [
      { name: serviceName, type: "PTR", ttl: 120, class: "IN", flush: false, data: instance },
      { name: instance, type: "SRV", ...own, data: { priority: 0, weight: 0, port: 9876, target: host } },
      { name: instance, type: "TXT", ...own, data: [Buffer.alloc(0)] },
      { name: host, type: "A", ...own, data: "192.168.7.1" },
    ],
  })
})

test("what is taken back has a TTL of 0 on each record, and is nobody's announcement", () => {
  const goodbye = announcementPacket(names, "192.168.7.1", 9876, 0)
  expect(decode(Buffer.from(goodbye)).answers?.map(one => (one as { ttl?: number }).ttl)).toEqual([
    0, 0, 0, 0,
  ])
  expect(readPacket(goodbye, mdnsPort)).toBeNull()
})

test("a question asks for PTR, by no number, and no more", () => {
  expect(decode(Buffer.from(questionPacket()))).toMatchObject({
    id: 0,
    type: "query",
    flags: 0,
    questions: [{ name: serviceName, type: "PTR", class: "IN" }],
    answers: [],
    authorities: [],
    additionals: [],
  })
})

const query = (type: string, name = serviceName, more: Partial<Packet> = {}): Uint8Array =>
  encode({ type: "query", questions: [{ type: type as "PTR", name, class: "IN" }], ...more })
const response = (answers: readonly Answer[], more: Partial<Packet> = {}): Uint8Array =>
  encode({ type: "response", answers: [...answers], ...more })
const srv = (port: number, name = `x.${serviceName}`, more: object = {}): Answer => ({
  type: "SRV",
  name,
  ttl: 120,
  class: "IN",
  data: { port, target: "x.local" },
  ...more,
})

/** An announcement of so many bytes. */
const long = (length: number): Uint8Array => {
  const texts = (last: number) => [..."ab", "c".repeat(last)].map(text => text.padEnd(100, "x"))
  const of = (last: number) => response([srv(9876), { type: "TXT", name: "x.local", data: texts(last) }])
  return of(100 + length - of(100).length)
}

/** QU, by which an answer to the asker alone is asked for (RFC 6762 section 5.4). */
const unicast = (bytes: Uint8Array): Uint8Array => {
  const copy = Buffer.from(bytes)
  copy.writeUInt16BE(0x8001, copy.length - 2)
  return copy
}

describe("of what is heard", () => {
  test.each([
    ["our own question is one", questionPacket(), { kind: "question" }],
    ["so is one for anything of the name", query("ANY"), { kind: "question" }],
    ["in other letters", query("PTR", "_SENTO._tcp.Local"), { kind: "question" }],
    ["or to be answered to the asker alone", unicast(questionPacket()), { kind: "question" }],
    ["one for another service is not", query("PTR", "_ipp._tcp.local"), null],
    ["nor one for an address of the name", query("A"), null],
    ["nor one for a name that begins like it", query("PTR", `${serviceName}.example`), null],
    ["our own announcement is a minter", announced, minter],
    ["whatever else it says", response([srv(9876)]), minter],
    ["in other letters, too", response([srv(9876, "X._Sento._TCP.local")]), minter],
    [
      "also with its port after the answers",
      response([{ type: "PTR", name: serviceName, data: `x.${serviceName}` }], { additionals: [srv(9876)] }),
      minter,
    ],
    [
      "records that point elsewhere are not read: a port is all that there is",
      response([
        srv(9876, `evil.${serviceName}`, { data: { port: 9876, target: "victim.example" } }),
        { type: "A", name: "victim.example", ttl: 120, data: "8.8.8.8" },
        { type: "A", name: "x.local", ttl: 120, data: "127.0.0.1" },
      ]),
      minter,
    ],
    ["one port a packet", response([srv(9876), srv(22), srv(80)]), minter],
    ["another service is no minter", response([srv(631, "printer._ipp._tcp.local")]), null],
    ["nor one that ends like it", response([srv(9876, "x_sento._tcp.local")]), null],
    ["nor the service without an instance", response([srv(9876, serviceName)]), null],
    ["port 1 is one", response([srv(1)]), { kind: "minter", port: 1 }],
    ["so is what lasts for a second", response([srv(9876, undefined, { ttl: 1 })]), minter],
    ["what is over is none", response([srv(9876, undefined, { ttl: 0 })]), null],
    ["port 0 is none", response([srv(0)]), null],
    ["of another class it is none", response([srv(9876, undefined, { class: "CH" })]), null],
    ["in a question it is no answer", query("A", "x.local", { authorities: [srv(9876)] }), null],
    ["an error is none", response([srv(9876)], { flags: 3 }), null],
    ["nor is another operation", response([srv(9876)], { flags: 4 << 11 }), null],
    ["nor a question with an error", query("PTR", serviceName, { flags: 2 }), null],
    ["one of 512 bytes is read", long(512), minter],
    ["and one of 513 is not", long(513), null],
    ["nothing is nothing", new Uint8Array(), null],
  ] as const)("%s", (_, bytes, want) => expect(readPacket(bytes, mdnsPort)).toEqual(want))

  test("an answer from another port than mDNS's is none, but a question is one", () => {
    expect(readPacket(announced, 40_000)).toBeNull()
    expect(readPacket(questionPacket(), 40_000)).toEqual({ kind: "question" })
  })
})

describe("malformed packets", () => {
  const isKnown = (bytes: Uint8Array): boolean => {
    const heard = readPacket(bytes, mdnsPort)
    return heard === null || heard.kind === "question" || (heard.port > 0 && heard.port <= 65535)
  }

  test("every truncation of an announcement and of a question is nothing", () => {
    for (const packet of [announced, questionPacket()])
      for (let length = 0; length < packet.length; length += 1)
        expect(readPacket(packet.slice(0, length), mdnsPort)).toBeNull()
  })

  test("an announcement with any bit of it turned over is read as something or nothing", () => {
    for (let bit = 0; bit < announced.length * 8; bit += 1) {
      // A Buffer's slice would be the same bytes.
      const changed = Uint8Array.from(announced)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(isKnown(changed)).toBe(true)
    }
  })

  test("random bytes are read as something or nothing, behind a header of ours as well", () => {
    const bytes = fc.uint8Array({ maxLength: 600 })
    fc.assert(fc.property(bytes, isKnown), { numRuns: 2000 })
    const headed = bytes.map(rest => Uint8Array.from([...announced.slice(0, 12), ...rest]))
    fc.assert(fc.property(headed, isKnown), { numRuns: 2000 })
  })

  test("pointers that lead forward, to themselves or in circles end", () => {
    for (const target of [12, 13, 14, 40, 0x3fff]) {
      const packet = Buffer.from(announced)
      packet.writeUInt16BE(0xc000 | target, 12)
      expect(isKnown(packet)).toBe(true)
    }
  })

  test("names without end cost no time worth the name: a packet of the longest takes less than 20 ms", () => {
    const packet = Buffer.alloc(512)
    packet.set([0, 0, 0x84, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0])
    let at = 12
    for (; at < 12 + 240; at += 2) packet.set([1, 97], at)
    for (at += 11; at + 14 <= packet.length; at += 14)
      packet.set([0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 120, 0, 2, 0xc0, 12], at)
    expect(processorMilliseconds(() => void readPacket(packet, mdnsPort), 20)).toBeLessThan(20)
  })
})

test("a question for the service among others is one, and others alone are none", () => {
  const of = (...wanted: readonly string[]) =>
    readPacket(
      encode({ type: "query", questions: wanted.map(name => ({ name, type: "PTR", class: "IN" })) }),
      5000,
    )
  expect([
    of("_http._tcp.local", serviceName),
    of(serviceName, "_http._tcp.local"),
    of("_http._tcp.local"),
    of(),
  ]).toEqual([{ kind: "question" }, { kind: "question" }, null, null])
})

test.each([
  ["an announcement", announced, true],
  ["a question", questionPacket(), false],
  ["a question that wishes for recursion", query("PTR", serviceName, { flags: 1 << 8 }), false],
  ["two bytes", announced.slice(0, 2), false],
] as const)("its header says whether it answers: %s", (_, bytes, want) =>
  expect(saysItAnswers(bytes)).toBe(want),
)
