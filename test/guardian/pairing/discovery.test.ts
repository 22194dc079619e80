/**
 * Finding the minter from a bare code, in a network namespace of the test's own: there nobody else's agents
 * have open codes. Skipped where this user may not make one.
 */
import { afterEach, expect, test } from "bun:test"
import { join } from "node:path"
import { built, createWorld, finished, jsonLines, until, type World } from "../../support/world.ts"

const canUnshare =
  Bun.spawnSync(["unshare", "-n", "sh", "-c", "ip link set lo up"], { stdout: "ignore", stderr: "ignore" })
    .exitCode === 0

let world: World
afterEach(async () => world?.close())

/** `sento` as it runs inside the namespace of `holder`. */
const inside = (holder: number): string[] => ["nsenter", "-t", String(holder), "-n", ...built]

async function openNamespace(): Promise<number> {
  world = createWorld()
  const holder = world.start("holder", [], {
    command: ["unshare", "-n", "sh", "-c", "ip link set lo up && echo '{}' && exec sleep 120"],
  })
  const { lines } = jsonLines(holder)
  await until("the namespace", () => lines.length > 0)
  return holder.pid
}

async function openAgents(command: readonly string[], names: readonly string[]): Promise<void> {
  for (const name of names) {
    const words = ["init", "--name", name, "--profile", "plain", "--tmux-socket", join(world.folder, "none")]
    expect((await world.sento(name, words, { command })).exit).toBe(0)
    expect((await world.sento(name, ["guard"], { command })).exit).toBe(0)
  }
}

test.skipIf(!canUnshare)(
  "a bare code finds the one agent with an open code by itself; of several the owner picks",
  async () => {
    const holder = await openNamespace()
    const command = inside(holder)
    await openAgents(command, ["mira", "kai", "lia"])
    const nobody = await world.sento("kai", ["pair", "SENTO-4F2K"], { command })
    expect(nobody.exit).toBe(69)
    expect(nobody.stderr).toContain("no agent with an open code answers on 127.0.0.1")

    const minting = world.start("mira", ["pair", "--json"], { command })
    const mira = jsonLines(minting)
    const code = await until("mira's code", () => mira.lines[0]?.code as string)
    const joining = world.start("kai", ["pair", code], { command })
    await until("approval", async () => (await world.sento("mira", ["approve"], { command })).exit === 0)
    const joined = await finished(joining)
    expect(joined.exit).toBe(0)
    expect(joined.stderr).toContain("Found mira at 127.0.0.1:9876.")

    const again = jsonLines(world.start("mira", ["pair", "--json"], { command }))
    await until("mira's second code", () => again.lines.length > 0)
    const lias = jsonLines(world.start("lia", ["pair", "--json"], { command }))
    const liasCode = await until("lia's code", () => lias.lines[0]?.code as string)
    const several = await world.sento("kai", ["pair", liasCode], { command })
    expect(several.exit).toBe(64)
    expect(several.stderr).toContain("several agents have an open code: mira (9876), lia (9878)")
    const named = world.start("kai", ["pair", `${liasCode}@127.0.0.1:9878`], { command })
    await until("approval", async () => (await world.sento("lia", ["approve"], { command })).exit === 0)
    expect((await finished(named)).exit).toBe(0)
  },
  120_000,
)
