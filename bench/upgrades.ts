/**
 * Upgraded and downgraded under traffic: two agents that talk all the time, while the file of `sento` is replaced by
 * another build again and again, and each Guardian restarted. `bun run upgrades [--times N] [--messages N] [--seed TEXT]
 * [--other FILE]`: the other build, with fault points; otherwise one of the same source with another commit. Exit 1 where
 * a message was lost or typed twice, or a command did not say that another build runs.
 */
import { copyFileSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { compile, currentCommit } from "../compile.ts"
import { runChaos } from "./chaos/run.ts"
import { isClean, table } from "./chaos/table.ts"

const { values } = parseArgs({
  options: {
    times: { type: "string", default: "50" },
    messages: { type: "string", default: "400" },
    seed: { type: "string", default: crypto.randomUUID().slice(0, 8) },
    other: { type: "string" },
  },
})
const stopping = new AbortController()
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopping.abort())
const say = (line: string): void => void process.stderr.write(`upgrades: ${line}\n`)

const folder = mkdtempSync(join(tmpdir(), "sento-upgrades-"))
try {
  const own = join(folder, "own")
  await compile(own, { commit: currentCommit(), withFaults: true })
  const other = values.other ?? join(folder, "other")
  if (values.other === undefined) await compile(other, { commit: "f".repeat(40), withFaults: true })
  const binary = join(folder, "sento")
  copyFileSync(own, binary)
  const report = await runChaos({
    binary,
    way: "dialled",
    seed: values.seed,
    messages: Number(values.messages),
    kills: 0,
    // Nothing but the upgrade ends a Guardian.
    life: [600_000, 600_000],
    wayLasts: [1, 1],
    mostStallMilliseconds: 2000,
    hastens: true,
    fillsDisks: false,
    upgrades: { builds: [own, other], times: Number(values.times) },
    keep: null,
    signal: stopping.signal,
    say,
  })
  process.stdout.write(table(values.seed, report))
  process.exitCode = isClean(report) ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
