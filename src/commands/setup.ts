/** `sento setup PROGRAM`: tells an agent program of sento, and with `--undo` takes exactly that away again. */
import { SentoError } from "../protocol/errors.ts"
import { type AgentProgramName, agentProgramNames, joinNames } from "../protocol/names.ts"
import { setupsPath } from "../store/homes.ts"
import { type AddCommand, command, type OptionsOf, type Program } from "./command.ts"
import type { Io } from "./io.ts"
import { type Change, ChangedMeanwhile, readFile, replaceFile, requireOneName } from "./setup/files.ts"
import { findPlugin, requireNoPlugin } from "./setup/installed-plugins.ts"
import { lastingPath } from "./setup/own-path.ts"
import { findSetup, requireProgram } from "./setup/programs.ts"
import { forgetSetup, noteSetup, recordOf, type SetupRecord } from "./setup/records.ts"
import type { ProgramSetup } from "./setup/scope.ts"
import type { Sento } from "./setup/texts.ts"
import { print, printJson, tell } from "./terminal.ts"
import { userHomeOf } from "./which-agent.ts"

const grammar = (program: Program) =>
  command(program, "setup", "tell an agent program of sento")
    .argument("<program>", joinNames(agentProgramNames, "or"))
    .option("--project", "for this directory alone")
    .option("--print", "show what would change, and change nothing")
    .option("--undo", "take away what setup wrote")

type SetupOptions = OptionsOf<typeof grammar>

/** The words of `sento setup`. */
export const addSetup: AddCommand = (program, { io, finish }) =>
  grammar(program).action((name, options) => finish(setup(io, name, options)))

/** `sento setup` */
export async function setup(io: Io, name: string, options: SetupOptions): Promise<number> {
  const isUndo = options.undo ?? false
  const project = options.project ? io.cwd() : null
  const scope = {
    sento: isUndo ? ownCommand() : lastingCommand(io),
    project,
    environment: io.environment,
  }
  const program = findSetup(name, scope)
  if (!isUndo) requireNoPlugin(requireProgram(name), scope)
  const changes = options.print
    ? changesOf(program, isUndo)
    : setUpNoted(io, program, recordOf(requireProgram(name), scope, program), isUndo)
  if (options.json)
    printJson(io, {
      program: name,
      files: changes.map(one => ({ path: one.path, change: said(one, options) })),
    })
  else if (options.print && changes.length > 0) for (const change of changes) show(io, change)
  else report(io, name, changes, isUndo, program.next)
  return 0
}

/** Whether the program knows of sento: `sento setup` for the user would change nothing, or its own plugin does that. */
export function isSetUp(io: Io, name: AgentProgramName): boolean {
  const scope = { sento: lastingCommand(io), project: null, environment: io.environment }
  return findPlugin(name, scope) !== null || changesOf(findSetup(name, scope), false).length === 0
}

/** A refusal leaves no record either. @throws config */
function setUpNoted(io: Io, program: ProgramSetup, record: SetupRecord, isUndo: boolean): Change[] {
  const records = setupsPath(userHomeOf(io))
  if (!isUndo) {
    changesOf(program, isUndo)
    noteSetup(record, records)
  }
  const changes = setUp(program, isUndo)
  if (isUndo) forgetSetup(record, records)
  return changes
}

/** An agent program that writes its settings so often writes without end. */
const mostTries = 5

/**
 * Makes every file what it is to be; where somebody else writes one meanwhile, it starts over with what is there then.
 * @throws config
 */
export function setUp(program: ProgramSetup, isUndo: boolean): Change[] {
  for (let tries = 1; ; tries += 1) {
    const changes = changesOf(program, isUndo)
    try {
      apply(program, changes)
      return changes
    } catch (error) {
      if (!(error instanceof ChangedMeanwhile) || tries === mostTries) throw error
    }
  }
}

/** All files are looked at before the first is written: what one of them refuses, none has. @throws config */
export function changesOf({ parts }: ProgramSetup, isUndo: boolean): Change[] {
  const changes = parts
    .map(({ path, ...part }): Change => {
      const before = readFile(path)
      return { path, before, after: isUndo ? part.without(before) : part.with(before) }
    })
    .filter(({ before, after }) => before !== after)
  for (const { path } of changes) requireOneName(path)
  return changes
}

/** All of them or none: where one cannot be written, those before it are put back. @throws config */
export function apply({ root }: ProgramSetup, changes: readonly Change[]): void {
  const done: Change[] = []
  try {
    for (const change of changes) {
      replaceFile(change, root)
      done.unshift(change)
    }
  } catch (error) {
    const stuck = done.filter(change => !isPutBack(change, root)).map(({ path }) => path)
    if (stuck.length === 0 || !(error instanceof SentoError)) throw error
    const hint = `mend that and run this again; these are changed already: ${stuck.join(", ")}`
    throw new SentoError(error.code, error.message, hint)
  }
}

function isPutBack({ path, before, after }: Change, root: string): boolean {
  try {
    replaceFile({ path, before: after, after: before }, root)
    return true
  } catch {
    return false
  }
}

function report(io: Io, name: string, changes: readonly Change[], isUndo: boolean, next: string): void {
  if (changes.length === 0)
    tell(
      io,
      isUndo ? `nothing of sento's is there for ${name}` : `${name} is set up already; nothing changed`,
    )
  for (const change of changes) tell(io, `${kindOf(change)} ${change.path}`)
  if (isUndo || changes.length === 0) return
  tell(io, `next: ${next}`)
  if (Bun.which("sento") === null)
    tell(io, "sento: note: there is no `sento` on PATH, and agents will say `sento reply`; put it there")
}

const kindOf = ({ before, after }: Change): "wrote" | "changed" | "removed" =>
  after === null ? "removed" : before === null ? "wrote" : "changed"

/** With `--print` as what would be done. */
const said = (change: Change, { print }: SetupOptions): string =>
  print ? ({ wrote: "write", changed: "change", removed: "remove" } as const)[kindOf(change)] : kindOf(change)

/** The lines that go and come, as a diff without its context. */
function show(io: Io, { path, before, after }: Change): void {
  const old = linesOf(before)
  const now = linesOf(after)
  const isSame = (i: number, j: number): boolean => i >= 0 && j >= 0 && old[i] === now[j]
  let start = 0
  while (start < Math.min(old.length, now.length) && isSame(start, start)) start += 1
  let end = 0
  while (end < Math.min(old.length, now.length) - start && isSame(old.length - 1 - end, now.length - 1 - end))
    end += 1
  print(io, `${path}:`)
  for (const line of old.slice(start, old.length - end)) print(io, `- ${line}`.trimEnd())
  for (const line of now.slice(start, now.length - end)) print(io, `+ ${line}`.trimEnd())
}

const linesOf = (text: string | null): string[] => text?.replace(/\r?\n$/, "").split(/\r?\n/) ?? []

/** The file that runs now; from source, the runtime and the source. */
const ownCommand = (): Sento =>
  Bun.isStandaloneExecutable ? [process.execPath] : [process.execPath, Bun.main]

/** The same, as it can be found tomorrow. @throws config */
export function lastingCommand({ environment }: Io): Sento {
  const [file, ...words] = ownCommand()
  return [lastingPath(file, words.length === 0 ? "sento" : "bun", environment.PATH ?? ""), ...words]
}
