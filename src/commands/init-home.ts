/** Whose config `sento init` writes: a first agent's, another one's beside it, or one that is there. */
import { SentoError } from "../protocol/errors.ts"
import { makeHome } from "../store/homes.ts"
import { type Paths, pathsOf } from "../store/paths.ts"
import { type Registered, readRegistry } from "../store/registry.ts"
import { chooseAgent } from "./choosing.ts"
import { requireName } from "./init-options.ts"
import type { Io } from "./io.ts"
import { choose } from "./prompts.ts"
import { agentCalled } from "./telling-apart.ts"
import { isPerson } from "./terminal.ts"
import { userHomeOf } from "./which-agent.ts"

/** Where it is written, and the user's other agents. */
export type InitHome = {
  /** Makes the directory of another agent, by its name; one that is there already is not made. */
  readonly open: (name: string) => Paths
  /** Null for an agent that is to be added, whose home follows from its name. */
  readonly paths: Paths | null
  readonly others: readonly Registered[]
  /** Whether it is one of the user's agents, told apart by names, and not a home that a variable names. */
  readonly isRegistered: boolean
}

type Wish = { readonly agent?: string; readonly name?: string; readonly json?: true }

/**
 * A name that none of the user's agents has is another agent's; `--agent OLD --name NEW` renames. A person is asked,
 * where both may be meant.
 * @throws usage, interrupted
 */
export async function findInitHome(io: Io, wish: Wish): Promise<InitHome> {
  const { SENTO_AGENT, SENTO_DOOR, SENTO_HOME } = io.environment
  const userHome = userHomeOf(io)
  const isNamed = Boolean(wish.agent ?? SENTO_AGENT)
  if (!isNamed && (SENTO_HOME || SENTO_DOOR)) return homeAt(pathsOf(SENTO_HOME, SENTO_DOOR))
  const agents = readRegistry(userHome)
  if (!isNamed && agents.length === 0) return existing(pathsOf(userHome), [])
  const one = wish.name === undefined ? null : agentCalled(agents, wish.name)
  if (!isNamed && one !== null) return existing(one.paths, agents)
  const isAdded = !isNamed && (await isAnother(io, wish, agents))
  if (isAdded) return anotherHome(io, agents)
  const { paths } = await chooseAgent(io, wish.agent, ["init", ...(wish.json ? ["--json"] : [])])
  const home = existing(paths, agents)
  const clash = home.others.find(({ name }) => name === wish.name)
  if (clash === undefined) return home
  throw new SentoError(
    "usage",
    `another agent of yours is called ${wish.name} (${clash.paths.home})`,
    "give another name",
  )
}

/** That of an agent which is added to those there are. */
export const anotherHome = (io: Io, others = readRegistry(userHomeOf(io))): InitHome => ({
  paths: null,
  open: name => makeHome(requireName(name), userHomeOf(io)),
  others,
  isRegistered: true,
})

/** One that is named, whatever agents there are. */
export const homeAt = (paths: Paths): InitHome => ({
  paths,
  open: () => paths,
  others: [],
  isRegistered: false,
})

const existing = (paths: Paths, agents: readonly Registered[]): InitHome => ({
  paths,
  open: () => paths,
  others: agents.filter(one => one.paths.home !== paths.home),
  isRegistered: true,
})

const another = "another"

/** Whether an agent is to be added; otherwise one that is there is to be changed. */
async function isAnother(io: Io, wish: Wish, agents: readonly Registered[]): Promise<boolean> {
  const { agent: _, json = false, name, ...settings } = wish
  const [only] = agents
  if (!isPerson(io, json)) return name !== undefined
  if (only === undefined || (name === undefined && Object.keys(settings).length > 0)) return false
  if (name !== undefined && agents.length > 1) return true
  const names = agents.map(one => one.name).join(", ")
  const change = name === undefined ? "change" : `rename ${only.name} to ${name}`
  const answer = await choose(`${names} ${agents.length === 1 ? "lives" : "live"} here already`, [
    { value: another, label: name === undefined ? "add another agent" : `add ${name} as another agent` },
    {
      value: "change",
      label: name === undefined ? `${change} ${agents.length === 1 ? only.name : "one of them"}` : change,
    },
  ])
  return answer === another
}

/** @throws usage where the session is another agent's: two would type into one */
export function requireFreeSession(owner: Registered | null, session: string): void {
  if (owner === null) return
  throw new SentoError(
    "usage",
    `the tmux session ${session} is ${owner.name}'s: each agent has one of its own`,
    "start another one with `tmux new -s NAME`, and name it: `--session NAME`",
  )
}
