/** What `plain` may be typed into: never a shell, nor what executes a part of a line, nor what hands keys on. */
import { afterAll, describe, expect, test } from "bun:test"
import { copyFileSync, existsSync, mkdirSync, realpathSync } from "node:fs"
import { basename, join } from "node:path"
import { findPane } from "../../src/tmux/pane.ts"
import { typeIntoPane } from "../../src/tmux/typing.ts"
import { createWays, idle, named, untilSaid } from "../support/ways.ts"

const { folder, tmux, native, script, link, start, close } = createWays()
afterAll(close)

const bash = Bun.which("bash") ?? "bash"
const perl = realpathSync(Bun.which("perl") ?? "perl")
const python = ["/usr/bin/python3", Bun.which("python3") ?? ""].find(path => existsSync(path)) ?? null
/** Where glibc and musl keep their dynamic loaders. */
const loader = [
  "/lib64/ld-linux-x86-64.so.2",
  "/lib/ld-linux-aarch64.so.1",
  "/lib/ld-musl-x86_64.so.1",
  "/lib/ld-musl-aarch64.so.1",
].find(path => existsSync(path))
const shell = "a shell (bash) runs in the pane"
const apart = ", in a session of its own"
const loaded = ", started by a dynamic loader"
const takesCommands = (label: string): string => `${label} runs in the pane, which takes keys as commands`
const handsOn = (label: string): string =>
  `${label} runs in the pane, which hands keys on to another terminal`

describe("for `plain`", () => {
  const reader = `${join(folder, "reader")} -- -`
  test.concurrent.each([
    ["a person's shell", shell, () => [bash, "--norc", "--noprofile"]],
    ["a login shell", shell, () => [bash, "-c", `exec -a -bash ${bash} --norc --noprofile`]],
    [
      "a shell whose prompt asks a program",
      shell,
      () => ["env", "PS1=$(sleep 100)", bash, "--norc", "--noprofile", "-i"],
    ],
    ["a shell that reads its script from the terminal", shell, () => [bash, "-s"]],
    ["a command's shell that reads itself", shell, () => [bash, "-c", 'read -r line; eval "$line"']],
    [
      "a script that reads itself",
      shell,
      () => [bash, script("p1/run", 'while read -r line; do eval "$line"; done')],
    ],
    [
      "a script that reads itself beside what it started",
      shell,
      () => [bash, "-c", `${reader} & read -r line; eval "$line"`],
    ],
    ["a script's part that reads", shell, () => [bash, "-c", '(read -r line; eval "$line"); :']],
    ["a command's shell while its command runs", "plain: reader", () => [bash, "-c", `${reader} > log; :`]],
    ["a script while its command runs", "plain: reader", () => [bash, script("p2/run", `${reader}; :`)]],
    ["a shell started by timeout", shell, () => ["timeout", "100", bash, "--norc", "--noprofile"]],
    ["a program started by timeout", "plain: reader", () => ["timeout", "100", "sh", "-c", `${reader}; :`]],
    ["an interpreter's prompt", takesCommands("python3.11"), () => [native("p3/python3.11"), ...idle]],
    [
      "an interpreter with a script",
      "plain: chat.py",
      () => [native("p4/python3"), link("p4/chat.py", "/dev/tty")],
    ],
    ["an interpreter that reads its script from the terminal", takesCommands("perl"), () => [perl, "-"]],
    [
      "an interpreter's prompt behind a script",
      takesCommands("perl5"),
      () => [native("p5/perl5"), "--", "-", "-i", "chat.pl"],
    ],
    [
      "a relay that nobody knows",
      handsOn("relay"),
      () => {
        mkdirSync(join(folder, "p6"))
        copyFileSync(realpathSync(Bun.which("script") ?? "script"), join(folder, "p6/relay"))
        return [join(folder, "p6/relay"), "-qc", reader, "/dev/null"]
      },
    ],
    [
      "an agent program behind a relay",
      handsOn("script") + named("gemini"),
      () => ["script", "-qc", `${native("p7/gemini")} -- -; :`, "/dev/null"],
    ],
    [
      "an agent program that was given the terminal alone",
      handsOn("setsid") + named("opencode"),
      () => ["setsid", "-w", "-c", native("p8/opencode"), ...idle],
    ],
    [
      "a relay behind a launcher",
      handsOn("script"),
      () => ["timeout", "100", "sh", "-c", `script -qc "${reader}; :" /dev/null; :`],
    ],
  ] as (readonly [string, string, () => readonly string[]])[])("%s", async (_, wanted, command) => {
    await untilSaid(start(command()), wanted)
  })

  const detached = (program: string, words: readonly string[], stdin = "inherit"): string =>
    `require("child_process").spawn(${JSON.stringify(program)}, ${JSON.stringify(words)},
       {stdio: [${JSON.stringify(stdin)}, "inherit", "inherit"], detached: true}); setInterval(() => {}, 1000)`
  const waiting = ["--norc", "--noprofile"]
  test.concurrent.each([
    ["a shell by setsid", shell + apart, () => ["setsid", "-w", bash, ...waiting]],
    [
      "a shell by a runtime's script",
      shell + apart,
      () => [process.execPath, script("a1/chat.js", detached(bash, waiting))],
    ],
    [
      "a shell whose input is /dev/tty",
      shell + apart,
      () => ["sh", "-c", `setsid -w ${bash} ${waiting.join(" ")} < /dev/tty`],
    ],
    [
      "a shell below another program there",
      shell + apart,
      () => ["setsid", "-w", "timeout", "100", bash, ...waiting],
    ],
    [
      "a shell that is nobody's child",
      shell + apart,
      () => ["sh", "-c", `setsid -f ${bash} ${waiting.join(" ")}; exec ${reader}`],
    ],
    ["a relay", handsOn("ssh").replace(",", `${apart},`), () => ["setsid", "-w", native("a2/ssh"), ...idle]],
    [
      "a pager that has the terminal as its errors' output",
      takesCommands("less").replace(",", `${apart},`),
      () => ["sh", "-c", `sleep 100 | setsid -w ${native("a3/less")} -- -`],
    ],
    [
      "an agent program",
      `claude runs in the pane${apart}`,
      () => ["setsid", "-w", native("a4/claude/versions/2.1.332"), ...idle],
    ],
    ["a program that takes text as text", "plain: reader", () => ["setsid", "-w", ...reader.split(" ")]],
    [
      "a shell with another input, as a server of tools has",
      "plain: chat.js",
      () => [process.execPath, script("a5/chat.js", detached("sh", ["-c", "read -r _; :"], "pipe"))],
    ],
  ] as (readonly [string, string, () => readonly string[]])[])(
    "in a session of its own: %s",
    async (_, wanted, command) => {
      await untilSaid(start(command()), wanted)
    },
  )

  test.skipIf(loader === undefined).each([
    ["a shell", shell + loaded, () => [bash, ...waiting]],
    ["an agent program", `codex runs in the pane${loaded}`, () => [native("l1/codex"), ...idle]],
    [
      "a script of a runtime",
      `gemini runs in the pane${loaded}`,
      () => [
        "--argv0",
        "node",
        native("l2/node"),
        link("l2/@google/gemini-cli/bundle/gemini.js", "/dev/tty"),
      ],
    ],
    ["a program that takes text as text", "plain: reader", () => reader.split(" ")],
  ] as (readonly [string, string, () => readonly string[]])[])(
    "behind a dynamic loader: %s",
    async (_, wanted, command) => {
      await untilSaid(start([loader ?? "", ...command()]), wanted)
    },
  )

  test.concurrent.each([
    [
      "a shell written in another language",
      "a shell (xonsh) runs in the pane",
      () => [script("i1/xonsh", "#!/usr/bin/env perl\n<STDIN>")],
    ],
    [
      "such a one by its interpreter",
      "a shell (xonsh) runs in the pane",
      () => [perl, script("i2/xonsh", "<STDIN>")],
    ],
    ["a debugger", takesCommands("perl"), () => [perl, "-de0"]],
    [
      "a debugger by the environment",
      takesCommands("chat.pl"),
      () => ["env", "PERL5OPT=-d", perl, script("i3/chat.pl", "<STDIN>")],
    ],
    [
      "a command in the arguments that executes",
      takesCommands("perl"),
      () => [perl, "-e", "system($_) while <STDIN>"],
    ],
    ["a command in the arguments that reads", "plain: perl", () => [perl, "-e", "print while <STDIN>"]],
    ["a filter", takesCommands("awk"), () => [link("i4/awk", native("i4/real/awk")), ...idle]],
    ["a filter behind a pipe", "plain: reader", () => ["sh", "-c", `${reader} | awk '{print}'; :`]],
    ["xargs", takesCommands("xargs"), () => ["xargs", "-I%", "echo", "%"]],
  ] as (readonly [string, string, () => readonly string[]])[])("%s", async (_, wanted, command) => {
    await untilSaid(start(command()), wanted)
  })

  test.skipIf(python === null).each([
    ["a module that prompts", "python3", ["-m", "code"]],
    ["a debugger", "python3", ["-m", "pdb", "chat.py"]],
    ["a script and a prompt", "chat.py", ["-qi", "chat.py"]],
    ["a module and a prompt", "python3", ["-im", "json.tool", "--help"]],
    ["a prompt by the environment", "chat.py", ["chat.py"]],
  ])("python: %s", async (what, label, words) => {
    if (!existsSync(join(folder, "chat.py"))) script("chat.py", "input()")
    const variables = what.includes("environment") ? ["PYTHONINSPECT=1"] : []
    const name = label === "python3" ? basename(realpathSync(python ?? "")) : label
    await untilSaid(start(["env", ...variables, python ?? "", ...words]), takesCommands(name))
  })

  test.each([
    "less",
    "more",
    "vim.basic",
    "nvim",
    "psql",
    "mariadb",
    "sqlite3",
    "gnuplot",
    "gdb",
    "lldb",
    "ipython3",
    "irb3.1",
    "tclsh8.6",
  ])("%s", async name => {
    await untilSaid(start([native(`commands/${name}`), ...idle]), takesCommands(name))
  })

  test.each([
    "ssh",
    "expect",
    "mosh-client",
    "telnet",
    "nc.openbsd",
    "ncat",
    "socat",
    "docker",
    "podman",
    "kubectl",
    "lxc",
    "lxc-attach",
    "machinectl",
    "nsenter",
    "systemd-run",
    "sudo",
    "su",
    "doas",
    "tmux",
    "screen",
    "zellij",
    "dtach",
    "abduco",
    "rlwrap",
    "asciinema",
    "ttyrec",
    "unbuffer",
    "picocom",
    "minicom",
    ".ssh-wrapped",
  ])("%s, whatever it names", async name => {
    const command = [native(`relays/${name}`), ...idle, "host", "opencode"]
    await untilSaid(start(command), handsOn(name) + named("opencode"))
  })

  test.each([
    ["a relay", ["script", "-qc", "PS1=% sh -i", "/dev/null"]],
    ["a relay behind a launcher", ["timeout", "100", "script", "-qc", "PS1=% sh -i", "/dev/null"]],
    ["a shell in a session of its own", ["setsid", "-w", "sh", "-c", "PS1=% exec sh -i"]],
    ["a shell behind a reader", ["sh", "-c", "PS1=% setsid -f sh -i; exec sleep 100"]],
    ["a filter that executes", ["sh", "-c", "echo %; exec awk '{system($0)}'"]],
    ["a script that executes", [bash, "-c", `echo %; ${reader} & read -r line; eval "$line"`]],
  ])("a message with a command in it is not typed into %s", async (what, command) => {
    const [marker, session] = [join(folder, what), what.replaceAll(" ", "-")]
    const screen = (): string => tmux("capture-pane", "-p", "-t", `=${session}:`)
    tmux("new-session", "-d", "-s", session, "-x", "80", "-y", "24", "-c", folder, ...command)
    const server = { socket: join(folder, "tmux") }
    const pinned = await findPane(server, session)
    if (pinned === null) throw new Error(`${session} did not start`)
    const deadline = performance.now() + 60_000
    while (!screen().includes("%") && performance.now() < deadline) await Bun.sleep(20)
    const text = `← agent mira [k7q2]: $(touch "${marker}")`
    const options = { resume: false, deliver: "hold", allowShell: false } as const
    expect(await typeIntoPane(server, pinned, "plain", text, options)).toMatchObject({
      kind: "held",
      state: expect.stringMatching(/^(?:shell|other)$/),
      pasted: false,
    })
    expect([screen().includes("%"), screen().includes("mira"), existsSync(marker)]).toEqual([
      true,
      false,
      false,
    ])
  })
})
