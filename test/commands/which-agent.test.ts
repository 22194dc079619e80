/** Which of a user's agents a command is for, and that nobody speaks as another one: real panes, real processes. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test"
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { built, createWorld, initAgent, type Ran, until, type World } from "../support/world.ts"

const mira = "."
const kai = ".sento/agents/kai"
let world: World
let count = 0

beforeAll(async () => {
  world = createWorld()
  for (const [home, name] of [
    [mira, "mira"],
    [kai, "kai"],
  ] as const) {
    initAgent(world, name, home)
    await openShell(name, world.socket)
    await world.guard(home)
  }
  await openShell("other", world.socket)
})
afterAll(() => world.close())

/** A session in which nothing says which agent it is. */
async function openShell(session: string, socket: string): Promise<void> {
  const env = { HOME: world.folder, PATH: process.env.PATH ?? "", PS1: "$ ", TERM: "xterm-256color" }
  const settings = Object.entries(env).flatMap(([name, value]) => ["-e", `${name}=${value}`])
  const words = [
    "tmux",
    "-S",
    socket,
    "-f",
    "/dev/null",
    "new-session",
    "-d",
    "-s",
    session,
    ...settings,
    "sh",
  ]
  await Bun.spawn(words, { env, stdin: "ignore" }).exited
}

/** Runs a line in a session's pane. */
async function runIn(session: string, line: string, socket = world.socket): Promise<Ran> {
  const at = join(world.folder, `ran-${++count}`)
  const whole = `{ ${line}; } </dev/null >${at}.out 2>${at}.err; echo $? >${at}.exit`
  const send = (...keys: string[]) =>
    Bun.spawn(["tmux", "-S", socket, "send-keys", "-t", `=${session}:`, ...keys], { env: {} }).exited
  await send("-l", whole)
  await send("Enter")
  const read = (kind: string): string => readFileSync(`${at}.${kind}`, "utf8")
  const exit = await until(line, () => (Bun.file(`${at}.exit`).size > 0 ? read("exit") : null))
  return { exit: Number(exit), stdout: read("out"), stderr: read("err") }
}

const sento = built.join(" ")
const whoami = (before = "", after = ""): string => `${before} ${sento} status --json ${after}`
const nameIn = ({ stdout }: Ran): unknown => JSON.parse(stdout).name

describe("which agent a command is for", () => {
  test.each([
    ["in mira's pane", "mira", "", "", "mira"],
    ["in kai's pane", "kai", "", "", "kai"],
    ["in mira's pane, with the variables lost", "mira", `env -i HOME="$HOME" PATH="$PATH"`, "", "mira"],
    ["the option goes before the variable", "other", "SENTO_AGENT=kai", "--agent mira", "mira"],
    ["SENTO_AGENT goes before SENTO_HOME", "other", `SENTO_AGENT=kai SENTO_HOME="$HOME"`, "", "kai"],
    ["SENTO_HOME goes before the pane", "mira", `SENTO_HOME="$HOME/.sento/agents/kai"`, "", "kai"],
    ["an empty variable says nothing", "kai", "SENTO_AGENT= SENTO_HOME= SENTO_DOOR=", "", "kai"],
  ])("%s", async (_, session, before, after, want) => {
    expect(nameIn(await runIn(session, whoami(before, after)))).toBe(want)
  })

  test("elsewhere nothing says which: an error that names them, and what to type", async () => {
    const { exit, stderr } = await runIn("other", `${sento} status`)
    expect({ exit, stderr }).toEqual({
      exit: 64,
      stderr:
        "sento: error: 2 agents live here (mira, kai), and nothing says which is meant\n" +
        "sento: hint: name it: `sento status --agent mira`\n",
    })
  })

  test("the option may stand first", async () => {
    const { stdout } = await runIn("other", `${sento} --agent kai status --json`)
    expect(JSON.parse(stdout).name).toBe("kai")
  })

  test("a name that nobody has, with the one that was probably meant", async () => {
    const { exit, stderr } = await runIn("other", `${sento} status --agent mria`)
    expect(exit).toBe(64)
    expect(stderr).toContain(
      '--agent names "mria", and no agent of this user has that name: there are mira, kai',
    )
    expect(stderr).toContain("did you mean `--agent mira`?")
  })

  test("in a split of mira's session it is mira's by the session; in a renamed one the pane still says so", async () => {
    await world.tmux("split-window", "-t", "=mira:", "-e", `HOME=${world.folder}`, "sh")
    expect(nameIn(await runIn("mira", whoami()))).toBe("mira")
    await world.tmux("rename-session", "-t", "=mira", "renamed")
    expect((await runIn("renamed", `${sento} status`)).exit).toBe(64)
    await world.tmux("kill-pane", "-t", "=renamed:")
    expect(nameIn(await runIn("renamed", whoami()))).toBe("mira")
    await world.tmux("rename-session", "-t", "=renamed", "mira")
  })

  test("a session of another server with the same name is another session", async () => {
    const socket = join(world.folder, "tmux-2")
    await openShell("kai", socket)
    try {
      expect((await runIn("kai", `${sento} status`, socket)).exit).toBe(64)
    } finally {
      await Bun.spawn(["tmux", "-S", socket, "kill-server"], { env: {} }).exited
    }
  })
})

describe("an agent does not speak as another one", () => {
  const refusal = (source: string): string =>
    `this runs in mira's pane, and ${source} names kai: one agent does not speak as another`

  test.each([
    ["send", "SENTO_AGENT=kai", "send mira hello", "SENTO_AGENT"],
    ["send", `SENTO_HOME="$HOME/.sento/agents/kai"`, "send mira hello", "SENTO_HOME"],
    ["send", "", "send mira hello --agent kai", "--agent"],
    ["reply", "SENTO_AGENT=kai", "reply abcd hello", "SENTO_AGENT"],
    ["mcp", "SENTO_AGENT=kai", "mcp", "SENTO_AGENT"],
  ])("%s with %s %s", async (_, before, words, source) => {
    const { exit, stderr } = await runIn("mira", `${before} ${sento} ${words}`)
    expect(exit).toBe(77)
    expect(stderr).toContain(refusal(source))
  })

  test.each([
    ["with another HOME", `HOME="$HOME/.sento/agents/kai"`],
    ["as nobody's child, with the pane's variables", `SENTO_AGENT=kai setsid -w`],
  ])("not %s either: kai's own door knows", async (_, before) => {
    const { exit, stderr } = await runIn("mira", `${before} ${sento} send mira hello`)
    expect({ exit, stderr }).toEqual({
      exit: 77,
      stderr: expect.stringMatching(/one agent does not speak as another/),
    })
  })

  test("nor does it open a code for it", async () => {
    const { exit, stderr } = await runIn("mira", `${sento} pair --agent kai`)
    expect({ exit, stderr }).toEqual({ exit: 77, stderr: expect.stringContaining("one agent does not") })
  })

  test("a hook does nothing, and mira's log says why", async () => {
    const event = `echo '{"session_id":"s","prompt":"x"}' | SENTO_AGENT=kai ${sento} hook UserPromptSubmit`
    expect(await runIn("mira", event)).toEqual({ exit: 0, stdout: "", stderr: "" })
    const log = () => readFileSync(join(world.folder, ".sento/guardian.log"), "utf8")
    const said = "a hook in this agent's pane did nothing: SENTO_AGENT there names kai"
    await until("mira's log", () => log().includes(said))
  })
})

describe("what is wrong with one home is no business of another's", () => {
  const broken = ".sento/agents/broken"
  const path = (name: string): string => join(world.folder, broken, name)
  const makePipe = (name: string) => Bun.spawnSync(["mkfifo", path(name)])
  beforeEach(() => mkdirSync(path(".sento"), { recursive: true }))
  afterEach(() => rmSync(join(world.folder, broken), { recursive: true, force: true }))

  test.each([
    ["a pipe for a config", () => makePipe(".sento-config.json")],
    ["a directory for a config", () => mkdirSync(path(".sento-config.json"))],
    ["no JSON in the config", () => writeFileSync(path(".sento-config.json"), "{")],
    [
      "a pipe for sento.db",
      () => {
        initAgent(world, "broken", broken)
        makePipe(".sento/sento.db")
      },
    ],
    [
      "no database in sento.db",
      () => {
        initAgent(world, "broken", broken)
        writeFileSync(path(".sento/sento.db"), "x".repeat(9000))
      },
    ],
  ])("%s", async (_, make) => {
    make()
    expect(nameIn(await runIn("kai", whoami()))).toBe("kai")
    expect((await runIn("other", `${sento} init --agent kai --port 0`)).exit).toBe(0)
    expect(
      await runIn("kai", `echo '{"session_id":"s","prompt":"x"}' | ${sento} hook UserPromptSubmit`),
    ).toEqual({ exit: 0, stdout: "", stderr: "" })
  })

  test("a copy of a home is no second agent: neither has a Guardian until one is moved away", async () => {
    cpSync(join(world.folder, kai, ".sento-config.json"), path(".sento-config.json"))
    const { exit, stderr } = await runIn("other", `SENTO_HOME="$HOME/${broken}" ${sento} guard`)
    expect({ exit, stderr }).toEqual({ exit: 78, stderr: expect.stringContaining("are the same agent") })
  })
})

describe("one agent's pane is not another one's owner", () => {
  const act = `${sento} init --agent kai --port 0`

  test("kai's owner's door refuses what runs in mira's pane, and takes what runs elsewhere", async () => {
    const { exit, stderr } = await runIn("mira", act)
    expect(exit).toBe(77)
    expect(stderr).toContain("only the owner may do this: it was started in mira's own pane")
    expect((await runIn("other", act)).exit).toBe(0)
  })

  test("a Guardian that was started with another HOME knows the others all the same", async () => {
    await world.stopGuard(kai)
    const empty = join(world.folder, "empty")
    mkdirSync(empty)
    await world.guard(kai, { HOME: empty })
    const { exit, stderr } = await runIn("mira", act)
    expect({ exit, stderr }).toEqual({ exit: 77, stderr: expect.stringContaining("mira's own pane") })
    await world.stopGuard(kai)
    const offline = await runIn(
      "mira",
      `HOME=${empty} SENTO_HOME=${join(world.folder, kai)} ${sento} init --port 0`,
    )
    expect({ exit: offline.exit, stderr: offline.stderr }).toEqual({
      exit: 77,
      stderr: expect.stringContaining("mira's own pane"),
    })
    await world.guard(kai)
  })

  test("nor does it add an agent, whose session would be no owner's any more", async () => {
    const { exit, stderr } = await runIn("mira", `env -u TMUX ${sento} init --name evil --session other`)
    expect({ exit, stderr }).toEqual({ exit: 77, stderr: expect.stringContaining("mira's own pane") })
  })

  test("the same without kai's Guardian, and before mira's pane was ever pinned", async () => {
    await world.stopGuard(kai)
    expect((await runIn("mira", act)).exit).toBe(77)
    await world.tmux("respawn-pane", "-k", "-t", "=mira:", "-e", `HOME=${world.folder}`, "sh")
    const { exit, stderr } = await runIn("mira", act)
    expect(exit).toBe(77)
    expect(stderr).toContain("it was started in mira's session")
    expect((await runIn("other", act)).exit).toBe(0)
  })
})
