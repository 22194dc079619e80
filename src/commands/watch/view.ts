/** What `sento watch` shows of one agent: read from its files, and asked of its Guardian where one runs. */
import { logOf } from "../../guardian/books/history.ts"
import { listQuestions } from "../../guardian/books/open-questions.ts"
import { listPaused, pauseWords } from "../../guardian/books/pauses.ts"
import type { AgentRow, GuardStatus, LogEntry } from "../../guardian/door/results.ts"
import { triesPerCode } from "../../protocol/codes.ts"
import { formatTimestamp } from "../../protocol/freshness.ts"
import { placeWords } from "../../protocol/questions.ts"
import { type Config, readConfig } from "../../store/config.ts"
import type { Paths } from "../../store/paths.ts"
import { openCurrentReader, type Reader } from "../../store/reader.ts"
import { askOrRead } from "../agents.ts"
import type { Io } from "../io.ts"
import { guardStatus, placesWords } from "../running.ts"
import { seenWords, sessionState, sessionWords } from "../session-state.ts"

/** An agent as it is now; times are RFC 3339. */
export type AgentView = {
  readonly name: string
  /** Its Guardian and its session, in words. */
  readonly guardian: string
  readonly session: string
  /** Whether its Guardian runs and answers. */
  readonly isUp: boolean
  readonly questions: readonly QuestionView[]
  readonly held: readonly HeldView[]
  readonly peers: readonly PeerView[]
}

/** What waits for an owner's yes, or may be closed. @property command - what answers or ends it */
export type QuestionView = {
  readonly words: string
  readonly command: string
  /** Whether it is this agent's owner who is asked. */
  readonly isAsked: boolean
}

/** Messages of one pair that wait, one way. */
export type HeldView = {
  readonly direction: LogEntry["direction"]
  readonly name: string
  /** Of the oldest. */
  readonly shortId: string | null
  readonly count: number
  readonly since: string
  readonly reason: string
}

export type PeerView = {
  readonly name: string
  readonly way: NonNullable<AgentRow["way"]> | null
  readonly away: string | null
  readonly lastContactAt: string | null
  /** The latest message, whichever way. */
  readonly last: LogEntry | null
}

/** A Guardian that stands still keeps the screen from nothing. */
const patienceMilliseconds = 2000

/** Never throws: what cannot be looked at is told in its place. */
export async function lookAt(io: Io, paths: Paths, most: number): Promise<AgentView> {
  try {
    const read = readConfig(paths)
    if (read === null) return broken(paths, "is not set up: `sento init`")
    return await viewOf(io, paths, read.config, most)
  } catch (error) {
    return broken(paths, (error as Error).message)
  }
}

const broken = ({ home }: Paths, guardian: string): AgentView => ({
  name: home,
  guardian,
  session: "",
  isUp: false,
  questions: [],
  held: [],
  peers: [],
})

/** @param most - peers whose last words are looked up */
async function viewOf(io: Io, paths: Paths, config: Config, most: number): Promise<AgentView> {
  const running = await statusOf(paths)
  const { agents } = running === null || running === "silent" ? { agents: null } : await askOrRead(io, paths)
  using reader = openCurrentReader(paths.database)
  const isUp = running !== null && running !== "silent"
  const session = isUp ? seenWords(running) : sessionWords[await sessionState(config)]
  return {
    name: config.name,
    guardian: guardianWords(running),
    session: `session ${config.tmux.session}: ${session}`,
    isUp,
    questions: reader === null ? [] : questionsOf(reader, config),
    held: reader === null ? [] : heldOf(reader, config, isUp ? running : null),
    peers: reader === null ? [] : peersOf(reader, config, agents ?? rowsOf(reader, config), most),
  }
}

/** Null where none runs. */
async function statusOf(paths: Paths): Promise<GuardStatus | "silent" | null> {
  try {
    return await guardStatus(paths, patienceMilliseconds)
  } catch {
    return "silent"
  }
}

function guardianWords(running: GuardStatus | "silent" | null): string {
  if (running === null) return "no Guardian runs: `sento guard`"
  return running === "silent" ? "its Guardian does not answer" : `listens on ${placesWords(running)}`
}

type Row = Pick<AgentRow, "name" | "lastContactAt" | "way" | "away">

function rowsOf({ peers }: Reader, config: Config): Row[] {
  const contacts = peers.lastContacts()
  return Object.entries(config.agents).map(([name, { id }]) => {
    const at = contacts.get(id) ?? null
    return { name, lastContactAt: at === null ? null : formatTimestamp(at) }
  })
}

function questionsOf(reader: Reader, config: Config): QuestionView[] {
  const asked = listQuestions(reader, config).map(({ id, kind, name, verifier, ...where }) => ({
    words:
      kind === "join"
        ? `${config.name} itself asks to join ${name} at ${where.host}`
        : `${name} at ${placeWords(where)} wants to pair, verifier ${verifier}`,
    command: `sento approve ${id}`,
    isAsked: true,
  }))
  const code = reader.codes.stateAt(Date.now())
  const joins = reader.requests.waiting("joiner").map(({ id, name }) => ({
    words: `${name}'s owner has not said yes yet`,
    command: `sento cancel ${id}`,
    isAsked: false,
  }))
  if (code === null) return [...asked, ...joins]
  const words = `a code is open, ${code.triesUsed} of ${triesPerCode} tries used`
  return [...asked, ...joins, { words, command: "sento pair --close", isAsked: false }]
}

function heldOf(reader: Reader, config: Config, running: GuardStatus | null): HeldView[] {
  const names = new Map(Object.entries(config.agents).map(([name, { id }]) => [id, name]))
  const paused = new Map(
    listPaused(config, reader.peers.pauses(Date.now()), new Map()).map(one => [one.name, one]),
  )
  const received = reader.inbox.heads().map(({ message, count }) => {
    const name = names.get(message.pair) ?? message.name
    const pause = message.isReleased ? undefined : paused.get(name)
    const reason =
      pause === undefined ? (running?.held?.reason ?? "its turn comes") : `paused ${pauseWords(pause)}`
    const { shortId, receivedAt } = message
    const since = formatTimestamp(receivedAt)
    return { direction: "in" as const, name, shortId, count, since, reason }
  })
  const sent = reader.outbox.heads().map(({ message, count }) => ({
    direction: "out" as const,
    name: names.get(message.pair) ?? message.name,
    shortId: message.shortId,
    count,
    since: formatTimestamp(message.createdAt),
    reason: message.reason || "it is being tried",
  }))
  return [...received, ...sent]
}

/** Who was last heard of or spoken to comes first, so that of many those are seen of whom there is news. */
function peersOf(reader: Reader, config: Config, rows: readonly Row[], most: number): PeerView[] {
  const { inbox, outbox, peers } = reader
  const wish = { thread: null, since: null, grep: null, way: null }
  const latest = [...rows].sort((a, b) => (b.lastContactAt ?? "").localeCompare(a.lastContactAt ?? ""))
  return latest.map(({ name, way = null, away = null, lastContactAt }, place) => ({
    name,
    way,
    away,
    lastContactAt,
    last:
      place < most
        ? (logOf({ config, inbox, outbox, peers }, { ...wish, name }, 1, Date.now())[0] ?? null)
        : null,
  }))
}
