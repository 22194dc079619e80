/** What a pair costs that has nothing to say, where one side fetches from the other; and where none has to. */
import { wakeUpsBetween, wakeUpsOf } from "../proc.ts"
import { medianAtMost, type Row, type Take } from "../row.ts"
import type { Stage } from "../stage.ts"
import { openTwo } from "./two-guardians.ts"

/** What follows a start is over: Bun's own threads tidy up, and a minute later a peer is asked that is not known. */
const settleSeconds = 75

export const idleCollecting: Row = {
  name: "idle-collecting",
  reference: "a pair that is dialled",
  figures: [
    { name: "requests", unit: "in 60 s", bar: medianAtMost(5) },
    { name: "wake-ups of who fetches", unit: "in 60 s", bar: null },
    { name: "wake-ups of who is asked", unit: "in 60 s", bar: null },
  ],
  turns: 2,
  seconds: 60,
  firstSeconds: settleSeconds,
  isSideBySide: true,
  measure: {
    sento: (stage, binary) => watching(stage, binary, false),
    reference: (stage, binary) => watching(stage, binary, true),
  },
}

async function watching(stage: Stage, binary: string, isDialled: boolean): Promise<Take> {
  const { holder, collector, connections } = await openTwo(stage, binary, {
    pairs: 1,
    roundTrip: 0,
    isDialled,
    hasPanes: true,
  })
  return async seconds => {
    const before = [wakeUpsOf(collector.pid), wakeUpsOf(holder.pid)] as const
    const asked = connections()
    const startedAt = performance.now()
    await Bun.sleep(seconds * 1000)
    const minutes = (performance.now() - startedAt) / 60_000
    return {
      requests: (connections() - asked) / minutes,
      "wake-ups of who fetches": wakeUpsBetween(before[0], wakeUpsOf(collector.pid)) / minutes,
      "wake-ups of who is asked": wakeUpsBetween(before[1], wakeUpsOf(holder.pid)) / minutes,
    }
  }
}
