/**
 * `sento doctor`: whether agent programs are told of sento, by a `sento` that is there. Each of these is asked: the
 * program in the pane, the configured one, and whichever has something of ours, for the user or in a project.
 */
import { accessSync, constants, existsSync, statSync } from "node:fs"
import { SentoError } from "../protocol/errors.ts"
import { type AgentProgramName, agentProgramNames } from "../protocol/names.ts"
import { shellWord } from "../protocol/shell.ts"
import type { Config } from "../store/config.ts"
import { setupsPath } from "../store/homes.ts"
import { isSameFile } from "../store/links.ts"
import type { AgentProcess, Environment } from "./agent-process.ts"
import type { Finding } from "./doctor-peer.ts"
import { findSetup } from "./setup/programs.ts"
import { readRecords } from "./setup/records.ts"
import { type ProgramSetup, placeVariables } from "./setup/scope.ts"
import type { Sento } from "./setup/texts.ts"
import { changesOf } from "./setup.ts"
import { userHomeOf } from "./which-agent.ts"

/** What the checks are made with. */
export type SetupLook = {
  /** Of the owner, who types what mends it. */
  readonly environment: Environment
  readonly cwd: string
  readonly config: Pick<Config, "tmux">
  /** The program in the agent's pane, or null where none is seen there. */
  readonly running: AgentProcess | null
  /** What a setup would write now. */
  readonly sento: Sento
  /** How a person says `sento` where doctor runs. */
  readonly said: string
}

/** Where a program may be told of sento. */
type Place = {
  readonly program: AgentProgramName
  readonly project: string | null
  readonly environment: Environment
  /** Whether the program that runs, or is to, looks there. */
  readonly isRead: boolean
}

type State =
  | { readonly kind: "none" | "right" }
  | { readonly kind: "gone" | "other"; readonly path: string }
  | { readonly kind: "changed"; readonly files: readonly string[] }
  | { readonly kind: "refused"; readonly error: SentoError }

type Seen = { readonly place: Place; readonly state: State; readonly setup: ProgramSetup }

/** Where something of ours is, and what is wrong with it. */
export function checkSetups(look: SetupLook): Finding[] {
  const seen = placesOf(look).map(place => seeSetup(place, look.sento))
  const there = seen.filter(({ state }) => state.kind !== "none")
  const read = there.filter(({ place }) => place.isRead)
  const expected = seen.find(({ place }) => place.isRead)
  const findings = there.map(one =>
    read.length > 1 && one.place.isRead && one.place.project !== null ? twice(look, one) : judge(look, one),
  )
  if (expected === undefined || read.length > 0) return findings
  return [look.running?.hasServer ? otherwise(expected.place) : neverRun(look, expected.place), ...findings]
}

/** Whether the program that runs, or is to, has the tools of `sento mcp`, by a `sento` that is there. */
export const hasTools = (look: SetupLook): boolean =>
  look.running?.hasServer ||
  placesOf(look)
    .filter(({ isRead }) => isRead)
    .some(place => ["right", "changed", "other"].includes(seeSetup(place, look.sento).state.kind))

/** What gives it those, as the owner types it. */
export function commandOf(look: SetupLook, program: AgentProgramName): string {
  const place = placesOf(look).find(({ isRead }) => isRead)
  return place === undefined ? `${look.said} setup ${program}` : commandFor(look, place)
}

/** Those that are read go first; no two have the same files. */
function placesOf({ environment, config, running }: SetupLook): Place[] {
  const configured = agentProgramNames.find(name => name === config.tmux.profile)
  const program = running?.name ?? configured
  const own = { environment: running?.environment ?? environment, isRead: true }
  const directory = running?.directory ?? null
  const all: Place[] = [
    ...(program === undefined ? [] : [{ ...own, program, project: null }]),
    ...(program === undefined || directory === null ? [] : [{ ...own, program, project: directory }]),
    ...agentProgramNames.map(name => ({ program: name, project: null, environment, isRead: false })),
    ...recordsOf(environment).map(record => ({
      ...record,
      environment: { ...environment, [placeVariables[record.program]]: undefined, ...record.environment },
      isRead: false,
    })),
  ]
  const files = all.map(place =>
    findSetup(place.program, { ...place, sento: ["sento"] })
      .parts.map(({ path }) => path)
      .join(),
  )
  return all.filter((_, index) => files.indexOf(files[index] ?? "") === index)
}

/** A list that cannot be read is told of where it is written. */
function recordsOf(environment: Environment): ReturnType<typeof readRecords> {
  try {
    return readRecords(setupsPath(userHomeOf({ environment })))
  } catch (error) {
    if (error instanceof SentoError) return []
    throw error
  }
}

/** How it is, by what a setup would change: nothing is written down here a second time. */
function seeSetup(place: Place, own: Sento): Seen {
  const setup = findSetup(place.program, { ...place, sento: own })
  try {
    return { place, setup, state: stateOf(place, setup, own) }
  } catch (error) {
    if (!(error instanceof SentoError)) throw error
    return { place, setup, state: { kind: "refused", error } }
  }
}

function stateOf(place: Place, setup: ProgramSetup, own: Sento): State {
  const there = changesOf(setup, true)
  if (there.length === 0) return { kind: "none" }
  const starts = there.flatMap(({ path, before }) =>
    setup.parts.filter(part => part.path === path).flatMap(part => [...part.startsIn(before)]),
  )
  const gone = starts.find(isGone)
  if (gone !== undefined) return { kind: "gone", path: gone.join(" ") }
  const other = starts.find(one => !isSame(one, own))
  if (other !== undefined) return { kind: "other", path: other.join(" ") }
  const [named = own] = starts
  const changes = changesOf(findSetup(place.program, { ...place, sento: named }), false)
  return changes.length === 0 ? { kind: "right" } : { kind: "changed", files: changes.map(one => one.path) }
}

function isGone([file, ...sources]: Sento): boolean {
  try {
    accessSync(file, constants.X_OK)
    return sources.some(one => !existsSync(one))
  } catch {
    return true
  }
}

const isSame = (one: Sento, other: Sento): boolean =>
  one.length === other.length && one.every((word, index) => isSameFile(word, other[index] ?? ""))

const nameOf = ({ program, project }: Place): string =>
  `${program}'s setup${project === null ? "" : ` in ${project}`}`

const neverRun = (look: SetupLook, place: Place): Finding => ({
  check: nameOf(place),
  is: "never run: its turns are not told of, and it has no tools of sento's",
  fix: `run \`${commandFor(look, place)}\``,
})

/** By hand, or with a plugin from elsewhere. */
const otherwise = (place: Place): Finding => ({
  check: nameOf(place),
  is: "not by `sento setup`, and its `sento mcp` runs",
  fix: null,
})

/** Of the two, the project's is the one too many. */
const twice = (look: SetupLook, { place }: Seen): Finding => ({
  check: nameOf(place),
  is: "is there beside the one for the user, and both are read",
  fix: `run \`${commandFor(look, place, " --undo")}\``,
})

function judge(look: SetupLook, { place, setup, state }: Seen): Finding {
  const mend = `run \`${commandFor(look, place)}\``
  const words = { check: nameOf(place), fix: mend }
  switch (state.kind) {
    case "gone":
      return { ...words, is: `starts ${state.path}, which is not there: its hooks and tools do nothing` }
    case "other":
      return { ...words, is: `starts ${state.path}, and ${look.sento.join(" ")} runs here` }
    case "changed":
      return { ...words, is: `is not as this version of sento writes it: ${state.files.join(", ")}` }
    case "refused":
      return { ...words, is: state.error.message, fix: state.error.hint ?? mend }
    default: {
      const running = place.isRead ? look.running : null
      const right = { check: nameOf(place), is: "right", fix: null }
      if (running !== null && isUnread(running, setup))
        return { ...right, is: `is newer than the ${place.program} that runs`, fix: setup.next }
      return { ...right, ...setup.pending?.(running?.arguments ?? []) }
    }
  }
}

/** A file of two seconds later was written behind the start; programs write some of these files themselves. */
const startMilliseconds = 2000

/** Whether all of it was written while the program ran, which has not read it since. */
const isUnread = ({ startedAt, hasServer }: AgentProcess, { parts }: ProgramSetup): boolean =>
  !hasServer && parts.every(({ path }) => statSync(path).mtimeMs > startedAt + startMilliseconds)

/** As it is typed by the owner, for the very files that the program reads. */
function commandFor(look: SetupLook, { program, project, environment }: Place, more = ""): string {
  const there = project === null || project === look.cwd ? "" : `cd ${shellWord(project)} && `
  const variables = project === null ? ["HOME", placeVariables[program]] : []
  const changed = variables.filter(name => (environment[name] || "") !== (look.environment[name] || ""))
  const unset = changed.filter(name => !environment[name]).map(name => `-u ${name} `)
  const set = changed
    .filter(name => environment[name])
    .map(name => `${name}=${shellWord(environment[name] ?? "")} `)
  const prefix = `${unset.length > 0 ? "env " : ""}${unset.join("")}${set.join("")}`
  return `${there}${prefix}${look.said} setup ${program}${project === null ? "" : " --project"}${more}`
}
