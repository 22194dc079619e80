/** `sento uninstall` on a home with an agent, a peer, and setups: what it shows, keeps, takes away and tells. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createWorld, guardiansOf, pairAgents, setUpAgent, type World } from "../support/world.ts"

let world: World
beforeEach(() => {
  world = createWorld()
})
afterEach(() => world.close())

/** Everything below the home of the user, but for the other agent's and tmux' socket: paths, modes and bytes. */
function everything(): Record<string, string> {
  const paths = readdirSync(world.folder, { recursive: true, encoding: "utf8" })
  const ours = paths.filter(path => !path.startsWith("kai") && path !== "tmux")
  return Object.fromEntries(
    ours.sort().map(path => {
      const stat = statSync(join(world.folder, path))
      const text = stat.isFile() ? readFileSync(join(world.folder, path), "utf8") : ""
      return [path, `${stat.mode.toString(8)} ${text}`]
    }),
  )
}

async function setUpAll(): Promise<void> {
  for (const words of ["claude", "codex", "gemini --project", "opencode --project"])
    expect((await world.sento("mira", ["setup", ...words.split(" ")])).exit).toBe(0)
}

test("everything goes, the other side is told, and the home is as it was, byte for byte", async () => {
  world.home("mira")
  mkdirSync(join(world.folder, ".codex"))
  writeFileSync(join(world.folder, ".codex/config.toml"), 'model = "x" # mine')
  const before = everything()
  await setUpAgent(world, "mira")
  await setUpAgent(world, "kai")
  await pairAgents(world, "mira", "kai")
  await setUpAll()

  const refused = await world.sento("mira", ["uninstall", "--everything"])
  expect(refused.exit).toBe(64)
  expect(refused.stderr).toContain("takes sento out of ~/.codex/config.toml\n")
  expect(refused.stderr).toContain("removes ~/opencode.json\n")
  expect(refused.stderr).toContain("ends mira's pair with kai, and tells the other side\n")
  expect(refused.stderr).toContain(
    "removes mira's keys and messages: ~/mira/.sento-config.json, ~/mira/.sento/\n",
  )
  expect(refused.stderr).toContain("sento: hint: run it in a terminal, or add `--yes`")
  expect(world.paired("kai")).toEqual(["mira"])

  const done = await world.sento("mira", ["uninstall", "--everything", "--yes"])
  expect(done).toMatchObject({ exit: 0, stdout: "" })
  expect(done.stderr).toContain("kai was told that the pair with mira has ended\n")
  expect(everything()).toEqual(before)
  expect(guardiansOf(world.home("mira"))).toEqual([])
  expect(world.paired("kai")).toEqual([])

  const again = await world.sento("mira", ["uninstall", "--yes"])
  expect(again).toMatchObject({
    exit: 0,
    stderr: expect.stringContaining("nothing of sento's is set up here"),
  })
})

test("without that word keys and messages stay, and so do the pairs", async () => {
  await setUpAgent(world, "mira")
  await setUpAgent(world, "kai")
  await pairAgents(world, "mira", "kai")
  await setUpAll()
  const { exit, stdout } = await world.sento("mira", ["uninstall", "--yes", "--json"])
  expect(exit).toBe(0)
  const { done, faults, kept } = JSON.parse(stdout) as Record<string, string[]>
  expect(done).toContain("mira is stopped")
  expect(faults).toEqual([])
  expect(kept?.[0]).toStartWith(
    "kept: mira's keys and messages, ~/mira/.sento-config.json and ~/mira/.sento/",
  )
  expect(guardiansOf(world.home("mira"))).toEqual([])
  expect(existsSync(join(world.folder, ".claude"))).toBe(false)
  expect(world.paired("mira")).toEqual(["kai"])
  expect(world.paired("kai")).toEqual(["mira"])
})

test("what cannot be taken away is told, and keeps nothing of the rest", async () => {
  world.home("mira")
  for (const words of [
    ["setup", "codex"],
    ["setup", "claude"],
  ])
    await world.sento("mira", words)
  writeFileSync(join(world.folder, ".codex/config.toml"), "mine = ")
  const { exit, stderr } = await world.sento("mira", ["uninstall", "--yes"])
  expect(exit).toBe(1)
  expect(stderr).toContain(`sento: error: ${join(world.folder, ".codex/config.toml")}: TOML Parse error`)
  expect(existsSync(join(world.folder, ".claude"))).toBe(false)
  const { setups } = JSON.parse(readFileSync(join(world.folder, ".sento/setups.json"), "utf8"))
  expect(setups.map((one: { program: string }) => one.program)).toEqual(["codex"])
})

test("an agent whose config is broken goes too", async () => {
  writeFileSync(join(world.home("mira"), ".sento-config.json"), "{ no")
  const { exit, stderr } = await world.sento("mira", ["uninstall", "--everything", "--yes"])
  expect([exit, stderr]).toEqual([
    0,
    expect.stringContaining("removes mira's keys and messages: ~/mira/.sento-config.json"),
  ])
  expect(readdirSync(world.home("mira"))).toEqual([])
})

test("an agent's process does not take it away", async () => {
  await setUpAgent(world, "mira", ["sh"])
  await setUpAll()
  await world.type("mira", `clear; ${world.command.join(" ")} uninstall --everything --yes; echo "exit $?"`)
  await world.shows("mira", "exit 77")
  expect(existsSync(join(world.folder, ".claude"))).toBe(true)
  expect(guardiansOf(world.home("mira"))).toHaveLength(1)
})

test("it is for all agents, and says so to who names one", async () => {
  expect(await world.run("mira", ["uninstall", "--agent", "kai", "--yes"])).toMatchObject({
    exit: 64,
    stderr: expect.stringContaining("`sento guard uninstall --agent kai` stops one"),
  })
})
