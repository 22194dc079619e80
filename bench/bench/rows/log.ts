/** What `sento log NAME` costs with 10,000 messages in the books, beside the same with 100. */
import { fillBooks } from "../books.ts"
import { type Row, ratioAtMost, type Take } from "../row.ts"
import type { Stage } from "../stage.ts"

const few = 100
const many = 10_000

/** All of them with one agent. */
export const logOfOne = logRow("log", "peer0")
/** The oldest 100 are the named agent's, all others somebody else's. */
export const logOfFew = logRow("log-among-others", "peer1")

function logRow(name: string, of: string): Row {
  return {
    name,
    reference: `the same with ${few} messages`,
    figures: [
      { name: "wall", unit: "ms", bar: ratioAtMost(1.5) },
      { name: "cpu", unit: "ms", bar: ratioAtMost(1.5) },
    ],
    turns: 30,
    measure: {
      sento: (stage, binary) => reading(stage, binary, of, stage.amount(many)),
      reference: (stage, binary) => reading(stage, binary, of, few),
    },
  }
}

async function reading(stage: Stage, binary: string, of: string, count: number): Promise<Take> {
  const home = stage.home(2)
  await (await stage.guardian(binary, home)).stop()
  fillBooks(home, count, i => {
    const name = of === "peer0" || i < few ? of : "peer0"
    return { name, pair: home.pairs[Number(name.slice(-1))]?.id ?? "" }
  })
  return async () => {
    const { wall, cpu } = await stage.run([binary, "log", of], { home })
    return { wall, cpu }
  }
}
