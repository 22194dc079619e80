/** Machines on one wire, each a network namespace of its own that a switch connects. Needs root and `ip`. */
import { createWorld, jsonLines, until } from "./world.ts"

/** Why none can be made here; null where one can. */
export const noLink: string | null =
  Bun.which("ip") === null || Bun.which("nsenter") === null
    ? "needs ip and nsenter (apt-get install iproute2 util-linux)"
    : Bun.spawnSync(["unshare", "-n", "sh", "-c", "ip link add probe type bridge"], { stderr: "ignore" })
          .exitCode === 0
      ? null
      : "needs root for network namespaces"

export type Link = {
  /** What comes before a command that runs on this machine. */
  on(machine: string): readonly string[]
  /** Runs `ip` there. */
  ip(machine: string, line: string): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** @param machines - by name, with the addresses that each has on its `eth0`, as `192.168.7.1/24` */
export async function openLink(machines: Readonly<Record<string, readonly string[]>>): Promise<Link> {
  const holders = createWorld()
  const pids = new Map<string, number>()
  const on = (machine: string): readonly string[] => ["nsenter", "-t", String(pids.get(machine)), "-n"]

  async function ip(machine: string, line: string): Promise<void> {
    const ran = await holders.sento("holder", [], { command: [...on(machine), "ip", ...line.split(" ")] })
    if (ran.exit !== 0) throw new Error(`ip ${line}: ${ran.stderr}`)
  }

  for (const name of ["switch", ...Object.keys(machines)]) {
    const command = ["unshare", "-n", "sh", "-c", "ip link set lo up && echo '{}' && exec sleep 300"]
    const holder = holders.start("holder", [], { command })
    const { lines } = jsonLines(holder)
    await until("the namespace", () => lines.length > 0)
    pids.set(name, holder.pid)
  }
  // It passes all multicast on, as a cheap switch does: a bridge that learns who listens drops what came too early.
  await ip("switch", "link add br0 type bridge mcast_snooping 0")
  await ip("switch", "link set br0 up")
  for (const [machine, addresses] of Object.entries(machines)) {
    await ip("switch", `link add name ${machine} type veth peer name eth0 netns ${pids.get(machine)}`)
    await ip("switch", `link set dev ${machine} up master br0`)
    await ip(machine, "link set eth0 up")
    for (const address of addresses) await ip(machine, `address add ${address} dev eth0`)
  }
  return { on, ip, [Symbol.asyncDispose]: () => holders.close() }
}
