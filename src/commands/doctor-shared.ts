/**
 * `sento doctor`: a server that several panes share, in which Codex 0.169.0 runs the hooks and MCP servers of all its
 * sessions: it has the environment of the session that started it, and nobody's pane.
 */
import { registeredHomes } from "../store/homes.ts"
import { environmentOf } from "../tmux/process.ts"
import { type SharedServer, sharedServerOf } from "../tmux/shared-server.ts"
import { type AgentProcess, type Environment, readEnvironment } from "./agent-process.ts"
import type { Finding } from "./doctor-peer.ts"
import type { Io } from "./io.ts"
import { agentOfServer } from "./telling-apart.ts"
import { userHomeOf } from "./which-agent.ts"

/** Whether one speaks as another agent, or for none: nothing where the program certainly does without. */
export async function checkSharedServer(io: Io, program: AgentProcess): Promise<Finding[]> {
  const server = sharedServerOf(program.pid)
  if (server === null) return []
  const there = readEnvironment(environmentOf(server.pid))
  return [...checkVariables(program, server, there), ...(await checkPanes(io, program, server))]
}

/** What names an agent in the server's environment names it for all of its sessions. */
export function checkVariables(
  program: Pick<AgentProcess, "name" | "environment">,
  server: SharedServer,
  there: Environment | null,
): Finding[] {
  const { environment: here } = program
  const other = here === null || there === null ? undefined : differing(there, here)
  if (there === null || other === undefined) return []
  const said = there[other] ? `${other}=${there[other]}` : `no ${other}`
  const is = `its hooks and tools run in the one that its sessions share (pid ${server.pid}), with ${said}: they may speak as another agent`
  return [findingOf(program, server, is)]
}

/** The first variable that names an agent, and another one there. */
const differing = (there: Environment, here: Environment): string | undefined =>
  ["SENTO_AGENT", "SENTO_DOOR", "SENTO_HOME"].find(name => (there[name] || "") !== (here[name] || ""))

/** Nothing where this user has one agent alone, and where the program's server is this agent's alone. */
async function checkPanes(io: Io, program: AgentProcess, server: SharedServer): Promise<Finding[]> {
  const homes = registeredHomes(userHomeOf(io))
  if (homes.length < 2 || (await agentOfServer(homes, server)) !== null) return []
  const is = `${server.signs.name} runs its hooks, tools and commands, and other panes use it, too: nobody can say whose they are, and they do nothing`
  return [findingOf(program, server, is)]
}

const findingOf = (
  { name }: Pick<AgentProcess, "name">,
  { signs }: Pick<SharedServer, "signs">,
  is: string,
): Finding => ({ check: `${name}'s server`, is, fix: `end ${name}, and start it with \`${signs.without}\`` })
