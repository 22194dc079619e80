/** The two local doors over real sockets, with callers that are not our commands. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { statSync } from "node:fs"
import { connect } from "node:net"
import { openGuardian, type TestGuardian } from "../support/guardian.ts"

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

test.each(["join", "approve", "deny", "remove", "rename", "stop"])("agent.sock refuses %s", async op => {
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
