/**
 * Five agents of one user, each of whose programs starts hooks, `sento mcp` and commands in its own way: whoever's they
 * are, they come to its door and to nobody else's. The programs themselves: bench/several.ts.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test"
import { randomBytes } from "node:crypto"
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { ownerOf } from "../../src/commands/guided-init.ts"
import { openDoor } from "../../src/guardian/door/server.ts"
import { makeFolder, requireConfig, writeConfig } from "../../src/store/config.ts"
import { pathsOf } from "../../src/store/paths.ts"
import { readRegistry } from "../../src/store/registry.ts"
import { openStore } from "../../src/store/store.ts"
import { findPane } from "../../src/tmux/pane.ts"
import {
  built,
  createWorld,
  initAgent,
  plainEnvironment,
  type Ran,
  until,
  type World,
} from "../support/world.ts"

const homes = {
  mira: ".",
  kai: ".sento/agents/kai",
  blair: ".sento/agents/blair",
  porter: ".sento/agents/porter",
  zoe: ".sento/agents/zoe",
} as const
type Name = keyof typeof homes
const names = Object.keys(homes) as Name[]

/** What each door was asked, as `NAME: OPERATION`. */
let asked: string[] = []
let world: World
let count = 0
const closing: (() => void)[] = []

beforeAll(async () => {
  world = createWorld()
  await Promise.all(names.map(openAgent))
  writeFileSync(join(world.folder, "requests"), `${requests.map(one => JSON.stringify(one)).join("\n")}\n`)
})
beforeEach(() => {
  asked = []
})
afterAll(async () => {
  for (const close of closing) close()
  await tmux(socketOf("zoe"), "kill-server")
  await world.close()
})

/** zoe's session is called as mira's is, on a server of its own. */
const socketOf = (name: Name): string => (name === "zoe" ? join(world.folder, "second") : world.socket)
let sessions = { mira: "mira", kai: "kai", blair: "blair", porter: "porter", zoe: "mira" }

async function tmux(socket: string, ...words: string[]): Promise<void> {
  const env = { ...plainEnvironment, HOME: world.folder }
  await Bun.spawn(["tmux", "-S", socket, "-f", "/dev/null", ...words], {
    env,
    stdio: ["ignore", "ignore", "inherit"],
  }).exited
}

/** A home with a config, a pane that its books have, and a door that writes down what it is asked. */
async function openAgent(name: Name): Promise<void> {
  initAgent(world, name, homes[name])
  const paths = pathsOf(world.home(homes[name]))
  const config = requireConfig(paths)
  const [session, socket] = [sessions[name], socketOf(name)]
  writeConfig(paths, { ...config, tmux: { session, socket, profile: "plain" } })
  await openSession(socket, session, shells[name])
  const pane = await findPane({ socket }, session)
  makeFolder(paths)
  const store = openStore(paths.database, length => randomBytes(length))
  store.facts.set("pane", pane)
  store.close()
  const door = openDoor({
    path: paths.agentSocket,
    door: "agent",
    distrusted: async () => new Map(),
    handle: async ({ op }) => answers(name, op),
    onError: error => asked.push(String(error)),
  })
  closing.push(door.close)
}

function answers(name: string, op: string): unknown {
  if (op === "alive") return { pid: process.pid, name, host: "127.0.0.1", port: 0 }
  asked.push(`${name}: ${op}`)
  if (op === "turn") return { block: null }
  return op === "agents" ? { name, agents: [], ended: [] } : { id: "0", to: "ana", status: "delivered" }
}

async function openSession(socket: string, session: string, command: readonly string[]): Promise<void> {
  await tmux(
    socket,
    "new-session",
    "-d",
    "-s",
    session,
    "-e",
    `HOME=${world.folder}`,
    "-e",
    "PS1=$ ",
    ...command,
  )
}

/** What runs in each one's pane: Gemini CLI starts itself once more. */
const shells: Readonly<Record<Name, readonly string[]>> = {
  mira: ["sh"],
  kai: ["sh"],
  blair: ["sh", "-c", "sh; true"],
  porter: ["sh"],
  zoe: ["sh"],
}

const sento = built.join(" ")
const requests = [
  {
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } },
  },
  { jsonrpc: "2.0", method: "notifications/initialized" },
  { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "list_agents", arguments: {} } },
]
/** As long as the server has not answered, for it ends with its input; nothing is left of the answers before. */
const serve = (command: string): string =>
  `rm -f answers-$$; { cat requests; for n in $(seq 3000); do grep -sq '"id":2' answers-$$ && break; sleep 0.02; done; } | ${command} >answers-$$`
const prompt = (event: string): string => `echo '{"session_id":"s","prompt":"x"}' | ${event}`
/** Codex gives its MCP server these, and those that setup names (0.169.0). */
const fewVariables = ["HOME", "LANG", "PATH", "SHELL", "TERM", "TMUX", "TMUX_PANE"]
const stripped = ["env -i", ...fewVariables.map(name => `${name}="$${name}"`)].join(" ")

/** A hook, the MCP server and a command, as each program starts them. */
const lines: Readonly<Record<Name, readonly string[]>> = {
  mira: [
    prompt(`CLAUDECODE=1 sh -c '${sento} hook UserPromptSubmit'`),
    serve(`CLAUDECODE=1 ${sento} mcp`),
    `sh -c '${sento} reply abcd hi'`,
  ],
  kai: [
    prompt(`${sento} hook UserPromptSubmit`),
    serve(`${stripped} ${sento} mcp`),
    `CODEX_CI=1 ${sento} reply abcd hi`,
  ],
  blair: [
    prompt(`${sento} hook BeforeAgent`),
    serve(`GEMINI_CLI=1 ${sento} mcp`),
    `bash -c '(${sento} reply abcd hi)'`,
  ],
  porter: [prompt(`${sento} hook UserPromptSubmit`), serve(`${sento} mcp`), `${sento} reply abcd hi`],
  zoe: [
    prompt(`CLAUDECODE=1 sh -c '${sento} hook UserPromptSubmit'`),
    serve(`CLAUDECODE=1 ${sento} mcp`),
    `sh -c '${sento} reply abcd hi'`,
  ],
}

/** Runs a line in the active pane of a session. */
async function runIn(socket: string, session: string, line: string): Promise<Ran> {
  const at = join(world.folder, `ran-${++count}`)
  await tmux(
    socket,
    "send-keys",
    "-t",
    `=${session}:`,
    "-l",
    `cd; { ${line}; } >${at}.out 2>${at}.err; echo $? >${at}.exit`,
  )
  await tmux(socket, "send-keys", "-t", `=${session}:`, "Enter")
  const read = (kind: string): string => readFileSync(`${at}.${kind}`, "utf8")
  const exit = await until(line, () => (Bun.file(`${at}.exit`).size > 0 ? read("exit") : null))
  return { exit: Number(exit), stdout: read("out"), stderr: read("err") }
}

const allLines = async (): Promise<void> => {
  await Promise.all(names.map(name => runIn(socketOf(name), sessions[name], lines[name].join("; "))))
}
const everyones = names.flatMap(name => ["agents", "reply", "turn"].map(op => `${name}: ${op}`)).sort()

test("hooks, tools and commands come to their own agent's door", async () => {
  await allLines()
  expect(asked.sort()).toEqual(everyones)
})

test("in sessions with other names, while a stranger has the old one", async () => {
  const old = sessions
  await tmux(world.socket, "rename-session", "-t", "=mira", "first")
  await tmux(world.socket, "rename-session", "-t", "=kai", "mira")
  await tmux(socketOf("zoe"), "rename-session", "-t", "=mira", "kai")
  sessions = { ...old, mira: "first", kai: "mira", zoe: "kai" }
  await allLines()
  await tmux(socketOf("zoe"), "rename-session", "-t", "=kai", "mira")
  await tmux(world.socket, "rename-session", "-t", "=mira", "kai")
  await tmux(world.socket, "rename-session", "-t", "=first", "mira")
  sessions = old
  expect(asked.sort()).toEqual(everyones)
})

test("what a person runs in a split is that session's agent's, on either server", async () => {
  for (const name of ["mira", "zoe"] as const) {
    await tmux(socketOf(name), "split-window", "-t", "=mira:", "-e", `HOME=${world.folder}`, "sh")
    await runIn(socketOf(name), "mira", `${sento} reply abcd hi`)
    await tmux(socketOf(name), "kill-pane", "-t", "=mira:")
  }
  expect(asked).toEqual(["mira: reply", "zoe: reply"])
})

test("sessions of one name on two servers are two agents'", () => {
  const agents = readRegistry(world.folder)
  const owner = (socket: string | null) => ownerOf(agents, "mira", socket)?.name
  expect([owner(socketOf("mira")), owner(socketOf("zoe")), owner(null)]).toEqual(["mira", "zoe", undefined])
})

/** What Codex' processes are told by: their file's name, and `app-server --listen`. */
describe("a server that several panes share", () => {
  async function inMira(line: string): Promise<Ran> {
    writeFileSync(join(world.folder, "line"), line)
    return runIn(world.socket, "mira", "./codex app-server --listen line")
  }
  async function openClient(session: string, command: string): Promise<void> {
    const words = ["-e", `HOME=${world.folder}`, "sh", "-c", `cd; exec ${command}`]
    await tmux(world.socket, "new-window", "-t", `=${session}:1`, ...words)
    const runs = () => world.tmux("display-message", "-p", "-t", `=${session}:1`, "#{pane_current_command}")
    await until("the program", async () => (await runs()).stdout.includes("codex"))
  }
  const closeClient = (session: string) => world.tmux("kill-window", "-t", `=${session}:1`)

  beforeAll(async () => {
    copyFileSync(Bun.which("bash") ?? "/bin/bash", join(world.folder, "codex"))
    writeFileSync(join(world.folder, "app-server"), 'sh "$2"\n')
    writeFileSync(join(world.folder, "tui"), "while read -r _; do :; done\n")
    mkdirSync(join(world.folder, "thread-writer-locks"))
    await openSession(world.socket, "person", ["cat"])
    await openClient("kai", "./codex tui")
  })
  afterEach(() => closeClient("person"))

  test.each([
    ["where it is the only one", null],
    ["beside one that does without", "./codex tui --no-daemon"],
    ["beside one that works for itself", "./codex tui 3>thread-writer-locks/01a2.lock"],
    ["beside one with settings of its own", "env CODEX_HOME=/other ./codex tui"],
  ])("is the agent's in whose session its client is, whoever started it: %s", async (_, beside) => {
    if (beside !== null) await openClient("person", beside)
    await inMira(lines.porter.join("; "))
    expect(asked.sort()).toEqual(["kai: agents", "kai: reply", "kai: turn"])
  })

  test.each([
    ["", ""],
    [", whoever is named", "SENTO_AGENT=mira"],
  ])("is nobody's where its clients are not one agent's%s", async (_, variable) => {
    await openClient("person", "./codex tui")
    const words = [prompt("hook UserPromptSubmit"), "mcp <requests", "reply abcd hi"]
    const line = words.map(one => one.replace(/(hook|mcp|reply)/, `${variable} ${sento} $1`)).join("; ")
    const { stderr } = await inMira(line)
    expect(asked).toEqual([])
    expect(
      stderr.match(/error: Codex' background server runs this, which several panes share/g),
    ).toHaveLength(2)
    expect(stderr).toContain("start it there with `--no-daemon`")
  })
})
