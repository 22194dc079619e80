/**
 * A place of a test's own: a temporary folder with homes below it, a private tmux server, and the processes
 * started there. Everything is started from an allow-listed environment, because an agent program's variables
 * would suppress prompts. `close` leaves nothing behind.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { GuardStatus } from "../../src/guardian/door-requests.ts"
import { isAlive } from "../../src/tmux/process.ts"

/** How sento is run: from source, or the built file where the runner built one. */
export const fromSource: readonly string[] = [process.execPath, join(import.meta.dir, "../../src/main.ts")]
const binary = join(import.meta.dir, "../../dist/sento")
export const built: readonly string[] = existsSync(binary) ? [binary] : fromSource

export type Ran = { readonly exit: number; readonly stdout: string; readonly stderr: string }

export type World = {
  /** How `sento` is run here. */
  readonly command: readonly string[]
  readonly folder: string
  readonly socket: string
  home(name: string): string
  /** Runs `sento` in a home, without a terminal. */
  sento(name: string, words: readonly string[], options?: RunOptions): Promise<Ran>
  /** Starts it and gives the process, for tests that wait or kill. */
  start(name: string, words: readonly string[], options?: RunOptions): Child
  tmux(...words: string[]): Promise<Ran>
  /** A detached session with one pane, 100×30 where nothing else is said, in which `command` runs. */
  session(name: string, command: readonly string[], home?: string, size?: Size): Promise<void>
  /** Types a line into a session's pane, as a person would. */
  type(session: string, line: string): Promise<void>
  screen(session: string): Promise<string>
  /** The screen once it shows this; fails with the screen when it does not. */
  shows(session: string, what: string | RegExp): Promise<string>
  status(name: string): Promise<GuardStatus | null>
  close(): Promise<void>
}

export type Size = readonly [columns: number, rows: number]

export type RunOptions = {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  readonly command?: readonly string[]
}

export type Child = Bun.Subprocess<"pipe", "pipe", "pipe">

const patienceMilliseconds = 15_000

/**
 * Polls until `look` gives something other than null, false or undefined. It rests twice as long as a look took:
 * a look may start a process, and tests that run beside this one need the processor too.
 */
export async function until<Value>(
  what: string,
  look: () => Value | Promise<Value>,
  milliseconds = patienceMilliseconds,
): Promise<NonNullable<Value>> {
  const deadline = Date.now() + milliseconds
  for (;;) {
    const startedAt = performance.now()
    const value = await look()
    if (value) return value
    if (Date.now() > deadline) throw new Error(`timed out waiting: ${what}`)
    await Bun.sleep(Math.max(10, 2 * (performance.now() - startedAt)))
  }
}

export const plainEnvironment: Readonly<Record<string, string>> = {
  PATH: process.env.PATH ?? "/usr/bin:/bin",
  LANG: "C.UTF-8",
  TERM: "xterm-256color",
}

export function createWorld(sentoCommand: readonly string[] = built): World {
  const folder = mkdtempSync(join(tmpdir(), "sento-test-"))
  const socket = join(folder, "tmux")
  const homes = new Set<string>()
  const children = new Set<Child>()

  function home(name: string): string {
    const path = join(folder, name)
    if (!homes.has(name)) mkdirSync(path, { recursive: true, mode: 0o700 })
    homes.add(name)
    return path
  }

  const environment = (name: string): Record<string, string> => ({
    ...plainEnvironment,
    HOME: folder,
    SENTO_HOME: home(name),
  })

  function start(name: string, words: readonly string[], options: RunOptions = {}): Child {
    const child = Bun.spawn([...(options.command ?? sentoCommand), ...words], {
      env: { ...environment(name), ...options.env },
      cwd: folder,
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    })
    children.add(child)
    if (options.input !== undefined) child.stdin.write(options.input)
    child.stdin.end()
    return child
  }

  async function sento(name: string, words: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return finished(start(name, words, options))
  }

  async function tmux(...words: string[]): Promise<Ran> {
    const child = Bun.spawn(["tmux", "-S", socket, "-f", "/dev/null", ...words], {
      env: { ...plainEnvironment, HOME: folder },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    })
    return finished(child)
  }

  async function session(
    name: string,
    command: readonly string[],
    homeName = name,
    [columns, rows]: Size = [100, 30],
  ): Promise<void> {
    const settings = Object.entries({ ...environment(homeName), PS1: "$ " }).flatMap(([key, value]) => [
      "-e",
      `${key}=${value}`,
    ])
    const size = ["-x", String(columns), "-y", String(rows)]
    const made = await tmux("new-session", "-d", "-s", name, ...size, ...settings, ...command)
    if (made.exit !== 0) throw new Error(`tmux: ${made.stderr}`)
  }

  async function screen(name: string): Promise<string> {
    const captured = await tmux("capture-pane", "-p", "-J", "-t", `=${name}:`)
    return captured.exit === 0 ? captured.stdout : `(no screen: ${captured.stderr.trim()})`
  }

  async function shows(name: string, what: string | RegExp): Promise<string> {
    let shown = ""
    const isShown = async (): Promise<boolean> => {
      shown = await screen(name)
      return typeof what === "string" ? shown.includes(what) : what.test(shown)
    }
    try {
      await until("screen", isShown)
    } catch {
      throw new Error(`the pane ${name} never showed ${what}; it shows:\n${shown.trimEnd()}`)
    }
    return shown
  }

  async function status(name: string): Promise<GuardStatus | null> {
    const ran = await sento(name, ["guard", "status", "--json"])
    const answer = JSON.parse(ran.stdout) as GuardStatus | { running: false }
    return answer.running ? answer : null
  }

  async function close(): Promise<void> {
    for (const child of children) child.kill("SIGKILL")
    for (const name of homes) await stopGuardian(join(folder, name))
    await tmux("kill-server")
    rmSync(folder, { recursive: true, force: true })
  }

  return {
    command: sentoCommand,
    folder,
    socket,
    home,
    sento,
    start,
    tmux,
    session,
    type: async (name, line) => {
      await tmux("send-keys", "-t", `=${name}:`, "-l", line)
      await tmux("send-keys", "-t", `=${name}:`, "Enter")
    },
    screen,
    shows,
    status,
    close,
  }
}

/** Every process that has this home in its environment and is a Guardian; killed by pid. */
async function stopGuardian(home: string): Promise<void> {
  for (const pid of guardiansOf(home)) {
    process.kill(pid, "SIGKILL")
    await until(`the end of Guardian ${pid}`, () => !isAlive(pid))
  }
}

/** Pids of the Guardians of a home, found through /proc: also one whose doors do not answer. */
export function guardiansOf(home: string): number[] {
  const pids = [...new Bun.Glob("[0-9]*").scanSync({ cwd: "/proc", onlyFiles: false })].map(Number)
  return pids.filter(pid => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0")
      const environment = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0")
      return words.includes("--foreground") && environment.includes(`SENTO_HOME=${home}`) && isAlive(pid)
    } catch {
      return false
    }
  })
}

type Readable = {
  stdout: ReadableStream<Uint8Array>
  stderr: ReadableStream<Uint8Array>
  exited: Promise<number>
}

export async function finished(child: Readable): Promise<Ran> {
  const [exit, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  return { exit, stdout, stderr }
}

/** An agent with a config, a pane in which `command` runs, and a Guardian on a free port. */
export async function setUpAgent(
  world: World,
  name: string,
  command: readonly string[] = ["cat"],
): Promise<GuardStatus> {
  await world.session(name, command)
  await initAgent(world, name)
  const ran = await world.sento(name, ["guard", "--json"])
  if (ran.exit !== 0) throw new Error(`guard: ${ran.stdout}${ran.stderr}`)
  return JSON.parse(ran.stdout) as GuardStatus
}

/** A config whose Guardian will take any free port: tests that run at the same time do not find each other. */
export async function initAgent(world: World, name: string): Promise<void> {
  const place = ["--session", name, "--tmux-socket", world.socket, "--profile", "plain", "--port", "0"]
  const ran = await world.sento(name, ["init", "--name", name, ...place])
  if (ran.exit !== 0) throw new Error(`init: ${ran.stderr}`)
}

/** Lines that a process has written so far, as JSON. */
export function jsonLines(child: Child): { readonly lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = []
  void (async () => {
    let rest = ""
    for await (const chunk of child.stdout) {
      const parts = (rest + new TextDecoder().decode(chunk)).split("\n")
      rest = parts.pop() ?? ""
      for (const part of parts) lines.push(JSON.parse(part) as Record<string, unknown>)
    }
  })()
  return { lines }
}

/** Pairs two agents the quick way: code, join, `approve`. */
export async function pairAgents(world: World, minter: string, joiner: string): Promise<void> {
  const minting = world.start(minter, ["pair", "--json"])
  const minted = jsonLines(minting)
  const code = await until("a code", () => minted.lines.find(line => line.event === "code")?.code as string)
  const port = (await world.status(minter))?.port
  const joining = world.start(joiner, ["pair", `${code}@127.0.0.1:${port}`, "--json"])
  await until("a request", () => minted.lines.some(line => line.event === "request"))
  const approved = await world.sento(minter, ["approve"])
  if (approved.exit !== 0) throw new Error(`approve: ${approved.stderr}`)
  const joined = await finished(joining)
  if (joined.exit !== 0) throw new Error(`join: ${joined.stdout}${joined.stderr}`)
  await minting.exited
}
