/** Pairing between real Guardians: limits, repeats, collisions, answers elsewhere, other addresses. */
import { afterEach, expect, test } from "bun:test"
import {
  built,
  type Child,
  createWorld,
  finished,
  guardiansOf,
  initAgent,
  jsonLines,
  pairAgents,
  setUpAgent,
  signalTo,
  until,
  type World,
} from "../../support/world.ts"

let world: World
afterEach(async () => world?.close())

type Minting = { readonly code: string; readonly at: string; readonly child: Child; readonly lines: Line[] }
type Line = Record<string, unknown>

async function mint(name: string, words: readonly string[] = []): Promise<Minting> {
  const child = world.start(name, ["pair", "--json", ...words])
  const { lines } = jsonLines(child)
  const code = await until("a code", () => lines.find(line => line.event === "code")?.code as string)
  const port = (await world.status(name))?.port
  return { code, at: `${code}@127.0.0.1:${port}`, child, lines }
}

/** Agents without panes: pairing needs none. */
async function openWorld(...names: string[]): Promise<void> {
  world = createWorld()
  for (const name of names) {
    initAgent(world, name)
    await world.guard(name)
  }
}

const wrong = (at: string): string =>
  at.replace(/SENTO-(.)(.*)@/, (_, a, b) => `SENTO-${a === "0" ? "1" : "0"}${b}@`)

test("three wrong tries burn a code, over a kill -9 as well, and the owner is told from where", async () => {
  await openWorld("mira", "kai")
  const { at, code } = await mint("mira")
  const bad = wrong(at)
  for (const _ of [1, 2]) expect((await world.sento("kai", ["pair", bad])).exit).toBe(77)
  for (const pid of guardiansOf(world.home("mira"))) signalTo(pid, "SIGKILL")
  await until("its death", () => guardiansOf(world.home("mira")).length === 0)
  const again = world.start("mira", ["pair", "--json"])
  const { lines } = jsonLines(again)
  await until("the same code", () => lines.some(line => line.code === code))
  expect((await world.sento("kai", ["pair", bad])).exit).toBe(77)
  expect(await again.exited).toBe(77)
  await until("its last word", () => lines.at(-1)?.event === "burned")
  expect(lines.at(-1)).toEqual({ event: "burned", address: "127.0.0.1" })
  const late = await world.sento("kai", ["pair", at])
  expect(late).toMatchObject({ exit: 69, stdout: "" })
}, 120_000)

test("a joiner stops after three unanswered tries with one code, over a restart as well", async () => {
  await openWorld("mira", "kai", "lia")
  const { at } = await mint("mira")
  const bad = wrong(at)
  for (const _ of [1, 2]) expect((await world.sento("kai", ["pair", bad])).exit).toBe(77)
  await world.restartGuard("kai")
  expect((await world.sento("kai", ["pair", bad])).exit).toBe(77)
  const refused = await world.sento("kai", ["pair", bad])
  expect(refused.exit).toBe(77)
  expect(refused.stderr).toContain("this code was tried 3 times without a right answer")
}, 120_000)

test("no more than 10 codes an hour, counted over restarts", async () => {
  await openWorld("mira")
  for (let i = 0; i < 10; i += 1) {
    const { child } = await mint("mira", i % 2 === 0 ? [] : ["--long"])
    child.kill()
    if (i % 2 === 1) {
      const { Database } = await import("bun:sqlite")
      using database = new Database(`${world.home("mira")}/.sento/sento.db`)
      database.run("UPDATE codes SET expires_at = 0 WHERE state = 'open'")
    }
  }
  await world.restartGuard("mira")
  const refused = await world.sento("mira", ["pair"])
  expect(refused).toMatchObject({ exit: 75, stdout: "" })
  expect(refused.stderr).toContain("no more than 10 codes an hour")
}, 120_000)

test("`--long` opens a code of eight symbols, and it pairs", async () => {
  await openWorld("mira", "kai")
  const { at, code } = await mint("mira", ["--long"])
  expect(code).toMatch(/^SENTO-[0-9A-Z]{4}-[0-9A-Z]{4}$/)
  const joining = world.start("kai", ["pair", at.toLowerCase(), "--json"])
  await until("approval", async () => (await world.sento("mira", ["approve"])).exit === 0)
  expect((await finished(joining)).exit).toBe(0)
}, 120_000)

test("a request that waits is shown by `sento pair` again, also after restarts of both sides", async () => {
  await openWorld("mira", "kai")
  const { at, lines, child } = await mint("mira")
  world.start("kai", ["pair", at, "--json"])
  const request = await until("the request", () => lines.find(line => line.event === "request"))
  child.kill()
  for (const name of ["mira", "kai"]) await world.restartGuard(name)
  const again = world.start("mira", ["pair", "--json"])
  const shown = jsonLines(again)
  await until("the request again", () => shown.lines.length > 0)
  expect(shown.lines[0]).toEqual(request)
  expect((await world.sento("mira", ["approve", request.id as string])).exit).toBe(0)
  expect(await again.exited).toBe(0)
  await until("kai to be paired", async () => world.paired("kai").includes("mira"))
}, 120_000)

test("an answer from another terminal withdraws the question here", async () => {
  world = createWorld()
  const mira = await setUpAgent(world, "mira")
  await setUpAgent(world, "kai")
  await world.session("owner", ["sh"], "mira")
  await world.type("owner", `${built.join(" ")} pair --listen 127.0.0.1`)
  const code = /SENTO-.{4}$/m.exec(await world.shows("owner", /SENTO-.{4}$/m))?.[0]
  world.start("kai", ["pair", `${code}@127.0.0.1:${mira.port}`])
  await world.shows("owner", "Approve? (yes/no)")
  expect((await world.sento("mira", ["deny"])).exit).toBe(0)
  await world.shows("owner", "answered elsewhere")
  const late = await world.sento("mira", ["approve"])
  expect(late.exit).toBe(77)
  expect(late.stderr).toContain("no request waits")
}, 120_000)

test("anything but the word is asked for again, and Ctrl-C leaves the request waiting", async () => {
  world = createWorld()
  const mira = await setUpAgent(world, "mira")
  await setUpAgent(world, "kai")
  await world.session("owner", ["sh"], "mira")
  await world.type("owner", `${built.join(" ")} pair --listen 127.0.0.1; echo exit $?`)
  const code = /SENTO-.{4}$/m.exec(await world.shows("owner", /SENTO-.{4}$/m))?.[0]
  world.start("kai", ["pair", `${code}@127.0.0.1:${mira.port}`])
  await world.shows("owner", "Approve? (yes/no)")
  await world.type("owner", "y")
  await world.shows("owner", "type yes or no")
  expect(world.paired("mira")).toEqual([])
  await world.tmux("send-keys", "-t", "=owner:", "C-c")
  await world.shows("owner", "exit 130")
  expect((await world.sento("mira", ["approve"])).exit).toBe(0)
}, 120_000)

test("a name that is taken is never replaced silently, on either side", async () => {
  await openWorld("mira", "kai", "lia")
  await pairAgents(world, "mira", "kai")
  await world.sento("lia", ["init", "--name", "kai"])
  await world.restartGuard("lia")
  const { at, lines } = await mint("mira")
  const joining = world.start("lia", ["pair", at, "--json"])
  const request = await until("the request", () => lines.find(line => line.event === "request"))
  expect(request).toMatchObject({ name: "kai", taken: true })
  const refused = await world.sento("mira", ["approve"])
  expect(refused.exit).toBe(64)
  expect(refused.stderr).toContain(`an agent named "kai" is paired already`)
  expect((await world.sento("mira", ["approve", "--as", "kai2"])).exit).toBe(0)
  expect((await finished(joining)).exit).toBe(0)
  expect(world.paired("mira")).toEqual(["kai", "kai2"])

  const second = await mint("mira")
  const collides = await world.sento("lia", ["pair", second.at])
  expect(collides.exit).toBe(64)
  expect(collides.stderr).toContain(`an agent named "mira" is paired already`)
  const replacing = world.start("lia", ["pair", second.at, "--replace"])
  await until("approval", async () => (await world.sento("mira", ["approve", "--as", "kai3"])).exit === 0)
  expect((await finished(replacing)).exit).toBe(0)
  expect(world.paired("lia")).toEqual(["mira"])
  await until("the replaced pair to end", async () => world.paired("mira").join() === "kai,kai3")
}, 120_000)

test("removing tells the other side, and `revoked by mira` is what it sees", async () => {
  await openWorld("mira", "kai")
  await pairAgents(world, "mira", "kai")
  expect((await world.sento("mira", ["agents", "remove", "kai"])).exit).toBe(0)
  expect(world.paired("mira")).toEqual([])
  await until("kai to hear", async () => world.paired("kai").length === 0)
  const sent = await world.sento("kai", ["send", "mira", "hello?"])
  expect(sent.exit).toBe(77)
  expect(sent.stderr).toContain("revoked by mira")
  const config = await Bun.file(`${world.home("kai")}/.sento-config.json`).json()
  expect(config.agents).toEqual({})
}, 120_000)

test("removing and renaming work with the Guardian stopped; the other side hears when it runs again", async () => {
  await openWorld("mira", "kai", "lia")
  await pairAgents(world, "mira", "kai")
  await pairAgents(world, "mira", "lia")
  await world.stopGuard("mira")
  expect((await world.sento("mira", ["agents", "rename", "lia", "lea"])).exit).toBe(0)
  expect((await world.sento("mira", ["agents", "remove", "kai"])).exit).toBe(0)
  expect(guardiansOf(world.home("mira"))).toEqual([])
  expect(world.paired("mira")).toEqual(["lea"])
  expect(world.paired("kai")).toEqual(["mira"])
  await world.guard("mira")
  await until("kai to hear", async () => world.paired("kai").length === 0)
  expect((await world.sento("mira", ["send", "lea", "hello"])).exit).toBe(0)
}, 120_000)

test("messages of a removed peer that still wait are never typed", async () => {
  await openWorld("mira", "kai")
  await pairAgents(world, "mira", "kai")
  expect((await world.sento("mira", ["send", "kai", "too late"])).exit).toBe(0)
  expect((await world.status("kai"))?.waiting.inbox).toBe(1)
  expect((await world.sento("kai", ["agents", "remove", "mira"])).exit).toBe(0)
  expect((await world.status("kai"))?.waiting.inbox).toBe(0)
  await world.session("kai", ["cat"])
  await until("kai's pane to be found", async () => (await world.status("kai"))?.session.state === "ready")
  expect(await world.screen("kai")).not.toContain("too late")
}, 120_000)

test("a joiner finds the minter by name and by IPv6 address", async () => {
  world = createWorld()
  for (const [name, host] of [
    ["mira", "::1"],
    ["kai", "127.0.0.1"],
  ] as const) {
    initAgent(world, name)
    expect((await world.sento(name, ["init", "--listen", host])).exit).toBe(0)
    await world.guard(name)
  }
  const { code } = await mint("mira")
  const port = (await world.status("mira"))?.port
  const nobody = await world.sento("kai", ["pair", `${code}@localhost:1`])
  expect(nobody.exit).toBe(69)
  const joining = world.start("kai", ["pair", `${code}@[::1]:${port}`, "--json"])
  await until("approval", async () => (await world.sento("mira", ["approve"])).exit === 0)
  expect((await finished(joining)).exit).toBe(0)
  expect((await world.sento("kai", ["send", "mira", "over IPv6"])).exit).toBe(0)
}, 120_000)
