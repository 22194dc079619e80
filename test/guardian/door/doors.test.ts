/** The doors as files: what happens to the agent's door is seen, and no look is waited for. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openDoors } from "../../../src/guardian/door/doors.ts"
import { type Paths, pathsOf } from "../../../src/store/paths.ts"
import { until } from "../../support/world.ts"

let folder: string
let paths: Paths
let gone: number
let doors: ReturnType<typeof openDoors>

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sento-doors-"))
  paths = pathsOf(join(folder, "home"))
  mkdirSync(paths.folder, { recursive: true })
  gone = 0
  doors = open()
})

const open = (hardened?: Parameters<typeof openDoors>[1]) =>
  openDoors(paths, hardened, {
    handle: () => {
      throw new Error("nobody asks")
    },
    distrusted: async () => new Map(),
    others: async () => new Map(),
    onError: () => {},
    isOver: () => false,
    hands: null,
    refused: () => {},
    onGone: () => {
      gone += 1
    },
  })
afterEach(() => {
  doors.close()
  rmSync(folder, { recursive: true, force: true })
})

function replaceDoor(): void {
  const other = join(paths.folder, "other")
  writeFileSync(other, "")
  renameSync(other, paths.agentSocket)
}

test.each([
  ["the agent's door is removed", () => rmSync(paths.agentSocket)],
  ["the home is removed", () => rmSync(paths.home, { recursive: true })],
  ["something else is put in its place", () => replaceDoor()],
])("%s: told at once", async (_, happens) => {
  happens()
  await until("the news", () => gone > 0)
})

test("the home is renamed: told at the next look", () => {
  doors.look()
  expect(gone).toBe(0)
  renameSync(paths.home, join(folder, "elsewhere"))
  doors.look()
  expect(gone).toBe(1)
})

test("no door is shared in a folder that does not keep others out", () => {
  expect(() => open({ user: "nobody-of-this-name", folder } as never)).toThrow(
    "is for the user nobody-of-this-name, who is not there",
  )
})
