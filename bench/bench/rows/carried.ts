/** How long a message takes to a peer that nobody can dial, until it says that it has it; and to one that is dialled. */
import { type Row, ratioAtMost, type Take } from "../row.ts"
import type { Stage } from "../stage.ts"
import { openTwo } from "./two-guardians.ts"

const turns = 40
/** One of 10 messages a minute said hello, and one more turn is not counted. */
const messagesOfPair = 8
const pairs = Math.ceil((turns + 1) / messagesOfPair)
/** By then what the last message set in motion is over: a receipt, and the next collect. */
const restMilliseconds = 150
/** As from one end of a continent to the other. */
const farMilliseconds = 50

export const carried = rowOf("carried", 0)
export const carriedFar = rowOf("carried-far", farMilliseconds)

/** @param roundTrip - milliseconds to the peer and back */
function rowOf(name: string, roundTrip: number): Row {
  return {
    name,
    reference: roundTrip === 0 ? "dialled" : `dialled, ${roundTrip} ms away`,
    figures: [{ name: "wall", unit: "ms", bar: ratioAtMost(1.5) }],
    turns,
    measure: {
      sento: (stage, binary) => timing(stage, binary, roundTrip, false),
      reference: (stage, binary) => timing(stage, binary, roundTrip, true),
    },
  }
}

async function timing(stage: Stage, binary: string, roundTrip: number, isDialled: boolean): Promise<Take> {
  const two = await openTwo(stage, binary, {
    pairs: stage.amount(pairs),
    roundTrip,
    isDialled,
    hasPanes: false,
  })
  let sent = 0
  return async () => {
    await Bun.sleep(restMilliseconds + 4 * roundTrip)
    const wall = await two.send(Math.floor(sent / messagesOfPair))
    sent += 1
    return { wall }
  }
}
