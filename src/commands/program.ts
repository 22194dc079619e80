/** Runs a command line, and says what is wrong with it in the house's form. */
import { Command, CommanderError } from "@commander-js/extra-typings"
import { SentoError } from "../protocol/errors.ts"
import type { Paths } from "../store/paths.ts"
import { version } from "../version.ts"
import type { AddCommand, Run } from "./command.ts"
import { groupOf } from "./groups.ts"
import type { Io } from "./io.ts"
import { optionsFirst } from "./text-arguments.ts"

/** By first word, in the order in which `sento --help` lists them; only the one that is named is loaded. */
const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  init: async () => (await import("./init.ts")).addInit,
  guard: async () => (await import("./guard.ts")).addGuard,
  pair: async () => (await import("./pair.ts")).addPair,
  approve: async () => (await import("./approve.ts")).addApprove,
  deny: async () => (await import("./deny.ts")).addDeny,
  ask: async () => (await import("./ask.ts")).addAsk,
  owner: async () => (await import("./owner.ts")).addOwner,
  agents: async () => (await import("./agents.ts")).addAgents,
  send: async () => (await import("./send.ts")).addSend,
  reply: async () => (await import("./reply.ts")).addReply,
  cancel: async () => (await import("./cancel.ts")).addCancel,
  inbox: async () => (await import("./inbox.ts")).addInbox,
  watch: async () => (await import("./watch.ts")).addWatch,
  log: async () => (await import("./log.ts")).addLog,
  status: async () => (await import("./status.ts")).addStatus,
  doctor: async () => (await import("./doctor.ts")).addDoctor,
  setup: async () => (await import("./setup.ts")).addSetup,
  hands: async () => (await import("./hands.ts")).addHands,
  mcp: async () => (await import("./mcp.ts")).addMcp,
  hook: async () => (await import("./hook.ts")).addHook,
  completions: async () => (await import("./completions.ts")).addCompletions,
  uninstall: async () => (await import("./uninstall.ts")).addUninstall,
  demo: async () => (await import("./demo.ts")).addDemo,
  "demo-agent": async () => (await import("./demo-agent.ts")).addDemoAgent,
}

/** These ask for themselves which agent is meant, if any. */
const ofNoAgent: ReadonlySet<string> = new Set([
  "init",
  "setup",
  "watch",
  "completions",
  "uninstall",
  "demo",
  "demo-agent",
])

/** Runs one command line. @returns the exit status @throws SentoError */
export async function runProgram(io: Io, given: readonly string[]): Promise<number> {
  if (given.length === 0) return (await import("./overview.ts")).overview(io)
  if (given.length === 2 && given[0] === "--agent")
    return (await import("./overview.ts")).overview(io, given[1])
  let status = 0
  let agent: Agent | null = null
  const words = agentLast(alias(given))
  const [name = "", ...rest] = words
  const program = await createProgram(name, {
    io,
    paths: as => {
      if (agent === null) throw new Error(`no agent was looked for: ${words[0]}`)
      if (as === "agent") agent.requireOwnPane()
      return agent.paths
    },
    finish: async result => {
      status = await result
    },
  })
  program.hook("preAction", async (_, action) => {
    const { agent: wish, all, local } = action.optsWithGlobals() as Selection
    if (ofNoAgent.has(name) || all || local) return
    const { chooseAgent } = await import("./choosing.ts")
    agent = await chooseAgent(io, wish, words)
  })
  try {
    await program.parseAsync([name, ...(isText(name) ? optionsFirst(rest) : rest)], { from: "user" })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return 0
    throw usageError(error, commandLine(program, words))
  }
  return status
}

/** `sento list`, as other programs have it. */
const alias = ([first = "", ...rest]: readonly string[]): readonly string[] => [
  first === "list" ? "agents" : first,
  ...rest,
]

/** The agent that a command is for, once it is found. */
type Agent = { readonly paths: Paths; readonly requireOwnPane: () => void }

/** Options that say which agents a command is for. */
type Selection = { readonly agent?: string; readonly all?: true; readonly local?: true }

/** `sento --agent kai status` as `sento status --agent kai`. */
function agentLast(words: readonly string[]): readonly string[] {
  const [first = "", second, third, ...rest] = words
  if (first === "--agent" && third !== undefined) return [third, first, second ?? "", ...rest]
  if (first.startsWith("--agent=") && second !== undefined) return [second, first, ...words.slice(2)]
  return words
}

/** Words and help of the command that is named, or of all, to be read: for completions and the man page. */
export const grammarOf = (io: Io, name = ""): Promise<Command> =>
  createProgram(name, {
    io,
    paths: () => {
      throw new Error(`the grammar of ${name} was run`)
    },
    finish: async () => {},
  })

/** The program with the command that is named, or with all of them where none is. */
async function createProgram(name: string, run: Run): Promise<Command> {
  const program = new Command("sento")
    .description("Two AI agents talk to each other, with both owners' consent and nobody in between.")
    .version(version, "-V, --version")
    .exitOverride()
    .configureOutput({
      writeOut: run.io.out,
      writeErr: () => {},
      getOutHelpWidth: () => helpWidth(run.io),
      getOutHasColors: () => false,
    })
    .showSuggestionAfterError()
  const named = Object.hasOwn(commands, name) ? [commands[name]] : Object.values(commands)
  for (const add of await Promise.all(named.map(load => load?.()))) add?.(program, run)
  for (const one of program.commands) one.helpGroup(`${groupOf(one.name())}:`)
  return program
}

/** The terminal's, or commander's own where there is none. */
function helpWidth({ sizeOf }: Io): number {
  const { columns } = sizeOf("stdout")
  return Number.isFinite(columns) ? columns : 80
}

/** Whether a message's text stands among the words of this command. */
const isText = (command: string): boolean => command === "send" || command === "reply"

/** The command that the words name, as far as they name one: `sento agents remove`. */
function commandLine(program: Command, words: readonly string[]): string {
  const path = [program.name()]
  let at: { readonly commands: Command["commands"] } = program
  for (const word of words) {
    const next = at.commands.find(one => one.name() === word)
    if (next === undefined) break
    path.push(word)
    at = next
  }
  return path.join(" ")
}

/** commander's own words, in the house's form. */
function usageError(error: CommanderError, command: string): SentoError {
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n")
  const suggestion = /^\(Did you mean (.+)\?\)$/.exec(rest.join(" ").trim())?.[1]
  const hint = suggestion === undefined ? helpOn(error, command) : `run \`${command} ${suggestion}\``
  const message = error.code === "commander.help" ? "no such command" : first
  const tooMany = /^too many arguments .*\. Expected (\d+) .*: (.*)\.$/s.exec(first)
  if (tooMany !== null)
    return new SentoError(
      "usage",
      `too many arguments: ${JSON.stringify(tooMany[2])}; ${tooMany[1]} expected`,
      hint,
    )
  return new SentoError("usage", message.replace(/'([^']*)'/g, '"$1"').replace(/\.$/, ""), hint)
}

function helpOn({ code }: CommanderError, command: string): string {
  const help = `run \`${command} --help\``
  const isDash = code === "commander.unknownOption" && isText(command.split(" ")[1] ?? "")
  return isDash ? `${help}; a text that starts with \`-\` goes behind \`--\`` : help
}
