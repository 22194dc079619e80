/** What the Guardians of five agents take of one machine, which share their program's pages. */
import { copyFileSync } from "node:fs"
import { join } from "node:path"
import { proportionalOf } from "../proc.ts"
import { type Row, ratioAtMost, type Take } from "../row.ts"
import type { Stage } from "../stage.ts"
import { settleSeconds } from "./idle.ts"

export const five: Row = {
  name: "five",
  reference: "one Guardian",
  figures: [{ name: "proportional, all", unit: "MiB", bar: ratioAtMost(2.5) }],
  turns: 3,
  seconds: 1,
  firstSeconds: settleSeconds,
  isSideBySide: true,
  measure: {
    sento: (stage, binary) => running(stage, binary, stage.amount(5, 2)),
    reference: (stage, binary) => running(stage, binary, 1),
  },
}

/** Of a file of their own, whose pages nobody else has. */
async function running(stage: Stage, binary: string, count: number): Promise<Take> {
  const own = join(stage.folder(), "sento")
  copyFileSync(binary, own)
  const pids: number[] = []
  for (let i = 0; i < count; i += 1) {
    const home = stage.home()
    await stage.tmux("new-session", "-d", "-s", home.session, "cat")
    pids.push((await stage.guardian(own, home)).pid)
  }
  return async seconds => {
    await Bun.sleep(seconds * 1000)
    return { "proportional, all": pids.reduce((sum, pid) => sum + proportionalOf(pid), 0) }
  }
}
