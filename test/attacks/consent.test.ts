/** An agent that wants to say yes itself: what stops it, and what stops it only with a PIN. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { copyFileSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { askOwnerOf, questionsOf } from "../support/proving.ts"
import { built, createWorld, finished, setUpAgent, until, type World } from "../support/world.ts"

let world: World
const sento = built.join(" ")

/** One world for all tests of a group: mira's agent has a shell in its pane. */
function ownWorld(setUp: () => Promise<unknown> = async () => {}): void {
  beforeAll(async () => {
    world = createWorld()
    await setUpAgent(world, "mira", ["sh"])
    await setUp()
  })
  afterAll(() => world.close())
}

let runs = 0

/** Runs a line in a pane, and gives all that it showed. */
async function runIn(session: string, line: string): Promise<string> {
  runs += 1
  await world.tmux("send-keys", "-t", `=${session}:`, "-R")
  await world.tmux("clear-history", "-t", `=${session}:`)
  await world.type(session, `${line}; echo "run ${runs} ended $?"`)
  return world.shows(session, new RegExp(`^run ${runs} ended \\d+`, "m"))
}

/** A client of the owner's door without Sentō. */
function doorClient(request: object): string {
  const script = `const s = await Bun.connect({ unix: process.env.SENTO_HOME + "/.sento/owner.sock", socket: { data(_, d) { console.log(String(d)) }, close() { process.exit() } } }); s.write(JSON.stringify(${JSON.stringify(request)}) + "\\n")`
  return `${process.execPath} -e '${script}'`
}

/** Many clients of the owner's door that ask, and are gone before the answer. */
function dyingClient(): string {
  const script = `const all = []; for (let i = 0; i < 60; i += 1) all.push(await Bun.connect({ unix: process.env.SENTO_HOME + "/.sento/owner.sock", socket: { data() {} } })); for (const s of all) s.write(JSON.stringify({ op: "approve", id: null }) + "\\n"); process.kill(process.pid, "SIGKILL")`
  return `${process.execPath} -e '${script}'`
}

const scrubbed = "unset CLAUDECODE AI_AGENT GEMINI_CLI OPENCODE"

describe("while kai's request waits", () => {
  ownWorld(() => askOwnerOf(world, "mira"))

  test.each([
    ["sento approve from a shell in its pane", `${sento} approve`],
    ["through a subshell with the variables unset", `(${scrubbed}; ${sento} approve)`],
    ["through nohup", `nohup ${sento} approve 2>&1 | cat`],
    ["through script, which makes a terminal", `script -qec '${sento} approve' /dev/null`],
    ["through setsid", `setsid -w ${sento} approve`],
    ["with the id and --json", `${sento} approve --json`],
    ["by speaking to the owner's door itself", doorClient({ op: "approve", id: null })],
  ])(
    "an agent cannot approve %s",
    async (_, command) => {
      const shown = await runIn("mira", command)
      expect(shown).toContain("only the owner may do this: it was started in the agent's own pane")
      expect(world.paired("mira")).toEqual([])
    },
    120_000,
  )

  test("an agent cannot approve through a shell whose setsid leaves nobody's child", async () => {
    const out = join(world.folder, "setsid")
    await runIn("mira", `bash -c 'setsid ${sento} approve' > ${out} 2>&1`)
    const said = await until("the attempt", () =>
      Bun.file(out)
        .text()
        .catch(() => null),
    )
    expect(said).toContain(
      "only the owner may do this: it was started in the agent's own pane (TMUX_PANE says so)",
    )
    expect(world.paired("mira")).toEqual([])
  }, 120_000)

  test("an agent cannot approve by a process that has ended before the Guardian looks who it was", async () => {
    await runIn("mira", dyingClient())
    expect(world.paired("mira")).toEqual([])
  }, 120_000)

  const byAgent = "only the owner may do this: it was started by an agent program"

  test.each(["AI_AGENT", "CLAUDECODE", "CODEX_SANDBOX", "GEMINI_CLI", "OPENCODE"])(
    "a process with %s in its environment cannot approve",
    async variable => {
      const ran = await world.sento("mira", ["approve"], { env: { [variable]: "1" } })
      expect(ran).toMatchObject({ exit: 77, stdout: "" })
      expect(ran.stderr).toContain(`${byAgent} (${variable} is set)`)
    },
    120_000,
  )

  test("nor deny, remove, rename or change the config", async () => {
    for (const words of [
      ["deny"],
      ["agents", "remove", "kai"],
      ["agents", "rename", "kai", "lia"],
      ["owner", "add", "telegram"],
      ["init", "--listen", "0.0.0.0"],
    ]) {
      const ran = await world.sento("mira", words, { env: { CLAUDECODE: "1" } })
      expect(ran).toMatchObject({ exit: 77, stdout: "" })
      expect(ran.stderr).toContain(byAgent)
    }
  }, 120_000)

  test("an agent cannot approve by a child that has lost the variable, nor from a program with another name for it", async () => {
    const scrub = ["-c", `env -u CLAUDECODE ${sento} approve; :`]
    const ran = await world.sento("mira", scrub, { command: ["sh"], env: { CLAUDECODE: "1" } })
    expect(ran.stderr).toContain(`${byAgent} (CLAUDECODE is set)`)
    const claude = join(world.folder, "claude")
    copyFileSync("/bin/sh", claude)
    const started = await world.sento("mira", ["-c", `${sento} approve; :`], { command: [claude] })
    expect(started.stderr).toContain(`${byAgent} (claude)`)
  }, 120_000)

  test("no flag, variable or stdin answers a request", async () => {
    for (const words of [
      ["pair", "--yes"],
      ["approve", "--force"],
    ])
      expect((await world.sento("mira", words)).exit).toBe(64)
    const piped = world.start("mira", ["pair"], {
      input: "yes\n",
      env: { SENTO_YES: "1", CI: "1", YES: "1" },
    })
    const stderr = piped.stderr.getReader()
    const asked = async (before = ""): Promise<boolean> => {
      const { value, done } = await stderr.read()
      const shown = before + new TextDecoder().decode(value)
      return shown.includes("answer with") || (!done && asked(shown))
    }
    expect(await asked()).toBe(true)
    piped.kill("SIGINT")
    await piped.exited
    expect(world.paired("mira")).toEqual([])
  }, 120_000)

  test("in a session that was made anew, and that nobody attached, an agent cannot approve either", async () => {
    await world.session("other", ["cat"])
    await world.tmux("kill-session", "-t", "=mira")
    await world.session("mira", ["sh"])
    expect((await world.status("mira"))?.session.state).toBe("other")
    const refused = "only the owner may do this: it was started in the agent's session"
    expect(await runIn("mira", `${sento} approve`)).toContain(refused)
    await world.stopGuard("mira")
    expect(await runIn("mira", `${sento} agents remove kai`)).toContain(refused)
    expect(
      await runIn("mira", `echo 4711:AAtelegram-test-token_0123456789abc | ${sento} owner add telegram`),
    ).toContain(refused)
    expect(await runIn("mira", `${sento} init --listen 0.0.0.0`)).toContain(refused)
    expect(world.paired("mira")).toEqual([])
    await world.guard("mira")
  }, 120_000)

  test("what a person sets for an agent program does not lock them out", async () => {
    const approved = await world.sento("mira", ["approve"], { env: { CODEX_HOME: "/x", CODEX_API_KEY: "y" } })
    expect(approved.exit).toBe(0)
    expect(world.paired("mira")).toEqual(["kai"])
  }, 120_000)
})

test("what the owner's own command starts is not the owner: it answers by what it prints", async () => {
  world = createWorld()
  await setUpAgent(world, "mira")
  const [script, out] = [join(world.folder, "notify.sh"), join(world.folder, "out")]
  writeFileSync(script, `#!/bin/sh\n${sento} approve > ${out} 2>&1\necho ended >> ${out}\n`, { mode: 0o700 })
  const path = join(world.home("mira"), ".sento-config.json")
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), notify: [script] }))
  await world.restartGuard("mira")
  await askOwnerOf(world, "mira")
  const said = await until("the attempt", async () => {
    const text = await Bun.file(out)
      .text()
      .catch(() => "")
    return text.includes("ended") && text
  })
  expect(said).toContain("it was started by the Guardian itself; what `notify` runs prints yes or no instead")
  expect(world.paired("mira")).toEqual([])
  await world.close()
}, 120_000)

/** Tricks by which a process of the same user looks like nobody's child. */
const tricks = {
  "a new tmux window": (command: string) => `tmux -S ${world.socket} new-window -d '${command}'`,
  "a nested tmux": (command: string) =>
    `env -u TMUX_PANE tmux -S ${world.folder}/nested -f /dev/null new-session -d '${command}'`,
  "env -u TMUX_PANE setsid -f": (command: string) =>
    `env -u TMUX_PANE setsid -f script -qec '${command}' /dev/null`,
} as const

type Trick = keyof typeof tricks
const eachTrick = test.each(Object.keys(tricks) as Trick[])

describe("without a PIN", () => {
  ownWorld()

  eachTrick(
    "plain mode: %s works without a PIN, and docs/SECURITY.md says so",
    async trick => {
      const joiner = `kai-${trick.length}`
      const id = await askOwnerOf(world, "mira", joiner)
      await world.type("mira", tricks[trick](`${sento} approve ${id}`))
      await until("the pair", () => world.paired("mira").includes(joiner))
      const text = readFileSync(join(import.meta.dir, "../../docs/SECURITY.md"), "utf8")
      expect(text).toContain(trick)
    },
    120_000,
  )
})

const pin = "482 916"

/** A terminal of the owner's. */
const ownTerminal = (): Promise<void> => world.session("mira-owner", ["sh"], "mira")

describe("with a PIN", () => {
  ownWorld(async () => {
    await askOwnerOf(world, "mira")
    await ownTerminal()
    await world.ask("mira", "owner", { op: "pin", pin: null, next: pin })
  })

  eachTrick(
    "plain mode does not stop an agent that approves by %s; a PIN does",
    async trick => {
      const out = join(world.folder, trick.replaceAll(" ", "-"))
      await world.type("mira", tricks[trick](`${sento} approve > ${out} 2>&1; echo ended >> ${out}`))
      const said = await until("the attempt", () => {
        const text = Bun.file(out).size > 0 ? readFileSync(out, "utf8") : ""
        return text.includes("PIN") || text.includes("ended") ? text : null
      })
      expect(said).toContain("PIN")
      expect(world.paired("mira")).toEqual([])
    },
    120_000,
  )

  test("with a PIN, an agent that looks like nobody's child cannot join by itself either", async () => {
    const { port } = await setUpAgent(world, "lia")
    let code = ""
    await world.ask("lia", "agent", { op: "pair", wait: false }, event => {
      if (event.event === "code") code = event.code
    })
    const out = join(world.folder, "joining")
    const trick = tricks["env -u TMUX_PANE setsid -f"](
      `${sento} pair ${code}@127.0.0.1:${port} > ${out} 2>&1`,
    )
    await world.type("mira", trick)
    await until("the attempt", () => Bun.file(out).size > 0)
    expect(await Bun.file(out).text()).toContain("the owner's PIN is needed")
    const piped = await world.sento("mira", ["pair", `${code}@127.0.0.1:${port}`])
    expect(piped).toMatchObject({ exit: 77 })
    expect(piped.stderr).toContain("the owner's PIN is needed")
    expect(await questionsOf(world, "lia")).toEqual([])
  }, 120_000)

  test("another question cannot take the place of the one that is approved while the PIN is typed", async () => {
    await world.type("mira-owner", `clear; ${sento} approve`)
    await world.shows("mira-owner", "Approve? (yes/no)")
    await world.type("mira-owner", "yes")
    await world.shows("mira-owner", "Owner PIN")
    await world.ask("mira", "owner", { op: "deny", id: null })
    await askOwnerOf(world, "mira", "noa")
    await world.type("mira-owner", pin)
    await world.shows("mira-owner", "the request of kai was answered already: denied")
    expect(world.paired("mira")).toEqual([])
  }, 120_000)

  test("an agent that attaches a client of its own and answers the popup is stopped by a PIN", async () => {
    const attach = `env -u TMUX tmux -u -S ${world.socket} attach -t =mira`
    await world.type("mira", `tmux -S ${world.socket} new-session -d -x 100 -y 30 -s own "${attach}"`)
    await world.shows("own", "Approve? (yes/no)")
    await world.type("own", "yes")
    await world.shows("own", "Owner PIN")
    await world.type("own", "yes")
    await world.shows("own", "the PIN is wrong")
    await world.tmux("kill-session", "-t", "=own")
    expect(world.paired("mira")).toEqual([])
  }, 120_000)

  test("a removal, a new chat, and a removal where no Guardian runs take it too; what is typed is nowhere", async () => {
    const id = (await questionsOf(world, "mira"))[0]?.id
    await world.type("mira-owner", `clear; ${sento} approve ${id}`)
    await world.shows("mira-owner", "Owner PIN")
    await world.type("mira-owner", pin)
    await world.shows("mira-owner", "Paired with noa.")
    const needed = async (...words: string[]): Promise<void> => {
      const ran = await finished(world.start("mira", words))
      expect(ran).toMatchObject({ exit: 77 })
      expect(ran.stderr).toContain("the owner's PIN is needed")
    }
    await needed("agents", "remove", "noa")
    await needed("owner", "add", "telegram", "--token-file", "/dev/null")
    const log = readFileSync(join(world.home("mira"), ".sento/guardian.log"), "utf8")
    const config = readFileSync(join(world.home("mira"), ".sento-config.json"), "utf8")
    expect(`${log}${config}`).not.toContain(pin)
    expect(JSON.parse(config).owner.pin).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$")
    await world.stopGuard("mira")
    await needed("agents", "remove", "noa")
    await needed("owner", "add", "telegram", "--token-file", "/dev/null")
    expect(world.paired("mira")).toEqual(["noa"])
  }, 120_000)
})

async function setPin(text: string): Promise<void> {
  await world.type("mira-owner", `clear; ${sento} owner pin`)
  for (const prompt of ["at least 4 characters", "Once more"]) {
    await world.shows("mira-owner", prompt)
    await world.type("mira-owner", text)
  }
  await world.shows("mira-owner", "the PIN is set")
}

describe("the PIN as it is typed", () => {
  ownWorld(async () => {
    await askOwnerOf(world, "mira")
    await ownTerminal()
  })

  test("one that is too short is told at once, and two that differ set none", async () => {
    await world.type("mira-owner", `${sento} owner pin`)
    await world.shows("mira-owner", "at least 4 characters")
    await world.type("mira-owner", "123")
    expect(await world.shows("mira-owner", "give at least 4 characters")).not.toContain("Once more")
    await world.tmux("send-keys", "-t", "=mira-owner:", "C-u")
    await world.type("mira-owner", "1234")
    await world.shows("mira-owner", "Once more")
    await world.type("mira-owner", "1235")
    await world.shows("mira-owner", "that is another one; Ctrl-C gives up")
    await world.tmux("send-keys", "-t", "=mira-owner:", "C-c")
    expect(await world.shows("mira-owner", "sento: not answered")).not.toContain("error")
  }, 120_000)

  test("an empty one takes none away unasked, and a wrong one until now is told before a new one is asked for", async () => {
    await setPin(pin)
    await world.type("mira-owner", `clear; ${sento} owner pin`)
    await world.shows("mira-owner", "Owner PIN, the one until now")
    await world.type("mira-owner", "0000")
    expect(await world.shows("mira-owner", "the PIN is wrong")).not.toContain("New PIN")
    await world.type("mira-owner", pin)
    await world.shows("mira-owner", "New PIN")
    await world.tmux("send-keys", "-t", "=mira-owner:", "Enter")
    await world.shows("mira-owner", "Take the PIN away")
    await world.type("mira-owner", "no")
    await world.shows("mira-owner", "the PIN stays as it is")
    const config = readFileSync(join(world.home("mira"), ".sento-config.json"), "utf8")
    expect(JSON.parse(config).owner.pin).toStartWith("$argon2id$")
  }, 120_000)

  test("five wrong PINs lock it for an hour, over a restart as well", async () => {
    // Set by the test before.
    const id = (await questionsOf(world, "mira"))[0]?.id
    const approve = `clear; ${sento} approve ${id}; echo "exit $?"`
    await world.type("mira-owner", approve)
    for (const wrong of ["0000", "0001", "0002", "0003", "0004"]) {
      await world.shows("mira-owner", /Owner PIN, to pair with \w+\s+│\s+_/)
      await world.type("mira-owner", wrong)
      await world.shows("mira-owner", new RegExp(`(the PIN is wrong.*){${Number(wrong) + 1}}`, "s"))
    }
    await world.type("mira-owner", pin)
    await world.shows("mira-owner", /5 wrong PINs within an hour.*exit 75/s)
    const log = readFileSync(join(world.home("mira"), ".sento/guardian.log"), "utf8")
    const told = [...log.matchAll(/told the owner: (a wrong PIN|5 wrong PINs)/g)].map(match => match[1])
    // One was given before, by the test above.
    expect(told.slice(-5)).toEqual([...Array.from({ length: 4 }, () => "a wrong PIN"), "5 wrong PINs"])
    await world.restartGuard("mira")
    await world.type("mira-owner", approve)
    await world.shows("mira-owner", /^│\s+_/m)
    await world.type("mira-owner", pin)
    await world.shows("mira-owner", /5 wrong PINs within an hour.*exit 75/s)
    expect(world.paired("mira")).toEqual([])
  }, 120_000)
})
