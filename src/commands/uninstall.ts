/**
 * `sento uninstall`: shows what Sentō put anywhere on this account, and takes it away after a yes. Keys and messages go
 * with `--everything` alone, and then the other sides are told that the pairs have ended.
 */
import { SentoError } from "../protocol/errors.ts"
import type { AddCommand, OptionsOf, Program } from "./command.ts"
import { confirmOwner, requireOwner } from "./consent.ts"
import type { Io } from "./io.ts"
import { ask } from "./prompts.ts"
import { isPerson, printJson, tell } from "./terminal.ts"
import { forgetAgent, stopAgent } from "./uninstall/agents.ts"
import { removeInstalled } from "./uninstall/installed.ts"
import { type Plan, planOf, planWords } from "./uninstall/plan.ts"
import { undoSetup } from "./uninstall/setups.ts"

const grammar = (program: Program) =>
  program
    .command("uninstall")
    .description("take away what sento put anywhere, shown first")
    .option("--json", "print JSON")
    .addOption(program.createOption("--agent <name>").hideHelp())
    .allowExcessArguments(false)
    .option("--everything", "keys and messages too: pairs end, and the other sides are told")
    .option("--yes", "without asking")

type UninstallOptions = OptionsOf<typeof grammar>

/** The words of `sento uninstall`. */
export const addUninstall: AddCommand = (program, { io, finish }) =>
  grammar(program).action(options => finish(uninstall(io, options)))

/** What became of it, line by line; `faults` is what could not be taken away. */
type Outcome = { readonly done: string[]; readonly faults: string[] }

/** `sento uninstall` @throws usage where nobody can be asked, interrupted, not-owner, needs-pin */
async function uninstall(io: Io, options: UninstallOptions): Promise<number> {
  const { everything = false, yes = false, json = false, agent } = options
  if (agent !== undefined)
    throw new SentoError(
      "usage",
      "`sento uninstall` is for all of your agents",
      `\`sento guard uninstall --agent ${agent}\` stops one, and has nothing start it`,
    )
  const plan = planOf(io, everything)
  const words = planWords(plan)
  if (words.length === 0) return tellNothing(io, plan, json)
  if (!json) for (const line of words) tell(io, line)
  if (!yes) await confirm(io, everything, json)
  // One whose config cannot be read has no door that could be asked.
  for (const { paths } of plan.agents.filter(one => one.config !== null))
    await (everything ? confirmOwner(io, paths, "to take everything away") : requireOwner(io, paths))
  const outcome = await carryOut(io, plan)
  if (json) printJson(io, { ...outcome, kept: plan.kept })
  else report(io, plan, outcome)
  return outcome.faults.length === 0 ? 0 : 1
}

async function confirm(io: Io, everything: boolean, isJson: boolean): Promise<void> {
  if (!isPerson(io, isJson))
    throw new SentoError(
      "usage",
      "nobody can be asked whether that is to go",
      "run it in a terminal, or add `--yes`",
    )
  const word = everything ? "everything" : "yes"
  const answer = await ask(`Take that away? Type ${word}, or anything else to leave it`, {})
  if (answer !== word) throw new SentoError("interrupted", "nothing was taken away")
}

/** One after another; what fails keeps nothing of the rest. The command itself goes last. */
async function carryOut(io: Io, { setups, agents, service, everything, installed }: Plan): Promise<Outcome> {
  const outcome: Outcome = { done: [], faults: [] }
  const attempt = async (work: () => readonly string[] | Promise<readonly string[]>): Promise<void> => {
    try {
      outcome.done.push(...(await work()))
    } catch (error) {
      if (!(error instanceof Error)) throw error
      outcome.faults.push(error.message)
    }
  }
  for (const one of setups) await attempt(() => undoSetup(io, one))
  for (const one of agents) await attempt(() => (everything ? forgetAgent : stopAgent)(io, one))
  if (service !== null) await attempt(() => stopAgent(io, { name: "hands", paths: service }))
  // Whoever has to try again needs it.
  if (installed !== null && outcome.faults.length === 0) await attempt(() => removeInstalled(installed))
  return outcome
}

function tellNothing(io: Io, plan: Plan, isJson: boolean): number {
  if (isJson) printJson(io, { done: [], faults: [], kept: plan.kept })
  else {
    tell(io, "nothing of sento's is set up here")
    for (const line of plan.kept) tell(io, line)
  }
  return 0
}

function report(io: Io, { kept }: Plan, { done, faults }: Outcome): void {
  tell(io)
  for (const line of done) tell(io, line)
  for (const line of faults) tell(io, `sento: error: ${line}`)
  for (const line of kept) tell(io, line)
}
