/** `sento init`: writes the config, asking for what is missing. Others run it first where there is none. */

import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { callDoor } from "../guardian/door/client.ts"
import type { Alive } from "../guardian/door/results.ts"
import { doorFolder, hardeningSteps, requireUserName } from "../guardian/door/shared-folder.ts"
import { ownTerminal } from "../guardian/terminal/own-terminal.ts"
import { firstPort, isHost } from "../protocol/addresses.ts"
import { toBase64Url } from "../protocol/bytes.ts"
import { SentoError } from "../protocol/errors.ts"
import { agentProgramNames, isName, nameRule, profileNames } from "../protocol/names.ts"
import { type Config, everyAddress, hostsBeside, noConfig, writeConfig } from "../store/config.ts"
import type { Paths } from "../store/paths.ts"
import { ownUser } from "../store/users.ts"
import { agentIn } from "../tmux/agent-programs.ts"
import { runTmux, socketOfEnvironment } from "../tmux/tmux.ts"
import { type AddCommand, command, type OptionsOf, type Program } from "./command.ts"
import { requireOwner } from "./consent.ts"
import { findConfig, needConfig } from "./home.ts"
import type { Io } from "./io.ts"
import { ask } from "./prompts.ts"
import { placesWords, runningGuardian, shutWords } from "./running.ts"
import { isPerson, print, printJson, tell } from "./terminal.ts"
import { unaskedOf, unaskedWords } from "./unasked.ts"

/** An option that may be repeated, or have commas. */
export const eachOf = (text: string, before: readonly string[] | undefined): string[] => [
  ...(before ?? []),
  ...text.split(","),
]

const grammar = (program: Program) =>
  command(program, "init", "set this agent up")
    .option("--name <name>", "what the agent is called")
    .option("--session <session>", "the tmux session it runs in")
    .option("--tmux-socket <path>", "the socket of a tmux server other than the default one")
    .option("--profile <profile>", `${agentProgramNames.join(", ")}, or plain for any other program`)
    .option(
      "--listen <host>",
      "an address to listen on beside 127.0.0.1, network (private ones and VPNs), or all; 127.0.0.1 alone: on no other",
      eachOf,
    )
    .option("--port <port>", "the port to prefer (9876)")
    .option("--hardened", "print the steps by which the agent runs as a user of its own")
    .option("--agent-user <user>", "that user (NAME-agent)")

type InitOptions = OptionsOf<typeof grammar>

/** The words of `sento init`. */
export const addInit: AddCommand = (program, { io, paths, finish }) =>
  grammar(program).action(options => finish(init(io, paths(), options)))

/**
 * `sento init`: a new config, or changes to the one that is there.
 * @param isAlone - whether nothing follows that the owner has asked for
 */
export async function init(io: Io, paths: Paths, options: InitOptions, isAlone = true): Promise<number> {
  const current = findConfig(io, paths)
  if (current === null && !existsSync(paths.home)) throw noConfig(paths)
  if (current !== null && !options.hardened) await requireOwner(io, paths)
  const config = await completed(io, current, options)
  if (options.hardened) return tellSteps(io, config, options)
  writeConfig(paths, config)
  const moved = current === null ? null : await listenNow(paths, current, config)
  if (options.json) printJson(io, { config: paths.config, name: config.name, session: config.tmux.session })
  else {
    tell(io, `wrote ${paths.config}: ${config.name}, tmux session ${config.tmux.session}`)
    await tellWhatIsMissing(io, config)
    if (!isAlone) return 0
    if (moved !== null) tellMoved(io, moved)
    else if ((await runningGuardian(paths)) !== null)
      tell(io, "next: `sento guard restart`, for the Guardian still runs as before")
    else tell(io, "next: `sento pair` on one side, `sento pair CODE` on the other")
    if (current === null)
      tell(
        io,
        "optional: `sento owner pin` sets a PIN for every yes, `sento owner add telegram` asks you there too",
      )
  }
  return 0
}

function tellMoved(io: Io, moved: Alive): void {
  tell(io, `${moved.name}'s Guardian listens on ${placesWords(moved)} now`)
  for (const one of moved.shut ?? [])
    tell(io, `sento: note: ${shutWords(one, moved.port)}; it is tried again until it can`)
}

/** Where nothing else has changed, a Guardian that runs takes other addresses at once; null where it does not. */
async function listenNow(paths: Paths, before: Config, { listen, ...rest }: Config): Promise<Alive | null> {
  const { hosts } = listen
  const isSame = Bun.deepEquals({ ...before, listen: { ...before.listen, hosts } }, { ...rest, listen })
  if (!isSame || Bun.deepEquals(before.listen.hosts, hosts)) return null
  try {
    return await callDoor(paths, "owner", { op: "listen", hosts })
  } catch (error) {
    if (error instanceof SentoError) return null
    throw error
  }
}

/** `sento init --hardened`: what to run as whom; nothing is written. */
function tellSteps(io: Io, { name, tmux, hardened }: Config, options: InitOptions): number {
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
    print(io, line)
  return 0
}

/** What keeps messages from being typed, as far as one can see it now. */
async function tellWhatIsMissing(io: Io, config: Config): Promise<void> {
  const { tmux } = config
  try {
    const terminal = ownTerminal(config)
    const unasked = await unaskedOf(config)
    if (unasked !== null) tell(io, `sento: note: ${unaskedWords(config.name, unasked)}`)
    if (terminal === null || (await terminal.take(tmux.session)) !== null) return
    tell(io, `sento: note: there is no tmux session named ${tmux.session} yet; messages wait until there is`)
  } catch (error) {
    if (!(error instanceof SentoError)) throw error
    tell(io, `sento: note: ${error.message}; ${error.hint}`)
  }
}

/** The config that is there; where there is none, the questions first. */
export async function ensureConfig(io: Io, paths: Paths, isJson: boolean): Promise<Config> {
  if (paths.isAgentSide) return needConfig(io, paths)
  const config = findConfig(io, paths)
  if (config !== null) return config
  if (!isPerson(io, isJson) || !existsSync(paths.home)) throw noConfig(paths)
  tell(io, "this agent is not set up yet; two questions first")
  await init(io, paths, {}, false)
  return ensureConfig(io, paths, isJson)
}

async function completed(io: Io, current: Config | null, options: InitOptions): Promise<Config> {
  const here = current === null ? await sessionHere(io) : null
  const name = await nameOf(io, current, options, here?.session ?? null)
  const session = await sessionOf(io, current, options, here?.session ?? name)
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
        : (socketOf(io, options.tmuxSocket) ?? current?.tmux.socket ?? here?.socket ?? null),
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
function socketOf({ cwd }: Io, path: string | undefined): string | null {
  if (path === undefined) return null
  if (path !== "") return resolve(cwd(), path)
  throw new SentoError(
    "usage",
    "the tmux socket's path is empty",
    "see `tmux display-message -p '#{socket_path}'`",
  )
}

async function nameOf(
  io: Io,
  current: Config | null,
  options: InitOptions,
  session: string | null,
): Promise<string> {
  const given = options.name ?? current?.name
  if (given !== undefined) return requireName(given)
  if (!isPerson(io, options.json ?? false))
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

async function sessionOf(
  io: Io,
  current: Config | null,
  options: InitOptions,
  fallback: string,
): Promise<string> {
  const given = options.session ?? current?.tmux.session
  if (given !== undefined) return requireSession(given)
  if (!isPerson(io, options.json ?? false)) return fallback
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
  const hosts = options.listen === undefined ? (current?.listen.hosts ?? []) : readHosts(options.listen)
  const port = options.port === undefined ? (current?.listen.port ?? firstPort) : readPort(options.port)
  return { names: [], ...current?.listen, hosts, port }
}

/** `--listen`, as the config has it. @throws usage */
export function readHosts(words: readonly string[]): string[] {
  const wrong = words.find(word => !isHost(word))
  if (wrong !== undefined)
    throw new SentoError(
      "usage",
      `${JSON.stringify(wrong)} is no address`,
      "give an IP address of this machine, `--listen 192.0.2.7`, or `--listen network`, or `--listen all`",
    )
  const hosts = [...new Set(words.flatMap(hostsBeside))]
  return hosts.includes(everyAddress) ? [everyAddress] : hosts
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
async function sessionHere({ environment }: Io): Promise<{ session: string; socket: string | null } | null> {
  const socket = socketOfEnvironment(environment.TMUX)
  if (socket === null) return null
  const pane = environment.TMUX_PANE
  const target = pane === undefined ? [] : ["-t", pane]
  const answer = await runTmux({ socket }, ["display-message", "-p", ...target, "#{session_name}"])
  return answer.status === 0 ? { session: answer.stdout.trim(), socket } : null
}
