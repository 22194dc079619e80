/** The other side of a pairing without a Guardian, which costs a test no process. */
import { stepMinter } from "../../src/protocol/minter.ts"
import { hana, helloAnswer, helloEvent, opened } from "./pairing.ts"
import { attacker, greet, openFalseMinter, postJson, proofOf } from "./pairing-attacks.ts"
import { until, type World } from "./world.ts"

/** Opens a code as an agent may, proves it, and gives the id of the question that waits for its owner now. */
export async function askOwnerOf(
  world: World,
  minter: string,
  joiner = "kai",
  host: string | null = null,
): Promise<string> {
  let code = ""
  await world.ask(minter, "agent", { op: "pair", wait: false }, event => {
    if (event.event === "code") code = event.code
  })
  return proveCode(world, minter, code, joiner, host)
}

/**
 * A joiner whose owner has agreed proves this code.
 * @param host - where it says that it is, or null
 * @returns the id of the question that waits
 */
export async function proveCode(
  world: World,
  minter: string,
  code: string,
  joiner = "kai",
  host: string | null = null,
): Promise<string> {
  const port = (await world.status(minter))?.port ?? 0
  const self = { ...attacker, name: joiner, agent: `test-${joiner}`, host }
  const met = await greet(port, code.replace("SENTO-", ""), self)
  if (met === null) throw new Error(`${minter} has no open code`)
  const { status } = await postJson(port, "/v1/pair/confirm", proofOf(met))
  if (status !== 202) throw new Error(`${minter} answers the confirm with ${status}`)
  const asked = await until("the question", async () =>
    (await questionsOf(world, minter)).find(one => one.name === joiner),
  )
  return asked.id
}

export const questionsOf = (
  world: World,
  name: string,
): Promise<{ readonly id: string; readonly kind: string; readonly name: string }[]> =>
  world.ask(name, "agent", { op: "requests" })

/** Introduces itself by these names in turn, from then on by the last; nobody proves anything here. */
export function openMinter(...names: string[]) {
  let name = ""
  return openFalseMinter(body => {
    name = names.shift() ?? name
    const event = helloEvent(body, 100, { self: { ...hana, name, agent: `test-${name}` } })
    return helloAnswer(stepMinter(opened(), event)[1])
  })
}
