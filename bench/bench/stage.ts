/**
 * A place of the bench's own: a temporary folder, homes, a private tmux server and the processes started there.
 * It knows of sento what a person does (the config file, the command line) and imports nothing of src/, so that an
 * older or newer binary runs on it as well. `close` leaves nothing behind.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type ClientPair, newPair } from "../../test/support/client.ts"
import type { Reference, References } from "../reference/compile.ts"
import { writeConfig } from "./books.ts"

export type Stage = {
  /** How many of something there are: `full` in a full run, fewer in a shorter one, and never less than `least`. */
  amount(full: number, least?: number): number
  /** A fresh folder. */
  folder(): string
  /** A home with a config, in which `agents` are paired and nobody's Guardian has run. */
  home(agents?: number): Home
  /** Runs a program to its end. @throws where it exits with anything but 0 */
  run(command: readonly string[], options?: RunOptions): Promise<Run>
  /** Starts a program that ends with the stage, if not before. */
  start(command: readonly string[], options?: RunOptions): Child
  /** A Guardian that answers. */
  guardian(binary: string, home: Home): Promise<Listening>
  /** bench/reference/server.ts, compiled, that listens. @param isKeeping - what comes */
  server(isKeeping?: boolean): Promise<Listening>
  /** Path of a reference, compiled at the first call. */
  reference(name: Reference): Promise<string>
  /** Runs tmux on a server of the stage's own. */
  tmux(...words: readonly string[]): Promise<Run>
  /** Ends every process. */
  clear(): Promise<void>
  close(): Promise<void>
}

export type Home = {
  readonly path: string
  /** The paired agents' ends, which the bench holds. */
  readonly pairs: readonly ClientPair[]
  /** The tmux session of its agent; there is none until somebody makes it. */
  readonly session: string
}

export type Listening = { readonly pid: number; readonly port: number; readonly stop: () => Promise<void> }

export type RunOptions = { readonly home?: Home; readonly input?: string | Uint8Array }

/** Milliseconds from start to end, and of the processor; what it wrote. */
export type Run = { readonly wall: number; readonly cpu: number; readonly stdout: string }

export type Child = Bun.Subprocess<Uint8Array | "ignore", "pipe", "pipe">

const patienceMilliseconds = 60_000
/** Nothing listens there, so every attempt is refused at once (tcpmux is long gone). */
const closedPort = 1

/** @param scale - of how many there are of what a row needs many; 1 in a full run */
export function openStage(references: References, scale = 1): Stage {
  const root = mkdtempSync(join(tmpdir(), "sento-bench-"))
  const children = new Set<Child>()
  let folders = 0
  /** Of a row; null where none was asked for. One that is just ending would take the next row's sessions with it. */
  let tmuxServer: string | null = null
  let isClosed = false

  function folder(): string {
    folders += 1
    const path = join(root, String(folders))
    mkdirSync(path, { mode: 0o700 })
    return path
  }

  function home(agents = 0): Home {
    const made = { path: folder(), pairs: Array.from({ length: agents }, newPair), session: `s${folders}` }
    writeConfig(made, firstConfig(made, tmuxSocket()))
    return made
  }

  function start(command: readonly string[], { home, input }: RunOptions = {}): Child {
    if (isClosed) throw new Error("the bench was stopped")
    const child = Bun.spawn([...command], {
      cwd: root,
      env: environment(root, home),
      stdin: input === undefined ? "ignore" : Buffer.from(input),
      stdout: "pipe",
      stderr: "pipe",
    })
    children.add(child)
    void child.exited.then(() => children.delete(child))
    return child
  }

  async function run(command: readonly string[], options: RunOptions = {}): Promise<Run> {
    const startedAt = performance.now()
    const child = start(command, options)
    const wall = child.exited.then(() => performance.now() - startedAt)
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), wall])
    if (child.exitCode !== 0) throw new Error(`${command.join(" ")} exited with ${child.exitCode}: ${stderr}`)
    return { wall: await wall, cpu: Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1000, stdout }
  }

  async function guardian(binary: string, home: Home): Promise<Listening> {
    const child = start([binary, "guard", "--foreground"], { home })
    const status = async (): Promise<Run | null> => {
      if (child.exitCode !== null) throw new Error(`the Guardian ended: ${await text(child.stderr)}`)
      return run([binary, "guard", "status", "--json"], { home }).catch(() => null)
    }
    const { stdout } = await until("the Guardian", status)
    return listening(child, (JSON.parse(stdout) as { port: number }).port)
  }

  async function server(isKeeping = false): Promise<Listening> {
    const child = start([await references.path("server"), folder(), ...(isKeeping ? ["keep"] : [])])
    const { value } = await child.stdout.getReader().read()
    return listening(child, Number(new TextDecoder().decode(value)))
  }

  function tmuxSocket(): string {
    tmuxServer ??= join(folder(), "tmux")
    return tmuxServer
  }

  function tmux(...words: readonly string[]): Promise<Run> {
    return run(["tmux", "-S", tmuxSocket(), "-f", "/dev/null", ...words])
  }

  async function clear(): Promise<void> {
    const running = [...children]
    for (const child of running) child.kill("SIGKILL")
    await Promise.all(running.map(child => child.exited))
    // The server is nobody's child; where no session was ever made, or all have ended, there is none.
    if (tmuxServer !== null)
      await Bun.spawn(["tmux", "-S", tmuxServer, "kill-server"], { stderr: "ignore" }).exited
    tmuxServer = null
  }

  async function close(): Promise<void> {
    isClosed = true
    await clear()
    rmSync(root, { recursive: true, force: true })
  }

  const amount = (full: number, least = 1): number => Math.max(least, Math.round(full * Math.min(1, scale)))

  return {
    amount,
    folder,
    home,
    run,
    start,
    guardian,
    server,
    reference: references.path,
    tmux,
    clear,
    close,
  }
}

/** A Guardian that listens on any free port of loopback, and types into the stage's own tmux. */
const firstConfig = ({ pairs, session }: Home, socket: string): Record<string, unknown> => ({
  version: 1,
  name: "kai",
  agent: `bench-${Bun.randomUUIDv7()}`,
  listen: { host: "127.0.0.1", port: 0, names: [] },
  tmux: { session, socket, profile: "plain" },
  agents: Object.fromEntries(pairs.map((pair, i) => [`peer${i}`, peerOf(pair)])),
})

/** What the bench sends with is what the Guardian receives with. */
const peerOf = ({ id, send, receive }: ClientPair): Record<string, unknown> => ({
  id,
  host: "127.0.0.1",
  port: closedPort,
  fixed: true,
  sendKey: receive,
  receiveKey: send,
  pairedAt: new Date().toISOString(),
  features: ["aes128gcm"],
})

/** Nothing of an agent program's, and no TERM, with which a Guardian would start itself once more without. */
const environment = (root: string, home?: Home): Record<string, string> => ({
  PATH: process.env.PATH ?? "/usr/bin:/bin",
  LANG: "C.UTF-8",
  HOME: home?.path ?? root,
  ...(home === undefined ? {} : { SENTO_HOME: home.path }),
})

const listening = (child: Child, port: number): Listening => ({
  pid: child.pid,
  port,
  stop: async () => {
    child.kill("SIGTERM")
    await child.exited
  },
})

const text = (stream: ReadableStream<Uint8Array>): Promise<string> => new Response(stream).text()

/** Polls until `look` gives something other than null. */
export async function until<Value>(
  what: string,
  look: () => Value | null | Promise<Value | null>,
  pauseMilliseconds = 20,
): Promise<Value> {
  const deadline = performance.now() + patienceMilliseconds
  for (;;) {
    const value = await look()
    if (value !== null) return value
    if (performance.now() > deadline) throw new Error(`timed out waiting: ${what}`)
    await Bun.sleep(pauseMilliseconds)
  }
}
