/** Whose processes are the agent's: the pinned pane's, and where that is gone every pane of the session. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { realpathSync } from "node:fs"
import { basename } from "node:path"
import { findTarget } from "../../../src/guardian/books/agent-pane.ts"
import { agentProcesses } from "../../../src/guardian/books/agent-processes.ts"
import { reasonToDistrust } from "../../../src/guardian/door/callers.ts"
import type { Config } from "../../../src/store/config.ts"
import { pathsOf } from "../../../src/store/paths.ts"
import type { Target } from "../../../src/tmux/hands.ts"
import { createHands } from "../../../src/tmux/own-hands.ts"
import { findPane } from "../../../src/tmux/pane.ts"
import { isAlive } from "../../../src/tmux/process.ts"
import { createTestStore, type TestStore } from "../../support/store.ts"
import { createWorld, plainEnvironment, until, type World } from "../../support/world.ts"

let world: World
let books: TestStore
beforeEach(async () => {
  world = createWorld()
  books = createTestStore()
  await world.session("mira", ["cat"])
})
afterEach(async () => {
  books[Symbol.dispose]()
  await world.close()
})

const booksOf = (profile: Config["tmux"]["profile"], change: Partial<Config> = {}) => {
  const tmux = { session: "mira", socket: world.socket, profile }
  const listen = { hosts: [], port: 0, names: [] }
  const config: Config = { version: 1, name: "mira", agent: "test", agents: {}, listen, tmux, ...change }
  const log = { write() {}, refused() {}, sparingly: () => true }
  return {
    config: { current: config, update() {} },
    paths: pathsOf(world.home("mira")),
    store: books.store,
    log,
    hands: createHands({ socket: world.socket }),
  }
}

const processes = (change: Partial<Config> = {}) =>
  agentProcesses(booksOf("plain", change)).then(found => [...found].map(([pid, why]) => `${pid} ${why}`))

const own = "it was started in the agent's own pane"
const anyOf = "it was started in the agent's session"

async function pids(): Promise<number[]> {
  const { stdout } = await world.tmux("list-panes", "-s", "-t", "=mira:", "-F", "#{pane_pid}")
  return stdout.trim().split("\n").map(Number)
}

/** Pins the session's pane, as the Guardian does. */
async function pin(): Promise<number> {
  const pane = await findPane({ socket: world.socket }, "mira")
  books.store.facts.set("pane", pane)
  return pane?.pid ?? 0
}

test("before a pane is pinned every pane of the session is the agent's", async () => {
  await world.tmux("new-window", "-d", "-t", "=mira:", "cat")
  expect(await processes()).toEqual((await pids()).map(pid => `${pid} ${anyOf}`))
})

test("the pinned pane alone, where it is there: another window of the session may be the owner's", async () => {
  const pid = await pin()
  await world.tmux("new-window", "-d", "-t", "=mira:", "cat")
  expect(await processes()).toEqual([`${pid} ${own}`])
})

test.each([
  ["respawned", ["respawn-pane", "-k", "-t", "=mira:", "cat"]],
  ["of a session that was made anew", ["kill-session", "-t", "=mira"]],
])("a pane %s, which nobody has attached: every pane of the session", async (_, command) => {
  const before = await pin()
  await world.session("other", ["cat"])
  await world.tmux(...command)
  if (command[0] === "kill-session") await world.session("mira", ["cat"])
  await world.tmux("split-window", "-d", "-t", "=mira:", "cat")
  await until("the end of the pane", async () => !(await processes()).includes(`${before} ${own}`))
  const now = await pids()
  expect(now).toHaveLength(2)
  expect(now).not.toContain(before)
  expect(await processes()).toEqual(now.map(pid => `${pid} ${anyOf}`))
})

test("a program that outlives its pane is the agent's still, beside the new pane", async () => {
  await world.tmux("respawn-pane", "-k", "-t", "=mira:", "trap '' HUP; echo deaf; exec sleep 60")
  await world.shows("mira", "deaf")
  const before = await pin()
  await world.session("other", ["cat"])
  await world.tmux("kill-session", "-t", "=mira")
  await world.session("mira", ["cat"])
  expect(await processes()).toEqual([`${(await pids())[0]} ${anyOf}`, `${before} ${own}`])
  process.kill(before, "SIGKILL")
})

test.each([
  ["was renamed", ["rename-session", "-t", "=mira", "zz"]],
  ["ended", ["kill-session", "-t", "=mira"]],
])("a session that %s, and the pinned program ended: every pane of the server", async (_, command) => {
  const before = await pin()
  await world.session("other", ["cat"])
  await world.tmux(...command)
  await world.tmux("respawn-pane", "-k", "-t", "=zz:", "cat")
  await until("the end of the pane", async () => !(await processes()).includes(`${before} ${own}`))
  const { stdout } = await world.tmux("list-panes", "-a", "-F", "#{pane_pid}")
  const reason =
    "the agent's session is not there, and it was started in another one, which may be the agent's"
  expect(await processes()).toEqual(
    stdout
      .trim()
      .split("\n")
      .map(pid => `${pid} ${reason}`),
  )
})

test("no session, no tmux server: nobody", async () => {
  await world.session("mirage", ["cat"])
  await world.tmux("kill-session", "-t", "=mira")
  expect(await processes()).toEqual([])
  await world.tmux("kill-server")
  expect(await processes()).toEqual([])
})

test("in hardened mode tmux is the agent's, and its word on who is the agent's does not count", async () => {
  expect(await processes({ hardened: { folder: "/nowhere", user: "daemon" } })).toEqual([])
})

test("a tmux that hangs: the pinned pane stands as long as its process runs, else nobody is let in", async () => {
  const pid = await pin()
  const server = Number((await world.tmux("display-message", "-p", "#{pid}")).stdout)
  process.kill(server, "SIGSTOP")
  try {
    expect(await processes()).toEqual([`${pid} ${own}`])
    process.kill(pid, "SIGKILL")
    await until("its end", () => !isAlive(pid))
    await expect(processes()).rejects.toThrow("tmux does not say which pane is the agent's")
  } finally {
    process.kill(server, "SIGCONT")
  }
})

test("what an agent program starts is known by the program, whatever its environment says", async () => {
  const nobody = new Map<number, string>()
  expect(reasonToDistrust(process.pid, nobody)).toBeNull()
  const script = `${world.folder}/claude`
  await Bun.write(script, "console.log(1); await new Promise(resolve => setTimeout(resolve, 60_000))")
  const agent = Bun.spawn([process.execPath, script], { env: {} })
  await agent.stdout.getReader().read()
  expect(reasonToDistrust(agent.pid, nobody)).toBe("it was started by an agent program (claude)")
  agent.kill()
  // Read when its program runs: while exec is under way the environment is empty.
  const reason = async (env: Record<string, string>): Promise<string | null> => {
    const child = Bun.spawn(["sh", "-c", "echo; read -r _"], {
      stdin: "pipe",
      env: { ...plainEnvironment, ...env },
    })
    await child.stdout.getReader().read()
    const found = reasonToDistrust(child.pid, nobody)
    child.kill()
    return found
  }
  expect(await reason({ CODEX_HOME: "/x", CODEX_API_KEY: "y", CODEX_CA_CERTIFICATE: "z" })).toBeNull()
  for (const variable of [
    "CODEX_THREAD_ID",
    "CODEX_SANDBOX_NETWORK_DISABLED",
    "CODEX_CI",
    "CLAUDECODE",
    "AI_AGENT",
    "GEMINI_CLI",
    "OPENCODE",
  ])
    expect(await reason({ [variable]: "1" })).toBe(`it was started by an agent program (${variable} is set)`)
})

const only = (agent: string) =>
  `${agent}, which it names, is typed into only where it runs in the pane itself`

test.each([
  [
    "a program that nobody knows",
    "cat",
    "other",
    "cat runs in the pane, which no profile knows; `sento init --profile plain` lets it be typed into",
  ],
  [
    "one that names an agent program",
    "exec cat - codex.md",
    "other",
    `cat runs in the pane, which no profile knows; ${only("codex")}`,
  ],
  [
    "a shell",
    "exec sh -i",
    "shell",
    `a shell (${basename(realpathSync(Bun.which("sh") ?? "sh"))}) runs in the pane`,
  ],
  [
    "a relay",
    "exec script -qc cat /dev/null",
    "shell",
    "script runs in the pane, which hands keys on to another terminal",
  ],
  [
    "a relay that names an agent program",
    "exec script -qc 'cat - gemini.md' /dev/null",
    "shell",
    `script runs in the pane, which hands keys on to another terminal; ${only("gemini")}`,
  ],
  [
    "an agent program behind a relay",
    'cp "$(command -v cat)" "$HOME/claude"; export AGENT="$HOME/claude"; exec script -qc \'"$AGENT"\' /dev/null',
    "shell",
    `script runs in the pane, which hands keys on to another terminal; ${only("claude")}`,
  ],
] as const)(
  "without a profile: %s, and plain is proposed only where nothing names another",
  async (_, command, state, reason) => {
    await world.tmux("respawn-pane", "-k", "-t", "=mira:", "-e", `HOME=${world.folder}`, command)
    const wanted: Target = { kind: "none", state, reason }
    let target: Target | null = null
    await until(reason, async () => {
      target = await findTarget(booksOf(null))
      return Bun.deepEquals(target, wanted)
    })
    expect<Target | null>(target).toEqual(wanted)
  },
)
