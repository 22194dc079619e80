/** What a request at a door may hold, up to which length, and what is left out. */
import { expect, test } from "bun:test"
import { readDoorRequest } from "../../../src/guardian/door/operations.ts"

const day = 24 * 60 * 60 * 1000
const taken = (request: object): boolean => readDoorRequest("owner", request) !== null

test.each<readonly [string, object, object]>([
  ["an id of 64", { op: "question", id: "a".repeat(64) }, { op: "question", id: "a".repeat(65) }],
  ["a PIN of 256", { op: "confirm", pin: "1".repeat(256) }, { op: "confirm", pin: "1".repeat(257) }],
  [
    "a pause of a millisecond",
    { op: "pause", name: "kai", milliseconds: 1 },
    { op: "pause", name: "kai", milliseconds: 0 },
  ],
  [
    "a pause of a year and a day",
    { op: "pause", name: "kai", milliseconds: 366 * day },
    { op: "pause", name: "kai", milliseconds: 366 * day + 1 },
  ],
  [
    "the first port",
    { op: "join", symbols: "4F2K", host: null, port: 1 },
    { op: "join", symbols: "4F2K", host: null, port: 0 },
  ],
  [
    "the last port",
    { op: "join", symbols: "4F2K", host: null, port: 65_535 },
    { op: "join", symbols: "4F2K", host: null, port: 65_536 },
  ],
  [
    "64 hosts to listen on",
    { op: "listen", hosts: Array.from({ length: 64 }, (_, i) => `192.0.2.${i}`) },
    { op: "listen", hosts: Array.from({ length: 65 }, (_, i) => `192.0.2.${i}`) },
  ],
  ["one line of the log", { op: "log", limit: 1 }, { op: "log", limit: 0 }],
  ["a thousand lines of the log", { op: "log", limit: 1000 }, { op: "log", limit: 1001 }],
  [
    "a text of 1000 to be sought",
    { op: "log", limit: 1, grep: "a".repeat(1000) },
    { op: "log", limit: 1, grep: "a".repeat(1001) },
  ],
  [
    "another agent's name of 4096",
    { op: "stray", source: "SENTO_AGENT", named: "a".repeat(4096) },
    { op: "stray", source: "SENTO_AGENT", named: "a".repeat(4097) },
  ],
])("takes %s and no more", (_, inside, outside) => {
  expect([taken(inside), taken(outside)]).toEqual([true, false])
})

test.each<readonly [object, object]>([
  [{ op: "pair" }, { op: "pair", long: false, wait: true }],
  [
    { op: "send", to: "kai", text: "hi" },
    { op: "send", to: "kai", text: "hi", messageId: null, replyTo: null, wait: false },
  ],
  [
    { op: "approve", id: null },
    { op: "approve", id: null, as: null, replace: false, pin: null },
  ],
  [
    { op: "join", symbols: "4F2K", host: null, port: null },
    {
      op: "join",
      symbols: "4F2K",
      host: null,
      port: null,
      as: null,
      replace: false,
      heard: false,
      pin: null,
    },
  ],
])("what is left out of %j", (said, meant) => expect(readDoorRequest("owner", said)).toEqual(meant as never))

test("what is the owner's alone is none at the agent's door", () => {
  const request = { op: "deny", id: null }
  expect([readDoorRequest("agent", request), readDoorRequest("owner", request)]).toEqual([
    null,
    request,
  ] as never)
})
