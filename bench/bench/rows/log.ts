/** What `sento log NAME` costs with 10,000 messages in the books, beside the same with 100. */
import { Database } from "bun:sqlite"
import { join } from "node:path"
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
      sento: (stage, binary) => reading(stage, binary, of, many),
      reference: (stage, binary) => reading(stage, binary, of, few),
    },
  }
}

async function reading(stage: Stage, binary: string, of: string, count: number): Promise<Take> {
  const home = stage.home(2)
  await (await stage.guardian(binary, home)).stop()
  using database = new Database(join(home.path, ".sento", "sento.db"))
  const pairOf = (i: number): readonly [name: string, pair: string] => {
    const peer = of === "peer0" || i < few ? of : "peer0"
    return [peer, home.pairs[Number(peer.slice(-1))]?.id ?? ""]
  }
  // Half of them each way, with a text of ordinary length.
  const text = "which of them are due before Friday, because Blair asked? ".repeat(5)
  const began = Date.now() - count * 60_000
  const received = database.query(
    `INSERT INTO inbox (pair, name, id, short_id, text, hops, received_at, state, settled_at)
     VALUES ($pair, $name, $id, $shortId, $text, 0, $at, 'delivered', $at)`,
  )
  const sent = database.query(
    `INSERT INTO outbox (pair, name, id, text, hops, created_at, state, settled_at)
     VALUES ($pair, $name, $id, $text, 0, $at, 'accepted', $at)`,
  )
  database.transaction(() => {
    for (let i = 0; i < count; i += 1) {
      const [name, pair] = pairOf(i)
      const row = { $pair: pair, $name: name, $id: Bun.randomUUIDv7(), $text: text, $at: began + i * 60_000 }
      if (i % 2 === 0) received.run({ ...row, $shortId: i.toString(32).padStart(4, "0") })
      else sent.run(row)
    }
  })()
  return async () => {
    const { wall, cpu } = await stage.run([binary, "log", of], { home })
    return { wall, cpu }
  }
}
