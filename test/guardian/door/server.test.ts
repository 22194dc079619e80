/** The two local doors over real sockets, with callers that are not our commands. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { once } from "node:events"
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { join } from "node:path"
import { operations } from "../../../src/guardian/door/operations.ts"
import { openDoor } from "../../../src/guardian/door/server.ts"
import { openGuardian, type TestGuardian } from "../../support/guardian.ts"
import { freePort } from "../../support/ports.ts"
import { until } from "../../support/world.ts"

let guardian: TestGuardian
beforeAll(async () => {
  guardian = await openGuardian({})
})
afterAll(() => guardian[Symbol.asyncDispose]())

/** Writes, and reads until the Guardian hangs up. */
function say(path: string, text: string): Promise<unknown[]> {
  const { promise, resolve } = Promise.withResolvers<unknown[]>()
  let received = ""
  const socket = connect(path, () => socket.write(text))
  socket.on("data", chunk => {
    received += chunk
  })
  socket.on("error", () => {})
  socket.on("close", () =>
    resolve(
      received
        .split("\n")
        .filter(Boolean)
        .map(line => JSON.parse(line) as unknown),
    ),
  )
  return promise
}

const refused = [
  { error: { code: expect.any(String), message: expect.any(String), hint: expect.anything() } },
]

test.each([
  ["garbage", "hello\n"],
  ["an empty line", "\n"],
  ["bytes that are no UTF-8", "\xff\xfe\n"],
  ["an array", "[]\n"],
  ["an unknown operation", '{"op":"fly"}\n'],
  ["an operation that every object has", '{"op":"constructor"}\n'],
  ["a field of the wrong type", '{"op":"send","to":1,"text":"hi"}\n'],
  ["a request that is too large", `{"op":"send","to":"kai","text":"${"a".repeat(1024 * 1024)}"}\n`],
  ["a request that never ends", "a".repeat(1024 * 1024 + 1)],
])("%s gets an error and a hang-up", async (_, text) => {
  expect(await say(guardian.paths.agentSocket, text)).toEqual(refused)
})

test("agent.sock takes join, which asks the owner where a code is open, and says where none is", async () => {
  const request = { op: "join", symbols: "4F2K", host: "127.0.0.1", port: freePort() }
  expect(await say(guardian.paths.agentSocket, `${JSON.stringify(request)}\n`)).toEqual([
    { error: expect.objectContaining({ code: "unreachable" }) },
  ])
  expect(await say(guardian.paths.agentSocket, '{"op":"agents"}\n')).toHaveLength(1)
})

const ofOwner = Object.entries(operations).filter(([, { door }]) => door === "owner")

test("what is the owner's alone is a list of its own", () =>
  expect(ofOwner.map(([op]) => op)).toEqual(
    expect.arrayContaining(["approve", "deny", "remove", "rename", "stop"]),
  ))

test.each(ofOwner)("agent.sock refuses %s", async op => {
  const request = {
    op,
    id: null,
    name: "kai",
    from: "kai",
    to: "noa",
    symbols: "4F2K",
    host: null,
    port: null,
  }
  expect(await say(guardian.paths.agentSocket, `${JSON.stringify(request)}\n`)).toEqual(refused)
  expect(await say(guardian.paths.agentSocket, '{"op":"agents"}\n')).toHaveLength(1)
})

test("of two requests in one connection the first alone is answered", async () => {
  expect(await say(guardian.paths.agentSocket, '{"op":"agents"}\n{"op":"status"}\n')).toEqual([
    { result: expect.objectContaining({ agents: [] }) },
  ])
})

test("half a line and a hang-up leave the door open for others", async () => {
  const socket = connect(guardian.paths.agentSocket, () => socket.end('{"op":"age'))
  await new Promise(resolve => socket.on("close", resolve).resume())
  expect(await say(guardian.paths.agentSocket, '{"op":"agents"}\n')).toMatchObject([{ result: {} }])
  expect(guardian.log()).not.toContain("bug:")
})

describe("callers that say nothing", () => {
  const open = (patience?: { milliseconds: number; callers: number }) => {
    const path = join(guardian.paths.folder, "test.sock")
    const door = openDoor({
      ...{ path, door: "agent", distrusted: async () => new Map() },
      ...(patience === undefined ? {} : { patience }),
      handle: async () => "done",
      onError: error => expect(error).toBeUndefined(),
    })
    return { path, [Symbol.dispose]: door.close }
  }
  const done = [{ result: "done" }]
  const ask = '{"op":"agents"}\n'

  test("are cut when the time for a request is over, also where it drips in", async () => {
    using door = open({ milliseconds: 50, callers: 8 })
    expect(await Promise.all([say(door.path, ""), say(door.path, '{"op":')])).toEqual([[], []])
    // A machine that is busy may take those 50 ms, too.
    await until("an answer", async () => Bun.deepEquals(await say(door.path, ask), done))
  })

  test("of too many, the first one is cut, and who asks is answered", async () => {
    using door = open({ milliseconds: 60_000, callers: 3 })
    const ends: number[] = []
    for (let i = 0; i < 5; i += 1) void say(door.path, "").then(() => ends.push(i))
    await until("two to be cut", () => ends.length === 2)
    expect(await say(door.path, ask)).toEqual(done)
    await until("a third", () => ends.length === 3)
    expect(ends).toEqual([0, 1, 2])
  })

  test("of 65, the first one, where nothing else is said", async () => {
    using door = open()
    const ends: number[] = []
    const saying = (i: number) => void say(door.path, "").then(() => ends.push(i))
    for (let i = 0; i < 64; i += 1) saying(i)
    await Bun.sleep(50)
    expect(ends).toEqual([])
    saying(64)
    await until("one to be cut", () => ends.length > 0)
    expect(ends).toEqual([0])
  })
})

test("a socket that a dead Guardian left goes; what is none stays, and is told to be in the way", async () => {
  const path = join(guardian.paths.folder, "left.sock")
  const options: Parameters<typeof openDoor>[0] = {
    ...{ path, door: "agent", distrusted: async () => new Map(), handle: async () => "done" },
    onError: () => {},
  }
  const dead = createServer().listen(join(guardian.paths.folder, "dead.sock"))
  await once(dead, "listening")
  linkSync(join(guardian.paths.folder, "dead.sock"), path)
  dead.close()
  const door = openDoor(options)
  expect(await say(path, '{"op":"agents"}\n')).toEqual([{ result: "done" }])
  door.close()
  writeFileSync(path, "somebody's")
  expect(() => openDoor(options)).toThrow(`${path} is in the way and is no socket`)
  expect(readFileSync(path, "utf8")).toBe("somebody's")
  rmSync(path)
})

test("only this user can open what the Guardian keeps", () => {
  const { folder, ownerSocket, agentSocket, database, log, config } = guardian.paths
  const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8)
  expect([folder, ownerSocket, agentSocket, database, log, config].map(mode)).toEqual([
    "700",
    "600",
    "600",
    "600",
    "600",
    "600",
  ])
})
