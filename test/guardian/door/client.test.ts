/** A command's side of the doors: where there is no Guardian to be reached, and what comes of one in pieces. */
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test"
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { callDoor } from "../../../src/guardian/door/client.ts"
import { pathsOf } from "../../../src/store/paths.ts"
import { until } from "../../support/world.ts"

let home = ""
let paths = pathsOf("/")
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sento-client-"))
  mkdirSync(join(home, ".sento"), { mode: 0o700 })
  paths = pathsOf(home)
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

/** What a sandbox makes of every Unix socket, seen in Claude Code's and in Codex' (Bun 1.4.5). */
test("in a sandbox without sockets nobody is told that no Guardian runs", async () => {
  const refused = Object.assign(new Error("Failed to connect"), { code: "ECONNREFUSED" })
  await expect(callDoor(paths, "agent", { op: "alive" })).rejects.toThrow("no Guardian runs")
  using connect = spyOn(Bun, "connect").mockRejectedValue(refused)
  await expect(callDoor(paths, "agent", { op: "alive" })).rejects.toThrow("in a sandbox without Unix sockets")
  expect(connect).toHaveBeenCalledTimes(2)
})

test("a file in the place of its directory is no sandbox", async () => {
  rmSync(join(home, ".sento"), { recursive: true })
  writeFileSync(join(home, ".sento"), "")
  await expect(callDoor(paths, "agent", { op: "alive" })).rejects.toThrow("no Guardian runs")
})

test("a socket at which nobody listens any more is no sandbox", async () => {
  const listen = `require("node:net").createServer().listen(${JSON.stringify(paths.agentSocket)}, () => process.kill(process.pid, "SIGKILL"))`
  await Bun.spawn([process.execPath, "-e", listen]).exited
  expect(existsSync(paths.agentSocket)).toBe(true)
  await expect(callDoor(paths, "agent", { op: "alive" })).rejects.toThrow("no Guardian runs")
})

/** A Guardian that says these pieces, one at a time, and keeps what it heard once it has begun to read. */
function answering(pieces: readonly Uint8Array[], reading: Promise<unknown> = Promise.resolve()) {
  const heard: Buffer[] = []
  const server = createServer({ pauseOnConnect: true }, async socket => {
    socket.on("data", chunk => heard.push(chunk as Buffer))
    socket.on("error", () => {})
    await reading
    socket.resume()
    for (const piece of pieces) {
      socket.write(piece)
      await Bun.sleep(5)
    }
  }).listen(paths.agentSocket)
  return {
    heard: () => Buffer.concat(heard).toString(),
    [Symbol.dispose]: () => void server.close(),
  }
}

test("an answer in pieces is one, also where a sign is cut in two", async () => {
  const events: unknown[] = []
  const bytes = Buffer.from(
    `${JSON.stringify({ event: { event: "é" } })}\n${JSON.stringify({ result: "ü" })}\n`,
  )
  using _ = answering([...bytes].map(byte => Uint8Array.of(byte)))
  const result = callDoor(paths, "agent", { op: "alive" }, { onEvent: event => events.push(event) })
  expect([await result, events]).toEqual(["ü", [{ event: "é" }]] as never)
})

test("a request that does not fit into the socket comes whole when it is read", async () => {
  const reading = Promise.withResolvers<void>()
  using guardian = answering([], reading.promise)
  const text = Array.from({ length: 200_000 }, (_, i) => `${i} `).join("")
  const asked = callDoor(paths, "agent", { op: "send", to: "kai", text }).catch(() => null)
  await Bun.sleep(50)
  reading.resolve()
  const whole = `${JSON.stringify({ op: "send", to: "kai", text })}\n`
  await until("the end of it", () => guardian.heard().endsWith("\n"))
  expect(guardian.heard() === whole).toBe(true)
  void asked
})

test("who does not answer in time is named by its process, and who waits can stop", async () => {
  using _ = answering([])
  await expect(callDoor(paths, "agent", { op: "alive" }, { patience: 30 })).rejects.toThrow(
    `the Guardian (pid ${process.pid}) did not answer within 0.03 s`,
  )
  const signal = AbortSignal.abort()
  await expect(callDoor(paths, "agent", { op: "alive" }, { signal })).rejects.toThrow("stopped waiting")
  const stop = new AbortController()
  const waiting = callDoor(paths, "agent", { op: "alive" }, { signal: stop.signal })
  stop.abort()
  await expect(waiting).rejects.toThrow("stopped waiting")
})

test("an error is the Guardian's own, and of a code that nobody knows a failure", async () => {
  const error = { code: "try-later", message: "m", hint: "h" }
  for (const [code, want] of [
    ["try-later", "try-later"],
    ["strange", "failed"],
  ] as const) {
    using _ = answering([Buffer.from(`${JSON.stringify({ error: { ...error, code } })}\n`)])
    const thrown = await callDoor(paths, "agent", { op: "alive" }).catch(one => one)
    expect([thrown.code, thrown.message, thrown.hint]).toEqual([want, "m", "h"])
  }
})

test("the agent's side has no owner's door, whatever is there; its own is another user's", async () => {
  using _ = answering([Buffer.from(`${JSON.stringify({ result: "here" })}\n`)])
  const agentSide = { ...paths, isAgentSide: true, ownerSocket: paths.agentSocket }
  await expect(callDoor(agentSide, "owner", { op: "stop" })).rejects.toThrow(
    "only the owner may do this: SENTO_DOOR",
  )
  expect(await callDoor(agentSide, "agent", { op: "alive" })).toBe("here" as never)
})
