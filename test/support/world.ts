/**
 * A place of a test's own: a temporary folder with homes below it, a private tmux server, and the processes
 * started there. Everything is started from an allow-listed environment, because an agent program's variables
 * would suppress prompts. `close` leaves nothing behind.
 */
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { guardStatus, runningGuardian } from "../../src/commands/running.ts"
import { callDoor } from "../../src/guardian/door/client.ts"
import type {
  DoorOf,
  DoorRequestInput,
  EventOf,
  OpName,
  ResultOf,
} from "../../src/guardian/door/operations.ts"
import type { Alive, GuardStatus, LogEntry } from "../../src/guardian/door/results.ts"
import { makeFolder, requireConfig, writeConfig } from "../../src/store/config.ts"
import { pathsOf } from "../../src/store/paths.ts"
import { isAlive } from "../../src/tmux/process.ts"
import { type Ran, runCommand } from "./command.ts"
import { freePort } from "./ports.ts"

/** How sento is run: from source, or the built file where the runner built one. */
const fromSource: readonly string[] = [process.execPath, join(import.meta.dir, "../../src/main.ts")]
const binary = join(import.meta.dir, "../../dist/sento")
export const built: readonly string[] = existsSync(binary) ? [binary] : fromSource

export type { Ran } from "./command.ts"

export type World = {
  /** How `sento` is run here. */
  readonly command: readonly string[]
  readonly folder: string
  readonly socket: string
  home(name: string): string
  /** Runs `sento` in a home, without a terminal. */
  sento(name: string, words: readonly string[], options?: RunOptions): Promise<Ran>
  /** The same as a function of words and io, in this process: for what a command says and does at a running Guardian. */
  run(name: string, words: readonly string[], options?: Omit<RunOptions, "command">): Promise<Ran>
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
  /**
   * Starts a Guardian and waits for its door, without the command `sento guard`: a process less.
   * @param variables - of its environment, besides the usual ones
   */
  guard(name: string, variables?: Readonly<Record<string, string>>): Promise<Alive>
  stopGuard(name: string): Promise<void>
  restartGuard(name: string): Promise<Alive>
  /** Asks a Guardian at its door, as a command does, but from this process: for what a test needs, not what it shows. */
  ask<Op extends OpName>(
    name: string,
    door: NoInfer<DoorOf<Op>>,
    request: { readonly op: Op } & NoInfer<DoorRequestInput<Op>>,
    onEvent?: (event: EventOf<Op>) => void,
  ): Promise<ResultOf<Op>>
  status(name: string): Promise<GuardStatus | null>
  /** Names of the paired agents, as the config has them. */
  paired(name: string): string[]
  /** The messages both ways, oldest first. */
  log(name: string): Promise<readonly LogEntry[]>
  close(): Promise<void>
}

export type Size = readonly [columns: number, rows: number]

export type RunOptions = {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  readonly command?: readonly string[]
}

export type Child = Bun.Subprocess<"pipe", "pipe", "pipe">

/** Long enough for any machine; where a change of the source is tried, shorter, as what never comes is the rule there. */
const patienceMilliseconds = Number(process.env.SENTO_TEST_PATIENCE ?? 60_000)

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

  const runHere = (name: string, words: readonly string[], options: RunOptions = {}): Promise<Ran> =>
    runCommand(words, {
      environment: { ...environment(name), ...options.env },
      cwd: folder,
      input: options.input ?? "",
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

  const guard = (name: string, variables: Readonly<Record<string, string>> = {}): Promise<Alive> =>
    until(`${name}'s Guardian`, () => startGuard(name, variables))

  /** Null where the lock is still held by one that was just killed: its files close after it is gone from /proc. */
  async function startGuard(
    name: string,
    variables: Readonly<Record<string, string>>,
  ): Promise<Alive | null> {
    const paths = pathsOf(home(name))
    makeFolder(paths)
    const outputPath = join(paths.folder, "guardian.out")
    const output = openSync(outputPath, "w", 0o600)
    // TERM is none of a Guardian's, and would have it start itself once more without.
    const { TERM: _, ...env } = environment(name)
    const child = Bun.spawn([...sentoCommand, "guard", "--foreground", "--json"], {
      env: { ...env, ...variables },
      cwd: "/",
      detached: true,
      stdio: ["ignore", output, output],
    })
    closeSync(output)
    child.unref()
    await until("its door, or its end", async () => hasEnded(child) || (await alive(name))?.pid === child.pid)
    if (!hasEnded(child)) return alive(name)
    const said = readFileSync(outputPath, "utf8")
    if (said.includes('"try-later"')) return null
    throw new Error(`${name}'s Guardian: ${said}`)
  }

  async function stopGuard(name: string): Promise<void> {
    const running = await alive(name)
    if (running === null) throw new Error(`${name}'s Guardian does not run`)
    await ask(name, "owner", { op: "stop" })
    await until(`the end of ${name}'s Guardian`, () => !isAlive(running.pid))
  }

  const alive = (name: string): Promise<Alive | null> => runningGuardian(pathsOf(home(name)))

  const status = (name: string): Promise<GuardStatus | null> => guardStatus(pathsOf(home(name)))

  const ask = <Op extends OpName>(
    name: string,
    door: NoInfer<DoorOf<Op>>,
    request: { readonly op: Op } & NoInfer<DoorRequestInput<Op>>,
    onEvent: (event: EventOf<Op>) => void = () => {},
  ): Promise<ResultOf<Op>> => callDoor(pathsOf(home(name)), door, request, { onEvent })

  const paired = (name: string): string[] => Object.keys(requireConfig(pathsOf(home(name))).agents)

  const log = (name: string): Promise<readonly LogEntry[]> => ask(name, "agent", { op: "log", limit: 1000 })

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
    run: runHere,
    start,
    tmux,
    session,
    type: async (name, line) => {
      // Until the shell has run it, what stood there before would be taken for what the line shows.
      if (line.startsWith("clear; ")) await tmux("send-keys", "-R", "-t", `=${name}:`)
      await tmux("send-keys", "-t", `=${name}:`, "-l", line)
      await tmux("send-keys", "-t", `=${name}:`, "Enter")
    },
    screen,
    shows,
    guard,
    stopGuard,
    restartGuard: async name => {
      await stopGuard(name)
      return guard(name)
    },
    ask,
    status,
    paired,
    log,
    close,
  }
}

/** Every process that has this home in its environment and is a Guardian; killed by pid. */
async function stopGuardian(home: string): Promise<void> {
  for (const pid of guardiansOf(home)) {
    signalTo(pid, "SIGKILL")
    await until(`the end of Guardian ${pid}`, () => !isAlive(pid))
  }
}

/** A process that was found a moment ago may have ended by itself. */
export function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error
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
): Promise<Alive> {
  await world.session(name, command)
  initAgent(world, name)
  return world.guard(name)
}

/**
 * A config whose Guardian has a port of its own: tests that run at the same time do not find each other.
 * @param home - of the world
 */
export function initAgent(world: World, name: string, home = name): void {
  writeConfig(pathsOf(world.home(home)), {
    version: 1,
    name,
    agent: `test-${Bun.randomUUIDv7()}`,
    listen: { hosts: [], port: freePort(), names: [] },
    tmux: { session: name, socket: world.socket, profile: "plain" },
    agents: {},
  })
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

/** Pairs two agents the quick way: code, join and yes, each at a door. */
export async function pairAgents(
  world: Pick<World, "ask" | "status">,
  minter: string,
  joiner: string,
): Promise<void> {
  const { promise: code, resolve: foundCode } = Promise.withResolvers<string>()
  const { promise: request, resolve: foundRequest } = Promise.withResolvers<string>()
  const minting = world.ask(minter, "owner", { op: "pair" }, event => {
    if (event.event === "code") foundCode(event.code)
    if (event.event === "request") foundRequest(event.id)
  })
  const symbols = (await code).replace("SENTO-", "")
  const { port } = await must(world.status(minter))
  const joining = world.ask(joiner, "owner", { op: "join", symbols, host: "127.0.0.1", port })
  const id = await Promise.race([request, joining.then(() => Promise.reject(new Error("joined unasked")))])
  await world.ask(minter, "owner", { op: "approve", id })
  await Promise.all([minting, joining])
}

const hasEnded = (child: Bun.Subprocess): boolean => child.exitCode !== null || child.signalCode !== null

async function must<Value>(value: Promise<Value | null>): Promise<Value> {
  const found = await value
  if (found === null) throw new Error("the Guardian does not run")
  return found
}
