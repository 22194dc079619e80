import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { findPane, type PinnedPane } from "../../src/tmux/pane.ts"
import type { TmuxServer } from "../../src/tmux/tmux.ts"

/** A double in a private tmux server, and what it wrote down. */
export type DoublePane = {
  readonly server: TmuxServer
  readonly pinned: PinnedPane
  readonly tmux: (...commands: string[]) => string
  readonly logged: (kind: "submitted" | "approved") => string[]
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
  const script = join(directory, scriptPaths[name])
  mkdirSync(dirname(script), { recursive: true })
  symlinkSync(join(import.meta.dir, "double.ts"), script)
  const log = join(directory, "log")
  return startPane(
    directory,
    ["sh", "-c", `${process.execPath} ${script} ${name} ${log}; exec sh`],
    log,
    '"ready"',
  )
}

/** Starts any command likewise; it is there when its screen shows `ready`. */
export async function startPane(
  directory: string,
  command: readonly string[],
  log: string,
  ready: string,
): Promise<DoublePane> {
  const socket = join(directory, "tmux")
  const server = { socket }
  const env = { PATH: process.env.PATH ?? "", HOME: directory, TERM: "xterm-256color", LANG: "C.UTF-8" }
  const tmux = (...commands: string[]) =>
    Bun.spawnSync(["tmux", "-u", "-S", socket, "-f", "/dev/null", ...commands], { env }).stdout.toString()
  tmux("new-session", "-d", "-s", "sento", "-x", "120", "-y", "40", "-c", directory, ...command)
  const entries = () => (existsSync(log) ? readFileSync(log, "utf8").split("\n").filter(Boolean) : [])
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
    [Symbol.asyncDispose]: async () => {
      tmux("kill-server")
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Polls until the condition holds. @throws Error after ten seconds */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error("the condition did not come true within 10 s")
    await Bun.sleep(10)
  }
}
