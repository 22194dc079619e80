/** The owner's yes, wherever the owner is, between two real Guardians; and an agent that asks to join. */
import { afterEach, expect, test } from "bun:test"
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  built,
  type Child,
  createWorld,
  finished,
  jsonLines,
  type Size,
  setUpAgent,
  until,
  type World,
} from "../support/world.ts"

let world: World
let viewer: World | null = null
afterEach(async () => {
  await viewer?.close()
  viewer = null
  await world.close()
})

const sento = built.join(" ")

/** mira with an open code, and kai's Guardian; the agents' panes run `sh` where the test types. */
async function openCode(paneOfKai: readonly string[] = ["cat"]): Promise<{ at: string; minting: Child }> {
  world = createWorld()
  const { port } = await setUpAgent(world, "mira")
  await setUpAgent(world, "kai", paneOfKai)
  const minting = world.start("mira", ["pair", "--json"])
  const { lines } = jsonLines(minting)
  const code = await until("a code", () => lines.find(line => line.event === "code")?.code as string)
  return { at: `${code}@127.0.0.1:${port}`, minting }
}

/** kai proves mira's code: from now on mira's owner is asked. */
async function proveCode(at: string): Promise<{ joining: Child; id: string }> {
  const joining = world.start("kai", ["pair", at, "--json"])
  const id = await until("the request", async () => (await requestsOf("mira"))[0]?.id)
  return { joining, id }
}

const requestsOf = (name: string): Promise<{ id: string; kind: string }[]> =>
  world.ask(name, "agent", { op: "requests" })

/** A person's terminal: a client attached to the agent's session, in a pane of another tmux server. */
async function attach(session: string, name = "person", size?: Size): Promise<World> {
  viewer ??= createWorld()
  const command = `exec env -u TMUX tmux -u -S ${world.socket} attach -t =${session}`
  await viewer.session(name, ["sh", "-c", command], name, size)
  await until("the client", async () => {
    const { stdout } = await world.tmux("list-clients", "-t", `=${session}:`)
    return stdout.trim() !== ""
  })
  return viewer
}

test("an agent's join waits for its own owner, and then for the other one", async () => {
  const { at, minting } = await openCode(["sh"])
  await world.type("kai", `${sento} pair ${at}`)
  await world.shows("kai", "This agent's own owner is asked first")
  const [asked] = await until("the question", async () => {
    const requests = await requestsOf("kai")
    return requests.length > 0 ? requests : null
  })
  expect(asked?.kind).toBe("join")
  expect(await requestsOf("mira")).toEqual([])
  expect((await world.sento("kai", ["approve", "--json"])).stdout).toContain('"event":"asked"')
  await until("the request", async () => (await requestsOf("mira")).length > 0)
  expect(world.paired("kai")).toEqual([])
  expect((await world.sento("mira", ["approve"])).exit).toBe(0)
  await world.shows("kai", "Paired with mira.")
  await minting.exited
  expect([world.paired("kai"), world.paired("mira")]).toEqual([["mira"], ["kai"]])
}, 30_000)

test("a no to an agent's join leaves no trace at the minter: the code stays open", async () => {
  const { at } = await openCode(["sh"])
  await world.type("kai", `${sento} pair ${at}; echo exit $?`)
  await until("the question", async () => (await requestsOf("kai")).length > 0)
  expect((await world.sento("kai", ["deny"])).stderr).toBe("mira was denied. Nothing is paired.\n")
  await world.shows("kai", "exit 77")
  expect(await requestsOf("mira")).toEqual([])
  expect([world.paired("kai"), world.paired("mira")]).toEqual([[], []])
  const log = readFileSync(join(world.home("mira"), ".sento/guardian.log"), "utf8")
  expect(log).not.toContain("proved the code")
  const { joining } = await proveCode(at)
  expect((await world.sento("mira", ["approve"])).exit).toBe(0)
  expect((await finished(joining)).exit).toBe(0)
}, 30_000)

test("an agent's join with a wrong code fails after the yes, and says so on both sides", async () => {
  const { at } = await openCode(["sh"])
  const wrong = at.replace(/SENTO-(.)/, (_, symbol) => `SENTO-${symbol === "0" ? "1" : "0"}`)
  await world.type("kai", `${sento} pair ${wrong}; echo exit $?`)
  await until("the question", async () => (await requestsOf("kai")).length > 0)
  const approved = await world.sento("kai", ["approve"])
  expect(approved).toMatchObject({ exit: 77 })
  expect(approved.stderr).toContain("the code is wrong, or no longer open")
  await world.shows("kai", "exit 77")
  expect(await world.screen("kai")).toContain("the code is wrong, or no longer open")
  expect(await requestsOf("kai")).toEqual([])
}, 30_000)

test("a question for a join survives a restart, and its owner can still say yes", async () => {
  const { at } = await openCode(["sh"])
  await world.type("kai", `${sento} pair ${at}`)
  await until("the question", async () => (await requestsOf("kai")).length > 0)
  await world.restartGuard("kai")
  expect((await world.sento("kai", ["approve"])).exit).toBe(0)
  await until("the request", async () => (await requestsOf("mira")).length > 0)
}, 30_000)

test("an agent cannot wear its owner down: three joins wait at once, no more", async () => {
  world = createWorld()
  await setUpAgent(world, "kai", ["sh"])
  const places: string[] = []
  for (const name of ["mira", "lia", "noa", "zoe"]) {
    const { port } = await setUpAgent(world, name)
    const { stdout } = await world.sento(name, ["pair", "--json"], { env: { CLAUDECODE: "1" } })
    places.push(`${JSON.parse(stdout.split("\n")[0] ?? "").code}@127.0.0.1:${port}`)
  }
  for (const [i, at] of places.entries()) {
    const child = world.start("kai", ["pair", at, "--json"], { env: { CLAUDECODE: "1" } })
    if (i < 3) await until("one more question", async () => (await requestsOf("kai")).length === i + 1)
    else expect(await finished(child)).toMatchObject({ exit: 75 })
  }
  const several = await world.sento("kai", ["approve"])
  expect(several).toMatchObject({ exit: 64 })
  expect(several.stderr).toContain("several requests wait")
  expect(await requestsOf("kai")).toHaveLength(3)
}, 30_000)

test.each(["yes", "no"])(
  "a popup over an attached client takes a typed %s",
  async word => {
    const { at } = await openCode()
    const person = await attach("mira")
    const { joining } = await proveCode(at)
    const shown = await person.shows("person", "Agent kai wants to pair. Approve? (yes/no)")
    expect(shown).toMatch(/Verifier: [0-9A-Z]{5}-[0-9A-Z]{5}/)
    expect(shown).toContain("kai gets no access to files")
    await person.type("person", word)
    await person.shows("person", word === "yes" ? "Paired with kai." : "The answer was no.")
    expect((await finished(joining)).exit).toBe(word === "yes" ? 0 : 77)
    expect(world.paired("mira")).toEqual(word === "yes" ? ["kai"] : [])
  },
  30_000,
)

test.each([
  [80, 24],
  [60, 12],
] as const)(
  "a popup fits a client of %i columns and %i rows",
  async (columns, rows) => {
    const { at } = await openCode()
    const person = await attach("mira", "person", [columns, rows])
    const { joining } = await proveCode(at)
    await person.shows("person", "Approve? (yes/no)")
    await person.type("person", "no")
    expect((await finished(joining)).exit).toBe(77)
  },
  30_000,
)

test("a popup comes to a client that attaches later, and goes when the answer is given elsewhere", async () => {
  const { at } = await openCode()
  const { joining } = await proveCode(at)
  const person = await attach("mira")
  await person.shows("person", "Agent kai wants to pair. Approve? (yes/no)")
  expect((await world.sento("mira", ["deny"])).exit).toBe(0)
  await person.shows("person", "Answered elsewhere.")
  await until("the end of the popup", async () => !(await person.screen("person")).includes("Approve?"))
  expect((await finished(joining)).exit).toBe(77)
}, 30_000)

test("what was typed to the agent when the popup appeared answers nothing", async () => {
  const { at } = await openCode()
  const person = await attach("mira")
  const { id } = await proveCode(at)
  await person.shows("person", "knows the code")
  await person.type("person", "yes")
  await person.shows("person", "Approve? (yes/no)")
  expect((await requestsOf("mira")).map(request => request.id)).toEqual([id])
  await person.tmux("send-keys", "-t", "=person:", "Escape")
  await until("the end of the popup", async () => !(await person.screen("person")).includes("Approve?"))
  expect((await requestsOf("mira")).map(request => request.id)).toEqual([id])
}, 30_000)

/** A notifier that writes down what it is told and answers with a word, or waits for ever. */
async function setNotify(name: string, then: string): Promise<string> {
  const heard = join(world.home(name), "heard")
  const script = join(world.home(name), "notify.sh")
  writeFileSync(script, `#!/bin/sh\nread -r event\nprintf '%s\\n' "$event" >> ${heard}\n${then}\n`)
  chmodSync(script, 0o700)
  const path = join(world.home(name), ".sento-config.json")
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), notify: [script] }))
  await world.restartGuard(name)
  return heard
}

/** The events whose lines are whole by now. */
const heardIn = (path: string): Record<string, unknown>[] =>
  existsSync(path)
    ? readFileSync(path, "utf8")
        .split("\n")
        .slice(0, -1)
        .map(line => JSON.parse(line) as Record<string, unknown>)
    : []

test.each(["yes", "no"])(
  "a notify command that prints %s answers",
  async word => {
    world = createWorld()
    await setUpAgent(world, "mira")
    await setUpAgent(world, "kai")
    const heard = await setNotify("mira", `case "$event" in *'"request"'*) echo ${word};; esac`)
    const { port } = (await world.status("mira")) ?? { port: 0 }
    const { lines } = jsonLines(world.start("mira", ["pair", "--json"]))
    const code = await until("a code", () => lines.find(line => line.event === "code")?.code as string)
    const joined = await world.sento("kai", ["pair", `${code}@127.0.0.1:${port}`, "--json"])
    expect(joined.exit).toBe(word === "yes" ? 0 : 77)
    const [event, over] = await until("two events", () => (heardIn(heard).length > 1 ? heardIn(heard) : null))
    expect(event).toMatchObject({ event: "request", kind: "request", self: "mira", name: "kai" })
    expect(String(event?.text)).toContain("Agent kai wants to pair. Approve? (yes/no)")
    expect(over).toMatchObject({ event: "withdrawn", how: word === "yes" ? "approved" : "denied" })
  },
  30_000,
)

test("a notify command that waits is stopped when the answer is given elsewhere", async () => {
  world = createWorld()
  await setUpAgent(world, "mira")
  await setUpAgent(world, "kai")
  const alive = join(world.home("mira"), "alive")
  const wait = `case "$event" in *'"request"'*) echo $$ > ${alive}; exec sleep 600;; esac`
  await setNotify("mira", wait)
  const { port } = (await world.status("mira")) ?? { port: 0 }
  const { lines } = jsonLines(world.start("mira", ["pair", "--json"]))
  const code = await until("a code", () => lines.find(line => line.event === "code")?.code as string)
  const joining = world.start("kai", ["pair", `${code}@127.0.0.1:${port}`, "--json"])
  const pid = await until("the notifier", () => existsSync(alive) && readFileSync(alive, "utf8").trim())
  expect((await world.sento("mira", ["approve"])).exit).toBe(0)
  expect((await finished(joining)).exit).toBe(0)
  await until("its end", () => !existsSync(`/proc/${pid}`))
}, 30_000)

test("an agent cannot have its owner say yes to a name that the question does not show", async () => {
  const { at } = await openCode()
  const heard = await setNotify("kai", "")
  const joining = world.start("kai", ["pair", at, "--as", "boss"], { env: { CLAUDECODE: "1" } })
  const [event] = await until("the question", () => (heardIn(heard).length > 0 ? heardIn(heard) : null))
  expect(event).toMatchObject({ kind: "join", name: "mira", as: "boss" })
  expect(String(event?.text)).toContain("mira will be called boss here.")
  joining.kill()
}, 30_000)

test("with another popup or menu in the way, two questions wait for it without hurry", async () => {
  const { at } = await openCode()
  await attach("mira")
  const { port } = await setUpAgent(world, "lia")
  const { stdout: minted } = await world.sento("lia", ["pair", "--json"], { env: { CLAUDECODE: "1" } })
  const { code } = JSON.parse(minted.split("\n")[0] ?? "") as { code: string }
  const { stdout: client } = await world.tmux("list-clients", "-t", "=mira:", "-F", "#{client_name}")
  const menu = world.tmux("display-menu", "-c", client.trim(), "an entry", "m", "")
  await viewer?.shows("person", "an entry")
  world.start("mira", ["pair", `${code}@127.0.0.1:${port}`], { env: { CLAUDECODE: "1" } })
  await proveCode(at)
  await until("two questions", async () => (await requestsOf("mira")).length === 2)
  const popups = async (): Promise<number> => {
    const { stdout } = await world.tmux("show-messages", "-t", client.trim())
    return stdout.split("\n").filter(line => line.includes("display-popup")).length
  }
  const first = await until("a try", popups)
  const began = performance.now()
  await until("two more", async () => (await popups()) > first + 1)
  expect(performance.now() - began).toBeGreaterThan(1500)
  await viewer?.tmux("send-keys", "-t", "=person:", "q")
  await menu
  await viewer?.shows("person", "Approve? (yes/no)")
}, 30_000)

test("a popup goes when its Guardian stops, and comes again with the next one", async () => {
  const { at } = await openCode()
  const person = await attach("mira")
  await proveCode(at)
  await person.shows("person", "Approve? (yes/no)")
  await world.stopGuard("mira")
  await person.shows("person", "The Guardian stopped; the question is asked again when it runs.")
  await until("the end of the popup", async () => !(await person.screen("person")).includes("Approve?"))
  await world.guard("mira")
  await person.shows("person", "Approve? (yes/no)")
  await person.type("person", "no")
  await person.shows("person", "The answer was no.")
}, 30_000)

test("a client that may only look gets no popup, for nobody could answer or close it there", async () => {
  const { at } = await openCode()
  viewer = createWorld()
  const command = `exec env -u TMUX tmux -u -S ${world.socket} attach -r -t =mira`
  await viewer.session("person", ["sh", "-c", command])
  const clients = async () => (await world.tmux("list-clients", "-t", "=mira:")).stdout.trim().split("\n")
  await until("the client", async () => (await clients())[0] !== "")
  await proveCode(at)
  await attach("mira", "owner")
  await viewer.shows("owner", "Approve? (yes/no)")
  expect(await viewer.screen("person")).not.toContain("kai")
}, 30_000)

test("a popup whose question was answered before it came says so and ends", async () => {
  const { at } = await openCode()
  await proveCode(at)
  await world.session("owner", ["sh"], "mira")
  await world.type("owner", `${sento} ask 00000000; echo exit $?`)
  await world.shows("owner", /Answered elsewhere\.\s+exit 0/)
}, 30_000)

test("a tmux that hangs does not keep the owner from an answer", async () => {
  const { at } = await openCode()
  const { joining } = await proveCode(at)
  const pid = Number((await world.tmux("display-message", "-p", "#{pid}")).stdout)
  process.kill(pid, "SIGSTOP")
  const denying = world.start("mira", ["deny"])
  await until("the answer", () => denying.exitCode !== null, 8000).finally(() => process.kill(pid, "SIGCONT"))
  expect(denying.exitCode).toBe(0)
  expect((await finished(joining)).exit).toBe(77)
}, 15_000)
