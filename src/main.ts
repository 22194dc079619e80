/** argv → command; prints errors; the only place that ends the process. */
import { exitStatus, SentoError } from "./protocol/errors.ts"
import { version } from "./version.ts"

const argv = process.argv.slice(2)
const status = await run(argv)
await Promise.all([flushed(process.stdout), flushed(process.stderr)])
process.exit(status)

/** What was written to a pipe may still be on its way. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise(resolve => stream.write("", () => resolve()))
}

async function run(words: readonly string[]): Promise<number> {
  try {
    if (words.length === 1 && (words[0] === "--version" || words[0] === "-V")) {
      process.stdout.write(`${version}\n`)
      return 0
    }
    const { runProgram } = await import("./commands/program.ts")
    return await runProgram(words)
  } catch (error) {
    return report(error, words.includes("--json"))
  }
}

/** `sento: error: …` and `sento: hint: …` for people, `{"error":…}` on stdout for programs. */
function report(error: unknown, isJson: boolean): number {
  if (!(error instanceof SentoError)) {
    process.stderr.write(`sento: bug: ${error instanceof Error ? error.stack : String(error)}\n`)
    return exitStatus.failed
  }
  const { code, message, hint } = error
  if (isJson) process.stdout.write(`${JSON.stringify({ error: { code, message, hint } })}\n`)
  else process.stderr.write(`sento: error: ${message}\n${hint === null ? "" : `sento: hint: ${hint}\n`}`)
  return exitStatus[code]
}
