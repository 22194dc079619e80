/** `sento doctor`: whether the program in the pane was started as this agent, and finds this `sento`. */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
} from "node:fs"
import { homedir } from "node:os"
import { dirname, isAbsolute, join, resolve } from "node:path"
import { shellWord } from "../protocol/shell.ts"
import { registeredHomes } from "../store/homes.ts"
import { isSameFile } from "../store/links.ts"
import { type Paths, pathsOf } from "../store/paths.ts"
import { readRegistered, readRegistry } from "../store/registry.ts"
import type { AgentProcess, Environment } from "./agent-process.ts"
import type { Finding } from "./doctor-peer.ts"
import type { Sento } from "./setup/texts.ts"

type Fault = { readonly is: string; readonly fix: string }

/** @param self - this agent's name; @param sento - what runs here, as it can be found tomorrow */
export function checkEnvironment(
  { name, environment }: AgentProcess,
  paths: Paths,
  self: string,
  sento: Sento,
): Finding[] {
  if (environment === null) return []
  const faults = [agentFault(environment, paths, self), pathFault(environment, sento)].flatMap(
    one => one ?? [],
  )
  const check = `${name}'s environment`
  if (faults.length === 0) return [{ check, is: `speaks as ${self}`, fix: null }]
  return faults.map(({ is, fix }) => ({ check, is, fix: fix.replaceAll("PROGRAM", name) }))
}

/** What can be changed in the shell that it was started from, and nowhere else. */
const restart = (command: string): string => `end PROGRAM, run \`${command}\` in its shell, and start it anew`

/** In the order in which a command that runs there would choose. */
function agentFault(environment: Environment, paths: Paths, self: string): Fault | null {
  const { SENTO_AGENT, SENTO_DOOR, SENTO_HOME } = environment
  if (SENTO_AGENT) return nameFault(SENTO_AGENT, environment, paths)
  if (SENTO_DOOR)
    return isSameFile(resolve(SENTO_DOOR), paths.agentSocket)
      ? null
      : { is: `SENTO_DOOR names ${SENTO_DOOR}, which is not ${self}'s`, fix: restart("unset SENTO_DOOR") }
  if (SENTO_HOME) return homeFault(SENTO_HOME, environment, paths, self)
  return isRegistered(environment, paths) ? null : nowhere(environment, paths, self)
}

function nameFault(name: string, environment: Environment, paths: Paths): Fault | null {
  const named = readRegistry(userHome(environment)).find(one => one.name === name)
  if (named !== undefined && isSameFile(named.paths.home, paths.home)) return null
  const who = named === undefined ? "and no agent of this user has that name" : "which is another agent"
  return { is: `SENTO_AGENT names ${name}, ${who}`, fix: restart("unset SENTO_AGENT") }
}

function homeFault(home: string, environment: Environment, paths: Paths, self: string): Fault | null {
  if (isSameFile(resolve(home), paths.home)) return null
  const fix = restart(isRegistered(environment, paths) ? "unset SENTO_HOME" : setHome(paths))
  if (!existsSync(home)) return { is: `SENTO_HOME names ${home}, which is not there`, fix }
  const other = existsSync(pathsOf(home).config) ? `${readRegistered(pathsOf(home)).name}'s` : `not ${self}'s`
  return { is: `SENTO_HOME names ${home}, which is ${other}`, fix }
}

const nowhere = (environment: Environment, paths: Paths, self: string): Fault => ({
  is:
    userHome(environment) === homedir()
      ? `SENTO_HOME is not set, and ${self} lives in ${paths.home}`
      : `HOME is ${userHome(environment)}, where ${self} does not live`,
  fix: restart(setHome(paths)),
})

const setHome = ({ home }: Paths): string => `export SENTO_HOME=${shellWord(home)}`

const userHome = ({ HOME }: Environment): string => HOME || homedir()

/** Whether commands there find this agent without a word. */
const isRegistered = (environment: Environment, { home }: Paths): boolean =>
  registeredHomes(userHome(environment)).some(one => isSameFile(one.home, home))

/**
 * What keeps `sento` there from being this one, or null. Nothing that is found is run: the agent could have put it there,
 * and doctor is the owner's.
 */
export function pathFault({ PATH = "" }: Environment, sento: Sento): Fault | null {
  const [file, ...sources] = sento
  // From its source there is no file that could be found.
  if (sources.length > 0) return null
  const folders = PATH.split(":").filter(isAbsolute)
  const found = folders.map(folder => join(folder, "sento")).find(isExecutable)
  const first = restart(`export PATH=${shellWord(dirname(file))}:"$PATH"`)
  if (found === undefined)
    return {
      is: "there is no `sento` on its PATH, and it will say `sento reply`",
      fix: linkIn(folders, file) ?? first,
    }
  if (isSameFile(found, file) || isScript(found) || isCopy(found, file)) return null
  return { is: `its PATH has ${found} first, and ${file} runs here`, fix: first }
}

/** Where programs of the user's own lie, if that is on its PATH: then it need not be started anew. */
function linkIn(folders: readonly string[], file: string): string | null {
  const own = [join(homedir(), ".local/bin"), join(homedir(), "bin"), "/usr/local/bin"]
  const folder = own.find(one => folders.includes(one) && isWritable(one))
  return folder === undefined ? null : `run \`ln -s ${shellWord(file)} ${shellWord(join(folder, "sento"))}\``
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** npm's: it starts a file that nobody sees from outside. One that may not be read may be that, too. */
function isScript(path: string): boolean {
  try {
    const file = openSync(path, "r")
    const start = Buffer.alloc(2)
    readSync(file, start)
    closeSync(file)
    return start.toString() === "#!"
  } catch {
    return true
  }
}

const isCopy = (one: string, other: string): boolean =>
  existsSync(other) &&
  statSync(one).size === statSync(other).size &&
  readFileSync(one).equals(readFileSync(other))
