/**
 * Which program reads a pane's keys, for every way in which the four agent programs are installed and started:
 * real processes of stand-ins, laid out as the installers do it. The programs themselves: `bun run delivery-lab --ways`.
 */
import { afterAll, describe, expect, test } from "bun:test"
import { chmodSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { reasonToDistrust } from "../../src/guardian/door/callers.ts"
import type { AgentProgramName } from "../../src/protocol/names.ts"
import { childrenOf } from "../../src/tmux/process.ts"
import { createWays, idle, named, saidOf, untilSaid } from "../support/ways.ts"

const { folder, tmux, native, script, link, start, close } = createWays()
afterAll(close)

/** A script of a runtime that stays until its terminal goes. */
const waits = "setInterval(() => {}, 100_000)"
const javascript = (path: string, text = waits): string => script(path, text)
/** As npm's launchers do it where they cannot become the native program. */
const launcher = (path: string, program: string): string =>
  javascript(
    path,
    `require("child_process").spawn(${JSON.stringify(program)}, ${JSON.stringify(idle)}, {stdio: "inherit"})`,
  )

const bun = process.execPath
const bash = Bun.which("bash") ?? "bash"

/** The agent programs for which the owner's door takes a process of the pane. */
function distrustedIn(pid: number): string[] {
  const reason = reasonToDistrust(pid, new Map())
  const own = /^it was started by an agent program \((\w+)\)$/.exec(reason ?? "")?.[1]
  return [...(own === undefined ? [] : [own]), ...childrenOf(pid).flatMap(distrustedIn)]
}

type Way = readonly [name: string, command: () => readonly string[]]

const module = (root: string, path: string): string => `${root}/lib/node_modules/${path}`

/** Installed in every way that is known, and started by its name or path. */
const installed: Readonly<Record<AgentProgramName, readonly Way[]>> = {
  claude: [
    [
      "its own installer, by the link",
      () => [link("c1/.local/bin/claude", native("c1/.local/share/claude/versions/2.1.332")), ...idle],
    ],
    ["its own installer, by the file", () => [native("c2/.local/share/claude/versions/2.1.332"), ...idle]],
    [
      "its own installer below XDG_DATA_HOME, by a link of another name",
      () => [link("c3/c", native("c3/data/claude/versions/2.2.0-beta.1")), ...idle],
    ],
    [
      "npm",
      () => [
        link("c4/bin/claude", native(module("c4", "@anthropic-ai/claude-code/bin/claude.exe"))),
        ...idle,
      ],
    ],
    [
      "npm's package of the platform",
      () => [native(module("c5", "@anthropic-ai/claude-code-linux-x64/claude")), ...idle],
    ],
    [
      "npm without its script after the installation: the wrapper",
      () => [
        bun,
        launcher(module("c6", "@anthropic-ai/claude-code/cli-wrapper.cjs"), native("c6/native/claude")),
      ],
    ],
    [
      "npm before 2.1.100: a script of node",
      () => [bun, link("c7/bin/claude", javascript(module("c7", "@anthropic-ai/claude-code/cli.js")))],
    ],
    [
      "its older local installation: a script of bash",
      () => [
        script(
          "c8/.claude/local/claude",
          `#!/bin/sh\nexec ${native("c8/.claude/local/node_modules/.bin/claude")} "$@"`,
        ),
        ...idle,
      ],
    ],
    ["Homebrew", () => [link("c9/bin/claude", native("c9/Caskroom/claude-code/2.1.332/claude")), ...idle]],
    [
      "nixpkgs: a wrapper",
      () => [
        script("c10/bin/claude", `#!${bash}\nexec -a "$0" ${native("c10/bin/.claude-wrapped")} "$@"`),
        ...idle,
      ],
    ],
    ["nixpkgs: a wrapper of a script", () => [bun, javascript("c11/bin/.claude-wrapped_")]],
    ["the file that its installer downloads", () => [native("c12/claude-2.1.332-linux-x64-musl"), ...idle]],
    ["a link to a file of any name", () => [link("c13/claude", native("c13/opt/cc")), ...idle]],
    ["a manager's shim", () => [link("c14/shims/claude", native("c14/bin/volta-shim")), ...idle]],
  ],
  codex: [
    [
      "npm: the launcher and its child",
      () => [
        bun,
        link("x1/bin/codex", launcher(module("x1", "@openai/codex/bin/codex.js"), native("x1/codex"))),
      ],
    ],
    [
      "npm's native program",
      () => [
        native(module("x2", "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex")),
        ...idle,
      ],
    ],
    ["a release's file", () => [native("x3/codex-x86_64-unknown-linux-musl"), ...idle]],
    ["a release's file for arm64 and glibc", () => [native("x4/codex-aarch64-unknown-linux-gnu"), ...idle]],
    [
      "Homebrew",
      () => [
        link("x5/bin/codex", native("x5/Caskroom/codex/0.169.0/codex-x86_64-unknown-linux-musl")),
        ...idle,
      ],
    ],
    [
      "its own installer",
      () => [
        link(
          "x6/.local/bin/codex",
          native("x6/.codex/packages/standalone/releases/0.169.0-x86_64-unknown-linux-musl/bin/codex"),
        ),
        ...idle,
      ],
    ],
    ["nixpkgs: a wrapper", () => [native("x7/bin/.codex-wrapped"), ...idle]],
    [
      "bun",
      () => [
        bun,
        link(
          "x8/.bun/bin/codex",
          javascript("x8/.bun/install/global/node_modules/@openai/codex/bin/codex.js"),
        ),
      ],
    ],
  ],
  gemini: [
    [
      "npm",
      () => [bun, link("g1/bin/gemini", javascript(module("g1", "@google/gemini-cli/bundle/gemini.js")))],
    ],
    [
      "npm, by the script, with an option of the runtime",
      () => [bun, "--smol", javascript(module("g2", "@google/gemini-cli/bundle/gemini.js"))],
    ],
    [
      "npm, by a link of another name",
      () => [bun, link("g3/gem", javascript(module("g3", "@google/gemini-cli/bundle/gemini.js")))],
    ],
    ["npm before 0.20: dist", () => [bun, javascript(module("g4", "@google/gemini-cli/dist/index.js"))]],
    [
      "pnpm: a script of sh",
      () => [
        script(
          "g5/gemini",
          `#!/bin/sh\nexec ${bun} ${javascript("g5/.pnpm/@google+gemini-cli@0.61.0/node_modules/@google/gemini-cli/bundle/gemini.js")} "$@"`,
        ),
      ],
    ],
    [
      "nixpkgs: gemini-cli-bin",
      () => [
        bun,
        javascript(
          "g6/nix/store/0c5n1x9v3r7k2q8z4w6y1a5s3d9f0g2h-gemini-cli-bin-0.63.0/lib/gemini/gemini.js",
        ),
      ],
    ],
    ["a clone", () => [bun, "run", javascript("g7/gemini-cli/bundle/gemini.js")]],
    [
      "a clone, by a path from here",
      () => [bun, javascript("gemini-cli/bundle/gemini.js").slice(folder.length + 1)],
    ],
    [
      "started again by itself",
      () => [
        bun,
        javascript(
          module("g8", "@google/gemini-cli/bundle/gemini.js"),
          `process.argv[2] ? ${waits} : require("child_process").spawn(process.execPath, [__filename, "again"], {stdio: "inherit"})`,
        ),
      ],
    ],
    ["Volta", () => [link("g9/bin/gemini", native("g9/volta-shim")), ...idle]],
    ["a single file", () => [native("g10/gemini-linux-x64"), ...idle]],
  ],
  opencode: [
    ["its own installer", () => [native("o1/.opencode/bin/opencode"), ...idle]],
    ["npm", () => [link("o2/bin/opencode", native(module("o2", "opencode-ai/bin/opencode.exe"))), ...idle]],
    [
      "npm before 1.15: the launcher and its child",
      () => [
        bun,
        launcher(
          module("o3", "opencode-ai/bin/opencode"),
          native(module("o3", "opencode-linux-x64-baseline/bin/opencode")),
        ),
      ],
    ],
    ["npm before 1.15: a hard link", () => [native(module("o4", "opencode-ai/bin/.opencode")), ...idle]],
    ["a release's file", () => [native("o5/opencode-linux-x64-baseline-musl"), ...idle]],
    ["a release's file for arm64", () => [native("o6/opencode-linux-arm64"), ...idle]],
    ["nixpkgs: a wrapper", () => [native("o7/bin/.opencode-wrapped"), ...idle]],
  ],
}

describe.each(Object.entries(installed))("%s", (agent, ways) => {
  test.concurrent.each(ways)("%s", async (_, command) => {
    const pid = start(command())
    await untilSaid(pid, agent)
    expect(distrustedIn(pid)).toContain(agent)
  })
})

describe("started", () => {
  const claude = (root: string): string => native(`${root}/.local/share/claude/versions/2.1.332`)
  const line = (root: string): string => [claude(root), ...idle].join(" ")
  test.concurrent.each([
    ["by tmux, through its shell", () => ["sh", "-c", line("s1")]],
    ["by a shell that goes on afterwards", () => ["sh", "-c", `${line("s2")}; read -r _`]],
    ["by timeout", () => ["timeout", "100", claude("s3"), ...idle]],
    ["by time", () => [bash, "-c", `time ${line("s4")}`]],
    ["by nice and env", () => ["nice", "env", "X=1", claude("s5"), ...idle]],
    ["by a script", () => [script("s6/start", `#!/bin/sh\n${line("s6")}\n`)]],
    ["by a script by its shell", () => [bash, script("s7/start", `${line("s7")}; echo`)]],
    ["by scripts in scripts", () => ["sh", "-c", `nice sh -c '${line("s8")}; :'; :`]],
    ["by npm's scripts", () => [bun, launcher("s9/npm", script("s9/sh", `#!/bin/sh\n${line("s9")}; :`))]],
    ["behind a pipe", () => ["sh", "-c", `true | ${line("s10")} < /dev/tty`]],
    ["by xargs", () => ["sh", "-c", `echo -- - | xargs -o ${claude("s11")}`]],
    [
      "by a thread of a launcher",
      () => [
        bun,
        javascript(
          "s12/run.js",
          `const {Worker} = require("worker_threads"); new Worker('require("child_process").spawn(${JSON.stringify(claude("s12"))}, ["--", "-"], {stdio: [0, 1, 2]})', {eval: true}); setInterval(() => {}, 1000)`,
        ),
      ],
    ],
  ] as Way[])("%s", async (_, command) => {
    await untilSaid(start(command()), "claude")
  })

  test.concurrent("by a person's shell, as one part of a line whose first part has ended", async () => {
    const pid = start([bash, "--norc", "--noprofile", "-i"])
    await untilSaid(pid, "a shell (bash) runs in the pane")
    const [pane = ""] = tmux(
      "list-panes",
      "-s",
      "-t",
      "ways",
      "-f",
      `#{==:#{pane_pid},${pid}}`,
      "-F",
      "#{pane_id}",
    ).split("\n")
    tmux("send-keys", "-t", pane, "-l", `true | ${line("s13")} < /dev/tty\n`)
    await untilSaid(pid, "claude")
    tmux("send-keys", "-t", pane, "C-z")
    await untilSaid(pid, "a shell (bash) runs in the pane")
  })

  test.concurrent.each(["removed", "replaced"])("and its file %s by an update meanwhile", async what => {
    const root = `s14-${what}`
    const program = claude(root)
    const pid = start([program, ...idle])
    await untilSaid(pid, "claude")
    if (what === "removed") rmSync(program)
    else renameSync(native(`${root}/new`), program)
    expect(saidOf(pid)).toBe("claude")
    expect(distrustedIn(pid)).toEqual(["claude"])
  })

  test.concurrent("beside another one in the background of a script", async () => {
    await untilSaid(start(["sh", "-c", `${native("s16/codex")} -- - & ${line("s16")}; :`]), "claude")
  })

  test.concurrent("beside another one, of which nobody can say which reads", async () => {
    const pid = start(["sh", "-c", `${native("s15/codex")} -- - < /dev/tty & ${line("s15")}`])
    await untilSaid(pid, "claude and codex run in the pane at once")
  })
})

/** In hardened mode the agent is another user, whose executables the Guardian may not look at. */
const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", bun]
const canBecomeNobody =
  process.geteuid?.() === 0 &&
  Bun.which("setpriv") !== null &&
  Bun.spawnSync([...asNobody, "--version"]).exitCode === 0

test.skipIf(!canBecomeNobody)("of another user: by what it was called by, and by its script", async () => {
  const pids = [
    ["claude", [link("u1/bin/claude", native("u1/claude/versions/2.1.332")), ...idle]],
    ["claude", [native("u2/claude/versions/2.1.332"), ...idle]],
    ["codex", [bun, launcher("u3/@openai/codex/bin/codex.js", native("u3/codex"))]],
    ["gemini", [bun, javascript("u4/@google/gemini-cli/bundle/gemini.js")]],
    ["opencode", ["sh", "-c", `${native("u5/.opencode-wrapped")} -- -; :`]],
    ["plain: tool", [native("u6/tool"), ...idle]],
  ].map(([wanted, command]) => [wanted as string, start(command as string[])] as const)
  for (const [wanted, pid] of pids) await untilSaid(pid, wanted)
  await Bun.build({
    entrypoints: [join(import.meta.dir, "../../src/tmux/keyboard-owner.ts")],
    target: "bun",
    outdir: join(folder, "observer"),
  })
  chmodSync(folder, 0o755)
  const look = `import { detectProfile, keyboardOwner } from "${folder}/observer/keyboard-owner.js"
    console.log([${pids.map(([, pid]) => pid)}].map(pid => detectProfile(keyboardOwner(pid)) ?? "plain: tool").join())`
  const seen = Bun.spawnSync([...asNobody, "-e", look], { cwd: "/" }).stdout.toString()
  expect(seen.trim().split(",")).toEqual(pids.map(([wanted]) => wanted))
})

describe("no agent program", () => {
  test.concurrent.each([
    [
      "an editor with a file about one",
      `vim runs in the pane, which takes keys as commands${named("codex")}`,
      () => [native("n1/vim"), ...idle, "codex.md"],
    ],
    [
      "a program with its folder as an argument",
      "plain: reader",
      () => [join(folder, "reader"), ...idle, `${folder}/@anthropic-ai/claude-code/README.md`],
    ],
    [
      "a project's own script of that name",
      "plain: gemini.js",
      () => [bun, javascript("n2/scripts/gemini.js")],
    ],
    ["a project's own script about one", "plain: claude.ts", () => [bun, javascript("n3/claude.ts")]],
    [
      "what `bun run` finds by such a name",
      "plain: codex",
      () => {
        script("n4/package.json", JSON.stringify({ scripts: { codex: `${native("n4/tool")} -- -; :` } }))
        return [bash, "-c", `cd ${folder}/n4 && exec ${bun} run codex`]
      },
    ],
    [
      "a script of another language of that name",
      "plain: claude",
      () => [script("n5/claude", `#!${Bun.which("perl")}\n<STDIN>`)],
    ],
    [
      "a script of a shell of that name, waiting itself",
      `a shell (bash) runs in the pane${named("claude")}`,
      () => [script("n6/claude", `#!${bash}\nread -r _`)],
    ],
    [
      "the program of a person of that name",
      "plain: tool",
      () => [native("n7/home/claude/bin/tool"), ...idle],
    ],
    [
      "another file beside the versions",
      "plain: README",
      () => [native("n8/claude/versions/README"), ...idle],
    ],
    [
      "a copy beside the versions",
      "plain: 2.1.332.bak",
      () => [native("n9/claude/versions/2.1.332.bak"), ...idle],
    ],
    ["a version of anything else", "plain: 2.1.332", () => [native("n10/versions/2.1.332"), ...idle]],
    [
      "what belongs to a package",
      "plain: index.js",
      () => [bun, javascript(module("n11", "@google/gemini-cli/node_modules/server/index.js"))],
    ],
    [
      "what installs a package",
      "plain: install.cjs",
      () => [bun, javascript(module("n12", "@anthropic-ai/claude-code/install.cjs"))],
    ],
    ["a longer name", "plain: codex-code-mode-host", () => [native("n13/codex-code-mode-host"), ...idle]],
    [
      "an option's value",
      "plain: own.js",
      () => [bun, "--preload", javascript("n14/claude", ""), javascript("n14/own.js")],
    ],
  ] as (readonly [string, string, () => readonly string[]])[])("%s", async (_, wanted, command) => {
    const pid = start(command())
    await untilSaid(pid, wanted)
    expect(distrustedIn(pid)).toEqual([])
  })
})
