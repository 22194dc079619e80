/** `sento agents`, `sento agents remove`, `sento agents rename`. */
import { listAgents } from "../guardian/agents.ts"
import type { AgentList, DoorRequestInput } from "../guardian/door-requests.ts"
import { type Books, endPair, renamePair } from "../guardian/pairs.ts"
import { requirePeer } from "../guardian/requirements.ts"
import { formatAddress } from "../protocol/addresses.ts"
import { SentoError } from "../protocol/errors.ts"
import { isName, nameRule } from "../protocol/names.ts"
import { readDatabase } from "../store/database.ts"
import type { Paths } from "../store/paths.ts"
import { createPeers } from "../store/peers.ts"
import { callDoor, NoGuardian } from "./door.ts"
import { needConfig } from "./home.ts"
import { ago, print, printJson, table, tell } from "./terminal.ts"

/** `sento agents`: only reads, and needs no Guardian. */
export async function agents(paths: Paths, isJson: boolean): Promise<number> {
  const list = await askOrRead(paths)
  if (isJson) printJson(list)
  else if (list.agents.length === 0) tell(`${list.self.name} is paired with nobody yet; run \`sento pair\``)
  else {
    const now = Date.now()
    const rows = list.agents.map(one => [
      one.name,
      formatAddress(one.host, one.port),
      one.pairedAt.slice(0, 10),
      ago(one.lastContactAt, now),
      String(one.waiting),
    ])
    print(table([["NAME", "ADDRESS", "PAIRED", "LAST CONTACT", "WAITING"], ...rows]))
  }
  return 0
}

async function askOrRead(paths: Paths): Promise<AgentList> {
  try {
    return await callDoor<AgentList>(paths, "agent", { op: "agents" })
  } catch (error) {
    if (!(error instanceof NoGuardian)) throw error
  }
  const config = needConfig(paths)
  const { host, port } = config.listen
  const database = readDatabase(paths.database)
  if (database === null) return listAgents(config, { host, port }, new Map(), new Map())
  const peers = createPeers(database)
  const list = listAgents(config, { host, port }, peers.lastContacts(), peers.waiting())
  database.close()
  return list
}

/** `sento agents remove NAME` */
export async function removeAgent(paths: Paths, name: string, isJson: boolean): Promise<number> {
  await askOrDo(paths, { op: "remove", name }, books => endPair(books, requirePeer(books, name)))
  if (isJson) printJson({ removed: name })
  else tell(`removed ${name}: its messages are refused from now on, and our end of the secret is gone`)
  return 0
}

/** `sento agents rename OLD NEW` */
export async function renameAgent(paths: Paths, from: string, to: string, isJson: boolean): Promise<number> {
  if (!isName(to))
    throw new SentoError(
      "usage",
      `${JSON.stringify(to)} is no name: ${nameRule}`,
      `run \`sento agents rename ${isName(from) ? from : "OLD"} NEW\``,
    )
  await askOrDo(paths, { op: "rename", from, to }, books => renamePair(books, requirePeer(books, from), to))
  if (isJson) printJson({ renamed: from, to })
  else tell(`${from} is now called ${to} here`)
  return 0
}

/** By the Guardian where one runs, otherwise here under its lock. */
async function askOrDo(paths: Paths, request: DoorRequestInput, work: (books: Books) => void): Promise<void> {
  needConfig(paths)
  try {
    await callDoor(paths, "owner", request)
  } catch (error) {
    if (!(error instanceof NoGuardian)) throw error
    const { withBooks } = await import("../guardian/offline.ts")
    withBooks(paths, work)
  }
}
