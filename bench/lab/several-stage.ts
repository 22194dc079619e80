/**
 * One user with several agents: a temporary home, tmux servers as one starts them, and the four programs, each with a
 * stub of its model of its own. No variable of Sentō's is set anywhere, but where a scene says so.
 */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { guardStatus } from "../../src/commands/running.ts"
import { callDoor } from "../../src/guardian/door/client.ts"
import { readRegistry } from "../../src/store/registry.ts"
import { findPane, type PinnedPane } from "../../src/tmux/pane.ts"
import { allProcesses, environmentOf } from "../../src/tmux/process.ts"
import { lookAtPane } from "../../src/tmux/typing.ts"
import { finished, pairAgents, type Ran, until, type World } from "../../test/support/world.ts"
import { executableOf, type LabProgram, labPrograms } from "./programs.ts"
import { type Answer, type StubModel, startStubModel } from "./stub-model.ts"

export type Place = { readonly server: string; readonly session: string }

export type Actor = {
  readonly name: string
  readonly program: LabProgram
  /** Where it runs now. */
  place: Place
  pane: PinnedPane | null
  readonly stub: StubModel
  /** Every request to its model, the last one last. */
  readonly requests: string[]
}

export type Stage = Awaited<ReturnType<typeof openStage>>

/** @param from - the directory that has one of npm's for each program @param sento - the compiled file */
export async function openStage(from: string, sento: string) {
  const root = mkdtempSync(join(tmpdir(), "sento-several-"))
  const [home, work, bin] = ["home", "work", "bin"].map(name => join(root, name)) as [string, string, string]
  for (const folder of [home, work, bin, join(root, "tmux"), join(root, "own")]) mkdirSync(folder)
  copyFileSync(sento, join(root, "own/sento"))
  symlinkSync(join(root, "own/sento"), join(bin, "sento"))
  // Codex 0.169.0 runs commands in a login shell.
  writeFileSync(join(home, ".profile"), `PATH=${bin}:$PATH\n`)
  const env: Record<string, string> = {
    HOME: home,
    TMUX_TMPDIR: join(root, "tmux"),
    PATH: `${bin}:${process.env.PATH}`,
    LANG: "C.UTF-8",
    TERM: "xterm-256color",
    SHELL: "/bin/sh",
  }
  const actors: Actor[] = []

  const run = (words: readonly string[], extra: Record<string, string> = {}): Promise<Ran> =>
    finished(
      Bun.spawn([...words], { env: { ...env, ...extra }, cwd: home, stdio: ["ignore", "pipe", "pipe"] }),
    )

  const runSento = (...words: string[]): Promise<Ran> => run([join(bin, "sento"), ...words])

  async function must(...words: string[]): Promise<string> {
    const ran = await runSento(...words)
    if (ran.exit !== 0)
      throw new Error(`sento ${words.join(" ")}: exit ${ran.exit}\n${ran.stdout}${ran.stderr}`)
    return ran.stdout
  }

  const tmux = (server: string, words: readonly string[], extra: Record<string, string> = {}): Promise<Ran> =>
    run(["tmux", "-u", "-L", server, "-f", "/dev/null", ...words], extra)

  const socketOf = (server: string): string => join(root, "tmux", `tmux-${process.getuid?.()}`, server)

  const screen = async ({ place, pane }: Actor): Promise<string> =>
    (
      await tmux(place.server, ["capture-pane", "-p", "-t", pane?.pane ?? `=${place.session}:`])
    ).stdout.trimEnd()

  /** An agent's program, prepared and set up; it does not run yet. */
  function enlist(name: string, kind: LabProgram["name"], place: Place): Actor {
    const program = labPrograms[kind]
    const requests: string[] = []
    const answer = (text: string | null, request: string): Answer | null => {
      requests.push(request)
      return answerAs(name, text, request)
    }
    const stub = startStubModel({ command: () => "true", delayMilliseconds: () => 0, answer })
    if (!actors.some(one => one.program === program)) program.prepare({ home, work, port: stub.port })
    const actor = { name, program, place, pane: null, stub, requests }
    actors.push(actor)
    return actor
  }

  /** Starts its program in a new session. @param extra - of the environment of whoever starts it */
  async function start(
    actor: Actor,
    words: readonly string[] = [],
    extra: Record<string, string> = {},
  ): Promise<void> {
    const { program, place, stub } = actor
    const executable = executableOf(program, join(from, program.name))
    if (executable === null) throw new Error(`no ${program.name} below ${from}`)
    const variables = {
      ...program.environment({ home, work, port: stub.port }),
      // The tools themselves, and not one that looks for them (Claude Code 2.1.332).
      ENABLE_TOOL_SEARCH: "false",
    }
    const given = Object.entries(variables).map(([key, value]) => `${key}=${value}`)
    const command = ["env", ...given, executable, ...program.arguments, ...words]
    const size = ["-x", "120", "-y", "40", "-c", work]
    const made = await tmux(
      place.server,
      ["new-session", "-d", "-s", place.session, ...size, ...command],
      extra,
    )
    if (made.exit !== 0) throw new Error(`tmux: ${made.stderr}`)
    actor.pane = await until(`${actor.name}'s pane`, () =>
      findPane({ socket: socketOf(place.server) }, place.session),
    )
  }

  const stateOf = async ({ place, pane, program }: Actor): Promise<string> =>
    pane === null
      ? "none"
      : (await lookAtPane({ socket: socketOf(place.server) }, pane, program.name, false)).state

  async function ready(actor: Actor): Promise<void> {
    try {
      await until(`${actor.name} is ready`, async () => (await stateOf(actor)) === "ready", 240_000)
    } catch (error) {
      throw new Error(`${(error as Error).message}:\n${await screen(actor)}`)
    }
  }

  /** A person who says yes to whatever a program asks. */
  let isOpen = true
  const agreeing = (async () => {
    for (; isOpen; await Bun.sleep(300))
      for (const actor of actors)
        if ((await stateOf(actor).catch(() => "none")) === "dialog")
          await tmux(actor.place.server, ["send-keys", "-t", actor.pane?.pane ?? "", "Enter"])
  })()

  const pathsOf = (name: string) => {
    const one = readRegistry(home).find(agent => agent.name === name)
    if (one === undefined) throw new Error(`no agent ${name}`)
    return one.paths
  }

  const doors: Pick<World, "ask" | "status"> = {
    ask: (name, door, request, onEvent = () => {}) => callDoor(pathsOf(name), door, request, { onEvent }),
    status: name => guardStatus(pathsOf(name)),
  }

  async function close(): Promise<void> {
    isOpen = false
    await agreeing
    for (const { stub } of actors) stub[Symbol.dispose]()
    // Guardians, programs, tmux servers, and what they left behind.
    for (const pid of allProcesses()) if (environmentOf(pid).includes(`HOME=${home}`)) killed(pid)
    await Bun.sleep(500)
    rmSync(root, { recursive: true, force: true, maxRetries: 10 })
  }

  return {
    root,
    home,
    work,
    actors,
    run,
    sento: runSento,
    must,
    tmux,
    socketOf,
    screen,
    enlist,
    start,
    ready,
    close,
    ask: doors.ask,
    statusOf: doors.status,
    homeOf: (name: string) => pathsOf(name).home,
    logOf: (name: string) => readFileSync(join(pathsOf(name).folder, "guardian.log"), "utf8"),
    pair: (one: string, other: string) => pairAgents(doors, one, other),
    /** What OpenCode would fetch from the npm registry at its first start with a plugin. */
    givePlugins: () => {
      const folder = resolve(from, "opencode-plugin")
      if (existsSync(folder)) cpSync(folder, join(home, ".config/opencode"), { recursive: true })
    },
  }
}

function killed(pid: number): void {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It ended by itself.
  }
}

const answered = new Set<string>()

/** What an agent's model does with a message: its first word says it. Once each, for a program may ask again. */
function answerAs(name: string, text: string | null, request: string): Answer | null {
  const words = (what: string): Answer => ({ kind: "words", words: [what], pauseMilliseconds: 0 })
  const asked = [...request.matchAll(/Sentō: message (\w{4}) has no answer yet/g)].at(-1)?.[1]
  if (asked !== undefined && !answered.has(`asked ${asked}`)) {
    answered.add(`asked ${asked}`)
    return { kind: "mcp", tool: "reply", input: { id: asked, text: `done-${name}` } }
  }
  const message = [...(text ?? "").matchAll(/← agent \w+ \[(\w{4})\]: (\w+) (\S+)(?: (\S+))?/g)].at(-1)
  if (message === undefined) return text === null ? words(`done-${name}`) : null
  const [, id = "", way = "", token = "", rest = ""] = message
  if (answered.has(`${name} ${id}`)) return words(`done-${name}`)
  answered.add(`${name} ${id}`)
  const said = `${way}-by-${name}-${token}`
  if (way === "tool") return { kind: "mcp", tool: "reply", input: { id, text: said } }
  if (way === "tell") return { kind: "mcp", tool: "send_message", input: { to: "leo", text: said } }
  if (way === "shell") return { kind: "tool", command: `sento reply ${id} - <<'EOF'\n${said}\nEOF` }
  if (way === "approve") return { kind: "tool", command: `sento approve ${rest} --agent kai` }
  return words(said)
}
