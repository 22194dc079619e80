import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { findPane, type PinnedPane } from "../../src/tmux/pane.ts"
import { profiles } from "../../src/tmux/readiness.ts"
import { look } from "../../src/tmux/snapshot.ts"
import type { TmuxServer } from "../../src/tmux/tmux.ts"
import { lookAtPane } from "../../src/tmux/typing.ts"
import type { LabProgram } from "./programs.ts"
import { type StubModel, startStubModel, type ToolCall } from "./stub-model.ts"

/** A real program in a private tmux server, with a temporary home, against the stub. */
export type LabSession = {
  readonly program: LabProgram
  readonly server: TmuxServer
  readonly pinned: PinnedPane
  readonly stub: StubModel
  /** Where the program works, and where an approved tool call leaves its file. */
  readonly work: string
  readonly tmux: (...commands: string[]) => string
} & AsyncDisposable

/** Columns and rows of the pane, and what the program's environment has besides. */
export type PaneOptions = {
  readonly columns: number
  readonly rows: number
  readonly variables?: Readonly<Record<string, string>>
}

export const usualPane: PaneOptions = { columns: 120, rows: 40 }

/** How the program is started, where not by its executable alone. */
export type LabStart = {
  /** The pane's command; a single word is handed to tmux's shell. */
  readonly command: readonly string[]
  /** Words of a tmux command that follows. */
  readonly afterwards?: readonly string[]
  /** True where the pane is not to be typed into, whatever it shows: then its screen alone is waited for. */
  readonly isHeld?: boolean
}

/**
 * Starts the program and waits until it can be typed into.
 * @throws Error with the last screen, when it does not come so far
 */
export async function startSession(
  program: LabProgram,
  executable: string,
  tool: (work: string) => ToolCall,
  pane: PaneOptions = usualPane,
  start: LabStart = { command: [executable, ...program.arguments] },
): Promise<LabSession> {
  const root = mkdtempSync(join(tmpdir(), "sento-lab-"))
  const home = join(root, "home")
  const work = join(root, "work")
  for (const directory of [home, work]) mkdirSync(directory)
  const stub = startStubModel(tool(work))
  const place = { home, work, port: stub.port }
  program.prepare(place)
  const socket = join(root, "tmux")
  const environment = { ...baseEnvironment(home), ...program.environment(place), ...pane.variables }
  const tmux = (...commands: string[]) =>
    Bun.spawnSync(["tmux", "-u", "-S", socket, "-f", "/dev/null", ...commands], {
      env: environment,
    }).stdout.toString()
  tmux(
    ...["new-session", "-d", "-s", "lab", "-x", String(pane.columns), "-y", String(pane.rows)],
    ...["-c", work],
    ...start.command,
  )
  if (start.afterwards !== undefined) tmux(...start.afterwards)
  const dispose = async () => {
    tmux("kill-server")
    stub[Symbol.dispose]()
    endProcessesOf(home)
    await removeWhenLeft(root)
  }
  try {
    const pinned = await findPane({ socket }, "lab")
    if (pinned === null) throw new Error(`${program.name} did not start`)
    const session = { program, server: { socket }, pinned, stub, work, tmux, [Symbol.asyncDispose]: dispose }
    if (start.isHeld) await untilShown(session, 120_000)
    else await untilState(session, "ready", 120_000)
    return session
  } catch (error) {
    await dispose()
    throw error
  }
}

/** Waits until the pane has shown a state in two looks. @throws Error with the screen, after the deadline */
export async function untilState(
  session: LabSession,
  wanted: "ready" | "dialog" | "busy",
  milliseconds: number,
): Promise<void> {
  const deadline = performance.now() + milliseconds
  for (let seen = 0; seen < 2; ) {
    const { state, reason } = await lookAtPane(session.server, session.pinned, session.program.name, false)
    seen = state === wanted ? seen + 1 : 0
    if (performance.now() > deadline)
      throw new Error(`${session.program.name} is ${state} (${reason}), not ${wanted}:\n${screen(session)}`)
    await Bun.sleep(50)
  }
}

/** Waits until the screen is that of the idle program, whatever runs in the pane. */
async function untilShown(session: LabSession, milliseconds: number): Promise<void> {
  const deadline = performance.now() + milliseconds
  for (let isShown = false; !isShown; await Bun.sleep(50)) {
    const seen = await look(session.server, session.pinned)
    isShown = seen.kind === "seen" && profiles[session.program.name].read(seen.snapshot).state === "ready"
    if (performance.now() > deadline)
      throw new Error(`${session.program.name} does not show its prompt:\n${screen(session)}`)
  }
}

export function screen(session: LabSession): string {
  return session.tmux("capture-pane", "-p", "-t", session.pinned.pane)
}

function baseEnvironment(home: string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? "",
    HOME: home,
    TERM: "xterm-256color",
    LANG: "C.UTF-8",
    SHELL: "/bin/sh",
  }
}

/** Codex 0.169.0 leaves an `app-server` daemon behind, outside the terminal: told by its temporary home. */
function endProcessesOf(home: string): void {
  for (const pid of readdirSync("/proc").filter(name => /^\d+$/.test(name))) {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0")
      if (environment.includes(`HOME=${home}`)) process.kill(Number(pid), "SIGKILL")
    } catch {
      // It ended by itself, or is somebody else's.
    }
  }
}

/** A program that was just ended may still write into its home. */
async function removeWhenLeft(root: string): Promise<void> {
  for (let tries = 0; tries < 20; tries++) {
    try {
      rmSync(root, { recursive: true, force: true })
      return
    } catch {
      await Bun.sleep(100)
    }
  }
}
