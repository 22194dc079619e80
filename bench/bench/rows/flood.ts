/** How fast a Guardian refuses what is addressed to a pair of its and not rightly signed. */
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { type ClientPair, newPair, signBytes, spell, stamp } from "../../../test/support/client.ts"
import { cpuOf } from "../proc.ts"
import { type Row, ratioAtLeast, type Take } from "../row.ts"
import type { Listening, Stage } from "../stage.ts"

const connections = 32
/** One process would keep in step with the server, each waiting for the other: 54 % of a core busy; four: 79 %. */
const processes = 4
const bodyBytes = 600

export const flood: Row = {
  name: "flood",
  reference: "bare Bun.serve, same body",
  figures: [
    { name: "refused", unit: "a second", bar: ratioAtLeast(0.7) },
    { name: "cpu", unit: "µs each", bar: null },
  ],
  turns: 10,
  seconds: 2,
  measure: {
    sento: async (stage, binary) => {
      const home = stage.home(1)
      const [pair = newPair()] = home.pairs
      return flooding(stage, await stage.guardian(binary, home), pair)
    },
    reference: async stage => flooding(stage, await stage.server(), newPair()),
  },
}

/** @param pair - named by the request, and its key not used */
function flooding(stage: Stage, { port, pid }: Listening, pair: ClientPair): Take {
  const forger = { ...pair, send: newPair().send }
  const load = join(import.meta.dir, "../load.ts")
  return async seconds => {
    const forged = spell(port, signBytes(forger, randomBytes(bodyBytes), stamp(Date.now()), true))
    const words = [port, connections / processes, seconds].map(String)
    const before = cpuOf(pid)
    const runs = await Promise.all(
      Array.from({ length: processes }, () =>
        stage.run([process.execPath, load, ...words], { input: forged }),
      ),
    )
    const cpu = cpuOf(pid) - before
    const counts = runs.map(({ stdout }) => JSON.parse(stdout) as { perSecond: number; answers: number })
    const sum = (pick: (one: (typeof counts)[number]) => number) =>
      counts.reduce((all, one) => all + pick(one), 0)
    return { refused: sum(one => one.perSecond), cpu: (cpu * 1000) / sum(one => one.answers) }
  }
}
