/**
 * Two machines as their owners meet them: what opens, by whose word, and a dozen things that go wrong, each with what
 * is said and what mends it. kai is at home, with a private address; mira can reach it there.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { createWorld, finished, jsonLines, until, type World } from "../support/world.ts"
import { missing, type Network, openNetwork } from "./network.ts"
import { heard, say } from "./pair.ts"

/** With a clock that can be set, where the runner built it. */
const faults = join(import.meta.dir, "../../dist/sento-faults")
const hasFaults = existsSync(faults)
const kaiAt = "192.168.7.2"

let network: Network
let people: World
beforeAll(async () => {
  if (missing !== null) return
  network = hasFaults ? await openNetwork("router", [faults]) : await openNetwork("router")
  people = createWorld(network.inner.command)
  for (const [world, name] of [
    [network.inner, "kai"],
    [network.outer, "mira"],
  ] as const) {
    await world.session(name, ["cat"])
    const init = ["init", "--name", name, "--profile", "plain", "--tmux-socket", world.socket]
    expect((await world.sento(name, init)).exit).toBe(0)
    await world.guard(name)
  }
}, 120_000)
afterAll(async () => {
  if (missing !== null) return
  await people.close()
  await network.close()
})

/** Sockets that wait for others in a home's namespace, beside the one of mDNS. */
async function openPorts(side: "inner" | "outer"): Promise<string[]> {
  const child = Bun.spawn([...network.within(side), "ss", "-Hltn"], { stdout: "pipe" })
  const lines = (await new Response(child.stdout).text()).trim().split("\n")
  return lines.map(line => line.trim().split(/\s+/)[3] ?? "").toSorted()
}

/** kai's code, as a script gets it. */
async function kaisCode(words: readonly string[] = []): Promise<string> {
  const child = network.inner.start("kai", ["pair", "--json", ...words])
  const { lines } = jsonLines(child)
  const code = await until("the code", () => lines[0]?.code as string)
  child.kill()
  return code
}

const joinAt = (target: string) => network.outer.sento("mira", ["pair", target])

/** A firewall that lets nobody in, and says nothing. */
const swallow = "table inet f {\nchain i { type filter hook input priority 0; tcp dport 9876 drop; }\n}"

/** What the walk of `sento doctor` ends with. */
async function wrong(world: World, name: string, ...peer: string[]): Promise<string> {
  const { stdout } = await world.run(name, ["doctor", ...peer])
  return stdout.split("\n").find(line => line.startsWith("wrong")) ?? "all is well"
}

/** What doctor says of a peer, once it has these words: of a tmux that stands still it says that first. */
async function says(world: World, name: string, peer: string, words: string | RegExp): Promise<string> {
  let said = ""
  const isSaid = async (): Promise<boolean> => {
    said = await wrong(world, name, peer)
    return typeof words === "string" ? said.includes(words) : words.test(said)
  }
  await until("doctor", isSaid).catch(() => expect(said).toMatch(words))
  return said
}

describe.skipIf(missing !== null)("before anything is open", () => {
  test("a code for this machine opens nothing, and a script is told what would", async () => {
    const child = network.inner.start("kai", ["pair"])
    let told = ""
    void (async () => {
      for await (const chunk of child.stderr) told += new TextDecoder().decode(chunk)
    })()
    await until("the hint", () =>
      told.includes("Only this machine can use this code: `sento pair --network`"),
    )
    child.kill()
    expect(await openPorts("inner")).toEqual(["127.0.0.1:9876"])
    const code = await kaisCode()
    const refused = await joinAt(`${code}@${kaiAt}`)
    expect(refused.exit).toBe(69)
    expect(refused.stderr).toBe(
      `sento: error: nothing listens on ${kaiAt}, port 9876 to 9975\nsento: hint: its Guardian is off, or lets in no other machine: ask the other owner to run \`sento pair\`, to say there that this agent is on another machine, and for the line that it prints\n`,
    )
  }, 120_000)

  test("a public address is never opened by --network, nor one that is not ours by --listen", async () => {
    const none = await network.outer.sento("mira", ["pair", "--network"])
    expect(none.exit).toBe(64)
    expect(none.stderr).toContain("has no private or VPN address at which others could reach it")
    expect(none.stderr).toContain("run `sento pair` on the other side instead")
    const strange = await network.inner.sento("kai", ["pair", "--listen", "192.168.7.77"])
    expect(strange.exit).toBe(64)
    expect(strange.stderr).toContain(
      "does not have the address 192.168.7.77\nsento: hint: it has 192.168.7.2;",
    )
    const both = await network.outer.sento("mira", ["pair", "SENTO-4F2K", "--network"])
    expect(both.exit).toBe(64)
    expect(both.stderr).toContain("a side that types a code opens nothing")
    expect(await openPorts("outer")).toEqual(["127.0.0.1:9876"])
  }, 120_000)

  test("a port that another program has is named, and once it is free the same command opens it", async () => {
    const server = "require('net').createServer().listen(9876, '192.168.7.2', () => console.log('{}'))"
    const other = network.inner.start("kai", [], {
      command: [...network.within("inner"), process.execPath, "-e", server],
    })
    const { lines } = jsonLines(other)
    await until("the other program", () => lines.length > 0)
    const taken = await network.inner.sento("kai", ["pair", "--network"])
    expect(taken.exit).toBe(69)
    expect(taken.stderr).toContain(`cannot listen on ${kaiAt}:9876: another program has that port there`)
    expect(taken.stderr).toContain("stop that program (`ss -ltnp 'sport = :9876'` names it)")
    expect(await wrong(network.inner, "kai")).toContain("wrong port: cannot listen on 192.168.7.2:9876")
    other.kill("SIGKILL")
    await other.exited
    expect(await kaisCode(["--network"])).toStartWith("SENTO-")
    expect(await openPorts("inner")).toEqual(["127.0.0.1:9876", "192.168.7.2:9876"])
  }, 120_000)
})

describe.skipIf(missing !== null)("with a code", () => {
  test("an unknown host, nobody there, silence, one's own code and one's own address", async () => {
    const code = await kaisCode()
    const unknown = await joinAt(`${code}@nowhere.invalid`)
    expect([unknown.exit, unknown.stderr]).toEqual([
      69,
      "sento: error: no host is known by the name nowhere.invalid\nsento: hint: check its spelling, or use the IP address that the other owner's `sento pair` prints\n",
    ])
    const wrongAddress = await joinAt(`${code}@192.168.7.99`)
    expect(wrongAddress.stderr).toContain("sento: error: 192.168.7.99 does not answer\n")
    const nobody = await network.inner.sento("kai", ["pair", "SENTO-0000@192.168.7.99"])
    expect(nobody.stderr).toContain("no machine answers at 192.168.7.99")
    const noWay = await network.inner.sento("kai", ["pair", "SENTO-4F2K@[fd00::7]"])
    expect(noWay.stderr).toContain(
      "no way leads from this machine to [fd00::7]:9876; is its network or VPN up?",
    )
    const own = await network.inner.sento("kai", ["pair", code])
    expect([own.exit, own.stderr.split("\n")[0]]).toEqual([
      64,
      `sento: error: ${code} is this agent's own code: the other owner types it`,
    ])
    const itself = await network.inner.sento("kai", ["pair", `SENTO-0000@${kaiAt}`])
    expect(itself.stderr).toContain(`${kaiAt} is this agent itself`)
    expect(`${unknown.stderr}${nobody.stderr}${noWay.stderr}`).not.toMatch(/fetch\(|url|typo|E[A-Z]{6,}/)
  }, 120_000)

  test("a firewall that swallows what comes is told from a Guardian that is not there", async () => {
    const code = await kaisCode()
    await network.run("inner", ["nft", swallow])
    const silent = await joinAt(`${code}@${kaiAt}`)
    expect(silent.stderr).toContain(`sento: error: ${kaiAt} does not answer\n`)
    expect(silent.stderr).toContain("it is an address within a private network")
    await network.run("inner", ["nft", "delete table inet f"])
  }, 120_000)

  test.skipIf(!hasFaults)(
    "a code that has expired",
    async () => {
      const code = await kaisCode()
      await network.inner.stopGuard("kai")
      await network.inner.guard("kai", { SENTO_CLOCK_OFFSET: "700" })
      const expired = await joinAt(`${code}@${kaiAt}`)
      expect(expired.stderr).toBe(
        `sento: error: the Guardian at ${kaiAt} has no open code\nsento: hint: ask the other owner to run \`sento pair\` again: a code is good for 10 minutes, and for one agent\n`,
      )
      await network.inner.restartGuard("kai")
    },
    120_000,
  )

  test("three words each, a yes, and both owners read how their messages travel", async () => {
    const { socket: _ } = people
    await people.session("kai-owner", ["sh"], "kai-owner", [80, 24])
    await people.session("mira-owner", ["sh"], "mira-owner", [80, 24])
    const shell = (world: World, name: string, side: "inner" | "outer", words: string): string =>
      ["env", `SENTO_HOME=${world.home(name)}`, ...network.within(side), ...builtOf(world), words].join(" ")
    await people.type("kai-owner", `clear; ${shell(network.inner, "kai", "inner", "pair")}`)
    const shown = await people.shows("kai-owner", /sento pair SENTO-[0-9A-Z]{4}@192\.168\.7\.2\b/)
    const [target = ""] = /SENTO-[0-9A-Z]{4}@192\.168\.7\.2/.exec(shown) ?? []
    await people.type("mira-owner", `clear; ${shell(network.outer, "mira", "outer", `pair ${target}`)}`)
    await people.shows("kai-owner", "Agent mira wants to pair. Approve? (yes/no)")
    await people.type("kai-owner", "yes")
    const began = performance.now()
    const seenAt = async (side: "inner" | "outer", name: string): Promise<number> => {
      await until(`${name}'s way`, async () =>
        (await network[side].ask(name, "agent", { op: "agents" })).agents.some(one => one.way !== null),
      )
      return performance.now() - began
    }
    const seen = Promise.all([seenAt("inner", "kai"), seenAt("outer", "mira")])
    const screens = [
      await people.shows(
        "kai-owner",
        /mira cannot be reached from here: its Guardian fetches its messages\.|to mira travel is not seen yet/,
      ),
      await people.shows(
        "mira-owner",
        /kai cannot reach this machine: this Guardian fetches its messages there\.|to kai travel is not seen yet/,
      ),
    ]
    // They look for six seconds, and on a busy machine it may be seen later.
    for (const [i, at] of (await seen).entries())
      if (at < 5000) expect(screens[i]).not.toContain("is not seen yet")
    await say(network.inner, "kai", "mira", "to mira")
    await say(network.outer, "mira", "kai", "to kai")
    await until("both messages", async () => {
      const got = [await heard(network.inner, "kai"), await heard(network.outer, "mira")]
      return Bun.deepEquals(got, [["to kai"], ["to mira"]])
    })
    await until("both receipts", async () =>
      [...(await network.outer.log("mira")), ...(await network.inner.log("kai"))].every(
        one => one.direction === "in" || one.peerState === "delivered",
      ),
    )
    expect(await openPorts("outer")).toEqual(["127.0.0.1:9876"])
    expect(await openPorts("inner")).toEqual(["127.0.0.1:9876", "192.168.7.2:9876"])
  }, 120_000)
})

/** The command in a home's world, without what makes it run in its namespace. */
const builtOf = (world: World): readonly string[] => world.command.slice(4)

describe.skipIf(missing !== null)("once paired", () => {
  test("agents, status and doctor say on both sides who fetches from whom", async () => {
    const [at, there] = [
      await network.inner.run("kai", ["agents"]),
      await network.outer.run("mira", ["agents"]),
    ]
    expect([at.stdout, there.stdout]).toEqual([
      expect.stringContaining("peer fetches"),
      expect.stringContaining("we fetch"),
    ])
    expect((await network.inner.run("kai", ["status"])).stdout).toContain(
      "reached   mira: peer fetches, last seen",
    )
    await says(network.inner, "kai", "mira", "all is well")
    await says(network.outer, "mira", "kai", "all is well")
  }, 120_000)

  test("a Guardian that is off: doctor says to start it, and that mends it", async () => {
    await network.inner.stopGuard("kai")
    await says(
      network.outer,
      "mira",
      "kai",
      `wrong kai's port: nothing listens on ${kaiAt}:9876; is its Guardian running?; ask kai's owner to run \`sento guard\``,
    )
    const agents = await network.outer.run("mira", ["agents"])
    expect(agents.stdout).toContain("away (below)")
    expect(agents.stderr).toContain(`kai is away: nothing listens on ${kaiAt}:9876`)
    await network.inner.guard("kai")
    await says(network.outer, "mira", "kai", "all is well")
  }, 120_000)

  test("a firewall that swallows what comes: the port to let in is named", async () => {
    await network.run("inner", ["nft", swallow])
    const swallowed = `wrong kai's port: ${kaiAt}:9876 did not answer in time; let TCP port 9876 in at kai's`
    await says(network.outer, "mira", "kai", swallowed)
    await network.run("inner", ["nft", "delete table inet f"])
    await says(network.outer, "mira", "kai", "all is well")
  }, 120_000)

  test("a network or VPN that is down, on either side", async () => {
    await network.run("outer", ["ip", "route", "del", "default"])
    await says(
      network.outer,
      "mira",
      "kai",
      `wrong kai's address: no way leads from this machine to ${kaiAt}:9876; is its network or VPN up?; bring up the network`,
    )
    await network.run("outer", ["ip", "route", "add", "default", "via", "203.0.113.1"])
    await says(network.outer, "mira", "kai", "all is well")
  }, 120_000)

  test.skipIf(!hasFaults)(
    "a clock that is off by 10 minutes",
    async () => {
      await network.outer.stopGuard("mira")
      await network.outer.guard("mira", { SENTO_CLOCK_OFFSET: "600" })
      await says(
        network.outer,
        "mira",
        "kai",
        /^wrong kai's clock: this clock is (?:59\d|6[0-2]\d) s ahead of kai's; run `timedatectl set-ntp true` on both machines$/,
      )
      await network.outer.restartGuard("mira")
      await says(network.outer, "mira", "kai", "all is well")
    },
    120_000,
  )

  test("another Guardian at the address: the way to the new address is named, and works", async () => {
    await network.inner.stopGuard("kai")
    const words = ["init", "--name", "lia", "--profile", "plain", "--tmux-socket", network.inner.socket]
    expect((await network.inner.sento("lia", [...words, "--listen", "network"])).exit).toBe(0)
    await network.inner.guard("lia")
    const unknown = "wrong kai's Guardian: kai's address answers, but does not know this pair"
    const said = await says(network.outer, "mira", "kai", unknown)
    expect(said).toContain("ask kai's owner to run `sento agents`")
    const { port } = await network.inner.guard("kai")
    expect(port).not.toBe(9876)
    await network.outer.sento("mira", ["agents", "address", "kai", `${kaiAt}:${port}`])
    await says(network.outer, "mira", "kai", "all is well")
  }, 120_000)

  test("a pair that was revoked: doctor says by whom, and to pair again", async () => {
    expect((await network.inner.sento("kai", ["agents", "remove", "mira"])).exit).toBe(0)
    await until("the end of the pair", () => network.outer.paired("mira").length === 0)
    const again = "pair again: `sento pair` on one side, `sento pair CODE` on the other"
    await says(
      network.outer,
      "mira",
      "kai",
      new RegExp(`^wrong kai: the pair was revoked by kai \\([0-9-]{10}\\); ${again}$`),
    )
    await says(network.inner, "kai", "mira", "wrong mira: the pair was ended here")
    const minting = network.inner.start("kai", ["pair", "--json"])
    const { lines } = jsonLines(minting)
    const target = await until("the code", () => lines[0]?.address as string)
    const joining = network.outer.start("mira", ["pair", target])
    await until("approval", async () => {
      const [request] = await network.inner.ask("kai", "owner", { op: "requests" })
      return request && network.inner.ask("kai", "owner", { op: "approve", id: request.id })
    })
    expect((await finished(joining)).exit).toBe(0)
    await says(network.outer, "mira", "kai", "all is well")
  }, 120_000)
})
