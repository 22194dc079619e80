/**
 * `bun run hostile [--count 500] [--program claude] [--seed N] [--from DIR]`: texts that are made to be misread,
 * from strangers, and an honest line of another peer behind each. A Guardian of the built file types them into the
 * program's double, or with `--from` into the real program, with a made-up key and a stub of its model in a network
 * namespace without a way out. Exit 1 where an honest line waited for more than ten seconds, or was lost.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import fc from "fast-check"
import { hostileText } from "../test/support/hostile-texts.ts"
import { type Jammed, type JamResult, jam, withDouble } from "../test/support/jam.ts"
import { isInNamespace, runInNamespace } from "./lab/namespace.ts"
import { executableOf, type LabProgram, labPrograms } from "./lab/programs.ts"
import { startStubModel } from "./lab/stub-model.ts"
import { printTable } from "./lab/table.ts"

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "500" },
    program: { type: "string", default: "claude" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    from: { type: "string" },
  },
})
const mostWaitMilliseconds = 10_000
const patienceMilliseconds = 60_000
/** What is told of. */
const slowMilliseconds = 4000

async function main(): Promise<number> {
  const program = labPrograms[values.program as LabProgram["name"]]
  const executable =
    program === undefined || values.from === undefined ? null : executableOf(program, values.from)
  if (program === undefined || (values.from !== undefined && executable === null)) {
    process.stderr.write("usage: bun run hostile [--program claude|codex|gemini|opencode] [--from DIR]\n")
    return 64
  }
  if (executable !== null && !isInNamespace()) return runInNamespace()
  process.stdout.write(`seed ${values.seed}\n`)
  const texts = fc.sample(hostileText, { numRuns: Number(values.count), seed: Number(values.seed) })
  return report(await jamAll(program, executable, texts))
}

/** After a jam it begins anew behind the text that did it, with another Guardian and another pane. */
async function jamAll(
  program: LabProgram,
  executable: string | null,
  texts: readonly string[],
): Promise<JamResult[]> {
  const results: JamResult[] = []
  for (let done = 0; done < texts.length; ) {
    const act = (pane: Jammed): Promise<JamResult> =>
      jam(pane, texts.slice(done), patienceMilliseconds, wait => {
        if (wait !== null && wait > slowMilliseconds)
          process.stderr.write(`${wait} ms behind ${JSON.stringify(texts[done])}\n`)
        done++
        if (done % 25 === 0 || wait === null) process.stderr.write(`${done} of ${texts.length}\n`)
      })
    const result =
      executable === null ? await withDouble(program.name, act) : await withProgram(program, executable, act)
    for (const { text, state, log, screen } of result.jams)
      process.stderr.write(`JAMMED (${state}) behind ${JSON.stringify(text)}\n${log}\n${screen}\n`)
    results.push(result)
  }
  return results
}

/** The real program as the lab starts it (bench/lab/session.ts), but in the Guardian's own tmux server. */
async function withProgram<Result>(
  program: LabProgram,
  executable: string,
  act: (pane: Jammed) => Promise<Result>,
): Promise<Result> {
  const root = mkdtempSync(join(tmpdir(), "sento-hostile-"))
  const place = { home: join(root, "home"), work: join(root, "work") }
  for (const directory of Object.values(place)) mkdirSync(directory)
  const stub = startStubModel({ command: () => "true", delayMilliseconds: () => 0 })
  program.prepare({ ...place, port: stub.port })
  const variables = {
    ...{ HOME: place.home, SHELL: "/bin/sh", TERM: "xterm-256color" },
    ...program.environment({ ...place, port: stub.port }),
  }
  const settings = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
  const command = ["env", "-C", place.work, ...settings, executable, ...program.arguments]
  try {
    return await act({
      profile: program.name,
      command,
      submitted: () => stub.conversation(),
      mishaps: () => [],
    })
  } finally {
    stub[Symbol.dispose]()
    rmSync(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}

function report(results: readonly JamResult[]): number {
  const waits = results.flatMap(result => result.waits).toSorted((a, b) => a - b)
  const count = (pick: (result: JamResult) => readonly unknown[]): number => results.flatMap(pick).length
  const hostile = (state: string): number =>
    results.reduce((sum, result) => sum + (result.hostile[state] ?? 0), 0)
  const at = (part: number): number => waits[Math.min(waits.length - 1, Math.floor(waits.length * part))] ?? 0
  const jams = count(result => result.jams)
  const lost = count(result => result.lost)
  const mishaps = count(result => result.mishaps)
  const most = at(1)
  printTable(
    "program|honest lines|median ms|95 % below ms|most ms|jammed|lost|hostile delivered|uncertain|mishaps".split(
      "|",
    ),
    [
      [
        values.from === undefined ? `double of ${values.program}` : values.program,
        ...[
          waits.length,
          at(0.5),
          at(0.95),
          most,
          jams,
          lost,
          hostile("delivered"),
          hostile("uncertain"),
          mishaps,
        ].map(String),
      ],
    ],
  )
  for (const line of results.flatMap(result => result.lost)) process.stderr.write(`lost: ${line}\n`)
  for (const mishap of results.flatMap(result => result.mishaps)) process.stderr.write(`mishap: ${mishap}\n`)
  return jams + lost + mishaps === 0 && most <= mostWaitMilliseconds ? 0 : 1
}

process.exit(await main())
