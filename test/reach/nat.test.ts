/**
 * One reachable side is enough: mira can be dialled, kai is behind a router that lets nobody in, with every default.
 * What takes minutes is a lab: `bun run reach`.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { built, finished, guardiansOf, signalTo, until, type World } from "../support/world.ts"
import { missing, type Network, openNetwork } from "./network.ts"
import { openPair, openTraffic } from "./pair.ts"

if (missing !== null) console.warn(`test/reach is skipped: it ${missing}`)

let network: Network
let traffic: ReturnType<typeof openTraffic>
beforeAll(async () => {
  if (missing !== null) return
  network = await openNetwork("nat", built)
  await openPair(network)
  traffic = openTraffic(network)
}, 120_000)
afterAll(async () => {
  if (missing === null) await network.close()
})

const logOf = (world: World, name: string): string =>
  readFileSync(join(world.home(name), ".sento/guardian.log"), "utf8")

/** What was sent to both so far has come, once and in order. */
async function expectAll(): Promise<void> {
  await traffic.arrives(["mira", "kai"])
  expect({ mira: await traffic.got.mira(), kai: await traffic.got.kai() }).toEqual({
    mira: traffic.sent.kai,
    kai: traffic.sent.mira,
  })
}

/** `to` answers what it was asked, and the one who asked hears it. */
async function asks(from: World, name: string, to: World, other: string): Promise<void> {
  const asking = from.start(name, ["send", other, "--wait", "--json", `a question of ${name}'s`])
  const question = await until("the question", async () =>
    (await to.log(other)).find(one => one.text === `a question of ${name}'s`),
  )
  await to.ask(other, "agent", { op: "reply", id: question.shortId ?? "", text: `an answer for ${name}` })
  const { exit, stdout } = await finished(asking)
  expect(exit).toBe(0)
  expect(stdout).toContain(`an answer for ${name}`)
  const receipt = async () => (await from.log(name)).find(one => one.text === `a question of ${name}'s`)
  await until("the receipt", async () => (await receipt())?.peerState === "answered")
}

test.skipIf(missing !== null)(
  "messages go both ways, and both owners are told how",
  async () => {
    await traffic.say()
    await expectAll()
    const told = "mira cannot reach this machine, so this Guardian fetches mira's messages from there"
    await until("the word", () => logOf(network.inner, "kai").includes(told))
    await until("the receipts", async () =>
      [...(await network.outer.log("mira")), ...(await network.inner.log("kai"))].every(
        one => one.direction === "in" || one.peerState === "delivered",
      ),
    )
  },
  120_000,
)

test.skipIf(missing !== null)(
  "a cable that is out for a while loses nothing",
  async () => {
    await network.cable("inner", "down")
    await traffic.say()
    await Bun.sleep(1500)
    await network.cable("inner", "up")
    await traffic.say()
    await expectAll()
  },
  120_000,
)

test.skipIf(missing !== null)(
  "the side that can be dialled dies, and goes on where it was",
  async () => {
    await traffic.say()
    for (const pid of guardiansOf(network.outer.home("mira"))) signalTo(pid, "SIGKILL")
    await network.outer.guard("mira")
    await traffic.say()
    await expectAll()
  },
  120_000,
)

test.skipIf(missing !== null)(
  "it has another address, which the other owner gives",
  async () => {
    await network.readdress("outer", "203.0.113.9")
    const words = ["agents", "address", "mira", "203.0.113.9"]
    expect(await network.inner.sento("kai", words)).toMatchObject({ exit: 0, stdout: "" })
    await traffic.say()
    await expectAll()
  },
  120_000,
)

test.skipIf(missing !== null)(
  "the side behind the router has another address, and fetches from there",
  async () => {
    await network.readdress("inner", "192.168.7.3")
    await traffic.say()
    await expectAll()
  },
  120_000,
)

test.skipIf(missing !== null)(
  "`--wait` gets its answer on either side",
  async () => {
    await asks(network.outer, "mira", network.inner, "kai")
    await asks(network.inner, "kai", network.outer, "mira")
  },
  120_000,
)

test.skipIf(missing !== null)(
  "a code is shown with each address that leads there, and no other",
  async () => {
    await network.addInterface("outer", "tailscale0", "100.64.0.9")
    const minting = network.outer.start("mira", ["pair"])
    let shown = ""
    void (async () => {
      for await (const chunk of minting.stderr) shown += new TextDecoder().decode(chunk)
    })()
    await until("both addresses", () => shown.includes("tailscale0"))
    const [code = ""] = /SENTO-[0-9A-Z]{4}/.exec(shown) ?? []
    expect(shown).toContain(`Tell the other agent's owner to run:  sento pair ${code}@203.0.113.9\n`)
    expect(shown).toContain(`or, over the VPN tailscale0:  sento pair ${code}@100.64.0.9\n`)
    expect(shown).not.toMatch(/0\.0\.0\.0|::/)
    const { stdout } = await network.outer.run("mira", ["guard", "status"])
    expect(stdout).toContain("listens on 203.0.113.9:9876, 100.64.0.9:9876 (pid")
  },
  120_000,
)

test.skipIf(missing !== null)(
  "doctor says by which way a peer is reached",
  async () => {
    const there = await network.outer.run("mira", ["doctor", "kai"])
    expect(there.stdout).toContain(
      "ok    kai's address: not dialled: kai fetches its messages from this machine\nok    kai's key: right\nok    kai's clock: agrees with this one\n",
    )
    expect(there.stdout).toContain("ok    port: listens on 203.0.113.9:9876, 100.64.0.9:9876")
    const here = await network.inner.run("kai", ["doctor", "mira"])
    expect(here.stdout).toContain("ok    mira's address: 203.0.113.9:9876 (fixed)\nok    mira's port: open\n")
    expect(here.stdout).toContain(
      "ok    mira's way back: mira cannot reach this machine, so this Guardian fetches its messages from there\n",
    )
    expect(here.stdout).toContain("ok    port: listens on 127.0.0.1:9876")
  },
  120_000,
)
