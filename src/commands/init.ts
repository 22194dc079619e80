/** `sento init`: writes the config, asking for what is missing. Others run it first where there is none. */

import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import { isIP } from "node:net"
import { processesOf } from "../guardian/books/agent-processes.ts"
import { refuseDistrusted } from "../guardian/door/callers.ts"
import { callDoor } from "../guardian/door/client.ts"
import type { Alive } from "../guardian/door/results.ts"
import { doorFolder, hardeningSteps, requireUserName } from "../guardian/door/shared-folder.ts"
import { ownTerminal } from "../guardian/terminal/own-terminal.ts"
import { ownAddresses } from "../http/own-addresses.ts"
import { firstPort, isLoopback } from "../protocol/addresses.ts"
import { toBase64Url } from "../protocol/bytes.ts"
import { SentoError } from "../protocol/errors.ts"
import { agentProgramNames } from "../protocol/names.ts"
import { type Config, createConfig, noConfig, writeConfig } from "../store/config.ts"
import type { Paths } from "../store/paths.ts"
import type { Registered } from "../store/registry.ts"
import { ownUser } from "../store/users.ts"
import { type AddCommand, command, type OptionsOf, type Program } from "./command.ts"
import { requireOwner } from "./consent.ts"
import { askName, askSession, nextCandidate, offerSetup, ownerOf, programIn } from "./guided-init.ts"
import { findConfig } from "./home.ts"
import { anotherHome, findInitHome, homeAt, type InitHome, requireFreeSession } from "./init-home.ts"
import {
  eachOf,
  readHosts,
  readPort,
  readProfile,
  readSocket,
  requireName,
  requireSession,
} from "./init-options.ts"
import type { Io } from "./io.ts"
import { choose } from "./prompts.ts"
import { placesWords, runningGuardian, shutWords } from "./running.ts"
import { type SessionHere, sessionHere, tmuxPatience } from "./session-here.ts"
import { isPerson, print, printJson, tell } from "./terminal.ts"
import { unaskedOf, unaskedWords } from "./unasked.ts"

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
export const addInit: AddCommand = (program, { io, finish }) =>
  grammar(program).action(options => finish(init(io, options)))

/** `sento init`: a new agent's config, or changes to the one that is there. */
async function init(io: Io, options: InitOptions): Promise<number> {
  const home = await findInitHome(io, options)
  const written = await writeOne(io, home, options)
  if (written === null || options.json) return 0
  if (written.isNew && home.isRegistered && isPerson(io, false)) await offerOthers(io)
  await tellNext(io, written)
  return 0
}

type Written = {
  readonly paths: Paths
  readonly config: Config
  readonly isNew: boolean
  /** The Guardian that runs, where it listens elsewhere now. */
  readonly moved: Alive | null
}

/** One agent's config; null where steps were printed instead. */
async function writeOne(io: Io, home: InitHome, options: InitOptions): Promise<Written | null> {
  const current = home.paths === null ? null : findConfig(io, home.paths)
  if (home.paths !== null && current === null && !existsSync(home.paths.home)) throw noConfig(home.paths)
  if (home.paths !== null && current !== null && !options.hardened) await requireOwner(io, home.paths)
  // Its sessions would be an agent's from then on, and its owner's no more.
  if (home.paths === null)
    refuseDistrusted(process.pid, await processesOf(home.others.map(({ paths }) => paths)))
  const config = await completed(io, current, options, home.others)
  if (options.hardened) {
    tellSteps(io, config, options)
    return null
  }
  const isJson = options.json ?? false
  if (!isJson) await tellWhatIsMissing(io, config)
  const paths = home.open(config.name)
  if (current === null) createConfig(paths, config)
  else writeConfig(paths, config)
  const moved = current === null ? null : await listenNow(paths, current, config)
  if (isJson) printJson(io, { config: paths.config, name: config.name, session: config.tmux.session })
  else tell(io, `wrote ${paths.config}: ${config.name}, tmux session ${config.tmux.session}`)
  if (current === null && isPerson(io, isJson)) await offerSetupOf(io, config)
  return { paths, config, isNew: current === null, moved }
}

/** Another session with an agent program in it is probably another agent. */
async function offerOthers(io: Io): Promise<void> {
  for (;;) {
    const home = anotherHome(io)
    const one = await nextCandidate(io, home.others)
    if (one === null) return
    const { session, socket, program } = one
    const answer = await choose(
      `${program} runs in the tmux session ${session}: set it up as another agent?`,
      [
        { value: "yes", label: "yes" },
        { value: "no", label: "no" },
      ],
    )
    if (answer === "no") return
    await writeOne(io, home, { session, ...(socket === null ? {} : { tmuxSocket: socket }) })
  }
}

async function offerSetupOf(io: Io, { tmux, hardened }: Config): Promise<void> {
  if (hardened !== undefined) return
  const named = agentProgramNames.find(name => name === tmux.profile)
  const program = named ?? (await programIn(tmux.session, tmux.socket))
  if (program !== null) await offerSetup(io, program)
}

/** The next command, and where it is run: in the agent's own pane nobody is asked for a yes. */
async function tellNext(io: Io, { paths, config, isNew, moved }: Written): Promise<void> {
  if (moved !== null) tellMoved(io, moved)
  else if ((await runningGuardian(paths)) !== null)
    tell(io, "next: `sento guard restart`, for the Guardian still runs as before")
  else {
    tell(io, "next: `sento pair` on one side, `sento pair CODE` on the other")
    const here = isPerson(io, false) ? await sessionHere(io) : null
    if (here?.session === config.tmux.session)
      tell(io, "      in another window than the agent's: Ctrl-b c opens one")
  }
  if (isNew)
    tell(
      io,
      "optional: `sento owner pin` sets a PIN for every yes, `sento owner add telegram` asks you there too",
    )
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
function tellSteps(io: Io, { name, tmux, hardened }: Config, options: InitOptions): void {
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
}

/** What keeps messages from being typed or from coming in, as far as one can see it before anything is written. */
async function tellWhatIsMissing(io: Io, config: Config): Promise<void> {
  const own = ownAddresses().map(({ address }) => address)
  for (const host of config.listen.hosts)
    if (isIP(host) !== 0 && !isLoopback(host) && !own.includes(host))
      tell(
        io,
        `sento: note: this machine does not have the address ${host} now; it is listened on when it has`,
      )
  const { tmux } = config
  try {
    const signal = tmuxPatience()
    const terminal = ownTerminal(config, signal)
    const unasked = await unaskedOf(config)
    if (unasked !== null) tell(io, `sento: note: ${unaskedWords(config.name, unasked)}`)
    if (terminal === null || (await terminal.take(tmux.session)) !== null || signal.aborted) return
    tell(io, `sento: note: there is no tmux session named ${tmux.session} yet; messages wait until there is`)
  } catch (error) {
    if (!(error instanceof SentoError)) throw error
    tell(io, `sento: note: ${error.message}; ${error.hint}`)
  }
}

/** The questions, where nothing is set up and a person is there to answer them. @throws config */
export async function askForConfig(io: Io, paths: Paths, isJson: boolean): Promise<void> {
  if (!isPerson(io, isJson) || !existsSync(paths.home)) throw noConfig(paths)
  tell(io, "this agent is not set up yet; two questions first")
  await writeOne(io, homeAt(paths), {})
}

async function completed(
  io: Io,
  current: Config | null,
  options: InitOptions,
  others: readonly Registered[],
): Promise<Config> {
  const { name, session, socket } = await identityOf(io, current, options, others)
  const listen = listenOf(current, options)
  const profile =
    options.profile === undefined ? (current?.tmux.profile ?? null) : readProfile(options.profile)
  requireFreeSession(ownerOf(others, session, socket), session)
  return {
    ...(current ?? { version: 1, agent: toBase64Url(randomBytes(16)), agents: {} }),
    name,
    listen,
    tmux: { ...current?.tmux, session, socket: isHardened(current, options) ? null : socket, profile },
    ...(options.agentUser === undefined || options.hardened
      ? {}
      : { hardened: { folder: doorFolder(name), user: requireUserName(options.agentUser) } }),
  }
}

type Identity = { readonly name: string; readonly session: string; readonly socket: string | null }

/** Its name and its tmux session: as they are given, as they were, as a person says, or as this session is called. */
async function identityOf(
  io: Io,
  current: Config | null,
  options: InitOptions,
  others: readonly Registered[],
): Promise<Identity> {
  const givenName = options.name ?? current?.name
  const givenSession = options.session ?? current?.tmux.session
  const givenSocket =
    options.tmuxSocket === undefined ? (current?.tmux.socket ?? null) : readSocket(io, options.tmuxSocket)
  const name = givenName === undefined ? null : requireName(givenName)
  const session = givenSession === undefined ? null : requireSession(givenSession)
  const here = current === null && givenSocket === null ? await sessionHere(io) : null
  if (isPerson(io, options.json ?? false) && !options.hardened) {
    const place =
      session === null
        ? await askSession(io, givenSocket, others)
        : { session, socket: givenSocket ?? here?.socket ?? null }
    return {
      ...place,
      name:
        name ??
        (await askName(
          place.session,
          others.map(one => one.name),
        )),
    }
  }
  if (name === null)
    throw new SentoError("usage", "the agent's name is missing", "run `sento init --name NAME`")
  const socket = givenSocket ?? here?.socket ?? null
  return { name, socket, session: session ?? freeSession(here, others) ?? name }
}

/** The session in which this runs, unless it is another agent's. */
const freeSession = (here: SessionHere | null, others: readonly Registered[]): string | null =>
  here === null || ownerOf(others, here.session, here.socket) !== null ? null : here.session

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

function listenOf(current: Config | null, options: InitOptions): Config["listen"] {
  const hosts = options.listen === undefined ? (current?.listen.hosts ?? []) : readHosts(options.listen)
  const port = options.port === undefined ? (current?.listen.port ?? firstPort) : readPort(options.port)
  return { names: [], ...current?.listen, hosts, port }
}
