/** How long a pairing takes besides its people: from the code to the question, and from the yes to the pair. */
import { join } from "node:path"
import { exchange, newPair, signBytes, spell, stamp } from "../../../test/support/client.ts"
import { letAnHourGoBy } from "../books.ts"
import { askDoor } from "../door.ts"
import { medianAtMost, type Row, type Take } from "../row.ts"
import type { Home, Listening } from "../stage.ts"

export const pairing: Row = {
  name: "pairing",
  reference: "four round trips on loopback",
  figures: [
    { name: "wall", unit: "ms", bar: medianAtMost(60) },
    { name: "to the question", unit: "ms", bar: null },
    { name: "from the yes", unit: "ms", bar: null },
  ],
  turns: 15,
  measure: {
    sento: async (stage, binary) => {
      const [minter, joiner] = [stage.home(), stage.home()]
      const { port } = await stage.guardian(binary, minter)
      await stage.guardian(binary, joiner)
      return pairingAgain(minter, joiner, port)
    },
    reference: async stage => fourRoundTrips(await stage.server()),
  },
}

const ownersDoor = ({ path }: Home): string => join(path, ".sento/owner.sock")

/** Each time under another name. */
function pairingAgain(minter: Home, joiner: Home, port: number): Take {
  let turn = 0
  return async () => {
    turn += 1
    letAnHourGoBy(minter)
    const as = `turn${turn}`
    const minting = askDoor(ownersDoor(minter), { op: "pair" })
    const { code } = await minting.event<{ code: string }>("code")
    const startedAt = performance.now()
    const symbols = code.replace(/@.*$/, "").replace(/-/g, "")
    const joining = askDoor(ownersDoor(joiner), { op: "join", symbols, host: "127.0.0.1", port, as })
    const { id } = await minting.event<{ id: string }>("request")
    await joining.event("verifier")
    const asked = performance.now()
    await askDoor(ownersDoor(minter), { op: "approve", id, as }).result
    await Promise.all([minting.result, joining.event("paired"), joining.result])
    const paired = performance.now()
    return { wall: paired - startedAt, "to the question": asked - startedAt, "from the yes": paired - asked }
  }
}

/** One after the other, each on a connection of its own. */
function fourRoundTrips({ port }: Listening): Take {
  const request = spell(port, signBytes(newPair(), Buffer.alloc(200), stamp(Date.now()), false))
  return async () => {
    const startedAt = performance.now()
    for (let i = 0; i < 4; i += 1) await exchange(port, request)
    const wall = performance.now() - startedAt
    return { wall, "to the question": wall / 2, "from the yes": wall / 2 }
  }
}
