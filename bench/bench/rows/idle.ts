/** What a Guardian costs that has nothing to do: each turn starts one, and watches it. */
import { memoryOf, wakeUpsBetween, wakeUpsOf } from "../proc.ts"
import { medianAtMost, type Row, ratioAtMost, type Sample } from "../row.ts"
import type { Listening } from "../stage.ts"

/** What a process does as it starts is not idle: this long before it is watched, for each second of that. */
const settleSeconds = 0.25

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
  isSideBySide: true,
  measure: {
    sento: async (stage, binary) => {
      const home = stage.home()
      await stage.tmux("new-session", "-d", "-s", home.session, "cat")
      return async seconds => watch(await stage.guardian(binary, home), seconds)
    },
    reference: async stage => async seconds => watch(await stage.server(), seconds),
  },
}

async function watch({ pid, stop }: Listening, seconds: number): Promise<Sample> {
  await Bun.sleep(seconds * settleSeconds * 1000)
  const before = wakeUpsOf(pid)
  const startedAt = performance.now()
  await Bun.sleep(seconds * 1000)
  const minutes = (performance.now() - startedAt) / 60_000
  const wakeUps = wakeUpsBetween(before, wakeUpsOf(pid)) / minutes
  const memory = memoryOf(pid)
  await stop()
  return { ...memory, "wake-ups": wakeUps }
}
