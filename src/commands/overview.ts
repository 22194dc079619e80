/** `sento` alone: where one stands, what to do next, and the commands there are. */
import { listQuestions } from "../guardian/books/open-questions.ts"
import type { Config } from "../store/config.ts"
import { openReader } from "../store/reader.ts"
import { type Registered, readRegistered } from "../store/registry.ts"
import { groups } from "./groups.ts"
import type { Io } from "./io.ts"
import { placesWords, runningGuardian } from "./running.ts"
import { sessionState, sessionWords } from "./session-state.ts"
import { print } from "./terminal.ts"
import { findAgent } from "./which-agent.ts"

/** `sento`: only reads, and exits 0 whatever it finds. @param wish - the value of `--agent` */
export async function overview(io: Io, wish?: string): Promise<number> {
  print(io, "Sentō: two AI agents talk to each other, with both owners' consent")
  print(io, "and nobody in between.")
  print(io, "")
  const found = await findAgent(io, wish)
  const agents = found.kind === "open" ? found.agents : [readRegistered(found.paths)]
  const standings = (await Promise.all(agents.map(agent => standingOf(agent, agents.length > 1)))).flat()
  for (const { lines } of standings) for (const line of lines) print(io, line)
  const steps = standings.length === 0 ? firstSteps : standings.flatMap(one => one.steps)
  for (const step of steps) print(io, `next: ${step}`)
  print(io, "")
  for (const [group, names] of Object.entries(groups)) print(io, `${group.padEnd(15)}${names.join("  ")}`)
  print(io, "")
  print(io, "`sento --help` says what each of them does, `sento COMMAND --help` how.")
  return 0
}

const firstSteps = [
  "`sento init` sets an agent up",
  "`sento demo` shows two of them pair and talk, and leaves nothing",
]

/** A Guardian that hangs is not waited for. */
const patienceMilliseconds = 2000

type Standing = { readonly lines: readonly string[]; readonly steps: readonly string[] }

async function standingOf(agent: Registered, isOneOfSeveral: boolean): Promise<readonly Standing[]> {
  const { name, config, paths } = agent
  if (config === null) return []
  const running = await runningGuardian(paths, patienceMilliseconds).catch(() => null)
  const peers = Object.keys(config.agents)
  const lines = [
    `${name}  is in the tmux session ${config.tmux.session}: ${sessionWords[await sessionState(config)]}`,
    `${" ".repeat(name.length)}  ${running === null ? "no Guardian runs" : `its Guardian listens on ${placesWords(running)}`}`,
    `${" ".repeat(name.length)}  paired with ${peers.length === 0 ? "nobody yet" : peers.join(", ")}`,
  ]
  return [
    { lines, steps: stepsOf(agent, config, running !== null, isOneOfSeveral ? ` --agent ${name}` : "") },
  ]
}

/** @param which - the option that says for which agent, where there are several */
function stepsOf({ paths }: Registered, config: Config, isRunning: boolean, which: string): string[] {
  const [peer] = Object.keys(config.agents)
  const questions = waitingIn(paths.database, config).map(
    ({ id, name }) => `${name} waits for your yes: \`sento approve ${id}${which}\` (or \`deny\`)`,
  )
  const start = isRunning ? [] : [`\`sento guard${which}\` starts its Guardian`]
  const talk = peer === undefined ? `\`sento pair${which}\`` : `\`sento send ${peer} "hello"${which}\``
  const all = [...questions, ...start]
  return all.length === 0 || peer === undefined ? [...all, talk] : all
}

function waitingIn(database: string, config: Config) {
  try {
    using reader = openReader(database)
    return reader === null ? [] : listQuestions(reader, config)
  } catch {
    return []
  }
}
