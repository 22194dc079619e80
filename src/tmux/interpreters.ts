/** What an interpreter was started with, by its own options (their manuals; `python3 --help`, perlrun(1), php(1)). Pure. */

/** What an interpreter was started with. */
export type Start = {
  /** The program that its arguments name, and what is handed to that: a script, or a module; null without one. */
  readonly program: { readonly script: boolean; readonly words: readonly [string, ...string[]] } | null
  /** The text of a program that stands in its arguments, or null. */
  readonly text: string | null
  /** A prompt or a debugger, whatever else it runs. */
  readonly isAskedToPrompt: boolean
}

/**
 * What a letter among an interpreter's options means: `value` has one, behind it or as the next word; `rest` only
 * behind it; `library` is a value that may be a prompt's; `text` is a program, `module` and `script` name one.
 */
type Meaning = "value" | "rest" | "library" | "text" | "module" | "script" | "prompt"

const meanings = (table: Partial<Record<Meaning, string>>): ReadonlyMap<string, Meaning> =>
  new Map(
    Object.entries(table).flatMap(([meaning, letters]) => [...letters].map(l => [l, meaning as Meaning])),
  )

const python = meanings({ value: "WXQ", text: "c", module: "m", prompt: "i" })
const perl = meanings({ value: "I", rest: "MmCDFixV", text: "eE", prompt: "d" })
const ruby = meanings({ value: "ICE", rest: "FiKTWx", library: "r", text: "e" })
const lua = meanings({ value: "l", rest: "jO", text: "e", prompt: "i" })
const php = meanings({ value: "cdzSt", text: "rRBE", script: "fF", prompt: "a" })

/** By name; null for JavaScript's runtimes, whose options are words. */
const languages = new Map<string, ReadonlyMap<string, Meaning> | null>([
  ...["node", "nodejs", "bun", "deno"].map(name => [name, null] as const),
  ...["python", "pypy", "graalpy", "jython", "micropython"].map(name => [name, python] as const),
  ...["ruby", "jruby", "truffleruby"].map(name => [name, ruby] as const),
  ...["lua", "luajit"].map(name => [name, lua] as const),
  ["perl", perl],
  ["php", php],
])

/** Without a script of theirs they show a prompt, or read one from the terminal. */
export const interpreters: ReadonlySet<string> = new Set(languages.keys())

/** JavaScript's runtimes, in which agent programs run as scripts. */
export const runtimes: ReadonlySet<string> = new Set(
  [...languages].filter(([, letters]) => letters === null).map(([name]) => name),
)

const nothing = { program: null, text: null } as const

/** @param name - one of {@link interpreters}; @param words - its arguments, without its own name */
export function startOf(name: string, words: readonly string[]): Start {
  const letters = languages.get(name) ?? null
  return letters === null ? startOfRuntime(words) : startByLetters(letters, words)
}

/** A program by its words; `-` is the terminal itself. */
const scriptAt = (words: readonly string[], isAskedToPrompt: boolean): Start => {
  const [script, ...rest] = words
  if (script === undefined || script === "-") return { ...nothing, isAskedToPrompt }
  return { program: { script: true, words: [script, ...rest] }, text: null, isAskedToPrompt }
}

const runtimeValues: ReadonlySet<string> = new Set(
  `-r --require --import --loader --experimental-loader -C --conditions --env-file --env-file-if-exists --title
  --cwd --config --preload --import-map --cert --seed --log-level -L`.split(/\s+/),
)

function startOfRuntime(words: readonly string[]): Start {
  let isAskedToPrompt = false
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? ""
    isAskedToPrompt ||= /^(?:-i|--interactive|inspect|repl)$/.test(word)
    if (runtimeValues.has(word)) index++
    else if (/^(?:-[a-z]*e|-p|--eval|--print)$/.test(word))
      return { program: null, text: words[index + 1] ?? "", isAskedToPrompt }
    else if (word === "-") return { ...nothing, isAskedToPrompt }
    else if (!word.startsWith("-") && word !== "" && word !== "run")
      return scriptAt(words.slice(index), isAskedToPrompt)
  }
  return { ...nothing, isAskedToPrompt }
}

const longValues = /^--(?:check-hash-based-pycs|define|php-ini|server|docroot|encoding)$/
const promptLibrary = /^(?:debug|irb|pry|byebug|ripl)(?:\/|$)/

function startByLetters(letters: ReadonlyMap<string, Meaning>, words: readonly string[]): Start {
  let isAskedToPrompt = false
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? ""
    if (word === "--") return scriptAt(words.slice(index + 1), isAskedToPrompt)
    if (!word.startsWith("-") || word === "-") return scriptAt(words.slice(index), isAskedToPrompt)
    if (word.startsWith("--")) {
      isAskedToPrompt ||= word === "--interactive"
      if (longValues.test(word)) index++
      continue
    }
    const { meaning, value, prompts } = readCluster(letters, word)
    isAskedToPrompt ||= prompts
    if (meaning === null || meaning === "rest") continue
    const after = value === "" ? words.slice(index + 1) : [value, ...words.slice(index + 1)]
    if (value === "") index++
    if (meaning === "text") return { program: null, text: after[0] ?? "", isAskedToPrompt }
    if (meaning === "script") return scriptAt(after, isAskedToPrompt)
    if (meaning === "module") {
      const [module = "", ...rest] = after
      return { program: { script: false, words: [module, ...rest] }, text: null, isAskedToPrompt }
    }
    if (meaning === "library") isAskedToPrompt ||= promptLibrary.test(after[0] ?? "")
  }
  return { ...nothing, isAskedToPrompt }
}

/** Letters in one word, as in `-qi` and `-im json.tool`: the last one may have a value. */
function readCluster(letters: ReadonlyMap<string, Meaning>, word: string) {
  let prompts = false
  // The dash in front has no meaning.
  for (const [at, letter] of word.split("").entries()) {
    const meaning = letters.get(letter) ?? null
    if (meaning === "prompt") prompts = true
    else if (meaning !== null) return { meaning, value: word.slice(at + 1), prompts }
  }
  return { meaning: null, value: "", prompts }
}

/** What asks an interpreter for a prompt, beside its arguments. */
const asking: readonly (readonly [ReadonlyMap<string, Meaning>, RegExp])[] = [
  [python, /^PYTHONINSPECT=./],
  [perl, /^PERL5OPT=.*-\w*d/],
  [ruby, /^RUBYOPT=.*-r ?(?:debug|irb|pry|byebug)/],
]

/** Whether an interpreter's environment has it prompt when its script ends, or debug it. @param environment - `NAME=value` */
export const isPromptingBy = (name: string, environment: readonly string[]): boolean =>
  asking.some(([of, pattern]) => languages.get(name) === of && environment.some(entry => pattern.test(entry)))

/** Words of a program that executes lines: a prompt's, or a call of a shell or of itself. */
const executing =
  /\b(?:interact|repl|embed|irb|pry|i?pdb|set_trace|breakpoint|eval|exec|execSync|system|popen|qx)\b|`/i

/** Whether the text of a program in the arguments says that it executes what it reads, as far as one can see. */
export const seemsToExecute = (text: string): boolean => executing.test(text)
