/**
 * Nothing lost, nothing twice: two Guardians of the built file under SIGKILL, a hostile network, wrong clocks
 * and full disks. `bun run chaos [--carried | --mixed] [--messages N] [--kills N] [--seed TEXT] [--keep FOLDER]
 * [--binary FILE]`; exit 1 where a message was lost or typed twice. `--carried`: nobody can dial one of them, so it
 * fetches; `--mixed`: that changes, again and again. A seed repeats what is sent, the fate of the n-th connection, the
 * n-th life of each Guardian and when the way changes; what the machine does in between it cannot repeat.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { type ChaosReport, runChaos } from "./chaos/run.ts"
import { isClean, table } from "./chaos/table.ts"

const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "2000" },
    kills: { type: "string", default: "100" },
    seed: { type: "string", default: crypto.randomUUID().slice(0, 8) },
    keep: { type: "string" },
    binary: { type: "string", default: join(import.meta.dir, "../dist/sento-faults") },
    carried: { type: "boolean", default: false },
    mixed: { type: "boolean", default: false },
  },
})
const stopping = new AbortController()
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopping.abort())

process.exit(await main())

async function main(): Promise<number> {
  if (values.carried && values.mixed) return fail("--carried or --mixed, not both")
  if (!existsSync(values.binary)) return fail(`there is no ${values.binary}; run \`bun build.ts --faults\``)
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
    binary: values.binary,
    way: values.carried ? "carried" : values.mixed ? "mixed" : "dialled",
    seed: values.seed,
    messages: Number(values.messages),
    kills: Number(values.kills),
    // Who fetches, asks first whether it can be called, and that takes some seconds.
    life: values.carried || values.mixed ? [200, 30_000] : [200, 4500],
    wayLasts: [2000, 20_000],
    mostStallMilliseconds: 20_000,
    hastens: false,
    fillsDisks: true,
    upgrades: null,
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
