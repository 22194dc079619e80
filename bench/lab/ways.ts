/**
 * Ways in which the four programs are installed and started, laid out from what npm installed: the files are the
 * program's own, linked to where an installer would have put them.
 */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { basename, dirname, join } from "node:path"
import type { LabProgram } from "./programs.ts"
import type { LabStart } from "./session.ts"

/** A program as npm installed it. */
export type Installed = {
  readonly program: LabProgram
  /** Of npm: the directory that has `node_modules`. */
  readonly prefix: string
  /** The native program, or the script that a runtime runs. */
  readonly executable: string
  readonly version: string
}

export type Way = {
  readonly name: string
  /**
   * Lays it out below a folder of its own. Null where the program has no such way, and words where this machine
   * has not what it takes.
   */
  readonly start: (installed: Installed, folder: string) => LabStart | string | null
  /** True where an update takes the running file away before the message. */
  readonly isUpdated?: true
}

const hash = "0c5n1x9v3r7k2q8z4w6y1a5s3d9f0g2h"
const isNative = ({ program }: Installed): boolean => program.name !== "gemini"
const npmLink = ({ prefix, program }: Installed): string => join(prefix, "node_modules/.bin", program.name)

/** The program under another path: a link that leaves no trace of where npm put it. */
function placed({ executable }: Installed, path: string): string {
  put(executable, path)
  return path
}

function put(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  try {
    linkSync(from, to)
  } catch {
    copyFileSync(from, to)
  }
}

function linked(path: string, target: string): string {
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path)
  return path
}

function script(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  chmodSync(path, 0o755)
  return path
}

/** What its own installer lays out: the link that is on PATH. Gemini CLI has none. */
function ownInstaller(installed: Installed, folder: string): string | null {
  const { program, version, executable } = installed
  const link = (file: string) => linked(join(folder, `.local/bin/${program.name}`), file)
  if (program.name === "gemini") return null
  if (program.name === "opencode") return placed(installed, join(folder, ".opencode/bin/opencode"))
  if (program.name === "claude")
    return link(placed(installed, join(folder, `.local/share/claude/versions/${version}`)))
  const target = dirname(dirname(executable))
  const release = join(folder, `.codex/packages/standalone/releases/${version}-${basename(target)}`)
  for (const path of new Bun.Glob("**/*").scanSync({ cwd: target, dot: true }))
    put(join(target, path), join(release, path))
  return link(join(release, "bin/codex"))
}

function startOwn(installed: Installed, folder: string): LabStart | null {
  const own = ownInstaller(installed, folder)
  return own === null ? null : { command: ["env", own] }
}

/** Codex 0.169.0 without the rest of its package ends unless it is told so. */
const alone = ({ program }: Installed): readonly string[] => (program.name === "codex" ? ["--no-daemon"] : [])

/** nixpkgs: a shell script that sets variables, and becomes the program under a hidden name. */
function nixWrapper(installed: Installed, folder: string): string {
  const { program, version, executable } = installed
  const store = join(folder, `nix/store/${hash}-${program.name}-${version}`)
  const wrapper = (line: string) =>
    script(join(store, "bin", program.name), `#!/bin/bash\nexport X=1\n${line}\n`)
  if (isNative(installed))
    return wrapper(`exec -a "$0" ${placed(installed, join(store, `bin/.${program.name}-wrapped`))} "$@"`)
  const bundle = join(folder, `nix/store/${hash}-gemini-cli-bin-${version}/lib/gemini`)
  cpSync(join(dirname(executable), "../@google/gemini-cli/bundle"), bundle, { recursive: true })
  return wrapper(`exec node --no-warnings=DEP0040 ${bundle}/gemini.js "$@"`)
}

/** A launcher that stays, with the program as its child in the same foreground group. */
function stayingLauncher({ program, prefix, executable }: Installed, folder: string): readonly string[] {
  const scripts: Readonly<Record<LabProgram["name"], string>> = {
    claude: join(prefix, "node_modules/@anthropic-ai/claude-code/cli-wrapper.cjs"),
    codex: join(prefix, "node_modules/@openai/codex/bin/codex.js"),
    gemini: join(prefix, "node_modules/@google/gemini-cli/bundle/gemini.js"),
    // As npm's was before version 1.15.
    opencode: join(folder, "lib/node_modules/opencode-ai/bin/opencode"),
  }
  if (program.name === "opencode")
    script(
      scripts.opencode,
      `require("child_process").spawnSync(${JSON.stringify(executable)}, process.argv.slice(2), { stdio: "inherit" })`,
    )
  return ["node", scripts[program.name]]
}

const releaseFiles: Readonly<Record<LabProgram["name"], (version: string) => string | null>> = {
  claude: version => `claude-${version}-linux-x64`,
  codex: () => "codex-x86_64-unknown-linux-musl",
  gemini: () => null,
  opencode: () => "opencode-linux-x64",
}

/** `script` under another name: a relay with a terminal of its own, as docker and ssh have one elsewhere. */
function relay(name: string): Way["start"] {
  return (installed, folder) => {
    const real = Bun.which("script")
    if (real === null) return "no `script` here"
    mkdirSync(join(folder, "bin"))
    copyFileSync(real, join(folder, "bin", name))
    return { command: [join(folder, "bin", name), "-qc", npmLink(installed), "/dev/null"], isHeld: true }
  }
}

const byShell =
  (line: (program: string) => string): Way["start"] =>
  installed => ({ command: ["bash", "-c", line(npmLink(installed))] })

export const ways: readonly Way[] = [
  { name: "its own installer", start: startOwn },
  {
    name: "its own installer, and its file removed by an update",
    // Codex's installer keeps the releases before; without its file Codex 0.169.0 ends at its next message.
    start: (installed, folder) => (installed.program.name === "codex" ? null : startOwn(installed, folder)),
    isUpdated: true,
  },
  { name: "npm, by tmux's shell", start: installed => ({ command: [npmLink(installed)] }) },
  {
    name: "npx",
    start: ({ prefix, program }) => ({ command: ["npx", "--prefix", prefix, "--no-install", program.name] }),
  },
  {
    name: "a release's file",
    start: (installed, folder) => {
      const name = releaseFiles[installed.program.name](installed.version)
      return name === null
        ? null
        : { command: ["env", placed(installed, join(folder, name)), ...alone(installed)] }
    },
  },
  {
    name: "a Nix wrapper",
    start: (installed, folder) => ({ command: ["env", nixWrapper(installed, folder), ...alone(installed)] }),
  },
  {
    name: "a launcher that stays",
    start: (installed, folder) => ({ command: stayingLauncher(installed, folder) }),
  },
  { name: "`timeout 1h`", start: installed => ({ command: ["timeout", "1h", npmLink(installed)] }) },
  { name: "`time`", start: byShell(program => `time ${program}`) },
  { name: "`bash -c`, with more behind it", start: byShell(program => `${program}; read -r _`) },
  {
    name: "a script",
    start: (installed, folder) => ({
      command: ["env", script(join(folder, "start"), `#!/bin/sh\n${npmLink(installed)} "$@"\necho ended\n`)],
    }),
  },
  {
    name: "an alias in zsh",
    start: (installed, folder) => {
      if (Bun.which("zsh") === null) return "no zsh here"
      writeFileSync(join(folder, ".zshrc"), `alias agent=${npmLink(installed)}\n`)
      return {
        command: ["env", `ZDOTDIR=${folder}`, "zsh", "-i"],
        afterwards: ["send-keys", "-t", "=lab:", "agent", "Enter"],
      }
    },
  },
  {
    name: "a split window beside a shell",
    start: installed => ({
      command: ["sh"],
      afterwards: [
        "split-window",
        "-t",
        "=lab:",
        "-c",
        "#{pane_current_path}",
        "-l",
        "30",
        npmLink(installed),
      ],
    }),
  },
  { name: "`docker exec` (a stand-in)", start: relay("docker") },
  { name: "`ssh` (a stand-in)", start: relay("ssh") },
]

/** The prefix below which npm installed the program, among those given, or null. */
export const prefixOf = (program: LabProgram, prefixes: readonly string[]): string | null =>
  prefixes.find(prefix => program.paths.some(path => existsSync(join(prefix, path)))) ?? null
