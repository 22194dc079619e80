/** What becomes of a key, by a program's names and words. Every name of each kind: keyboard-owner-names.test.ts. */
import { describe, expect, test } from "bun:test"
import {
  interpreterOf,
  isKnownOtherwise,
  isLauncher,
  isRuntime,
  kindOf,
  loadedBy,
  type Named,
  scriptOf,
} from "../../src/tmux/shells.ts"

/** A program by its words; its executable and the kernel's name as it was called, where nothing else is said. */
const program = (line: string, more: Partial<Named> = {}): Named => {
  const words = line.split(" ")
  return { executable: words[0] ?? "", name: words[0] ?? "", arguments: words, ...more }
}
/** One that goes by this name alone. */
const other = (more: Partial<Named>): Named => ({ executable: "x", name: "x", arguments: ["x"], ...more })

test.each([
  ["a shell by its executable", other({ executable: "bash" }), "shell"],
  ["a shell by the kernel's name", other({ name: "bash" }), "shell"],
  ["a shell by what it was called", other({ arguments: ["/bin/bash"] }), "shell"],
  ["nothing by a title that ends like a path", other({ arguments: ["a title /bin/bash"] }), "other"],
  ["nothing by its further words", program("x bash"), "other"],
  ["nothing without words", other({ arguments: [] }), "other"],
  ["a relay before a shell", program("bash", { name: "ssh" }), "relay"],
  ["a relay before a pager", program("less", { name: "ssh" }), "relay"],
  ["a pager before a shell", program("bash", { name: "less" }), "commands"],
  ["a shell before a filter", program("awk", { name: "bash" }), "shell"],
  ["a filter before an interpreter's script", program("python3 chat.py", { name: "awk" }), "filter"],
  ["a machine by its executable", other({ executable: "qemu-system-x86_64" }), "relay"],
  ["a machine by the kernel's name", other({ name: "qemu-system-aar" }), "relay"],
  ["a machine by what it was called", other({ arguments: ["/usr/bin/qemu-system-arm"] }), "relay"],
  ["no machine by another name", other({ executable: "my-qemu-system" }), "other"],
  ["an interpreter by its executable alone", other({ name: "python3", arguments: ["python3"] }), "other"],
  ["a prompt by its first word", program("x repl"), "commands"],
  ["a prompt by its first word behind options", program("x -v --w repl"), "commands"],
  ["no prompt by a later word", program("x run- repl"), "other"],
  ["no prompt by its own name", program("repl"), "other"],
  ["no prompt without a word", program("x -v"), "other"],
] as const)("%s", (_, named, want) => expect(kindOf(named)).toBe(want))

describe("an interpreter", () => {
  test.each([
    ["without a program prompts", program("python3"), "commands"],
    ["of another name prompts, too", program("python3", { executable: "python3.11" }), "commands"],
    ["that was called nothing prompts", program("python3", { arguments: [] }), "commands"],
    [
      "without a program, but with a title of its own, runs one",
      program("title", { executable: "python3" }),
      "other",
    ],
    ["asked to prompt does", program("python3 -i chat.py"), "commands"],
    ["asked by its environment does", program("python3 chat.py", { isAskedToPrompt: true }), "commands"],
    ["with a text does not prompt", program("python3 -c pass"), "other"],
    ["with a text that executes", program("python3 -c exec(input())"), "commands"],
    ["with a script is what that is called", program("python3 /usr/bin/xonsh -c x"), "script"],
    ["with a script is what that is told", program("python3 manage.py shell"), "commands"],
    ["with a script of the library", program("python3 /usr/lib/python3.11/pdb.py x"), "commands"],
    ["with a script of a package", program("python3 /opt/site-packages/IPython/core.py"), "commands"],
    ["with a package's entry", program("python3 lib/IPython/__main__.py"), "commands"],
    ["with a module", program("python3 -m IPython"), "commands"],
    ["with a part of a module", program("python3 -m xonsh.main -c x"), "script"],
    ["with a module that prompts by itself", program("python3 -m Code"), "commands"],
    ["with a script of that name", program("python3 code.py"), "other"],
    ["with a module of another name", program("python3 -m chat repl.py"), "other"],
    ["with a module that is told to prompt", program("python3 -m flask shell"), "commands"],
  ] as const)("%s", (_, named, want) => expect(kindOf(named)).toBe(want))

  test("is known by its name, and its script by its own words", () => {
    const names = ["python3.11", "node", "bun", "cat"].map(line => program(line))
    expect(names.map(interpreterOf)).toEqual(["python", "node", "bun", null])
    expect(names.map(isRuntime)).toEqual([false, true, true, false])
    const lines = ["node a.js b.js", "python3 -m chat", "python3 -c pass", "python3", "cat a.js"]
    expect(lines.map(line => scriptOf(program(line)))).toEqual(["a.js", null, null, null, null])
  })
})

test("what is known for itself, and what starts others", () => {
  const known = ["bash", "python3", "less", "ssh", "awk"].map(line => program(line))
  expect(known.map(isKnownOtherwise)).toEqual(known.map(() => true))
  expect(isKnownOtherwise(other({ name: "bash", arguments: ["bash"] }))).toBe(false)
  expect([program("timeout 5 x"), other({ name: "timeout" })].map(isLauncher)).toEqual([true, false])
})

describe("one file for many programs", () => {
  const busybox = (line: string): Named => program(line, { executable: "busybox" })
  test.each([
    ["alone, is a shell", busybox("busybox"), "shell"],
    ["with a shell's name", busybox("busybox sh"), "shell"],
    ["with a shell's name and a command", busybox("busybox sh -c x"), "script"],
    ["with a shell's name that reads the terminal", busybox("busybox sh -s file"), "shell"],
    ["called a shell that reads the terminal", busybox("sh -s file"), "shell"],
    ["called a shell, with a file", busybox("sh file"), "script"],
    ["with a filter's name", busybox("busybox awk"), "filter"],
    ["called a filter", busybox("awk x"), "filter"],
    ["with another name", busybox("busybox cat sh"), "other"],
  ] as const)("%s", (_, named, want) => expect(kindOf({ ...named, name: "" })).toBe(want))
})

test.each([
  ["bash", "shell"],
  ["bash file", "script"],
  ["bash -c", "script"],
  ["bash -c x", "script"],
  ["bash -c -i x", "shell"],
  ["bash -c -x", "script"],
  ["bash --command x", "script"],
  ["bash -o pipefail", "shell"],
  ["bash -o pipefail file", "script"],
  ["bash --rcfile rc file", "script"],
  ["bash -x", "shell"],
  ["bash -x file", "script"],
  ["bash +x file", "script"],
  ["bash -", "shell"],
  ["bash -- file", "shell"],
  ["bash --interactive file", "shell"],
] as const)("%s: a %s", (line, want) => expect(kindOf(program(line))).toBe(want))

test.each([
  ["/bin/bash", "bash"],
  ["-bash", "bash"],
  ["bash.exe", "bash"],
  [".bash-wrapped", "bash"],
  ["..bash-wrapped_-wrapped", "bash"],
  ["bash-5.2-static", "bash"],
  ["bash_amd64", "bash"],
] as const)("%s is %s", name => expect(kindOf(other({ executable: name }))).toBe("shell"))

test.each(["5", "-", ".5", "bashful", "xbash", "5.2"])("%s is no shell", name =>
  expect(kindOf(other({ executable: name }))).toBe("other"),
)

test.each([
  ["ld.so --preload x --argv0 y /bin/bash -c x", ["/bin/bash", "-c", "x"]],
  ["ld.so -q /bin/bash", ["/bin/bash"]],
  ["ld.so x", ["x"]],
  ["ld.so --preload x", null],
  ["ld.so --preload", null],
  ["ld.so", null],
] as const)("a dynamic loader runs: %s", (line, want) => {
  expect(loadedBy("ld.so", line.split(" "))).toEqual(want as never)
  expect(loadedBy("bash", line.split(" "))).toBeNull()
})
