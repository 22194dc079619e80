/**
 * Nothing lost, nothing twice: two Guardians of the built file under SIGKILL, a hostile network, wrong clocks
 * and full disks. `bun run chaos [--messages N] [--kills N] [--seed TEXT] [--keep FOLDER]`; exit 1 where a
 * message was lost or typed twice.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { type ChaosReport, runChaos } from "./chaos/run.ts"
import { isClean, table } from "./chaos/table.ts"

const binary = join(import.meta.dir, "../dist/sento-faults")
const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "2000" },
    kills: { type: "string", default: "100" },
    seed: { type: "string", default: crypto.randomUUID().slice(0, 8) },
    keep: { type: "string" },
  },
})
const stopping = new AbortController()
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopping.abort())

process.exit(await main())

async function main(): Promise<number> {
  if (!existsSync(binary)) return fail("there is no dist/sento-faults; run `bun build.ts --faults`")
  say(`seed ${values.seed}`)
  try {
    const report = await run()
    process.stdout.write(table(values.seed, report))
    return isClean(report) ? 0 : 1
  } catch (error) {
    if (stopping.signal.aborted) return 130
    return fail((error as Error).stack ?? String(error))
  }
}

function run(): Promise<ChaosReport> {
  return runChaos({
    binary,
    seed: values.seed,
    messages: Number(values.messages),
    kills: Number(values.kills),
    life: [200, 4500],
    mostStallMilliseconds: 20_000,
    drainMilliseconds: 420_000,
    fillsDisks: true,
    keep: values.keep ?? null,
    signal: stopping.signal,
    say,
  })
}

function say(line: string): void {
  process.stderr.write(`chaos: ${line}\n`)
}

function fail(reason: string): number {
  say(reason)
  return 1
}
