/** An agent that wants to say yes itself: what stops it, and what stops it only with a PIN. */
import { afterEach, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { built, createWorld, finished, jsonLines, setUpAgent, until, type World } from "../support/world.ts"

let world: World
afterEach(() => world.close())

const sento = built.join(" ")

/** A request of kai's waits for mira's owner; mira's agent has a shell in its pane. */
async function openRequest(): Promise<string> {
  world = createWorld()
  const { port } = await setUpAgent(world, "mira", ["sh"])
  await setUpAgent(world, "kai")
  const { lines } = jsonLines(world.start("mira", ["pair", "--json"]))
  const code = await until("a code", () => lines.find(line => line.event === "code")?.code as string)
  world.start("kai", ["pair", `${code}@127.0.0.1:${port}`])
  return until("the request", () => lines.find(line => line.event === "request")?.id as string)
}

const scrubbed = "unset CLAUDECODE AI_AGENT GEMINI_CLI OPENCODE"

test.each([
  ["sento approve from a shell in its pane", `${sento} approve`],
  ["through a subshell with the variables unset", `(${scrubbed}; ${sento} approve)`],
  ["through nohup", `nohup ${sento} approve 2>&1 | cat`],
  ["through script, which makes a terminal", `script -qec '${sento} approve' /dev/null`],
  ["through setsid", `setsid -w ${sento} approve`],
  ["with the id and --json", `${sento} approve --json`],
  ["by speaking to the owner's door itself", doorClient()],
])(
  "an agent cannot approve %s",
  async (_, command) => {
    await openRequest()
    await world.type("mira", `${command}; echo "exit $?"`)
    await world.shows("mira", /only the owner may do this: it was started in the agent's own pane/)
    await world.shows("mira", /exit \d+/)
    expect(world.paired("mira")).toEqual([])
  },
  30_000,
)

/** A client of the owner's door without Sentō. */
function doorClient(): string {
  const script = `const s = await Bun.connect({ unix: process.env.SENTO_HOME + "/.sento/owner.sock", socket: { data(_, d) { console.log(String(d)) }, close() { process.exit() } } }); s.write(JSON.stringify({ op: "approve", id: null }) + "\\n")`
  return `${process.execPath} -e '${script}'`
}

/** Many clients of the owner's door that ask, and are gone before the answer. */
function dyingClient(): string {
  const script = `const all = []; for (let i = 0; i < 60; i += 1) all.push(await Bun.connect({ unix: process.env.SENTO_HOME + "/.sento/owner.sock", socket: { data() {} } })); for (const s of all) s.write(JSON.stringify({ op: "approve", id: null }) + "\\n"); process.kill(process.pid, "SIGKILL")`
  return `${process.execPath} -e '${script}'`
}

test("an agent cannot approve by a process that has ended before the Guardian looks who it was", async () => {
  await openRequest()
  await world.type("mira", `${dyingClient()}; echo "exit $?"`)
  await world.shows("mira", /exit \d+/)
  expect(world.paired("mira")).toEqual([])
}, 30_000)

test.each(["AI_AGENT", "CLAUDECODE", "CODEX_SANDBOX", "GEMINI_CLI", "OPENCODE"])(
  "a process with %s in its environment cannot approve, deny, remove or rename",
  async variable => {
    await openRequest()
    for (const words of [
      ["approve"],
      ["deny"],
      ["agents", "remove", "kai"],
      ["agents", "rename", "kai", "lia"],
    ]) {
      const ran = await world.sento("mira", words, { env: { [variable]: "1" } })
      expect(ran).toMatchObject({ exit: 77, stdout: "" })
      expect(ran.stderr).toContain("only the owner may do this: it was started by an agent program")
    }
    expect((await world.sento("mira", ["approve"])).exit).toBe(0)
  },
  30_000,
)

test("no flag, variable or stdin answers a request", async () => {
  await openRequest()
  for (const words of [
    ["pair", "--yes"],
    ["approve", "--yes"],
    ["pair", "-y"],
    ["approve", "--force"],
  ])
    expect((await world.sento("mira", words)).exit).toBe(64)
  const piped = world.start("mira", ["pair"], { input: "yes\n", env: { SENTO_YES: "1", CI: "1", YES: "1" } })
  await until("the question", async () => (await world.sento("mira", ["status"])).stdout.includes("request"))
  piped.kill("SIGINT")
  await piped.exited
  expect(world.paired("mira")).toEqual([])
}, 30_000)

/** Sets mira's PIN by typing it, as her owner would. */
async function setPin(pin: string): Promise<void> {
  await world.session("mira-owner", ["sh"], "mira")
  await world.type("mira-owner", `${sento} owner pin`)
  for (const prompt of ["at least 4 characters", "Once more"]) {
    await world.shows("mira-owner", prompt)
    await world.type("mira-owner", pin)
  }
  await world.shows("mira-owner", "the PIN is set")
}

/** Tricks by which a process of the same user looks like nobody's child. */
const tricks = {
  "a new tmux window": (command: string) => `tmux -S ${world.socket} new-window -d '${command}'`,
  "a nested tmux": (command: string) =>
    `tmux -S ${world.folder}/nested -f /dev/null new-session -d '${command}'`,
  "setsid -f": (command: string) => `setsid -f script -qec '${command}' /dev/null`,
} as const

test.each(Object.keys(tricks) as (keyof typeof tricks)[])(
  "plain mode does not stop an agent that approves by %s; a PIN does",
  async trick => {
    await openRequest()
    await setPin("482 916")
    const out = join(world.folder, "out")
    await world.type("mira", tricks[trick](`${sento} approve > ${out} 2>&1; echo ended >> ${out}`))
    const said = await until("the attempt", () => {
      const text = Bun.file(out).size > 0 ? readFileSync(out, "utf8") : ""
      return text.includes("PIN") || text.includes("ended") ? text : null
    })
    expect(said).toContain("PIN")
    expect(world.paired("mira")).toEqual([])
  },
  30_000,
)

test.each(Object.keys(tricks) as (keyof typeof tricks)[])(
  "plain mode: %s works without a PIN, and docs/SECURITY.md says so",
  async trick => {
    await openRequest()
    await world.type("mira", tricks[trick](`${sento} approve`))
    await until("the pair", async () => world.paired("mira").includes("kai"))
    const text = readFileSync(join(import.meta.dir, "../../docs/SECURITY.md"), "utf8")
    expect(text).toContain(trick)
  },
  30_000,
)

test("with a PIN, an agent that looks like nobody's child cannot join by itself either", async () => {
  world = createWorld()
  const { port } = await setUpAgent(world, "kai")
  await setUpAgent(world, "mira", ["sh"])
  const { lines } = jsonLines(world.start("kai", ["pair", "--json"]))
  const code = await until("a code", () => lines.find(line => line.event === "code")?.code as string)
  await setPin("482 916")
  const out = join(world.folder, "out")
  const trick = tricks["setsid -f"](`${sento} pair ${code}@127.0.0.1:${port} > ${out} 2>&1`)
  await world.type("mira", trick)
  await until("the attempt", () => Bun.file(out).size > 0)
  expect(await Bun.file(out).text()).toContain("the owner's PIN is needed")
  expect(lines.filter(line => line.event === "request")).toEqual([])
  const piped = await world.sento("mira", ["pair", `${code}@127.0.0.1:${port}`])
  expect(piped).toMatchObject({ exit: 77 })
  expect(piped.stderr).toContain("the owner's PIN is needed")
}, 30_000)

test("another question cannot take the place of the one that is approved while the PIN is typed", async () => {
  await openRequest()
  const { port } = await setUpAgent(world, "lia")
  const { stdout } = await world.sento("lia", ["pair", "--json"], { env: { CLAUDECODE: "1" } })
  const { code } = JSON.parse(stdout.split("\n")[0] ?? "") as { code: string }
  await setPin("482 916")
  await world.type("mira-owner", `clear; ${sento} approve`)
  await world.shows("mira-owner", "Owner PIN")
  expect((await world.sento("mira", ["deny"])).exit).toBe(0)
  world.start("mira", ["pair", `${code}@127.0.0.1:${port}`], { env: { CLAUDECODE: "1" } })
  await until("the other question", async () =>
    (await world.sento("mira", ["status"])).stdout.includes("lia"),
  )
  await world.type("mira-owner", "482 916")
  await world.shows("mira-owner", "the request of kai was answered already: denied")
  expect((await world.sento("lia", ["status", "--json"])).stdout).toContain('"requests":[]')
}, 30_000)

test("an agent that attaches a client of its own and answers the popup is stopped by a PIN", async () => {
  await openRequest()
  await setPin("482 916")
  const attach = `env -u TMUX tmux -u -S ${world.socket} attach -t =mira`
  await world.type("mira", `tmux -S ${world.socket} new-session -d -x 100 -y 30 -s own "${attach}"`)
  await world.shows("own", "Approve? (yes/no)")
  await world.type("own", "yes")
  await world.shows("own", "Owner PIN")
  await world.type("own", "yes")
  await world.shows("own", "the PIN is wrong")
  expect(world.paired("mira")).toEqual([])
}, 30_000)

test("five wrong PINs lock it for an hour, over a restart as well", async () => {
  await openRequest()
  await setPin("482 916")
  const approve = `clear; ${sento} approve; echo "exit $?"`
  await world.type("mira-owner", approve)
  for (const wrong of ["0000", "0001", "0002", "0003", "0004"]) {
    await world.shows("mira-owner", /Owner PIN\s+│\s+_/)
    await world.type("mira-owner", wrong)
    await world.shows("mira-owner", new RegExp(`(the PIN is wrong.*){${Number(wrong) + 1}}`, "s"))
  }
  await world.type("mira-owner", "482 916")
  await world.shows("mira-owner", /5 wrong PINs within an hour.*exit 75/s)
  await world.restartGuard("mira")
  await world.type("mira-owner", approve)
  await world.shows("mira-owner", /^│\s+_/m)
  await world.type("mira-owner", "482 916")
  await world.shows("mira-owner", /5 wrong PINs within an hour.*exit 75/s)
  expect(world.paired("mira")).toEqual([])
}, 60_000)

test("the PIN is in no file, argument or log as it is typed, and removals and new chats take it too", async () => {
  await openRequest()
  await setPin("482 916")
  const log = readFileSync(join(world.home("mira"), ".sento/guardian.log"), "utf8")
  const config = readFileSync(join(world.home("mira"), ".sento-config.json"), "utf8")
  expect(`${log}${config}`).not.toContain("482 916")
  expect(JSON.parse(config).owner.pin).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$")
  await world.type("mira-owner", `clear; ${sento} approve`)
  await world.shows("mira-owner", "Owner PIN")
  await world.type("mira-owner", "482 916")
  await world.shows("mira-owner", "Paired with kai.")
  expect(await finished(world.start("mira", ["agents", "remove", "kai"]))).toMatchObject({ exit: 77 })
  const add = ["owner", "add", "telegram", "--token-file", "/dev/null"]
  const added = await finished(world.start("mira", add))
  expect(added).toMatchObject({ exit: 77 })
  expect(added.stderr).toContain("the owner's PIN is needed")
}, 30_000)
