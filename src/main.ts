/** argv → command; prints errors; the only place that ends the process. */
import { exitStatus, SentoError } from "./protocol/errors.ts"
import { commit, version } from "./version.ts"

const argv = process.argv.slice(2)
process.stdout.on("error", endWithReader)
const status = await run(argv)
await Promise.all([flushed(process.stdout), flushed(process.stderr)])
process.exit(status)

/** Whoever read stdout has gone, as `head` does: nobody is left to tell. */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error
  process.exit(exitStatus.failed)
}

/** What was written to a pipe may still be on its way. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise(resolve => stream.write("", () => resolve()))
}

const bug = { code: "failed", message: "a bug of sento", hint: "stderr has its stack" }

async function run(words: readonly string[]): Promise<number> {
  try {
    if (words[0] === "--version" || words[0] === "-V") return tellVersion(words.slice(1))
    if (words[0] === "hook" && words.length === 2 && !words[1]?.startsWith("-")) {
      const { hook } = await import("./commands/hook.ts")
      return await hook(words[1] ?? "")
    }
    const { runProgram } = await import("./commands/program.ts")
    return await runProgram(words)
  } catch (error) {
    return report(error, wantsJson(words))
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
  process.stdout.write(`${isJson ? JSON.stringify({ version, commit, bun: Bun.version }) : version}\n`)
  return 0
}

/** What follows `--` is text. */
function wantsJson(words: readonly string[]): boolean {
  const end = words.indexOf("--")
  return words.slice(0, end < 0 ? words.length : end).includes("--json")
}

/** `sento: error: …` and `sento: hint: …` for people, `{"error":…}` on stdout for programs. */
function report(error: unknown, isJson: boolean): number {
  if (!(error instanceof SentoError)) {
    process.stderr.write(`sento: bug: ${error instanceof Error ? error.stack : String(error)}\n`)
    if (isJson) process.stdout.write(`${JSON.stringify({ error: bug })}\n`)
    return exitStatus.failed
  }
  const { code, message, hint } = error
  if (isJson) process.stdout.write(`${JSON.stringify({ error: { code, message, hint } })}\n`)
  else process.stderr.write(`sento: error: ${message}\n${hint === null ? "" : `sento: hint: ${hint}\n`}`)
  return exitStatus[code]
}
