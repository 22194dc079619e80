/**
 * `bun run fuzz [--seed N] [--inputs 100000]`: inputs that almost make sense, over raw HTTP, headers, bodies,
 * pairing messages, encrypted bodies, config files, the local doors and message texts; against a real Guardian
 * where there is one to ask. Exit 1 where anything crashed, was forged or grew; an input that broke something
 * is kept in test/fuzz/cases/.
 */
import { parseArgs } from "node:util"
import { clearParsers } from "../test/fuzz/parsers.ts"
import { growthOf, keepCase, runFuzz } from "../test/fuzz/run.ts"

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    inputs: { type: "string", default: "100000" },
  },
})
const mostGrowth = 32
const wanted = Number(values.inputs)
process.stdout.write(`seed ${values.seed}, at least ${wanted} inputs\n`)

let unhandled = 0
process.on("unhandledRejection", error => {
  unhandled += 1
  process.stderr.write(`unhandled: ${(error as Error)?.stack ?? error}\n`)
})
let isStopped = false
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => {
    isStopped = true
  })
const startedAt = performance.now()
const isEnough = (inputs: number): boolean => inputs >= wanted || isStopped
const report = await runFuzz({ seed: Number(values.seed), isEnough })
const seconds = (performance.now() - startedAt) / 1000

for (const [target, count] of Object.entries(report.counts)) {
  const answers = Object.entries(report.outcomes[target] ?? {}).sort((a, b) => b[1] - a[1])
  const words = answers.map(([word, times]) => `${word} ${times}`).join(", ")
  process.stdout.write(`${String(count).padStart(7)}  ${target}${words === "" ? "" : `: ${words}`}\n`)
}
const total = Object.values(report.counts).reduce((sum, count) => sum + count, 0)
const growth = growthOf(report.memory)
process.stdout.write(
  `${total} inputs in ${seconds.toFixed(0)} s; ${report.failures.length} failures, ${report.forgeries.length} forgeries taken, ${unhandled} unhandled rejections\n`,
)
process.stdout.write(
  `the Guardian's memory: ${report.memory[0]} MiB first, ${report.memory.at(-1)} MiB last, ${growth} MiB more in the last quarter than in the second\n`,
)
for (const failure of report.failures)
  process.stdout.write(
    `FAILED ${failure.target}: ${failure.why}\n  kept as test/fuzz/cases/${keepCase(failure)}\n`,
  )
clearParsers()
const isGood = report.failures.length + report.forgeries.length + unhandled === 0 && growth <= mostGrowth
process.exit(isGood ? 0 : 1)
