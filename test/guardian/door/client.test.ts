/** A command's side of the doors, where there is no Guardian to be reached. */
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test"
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { callDoor } from "../../../src/guardian/door/client.ts"
import { pathsOf } from "../../../src/store/paths.ts"

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
