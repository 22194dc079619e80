/**
 * A day of two owners with the commands as they type them, in a namespace where every packet that would leave is noted
 * and goes nowhere; then one that does leave, to see that it is noted. Prints both lists, as JSON.
 */
import { createSocket } from "node:dgram"
import { built, createWorld, jsonLines, plainEnvironment, setUpAgent, until } from "../../support/world.ts"

const rules = `table inet watch {
  set four { typeof ip daddr . meta l4proto . th dport; flags dynamic; }
  set six { typeof ip6 daddr . meta l4proto . th dport; flags dynamic; }
  chain leaving {
    type filter hook output priority 0
    oifname "out" meta l4proto { tcp, udp } add @four { ip daddr . meta l4proto . th dport }
    oifname "out" meta l4proto { tcp, udp } add @six { ip6 daddr . meta l4proto . th dport }
  }
}
`
if (!Bun.spawnSync(["nft", "-f", "-"], { stdin: Buffer.from(rules), stderr: "inherit" }).success)
  process.exit(1)

const world = createWorld()

type Listed = {
  readonly nftables: readonly {
    readonly set?: { readonly elem?: readonly { readonly concat: readonly (string | number)[] }[] }
  }[]
}

/** Destinations of what left by `out`: address, protocol and port. */
function left(): string[] {
  const listed = Bun.spawnSync(["nft", "-j", "list", "table", "inet", "watch"]).stdout.toString()
  const { nftables } = JSON.parse(listed) as Listed
  return nftables.flatMap(({ set }) => (set?.elem ?? []).map(({ concat }) => concat.join(" "))).sort()
}

const ran: string[] = []
async function sento(name: string, line: string, input = ""): Promise<string> {
  const { exit, stdout, stderr } = await world.sento(name, line.split(" "), { input })
  ran.push(`${line.split(" ").slice(0, 2).join(" ")}: ${exit}`)
  return stdout + stderr
}

try {
  const { port } = await setUpAgent(world, "mira")
  await setUpAgent(world, "kai")
  const minting = world.start("mira", ["pair", "--json"])
  const { lines } = jsonLines(minting)
  const code = await until(
    "the code",
    () => lines.find(one => one.event === "code")?.code as string | undefined,
  )
  const joining = world.start("kai", ["pair", `${code}@127.0.0.1:${port}`, "--json"])
  const id = await until(
    "the request",
    () => lines.find(one => one.event === "request")?.id as string | undefined,
  )
  await sento("mira", `approve ${id}`)
  await Promise.all([minting.exited, joining.exited])

  await sento("mira", "send kai hello")
  const line = await world.shows("kai", /← agent mira \[[0-9a-z]{4}\]: hello/)
  await sento("kai", `reply ${/\[(.{4})\]/.exec(line)?.[1]} fine`)
  await world.shows("mira", /← agent kai \[[0-9a-z]{4}\]: fine/)
  await sento("mira", "send kai late --wait 1")
  const initialize = {
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "day", version: "1" } },
  }
  await Promise.all([
    sento("mira", "status"),
    sento("mira", "agents"),
    sento("mira", "log"),
    sento("mira", "guard status"),
    sento("mira", "guard logs"),
    sento("mira", "owner"),
    sento("mira", "deny zzzz"),
    // Nobody has that code: it is looked for on this machine, and by mDNS on the networks of this one.
    sento("mira", "pair SENTO-ZZZZ"),
    sento("mira", "complete -- send k"),
    sento("mira", "completions zsh"),
    sento("kai", "mcp", `${JSON.stringify(initialize)}\n`),
    sento("kai", "hook UserPromptSubmit", '{"session_id":"s","prompt":"hi"}'),
    sento("kai", "plugin claude hook Stop", '{"session_id":"s"}'),
    sento("kai", "setup claude"),
    sento("kai", "setup codex"),
    sento("kai", "setup gemini"),
    sento("kai", "setup opencode"),
  ])
  // After the setups: one of them waits for a yes in its program.
  await sento("mira", "doctor kai")
  await sento("mira", "agents pause kai 1h")
  await sento("mira", "agents remove kai")
  await sento("mira", "guard restart")
  await sento("mira", "guard stop")
  await sento("kai", "guard stop")
  const demo = Bun.spawnSync([...built, "demo"], {
    env: { ...plainEnvironment, HOME: world.folder },
    stdin: "ignore",
  })
  ran.push(`demo: ${demo.exitCode}`)
} finally {
  await world.close()
}
const day = left()
const socket = createSocket("udp4")
await new Promise(done => socket.send("x", 53, "192.0.2.1", done))
void fetch("http://192.0.2.2:80").catch(() => {})
const more = (): string[] => left().filter(one => !day.includes(one))
await until("what leaves", () => more().length > 1)
process.stdout.write(JSON.stringify({ ran, day, control: more() }))
process.exit()
