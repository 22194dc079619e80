/** The file of `sento` replaced while Guardians run, as an update does it, and each restarted: back and forth. */
import { copyFileSync, renameSync } from "node:fs"
import type { ChaosOptions } from "./run.ts"
import type { Side } from "./side.ts"
import { sleep } from "./sleep.ts"

export type UpgradeCounts = { times: number; asked: number; told: number }

/** Guardians live on for a moment: what the command of the new build says to them is a part of it. */
const restMilliseconds = 400

/** Until the signal ends it. */
export async function upgrade(
  { upgrades, binary }: Pick<ChaosOptions, "upgrades" | "binary">,
  sides: readonly Side[],
  signal: AbortSignal,
  counts: UpgradeCounts,
): Promise<void> {
  while (upgrades !== null && !signal.aborted) {
    await sleep(restMilliseconds, signal)
    if (signal.aborted) return
    counts.times += 1
    const build = upgrades.builds[counts.times % 2] ?? binary
    replace(binary, build)
    const commit = commitOf(build)
    for (const side of sides) {
      const said = await side.statusWords()
      if (said !== null && said.commit !== commit) {
        counts.asked += 1
        if (said.words.includes("runs, this is")) counts.told += 1
      }
      side.askToStop()
    }
  }
}

const commitOf = (build: string): string =>
  JSON.parse(Bun.spawnSync([build, "--version", "--json"]).stdout.toString()).commit

/** Whole or not at all: a process that starts meanwhile is one of the two. */
function replace(path: string, by: string): void {
  copyFileSync(by, `${path}.new`)
  renameSync(`${path}.new`, path)
}
