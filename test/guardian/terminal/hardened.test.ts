/** Delivery in hardened mode, end to end: two real users, `sento hands`, and a double of Claude Code in real tmux. */
import { FFIType, ptr } from "bun:ffi"
import { afterAll, beforeAll, expect, test } from "bun:test"
import { closeSync, copyFileSync, existsSync, linkSync, openSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { LogEntry } from "../../../src/guardian/door/results.ts"
import { openLibC } from "../../../src/http/libc.ts"
import { isAlive } from "../../../src/tmux/process.ts"
import type { DoubleEvent } from "../../support/double.ts"
import { createHardened, type Hardened, openRequest, skipped } from "../../support/hardened.ts"
import { createWorld, signalTo, until, type World } from "../../support/world.ts"

if (skipped !== null) console.log(`delivery in hardened mode: skipped (${skipped})`)

const support = join(import.meta.dir, "../../support")
const faulty = join(import.meta.dir, "../../../dist/sento-faults")

let world: World
let made: Hardened

const script = (folder: string): string => `${folder}/agent/@anthropic-ai/claude-code`

/** The double under a path by which it is taken for Claude Code, with the Bun that is in the binary. */
const double = {
  profile: "claude",
  command: (folder: string): string =>
    `sh -c 'BUN_BE_BUN=1 ${folder}/agent/bun ${script(folder)}/cli.ts claude ${folder}/agent/log; exec sh'`,
  prepare(folder: string, agent: string): void {
    Bun.spawnSync(["install", "-d", "-o", agent, "-m", "755", `${folder}/agent`, script(folder)])
    linkSync(`${folder}/bin/sento`, `${folder}/agent/bun`)
    copyFileSync(join(support, "double.ts"), `${script(folder)}/cli.ts`)
    copyFileSync(join(support, "double-skins.ts"), `${script(folder)}/double-skins.ts`)
    writeFileSync(`/home/${agent}/.tmux.conf`, "set -g default-size 120x40\n")
  },
}

beforeAll(async () => {
  if (skipped !== null) return
  world = createWorld()
  made = await createHardened(double)
  await until("the double", () => logged("ready").length > 0)
}, 120_000)

afterAll(async () => {
  try {
    await made?.close()
  } finally {
    await world?.close()
  }
}, 120_000)

function logged(kind: DoubleEvent): string[] {
  const path = `${made.folder}/agent/log`
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n").filter(Boolean) : []
  const entries = lines.map(line => JSON.parse(line) as { kind: DoubleEvent; text: string })
  return entries.filter(entry => entry.kind === kind).map(entry => entry.text)
}

/** How often the model of the agent would have been told this. */
const timesTold = (text: string): number => logged("submitted").filter(one => one.includes(text)).length

const pidsOf = async (user: string, pattern: string): Promise<number[]> =>
  (await made.as("root", `pgrep -u ${user} -f '${pattern}' || :`)).stdout
    .split("\n")
    .filter(Boolean)
    .map(Number)

async function signal(user: string, pattern: string, name: NodeJS.Signals): Promise<void> {
  const pids = await until(pattern, async () => {
    const found = await pidsOf(user, pattern)
    return found.length > 0 ? found : null
  })
  for (const pid of pids) signalTo(pid, name)
  if (name === "SIGKILL") await until(`the end of ${pattern}`, () => !pids.some(isAlive))
}

const toDouble = (name: NodeJS.Signals): Promise<void> => signal(made.agent, "^[^ ]*/agent/bun ", name)
const killHands = (): Promise<void> => signal(made.agent, "^[^ ]*sento[^ ]* hands", "SIGKILL")

const send = (text: string): Promise<unknown> =>
  world.ask("kai", "agent", { op: "send", to: made.name, text })

async function stateOf(text: string): Promise<string | undefined> {
  const log = (await made.must(made.owner, "sento log --json")).split("\n").filter(Boolean)
  return log.map(line => JSON.parse(line) as LogEntry).find(entry => entry.text === text)?.state
}

const becomes = (text: string, state: string): Promise<unknown> =>
  until(`${text}: ${state}`, async () => (await stateOf(text)) === state)

/** FIONREAD of Linux: the bytes that nobody has read yet (ioctl_tty(2)). */
const fionread = 0x541b

/** Waits until a paste has come to the stopped program's terminal. */
async function pasted(): Promise<void> {
  const { i32, u64, ptr: pointer } = FFIType
  const libc = openLibC({ ioctl: { args: [i32, u64, pointer], returns: i32 } })
  const path = await made.must(made.agent, "tmux display-message -p -t =main: '#{pane_tty}'")
  const tty = openSync(path.trim(), "r")
  const unread = new Int32Array(1)
  await until("the paste", () => libc.ioctl(tty, fionread, ptr(unread)) === 0 && (unread[0] ?? 0) > 0)
  closeSync(tty)
}

const hardenedTest = (name: string, work: () => Promise<void>): void =>
  test.skipIf(skipped !== null)(name, work, 120_000)

hardenedTest(
  "who watches as the agent's user is told of a question, and nothing there answers it",
  async () => {
    const watching = [
      "setpriv",
      `--reuid=${made.agent}`,
      `--regid=${made.agent}`,
      "--init-groups",
      "env",
      "-u",
      "TMUX",
    ]
    await world.session("watcher", [
      ...watching,
      `TMUX_TMPDIR=/home/${made.agent}`,
      "tmux",
      "attach",
      "-t",
      "=main",
    ])
    await world.shows("watcher", "main")
    // It stands there for eight seconds.
    const told = world.shows(
      "watcher",
      /kai waits for your yes: `sento approve \w+` in a terminal of your own/,
    )
    const id = await openRequest(world, made)
    expect(await told).toContain(
      `sento: kai waits for your yes: \`sento approve ${id}\` in a terminal of your own`,
    )
    await world.type("watcher", "yes")
    await until("it", () => logged("submitted").includes("yes"))
    expect(await made.must(made.owner, "sento agents")).not.toContain("kai")
    await made.must(made.owner, `sento approve ${id}`)
    await until("kai's pair", () => world.paired("kai").length > 0)
    await world.tmux("kill-session", "-t", "=watcher")
  },
)

hardenedTest(
  "a dialog holds a message; when a person has answered it, the message is typed once",
  async () => {
    await toDouble("SIGUSR1")
    await until("the dialog", async () =>
      (await made.must(made.owner, "sento guard status")).includes("main: a dialog"),
    )
    await send("behind a dialog")
    const held = `the hands of ${made.agent} say: Claude Code waits for an answer`
    await until("the hold", async () => (await made.must(made.owner, "sento status")).includes(held))
    expect(logged("approved")).toEqual([])
    await made.must(made.agent, "tmux send-keys -t =main: Enter")
    await becomes("behind a dialog", "delivered")
    expect(logged("approved")).toHaveLength(1)
    expect(timesTold("behind a dialog")).toBe(1)
  },
)

hardenedTest(
  "hands killed in mid-paste: new ones find the text in the box, and it is sent once",
  async () => {
    await toDouble("SIGSTOP")
    await send("under the hands")
    await pasted()
    await killHands()
    await toDouble("SIGCONT")
    expect(await stateOf("under the hands")).toBe("typing")
    await made.must(made.agent, made.handsCommand)
    await becomes("under the hands", "delivered")
    expect(timesTold("under the hands")).toBe(1)
  },
)

hardenedTest(
  "the Guardian killed in mid-paste: the hands come back to the next one, and the text is sent once",
  async () => {
    await toDouble("SIGSTOP")
    await send("under the Guardian")
    await pasted()
    await signal(made.owner, "guard --foreground", "SIGKILL")
    await toDouble("SIGCONT")
    await made.must(made.owner, "sento guard")
    await becomes("under the Guardian", "delivered")
    expect(timesTold("under the Guardian")).toBe(1)
  },
)

test.skipIf(skipped !== null || !existsSync(faulty))(
  "hands killed between the Guardian's word and the paste: uncertain, and not typed",
  async () => {
    copyFileSync(faulty, `${made.folder}/bin/sento-faults`)
    const faulting = made.start(made.agent, "exec sento-faults hands", {
      SENTO_DOOR: made.door,
      SENTO_FAULT: "after-paste-is-allowed",
      TMUX: `/home/${made.agent}/tmux-${(await made.must(made.agent, "id -u")).trim()}/default,1,0`,
    })
    // The newest hands count; the others have ended.
    await until("one of them", async () => (await pidsOf(made.agent, "^[^ ]*sento hands")).length === 0)
    await send("never begun")
    await faulting.exited
    await made.must(made.agent, made.handsCommand)
    await becomes("never begun", "uncertain")
    await send("and then?")
    await becomes("and then?", "delivered")
    expect(timesTold("never begun")).toBe(0)
  },
  120_000,
)

hardenedTest("an agent that stops its tmux server holds up its messages, and not the Guardian", async () => {
  const server = "^tmux new-session"
  await signal(made.agent, server, "SIGSTOP")
  try {
    await send("to a tmux that stands still")
    const startedAt = performance.now()
    await made.must(made.owner, "sento guard stop")
    // After 15 s the command gives up and fails.
    expect(performance.now() - startedAt).toBeLessThan(20_000)
    await made.must(made.owner, "sento guard")
  } finally {
    await signal(made.agent, server, "SIGCONT")
  }
  await becomes("to a tmux that stands still", "delivered")
  expect(timesTold("to a tmux that stands still")).toBe(1)
  expect(made.ownersTmux()).toEqual([])
})

hardenedTest(
  "the agent in a container, of which the door alone is mounted: messages are typed there, it speaks at its door, doctor knows",
  async () => {
    await made.must(made.agent, "tmux kill-server")
    const container = await openContainer()
    await until("its hands", async () => (await hands()).isContained === true)
    await send("into a container")
    await becomes("into a container", "delivered")
    expect(timesTold("into a container")).toBe(1)
    const doctor = await made.as(made.owner, "sento doctor")
    expect(doctor.stdout).toContain(`${made.agent}'s are at the terminal, in a container`)
    expect(await container.run("sento agents --json")).toContain('"name":"kai"')
    expect((await container.run("ls /home")).trim()).toBe(made.agent)
    await container.end()
  },
)

const hands = async (): Promise<{ isContained?: boolean }> =>
  JSON.parse(await made.must(made.owner, "sento guard status --json || :")).hands ?? {}

/** As `docker run` and the like make it: a root, processes and mounts of its own; what is the owner's is not there. */
async function openContainer() {
  const [uid, gid] = [await made.must(made.agent, "id -u"), await made.must(made.agent, "id -g")].map(one =>
    one.trim(),
  )
  const root = `${made.folder}/root`
  const shared = [
    "/usr",
    "/etc",
    "/dev",
    `/home/${made.agent}`,
    `${made.folder}/agent`,
    `${made.folder}/bin`,
    `${made.folder}/door`,
  ]
  const env = `PATH=${made.folder}/bin:/usr/bin:/bin HOME=/home/${made.agent} LANG=C.UTF-8 TERM=xterm-256color TMUX_TMPDIR=/tmp SENTO_DOOR=${made.door}`
  const inside = `chroot --userspec=${uid}:${gid} ${root} /usr/bin/env -i ${env}`
  writeFileSync(
    `${made.folder}/container.sh`,
    [
      ...shared.map(path => `mkdir -p ${root}${path}; mount --rbind ${path} ${root}${path}`),
      `for one in bin lib lib64 sbin; do ln -sfn usr/$one ${root}/$one; done`,
      `mkdir -p ${root}/proc ${root}/tmp; chmod 1777 ${root}/tmp; mount -t proc proc ${root}/proc`,
      `${inside} tmux new-session -d -s main ${JSON.stringify(double.command(made.folder))}`,
      `exec ${inside} sento hands`,
    ].join("\n"),
  )
  const child = made.start(
    "root",
    `exec unshare -m --pid --fork --kill-child sh -e ${made.folder}/container.sh`,
  )
  /** The first process of it, with which all others end. */
  const first = (): Promise<number | undefined> => pidsOf(made.agent, "^sento hands").then(([pid]) => pid)
  return {
    async end(): Promise<void> {
      process.kill((await first()) ?? child.pid, "SIGKILL")
      await child.exited
    },
    async run(line: string): Promise<string> {
      const ran = await made.as("root", `nsenter -t ${await first()} -m -p ${inside} ${line}`)
      if (ran.exit !== 0) throw new Error(`${line}: ${ran.stdout}${ran.stderr}${child.exitCode ?? ""}`)
      return ran.stdout
    },
  }
}
