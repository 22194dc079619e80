/** The owner's yes, wherever the owner is; and an agent that asks to join. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type ChatServer, chatServers } from "../../support/chats/server.ts"
import { askOwnerOf, openMinter, proveCode, questionsOf } from "../../support/proving.ts"
import { built, createWorld, type Size, setUpAgent, until, type World } from "../../support/world.ts"

let world: World
/** Where persons sit: another tmux server, whose panes are clients of the agents' sessions. */
let viewer: World

/** One world for all tests of a group; after each no question waits and nobody is attached. */
function ownWorld(setUp: () => Promise<unknown>): void {
  beforeAll(async () => {
    world = createWorld()
    viewer = createWorld()
    await viewer.session("nobody", ["cat"])
    await setUp()
  })
  afterEach(async () => {
    await viewer.tmux("kill-session", "-a", "-t", "=nobody")
    for (const { id } of await questionsOf(world, "mira"))
      await world.ask("mira", "owner", { op: "deny", id })
  })
  afterAll(async () => {
    await viewer.close()
    await world.close()
  })
}

const sento = built.join(" ")

/** What came to the terminal of whoever was attached last. */
let terminalOutput: string

/** A person's terminal: a client attached to the agent's session, in a pane of another tmux server. */
async function attach(session: string, name = "person", size?: Size, options = ""): Promise<void> {
  const command = `exec env -u TMUX tmux -u -S ${world.socket} attach ${options} -t =${session}`
  await viewer.session(name, ["sh", "-c", command], name, size)
  terminalOutput = join(viewer.folder, crypto.randomUUID())
  await viewer.tmux("pipe-pane", "-t", `=${name}:`, `cat > ${terminalOutput}`)
  const { stdout: pid } = await viewer.tmux("display-message", "-p", "-t", `=${name}:`, "#{pane_pid}")
  await until("the client", async () => {
    const { stdout } = await world.tmux("list-clients", "-F", "#{client_pid}")
    return stdout.split("\n").includes(pid.trim())
  })
}

/** It was shown, for however short a time. */
const hasShown = (words: string): Promise<unknown> =>
  until(
    `"${words}"`,
    () => existsSync(terminalOutput) && readFileSync(terminalOutput, "utf8").includes(words),
  )

/** The popup over a client goes. */
const gone = (name = "person"): Promise<unknown> =>
  until("the end of the popup", async () => !(await viewer.screen(name)).includes("Approve?"))

describe("an agent's join", () => {
  ownWorld(async () => {
    await setUpAgent(world, "mira")
    await setUpAgent(world, "kai", ["sh"])
  })

  async function openCode(): Promise<string> {
    let code = ""
    await world.ask("mira", "agent", { op: "pair", wait: false }, event => {
      if (event.event === "code") code = event.code
    })
    return `${code}@127.0.0.1:${(await world.status("mira"))?.port}`
  }

  /** kai's agent asks to join, and its owner is asked. */
  async function askToJoin(at: string): Promise<{ id: string; kind: string }> {
    await world.type("kai", `clear; ${sento} pair ${at}; echo exit $?`)
    await world.shows("kai", "This agent's own owner is asked first")
    return until("the question", async () => (await questionsOf(world, "kai"))[0])
  }

  test("with a wrong code fails after the yes, and says so on both sides", async () => {
    const at = await openCode()
    await askToJoin(at.replace(/SENTO-(.)/, (_, symbol) => `SENTO-${symbol === "0" ? "1" : "0"}`))
    const approved = await world.sento("kai", ["approve"])
    expect(approved).toMatchObject({ exit: 77 })
    expect(approved.stderr).toContain("kai itself asks to join mira at 127.0.0.1")
    expect(approved.stderr).toContain("the code is wrong, or no longer open")
    expect(await world.shows("kai", "exit 77")).toContain("the code is wrong, or no longer open")
    expect(await questionsOf(world, "kai")).toEqual([])
  }, 120_000)

  test("a no to an agent's join leaves no trace at the minter: the code stays open", async () => {
    const at = await openCode()
    await askToJoin(at)
    expect((await world.sento("kai", ["deny"])).stderr).toBe("mira was denied. Nothing is paired.\n")
    await world.shows("kai", "exit 77")
    expect(await questionsOf(world, "mira")).toEqual([])
    const log = readFileSync(join(world.home("mira"), ".sento/guardian.log"), "utf8")
    expect(log).not.toContain("proved the code")
    expect(await proveCode(world, "mira", at.split("@")[0] ?? "", "noa")).toMatch(/^\w{4}$/)
  }, 120_000)

  test("an agent's join waits for its own owner, and then for the other one", async () => {
    expect((await askToJoin(await openCode())).kind).toBe("join")
    expect(await questionsOf(world, "mira")).toEqual([])
    await world.restartGuard("kai")
    expect((await world.sento("kai", ["approve", "--json"])).stdout).toContain('"event":"asked"')
    await until("the request", async () => (await questionsOf(world, "mira")).length > 0)
    expect(world.paired("kai")).toEqual([])
    const approved = await world.sento("mira", ["approve"])
    expect(approved.exit).toBe(0)
    expect(approved.stderr).toContain("kai's owner, at 127.0.0.1, typed your code.\nVerifier: ")
    expect(approved.stderr).toContain("With a yes kai's messages will be typed into mira's session;")
    await until("kai's pair", () => world.paired("kai").includes("mira"))
    expect(world.paired("mira")).toEqual(["kai"])
  }, 120_000)
})

describe("a popup", () => {
  ownWorld(() => setUpAgent(world, "mira"))

  test.each(["no", "yes"])(
    "over an attached client takes a typed %s",
    async word => {
      await attach("mira")
      await askOwnerOf(world, "mira", `kai-${word}`)
      const shown = await viewer.shows("person", `Agent kai-${word} wants to pair. Approve? (yes/no)`)
      expect(shown).toMatch(/Verifier: [0-9A-Z]{5}-[0-9A-Z]{5}/)
      expect(shown).toContain("what they make mira do is up to mira and its permissions")
      await viewer.type("person", word)
      await hasShown(word === "yes" ? "Paired with kai-yes." : "The answer was no.")
      expect(world.paired("mira")).toEqual(word === "yes" ? ["kai-yes"] : [])
    },
    120_000,
  )

  test("comes to a client that attaches later, and goes when the answer is given elsewhere", async () => {
    const id = await askOwnerOf(world, "mira")
    await attach("mira")
    await viewer.shows("person", "Agent kai wants to pair. Approve? (yes/no)")
    await world.ask("mira", "owner", { op: "deny", id })
    await hasShown("Answered elsewhere.")
    await gone()
  }, 120_000)

  test("what was typed to the agent when the popup appeared answers nothing", async () => {
    await attach("mira")
    // One client that types on and on, so that no start of a process makes a pause in it.
    const typist = Bun.spawn(["tmux", "-S", viewer.socket, "-C", "attach", "-t", "=person"], {
      stdin: "pipe",
      stdout: "ignore",
      env: { PATH: process.env.PATH ?? "", TERM: "xterm" },
    })
    /** The longest time for which this process or a tmux stood still meanwhile, in milliseconds. */
    let longest = 0
    /** Whether a yes that is typed on and on was no answer. */
    async function isNoAnswer(id: string): Promise<boolean> {
      let last = performance.now()
      longest = 0
      const typing = setInterval(() => {
        longest = Math.max(longest, performance.now() - last)
        last = performance.now()
        typist.stdin.write("send-keys -t =person: yes Enter\n")
        typist.stdin.flush()
      }, 50)
      let shown = ""
      await until("the question", async () => {
        const began = performance.now()
        await world.tmux("list-clients")
        shown = await viewer.screen("person")
        longest = Math.max(longest, performance.now() - began)
        return /typed your code|Paired with/.test(shown)
      }).finally(() => clearInterval(typing))
      if (!shown.includes("Approve?") && (await isAsked(id))) return true
      await world.ask("mira", "owner", { op: "deny", id }).catch(() => {})
      await gone()
      return false
    }
    const isAsked = async (id: string) => (await questionsOf(world, "mira")).some(one => one.id === id)
    try {
      let id: string
      let tries = 0
      do {
        tries += 1
        id = await askOwnerOf(world, "mira", `kai-${tries}`)
      } while (!(await isNoAnswer(id)) && longest > 500 && tries < 4)
      await viewer.shows("person", "Approve? (yes/no)")
      expect(await isAsked(id)).toBe(true)
      await viewer.tmux("send-keys", "-t", "=person:", "Escape")
      await gone()
      expect(await isAsked(id)).toBe(true)
    } finally {
      typist.kill()
    }
  }, 120_000)

  test("a client that may only look gets none, for nobody could answer or close it there", async () => {
    await attach("mira", "person", [100, 30], "-r")
    await askOwnerOf(world, "mira")
    await attach("mira", "owner")
    await viewer.shows("owner", "Approve? (yes/no)")
    expect(await viewer.screen("person")).not.toContain("kai")
  }, 120_000)

  test("with another popup or menu in the way, two questions wait for it without hurry", async () => {
    await attach("mira")
    const { stdout: client } = await world.tmux("list-clients", "-t", "=mira:", "-F", "#{client_name}")
    const menu = world.tmux("display-menu", "-c", client.trim(), "an entry", "m", "")
    await viewer.shows("person", "an entry")
    await askOwnerOf(world, "mira", "kai")
    const minter = openMinter("noa")
    const joining = { op: "join", symbols: "4F2K", host: "127.0.0.1", port: minter.port } as const
    void world.ask("mira", "agent", joining).catch(() => {})
    await until("two questions", async () => (await questionsOf(world, "mira")).length === 2)
    const popups = async (): Promise<number> => {
      const { stdout } = await world.tmux("show-messages", "-t", client.trim())
      return stdout.split("\n").filter(line => line.includes("display-popup")).length
    }
    let began = 0
    const first = await until("a try", () => {
      began = performance.now()
      return popups()
    })
    await until("two more", async () => (await popups()) > first + 1)
    expect(performance.now() - began).toBeGreaterThan(1500)
    await viewer.tmux("send-keys", "-t", "=person:", "q")
    await menu
    await viewer.shows("person", "Approve? (yes/no)")
    await minter.stop()
  }, 120_000)

  test("goes when its Guardian stops, and comes again with the next one", async () => {
    await attach("mira")
    await askOwnerOf(world, "mira")
    await viewer.shows("person", "Approve? (yes/no)")
    await world.stopGuard("mira")
    await hasShown("The Guardian stopped; the question is asked again when it runs.")
    await gone()
    await world.guard("mira")
    await viewer.shows("person", "Approve? (yes/no)")
    await viewer.type("person", "no")
    await hasShown("The answer was no.")
  }, 120_000)

  test("whose question was answered before it came says so and ends", async () => {
    await world.session("owner", ["sh"], "mira")
    await world.type("owner", `${sento} ask 00000000; echo exit $?`)
    await world.shows("owner", /Answered elsewhere\.\s+exit 0/)
  }, 120_000)
})

describe("on a small screen", () => {
  const long = "a-name-of-thirty-two-letters-is-1"
  const [self, joiner] = [long.slice(0, 31).concat("m"), long.slice(0, 31).concat("k")]
  ownWorld(async () => {
    await setUpAgent(world, "mira")
    await setUpAgent(world, self)
  })

  test.each([
    [100, 30],
    [80, 24],
    [60, 12],
  ] as const)(
    "of %i columns and %i rows a popup shows who asks, from where, and the verifier, whatever they call themselves",
    async (columns, rows) => {
      await attach(self, "person", [columns, rows])
      const host = `${"b.".repeat(100)}example`
      await askOwnerOf(world, self, joiner, host)
      const shown = await viewer.shows("person", /\(yes\/no\)/)
      const words = shown.replace(/[│\s]/g, "")
      expect(words).toContain(`${joiner}'sowner,at…${host.slice(-44)},callingfrom127.0.0.1,typedyourcode`)
      expect(words).toMatch(/Verifier:[0-9A-Z]{5}-[0-9A-Z]{5}/)
      expect(words).toContain("Approve?(yes/no)")
      await viewer.type("person", "no")
      await until("the answer", async () => (await questionsOf(world, self)).length === 0)
    },
    120_000,
  )
})

describe("in a terminal of the owner's", () => {
  ownWorld(async () => {
    await setUpAgent(world, "mira")
    await world.session("owner", ["sh"], "mira")
  })

  test("without an id the only question is shown and asked; Esc leaves it, a no denies it", async () => {
    await askOwnerOf(world, "mira", "lia")
    await world.type("owner", `clear; ${sento} approve; echo "exit $?"`)
    const shown = await world.shows("owner", "Agent lia wants to pair. Approve? (yes/no)")
    expect(shown).toContain("lia's owner, at 127.0.0.1, typed your code.")
    await world.tmux("send-keys", "-t", "=owner:", "Escape")
    await world.shows("owner", "exit 130")
    expect(await questionsOf(world, "mira")).toHaveLength(1)
    await world.type("owner", `clear; ${sento} approve; echo "exit $?"`)
    await world.shows("owner", "Approve? (yes/no)")
    await world.type("owner", "no")
    await world.shows("owner", "exit 77")
    expect(await questionsOf(world, "mira")).toEqual([])
  }, 120_000)

  test("Esc at `sento pair` says how to answer later, and no more", async () => {
    const id = await askOwnerOf(world, "mira", "lia")
    await world.type("owner", `clear; ${sento} pair --listen 127.0.0.1; echo "exit $?"`)
    await world.shows("owner", "Approve? (yes/no)")
    await world.tmux("send-keys", "-t", "=owner:", "Escape")
    const shown = await world.shows("owner", "exit 130")
    expect(shown).toContain(`\`sento approve ${id}\` or \`sento deny ${id}\` answers the request later.`)
    expect(shown).not.toContain("stopped waiting")
  }, 120_000)

  test("a name that is taken: another one is asked for, and without a terminal no PIN is typed in vain", async () => {
    await askOwnerOf(world, "mira", "kai")
    await world.ask("mira", "owner", { op: "approve", id: null })
    await world.ask("mira", "owner", { op: "pin", pin: null, next: "482 916" })
    const id = await askOwnerOf(world, "mira", "kai")
    const ran = await world.sento("mira", ["approve"])
    expect(ran).toMatchObject({ exit: 64 })
    expect(ran.stderr).toContain('an agent named "kai" is paired already')
    await world.type("owner", `clear; ${sento} approve ${id}`)
    await world.shows("owner", "Name for it here")
    await world.type("owner", "kai-too")
    await world.shows("owner", "Owner PIN")
    await world.type("owner", "482 916")
    await world.shows("owner", "Paired with kai-too.")
    expect(world.paired("mira")).toEqual(["kai", "kai-too"])
  }, 120_000)
})

describe("at all places at once", () => {
  let chat: ChatServer
  const fifo = (): string => join(world.folder, "answer")
  const heard = (): Record<string, unknown>[] => {
    const path = join(world.folder, "heard")
    const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : []
    return lines.map(line => JSON.parse(line) as Record<string, unknown>)
  }
  const edited = (words: string): Promise<unknown> =>
    until("the chat's end", () => chat.sent.some(one => one.text.includes(words)))

  ownWorld(async () => {
    chat = chatServers.telegram()
    await setUpAgent(world, "mira")
    const script = join(world.folder, "notify.sh")
    const wait = `case "$event" in *'"request"'*) cat ${fifo()};; esac`
    const note = `printf '%s\\n' "$event" >> ${join(world.folder, "heard")}`
    writeFileSync(script, `#!/bin/sh\nread -r event\n${note}\n${wait}\n`, { mode: 0o700 })
    Bun.spawnSync(["mkfifo", fifo()])
    const path = join(world.home("mira"), ".sento-config.json")
    const { token, baseUrl, owner } = chat
    const telegram = { token, baseUrl, ...owner }
    const config = { ...JSON.parse(readFileSync(path, "utf8")), notify: [script], owner: { telegram } }
    writeFileSync(path, JSON.stringify(config))
    await world.restartGuard("mira")
  })
  afterAll(() => chat.close())

  /** A question that stands in the popup, in the chat and with the notify command. */
  async function askEverywhere(name: string): Promise<{ id: string; message: string }> {
    await attach("mira")
    const id = await askOwnerOf(world, "mira", name)
    await viewer.shows("person", "Approve? (yes/no)")
    await until("the notify command", () => heard().some(one => one.id === id))
    const message = await until("the chat", () =>
      chat.sent.find(one => one.text.includes(`Agent ${name} wants`)),
    )
    return { id, message: message.id }
  }

  const isToldOf = (id: string, how: string): Promise<unknown> =>
    until("the notify command's end", () =>
      heard().some(one => one.event === "withdrawn" && one.id === id && one.how === how),
    )

  test("an answer in the popup withdraws the question in the chat and from the notify command", async () => {
    const { id } = await askEverywhere("ada")
    await viewer.type("person", "no")
    await isToldOf(id, "denied")
    await edited("Agent ada wants to pair. Approve? (yes/no)\n→ answered elsewhere: denied")
  }, 120_000)

  test("an answer in the chat withdraws the popup and the question from the notify command", async () => {
    const { id, message } = await askEverywhere("noa")
    chat.write({ text: "no", repliesTo: message })
    await hasShown("Answered elsewhere.")
    await isToldOf(id, "denied")
    await edited("Agent noa wants to pair. Approve? (yes/no)\n→ answered here: no")
  }, 120_000)

  test("an answer of the notify command withdraws the popup and the question in the chat", async () => {
    const { id } = await askEverywhere("zoe")
    // Not to wait for a reader that has gone: then the test fails by its time.
    const writing = Bun.spawn(["sh", "-c", `echo yes > ${fifo()}`])
    await hasShown("Answered elsewhere.")
    await writing.exited
    await isToldOf(id, "approved")
    await edited("Agent zoe wants to pair. Approve? (yes/no)\n→ answered elsewhere: approved")
    expect(world.paired("mira")).toEqual(["zoe"])
  }, 120_000)
})

test.each(["deny", "approve"])(
  "a tmux that hangs does not keep the owner from an answer: %s",
  async word => {
    world = createWorld()
    await setUpAgent(world, "mira")
    await askOwnerOf(world, "mira")
    const pid = Number((await world.tmux("display-message", "-p", "#{pid}")).stdout)
    process.kill(pid, "SIGSTOP")
    const [answering, looking] = [world.start("mira", [word]), world.start("mira", ["status"])]
    const both = (): number[] => [answering, looking].flatMap(one => one.exitCode ?? [])
    await until("the answer", () => both().length === 2).finally(() => process.kill(pid, "SIGCONT"))
    expect(both()).toEqual([0, 0])
    expect(await questionsOf(world, "mira")).toEqual([])
    await world.close()
  },
  120_000,
)
