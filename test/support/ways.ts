/** Stand-ins of programs, laid out as installers do it, each in a pane of its own of a private tmux server. */
import { expect } from "bun:test"
import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { detectProfile, holdOf, keyboardOwner, programLabel } from "../../src/tmux/keyboard-owner.ts"

/** Arguments with which the native stand-in reads its terminal, whatever follows them. */
export const idle = ["--", "-"]

export type Ways = {
  readonly folder: string
  readonly tmux: (...words: string[]) => string
  /** A native program that reads its standard input, at a path below the folder; gives the whole path. */
  readonly native: (path: string) => string
  /** A file that can be run. */
  readonly script: (path: string, text: string) => string
  readonly link: (path: string, target: string) => string
  /** Starts a command in a pane of its own, and gives the pane's first process. */
  readonly start: (command: readonly string[]) => number
  readonly close: () => void
}

export function createWays(): Ways {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "sento-program-")))
  const env = { PATH: process.env.PATH ?? "", HOME: folder, TERM: "xterm-256color", PS1: "% " }
  const tmux = (...words: string[]): string =>
    Bun.spawnSync(["tmux", "-S", join(folder, "tmux"), "-f", "/dev/null", ...words], {
      env,
    }).stdout.toString()
  const at = (path: string): string => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    return join(folder, path)
  }
  const reader = join(folder, "reader")
  copyFileSync(realpathSync(Bun.which("cat") ?? "cat"), reader)
  tmux("new-session", "-d", "-s", "ways", "-x", "80", "-y", "24", "-c", folder, "env", reader)
  return {
    folder,
    tmux,
    native: path => {
      linkSync(reader, at(path))
      return at(path)
    },
    script: (path, text) => {
      writeFileSync(at(path), text)
      chmodSync(at(path), 0o755)
      return at(path)
    },
    link: (path, target) => {
      symlinkSync(target, at(path))
      return at(path)
    },
    start: command => {
      // tmux hands a single word to a shell; `env` becomes it.
      const words = command.length === 1 ? ["env", ...command] : command
      const where = ["-t", "ways", "-c", folder, "-P", "-F", "#{pane_pid}"]
      return Number(tmux("new-window", "-d", ...where, ...words))
    },
    close: () => {
      tmux("kill-server")
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What the Guardian makes of the pane: the agent program, why the rest is held, or what `plain` is typed into. */
export function saidOf(pid: number): string {
  const program = keyboardOwner(pid)
  if (program === null) return "gone"
  return detectProfile(program) ?? holdOf(program)?.reason ?? `plain: ${programLabel(program)}`
}

/** Polls until it says so. */
export async function untilSaid(pid: number, wanted: string): Promise<void> {
  const deadline = performance.now() + 60_000
  let said = saidOf(pid)
  while (said !== wanted && performance.now() < deadline) {
    await Bun.sleep(20)
    said = saidOf(pid)
  }
  expect(said).toBe(wanted)
}

/** What is said of an agent program that cannot be reached. */
export const named = (agent: string): string =>
  `; ${agent}, which it names, is typed into only where it runs in the pane itself`
