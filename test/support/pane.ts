import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { findPane, type PinnedPane } from "../../src/tmux/pane.ts"
import type { TmuxServer } from "../../src/tmux/tmux.ts"
import { lookAtPane, type TypingOptions, type TypingOutcome, typeIntoPane } from "../../src/tmux/typing.ts"
import type { DoubleEvent } from "./double.ts"

/** A double in a private tmux server, and what it wrote down. */
export type DoublePane = {
  readonly server: TmuxServer
  readonly pinned: PinnedPane
  readonly tmux: (...commands: string[]) => string
  readonly logged: (kind: DoubleEvent) => string[]
  /** Signals the double: the child of the pane's `sh -c`. */
  readonly signal: (signal: NodeJS.Signals) => void
} & AsyncDisposable

export type DoubleName = "claude" | "codex" | "gemini" | "opencode"

/** Paths by which the process is known for the program that it stands for. */
const scriptPaths: Readonly<Record<DoubleName, string>> = {
  claude: "@anthropic-ai/claude-code/cli.ts",
  codex: "codex",
  gemini: "@google/gemini-cli/gemini.ts",
  opencode: "opencode-ai/opencode.ts",
}

/** Starts a double in session `sento`, 120×40; a shell takes over when it ends, as a person's would. */
export async function startDouble(name: DoubleName): Promise<DoublePane> {
  const directory = mkdtempSync(join(tmpdir(), "sento-pane-"))
  const { command, log } = doubleCommand(directory, name)
  return startPane(directory, ["sh", "-c", `${command}; exec sh`], log, '"ready"')
}

/** A person's terminal: a client attached to the double's session, which itself runs in a session `viewer`. */
export async function attachPerson(pane: DoublePane): Promise<{ type(...keys: string[]): void }> {
  const attach = `env -u TMUX TERM=xterm-256color tmux -u -S ${pane.server.socket} attach -t =sento`
  pane.tmux("new-session", "-d", "-s", "viewer", "-x", "120", "-y", "41", attach)
  await until(() => pane.tmux("list-clients", "-t", "=sento:").trim() !== "")
  return { type: (...keys) => void pane.tmux("send-keys", "-t", "=viewer:", ...keys) }
}

/** The shell command that starts a double, under a path by which it is taken for its program. */
export function doubleCommand(directory: string, name: DoubleName): { command: string; log: string } {
  const script = join(directory, scriptPaths[name])
  mkdirSync(dirname(script), { recursive: true })
  symlinkSync(join(import.meta.dir, "double.ts"), script)
  const log = join(directory, "log")
  return { command: `${process.execPath} ${script} ${name} ${log}`, log }
}

/** Starts any command likewise; it is there when its screen shows `ready`. */
export async function startPane(
  directory: string,
  command: readonly string[],
  log: string,
  ready: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<DoublePane> {
  const socket = join(directory, "tmux")
  const server = { socket }
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: directory,
    TERM: "xterm-256color",
    LANG: "C.UTF-8",
    ...variables,
  }
  const tmux = (...commands: string[]) =>
    Bun.spawnSync(["tmux", "-u", "-S", socket, "-f", "/dev/null", ...commands], { env }).stdout.toString()
  tmux("new-session", "-d", "-s", "sento", "-x", "120", "-y", "40", "-c", directory, ...command)
  /** The last line may not be whole. */
  const entries = () => (existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(0, -1) : [])
  await until(
    () =>
      entries().some(line => line.includes(ready)) ||
      tmux("capture-pane", "-p", "-t", "sento").includes(ready),
  )
  const pinned = await findPane(server, "sento")
  if (pinned === null) throw new Error("the double's session did not start")
  return {
    server,
    pinned,
    tmux,
    logged: kind =>
      entries()
        .map(line => JSON.parse(line) as { kind: string; text: string })
        .filter(entry => entry.kind === kind)
        .map(entry => entry.text),
    signal: signal => {
      const [child] = readFileSync(`/proc/${pinned.pid}/task/${pinned.pid}/children`, "utf8").split(" ")
      if (!child) throw new Error("the double is gone")
      process.kill(Number(child), signal)
    },
    [Symbol.asyncDispose]: async () => {
      tmux("kill-server")
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** What a call says that left the text in the box. */
export const leftInBox: TypingOutcome = { kind: "held", state: "draft", reason: "left", pasted: true }

/** Polls until the condition holds. @throws Error after a minute, or as many milliseconds as are given */
export async function until(
  condition: () => boolean | Promise<boolean>,
  milliseconds = Number(process.env.SENTO_TEST_PATIENCE ?? 60_000),
): Promise<void> {
  const deadline = performance.now() + milliseconds
  while (!(await condition())) {
    if (performance.now() > deadline)
      throw new Error(`the condition did not come true within ${milliseconds} ms`)
    await Bun.sleep(10)
  }
}

type ProfileName = Parameters<typeof typeIntoPane>[2]

export const holdOptions: TypingOptions = { resume: false, deliver: "hold", allowShell: false }

/** A program that stood still for a while is given its text once more, where no return was pressed (verdict.ts). */
const isTakenOut = (outcome: TypingOutcome): boolean =>
  outcome.kind === "stuck" && outcome.left === null && outcome.unpressed === true

/**
 * As the Guardian does: tries again while the pane is not ready, and never pastes twice.
 * @param last - what an earlier call said
 */
export async function typeUntilSettled(
  pane: DoublePane,
  profile: ProfileName,
  text: string,
  last: TypingOutcome | null = null,
): Promise<TypingOutcome> {
  let outcome: TypingOutcome = last ?? { kind: "held", state: "other", reason: "not tried", pasted: false }
  let isAnew = false
  const isSettled = (): boolean => outcome.kind !== "held" && (isAnew || !isTakenOut(outcome))
  await until(async () => {
    if (isSettled()) return true
    isAnew ||= outcome.kind !== "held"
    const { pasted, unseen = false } = outcome.kind === "held" ? outcome : { pasted: false }
    const options = { ...holdOptions, resume: pasted, unseen }
    outcome = await typeIntoPane(pane.server, pane.pinned, profile, text, options)
    return isSettled()
  })
  return outcome
}

/** Polls until a look at the pane says so. */
export async function untilState(pane: DoublePane, profile: ProfileName, state: string): Promise<void> {
  await until(async () => (await lookAtPane(pane.server, pane.pinned, profile, false)).state === state)
}
