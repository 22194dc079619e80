/** A short run of `bun run fuzz`; SENTO_FUZZ_SECONDS and SENTO_FUZZ_SEED make it longer, or another one. */
import { afterAll, expect, test } from "bun:test"
import { hasClock } from "../support/besieged.ts"
import { clearParsers, parsers } from "./parsers.ts"
import { growthOf, keptCases, runFuzz } from "./run.ts"
import { openFuzzed } from "./wire.ts"

const seconds = Number(process.env.SENTO_FUZZ_SECONDS ?? 20)
const seed = Number(process.env.SENTO_FUZZ_SEED ?? 20261124)
const mostGrowth = 32
/** In fewer, on a machine with much else to do, its programs are still warming up. */
const fewestRounds = 12
afterAll(clearParsers)

test.skipIf(!hasClock)(
  "twenty seconds of garbage at every door: no crash, no forgery taken, memory flat",
  async () => {
    const end = performance.now() + seconds * 1000
    let rounds = 0
    const { counts, failures, forgeries, memory } = await runFuzz({
      seed,
      isEnough: () => {
        rounds += 1
        return performance.now() > end && rounds > fewestRounds
      },
    })
    expect({ failures, forgeries }).toEqual({ failures: [], forgeries: [] })
    expect(growthOf(memory)).toBeLessThan(mostGrowth)
    expect(Object.values(counts).filter(count => count === 0)).toEqual([])
  },
  seconds * 1000 + 120_000,
)

test.skipIf(!hasClock)(
  "every input that once broke something is taken without harm",
  async () => {
    const guardian = await openFuzzed()
    try {
      for (const { name, target, bytes } of keptCases()) {
        parsers[target]?.run(bytes)
        await guardian.targets[target]?.run(bytes)
        expect({ name, trouble: guardian.trouble() }).toEqual({ name, trouble: null })
        expect([...Object.keys(parsers), ...Object.keys(guardian.targets)]).toContain(target)
      }
      expect(guardian.forgeries()).toEqual([])
    } finally {
      await guardian.close()
    }
  },
  120_000,
)
