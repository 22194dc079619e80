/** A command as a function of its words: in this process, without a terminal. */
import { type Io, noTerminal } from "../../src/commands/io.ts"
import { run } from "../../src/commands/run.ts"

export type Ran = { readonly exit: number; readonly stdout: string; readonly stderr: string }

export type Surroundings = {
  readonly environment: Readonly<Record<string, string>>
  readonly cwd: string
  /** What stands in its stdin. */
  readonly input: string
}

/** Runs it to its end. A Guardian that it would start must run already: it would be started from this test. */
export async function runCommand(
  words: readonly string[],
  { environment, cwd, input }: Surroundings,
): Promise<Ran> {
  const said = { stdout: "", stderr: "" }
  const io: Io = {
    out: text => {
      said.stdout += text
    },
    err: text => {
      said.stderr += text
    },
    isTerminal: { stdin: false, stdout: false, stderr: false },
    sizeOf: () => noTerminal,
    stdin: () => new Blob([input]).stream(),
    environment,
    cwd: () => cwd,
  }
  const exit = await run(io, words)
  return { exit, ...said }
}
