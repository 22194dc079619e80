/** What a Guardian costs that has nothing to do, beside an agent that does nothing. */
import { memoryOf, wakeUpsBetween, wakeUpsOf } from "../proc.ts"
import { medianAtMost, type Row, ratioAtMost, type Take } from "../row.ts"
import type { Listening } from "../stage.ts"

/** Bun's own threads tidy up after a start, 5 times a second in each of them, for about 30 s (Bun 1.4.5). */
export const settleSeconds = 45

export const idle: Row = {
  name: "idle",
  reference: "idle Bun.serve with SQLite",
  figures: [
    { name: "anonymous", unit: "MiB", bar: ratioAtMost(3) },
    { name: "resident", unit: "MiB", bar: ratioAtMost(1.25) },
    { name: "wake-ups", unit: "in 60 s", bar: medianAtMost(60) },
  ],
  turns: 3,
  seconds: 20,
  firstSeconds: settleSeconds,
  isSideBySide: true,
  measure: {
    sento: async (stage, binary) => {
      const home = stage.home()
      await stage.tmux("new-session", "-d", "-s", home.session, "cat")
      return watching(await stage.guardian(binary, home))
    },
    reference: async stage => watching(await stage.server()),
  },
}

function watching({ pid }: Listening): Take {
  return async seconds => {
    const before = wakeUpsOf(pid)
    const startedAt = performance.now()
    await Bun.sleep(seconds * 1000)
    const minutes = (performance.now() - startedAt) / 60_000
    return { ...memoryOf(pid), "wake-ups": wakeUpsBetween(before, wakeUpsOf(pid)) / minutes }
  }
}
