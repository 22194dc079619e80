/** Who reads a terminal's keys, from tables of processes as the kernel tells them. Real processes: keyboard-owner.test.ts. */
import { afterEach, beforeEach, describe, expect, type Mock, spyOn, test } from "bun:test"
import { realpathSync } from "node:fs"
import { basename } from "node:path"
import {
  describeProgram,
  detectProfile,
  holdOf,
  isShell,
  keyboardOwner,
  namedAgent,
  onlyDirectly,
  type Program,
  programLabel,
} from "../../src/tmux/keyboard-owner.ts"
import * as kernel from "../../src/tmux/process.ts"

/** The pane's terminal, and another one. */
const [own, another] = [5, 1]

/** A process, of the pane's terminal and its foreground group where nothing else is said. */
type Given = {
  readonly parent?: number
  readonly group?: number
  readonly terminal?: number
  readonly state?: string
  /** Its executable; null: not to be read. */
  readonly exe: string | null
  readonly words?: readonly string[] | null
  readonly name?: string
  readonly environment?: readonly string[]
  readonly directory?: string
  /** Whether its input is a terminal. */
  readonly reads?: boolean | null
  /** Which terminal its input, and its error output, is. */
  readonly input?: ReturnType<typeof kernel.terminalAt>
  readonly errors?: ReturnType<typeof kernel.terminalAt>
}

let table: Readonly<Record<number, Given>> = {}
let foreground = 10
const spies: Mock<(...words: never[]) => unknown>[] = []

beforeEach(() => {
  table = {}
  foreground = 10
  const pids = () => Object.keys(table).map(Number)
  const given = (pid: number): Given | undefined => table[pid]
  spies.push(
    spyOn(kernel, "processStat").mockImplementation(pid => {
      const one = given(pid)
      if (one === undefined) return null
      const terminal = one.terminal ?? own
      return {
        ...{
          pid,
          name: one.name ?? basename(one.exe ?? ""),
          state: one.state ?? "S",
          parent: one.parent ?? 1,
        },
        ...{ group: one.group ?? foreground, terminal, startTicks: 1 },
        foregroundGroup: terminal === own ? foreground : -1,
      }
    }),
    spyOn(kernel, "childrenOf").mockImplementation(pid => pids().filter(one => given(one)?.parent === pid)),
    spyOn(kernel, "allProcesses").mockImplementation(() => [...pids(), 999]),
    spyOn(kernel, "executableOf").mockImplementation(pid => given(pid)?.exe ?? null),
    spyOn(kernel, "argumentsOf").mockImplementation(pid => {
      const { words, exe = null } = given(pid) ?? {}
      return words === null ? null : [...(words ?? [basename(exe ?? "")])]
    }),
    spyOn(kernel, "environmentOf").mockImplementation(pid => [...(given(pid)?.environment ?? [])]),
    spyOn(kernel, "directoryOf").mockImplementation(pid => given(pid)?.directory ?? null),
    spyOn(kernel, "readsTerminal").mockImplementation(pid => given(pid)?.reads ?? null),
    spyOn(kernel, "terminalAt").mockImplementation((pid, descriptor, terminal) => {
      if (terminal !== own) throw new Error("asked of another terminal")
      const at = { 0: given(pid)?.input, 1: undefined, 2: given(pid)?.errors }
      return at[descriptor] ?? "none"
    }),
  )
})
afterEach(() => {
  for (const spy of spies.splice(0)) spy.mockRestore()
})

const cat: Given = { exe: "/bin/cat" }
const tail: Given = { exe: "/bin/tail" }
const bash: Given = { exe: "/bin/bash" }
const script: Given = { exe: "/bin/bash", words: ["bash", "run"] }
const less: Given = { exe: "/usr/bin/less" }
const awk: Given = { exe: "/usr/bin/awk" }
const timeout: Given = { exe: "/usr/bin/timeout" }
const claude: Given = { exe: "/opt/claude" }
const codex: Given = { exe: "/opt/codex" }
const below = (parent: number, one: Given, more: Partial<Given> = {}): Given => ({ ...one, parent, ...more })

/** The program, and what is said of it. */
const said = (program: Program | null): string | null =>
  program === null
    ? null
    : [
        program.executable,
        ...(program.behind === undefined ? [] : [`before ${program.behind}`]),
        ...(program.several ? [`one of ${program.several.join()}`] : []),
        ...(program.aside ? [program.aside] : []),
      ].join(", ")
const ownerIn = (processes: Readonly<Record<number, Given>>, leader = 10, pid = 10): string | null => {
  table = processes
  foreground = leader
  return said(keyboardOwner(pid))
}
const apart = "in a session of its own"

describe("the program of the pane", () => {
  test.each([
    ["that is gone: none", {}, 10, null],
    ["alone", { 10: cat }, 10, "cat"],
    ["that is an agent's", { 10: claude, 11: below(10, bash) }, 10, "claude"],
    [
      "whose child leads the terminal",
      { 10: { ...bash, group: 10 }, 20: below(10, cat, { group: 20 }) },
      20,
      "cat",
    ],
    ["whose leader is gone", { 10: bash }, 20, "bash"],
    ["whose leader has ended", { 10: { ...bash, group: 20 }, 20: { ...claude, state: "Z" } }, 20, "bash"],
    ["without a terminal", { 10: cat }, -1, "cat, before null"],
    ["without a terminal, and an agent's", { 10: claude }, -1, "claude"],
    ["without a foreground group", { 0: claude, 10: cat }, 0, "cat, before null"],
    ["whose leader is the first process", { 1: claude, 10: cat }, 1, "claude"],
    [
      "whose leader is the first process, and no agent's",
      { 1: { ...tail, parent: 0 }, 10: { ...cat, group: 10 } },
      1,
      "tail",
    ],
    [
      "whose leader is a stranger: both may read, its own first",
      { 10: { ...cat, group: 20 }, 20: tail },
      20,
      "cat",
    ],
    ["whose leader is a stranger that is a shell", { 10: { ...cat, group: 20 }, 20: bash }, 20, "bash"],
    [
      "in which nobody is of the foreground group",
      { 10: { ...bash, group: 9 }, 20: { ...cat, group: 9 } },
      20,
      "cat",
    ],
  ] as const)("%s", (_, processes, leader, want) => expect(ownerIn(processes, leader)).toBe(want))

  test.each([
    ["in the first below", { 10: cat, 11: below(10, cat), 12: below(11, claude) }, "claude"],
    ["in several", { 10: cat, 11: below(10, codex), 12: below(10, claude) }, "codex"],
    ["in none that is there", { 10: cat, 11: below(10, cat) }, "null"],
  ] as const)("that lost its terminal may have an agent program %s", (_, processes, want) => {
    expect(ownerIn(processes, -1)).toBe(`cat, before ${want}`)
  })
})

describe("of those in the foreground group", () => {
  const reading = { reads: true } as const
  test.each([
    ["an agent program goes first", { 10: bash, 11: below(10, cat), 12: below(10, claude) }, "claude"],
    [
      "an agent program below others",
      { 10: script, 11: below(10, timeout), 12: below(11, claude) },
      "claude",
    ],
    ["nobody below an agent program", { 10: script, 11: below(10, claude), 12: below(11, codex) }, "claude"],
    ["two of a kind are one", { 10: script, 11: below(10, claude), 12: below(10, claude) }, "claude"],
    [
      "of two kinds nobody can say",
      { 10: script, 11: below(10, codex), 12: below(10, claude) },
      "bash, one of claude,codex",
    ],
    [
      "of two kinds the one that reads",
      { 10: script, 11: below(10, codex), 12: below(10, claude, reading) },
      "claude",
    ],
    [
      "of two kinds that read nobody can say",
      { 10: script, 11: below(10, codex, reading), 12: below(10, claude, reading) },
      "bash, one of claude,codex",
    ],
    [
      "of two kinds, of which one has another input, the other",
      { 10: script, 11: below(10, codex, { reads: false }), 12: below(10, claude, reading) },
      "claude",
    ],
    [
      "a process that ended is none, what it started may be",
      { 10: script, 11: below(10, claude, { state: "Z" }), 12: below(11, cat, reading) },
      "cat",
    ],
    [
      "one in the background is none",
      { 10: script, 11: below(10, less, { group: 11, input: "this" }), 12: below(10, cat, reading) },
      "cat",
    ],
    [
      "an agent program in the background is none",
      { 10: bash, 11: below(10, claude, { group: 11 }) },
      "bash",
    ],
    ["a shell goes before others", { 10: cat, 11: below(10, bash) }, "bash"],
    ["the first of two shells", { 10: cat, 11: below(10, less), 12: below(10, bash) }, "less"],
    ["the first of two others", { 10: cat, 11: below(10, tail) }, "cat"],
    ["a launcher goes last", { 10: timeout, 11: below(10, cat), 12: below(10, tail) }, "cat"],
    ["a launcher alone", { 10: timeout, 11: below(10, { exe: "/usr/bin/nice" }) }, "timeout"],
    [
      "a script's shell, where its child reads not",
      { 10: script, 11: below(10, cat, { reads: false }) },
      "bash",
    ],
    ["a script's shell, where nobody knows", { 10: script, 11: below(10, cat) }, "bash"],
    ["a script's child that reads", { 10: script, 11: below(10, tail), 12: below(10, cat, reading) }, "cat"],
    ["a filter that reads", { 10: script, 11: below(10, awk, reading), 12: below(11, cat, reading) }, "awk"],
    ["a filter of which nobody knows", { 10: awk, 11: below(10, cat) }, "awk"],
    [
      "what a filter started that reads something else",
      { 10: { ...awk, reads: false }, 11: below(10, cat) },
      "cat",
    ],
    ["a pager that reads something else", { 10: { ...less, reads: false }, 11: below(10, cat) }, "less"],
  ] as const)("%s", (_, processes, want) => expect(ownerIn(processes)).toBe(want))
})

describe("what is started on another terminal", () => {
  const away = { terminal: another, group: 77 } as const
  test.each([
    ["makes a relay of who did so", { 10: cat, 11: below(10, tail, away) }, "cat, before null"],
    ["may be an agent program", { 10: cat, 11: below(10, claude, away) }, "cat, before claude"],
    [
      "may have started one",
      { 10: cat, 11: below(10, tail, away), 12: below(11, codex, away) },
      "cat, before codex",
    ],
    [
      "is the first of them",
      { 10: cat, 11: below(10, claude, away), 12: below(10, codex, away) },
      "cat, before claude",
    ],
    [
      "is an agent program's own matter",
      { 10: script, 11: below(10, claude), 12: below(11, tail, away) },
      "claude",
    ],
    ["is none where it has no terminal", { 10: cat, 11: below(10, tail, { terminal: 0, group: 77 }) }, "cat"],
    ["is none where it has the same", { 10: cat, 11: below(10, tail) }, "cat"],
  ] as const)("%s", (_, processes, want) => expect(ownerIn(processes)).toBe(want))
})

describe("a session of its own", () => {
  const alone = { terminal: 0, group: 77 } as const
  const away = { terminal: another, group: 77 } as const
  test.each([
    [
      "reads where the terminal is its input",
      { 10: script, 11: below(10, cat, { ...alone, input: "this" }) },
      `cat, ${apart}`,
    ],
    [
      "reads where its input is some terminal",
      { 10: script, 11: below(10, cat, { ...alone, input: "some" }) },
      `cat, ${apart}`,
    ],
    [
      "may read where that is not to be seen",
      { 10: script, 11: below(10, cat, { ...alone, input: "unreadable" }) },
      `cat, ${apart}`,
    ],
    [
      "reads its own where that is not to be seen",
      { 10: cat, 11: below(10, bash, { ...away, input: "unreadable" }) },
      "cat, before null",
    ],
    ["reads not where its input is another", { 10: cat, 11: below(10, bash, alone) }, "cat"],
    [
      "reads keys behind a pipe as a pager does",
      { 10: script, 11: below(10, less, { ...alone, errors: "this" }) },
      `less, ${apart}`,
    ],
    [
      "reads none behind a pipe as a shell does",
      { 10: cat, 11: below(10, bash, { ...alone, errors: "this" }) },
      "cat",
    ],
    [
      "is told where it is an agent program's",
      { 10: bash, 11: below(10, claude, { ...alone, input: "this" }) },
      `claude, ${apart}`,
    ],
    [
      "is told, the first of two",
      {
        10: bash,
        11: below(10, claude, { ...alone, input: "this" }),
        12: below(10, codex, { ...alone, input: "this" }),
      },
      `claude, ${apart}`,
    ],
  ] as const)("%s", (_, processes, want) => expect(ownerIn(processes)).toBe(want))
})

describe("a stray that has the terminal as its input", () => {
  const stray = { terminal: 0, group: 77, input: "this" } as const
  test.each([
    ["and is a shell goes before", { 10: cat, 30: { ...bash, ...stray } }, `bash, ${apart}`],
    ["the first of two", { 10: cat, 30: { ...less, ...stray }, 31: { ...bash, ...stray } }, `less, ${apart}`],
    ["and takes keys as text is none", { 10: cat, 30: { ...tail, ...stray } }, "cat"],
    ["by another way is none", { 10: cat, 30: { ...bash, ...stray, input: "some" } }, "cat"],
    [
      "on its error output alone is none",
      { 10: cat, 30: { ...less, ...stray, input: "none", errors: "this" } },
      "cat",
    ],
    ["is not looked for where the pane has a shell", { 10: bash, 30: { ...less, ...stray } }, "bash"],
    [
      "is none of those that are known",
      { 10: { ...cat, input: "this" }, 11: below(10, tail, { input: "this" }) },
      "cat",
    ],
  ] as const)("%s", (_, processes, want) => expect(ownerIn(processes)).toBe(want))
})

describe("what a process runs", () => {
  const program = (one: Given): Program => {
    table = { 10: one }
    const stat = kernel.processStat(10)
    if (stat === null) throw new Error("no process")
    return describeProgram(stat)
  }
  const missing = "/nowhere/at/all"
  const runtime = realpathSync("/proc/self/exe")

  test.each([
    ["by its file", { exe: "/opt/x", words: ["y"] }, "x", ["/opt/x"]],
    [
      "by what it was called, where its file may not be read",
      { exe: null, words: ["/usr/bin/y", "z"], name: "n" },
      "y",
      [],
    ],
    ["as a login shell", { exe: null, words: ["-bash"], name: "n" }, "bash", []],
    [
      "by the kernel's name, where it has a title",
      { exe: null, words: ["a title of /it", "z"], name: "n" },
      "n",
      [],
    ],
    ["by the kernel's name, where it has no arguments", { exe: null, words: [], name: "n" }, "n", []],
    ["by the kernel's name, where they may not be read", { exe: null, words: null, name: "n" }, "n", []],
    [
      "a runtime's script",
      { exe: "/opt/node", words: ["node", `${missing}/a.js`] },
      "node",
      ["/opt/node", `${missing}/a.js`],
    ],
    [
      "a runtime's script that leads to another file",
      { exe: "/opt/node", words: ["node", "/proc/self/exe"] },
      "node",
      ["/opt/node", "/proc/self/exe", runtime],
    ],
    [
      "a runtime's script in its directory",
      { exe: "/opt/node", words: ["node", "self/exe"], directory: "/proc" },
      "node",
      ["/opt/node", "/proc/self/exe", runtime],
    ],
    [
      "no runtime's script that is not there",
      { exe: "/opt/bun", words: ["bun", "run", "claude"], directory: missing },
      "bun",
      ["/opt/bun"],
    ],
    [
      "no script of an unknown directory",
      { exe: "/opt/bun", words: ["bun", "proc/self/exe"] },
      "bun",
      ["/opt/bun"],
    ],
    [
      "a package of npm's",
      { exe: "/opt/deno", words: ["deno", "run", "npm:@google/gemini-cli"] },
      "deno",
      ["/opt/deno", "npm:@google/gemini-cli"],
    ],
    [
      "no script of what is no runtime",
      { exe: "/opt/python3", words: ["python3", "/proc/self/exe"] },
      "python3",
      ["/opt/python3"],
    ],
    ["a runtime without a script", { exe: "/opt/node", words: ["node"] }, "node", ["/opt/node"]],
  ] as const)("%s", (_, one, executable, files) => {
    const found = program(one)
    expect([found.executable, found.files, found.pid]).toEqual([executable, [...files], 10])
    expect(found.aside).toBeUndefined()
  })

  test("what a dynamic loader runs, by its own file", () => {
    const found = program({
      exe: "/lib/ld-linux-x86-64.so.2",
      words: ["ld", "--preload", "x", `${missing}/claude`, "a"],
      name: "ld",
    })
    expect(found).toMatchObject({
      executable: "claude",
      arguments: [`${missing}/claude`, "a"],
      aside: "started by a dynamic loader",
    })
    expect(found.files).toEqual([`${missing}/claude`, `${missing}/claude`])
  })

  test("an interpreter that its environment has prompt, and no other", () => {
    const python = { exe: "/opt/python3", words: ["python3", "chat.py"] } as const
    const environment = ["PYTHONINSPECT=1"]
    const isAsked = (one: Given) => program(one).isAskedToPrompt ?? false
    expect([isAsked({ ...python, environment }), isAsked(python), isAsked({ ...cat, environment })]).toEqual([
      true,
      false,
      false,
    ])
  })
})

const of = (executable: string, more: Partial<Program> = {}): Program => ({
  ...{ executable, name: executable, arguments: [executable] },
  ...more,
})

describe("an agent program is known", () => {
  test.each([
    ["by its file", of("x", { files: ["/opt/claude"] }), "claude"],
    ["by its file before its name", of("codex", { files: ["/opt/claude"] }), "claude"],
    [
      "not by its executable's name, where the file is another",
      of("claude", { files: ["/opt/x"], name: "x", arguments: ["x"] }),
      null,
    ],
    [
      "by its executable's name, where no file is known",
      of("claude", { name: "x", arguments: ["x"] }),
      "claude",
    ],
    ["by what it was called", of("x", { name: "x", arguments: ["/usr/bin/claude"] }), "claude"],
    ["not by its words", of("x", { name: "x", arguments: ["x", "claude"] }), null],
    ["not without words", of("x", { name: "x", arguments: [] }), null],
    ["by the kernel's name", of("x", { name: "claude", arguments: ["x", "y"] }), "claude"],
    [
      "not by the kernel's name, where it is a script's",
      of("x", { name: "claude", arguments: ["x", "y", "/opt/claude-notes"] }),
      null,
    ],
    [
      "by the kernel's name, where a script's ends alike",
      of("x", { name: "claude", arguments: ["x", "/opt/my-claude"] }),
      "claude",
    ],
    ["by a runtime's title", of("node", { name: "x", arguments: ["claude"] }), "claude"],
    ["not by a runtime's other title", of("node", { name: "claude", arguments: ["/opt/claude"] }), null],
    ["not by a shell's title", of("bash", { name: "claude", arguments: ["claude"] }), null],
    ["not among several", of("claude", { several: ["claude", "codex"] }), null],
    ["not aside", of("claude", { aside: apart }), null],
  ] as const)("%s", (_, program, want) => expect(detectProfile(program)).toBe(want))
})

describe("nothing is typed unasked into", () => {
  const runs = (label: string, what: string): string => `${label} runs in the pane${what}`
  const commands = ", which takes keys as commands"
  const relays = ", which hands keys on to another terminal"
  const named = `; ${onlyDirectly("claude")}`
  const words = (executable: string, ...rest: string[]) =>
    of(executable, { arguments: [executable, ...rest] })
  test.each([
    ["a shell", of("bash"), "shell", "a shell (bash) runs in the pane"],
    [
      "a shell that names an agent program",
      words("bash", "-i", "claude"),
      "shell",
      "a shell (bash) runs in the pane",
    ],
    ["a script", words("bash", "run"), "shell", "a shell (bash) runs in the pane"],
    [
      "a script that names one",
      words("bash", "-c", "claude"),
      "shell",
      `a shell (bash) runs in the pane${named}`,
    ],
    ["a pager", of("less"), "other", runs("less", commands)],
    ["a pager of one's notes", words("less", "claude"), "other", runs("less", commands) + named],
    ["a filter", of("awk"), "other", runs("awk", commands)],
    ["a relay", of("ssh"), "shell", runs("ssh", relays)],
    ["a relay to one", words("ssh", "host", "claude"), "shell", runs("ssh", relays) + named],
    ["what started another on a terminal", of("cat", { behind: null }), "shell", runs("cat", relays)],
    [
      "what started an agent program there",
      of("cat", { behind: "claude" }),
      "shell",
      runs("cat", relays) + named,
    ],
    [
      "a shell in a session of its own",
      of("bash", { aside: apart }),
      "shell",
      `a shell (bash) runs in the pane, ${apart}`,
    ],
    ["an agent program there", of("claude", { aside: apart }), "other", `claude runs in the pane, ${apart}`],
    [
      "several",
      of("bash", { several: ["claude", "codex"] }),
      "other",
      "claude and codex run in the pane at once",
    ],
  ] as const)("%s", (_, program, state, reason) => {
    expect(holdOf(program)).toEqual({ state, reason })
    const isMine = program.several === undefined && !reason.startsWith("claude runs")
    expect(isShell(program)).toBe(isMine)
  })

  test("nothing else", () => {
    for (const program of [of("cat"), of("claude"), of("cat", { aside: apart })]) {
      expect(holdOf(program)).toBeNull()
      expect(isShell(program)).toBe(false)
    }
  })

  test("and its owner is told which agent program is named", () => {
    const programs: readonly Program[] = [
      of("cat", { behind: "codex", arguments: ["cat", "claude"] }),
      of("bash", { several: ["gemini", "codex"] }),
      of("opencode", { aside: apart, arguments: ["x", "claude"] }),
      of("cat", { arguments: ["cat", "claude"] }),
      of("cat"),
    ]
    expect(programs.map(namedAgent)).toEqual(["codex", "gemini", "opencode", "claude", null])
  })

  test("a program is called by its script, and without an ending of npm's", () => {
    const labels = [of("node", { arguments: ["node", "/opt/chat.js"] }), of("node"), of("claude.exe")].map(
      programLabel,
    )
    expect(labels).toEqual(["chat.js", "node", "claude"])
  })
})
