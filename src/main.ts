/** argv → command; prints errors; the only place that ends the process. */
import { type OutputLost, processIo } from "./commands/io.ts"
import { exitStatus, SentoError } from "./protocol/errors.ts"
import { commit, version } from "./version.ts"

let lost: OutputLost | null = null
const io = processIo(failure => {
  lost ??= failure
})
process.exit(await run(process.argv.slice(2)))

async function run(words: readonly string[]): Promise<number> {
  try {
    if (words[0] === "--version" || words[0] === "-V") return tellVersion(words.slice(1))
    if (words[0] === "hook" && words.length === 2 && !words[1]?.startsWith("-")) {
      const { hook } = await import("./commands/hook.ts")
      return await hook(io, words[1] ?? "")
    }
    const { runProgram } = await import("./commands/program.ts")
    const status = await runProgram(io, words)
    return lost === null ? status : report(lost, false)
  } catch (error) {
    // Where the output is lost, whatever else was thrown may come of that.
    return lost === null ? report(error, wantsJson(words)) : report(lost, false)
  }
}

/** Answered before anything is loaded. */
function tellVersion(rest: readonly string[]): number {
  const isJson = rest.length === 1 && rest[0] === "--json"
  if (rest.length > 0 && !isJson)
    throw new SentoError(
      "usage",
      `too many arguments: ${JSON.stringify(rest.join(" "))}`,
      "run `sento --version` or `sento --version --json`",
    )
  io.out(`${isJson ? JSON.stringify({ version, commit, bun: Bun.version }) : version}\n`)
  return 0
}

/** What follows `--` is text. */
function wantsJson(words: readonly string[]): boolean {
  const end = words.indexOf("--")
  return words.slice(0, end < 0 ? words.length : end).includes("--json")
}

const bug = { code: "failed", message: "a bug of sento", hint: "stderr has its stack" } as const

/** `sento: error: …` and `sento: hint: …` for people, `{"error":…}` on stdout for programs. */
function report(error: unknown, isJson: boolean): number {
  if (!(error instanceof SentoError)) {
    io.err(`sento: bug: ${error instanceof Error ? error.stack : String(error)}\n`)
    return isJson ? reportToProgram(bug) : exitStatus.failed
  }
  const { code, message, hint } = error
  if (isJson) return reportToProgram({ code, message, hint })
  // Whoever read stdout has gone, as `head` does: nobody is left to tell.
  if (error !== lost || !lost.isReaderGone)
    io.err(`sento: error: ${message}\n${hint === null ? "" : `sento: hint: ${hint}\n`}`)
  return exitStatus[code]
}

function reportToProgram(error: Pick<SentoError, "code" | "message" | "hint">): number {
  try {
    io.out(`${JSON.stringify({ error })}\n`)
    return exitStatus[error.code]
  } catch (failure) {
    return report(failure, false)
  }
}
