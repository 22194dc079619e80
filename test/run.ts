/**
 * The whole check: formatting and lint, types, the build, all tests. Its last line is `N passed, N failed`,
 * where each of the first three counts as one.
 */
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

type Count = { readonly passed: number; readonly failed: number; readonly skipped: number }

const counts = [
  await step("format and lint", ["bunx", "biome", "ci", "--colors=off", "."]),
  await step("types", ["bunx", "tsc", "--noEmit"]),
  await step("build", ["bun", "build.ts"]),
  await step("build with fault points", ["bun", "build.ts", "--faults"]),
  await runTests(process.argv.slice(2)),
]
const sum = (pick: (count: Count) => number): number => counts.reduce((total, one) => total + pick(one), 0)
const skipped = sum(one => one.skipped)
process.stdout.write(
  `${sum(one => one.passed)} passed, ${sum(one => one.failed)} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`,
)
process.exit(sum(one => one.failed) === 0 ? 0 : 1)

async function step(name: string, command: readonly string[]): Promise<Count> {
  process.stdout.write(`── ${name}\n`)
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "inherit", stderr: "inherit" })
  const isGood = (await child.exited) === 0
  return { passed: isGood ? 1 : 0, failed: isGood ? 0 : 1, skipped: 0 }
}

/** The tests, with a folder of their own for what is temporary: one that leaves something there has failed. */
async function runTests(filters: readonly string[]): Promise<Count> {
  process.stdout.write("── tests\n")
  const folder = mkdtempSync(join(tmpdir(), "sento-run-"))
  // Other users of the machine, in the tests that try them, get this far.
  chmodSync(folder, 0o755)
  try {
    const count = await countTests(filters, folder)
    const left = readdirSync(folder)
    if (left.length === 0) return count
    process.stdout.write(`left behind: ${left.join(", ")}\n`)
    return { ...count, failed: count.failed + 1 }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The counts come from bun's own report; without one, the run itself has failed. */
async function countTests(filters: readonly string[], folder: string): Promise<Count> {
  const report = join(folder, "report.xml")
  const command = [
    "bun",
    "test",
    // Most of a test's time goes into waiting for processes: three times as many as the 2 cores of a small machine.
    "--parallel=6",
    // The longest files first, so that none is waited for at the end; `--update-timings` writes them anew.
    "--timings=test/timings.json",
    // For what hangs; no machine is so busy.
    "--timeout=120000",
    "--reporter=junit",
    `--reporter-outfile=${report}`,
    ...filters,
  ]
  const env = { ...process.env, TMPDIR: folder }
  const child = Bun.spawn(command, { env, stdin: "ignore", stdout: "inherit", stderr: "inherit" })
  const exit = await child.exited
  const text = await Bun.file(report)
    .text()
    .catch(() => "")
  rmSync(report, { force: true })
  const total = /<testsuites\b[^>]*>/.exec(text)?.[0] ?? ""
  const read = (name: string): number => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(total)?.[1] ?? 0)
  const failed = read("failures") + read("errors")
  const passed = read("tests") - read("skipped") - failed
  const isHonest = total !== "" && read("tests") > 0 && (exit === 0) === (failed === 0)
  return { passed, failed: isHonest ? failed : Math.max(1, failed), skipped: read("skipped") }
}
