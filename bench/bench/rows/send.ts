/** What `sento send` costs an agent, as a whole process that ends when the peer has the message. */
import { type Row, ratioAtMost } from "../row.ts"
import { compiledHello } from "./start-up.ts"
import { openTwo } from "./two-guardians.ts"

const turns = 30
/** One of 10 messages a minute said hello, and one more turn is not counted. */
const messagesOfPair = 8

export const send: Row = {
  name: "send",
  reference: "compiled hello",
  figures: [
    { name: "wall", unit: "ms", bar: ratioAtMost(6) },
    { name: "cpu", unit: "ms", bar: null },
  ],
  turns,
  measure: {
    sento: async (stage, binary) => {
      const pairs = stage.amount(Math.ceil((turns + 1) / messagesOfPair))
      const { home } = await openTwo(stage, binary, { pairs, roundTrip: 0, isDialled: true, hasPanes: false })
      let sent = 0
      return async () => {
        const peer = `peer${Math.floor(sent / messagesOfPair)}`
        sent += 1
        const { wall, cpu } = await stage.run([binary, "send", peer, "hello"], { home })
        return { wall, cpu }
      }
    },
    reference: compiledHello,
  },
}
