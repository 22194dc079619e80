/** The whole of it with the built binary: two homes, two Guardians, real panes, a yes that is typed. */
import { afterEach, expect, test } from "bun:test"
import { join } from "node:path"
import {
  createWorld,
  finished,
  pairAgents,
  plainEnvironment,
  setUpAgent,
  type World,
} from "../support/world.ts"

let world: World
afterEach(() => world.close())

/** Runs a command line in an owner's shell: `sento` is spelled as this test runs it. */
async function ownerTypes(
  session: string,
  home: string,
  words: string,
  command: readonly string[],
): Promise<void> {
  await world.session(session, ["sh"], home)
  await world.type(session, `${command.join(" ")} ${words}`)
}

test("two owners pair with a typed yes, and the agents talk both ways", async () => {
  world = createWorld()
  const { built } = await import("../support/world.ts")
  const mira = await setUpAgent(world, "mira")
  await setUpAgent(world, "kai")

  await ownerTypes("mira-owner", "mira", "pair --listen 127.0.0.1", built)
  const code = /SENTO-[0-9A-HJKMNP-TV-Z]{4}$/m.exec(await world.shows("mira-owner", /SENTO-.{4}$/m))?.[0]
  await ownerTypes("kai-owner", "kai", `pair ${code}@127.0.0.1:${mira.port}`, built)
  const asked = await world.shows("mira-owner", "Agent kai wants to pair. Approve? (yes/no)")
  const verifier = /[0-9A-Z]{5}-[0-9A-Z]{5}/.exec(asked)?.[0] as string
  await world.shows("kai-owner", verifier)
  await world.type("mira-owner", "yes")
  await world.shows("mira-owner", "Paired with kai.")
  await world.shows("kai-owner", "Paired with mira.")

  expect((await world.run("mira", ["send", "kai", "what is", "planned?"])).exit).toBe(0)
  const line = await world.shows("kai", /← agent mira \[[0-9a-z]{4}\]: what is planned\?/)
  const shortId = /\[([0-9a-z]{4})\]/.exec(line)?.[1] as string
  expect((await world.run("kai", ["reply", shortId, "nothing, so far"])).exit).toBe(0)
  await world.shows("mira", /← agent kai \[[0-9a-z]{4}\]: nothing, so far/)
}, 120_000)

test("a typed no pairs nothing on either side", async () => {
  world = createWorld()
  const { built } = await import("../support/world.ts")
  const mira = await setUpAgent(world, "mira")
  await setUpAgent(world, "kai")
  await ownerTypes("mira-owner", "mira", "pair --listen 127.0.0.1", built)
  const code = /SENTO-.{4}$/m.exec(await world.shows("mira-owner", /SENTO-.{4}$/m))?.[0]
  await ownerTypes("kai-owner", "kai", `pair ${code}@127.0.0.1:${mira.port}`, built)
  await world.shows("mira-owner", "Approve? (yes/no)")
  await world.type("mira-owner", "no")
  await world.shows("mira-owner", "The answer was no. Nothing is paired.")
  await world.shows("kai-owner", "The answer was no. Nothing is paired.")
  for (const name of ["mira", "kai"])
    expect(JSON.parse((await world.run(name, ["agents", "--json"])).stdout).agents).toEqual([])
}, 120_000)

test("a shell script with openssl and curl sends a message with a key from the config", async () => {
  world = createWorld()
  await setUpAgent(world, "mira")
  await setUpAgent(world, "kai")
  await pairAgents(world, "mira", "kai")
  const script = join(import.meta.dir, "../../docs/send.sh")
  const child = Bun.spawn(["sh", script, "kai", 'hello "from" a shell script'], {
    env: { ...plainEnvironment, SENTO_HOME: world.home("mira") },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  })
  const ran = await finished(child)
  expect(ran).toMatchObject({ exit: 0, stderr: "" })
  expect(JSON.parse(ran.stdout)).toMatchObject({ v: 1, status: 202, state: "accepted" })
  await world.shows("kai", "← agent mira")
  expect(await world.screen("kai")).toContain('hello "from" a shell script')
}, 120_000)

test("the demo shows both panes with the question and the answer", async () => {
  world = createWorld()
  const ran = await world.sento("demo", ["demo"])
  expect(ran).toMatchObject({ exit: 0 })
  expect(ran.stdout).toMatch(/← agent mira \[[0-9a-z]{4}\]: What tasks/)
  expect(ran.stdout).toMatch(/← agent kai \[[0-9a-z]{4}\]: Two: book/)
}, 120_000)
