/** What an interpreter was started with, by its own options. Programs as a whole: keyboard-owner-names.test.ts. */
import { describe, expect, test } from "bun:test"
import { interpreters, runtimes, type Start, seemsToExecute, startOf } from "../../src/tmux/interpreters.ts"

test("the interpreters by name, and those of JavaScript among them", () => {
  expect([...runtimes].sort()).toEqual(["bun", "deno", "node", "nodejs"])
  expect([...interpreters].sort()).toEqual(
    "bun deno graalpy jruby jython lua luajit micropython node nodejs perl php pypy python ruby truffleruby".split(
      " ",
    ),
  )
})

const nothing: Start = { program: null, text: null, isAskedToPrompt: false }
const script = (...words: [string, ...string[]]): Start => ({ ...nothing, program: { script: true, words } })
const module = (...words: [string, ...string[]]): Start => ({ ...nothing, program: { script: false, words } })
const text = (of: string): Start => ({ ...nothing, text: of })
const prompting = (start: Start): Start => ({ ...start, isAskedToPrompt: true })

type Case = readonly [name: string, words: readonly string[], start: Start]

const byWords: readonly Case[] = [
  ["node", [], nothing],
  ["node", ["--inspect"], nothing],
  ["node", ["chat.js"], script("chat.js")],
  ["node", ["chat.js", "-i", "repl"], script("chat.js", "-i", "repl")],
  ["node", ["--no-warnings", "chat.js"], script("chat.js")],
  ["node", ["--require", "repl", "chat.js"], script("chat.js")],
  ["node", ["--require", "repl"], nothing],
  ["node", ["", "chat.js"], script("chat.js")],
  ["node", ["chat-"], script("chat-")],
  ["node", ["-", "chat.js"], nothing],
  ["node", ["-i", "-"], prompting(nothing)],
  ["node", ["-i"], prompting(nothing)],
  ["node", ["-i", "chat.js"], prompting(script("chat.js"))],
  ["node", ["inspect", "chat.js"], prompting(script("inspect", "chat.js"))],
  ["node", ["-e", "1 + 1", "chat.js"], text("1 + 1")],
  ["node", ["--eval", "1", "2"], text("1")],
  ["node", ["-pe", "1"], text("1")],
  ["node", ["-i", "-e", "1"], prompting(text("1"))],
  ["node", ["-e"], text("")],
  ["bun", ["run", "chat.ts"], script("chat.ts")],
  ["bun", ["run"], nothing],
  ["bun", ["--cwd", "/work", "run", "chat.ts", "run"], script("chat.ts", "run")],
  ["bun", ["repl"], prompting(script("repl"))],
  [
    "deno",
    ["run", "-A", "--config", "deno.json", "npm:@google/gemini-cli"],
    script("npm:@google/gemini-cli"),
  ],
]

const byLetters: readonly Case[] = [
  ["python", [], nothing],
  ["python", ["-u"], nothing],
  ["python", ["chat.py", "-i"], script("chat.py", "-i")],
  ["python", ["chat-"], script("chat-")],
  ["python", ["", "x"], script("", "x")],
  ["python", ["-"], nothing],
  ["python", ["-", "chat.py"], nothing],
  ["python", ["--"], nothing],
  ["python", ["--", "chat.py", "x"], script("chat.py", "x")],
  ["python", ["--", "-i.py", "x"], script("-i.py", "x")],
  ["python", ["-u", "--", "-", "x"], nothing],
  ["python", ["-i"], prompting(nothing)],
  ["python", ["-qi", "chat.py"], prompting(script("chat.py"))],
  ["python", ["-i", "-u", "chat.py"], prompting(script("chat.py"))],
  ["python", ["-i", "-"], prompting(nothing)],
  ["python", ["-i", "--", "chat.py"], prompting(script("chat.py"))],
  ["python", ["--interactive", "--quiet", "chat.py"], prompting(script("chat.py"))],
  ["python", ["--quiet", "chat.py"], script("chat.py")],
  ["python", ["--check-hash-based-pycs", "default", "chat.py"], script("chat.py")],
  ["python", ["-W", "ignore", "chat.py"], script("chat.py")],
  ["python", ["-Wignore", "chat.py"], script("chat.py")],
  ["python", ["-uW", "ignore"], nothing],
  ["python", ["-c", "pass", "x"], text("pass")],
  ["python", ["-cpass", "x"], text("pass")],
  ["python", ["-c--", "x"], text("--")],
  ["python", ["-c"], text("")],
  ["python", ["-ic", "pass"], prompting(text("pass"))],
  ["python", ["-ci", "pass"], text("i")],
  ["python", ["-m", "http.server", "8000"], module("http.server", "8000")],
  ["python", ["-mhttp.server", "8000"], module("http.server", "8000")],
  ["python", ["-u", "-mhttp.server", "8000", "x"], module("http.server", "8000", "x")],
  ["python", ["-im", "json.tool"], prompting(module("json.tool"))],
  ["python", ["-m"], module("")],
  ["perl", ["-Mstrict", "chat.pl"], script("chat.pl")],
  ["perl", ["-M", "chat.pl"], script("chat.pl")],
  ["perl", ["-I", "lib", "chat.pl"], script("chat.pl")],
  ["perl", ["-d", "chat.pl"], prompting(script("chat.pl"))],
  ["perl", ["-lne", "print"], text("print")],
  ["ruby", ["-r", "debug", "chat.rb"], prompting(script("chat.rb"))],
  ["ruby", ["-rdebug/open", "chat.rb"], prompting(script("chat.rb"))],
  ["ruby", ["-rdebugger", "chat.rb"], script("chat.rb")],
  ["ruby", ["-r", "set", "debug"], script("debug")],
  ["ruby", ["-I", "debug", "chat.rb"], script("chat.rb")],
  ["ruby", ["-rirb", "-r", "set", "chat.rb"], prompting(script("chat.rb"))],
  ["ruby", ["-r"], nothing],
  ["lua", ["-l", "x", "-i", "chat.lua"], prompting(script("chat.lua"))],
  ["lua", ["-e", "print(1)"], text("print(1)")],
  ["php", ["-a"], prompting(nothing)],
  ["php", ["-f", "chat.php", "x"], script("chat.php", "x")],
  ["php", ["-fchat.php", "x"], script("chat.php", "x")],
  ["php", ["-f"], nothing],
  ["php", ["--define", "a=1", "chat.php"], script("chat.php")],
  ["php", ["-r", "echo 1;"], text("echo 1;")],
]

describe.each([
  ["whose options are words", byWords],
  ["whose options are letters", byLetters],
] as const)("an interpreter %s", (_, cases) => {
  test.each(cases.map(([name, words, start]) => [[name, ...words].join(" "), name, words, start] as const))(
    "%s",
    (_line, name, words, start) => expect(startOf(name, words)).toEqual(start),
  )
})

test("a text that executes what it reads says so", () => {
  const executing = [
    "exec(input())",
    "x = eval(line)",
    "system $_",
    "puts `ls`",
    "import pdb; pdb.set_trace()",
  ]
  const harmless = ["print(1)", "execute_order(66)", "evaluate()", ""]
  expect(executing.map(seemsToExecute)).toEqual(executing.map(() => true))
  expect(harmless.map(seemsToExecute)).toEqual(harmless.map(() => false))
})
