/**
 * `bun run reach`: two Guardians of which only one can be dialled, a router with NAT between them, and what happens
 * to such a pair in a year: state that the router loses, cables that are pulled for a minute, addresses that change on
 * either side, a machine that dies. Each message must arrive once, in order. Takes about nine minutes; needs root.
 */
import { addresses, missing, openNetwork } from "../test/reach/network.ts"
import { openPair, openTraffic } from "../test/reach/pair.ts"
import { guardiansOf, signalTo } from "../test/support/world.ts"

const [command = "dist/sento"] = process.argv.slice(2)
const minuteMilliseconds = 60_000
const restMilliseconds = 2_000
/** By then mira has looked at its addresses, and by the other has given kai up. */
const lookMilliseconds = 35_000
const lostMilliseconds = 3.5 * minuteMilliseconds
const patienceMilliseconds = 3 * minuteMilliseconds

if (missing !== null) {
  console.error(`sento: error: this lab ${missing}`)
  process.exit(1)
}
await run()

async function run(): Promise<void> {
  const network = await openNetwork("nat", [command])
  const { inner, outer } = network
  try {
    await openPair(network)
    const traffic = openTraffic(network)
    const rows: (readonly [string, number, number])[] = []

    /** What is sent before, while and after something happens, and how long it takes to be there. */
    async function through(what: string, happens: () => Promise<unknown>): Promise<void> {
      await traffic.say()
      // What was fetched is answered, and the next collect is open.
      await Bun.sleep(restMilliseconds)
      await happens()
      await traffic.say()
      const began = performance.now()
      const there = (name: "kai" | "mira") =>
        traffic.arrives([name], patienceMilliseconds).then(() => Math.round(performance.now() - began))
      const [toMira, toKai] = await Promise.all([there("mira"), there("kai")])
      rows.push([what, toMira, toKai])
      console.log(`${what}: to mira after ${toMira} ms, to kai after ${toKai} ms`)
    }
    const pulled = (side: "inner" | "outer", milliseconds: number) => async () => {
      await network.cable(side, "down")
      await traffic.say()
      await Bun.sleep(milliseconds)
      await network.cable(side, "up")
    }

    await through("nothing happens", async () => {})
    await through("the router forgets its connections", network.forgetConnections)
    await through("kai's cable is pulled for 5 s", pulled("inner", 5_000))
    await through("kai's cable is pulled for a minute", pulled("inner", minuteMilliseconds))
    await through("mira's cable is pulled for a minute", pulled("outer", minuteMilliseconds))
    await through("kai has another address", () => network.readdress("inner", "192.168.7.3"))
    await through("mira is killed and starts again", async () => {
      for (const pid of guardiansOf(outer.home("mira"))) signalTo(pid, "SIGKILL")
      await outer.guard("mira")
    })
    await through("kai is killed and starts again", async () => {
      for (const pid of guardiansOf(inner.home("kai"))) signalTo(pid, "SIGKILL")
      await inner.guard("kai")
    })
    await through("mira has another address, and kai's owner says so", async () => {
      await network.readdress("outer", "203.0.113.9")
      await Bun.sleep(lookMilliseconds)
      const ran = await inner.sento("kai", ["agents", "address", "mira", "203.0.113.9"])
      if (ran.exit !== 0) throw new Error(ran.stderr)
    })
    await through("mira has its first address again: both owners are told", async () => {
      await network.readdress("outer", addresses.outer)
      await Bun.sleep(lostMilliseconds)
      console.log(
        linesOf(await Bun.file(`${outer.home("mira")}/.sento/guardian.log`).text(), "has not come since"),
      )
      const ran = await inner.sento("kai", ["agents", "address", "mira", addresses.outer])
      if (ran.exit !== 0) throw new Error(ran.stderr)
    })
    await traffic.settled()
    verify("mira", traffic.sent.kai, await traffic.got.mira())
    verify("kai", traffic.sent.mira, await traffic.got.kai())
  } finally {
    if (process.argv.includes("--logs"))
      for (const [world, name] of [
        [outer, "mira"],
        [inner, "kai"],
      ] as const)
        console.log(await Bun.file(`${world.home(name)}/.sento/guardian.log`).text())
    await network.close()
  }
}

function verify(name: string, sent: readonly string[], got: readonly string[]): void {
  const isSame = Bun.deepEquals(sent, got)
  console.log(
    `${name}: ${sent.length} sent, ${got.length} came, ${isSame ? "each once, in order" : "NOT in order"}`,
  )
  if (!isSame) {
    console.log(got.join("\n"))
    process.exitCode = 1
  }
}

function linesOf(text: string, what: string): string {
  return text
    .split("\n")
    .filter(line => line.includes(what))
    .join("\n")
}
