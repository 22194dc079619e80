/** Persons' keys kept back in real terminals: whoever is killed or stopped meanwhile, they come back. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test"
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { giveBack, keepKeys } from "../../src/tmux/keyboards.ts"
import { processStat } from "../../src/tmux/process.ts"
import { keepLong, type LongKept } from "../support/kept-keys.ts"
import { type DoublePane, startPane, until } from "../support/pane.ts"
import { signalTo } from "../support/world.ts"

const module = join(import.meta.dir, "../../src/tmux/keyboards.ts")

let pane: DoublePane
let terminal: string
let second: string
beforeAll(async () => {
  const directory = mkdtempSync(join(tmpdir(), "sento-keys-"))
  const raw = ["sh", "-c", "stty -icanon -echo min 1; echo there; exec sleep 1000"]
  pane = await startPane(directory, raw, join(directory, "log"), "there")
  pane.tmux("split-window", "-d", "-t", "=sento:", ...raw)
  const terminals = () => pane.tmux("list-panes", "-t", "=sento:", "-F", "#{pane_tty}").trim().split("\n")
  await until(() => terminals().length === 2)
  ;[terminal = "", second = ""] = terminals()
  await until(() => settingsOf(second).includes("-icanon"))
})
afterAll(() => pane[Symbol.asyncDispose]())

/** Where a test is not about the two seconds for which keys are kept. */
let long: LongKept | null = null
const keptLong = (): void => {
  beforeEach(() => {
    long = keepLong()
  })
  afterEach(async () => {
    for (const pid of [terminal, second].flatMap(keepersOf)) signalTo(pid, "SIGKILL")
    long?.[Symbol.dispose]()
    long = null
    await giveBack([terminal, second])
  })
}

const settingsOf = (path: string): string => Bun.spawnSync(["stty", "-F", path, "-a"]).stdout.toString()
const minOf = (path: string): number => Number(/\bmin = (\d+);/.exec(settingsOf(path))?.[1])
/** Letting go waits no longer than it may; on a busy machine the terminal is set a moment later. */
const isBack = (path: string, min = 1): Promise<void> => until(() => minOf(path) === min)
const set = (path: string, ...words: string[]): void => void Bun.spawnSync(["stty", "-F", path, ...words])

/** The shells that keep this terminal's keys, and what they have started. */
function keepersOf(path: string): number[] {
  return readdirSync("/proc")
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")
        return words[0] === "sh" && words.includes(path) && words[2]?.includes("kept")
      } catch {
        return false
      }
    })
}

/** A process that stands for the Guardian, once it keeps the keys. */
async function startGuardian(path = terminal, variables: Readonly<Record<string, string>> = {}) {
  const code = `const { keepKeys } = await import(${JSON.stringify(module)}); await keepKeys(["${path}"]); console.log("kept"); await Bun.sleep(60_000)`
  const guardian = Bun.spawn([process.execPath, "-e", `${long?.code ?? ""}${code}`], {
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, ...variables },
  })
  await guardian.stdout.getReader().read()
  return guardian
}

describe("keys that are kept back", () => {
  keptLong()

  test.each([0, 1, 7])("what a terminal's min was, it is again: %d", async min => {
    set(terminal, "min", String(min))
    const { letGo } = await keepKeys([terminal])
    expect(minOf(terminal)).toBe(255)
    await letGo()
    await letGo()
    await isBack(terminal, min)
    set(terminal, "min", "1")
  })

  test("of several terminals, each is as it was; one that is not there stops nothing", async () => {
    set(second, "min", "3")
    const { letGo } = await keepKeys([terminal, "/dev/pts/99999", second, "/etc/passwd", "/dev/pts/1;true"])
    expect([minOf(terminal), minOf(second)]).toEqual([255, 255])
    await letGo()
    await isBack(terminal)
    await isBack(second, 3)
    set(second, "min", "1")
  })

  test("kept twice at once, they come back as they were before both", async () => {
    const first = await keepKeys([terminal])
    const other = await keepKeys([terminal])
    await first.letGo()
    await other.letGo()
    await isBack(terminal)
  })

  test("a terminal that reads lines by itself (a shell that tmux gave it back to) is left alone", async () => {
    set(second, "icanon")
    const { letGo } = await keepKeys([second])
    expect(minOf(second)).toBe(1)
    await letGo()
    set(second, "-icanon")
  })

  test("what somebody else has set meanwhile stays, as tmux does at a detach", async () => {
    const { letGo } = await keepKeys([terminal])
    set(terminal, "min", "4")
    await letGo()
    expect(minOf(terminal)).toBe(4)
    set(terminal, "min", "1")
  })

  test("the keeper is killed: the keys are back before anybody lets go", async () => {
    const { letGo } = await keepKeys([terminal])
    for (const pid of keepersOf(terminal)) signalTo(pid, "SIGKILL")
    await isBack(terminal)
    await letGo()
  })

  test("the keeper is stopped: the keys are back when they are let go, and nothing sets them later", async () => {
    const { letGo } = await keepKeys([terminal])
    const keepers = keepersOf(terminal)
    for (const pid of keepers) signalTo(pid, "SIGSTOP")
    await letGo()
    await isBack(terminal)
    await until(() => keepersOf(terminal).length === 0)
  })

  test.each([
    ["SIGHUP"],
    ["SIGINT"],
    ["SIGTERM"],
    ["SIGQUIT"],
    ["SIGPIPE"],
    ["SIGUSR1"],
    ["SIGTSTP"],
  ] as const)("the keeper gets %s: it goes on", async signal => {
    const { letGo } = await keepKeys([terminal])
    for (const pid of keepersOf(terminal)) signalTo(pid, signal)
    expect(minOf(terminal)).toBe(255)
    await letGo()
    await isBack(terminal)
  })
})

describe("after two seconds they are back where", () => {
  test("nobody lets go", async () => {
    // On a busy machine they may be over before anybody looks.
    await until(async () => {
      await keepKeys([terminal])
      return minOf(terminal) === 255
    })
    await isBack(terminal)
  })

  test("the keeper is stopped, and nobody lets go", async () => {
    await keepKeys([terminal])
    for (const pid of keepersOf(terminal)) signalTo(pid, "SIGSTOP")
    await isBack(terminal)
  })

  test("the Guardian is stopped", async () => {
    const guardian = await startGuardian()
    guardian.kill("SIGSTOP")
    await isBack(terminal)
    guardian.kill("SIGKILL")
  })

  test("it is stopped with its keeper, and both continued", async () => {
    const guardian = await startGuardian()
    const all = [guardian.pid, ...keepersOf(terminal)]
    for (const pid of all) signalTo(pid, "SIGSTOP")
    // One of the keeper's may have come to its end just then.
    const isStill = (pid: number): boolean => ["T", "Z", undefined].includes(processStat(pid)?.state)
    // Beside the whole suite one of them does not stand still now and then; what follows has to hold all the same.
    await until(() => all.every(isStill), 6000).catch(() => {})
    for (const pid of all) if (processStat(pid) !== null) signalTo(pid, "SIGCONT")
    await isBack(terminal)
    guardian.kill("SIGKILL")
  })
})

describe("a Guardian that ends while it keeps keys", () => {
  keptLong()

  test.each([["SIGKILL"], ["SIGTERM"], ["SIGINT"]] as const)("by %s: they are back at once", async signal => {
    const guardian = await startGuardian()
    expect(minOf(terminal)).toBe(255)
    guardian.kill(signal)
    await isBack(terminal)
  })

  test("killed together with its keeper: the next one gives them back", async () => {
    const guardian = await startGuardian()
    const both = [guardian.pid, ...keepersOf(terminal)]
    // The one that is killed last would give them back for the first.
    for (const signal of ["SIGSTOP", "SIGKILL"] as const) for (const pid of both) signalTo(pid, signal)
    await guardian.exited
    expect(minOf(terminal)).toBe(255)
    await giveBack([terminal])
    await isBack(terminal)
  })

  test("and where it keeps them anew, 255 is not taken for what was there before", async () => {
    set(terminal, "min", "255")
    const { letGo } = await keepKeys([terminal])
    await letGo()
    await isBack(terminal)
  })
})

describe("where keys cannot be kept back", () => {
  keptLong()

  /** A PATH with the named programs alone. */
  function pathWith(...programs: string[]): string {
    const directory = mkdtempSync(join(tmpdir(), "sento-keys-path-"))
    mkdirSync(join(directory, "bin"))
    chmodSync(directory, 0o755)
    for (const program of programs) symlinkSync(Bun.which(program) ?? "", join(directory, "bin", program))
    return join(directory, "bin")
  }

  test.each([
    ["sh", []],
    ["stty", ["sh", "timeout", "cat"]],
    ["timeout", ["sh", "stty", "cat"]],
    ["cat", ["sh", "stty", "timeout"]],
  ] as const)("without %s the message goes on, and no terminal stays as it must not", async (_, programs) => {
    const path = pathWith(...programs)
    const guardian = await startGuardian(terminal, { PATH: path })
    await isBack(terminal)
    guardian.kill("SIGKILL")
    await guardian.exited
    expect(minOf(terminal)).toBe(1)
    rmSync(join(path, ".."), { recursive: true })
  })

  test.skipIf(process.getuid?.() !== 0)("another user's terminal is left as it is", async () => {
    const code = `const { keepKeys } = await import(${JSON.stringify(module)}); const k = await keepKeys(["${terminal}"]); await k.letGo(); console.log("let go")`
    const other = Bun.spawn(
      ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", process.execPath, "-e", code],
      { stdio: ["ignore", "pipe", "inherit"], cwd: "/", env: { PATH: process.env.PATH ?? "" } },
    )
    expect(await new Response(other.stdout).text()).toBe("let go\n")
    expect(minOf(terminal)).toBe(1)
  })

  test("the terminal is closed meanwhile: letting go ends", async () => {
    pane.tmux("new-window", "-d", "-n", "closed", "sh", "-c", "stty -icanon -echo; exec sleep 1000")
    const closed = pane.tmux("display-message", "-p", "-t", "=sento:closed", "#{pane_tty}").trim()
    await until(() => settingsOf(closed).includes("-icanon"))
    const { letGo } = await keepKeys([closed])
    expect(minOf(closed)).toBe(255)
    pane.tmux("kill-window", "-t", "=sento:closed")
    await letGo()
    expect(keepersOf(closed)).toEqual([])
  })
})

describe("a client of tmux whose keys are kept", () => {
  keptLong()

  /** In a pane of its own server: attaches again and again, and says what tmux left of the terminal each time. */
  const attaching = (socket: string): string =>
    `stty min 5; while :; do env -u TMUX tmux -u -S ${socket} attach -t =seen; stty -a | tr '\\n' ' '; read again; done`
  const clients = (): string[] =>
    pane.tmux("list-clients", "-t", "=seen:", "-F", "#{client_tty}").trim().split("\n").filter(Boolean)

  beforeAll(() => {
    pane.tmux("new-session", "-d", "-s", "seen", "-x", "80", "-y", "20", "cat")
  })

  const attach = async (name: string): Promise<string> => {
    const before = clients()
    pane.tmux("new-session", "-d", "-s", name, "sh", "-c", attaching(pane.server.socket ?? ""))
    await until(() => clients().length > before.length)
    return clients().find(client => !before.includes(client)) ?? ""
  }

  test("is detached meanwhile: its shell has the terminal as it left it", async () => {
    const client = await attach("one")
    const { letGo } = await keepKeys([client])
    expect(minOf(client)).toBe(255)
    pane.tmux("detach-client", "-t", client)
    await until(() => !clients().includes(client))
    await letGo()
    expect([minOf(client), / -icanon/.test(settingsOf(client))]).toEqual([5, false])
    pane.tmux("kill-session", "-t", "=one")
  })

  test("is detached and attached again meanwhile: so it is again behind the next detach", async () => {
    const client = await attach("two")
    const { letGo } = await keepKeys([client])
    pane.tmux("detach-client", "-t", client)
    await until(() => !clients().includes(client))
    pane.tmux("send-keys", "-t", "=two:", "Enter")
    await until(() => clients().includes(client))
    await letGo()
    await isBack(client)
    pane.tmux("detach-client", "-t", client)
    await until(() => !clients().includes(client))
    expect([minOf(client), / -icanon/.test(settingsOf(client))]).toEqual([5, false])
    pane.tmux("kill-session", "-t", "=two")
  })

  test("is not the only one: what each of them types meanwhile arrives whole and in order", async () => {
    const [one, other] = [await attach("three"), await attach("four")]
    const { letGo } = await keepKeys([one, other])
    for (const key of ["h", "e", "y"]) pane.tmux("send-keys", "-t", "=three:", key)
    const shown = () => pane.tmux("capture-pane", "-p", "-t", "=seen:")
    await Bun.sleep(100)
    expect(shown()).not.toContain("h")
    await letGo()
    await until(() => shown().includes("hey"))
    for (const key of ["y", "o", "u"]) pane.tmux("send-keys", "-t", "=four:", key)
    await until(() => shown().includes("heyyou"))
  })
})
