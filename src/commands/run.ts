/** One command line, from its words to its exit status: what goes wrong is told here. */
import { exitStatus, SentoError } from "../protocol/errors.ts"
import { commit, version } from "../version.ts"
import type { Io } from "./io.ts"
import { OutputLost } from "./io.ts"

/** Runs it. @returns the exit status */
export async function run(io: Io, words: readonly string[]): Promise<number> {
  let lost: OutputLost | null = null
  const noting: Io = {
    ...io,
    out: text => {
      try {
        io.out(text)
      } catch (error) {
        if (error instanceof OutputLost) lost ??= error
        throw error
      }
    },
  }
  const isJson = wantsJson(words)
  try {
    const status = await act(noting, words)
    return lost === null ? status : report(io, lost, isJson)
  } catch (error) {
    // Where the output is lost, whatever else is thrown may come of that.
    return report(io, lost ?? error, isJson)
  }
}

async function act(io: Io, words: readonly string[]): Promise<number> {
  if (["--version", "-V", "version"].includes(words[0] ?? "")) return tellVersion(io, words.slice(1))
  if (words[0] === "hook" && words.length === 2 && !words[1]?.startsWith("-")) {
    const { hook } = await import("./hook.ts")
    return hook(io, words[1] ?? "")
  }
  if (isGuardian(words)) {
    const { findAgent } = await import("./which-agent.ts")
    const found = await findAgent(io)
    const { guardForeground } = await import("./guard-foreground.ts")
    if (found.kind === "found") return guardForeground(io, found.paths)
  }
  if (words[0] === "plugin") {
    const { plugin } = await import("./plugin.ts")
    return plugin(io, words.slice(1), async () => (await import("./program.ts")).runProgram(io, ["mcp"]))
  }
  const { grammarOf, runProgram } = await import("./program.ts")
  if (words[0] === "complete") {
    const { complete } = await import("./complete.ts")
    return complete(io, words.slice(1), name => grammarOf(io, name))
  }
  return runProgram(io, words)
}

/** As a Guardian is started in the background, or with the machine. */
const isGuardian = (words: readonly string[]): boolean =>
  ["guard --foreground", "guard --foreground --json"].includes(words.join(" "))

/** Answered before anything is loaded. */
function tellVersion({ out }: Io, rest: readonly string[]): number {
  const isJson = rest.length === 1 && rest[0] === "--json"
  if (rest.length > 0 && !isJson)
    throw new SentoError(
      "usage",
      `too many arguments: ${JSON.stringify(rest.join(" "))}`,
      "run `sento --version` or `sento --version --json`",
    )
  out(`${isJson ? JSON.stringify({ version, commit, bun: Bun.version }) : version}\n`)
  return 0
}

/** What follows `--` is text. */
function wantsJson(words: readonly string[]): boolean {
  const end = words.indexOf("--")
  return words.slice(0, end < 0 ? words.length : end).includes("--json")
}

const bug = { code: "failed", message: "a bug of sento", hint: "stderr has its stack" } as const

/** `sento: error: …` and `sento: hint: …` for people, `{"error":…}` on stdout for programs. */
async function report(io: Io, error: unknown, isJson: boolean): Promise<number> {
  // Whoever read stdout has gone, as `head` does: nobody is left to tell.
  if (error instanceof OutputLost && error.isReaderGone) return exitStatus[error.code]
  if (!(error instanceof SentoError)) {
    io.err(`sento: bug: ${error instanceof Error ? error.stack : String(error)}\n`)
    return isJson ? reportToProgram(io, bug) : exitStatus.failed
  }
  if (isJson && !(error instanceof OutputLost)) return reportToProgram(io, error)
  const { code, message, hint } = error
  // A person did so: nothing went wrong.
  const mark = code === "interrupted" ? "" : "error: "
  const { tell } = await import("./terminal.ts")
  tell(io, `sento: ${mark}${message}`)
  if (hint !== null) tell(io, `sento: hint: ${hint}`)
  return exitStatus[code]
}

async function reportToProgram(
  io: Io,
  { code, message, hint }: Pick<SentoError, "code" | "message" | "hint">,
): Promise<number> {
  try {
    io.out(`${JSON.stringify({ error: { code, message, hint } })}\n`)
    return exitStatus[code]
  } catch (lost) {
    return report(io, lost, false)
  }
}
