/** `sento init`: writes the config, asking for what is missing. Others run it first where there is none. */

import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { doorFolder, hardeningSteps, requireUserName } from "../guardian/door/shared-folder.ts"
import { ownTerminal } from "../guardian/terminal/own-terminal.ts"
import { firstPort, isHost } from "../protocol/addresses.ts"
import { toBase64Url } from "../protocol/bytes.ts"
import { SentoError } from "../protocol/errors.ts"
import { isName, nameRule, profileNames } from "../protocol/names.ts"
import { type Config, noConfig, writeConfig } from "../store/config.ts"
import type { Paths } from "../store/paths.ts"
import { ownUser } from "../store/users.ts"
import { agentIn } from "../tmux/agent-programs.ts"
import { runTmux, socketOfEnvironment } from "../tmux/tmux.ts"
import { requireOwner } from "./consent.ts"
import { runningGuardian } from "./guard.ts"
import { findConfig, needConfig } from "./home.ts"
import { ask, isPerson, print, printJson, tell } from "./terminal.ts"
import { unaskedOf, unaskedWords } from "./unasked.ts"

export type InitOptions = {
  readonly name?: string
  readonly session?: string
  readonly tmuxSocket?: string
  readonly profile?: string
  readonly listen?: string
  readonly port?: string
  readonly hardened?: boolean
  readonly agentUser?: string
  readonly json?: boolean
}

/** `sento init`: a new config, or changes to the one that is there. */
export async function init(paths: Paths, options: InitOptions): Promise<number> {
  const current = findConfig(paths)
  if (current === null && !existsSync(paths.home)) throw noConfig(paths)
  if (current !== null && !options.hardened) await requireOwner(paths)
  const config = await completed(current, options)
  if (options.hardened) return tellSteps(config, options)
  writeConfig(paths, config)
  if (options.json) printJson({ config: paths.config, name: config.name, session: config.tmux.session })
  else {
    tell(`wrote ${paths.config}: ${config.name}, tmux session ${config.tmux.session}`)
    await tellWhatIsMissing(config)
    if ((await runningGuardian(paths)) !== null)
      tell("next: `sento guard restart`, for the Guardian still runs as before")
    else tell("next: `sento pair` on one side, `sento pair CODE` on the other")
    if (current === null)
      tell(
        "optional: `sento owner pin` sets a PIN for every yes, `sento owner add telegram` asks you there too",
      )
  }
  return 0
}

/** `sento init --hardened`: what to run as whom; nothing is written. */
function tellSteps({ name, tmux, hardened }: Config, options: InitOptions): number {
  const user = requireUserName(options.agentUser ?? hardened?.user ?? `${name}-agent`)
  const owner = ownUser()
  if (owner === user || owner === "root")
    throw new SentoError(
      "usage",
      `the Guardian cannot run as ${owner} beside an agent of the user ${user}`,
      "run `sento init --hardened` as the owner's own user",
    )
  const program = Bun.isStandaloneExecutable ? process.execPath : "dist/sento"
  for (const line of hardeningSteps({
    name,
    session: tmux.session,
    owner,
    user,
    program,
  }))
    print(line)
  return 0
}

/** What keeps messages from being typed, as far as one can see it now. */
async function tellWhatIsMissing(config: Config): Promise<void> {
  const { tmux } = config
  try {
    const terminal = ownTerminal(config)
    const unasked = await unaskedOf(config)
    if (unasked !== null) tell(`sento: note: ${unaskedWords(config.name, unasked)}`)
    if (terminal === null || (await terminal.take(tmux.session)) !== null) return
    tell(`sento: note: there is no tmux session named ${tmux.session} yet; messages wait until there is`)
  } catch (error) {
    if (!(error instanceof SentoError)) throw error
    tell(`sento: note: ${error.message}; ${error.hint}`)
  }
}

/** The config that is there; where there is none, the questions first. */
export async function ensureConfig(paths: Paths, isJson: boolean): Promise<Config> {
  if (paths.isAgentSide) return needConfig(paths)
  const config = findConfig(paths)
  if (config !== null) return config
  if (!isPerson(isJson) || !existsSync(paths.home)) throw noConfig(paths)
  tell("this agent is not set up yet; two questions first")
  await init(paths, {})
  return ensureConfig(paths, isJson)
}

async function completed(current: Config | null, options: InitOptions): Promise<Config> {
  const here = current === null ? await sessionHere() : null
  const name = await nameOf(current, options, here?.session ?? null)
  const session = await sessionOf(current, options, here?.session ?? name)
  const listen = listenOf(current, options)
  const profile = profileOf(current, options)
  return {
    ...(current ?? { version: 1, agent: toBase64Url(randomBytes(16)), agents: {} }),
    name,
    listen,
    tmux: {
      ...current?.tmux,
      session,
      socket: isHardened(current, options)
        ? null
        : (socketOf(options.tmuxSocket) ?? current?.tmux.socket ?? here?.socket ?? null),
      profile,
    },
    ...(options.agentUser === undefined || options.hardened
      ? {}
      : { hardened: { folder: doorFolder(name), user: requireUserName(options.agentUser) } }),
  }
}

/**
 * Then tmux is the agent's, and the hands find it by themselves.
 * @throws usage for a socket of it
 */
function isHardened(current: Config | null, options: InitOptions): boolean {
  const isHardened = current?.hardened !== undefined || options.agentUser !== undefined
  if (!isHardened || options.tmuxSocket === undefined) return isHardened
  throw new SentoError(
    "usage",
    "in hardened mode the tmux server is the agent's, and nothing of the owner's speaks to it",
    "leave --tmux-socket away: `sento hands` uses the server in which it is started",
  )
}

/** Absolute, because the Guardian runs in another directory. */
function socketOf(path: string | undefined): string | null {
  if (path === undefined) return null
  if (path !== "") return resolve(path)
  throw new SentoError(
    "usage",
    "the tmux socket's path is empty",
    "see `tmux display-message -p '#{socket_path}'`",
  )
}

async function nameOf(current: Config | null, options: InitOptions, session: string | null): Promise<string> {
  const given = options.name ?? current?.name
  if (given !== undefined) return requireName(given)
  if (!isPerson(options.json ?? false))
    throw new SentoError("usage", "the agent's name is missing", "run `sento init --name NAME`")
  const initial = session !== null && isName(session) ? session : undefined
  const answer = await ask("What is this agent called? Other agents will see it", {
    ...(initial === undefined ? {} : { initial }),
    check: text => (isName(text) ? undefined : nameRule),
  })
  return answer ?? ""
}

function requireName(name: string): string {
  if (isName(name)) return name
  throw new SentoError(
    "usage",
    `${JSON.stringify(name)} is no name: ${nameRule}`,
    "run `sento init --name NAME`",
  )
}

async function sessionOf(current: Config | null, options: InitOptions, fallback: string): Promise<string> {
  const given = options.session ?? current?.tmux.session
  if (given !== undefined) return requireSession(given)
  if (!isPerson(options.json ?? false)) return fallback
  const answer = await ask("In which tmux session does it run?", {
    initial: fallback,
    check: text => (isSession(text) ? undefined : "a session's name has no `:` and no `.`"),
  })
  return answer ?? fallback
}

/** tmux itself replaces `:` and `.` in the names of sessions (session_check_name, tmux 3.3a). */
const isSession = (text: string): boolean => /^[^:.\p{Cc}]+$/u.test(text)

function requireSession(session: string): string {
  if (isSession(session)) return session
  throw new SentoError(
    "usage",
    `${JSON.stringify(session)} is no name of a tmux session`,
    "see `tmux list-sessions`",
  )
}

function listenOf(current: Config | null, options: InitOptions): Config["listen"] {
  const host = options.listen ?? current?.listen.host ?? "127.0.0.1"
  const port = options.port === undefined ? (current?.listen.port ?? firstPort) : readPort(options.port)
  if (!isHost(host))
    throw new SentoError(
      "usage",
      `${JSON.stringify(host)} is no address`,
      "give an IP address of this machine: `--listen 192.0.2.7`",
    )
  return { names: [], ...current?.listen, host, port }
}

function readPort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65535) return Number(text)
  throw new SentoError(
    "usage",
    `${JSON.stringify(text)} is no port`,
    "give 1 to 65535, or 0 for any free one: `--port 9876`",
  )
}

function profileOf(current: Config | null, options: InitOptions): Config["tmux"]["profile"] {
  if (options.profile === undefined) return current?.tmux.profile ?? null
  const profile = profileNames.find(name => name === options.profile)
  if (profile !== undefined) return profile
  const agent = agentIn([options.profile])
  throw new SentoError(
    "usage",
    `${JSON.stringify(options.profile)} is no profile`,
    agent === null
      ? `give one of ${profileNames.join(", ")}: \`--profile plain\` fits any program`
      : `give the program's short name: \`--profile ${agent}\``,
  )
}

/** The tmux session this command runs in, if any. */
async function sessionHere(): Promise<{ session: string; socket: string | null } | null> {
  const socket = socketOfEnvironment(process.env.TMUX)
  if (socket === null) return null
  const pane = process.env.TMUX_PANE
  const target = pane === undefined ? [] : ["-t", pane]
  const answer = await runTmux({ socket }, ["display-message", "-p", ...target, "#{session_name}"])
  return answer.status === 0 ? { session: answer.stdout.trim(), socket } : null
}
