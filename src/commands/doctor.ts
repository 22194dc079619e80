/** `sento doctor [NAME]`: what is wrong, and one fix a line. Changes nothing but a config that others may read. */

import { existsSync, statSync } from "node:fs"
import { isIP } from "node:net"
import { lossOf, lossWords } from "../guardian/books/losses.ts"
import { networkHosts } from "../guardian/books/own-places.ts"
import type { GuardStatus, SessionState } from "../guardian/door/results.ts"
import { handsCommand, othersInGroup, sharedFolderFault } from "../guardian/door/shared-folder.ts"
import { ownTerminal } from "../guardian/terminal/own-terminal.ts"
import { ownAddresses } from "../http/own-addresses.ts"
import { isLoopback } from "../protocol/addresses.ts"
import { SentoError } from "../protocol/errors.ts"
import { formatTimestamp } from "../protocol/freshness.ts"
import { shellWord } from "../protocol/shell.ts"
import { type Config, networkAddresses } from "../store/config.ts"
import type { Paths } from "../store/paths.ts"
import { openReader } from "../store/reader.ts"
import { detectProfile, holdOf, keyboardOwner, namedAgent } from "../tmux/keyboard-owner.ts"
import { tmuxVersion } from "../tmux/tmux.ts"
import { otherBuildWords } from "./builds.ts"
import { type AddCommand, command } from "./command.ts"
import { type Finding, walkTo } from "./doctor-peer.ts"
import { checkPrograms } from "./doctor-programs.ts"
import { checkStart } from "./doctor-start.ts"
import { needConfig } from "./home.ts"
import type { Io } from "./io.ts"
import { guardStatus, placesWords, runningGuardian, shutFix, shutWords } from "./running.ts"
import { tmuxPatience } from "./session-here.ts"
import { sessionState, sessionWords } from "./session-state.ts"
import { printBehind, printJson } from "./terminal.ts"
import { unaskedOf, unaskedWords } from "./unasked.ts"

/** The words of `sento doctor`. */
export const addDoctor: AddCommand = (program, { io, paths, finish }) =>
  command(program, "doctor", "find what is wrong, and how to mend it")
    .argument("[name]", "a paired agent: the way to it and back, step by step")
    .action((name, { json = false }) => finish(doctor(io, paths(), name ?? null, json)))

const oldestTmux = [3, 2] as const
/** More than the longest time between two tries of theirs. */
const handsMilliseconds = 2500
const lookMilliseconds = 50
const secondLookMilliseconds = 1000
/** What stands before a finding. */
const markColumns = "wrong ".length
/** How long the loss of a database is told. */
const lossMilliseconds = 7 * 24 * 60 * 60 * 1000

/** `sento doctor`: exit 1 when something is wrong. */
async function doctor(io: Io, paths: Paths, name: string | null, isJson: boolean): Promise<number> {
  const findings = await examine(io, paths, name)
  const isWell = findings.every(one => one.fix === null)
  if (isJson) printJson(io, { ok: isWell, checks: findings })
  else
    for (const { check, is, fix } of findings)
      printBehind(io, fix === null ? `ok    ${check}: ${is}` : `wrong ${check}: ${is}; ${fix}`, markColumns)
  return isWell ? 0 : 1
}

async function examine(io: Io, paths: Paths, name: string | null): Promise<Finding[]> {
  const found: Config[] = []
  const read = await attempt("config", () => {
    const config = needConfig(io, paths)
    found.push(config)
    return { check: "config", is: `${paths.config} (${config.name})`, fix: null }
  })
  const [config] = found
  if (config === undefined) return [read, await attempt("tmux", checkTmux)]
  const database = await attempt("database", () => checkDatabase(paths))
  const running = await statusWithHands(paths)
  const port = running === null ? [] : [checkPort(config, running)]
  const isShut = port.some(({ fix }) => fix !== null)
  return [
    read,
    ...checkFolder(paths),
    ...(config.hardened === undefined
      ? await checkOwn(io, config, paths)
      : await checkHardened(config, running)),
    database,
    await checkGuardian(paths, running),
    await attempt("start", () => checkStart(io, paths)),
    ...port,
    ...(name === null ? [] : await walkTo(paths, config, running, name, isShut)),
  ]
}

/** The status, once the hands of hardened mode have had the time to find a Guardian that was just started. */
async function statusWithHands(paths: Paths): Promise<GuardStatus | null> {
  const deadline = Date.now() + handsMilliseconds
  for (;;) {
    const running = await statusOrNull(paths)
    if (running?.hands?.connected !== false || Date.now() > deadline) return running
    await Bun.sleep(lookMilliseconds)
  }
}

const statusOrNull = (paths: Paths): Promise<GuardStatus | null> => guardStatus(paths).catch(() => null)

/** What the work gives, or its error as a finding. */
async function attempt(check: string, work: () => Finding | Promise<Finding>): Promise<Finding> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof SentoError)) throw error
    return { check, is: error.message, fix: error.hint ?? "see `sento guard logs`" }
  }
}

const checkTmux = async (): Promise<Finding> => judgeTmux(await tmuxVersion())

function judgeTmux(version: string): Finding {
  const [major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number)
  const isNew = major > oldestTmux[0] || (major === oldestTmux[0] && minor >= oldestTmux[1])
  return { check: "tmux", is: version, fix: isNew ? null : "install tmux 3.2 or newer" }
}

function checkFolder({ folder }: Paths): Finding[] {
  if (!existsSync(folder)) return []
  const mode = statSync(folder).mode & 0o777
  return [
    {
      check: "folder",
      is: `${folder} (${mode.toString(8)})`,
      fix: mode === 0o700 ? null : `run \`chmod 700 ${folder}\``,
    },
  ]
}

/** tmux, the session as it is from here, and the program in it. */
async function checkOwn(io: Io, config: Config, paths: Paths): Promise<Finding[]> {
  const tmux = await attempt("tmux", checkTmux)
  if (tmux.fix !== null) return [tmux]
  const unasked = await unaskedOf(config)
  const asks = unasked === null ? [] : [{ check: "asks", is: unaskedWords(config.name, unasked), fix: null }]
  return [tmux, await checkSession(config, paths), ...asks, ...(await checkPrograms(io, paths, config))]
}

/**
 * Whether the agent's user can do no more than it should, and works at the terminal. Nothing here speaks to that
 * user's tmux: what is known of it are the words of its hands.
 */
async function checkHardened(config: Config, running: GuardStatus | null): Promise<Finding[]> {
  const { folder, user } = config.hardened ?? { folder: "", user: "" }
  const fault = sharedFolderFault(folder, user, process.getuid?.() ?? -1)
  const steps = `run the steps of \`sento init --hardened --agent-user ${user}\``
  const others = fault === null ? othersInGroup(user, process.getuid?.() ?? -1).join(", ") : ""
  const ownGroup = `as root, take them out of it, or give ${user} a group of its own (\`usermod -g GROUP ${user}\`); then ${steps}`
  const door = {
    check: "door",
    is: `${folder} ${fault ?? (others === "" ? `is shared with ${user} alone` : `can be read by others in ${user}'s group: ${others}`)}`,
    fix: fault === null ? (others === "" ? null : ownGroup) : steps,
  }
  return running === null ? [door] : [door, ...(await checkHands(config, user, running))]
}

async function checkHands(config: Config, user: string, running: GuardStatus): Promise<Finding[]> {
  const { hands, session } = running
  if (hands === undefined)
    return [{ check: "hands", is: "the Guardian runs as before", fix: "run `sento guard restart`" }]
  if (!hands.connected) {
    const start = `${user} starts them: \`${handsCommand(config.name, config.hardened?.folder ?? "")}\``
    return [{ check: "hands", is: `${hands.reason}; messages wait`, fix: start }]
  }
  const tmux = judgeTmux(hands.tmux ?? "not installed")
  return [
    {
      check: "hands",
      is: `${user}'s are at the terminal${hands.isContained ? ", in a container" : ""}`,
      fix: null,
    },
    { ...tmux, is: `${tmux.is} (${user}'s)` },
    {
      check: "session",
      is: `${session.target}: ${sessionWords[session.state]}`,
      fix: await fixOf(config, session.state),
    },
  ]
}

/** As the Guardian sees it where one runs, for it keeps to the pane that it was given. */
async function checkSession(config: Config, paths: Paths): Promise<Finding> {
  const { session } = config.tmux
  const here = await sessionState(config)
  const state = (await statusOrNull(paths))?.session.state ?? here
  const is = `${session}: ${sessionWords[state]}`
  if (state === "other" && here !== "other" && here !== "absent")
    return {
      check: "session",
      is: `${is} (${here} in another pane)`,
      fix: "run `sento guard attach` to take it",
    }
  return { check: "session", is, fix: await fixOf(config, state) }
}

/** What makes a session one that can be typed into; null where there is nothing to do. */
async function fixOf(config: Config, state: SessionState): Promise<string | null> {
  const { session, socket } = config.tmux
  const { hardened } = config
  const server = socket === null || hardened !== undefined ? "" : `-S ${shellWord(socket)} `
  const start = hardened === undefined ? "run" : `${hardened.user} runs`
  const fixes: Partial<Record<SessionState, string>> = {
    absent: `${start} \`tmux ${server}new-session -s ${shellWord(session)}\`, or \`sento init --session\` with another`,
    shell: "start the agent program there",
    other: state === "other" ? await fixForOther(config) : "",
  }
  return fixes[state] ?? null
}

/** `plain` is proposed only where nothing names a program that has a profile of its own. */
async function fixForOther(config: Config): Promise<string> {
  const { tmux } = config
  const pane = (await ownTerminal(config, tmuxPatience())?.take(tmux.session)) ?? null
  const owner = pane === null ? null : keyboardOwner(pane.pid)
  const start = "start the agent program there"
  if (owner === null) return start
  const runs = detectProfile(owner)
  if (runs !== null)
    return runs === (tmux.profile ?? runs)
      ? `see what ${runs} shows there: it is not its prompt`
      : `run \`sento init --profile ${runs}\`, for that is what runs there`
  const named = namedAgent(owner)
  if (named !== null) return `start ${named} there, in the pane itself`
  return holdOf(owner) === null
    ? `${start}, or run \`sento init --profile plain\` for any other program`
    : start
}

function checkDatabase({ database }: Paths): Finding {
  if (!existsSync(database)) return { check: "database", is: "none yet", fix: null }
  using reader = openReader(database)
  const lostAt = reader === null ? null : lossOf(reader.facts)
  if (lostAt === null || Date.now() - lostAt > lossMilliseconds)
    return { check: "database", is: database, fix: null }
  return {
    check: "database",
    is: `${lossWords}; noticed ${formatTimestamp(lostAt).slice(0, 10)}`,
    fix: "end the pairs that had ended: `sento agents remove NAME`",
  }
}

/** One that stands still is not one that does not run. */
const checkGuardian = (paths: Paths, running: GuardStatus | null): Promise<Finding> =>
  attempt("guardian", async () => {
    const alive = running ?? (await runningGuardian(paths, secondLookMilliseconds))
    if (alive === null) return { check: "guardian", is: "does not run", fix: "run `sento guard`" }
    const other = otherBuildWords(alive)
    return other === null
      ? { check: "guardian", is: `runs (pid ${alive.pid})`, fix: null }
      : { check: "guardian", is: `runs (pid ${alive.pid}), and is not of this build`, fix: other }
  })

/** What the owner opened may be gone: a VPN that is down, or a port that another program took. */
function checkPort({ listen }: Config, running: GuardStatus): Finding {
  const own = ownAddresses().map(({ address }) => address)
  const gone = listen.hosts.filter(host => isIP(host) !== 0 && !isLoopback(host) && !own.includes(host))
  const [fault] = [...(running.shut ?? []), ...gone.map(host => ({ host, fault: "absent" as const }))]
  if (fault !== undefined)
    return { check: "port", is: shutWords(fault, running.port), fix: shutFix(fault, running.port) }
  const isMissing = listen.hosts.includes(networkAddresses) && networkHosts().length === 0
  return isMissing
    ? {
        check: "port",
        is: `listens on ${placesWords(running)}: this machine has no private or VPN address now`,
        fix: "bring its network or VPN up",
      }
    : { check: "port", is: `listens on ${placesWords(running)}`, fix: null }
}
