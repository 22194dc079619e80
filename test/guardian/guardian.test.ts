/** A Guardian of a home, from its start to its end: what keeps it from starting, and what has it stop. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { callDoor } from "../../src/guardian/door/client.ts"
import { type Guardian, startGuardian } from "../../src/guardian/guardian.ts"
import { type Paths, pathsOf } from "../../src/store/paths.ts"
import { rejectionOf } from "../support/errors.ts"
import { freePort } from "../support/ports.ts"
import { until } from "../support/world.ts"

let home: string
let paths: Paths
let open: Guardian[]
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sento-home-"))
  paths = pathsOf(home)
  open = []
  writeConfig(paths)
})
afterEach(async () => {
  for (const one of open) await one.stop()
  rmSync(home, { recursive: true, force: true })
})

function writeConfig({ config, folder }: Paths, agent = "test-agent-mira"): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const content = {
    ...{ version: 1, name: "mira", agent, agents: {} },
    listen: { hosts: [], port: freePort(), names: [] },
    tmux: { session: "nobody", socket: join(home, "tmux"), profile: "plain" },
  }
  writeFileSync(config, JSON.stringify(content), { mode: 0o600 })
}

async function start(lines: string[] = []): Promise<Guardian> {
  const guardian = await startGuardian(paths, undefined, undefined, line => void lines.push(line))
  open.push(guardian)
  return guardian
}
const log = () => readFileSync(paths.log, "utf8")
const removed = "the home or its door was removed"

describe("a Guardian ends", () => {
  test("where its door is removed, for nobody could reach it", async () => {
    const guardian = await start()
    rmSync(paths.agentSocket)
    await guardian.asked
    expect(log()).toContain(removed)
  })

  test("by its owner's word, with which it takes its doors away and says nothing of them", async () => {
    const guardian = await start()
    await guardian.stop()
    await guardian.stop()
    expect(log().split("stopping")).toHaveLength(2)
    expect([existsSync(paths.agentSocket), log().includes(removed)]).toEqual([false, false])
    await start()
    expect(await callDoor(paths, "agent", { op: "alive" })).toMatchObject({ name: "mira" })
  })
})

describe("a start", () => {
  test("lets nobody else read what is made from then on", async () => {
    const before = process.umask(0)
    try {
      await start()
      expect(process.umask()).toBe(0o077)
    } finally {
      process.umask(before)
    }
  })

  test("tells each line of the log, where it listens, and takes a wish back that none is to run", async () => {
    writeFileSync(paths.stopped, "")
    const lines: string[] = []
    const { address } = await start(lines)
    expect(existsSync(paths.stopped)).toBe(false)
    await until("the line", () => lines.some(line => line.includes(`listening on 127.0.0.1:${address.port}`)))
    expect(log()).toContain(`listening on 127.0.0.1:${address.port}, pid ${process.pid}`)
  })

  test("is none beside another one of the same home", async () => {
    await start()
    expect(await rejectionOf(start())).toMatchObject({
      code: "try-later",
      message: `a Guardian already runs for ${home}`,
    })
  })

  test("is none without a config, and leaves nothing there", async () => {
    rmSync(paths.config)
    rmSync(paths.folder, { recursive: true })
    expect((await rejectionOf(start())).code).toBe("config")
    expect(existsSync(paths.folder)).toBe(false)
  })

  test("is none with a config that is broken, and the next one is not kept out by it", async () => {
    writeFileSync(paths.config, "broken", { mode: 0o600 })
    expect((await rejectionOf(start())).code).toBe("config")
    writeConfig(paths)
    await start()
  })

  test("makes a config that others can read its owner's alone, and says so", async () => {
    chmodSync(paths.config, 0o644)
    await start()
    expect(statSync(paths.config).mode & 0o777).toBe(0o600)
    expect(log()).toContain("could be read by others; now it is yours alone")
  })

  test("says nothing of one that others cannot", async () => {
    await start()
    expect(log()).not.toContain("could be read by others")
    expect(log()).not.toContain("told the owner")
  })

  test("is none beside a copy of its home in the registry, and is one beside another agent's", async () => {
    const other = pathsOf(join(home, ".sento/agents/kai"))
    writeConfig(other)
    expect((await rejectionOf(start())).message).toBe(
      `${home} and ${other.home} are the same agent, one a copy of the other`,
    )
    writeConfig(other, "test-agent-kai")
    await start()
  })
})
