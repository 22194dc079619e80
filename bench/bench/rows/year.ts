/** What commands cost after a year of use: a million messages in the books, beside the same with 100. */
import { fillBooks, readConfig, writeConfig } from "../books.ts"
import { type Figure, type Row, ratioAtMost, type Take } from "../row.ts"
import type { Stage } from "../stage.ts"
import { openTwo } from "./two-guardians.ts"

const few = 100
const many = 1_000_000
const turns = 20
/** Whose messages they are, by turns. */
const mostPairs = 10
/** Of 10 messages a minute of a pair; one said hello. */
const messagesOfPair = 8

const commands = {
  send: (turn: number) => ["send", `peer${Math.floor(turn / messagesOfPair)}`, "hello"],
  list: () => ["list"],
  log: () => ["log", "-n", "20"],
} as const
type Name = keyof typeof commands
const names = Object.keys(commands) as readonly Name[]

export const year: Row = {
  name: "year",
  reference: `the same with ${few} messages`,
  figures: names.flatMap((name): readonly Figure[] => [
    { name: `${name} wall`, unit: "ms", bar: ratioAtMost(1.5) },
    { name: `${name} cpu`, unit: "ms", bar: ratioAtMost(1.5) },
  ]),
  turns,
  measure: {
    sento: (stage, binary) => using(stage, binary, stage.amount(many)),
    reference: (stage, binary) => using(stage, binary, few),
  },
}

async function using(stage: Stage, binary: string, count: number): Promise<Take> {
  const pairs = stage.amount(mostPairs)
  const { home, holder } = await openTwo(stage, binary, {
    pairs,
    roundTrip: 0,
    isDialled: true,
    hasPanes: false,
  })
  await holder.stop()
  // By itself a Guardian keeps 30 days and 100 MB.
  writeConfig(home, { ...readConfig(home), retention: { days: 1_000_000, megabytes: 1_000_000 } })
  fillBooks(home, count, i => ({ name: `peer${i % pairs}`, pair: home.pairs[i % pairs]?.id ?? "" }))
  await stage.guardian(binary, home)
  let turn = 0
  return async () => {
    const sample: Record<string, number> = {}
    for (const name of names) {
      const { wall, cpu } = await stage.run([binary, ...commands[name](turn)], { home })
      Object.assign(sample, { [`${name} wall`]: wall, [`${name} cpu`]: cpu })
    }
    turn += 1
    return sample
  }
}
