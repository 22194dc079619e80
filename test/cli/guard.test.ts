/** `sento guard` on its bad days. */
import { afterEach, expect, test } from "bun:test"
import { existsSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { firstPort, portTries } from "../../src/protocol/addresses.ts"
import {
  createWorld,
  finished,
  guardiansOf,
  initAgent,
  jsonLines,
  pairAgents,
  setUpAgent,
  until,
  type World,
} from "../support/world.ts"

let world: World
afterEach(() => world.close())

test("eight starts at the same instant give one Guardian and eight successes", async () => {
  world = createWorld()
  initAgent(world, "mira")
  const starts = Array.from({ length: 8 }, () => world.start("mira", ["guard", "--json"]))
  const ran = await Promise.all(starts.map(finished))
  expect(ran.map(one => [one.exit, one.stderr])).toEqual(ran.map(() => [0, ""]))
  await until("the end of those that came second", () => guardiansOf(world.home("mira")).length === 1)
  const [pid] = guardiansOf(world.home("mira"))
  expect(ran.map(one => JSON.parse(one.stdout).pid)).toEqual(ran.map(() => pid))
  const left = readdirSync(join(world.home("mira"), ".sento")).filter(name => name.endsWith(".out"))
  expect(left).toEqual(["guardian.out"])
}, 120_000)

test("a full port range is said, and leaves no Guardian", async () => {
  world = createWorld()
  const host = `127.${process.pid % 250}.77.1`
  const held = Array.from({ length: portTries }, (_, i) =>
    Bun.listen({ hostname: host, port: firstPort + i, socket: { data() {} } }),
  )
  try {
    const place = ["--session", "mira", "--tmux-socket", world.socket, "--listen", host]
    await world.run("mira", ["init", "--name", "mira", ...place])
    const ran = await world.sento("mira", ["guard", "--json"])
    expect(ran.exit).toBe(69)
    expect(JSON.parse(ran.stdout).error).toEqual({
      code: "unreachable",
      message: `no free port on 127.0.0.1, ${host} from 9876 to 9975`,
      hint: "stop what holds them (`ss -ltnp`), or choose another with `sento init --port`",
    })
    expect(guardiansOf(world.home("mira"))).toEqual([])
  } finally {
    for (const one of held) one.stop(true)
  }
}, 120_000)

test("sockets left by a killed Guardian are in nobody's way", async () => {
  world = createWorld()
  const { pid } = await setUpAgent(world, "mira")
  process.kill(pid, "SIGKILL")
  await until("its end", () => guardiansOf(world.home("mira")).length === 0)
  expect(readdirSync(join(world.home("mira"), ".sento"))).toContain("agent.sock")
  expect(await world.run("mira", ["guard", "status", "--json"])).toMatchObject({
    exit: 1,
    stdout: '{"running":false}\n',
  })
  expect(await world.run("mira", ["agents", "--json"])).toMatchObject({ exit: 0, stderr: "" })
  const again = await world.sento("mira", ["guard", "--json"])
  expect(again.exit).toBe(0)
  expect(JSON.parse(again.stdout).pid).not.toBe(pid)
}, 120_000)

test("a Guardian whose home was removed ends", async () => {
  world = createWorld()
  await setUpAgent(world, "mira")
  const home = world.home("mira")
  await until("no home", () => {
    try {
      rmSync(home, { recursive: true, force: true })
    } catch {
      // The Guardian removes what is its own at the same time.
    }
    return !existsSync(home)
  })
  await until("its end", () => guardiansOf(world.home("mira")).length === 0)
}, 120_000)

test("a Guardian whose door was removed ends, and the next command has another", async () => {
  world = createWorld()
  const { pid } = await setUpAgent(world, "mira")
  rmSync(join(world.home("mira"), ".sento/agent.sock"))
  const ran = await world.sento("mira", ["guard", "--json"])
  expect(ran).toMatchObject({ exit: 0, stderr: "" })
  expect(JSON.parse(ran.stdout).pid).not.toBe(pid)
}, 120_000)

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)

test("the events of a pairing and the lists after it, for programs", async () => {
  world = createWorld()
  const { port } = await setUpAgent(world, "mira")
  await setUpAgent(world, "kai")
  const minting = world.start("mira", ["pair", "--json"])
  const minted = jsonLines(minting)
  const code = await until("a code", () => minted.lines[0]?.code as string)
  const joining = world.start("kai", ["pair", `${code}@127.0.0.1:${port}`, "--json"])
  const joined = jsonLines(joining)
  const request = await until("a request", () => minted.lines.find(line => line.event === "request"))
  expect(await world.run("mira", ["approve", String(request.id), "--json"])).toMatchObject({ exit: 0 })
  expect(await minting.exited).toBe(0)
  expect(await joining.exited).toBe(0)
  await until("their last words", () => [minted, joined].every(one => one.lines.at(-1)?.event === "paired"))
  const verifier = expect.stringMatching(/^[0-9A-Z]{5}-[0-9A-Z]{5}$/)
  const id = expect.stringMatching(/^[0-9a-f]{32}$/)
  expect(minted.lines.filter(line => line.event !== "answered")).toEqual([
    { event: "code", code: expect.stringMatching(/^SENTO-[0-9A-HJKMNP-TV-Z]{4}$/), expiresAt: time },
    expect.objectContaining({ event: "request", name: "kai", host: "127.0.0.1", verifier }),
    { event: "paired", name: "kai", id },
  ])
  expect(joined.lines).toContainEqual(
    expect.objectContaining({ event: "verifier", verifier: request.verifier }),
  )
  expect(joined.lines.at(-1)).toEqual({ event: "paired", name: "mira", id: minted.lines.at(-1)?.id })
}, 120_000)

test("a burst of waiting messages is counted for its sender", async () => {
  world = createWorld()
  await setUpAgent(world, "mira")
  await setUpAgent(world, "kai", ["sh"])
  await pairAgents(world, "mira", "kai")
  for (const text of ["one", "two"]) expect((await world.run("mira", ["send", "kai", text])).exit).toBe(0)
  const listed = JSON.parse((await world.run("kai", ["agents", "--json"])).stdout)
  expect(listed.agents).toMatchObject([{ name: "mira", waiting: 2 }])
  const follow = world.start("kai", ["log", "-f", "--json"])
  const followed = jsonLines(follow)
  await until("both", () => followed.lines.length === 2)
  await world.run("mira", ["send", "kai", "three"])
  await until("the third", () => followed.lines.length === 3)
  expect(followed.lines.map(line => [line.direction, line.text, line.state])).toEqual(
    ["one", "two", "three"].map(text => ["in", text, "waiting"]),
  )
}, 120_000)
