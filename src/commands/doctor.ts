/** `sento doctor [NAME]`: what is wrong, and one fix a line. Changes nothing but a config that others may read. */
import { existsSync, statSync } from "node:fs"
import type { GuardStatus, Probe } from "../guardian/door-requests.ts"
import { sharedFolderFault } from "../guardian/hardening.ts"
import { lossOf, lossWords } from "../guardian/pairs.ts"
import { unknownAgent } from "../guardian/requirements.ts"
import { formatAddress } from "../protocol/addresses.ts"
import { SentoError } from "../protocol/errors.ts"
import { formatTimestamp } from "../protocol/freshness.ts"
import { askOwner } from "../protocol/moving.ts"
import type { Config } from "../store/config.ts"
import { readDatabase } from "../store/database.ts"
import type { Paths } from "../store/paths.ts"
import { createFacts } from "../store/peers.ts"
import { findPane } from "../tmux/pane.ts"
import { isOwnServer } from "../tmux/popup.ts"
import { detectProfile, holdOf, keyboardOwner, namedAgent } from "../tmux/program.ts"
import { runTmux, tmuxVersion } from "../tmux/tmux.ts"
import { callDoor } from "./door.ts"
import { guardStatus } from "./guard.ts"
import { needConfig } from "./home.ts"
import { sessionState, sessionWords } from "./status.ts"
import { print, printJson } from "./terminal.ts"

/** `fix` is what to run or do, null where all is well. */
type Finding = { readonly check: string; readonly is: string; readonly fix: string | null }

const oldestTmux = [3, 2] as const
/** How long the loss of a database is told. */
const lossMilliseconds = 7 * 24 * 60 * 60 * 1000

/** `sento doctor`: exit 1 when something is wrong. */
export async function doctor(paths: Paths, name: string | null, isJson: boolean): Promise<number> {
  const findings = await examine(paths, name)
  const isWell = findings.every(one => one.fix === null)
  if (isJson) printJson({ ok: isWell, checks: findings })
  else
    for (const { check, is, fix } of findings)
      print(fix === null ? `ok    ${check}: ${is}` : `wrong ${check}: ${is}; ${fix}`)
  return isWell ? 0 : 1
}

async function examine(paths: Paths, name: string | null): Promise<Finding[]> {
  const tmux = await attempt("tmux", checkTmux)
  const found: Config[] = []
  const read = await attempt("config", () => {
    const config = needConfig(paths)
    found.push(config)
    return { check: "config", is: `${paths.config} (${config.name})`, fix: null }
  })
  const [config] = found
  if (config === undefined) return [read, tmux]
  const database = await attempt("database", () => checkDatabase(paths))
  const running = await statusOrNull(paths)
  return [
    read,
    ...checkFolder(paths),
    ...(config.hardened === undefined ? [] : await checkHardened(config, config.hardened)),
    tmux,
    ...(tmux.fix === null ? [await checkSession(config, paths)] : []),
    database,
    checkGuardian(running),
    ...(running === null ? [] : [checkPort(running)]),
    ...(name === null ? [] : [await checkPeer(paths, config, running, name)]),
  ]
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

async function checkTmux(): Promise<Finding> {
  const version = await tmuxVersion()
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

/** Whether the agent's user can do no more than it should, and the Guardian reaches its tmux. */
async function checkHardened(
  { name, tmux }: Config,
  { folder, user }: NonNullable<Config["hardened"]>,
): Promise<Finding[]> {
  const fault = sharedFolderFault(folder, user, process.getuid?.() ?? -1)
  const steps = `run the steps of \`sento init --hardened --agent-user ${user}\``
  const door = {
    check: "door",
    is: `${folder} ${fault ?? `is shared with ${user} alone`}`,
    fix: fault === null ? null : steps,
  }
  if (await isOwnServer({ socket: tmux.socket }))
    return [door, { check: "hardened", is: `the tmux server is not ${user}'s`, fix: steps }]
  const { status, stderr } = await runTmux({ socket: tmux.socket }, ["list-sessions"])
  if (status === 0)
    return [door, { check: "hardened", is: `${name}'s tmux server is not ours, and lets us in`, fix: null }]
  return [door, { check: "hardened", is: `${user}'s tmux server: ${stderr.trim()}`, fix: steps }]
}

/** As the Guardian sees it where one runs, for it keeps to the pane that it was given. */
async function checkSession(config: Config, paths: Paths): Promise<Finding> {
  const { session, socket } = config.tmux
  const here = await sessionState(config)
  const state = (await statusOrNull(paths))?.session.state ?? here
  const server = socket === null ? "" : `-S ${socket} `
  const is = `${session}: ${sessionWords[state]}`
  if (state === "other" && here !== "other" && here !== "absent")
    return {
      check: "session",
      is: `${is} (${here} in another pane)`,
      fix: "run `sento guard attach` to take it",
    }
  const fixes: Partial<Record<typeof state, string>> = {
    absent: `run \`tmux ${server}new-session -s ${session}\`, or \`sento init --session\` with another`,
    shell: "start the agent program there",
    other: await fixForOther(config),
  }
  return { check: "session", is, fix: fixes[state] ?? null }
}

/** `plain` is proposed only where nothing names a program that has a profile of its own. */
async function fixForOther({ tmux }: Config): Promise<string> {
  const pane = await findPane({ socket: tmux.socket }, tmux.session)
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
  const opened = readDatabase(database)
  const lostAt = opened === null ? null : lossOf(createFacts(opened))
  opened?.close()
  if (lostAt === null || Date.now() - lostAt > lossMilliseconds)
    return { check: "database", is: database, fix: null }
  return {
    check: "database",
    is: `${lossWords}; noticed ${formatTimestamp(lostAt).slice(0, 10)}`,
    fix: "end the pairs that had ended: `sento agents remove NAME`",
  }
}

const checkGuardian = (running: GuardStatus | null): Finding =>
  running === null
    ? { check: "guardian", is: "does not run", fix: "run `sento guard`" }
    : { check: "guardian", is: `runs (pid ${running.pid})`, fix: null }

function checkPort({ host, port }: GuardStatus): Finding {
  return { check: "port", is: `listens on ${formatAddress(host, port)}`, fix: null }
}

async function checkPeer(
  paths: Paths,
  config: Config,
  running: GuardStatus | null,
  name: string,
): Promise<Finding> {
  const peer = Object.hasOwn(config.agents, name) ? config.agents[name] : undefined
  if (peer === undefined) throw unknownAgent(name, Object.keys(config.agents))
  const address = formatAddress(peer.host, peer.port)
  if (running === null)
    return { check: name, is: "not asked, for no Guardian runs here", fix: "run `sento guard`" }
  const { isReached, reason, aheadSeconds } = await callDoor<Probe>(paths, "agent", { op: "probe", name })
  if (reason === null) return { check: name, is: `answers at ${address}, clocks agree`, fix: null }
  if (aheadSeconds !== null)
    return {
      check: name,
      is: `this clock is ${Math.abs(aheadSeconds)} s ${aheadSeconds > 0 ? "ahead of" : "behind"} ${name}'s`,
      fix: "run `timedatectl set-ntp true` on both machines",
    }
  return { check: name, is: reason, fix: fixFor(name, isReached, reason) }
}

function fixFor(name: string, isReached: boolean, reason: string): string {
  if (isReached) return "update sento on both sides"
  return reason.endsWith(askOwner)
    ? "where the pair is lost, pair again: `sento pair`"
    : `ask ${name}'s owner to run \`sento doctor\``
}
