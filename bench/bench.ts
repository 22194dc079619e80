/**
 * `bun run bench [NAME …] [--json] [--binary PATH] [--against PATH] [--seconds 60] [--turns N]`: what sento costs, each
 * row next to its reference in alternation within one run. `--against` adds another sento, such as an older build;
 * `--seconds` shortens the rows that watch something; a NAME is a row's (bench/bench/rows/). Exit 1 where a bar is missed.
 */
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import { describeMachine, machineWords } from "./bench/machine.ts"
import type { Row } from "./bench/row.ts"
import { rows } from "./bench/rows/all.ts"
import { type Line, type Options, runRow } from "./bench/run.ts"
import { openStage, type Stage } from "./bench/stage.ts"
import { tableOf } from "./bench/table.ts"
import { openReferences } from "./reference/compile.ts"

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    binary: { type: "string", default: `${import.meta.dir}/../dist/sento` },
    against: { type: "string" },
    seconds: { type: "string", default: "60" },
    turns: { type: "string" },
  },
})

const options: Options = {
  binary: resolve(values.binary),
  against: values.against === undefined ? null : resolve(values.against),
  seconds: Number(values.seconds),
  turns: values.turns === undefined ? null : Number(values.turns),
  say: progress => process.stderr.write(`${progress}\n`),
}
const chosen = chooseRows(positionals)
const references = openReferences()
const stage = openStage(references, options.seconds / 60)
const { promise: stopped, resolve: stop } = Promise.withResolvers<null>()
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop(null))
const measuring = runAll(stage, chosen)
// Whatever is stopped half-way fails, and that is nobody's news.
measuring.catch(() => {})
const lines = await Promise.race([measuring, stopped]).finally(async () => {
  await stage.close()
  await references.close()
})
if (lines === null) process.exit(130)
report(lines)
if (lines.some(({ verdict }) => verdict === "missed")) process.exitCode = 1

function chooseRows(names: readonly string[]): readonly Row[] {
  const known = rows.map(({ name }) => name)
  const unknown = names.filter(name => !known.includes(name))
  if (unknown.length === 0) return names.length === 0 ? rows : rows.filter(({ name }) => names.includes(name))
  process.stderr.write(`no row is named ${unknown.join(", ")}; there are ${known.join(", ")}\n`)
  process.exit(2)
}

/** A row that fails costs its own lines alone, and the exit status. */
async function runAll(on: Stage, those: readonly Row[]): Promise<readonly Line[]> {
  const all: Line[] = []
  for (const row of those)
    try {
      all.push(...(await runRow(on, row, options)))
    } catch (error) {
      process.exitCode = 1
      options.say(`${row.name} failed: ${(error as Error).message}`)
    }
  return all
}

function report(all: readonly Line[]): void {
  const machine = describeMachine([options.binary, options.against].filter(path => path !== null))
  if (values.json) process.stdout.write(`${JSON.stringify({ machine, lines: all }, null, 2)}\n`)
  else process.stdout.write(`${machineWords(machine)}\n\n${tableOf(all)}`)
}
