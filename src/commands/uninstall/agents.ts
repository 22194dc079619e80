/** An agent's Guardian and what starts it; and, where its owner said so, its pairs, keys and messages. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { callDoor } from "../../guardian/door/client.ts"
import { requireConfig } from "../../store/config.ts"
import { removeCopies } from "../../store/copies.ts"
import { behindLinks } from "../../store/links.ts"
import type { Paths } from "../../store/paths.ts"
import type { Registered } from "../../store/registry.ts"
import { withPin } from "../consent.ts"
import { removeService } from "../guard-install.ts"
import type { Io } from "../io.ts"
import { ensureGuardian } from "../running.ts"
import { userHomeOf } from "../which-agent.ts"
import { removeEmpty } from "./installed.ts"
import { short } from "./short-path.ts"

type Agent = Pick<Registered, "name" | "paths">

/** @returns a line of what was there */
export async function stopAgent(io: Io, { name, paths }: Agent): Promise<string[]> {
  const { unit, hadLine } = await removeService(io, paths)
  const gone = unit !== null ? `; ${unit} is gone` : hadLine ? "; its line in your crontab is gone" : ""
  return [`${name} is stopped${gone}`]
}

/** Ends its pairs, and with them its keys; what is left on disk goes too. */
export async function forgetAgent(io: Io, agent: Registered): Promise<string[]> {
  const { paths, config } = agent
  const peers = Object.keys(config?.agents ?? {})
  const told = peers.length === 0 ? [] : await endPairs(io, agent, peers)
  const untold =
    config === null
      ? [`nobody was told: ${short(paths.config)} cannot be read, nor whom it is paired with`]
      : []
  const stopped = await stopAgent(io, agent)
  removeHome(paths, userHomeOf(io))
  const left = existsSync(paths.folder)
    ? readdirSync(paths.folder).filter(name => !["agents", "setups.json"].includes(name))
    : []
  const kept = left.map(name => `left ${short(`${paths.folder}/${name}`)}, which is not sento's`)
  return [
    ...told,
    ...untold,
    ...stopped,
    `removed ${short(paths.config)} and ${short(paths.folder)}/`,
    ...kept,
  ]
}

/** For the other side to be heard; who cannot be reached will find that its messages are refused. */
const tellMilliseconds = 10_000
const lookMilliseconds = 50

async function endPairs(io: Io, { name, paths }: Registered, peers: readonly string[]): Promise<string[]> {
  await ensureGuardian(io, paths)
  const start = existsSync(paths.log) ? statSync(paths.log).size : 0
  const ended: string[] = []
  for (const peer of peers) if (await endPair(io, paths, peer)) ended.push(peer)
  const deadline = Date.now() + tellMilliseconds
  const outcomes = (): (boolean | null)[] => ended.map(peer => hasHeard(paths, start, peer))
  while (outcomes().includes(null) && Date.now() < deadline) await Bun.sleep(lookMilliseconds)
  return outcomes().map((heard, i) =>
    heard
      ? `${ended[i]} was told that the pair with ${name} has ended`
      : `${ended[i]} could not be told, and will find ${name} gone`,
  )
}

/** False where the other side has ended it meanwhile: it may be an agent that went right before. */
async function endPair(io: Io, paths: Paths, peer: string): Promise<boolean> {
  try {
    await withPin(io, `to remove ${peer}`, pin => callDoor(paths, "owner", { op: "remove", name: peer, pin }))
    return true
  } catch (error) {
    if (Object.hasOwn(requireConfig(paths).agents, peer)) throw error
    return false
  }
}

/** By the line that the Guardian writes of it (guardian/pairing/unpairing.ts); null while there is none. */
function hasHeard({ log }: Paths, start: number, peer: string): boolean | null {
  const text = readFileSync(log).subarray(start).toString()
  const lines = text.split("\n").filter(line => line.includes(`told ${peer} that the pair has ended: `))
  return lines.length === 0 ? null : lines.some(line => line.endsWith(": heard"))
}

/** What a Guardian makes there. */
const ownEntries =
  /^(?:sento\.db(?:-\w+)?|guardian\.(?:lock(?:-\w+)?|log(?:\.\d)?|(?:\d+\.)?out)|(?:owner|agent)\.sock|stopped|inbox)$/

/** The config behind its links too: a key that lies in a vault is a key. */
function removeHome(paths: Paths, userHome: string): void {
  removeCopies(paths)
  rmSync(behindLinks(paths.config), { force: true })
  rmSync(paths.config, { force: true })
  // The first agent's folder has those of the others in it, the list of setups, and perhaps a file of its owner's.
  for (const entry of existsSync(paths.folder) ? readdirSync(paths.folder) : [])
    if (ownEntries.test(entry)) rmSync(`${paths.folder}/${entry}`, { recursive: true, force: true })
  const made =
    paths.home === userHome
      ? [paths.folder]
      : [paths.folder, paths.home, dirname(paths.home), `${userHome}/.sento`]
  for (const folder of made.filter(one => one.startsWith(`${userHome}/.sento`) || one === paths.folder))
    removeEmpty(folder)
}
