/** What `plain` may be typed into: never a shell, nor what executes a part of a line, nor what hands keys on. */
import { afterAll, describe, expect, test } from "bun:test"
import { copyFileSync, existsSync, mkdirSync, realpathSync } from "node:fs"
import { join } from "node:path"
import { findPane } from "../../src/tmux/pane.ts"
import { typeIntoPane } from "../../src/tmux/typing.ts"
import { createWays, idle, named, untilSaid } from "../support/ways.ts"

const { folder, tmux, native, script, start, close } = createWays()
afterAll(close)

const bash = Bun.which("bash") ?? "bash"
const shell = "a shell (bash) runs in the pane"
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
    ["an interpreter with a script", "plain: chat.py", () => [native("p4/python3"), ...idle, "chat.py"]],
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
    ["a script that executes", [bash, "-c", `echo %; ${reader} & read -r line; eval "$line"`]],
  ])("a message with a command in it is not typed into %s", async (what, command) => {
    const [marker, session] = [join(folder, what), what.replaceAll(" ", "-")]
    const screen = (): string => tmux("capture-pane", "-p", "-t", `=${session}:`)
    tmux("new-session", "-d", "-s", session, "-x", "80", "-y", "24", "-c", folder, ...command)
    const server = { socket: join(folder, "tmux") }
    const pinned = await findPane(server, session)
    if (pinned === null) throw new Error(`${session} did not start`)
    const deadline = performance.now() + 4_000
    while (!screen().includes("%") && performance.now() < deadline) await Bun.sleep(20)
    const text = `← agent mira [k7q2]: $(touch "${marker}")`
    const options = { resume: false, deliver: "hold", allowShell: false } as const
    expect(await typeIntoPane(server, pinned, "plain", text, options)).toMatchObject({
      kind: "held",
      state: "shell",
      pasted: false,
    })
    expect([screen().includes("%"), screen().includes("mira"), existsSync(marker)]).toEqual([
      true,
      false,
      false,
    ])
  })
})
