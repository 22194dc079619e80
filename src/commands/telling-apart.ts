/** Which of several agents a command is for: by its name, its home, its pane, its session. */
import { pinOf } from "../guardian/books/agent-processes.ts"
import { SentoError } from "../protocol/errors.ts"
import { type AgentSource, nearestName } from "../protocol/names.ts"
import { isSameFile } from "../store/links.ts"
import { type Paths, pathsOf } from "../store/paths.ts"
import { type Registered, readRegistered } from "../store/registry.ts"
import { ancestryOf, environmentOf } from "../tmux/process.ts"
import { clientsOf, type SharedServer, sharedServerAbove } from "../tmux/shared-server.ts"
import { socketPath } from "../tmux/socket-path.ts"
import type { Found, Stray } from "./found-agent.ts"
import type { Io } from "./io.ts"
import { sessionHere } from "./session-here.ts"

/**
 * @param homes - of this user's agents
 * @param wish - the value of `--agent`
 * @throws usage for a name that none of them has
 */
export async function tellApart(io: Io, homes: readonly Paths[], wish: string | undefined): Promise<Found> {
  const named = readNamed(io, homes, wish)
  const server = sharedServerAbove(process.pid)
  if (server !== null) return throughServer(homes, named, server)
  const sitting = agentOfPane(homes, process.pid)
  if (named !== null) return found(named.paths, sitting === null ? null : strayOf(sitting, named))
  if (sitting !== null) return found(sitting)
  const agents = homes.map(readRegistered)
  const here = await agentOfSession(io, agents)
  return here === null ? { kind: "open", agents, shared: null } : found(here)
}

/**
 * Below a server that several panes share neither the pane nor the variables say anything: they are those of whoever
 * started it. It is the agent's in whose session all are that may be using it.
 */
async function throughServer(
  homes: readonly Paths[],
  named: Named | null,
  server: SharedServer,
): Promise<Found> {
  const isElsewhere = named !== null && !named.paths.isAgentSide && !homes.some(isSame(named.paths))
  const all = isElsewhere ? [...homes, named.paths] : homes
  const one = await agentOfServer(all, server)
  if (one !== null) return named === null ? found(one) : found(named.paths, strayOf(one, named))
  const shared = { server: server.signs, named: named?.paths ?? null }
  return { kind: "open", agents: all.map(readRegistered), shared }
}

/** The agent that a server works for; null where not all that may be using it are one agent's. */
export async function agentOfServer(homes: readonly Paths[], server: SharedServer): Promise<Paths | null> {
  const agents = homes.map(readRegistered)
  const whose = await Promise.all(clientsOf(server).map(pid => agentOfProcess(homes, agents, pid)))
  const [one = null] = whose
  return one !== null && whose.every(other => other !== null && isSame(one)(other)) ? one : null
}

/** The agent in whose pane or session another process is. */
const agentOfProcess = async (
  homes: readonly Paths[],
  agents: readonly Registered[],
  pid: number,
): Promise<Paths | null> =>
  agentOfPane(homes, pid) ?? agentOfSession({ environment: variablesOf(pid) }, agents)

function variablesOf(pid: number): Record<string, string> {
  const pairs = environmentOf(pid).map(entry => /^([^=]*)=(.*)$/s.exec(entry) ?? ["", "", ""])
  return Object.fromEntries(pairs.map(([, name = "", value = ""]) => [name, value]))
}

const found = (paths: Paths, stray: Stray | null = null): Found => ({ kind: "found", paths, stray })

type Named = { readonly paths: Paths; readonly source: AgentSource }

function readNamed({ environment }: Io, homes: readonly Paths[], wish: string | undefined): Named | null {
  const { SENTO_AGENT, SENTO_DOOR, SENTO_HOME } = environment
  if (wish !== undefined) return { paths: requireAgent(homes, wish, "--agent"), source: "--agent" }
  if (SENTO_AGENT) return { paths: requireAgent(homes, SENTO_AGENT, "SENTO_AGENT"), source: "SENTO_AGENT" }
  if (SENTO_DOOR) return { paths: pathsOf(SENTO_HOME, SENTO_DOOR), source: "SENTO_DOOR" }
  return SENTO_HOME ? { paths: pathsOf(SENTO_HOME), source: "SENTO_HOME" } : null
}

function requireAgent(homes: readonly Paths[], name: string, source: AgentSource): Paths {
  const agents = homes.map(readRegistered)
  const one = agentCalled(agents, name)
  if (one !== null) return one.paths
  const names = agents.map(agent => agent.name)
  const near = nearestName(name, names)
  const which = names.length === 0 ? "no agent is set up" : `there are ${names.join(", ")}`
  throw new SentoError(
    "usage",
    `${source} names ${JSON.stringify(name)}, and no agent of this user has that name: ${which}`,
    near === null
      ? "see `sento agents --local`; `sento init --name NAME` adds one"
      : `did you mean \`--agent ${near}\`?`,
  )
}

/**
 * The agent with this name; a directory's counts where the config cannot be read, and nobody else has it. Null: none.
 * @throws config where two have it
 */
export function agentCalled(agents: readonly Registered[], name: string): Registered | null {
  const called = agents.filter(agent => agent.name === name)
  const readable = called.filter(({ config }) => config !== null)
  const [one = null, twin] = readable.length > 0 ? readable : called
  if (one !== null && twin !== undefined) throw twins(one.paths, twin.paths, `are both called ${name}`)
  return one
}

/** The agent from whose pinned pane a process descends; null where it is none of theirs. */
function agentOfPane(homes: readonly Paths[], process: number): Paths | null {
  const pins = homes.flatMap(paths => {
    const pin = pinOf(paths)
    return pin === null ? [] : [{ paths, pin }]
  })
  for (const { pid, startTicks } of pins.length === 0 ? [] : ancestryOf(process)) {
    const [own, twin] = pins.filter(({ pin }) => pin.pid === pid && pin.startTicks === startTicks)
    if (own !== undefined && twin !== undefined)
      throw twins(own.paths, twin.paths, "have the same pane: one is a copy of the other")
    if (own !== undefined) return own.paths
  }
  return null
}

const twins = (one: Paths, other: Paths, what: string): SentoError =>
  new SentoError(
    "config",
    `${one.home} and ${other.home} ${what}`,
    "move the copy away, or `SENTO_HOME=… sento init --name NAME` renames one",
  )

/** The agent whose session this is; null where it is none's, or two have it. */
async function agentOfSession(
  io: Pick<Io, "environment">,
  agents: readonly Registered[],
): Promise<Paths | null> {
  const here = await sessionHere(io).catch(noOwnServer)
  if (here === null) return null
  const own = agents.filter(
    ({ config }) =>
      config !== null &&
      config.hardened === undefined &&
      here.sessions.includes(config.tmux.session) &&
      isSameFile(socketPath(config.tmux.socket, io.environment), here.socket),
  )
  return own.length === 1 ? (own[0]?.paths ?? null) : null
}

/** tmux is not there, or what TMUX names is another user's. */
function noOwnServer(error: unknown): null {
  if (error instanceof SentoError) return null
  throw error
}

function strayOf(sitting: Paths, { paths, source }: Named): Stray | null {
  if (isSame(paths)(sitting) && !paths.isAgentSide) return null
  if (paths.isAgentSide && isSameFile(paths.agentSocket, sitting.agentSocket)) return null
  return { pane: readRegistered(sitting), named: nameOf(paths), source }
}

const nameOf = (paths: Paths): string => (paths.isAgentSide ? paths.agentSocket : readRegistered(paths).name)

const isSame =
  (one: Paths) =>
  (other: Paths): boolean =>
    !one.isAgentSide && isSameFile(one.home, other.home)
