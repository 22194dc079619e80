/** `sento doctor`: whether a server that several panes share keeps the agent from speaking. */
import { registeredHomes } from "../store/homes.ts"
import { sharedServerOf } from "../tmux/shared-server.ts"
import type { AgentProcess } from "./agent-process.ts"
import type { Finding } from "./doctor-peer.ts"
import type { Io } from "./io.ts"
import { agentOfServer } from "./telling-apart.ts"
import { userHomeOf } from "./which-agent.ts"

/** Nothing where this user has one agent alone, and where the program's server is this agent's alone. */
export async function checkSharedServer(io: Io, { name, pid }: AgentProcess): Promise<Finding[]> {
  const homes = registeredHomes(userHomeOf(io))
  const server = homes.length < 2 ? null : sharedServerOf(pid)
  if (server === null || (await agentOfServer(homes, server)) !== null) return []
  const { name: called, without } = server.signs
  const is = `${called} runs its hooks, tools and commands, and other panes use it, too: nobody can say whose they are, and they do nothing`
  return [{ check: `${name}'s server`, is, fix: `end ${name}, and start it with \`${without}\`` }]
}
