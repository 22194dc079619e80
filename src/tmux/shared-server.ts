/**
 * One process for several panes: what runs below it descends from the pane of whoever started it, has the variables of
 * that one, and is anybody's.
 */
import { agentOfFile, agentPrograms } from "./agent-programs.ts"
import {
  allProcesses,
  ancestryOf,
  argumentsOf,
  environmentOf,
  executableOf,
  openFilesOf,
  readsTerminal,
} from "./process.ts"
import type { SharedServerSigns } from "./profile.ts"

export type SharedServer = { readonly pid: number; readonly signs: SharedServerSigns }

/** The one for which a process works; null where it descends from none. */
export function sharedServerAbove(pid: number): SharedServer | null {
  for (const stat of ancestryOf(pid)) {
    const signs = signsOf(stat.pid)
    if (signs?.isServer(argumentsOf(stat.pid) ?? [])) return { pid: stat.pid, signs }
  }
  return null
}

/**
 * The programs at terminals that may be using it: those of the same user and settings, but for those that certainly do
 * without. Which of them a process below it works for is not to be seen.
 */
export function clientsOf({ pid: server, signs }: SharedServer): number[] {
  const settings = settingsOf(server, signs)
  return allProcesses().filter(
    pid =>
      signsOf(pid) === signs &&
      readsTerminal(pid) === true &&
      settingsOf(pid, signs) === settings &&
      !signs.isServer(argumentsOf(pid) ?? []) &&
      !isAlone(pid, signs),
  )
}

/** The one that a program at a terminal may be using; null where none runs, and for one that certainly does without. */
export function sharedServerOf(client: number): SharedServer | null {
  const signs = signsOf(client)
  if (signs === null || isAlone(client, signs)) return null
  const settings = settingsOf(client, signs)
  const isIts = (pid: number): boolean =>
    signsOf(pid) === signs && signs.isServer(argumentsOf(pid) ?? []) && settingsOf(pid, signs) === settings
  const pid = allProcesses().find(isIts)
  return pid === undefined ? null : { pid, signs }
}

/** Whether a program certainly uses none. */
function isAlone(pid: number, { without, ownFile }: SharedServerSigns): boolean {
  return (argumentsOf(pid) ?? []).includes(without) || openFilesOf(pid).some(path => ownFile.test(path))
}

function signsOf(pid: number): SharedServerSigns | null {
  const path = executableOf(pid)
  const agent = path === null ? null : agentOfFile(path)
  return agent === null ? null : (agentPrograms[agent].sharedServer ?? null)
}

const settingsOf = (pid: number, { variables }: SharedServerSigns): string =>
  environmentOf(pid)
    .filter(entry => variables.includes(entry.split("=", 1)[0] ?? ""))
    .sort()
    .join("\0")
