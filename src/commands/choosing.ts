/** The agent that a command is for, asked of the person where nothing says it. */
import { SentoError } from "../protocol/errors.ts"
import type { Paths } from "../store/paths.ts"
import type { Registered } from "../store/registry.ts"
import type { Shared } from "./found-agent.ts"
import type { Io } from "./io.ts"
import { choose } from "./prompts.ts"
import { dim, isPerson, tell } from "./terminal.ts"
import { findAgent, requireOwnPane } from "./which-agent.ts"

/** @param words - the command line @throws usage where several are meant and nobody can be asked */
export async function chooseAgent(
  io: Io,
  wish: string | undefined,
  words: readonly string[],
): Promise<{ readonly paths: Paths; readonly requireOwnPane: () => void }> {
  const found = await findAgent(io, wish)
  if (found.kind === "found") return { paths: found.paths, requireOwnPane: () => requireOwnPane(found.stray) }
  if (found.shared !== null) return ofShared(found.shared, found.agents)
  if (!isPerson(io, words.includes("--json"))) throw undecided(found.agents, words)
  const paths = await askWhich(io, found.agents)
  return { paths, requireOwnPane: () => {} }
}

/** Whoever is named can be looked at; nobody speaks as an agent that may be another one. */
function ofShared(
  { server, named }: Shared,
  agents: readonly Registered[],
): { readonly paths: Paths; readonly requireOwnPane: () => void } {
  const refuse = (): never => {
    throw new SentoError(
      "refused",
      `${server.name} runs this, which several panes share, and nothing says for which of ${agents.map(({ name }) => name).join(", ")}`,
      `end the program in the agent's pane, and start it there with \`${server.without}\``,
    )
  }
  return { paths: named ?? refuse(), requireOwnPane: refuse }
}

async function askWhich(io: Io, agents: readonly Registered[]): Promise<Paths> {
  const options = agents.map(({ name, config, paths }) => ({
    value: paths.home,
    label: name,
    hint: config === null ? `${paths.config} cannot be read` : `tmux session ${config.tmux.session}`,
  }))
  const home = await choose("Which agent is this for?", options)
  const one = agents.find(({ paths }) => paths.home === home)
  if (one === undefined) throw new Error(`no such home: ${home}`)
  tell(io, dim(io, `(\`--agent ${one.name}\` says so beforehand)`))
  return one.paths
}

function undecided(agents: readonly Registered[], words: readonly string[]): SentoError {
  const names = agents.map(({ name }) => name)
  const [first] = names
  const rest = words.filter(word => word !== "--json").length > 1 ? " …" : ""
  return new SentoError(
    "usage",
    `${names.length} agents live here (${names.join(", ")}), and nothing says which is meant`,
    `name it: \`sento ${words[0]} --agent ${first}${rest}\``,
  )
}
