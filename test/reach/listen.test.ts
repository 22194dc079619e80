/** Two homes that reach each other: what a Guardian listens on and where it is change while it runs. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { requireConfig } from "../../src/store/config.ts"
import { pathsOf } from "../../src/store/paths.ts"
import { until, type World } from "../support/world.ts"
import { missing, type Network, openNetwork } from "./network.ts"
import { openPair, openTraffic } from "./pair.ts"

let network: Network
let traffic: ReturnType<typeof openTraffic>
beforeAll(async () => {
  if (missing !== null) return
  network = await openNetwork("router")
  await openPair(network)
  traffic = openTraffic(network)
}, 120_000)
afterAll(async () => {
  if (missing === null) await network.close()
})

const logOf = (world: World, name: string): string =>
  readFileSync(join(world.home(name), ".sento/guardian.log"), "utf8")
const kaiAtMira = (): string | undefined =>
  requireConfig(pathsOf(network.outer.home("mira"))).agents.kai?.host

test.skipIf(missing !== null)(
  "on loopback alone it collects; once it listens it is called, without a restart",
  async () => {
    await until("kai to collect", () => logOf(network.inner, "kai").includes("fetches mira's messages"))
    const before = await network.inner.status("kai")
    const ran = await network.inner.sento("kai", ["init", "--listen", "all"])
    expect(ran.stderr).toContain("kai's Guardian listens on 192.168.7.2:9876 now")
    expect((await network.inner.status("kai"))?.pid).toBe(before?.pid)
    await until("kai to be called", () => logOf(network.inner, "kai").includes("mira can reach this machine"))
    expect(kaiAtMira()).toBe("192.168.7.2")
    await traffic.say()
    await traffic.arrives(["mira", "kai"], 25_000)
  },
)

test.skipIf(missing !== null)(
  "an address that changes is told to the peers that it matters to",
  async () => {
    await network.readdress("inner", "192.168.7.3")
    // By itself it looks every 30 s.
    await network.inner.ask("kai", "owner", { op: "listen", hosts: ["all"] })
    await until("mira to know", () => kaiAtMira() === "192.168.7.3")
    await traffic.say()
    await traffic.arrives(["mira", "kai"], 25_000)
  },
  120_000,
)

test.skipIf(missing !== null)(
  "an address that is not there yet is waited for",
  async () => {
    const ran = await network.inner.sento("kai", [
      "init",
      "--listen",
      "192.168.7.3",
      "--listen",
      "192.168.7.9",
    ])
    expect(ran.exit).toBe(0)
    expect(logOf(network.inner, "kai")).toContain(
      "cannot listen on 192.168.7.9 yet: this machine does not have that address; it is tried again until it has",
    )
    await network.addAddress("inner", "192.168.7.9")
    await until("the listener", () => logOf(network.inner, "kai").includes("listening on 192.168.7.9 now"))
  },
  120_000,
)

test.skipIf(missing !== null)(
  "back on loopback alone it collects again",
  async () => {
    const { exit } = await network.inner.sento("kai", ["init", "--listen", "127.0.0.1"])
    expect(exit).toBe(0)
    await until("kai's status", async () => (await network.inner.status("kai"))?.host === "127.0.0.1")
    await traffic.say()
    await traffic.arrives(["mira", "kai"], 25_000)
    expect({ mira: await traffic.got.mira(), kai: await traffic.got.kai() }).toEqual({
      mira: traffic.sent.kai,
      kai: traffic.sent.mira,
    })
  },
  120_000,
)
