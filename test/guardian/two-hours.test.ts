/** Two hours of use in a few seconds: two Guardians in this process, whose clocks the test moves. */
import { afterEach, expect, test } from "bun:test"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { type Guardian, startGuardian } from "../../src/guardian/guardian.ts"
import { type Config, writeConfig } from "../../src/store/config.ts"
import { type Paths, pathsOf } from "../../src/store/paths.ts"
import { sendFrom } from "../support/guardian.ts"
import { createWorld, until, type World } from "../support/world.ts"

let world: World
const guardians: Guardian[] = []
afterEach(async () => {
  for (const guardian of guardians.splice(0)) await guardian.stop()
  await world?.close()
})

const messages = 500
const millisecondsApart = (2 * 60 * 60 * 1000) / messages
const [pair, aKey, bKey] = ["ab".repeat(16), "01".repeat(32), "02".repeat(32)] as const

function configOf(name: string, other: string, sendKey: string, receiveKey: string, port: number): Config {
  const agents = {
    [other]: {
      id: pair,
      host: "127.0.0.1",
      port,
      sendKey,
      receiveKey,
      pairedAt: "2026-01-01T00:00:00.000Z",
      features: ["aes128gcm"],
    },
  }
  return {
    version: 1,
    name,
    agent: `agent-id-of-${name}`,
    listen: { hosts: [], port: 0, names: [] },
    tmux: { session: name, socket: join(world.folder, "no-tmux"), profile: "plain" },
    agents,
  }
}

async function open(
  name: string,
  config: Config,
  now: () => number,
): Promise<{ paths: Paths; guardian: Guardian }> {
  const paths = pathsOf(world.home(name))
  writeConfig(paths, config)
  // Both clocks: by one that stood still hundreds of collects would fall into one minute.
  const began = now()
  const guardian = await startGuardian(paths, now, () => performance.now() + now() - began)
  guardians.push(guardian)
  return { paths, guardian }
}

const descriptors = (): number => readdirSync("/proc/self/fd").length

test("1,000 messages in two hours, half of them each way: all accepted, memory and descriptors flat", async () => {
  world = createWorld()
  let clock = Date.parse("2026-11-24T08:00:00Z")
  const now = (): number => clock
  const first = await open("kai", configOf("kai", "mira", bKey, aKey, 1), now)
  const mira = await open("mira", configOf("mira", "kai", aKey, bKey, first.guardian.address.port), now)
  await first.guardian.stop()
  const kai = await open("kai", configOf("kai", "mira", bKey, aKey, mira.guardian.address.port), now)
  writeConfig(mira.paths, configOf("mira", "kai", aKey, bKey, kai.guardian.address.port))
  await mira.guardian.stop()
  const port = mira.guardian.address.port
  const config = configOf("mira", "kai", aKey, bKey, kai.guardian.address.port)
  const miraAgain = await open("mira", { ...config, listen: { ...config.listen, port } }, now)

  let [memory, files] = [0, 0]
  for (let i = 0; i < messages; i += 1) {
    const results = await Promise.all([
      sendFrom(miraAgain.paths, "kai", `${i}`),
      sendFrom(kai.paths, "mira", `${i}`),
    ])
    expect(results.map(result => result.status)).toEqual(["accepted", "accepted"])
    clock += millisecondsApart
    if (i !== messages / 4) continue
    Bun.gc(true)
    ;[memory, files] = [process.memoryUsage.rss(), descriptors()]
  }
  Bun.gc(true)
  const growth = (process.memoryUsage.rss() - memory) / 1024 / 1024
  expect(growth).toBeLessThan(32)
  // What is under way has some of its own; what leaked would stay.
  await until("as many descriptors as before", () => descriptors() <= files + 4)
}, 600_000)
