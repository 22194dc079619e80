/**
 * Two homes and a router between them, each in a network namespace of its own: `inner` behind it, `outer` on its other
 * side. Needs root, `ip` and `nft`.
 */
import { built, createWorld, jsonLines, until, type World } from "../support/world.ts"

const words = (text: string): string[] => text.split(" ")
const runs = (command: readonly string[]): boolean =>
  Bun.which(command[0] ?? "") !== null &&
  Bun.spawnSync([...command], { stdout: "ignore", stderr: "ignore" }).exitCode === 0

/** Why none of this can be made here; null where it can. */
export const missing: string | null =
  Bun.which("ip") === null || Bun.which("nft") === null
    ? "needs ip and nft (apt-get install iproute2 nftables)"
    : runs(["unshare", "-n", "sh", "-c", "ip link set lo up && nft add table ip probe"])
      ? null
      : "needs root and nf_tables for network namespaces"

/** The outer home's first address, the inner one's, and the router's on its outer side, which is all that is seen. */
export const addresses = { outer: "203.0.113.2", inner: "192.168.7.2", router: "203.0.113.1" } as const

type Side = "inner" | "outer"
export type Network = {
  readonly inner: World
  readonly outer: World
  /** What the router knows of connections is gone: those that were open lead nowhere, and nobody is told. */
  forgetConnections(): Promise<void>
  /** Pulls a home's cable, or puts it back. */
  cable(side: Side, state: "up" | "down"): Promise<void>
  /** Gives a home another address in place of the one that it has. */
  readdress(side: Side, address: string): Promise<void>
  /** Gives it one more. */
  addAddress(side: Side, address: string): Promise<void>
  /** Gives it another interface, such as a VPN's. */
  addInterface(side: Side, name: string, address: string): Promise<void>
  /** Runs something else in a home's namespace. @throws where that fails */
  run(side: Side, command: readonly string[]): Promise<void>
  /** What makes a command line run in a home's namespace. */
  within(side: Side): readonly string[]
  close(): Promise<void>
}

/**
 * @param between - `nat`: a router that translates addresses and lets nobody in; `router`: one that does neither
 * @param sento - the command, as it is run in both homes
 */
export async function openNetwork(
  between: "nat" | "router",
  sento: readonly string[] = built,
): Promise<Network> {
  const holders = createWorld()
  const open = async (name: string): Promise<number> => {
    const command = ["unshare", "-n", "sh", "-c", "ip link set lo up && echo '{}' && exec sleep 1000"]
    const holder = holders.start(name, [], { command })
    const { lines } = jsonLines(holder)
    await until("the namespace", () => lines.length > 0)
    return holder.pid
  }
  const [inner, outer, router] = [await open("inner"), await open("outer"), await open("router")]
  const pids = { inner, outer, router }
  const within = (place: keyof typeof pids): string[] => ["nsenter", "-t", String(pids[place]), "-n"]

  async function run(place: keyof typeof pids, command: readonly string[]): Promise<void> {
    const ran = await holders.sento(place, [], { command: [...within(place), ...command] })
    if (ran.exit !== 0) throw new Error(`${command.join(" ")}: ${ran.stderr}`)
  }
  const ip = (place: keyof typeof pids, text: string): Promise<void> => run(place, ["ip", ...words(text)])

  let generation = 0
  /** A connection belongs to the generation in which it began, and is let through in that one alone. */
  async function route(): Promise<void> {
    if (between === "router") return
    generation += 1
    const rules = [
      "table ip sento { }",
      "flush table ip sento",
      "table ip sento {",
      "chain out { type nat hook postrouting priority 100; oifname wan masquerade; }",
      "chain through { type filter hook forward priority 0; policy drop;",
      `iifname lan ct state new tcp flags & (syn|ack) == syn ct mark set ${generation} accept;`,
      `ct mark ${generation} accept; }`,
      "}",
    ]
    await run("router", ["nft", rules.join("\n")])
  }

  const gateways = { inner: "192.168.7.1", outer: addresses.router } as const
  async function connect(side: Side, port: string): Promise<void> {
    await ip("router", `link add ${port} type veth peer name eth0 netns ${pids[side]}`)
    await ip("router", `address add ${gateways[side]}/24 dev ${port}`)
    await ip("router", `link set ${port} up`)
    await ip(side, "link set eth0 up")
    await ip(side, `address add ${addresses[side]}/24 dev eth0`)
    await ip(side, `route add default via ${gateways[side]}`)
  }
  await connect("inner", "lan")
  await connect("outer", "wan")
  await run("router", ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
  await route()

  const current: Record<Side, string> = { inner: addresses.inner, outer: addresses.outer }
  const worlds = {
    inner: createWorld([...within("inner"), ...sento]),
    outer: createWorld([...within("outer"), ...sento]),
  }
  return {
    ...worlds,
    forgetConnections: route,
    async cable(side, state) {
      await ip("router", `link set ${side === "inner" ? "lan" : "wan"} ${state}`)
    },
    async readdress(side, address) {
      await ip(side, `address del ${current[side]}/24 dev eth0`)
      await ip(side, `address add ${address}/24 dev eth0`)
      await ip(side, `route replace default via ${gateways[side]}`)
      current[side] = address
    },
    addAddress: (side, address) => ip(side, `address add ${address}/24 dev eth0`),
    async addInterface(side, name, address) {
      await ip(side, `link add ${name} type veth peer name ${name}-end`)
      await ip(side, `link set ${name}-end up`)
      await ip(side, `link set ${name} up`)
      await ip(side, `address add ${address}/24 dev ${name}`)
    },
    run,
    within,
    async close() {
      await Promise.all([worlds.inner.close(), worlds.outer.close()])
      await holders.close()
    },
  }
}
