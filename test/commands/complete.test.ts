/** What is offered at Tab: by the grammar, and by the books of an agent whose Guardian does not run. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Command } from "@commander-js/extra-typings"
import { argumentKinds, optionKinds } from "../../src/commands/completions/kinds.ts"
import { processIo } from "../../src/commands/io.ts"
import { grammarOf } from "../../src/commands/program.ts"
import { runCommand } from "../support/command.ts"
import { type Completing, stageCompletions } from "../support/completing.ts"
import { built, createWorld } from "../support/world.ts"

let stage: Completing
beforeAll(() => {
  stage = stageCompletions("which tasks:\nare \u001b[31mopen?")
})
afterAll(() => stage[Symbol.dispose]())

/** The candidates behind `sento`, a `word  what it is` each; the last word is at the cursor. */
async function offered(...words: string[]): Promise<string[]> {
  const environment = { HOME: stage.home }
  const ran = await runCommand(["complete", "--", ...words], { environment, cwd: stage.home, input: "" })
  expect([ran.exit, ran.stderr]).toEqual([0, ""])
  return ran.stdout
    .split("\n")
    .filter(Boolean)
    .map(line => line.replace("\t", "  ").trimEnd())
}

describe("at Tab", () => {
  test.each([
    ["a command", ["ag"], ["agents  list the paired agents"]],
    ["a subcommand", ["guard", "log"], ["logs  what the Guardian wrote down"]],
    ["an option", ["send", "--w"], ["--wait  wait for the answer and print it (100 s)"]],
    ["an option of the group, behind its subcommand", ["guard", "logs", "--js"], ["--json  print JSON"]],
    ["a peer", ["send", ""], ["kai  127.0.0.1:9876", "kim-2  127.0.0.1:9877"]],
    ["a peer, behind options", ["send", "--wait", "--json", "ki"], ["kim-2  127.0.0.1:9877"]],
    ["a peer of a subcommand", ["agents", "pause", "ka"], ["kai  127.0.0.1:9876"]],
    ["words that go there", ["agents", "pause", "kai", ""], ["30m", "2h", "1d"]],
    ["the programs", ["setup", "c"], ["claude", "codex"]],
    ["one of several values of an option", ["init", "--profile", "p"], ["plain"]],
    ["a file", ["owner", "add", "--token-file", ""], [":files"]],
    [
      "one of this user's agents",
      ["status", "--agent", ""],
      expect.arrayContaining([expect.stringMatching(/^mira {2}/)]),
    ],
    ["nothing in a text", ["send", "kai", ""], []],
    ["nothing behind the last argument", ["log", "kai", ""], []],
    ["nothing for a value that nobody can know", ["init", "--name", ""], []],
    ["nothing for a command that there is not", ["nonsense", ""], []],
    ["no option behind `--`", ["send", "--", "-"], []],
  ] as const)("%s", async (_, words, wanted) => {
    expect(await offered(...words)).toEqual(wanted as string[])
  })

  test("messages by their ids with their first words, and requests", async () => {
    const message = `${stage.message}  kai: which tasks: are [31mopen?`
    expect(await offered("reply", "")).toEqual([message])
    expect(await offered("send", "--reply-to", "")).toEqual([message])
    // As bash splits it.
    expect(await offered("send", "--reply-to", "=", "")).toEqual([message])
    expect(await offered("approve", "")).toEqual([`${stage.request}  lena at 127.0.0.1:9878`])
  })

  test("it starts no Guardian, and says nothing where no agent is set up", async () => {
    expect(existsSync(join(stage.home, ".sento/guardian.lock"))).toBe(false)
    const home = mkdtempSync(join(tmpdir(), "sento-none-"))
    const ran = await runCommand(["complete", "--", "send", ""], {
      environment: { HOME: home },
      cwd: home,
      input: "",
    })
    expect(ran).toEqual({ exit: 0, stdout: "", stderr: "" })
    rmSync(home, { recursive: true })
  })
})

test("each argument and each value of an option is of a kind, or is said to be of none", async () => {
  const found = { arguments: new Set<string>(), options: new Set<string>() }
  const walk = (command: Command, path: string): void => {
    for (const one of command.registeredArguments) found.arguments.add(`${path} ${one.name()}`)
    for (const one of command.options)
      if (!one.hidden && (one.required || one.optional)) found.options.add(one.long ?? "")
    for (const one of command.commands) walk(one as Command, `${path} ${one.name()}`.trim())
  }
  walk(await grammarOf(processIo()), "")
  expect([...found.arguments].sort()).toEqual(Object.keys(argumentKinds).sort())
  expect([...found.options].sort()).toEqual(Object.keys(optionKinds).sort())
})

describe("in the shells", () => {
  const inShell = (shell: string, ...words: string[]): string =>
    Bun.spawnSync([shell, ...words], {
      env: { PATH: `${stage.home}/bin:/usr/bin:/bin`, HOME: stage.home, TERM: "dumb" },
    }).stdout.toString()

  beforeAll(async () => {
    const command = built.map(word => `'${word}'`).join(" ")
    await Bun.write(join(stage.home, "bin/sento"), `#!/bin/sh\nexec ${command} "$@"\n`)
    Bun.spawnSync(["chmod", "755", join(stage.home, "bin/sento")])
  })

  test("bash completes words, and lists them with what they are", () => {
    const ask = (type: number): string =>
      inShell(
        "bash",
        "-c",
        `eval "$(sento completions bash)"; COMP_WORDS=(sento send k); COMP_CWORD=2 COMP_TYPE=${type}; _sento; printf '%s\\n' "\${COMPREPLY[@]}"`,
      )
    expect(ask(9)).toBe("kai\nkim-2\n")
    expect(ask(63)).toBe("kai    127.0.0.1:9876\nkim-2  127.0.0.1:9877\n")
  })

  test.skipIf(Bun.which("fish") === null)("fish", () => {
    const ask = (line: string): string =>
      inShell("fish", "--no-config", "-c", `sento completions fish | source; complete -C '${line}'`)
    expect(ask("sento send k")).toBe("kai\t127.0.0.1:9876\nkim-2\t127.0.0.1:9877\n")
    expect(ask("sento send ")).toBe("kai\t127.0.0.1:9876\nkim-2\t127.0.0.1:9877\n")
    expect(ask("sento owner add --token-file /etc/hostn")).toBe("/etc/hostname\n")
  })

  test.skipIf(Bun.which("zsh") === null)("zsh, in a terminal", async () => {
    const world = createWorld()
    try {
      const path = `PATH=${stage.home}/bin:$PATH HOME=${stage.home} PS1='ready%% '`
      await world.session("zsh", ["sh", "-c", `exec env -u SENTO_HOME ${path} zsh -f -i`])
      await world.shows("zsh", "ready%")
      await world.type(
        "zsh",
        'clear; autoload -Uz compinit; compinit -u -D; eval "$(sento completions zsh)"; echo loa"d"ed',
      )
      await world.shows("zsh", "loaded")
      await world.tmux("send-keys", "-t", "=zsh:", "-l", "sento send k")
      // A Tab with more behind it is text to zsh.
      await world.shows("zsh", "sento send k")
      await world.tmux("send-keys", "-t", "=zsh:", "Tab")
      await world.shows("zsh", /kai {4}-- 127\.0\.0\.1:9876\nkim-2 {2}-- 127/)
    } finally {
      await world.close()
    }
  })
})
