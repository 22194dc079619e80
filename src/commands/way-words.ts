/** How messages go between this side and a peer, for people. */
import { callDoor } from "../guardian/door/client.ts"
import type { PeerWay } from "../guardian/door/results.ts"
import type { Paths } from "../store/paths.ts"
import type { Io } from "./io.ts"
import { tell } from "./terminal.ts"

type Way = NonNullable<PeerWay["way"]>

/** In a table. */
export const wayCells: Readonly<Record<Way, string>> = {
  direct: "directly",
  fetched: "peer fetches",
  fetching: "we fetch",
  "both-fetch": "both fetch",
}

/** In one sentence. */
const waySentences: Readonly<Record<Way, (name: string) => string>> = {
  direct: name => `Messages to and from ${name} travel directly.`,
  fetched: name => `${name} cannot be reached from here: its Guardian fetches its messages.`,
  fetching: name => `${name} cannot reach this machine: this Guardian fetches its messages there.`,
  "both-fetch": name => `Neither you nor ${name} can be called: each Guardian fetches its messages.`,
}

/** More than a collector waits for a call before it fetches, and the answer to that. */
const patienceMilliseconds = 6_000
const lookMilliseconds = 100

/** Tells how messages to a new peer travel, once that is seen. */
export async function tellWay(io: Io, paths: Paths, name: string): Promise<void> {
  const way = await seeWay(paths, name)
  if (way !== null) tell(io, waySentences[way](name))
  else tell(io, `How messages to ${name} travel is not seen yet: \`sento agents\` will say it.`)
}

async function seeWay(paths: Paths, name: string): Promise<Way | null> {
  const deadline = Date.now() + patienceMilliseconds
  for (;;) {
    const list = await callDoor(paths, "agent", { op: "agents" }).catch(() => null)
    const peer = list?.agents.find(one => one.name === name)
    if (peer?.way) return peer.way
    if (peer === undefined || Date.now() > deadline) return null
    await Bun.sleep(lookMilliseconds)
  }
}
