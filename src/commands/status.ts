/** `sento status`: only reads, and needs no Guardian. */

import { listQuestions } from "../guardian/books/open-questions.ts"
import { listLoopsThere, listPaused } from "../guardian/books/pauses.ts"
import type { AgentRow, GuardStatus, LoopThere, PausedAgent, SessionState } from "../guardian/door/results.ts"
import { triesPerCode } from "../protocol/codes.ts"
import { formatTimestamp } from "../protocol/freshness.ts"
import type { Question } from "../protocol/questions.ts"
import { placeWords } from "../protocol/questions.ts"
import { requestLifetimeMilliseconds } from "../protocol/requests.ts"
import type { Config } from "../store/config.ts"
import type { Paths } from "../store/paths.ts"
import { openCurrentReader, openReader } from "../store/reader.ts"
import { askOrRead, heldThere } from "./agents.ts"
import { otherBuildWords } from "./builds.ts"
import { type AddCommand, command } from "./command.ts"
import { forEach } from "./each-agent.ts"
import { guardStatusCommand, heldWords, pausedWords } from "./guard.ts"
import { needConfig } from "./home.ts"
import type { Io } from "./io.ts"
import { dateOf, timeOf } from "./log-lines.ts"
import { guardStatus, placesWords } from "./running.ts"
import { seenWords, sessionState, sessionWords } from "./session-state.ts"
import { ago, print, printBehind, printJson } from "./terminal.ts"
import { unaskedOf, unaskedWords } from "./unasked.ts"
import { wayCells } from "./way-words.ts"

/** The words of `sento status`. */
export const addStatus: AddCommand = (program, { io, paths, finish }) =>
  command(program, "status", "how this agent is, in a few lines")
    .option("--all", "how all your agents on this machine are")
    .action(({ all, json = false }) =>
      finish(all ? forEach(io, agent => statusBelow(io, agent, json)) : status(io, paths(), json)),
    )

/** With a line between one agent and the next. */
async function statusBelow(io: Io, paths: Paths, isJson: boolean): Promise<number> {
  const exit = await status(io, paths, isJson)
  if (!isJson) print(io, "")
  return exit
}

type Kept = {
  readonly waiting: { readonly inbox: number; readonly outbox: number }
  readonly requests: readonly {
    readonly id: string
    readonly name: string
    readonly as: string
    readonly kind: Question["kind"]
    readonly host: string
    readonly claimedHost: string | null
    readonly verifier: string | null
  }[]
  readonly paused: readonly PausedAgent[]
  /** Agents whose Guardians hold a message of ours as one reply too many; absent where there are none. */
  readonly loopsThere?: readonly LoopThere[]
  readonly revoked: readonly { readonly name: string; readonly byUs: boolean; readonly at: string }[]
  /** The code that is open; absent where none is. */
  readonly code?: { readonly expiresAt: string; readonly triesUsed: number }
  /** Joins that wait for the other owner's yes; absent where there are none. */
  readonly joins?: readonly {
    readonly id: string
    readonly name: string
    readonly host: string
    readonly expiresAt: string
  }[]
}

/** `sento status`: exit 0 where the Guardian runs, 1 where not, as `sento guard status`. */
export async function status(io: Io, paths: Paths, isJson: boolean): Promise<number> {
  if (paths.isAgentSide) return guardStatusCommand(io, paths, isJson)
  const config = needConfig(io, paths)
  const running = await guardStatus(paths)
  const session = running?.session ?? { target: config.tmux.session, state: await sessionState(config) }
  const kept = readKept(paths, config, running)
  const rows = running === null ? [] : (await askOrRead(io, paths)).agents
  const reach = rows.map(({ name, way = null, away, lastContactAt }) => ({
    name,
    way,
    lastContactAt,
    ...(away === undefined ? {} : { away }),
  }))
  const agents = Object.keys(config.agents)
  const hands = running?.hands === undefined ? {} : { hands: running.hands }
  const unasked = await unaskedOf(config)
  const acts = unasked === null ? {} : { unasked }
  if (isJson)
    printJson(io, {
      name: config.name,
      guardian: guardianOf(running),
      session,
      ...acts,
      ...hands,
      agents,
      ...(reach.length === 0 ? {} : { reach }),
      ...kept,
    })
  else
    for (const line of lines(config, running, session, unasked, kept, reach))
      printBehind(io, line, labelColumns)
  return running === null ? 1 : 0
}

/** What stands before the words of a line. */
const labelColumns = "guardian  ".length

/** How a peer is reached. */
type Reach = Pick<AgentRow, "name" | "lastContactAt" | "way" | "away">

/** Of more agents `sento agents` tells. */
const mostReached = 20

function reachWords({ name, way, away, lastContactAt }: Reach): string {
  const seen = `last seen ${ago(lastContactAt, Date.now())}`
  if (away !== undefined) return `${name}: away, ${seen}: ${away}`
  return `${name}: ${way == null ? "not seen yet how" : wayCells[way]}, ${seen}`
}

const guardianOf = (running: GuardStatus | null): object =>
  running === null
    ? { running: false }
    : {
        running: true,
        pid: running.pid,
        host: running.host,
        port: running.port,
        ...(running.hosts === undefined ? {} : { hosts: running.hosts }),
      }

function readKept(paths: Paths, config: Config, running: GuardStatus | null): Kept {
  using reader = running === null ? openReader(paths.database) : openCurrentReader(paths.database)
  if (reader === null)
    return { waiting: running?.waiting ?? { inbox: 0, outbox: 0 }, requests: [], paused: [], revoked: [] }
  const { inbox, outbox, peers, waitingRoom, codes, requests } = reader
  const loopsThere = listLoopsThere(config, outbox.loops())
  const code = codes.stateAt(Date.now())
  const joins = requests.waiting("joiner").map(({ id, name, host, createdAt }) => ({
    id,
    name,
    host,
    expiresAt: formatTimestamp(createdAt + requestLifetimeMilliseconds),
  }))
  return {
    waiting: { inbox: inbox.waitingCount(), outbox: outbox.waitingCount() },
    requests: listQuestions(reader, config).map(({ id, kind, name, as, host, claimedHost, verifier }) => ({
      id,
      kind,
      name,
      as,
      host,
      claimedHost,
      verifier,
    })),
    paused: listPaused(config, peers.pauses(Date.now()), waitingRoom.counts()),
    ...(loopsThere.length === 0 ? {} : { loopsThere }),
    ...(code === null
      ? {}
      : { code: { expiresAt: formatTimestamp(code.expiresAt), triesUsed: code.triesUsed } }),
    ...(joins.length === 0 ? {} : { joins }),
    revoked: peers
      .revocations()
      .filter(({ name, isCleared }) => !isCleared && !Object.hasOwn(config.agents, name))
      .map(({ name, byUs, at }) => ({ name, byUs, at: formatTimestamp(at) })),
  }
}

function lines(
  config: Config,
  running: GuardStatus | null,
  session: GuardStatus["session"],
  unasked: string | null,
  { waiting, requests, paused, loopsThere = [], code, joins = [], revoked }: Kept,
  reach: readonly Reach[],
): string[] {
  const names = Object.keys(config.agents)
  return [
    `agent     ${config.name}`,
    running === null
      ? "guardian  does not run (`sento guard` starts it)"
      : `guardian  listens on ${placesWords(running)} (pid ${running.pid})`,
    ...otherBuild(running),
    `session   ${session.target}: ${sessionLine(config.hardened !== undefined, running, session.state)}`,
    ...(unasked === null ? [] : [`asks      nobody: ${unaskedWords(config.name, unasked)}`]),
    `paired    ${names.length === 0 ? "with nobody (`sento pair`)" : names.join(", ")}`,
    ...reach.slice(0, mostReached).map(one => `reached   ${reachWords(one)}`),
    `waiting   ${waiting.inbox} to type, ${waiting.outbox} to send`,
    ...paused.map(one => `paused    ${pausedWords(one)}`),
    ...loopsThere.map(one => `loop      ${heldThere(config.name, one)}`),
    ...(running?.held === undefined ? [] : [`held      ${heldWords(running.held, Date.now())}`]),
    ...requests.map(
      ({ id, kind, name, as, verifier, ...where }) =>
        `${kind === "join" ? `join      the agent asks to join ${name} at ${where.host}${as === name ? "" : `, to be called ${as} here`}` : `request   ${name} at ${placeWords(where)}, ${verifier}`}: \`sento approve ${id}\` or \`sento deny ${id}\``,
    ),
    ...(code === undefined
      ? []
      : [
          `code      open until ${timeOf({ isUtc: false }, code.expiresAt)}, ${code.triesUsed} of ${triesPerCode} tries used: \`sento pair\` shows it, \`sento pair --close\` closes it`,
        ]),
    ...joins.map(
      ({ id, name, host }) =>
        `asked     ${name} at ${host}, whose owner has not answered yet: \`sento cancel ${id}\` withdraws it`,
    ),
    ...revoked.map(({ name, byUs, at }) =>
      byUs
        ? `ended     ${name}, removed here on ${dateOf(at)}: \`sento agents clear ${name}\` takes this line away`
        : `ended     ${name}, whose owner ended the pair on ${dateOf(at)}: \`sento agents clear ${name}\` takes this line away`,
    ),
  ]
}

function otherBuild(running: GuardStatus | null): string[] {
  const words = running === null ? null : otherBuildWords(running)
  return words === null ? [] : [`build     ${words}`]
}

/** What is known of the session; in hardened mode nothing is where nobody is there to look. */
function sessionLine(isHardened: boolean, running: GuardStatus | null, state: SessionState): string {
  if (running !== null) return seenWords(running)
  return isHardened ? "not looked at from here; messages wait for the Guardian" : sessionWords[state]
}
