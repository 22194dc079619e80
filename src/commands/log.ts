/** `sento log [NAME] [-f]`: the messages both ways, read from sento.db; needs no Guardian. */
import { type LogWish, logOf } from "../guardian/books/history.ts"
import { unknownAgent } from "../guardian/books/requirements.ts"
import { callDoor } from "../guardian/door/client.ts"
import type { LogEntry } from "../guardian/door/results.ts"
import { readDuration } from "../protocol/durations.ts"
import { SentoError } from "../protocol/errors.ts"
import { formatTimestamp } from "../protocol/freshness.ts"
import type { Paths } from "../store/paths.ts"
import { openReader, type Reader } from "../store/reader.ts"
import { type AddCommand, command, type OptionsOf, type Program } from "./command.ts"
import { needConfig } from "./home.ts"
import type { Io } from "./io.ts"
import { changeLines, dayLine, messageLines, type Page } from "./log-lines.ts"
import { paintFor, print, printJson, printRows, tell } from "./terminal.ts"

const grammar = (program: Program) =>
  command(program, "log", "what was said both ways, the latest last, and what became of it")
    .argument("[name]", "only from and to this agent")
    .option("-f, --follow", "go on as messages come and go")
    .option("-n, --lines <count>", "how many messages", "100")
    .option("--thread <id>", "only the conversation that this message is in")
    .option("--since <duration>", "none older: 30m, 2h, 7d")
    .option("--grep <text>", "only with this text in them, in either case")
    .option("--sent", "only what went out")
    .option("--received", "only what came in")
    .option("--utc", "times of UTC, not of this machine")

type LogOptions = OptionsOf<typeof grammar>

/** The words of `sento log`. */
export const addLog: AddCommand = (program, { io, paths, finish }) =>
  grammar(program).action((name, options) => finish(log(io, paths(), name ?? null, options)))

/** So many messages of each way are looked at while they are followed. */
const mostFollowed = 500
/** As many as the agent's door tells at once. */
const mostTold = 1000
const lookMilliseconds = 250

/** The messages now, of the latest so many each way; null where nothing has changed since the last look. */
type Look = (most: number) => LogEntry[] | null | Promise<LogEntry[]>

/** `sento log` */
export async function log(io: Io, paths: Paths, name: string | null, options: LogOptions): Promise<number> {
  const most = readCount(options.lines)
  const wish = readWish(name, options)
  const look = paths.isAgentSide ? askDoor(paths, wish) : lookInto(io, paths, wish)
  const show = options.json
    ? (entries: readonly LogEntry[]): void => {
        for (const entry of entries) printJson(io, entry)
      }
    : pageTo(io, {
        self: await ownName(io, paths),
        columns: io.sizeOf("stdout").columns,
        paint: paintFor(io, "stdout"),
        isUtc: options.utc ?? false,
      })
  const all = (await look(options.follow ? Math.max(most, mostFollowed) : most)) ?? []
  show(all.slice(-most))
  if (all.length === 0 && !options.follow && !options.json) tell(io, noneWords(wish))
  if (options.follow) await follow(look, show, all)
  return 0
}

/** Shows what is new, and what something else became of, for as long as it runs. */
async function follow(
  look: Look,
  show: (entries: readonly LogEntry[]) => void,
  before: readonly LogEntry[],
): Promise<never> {
  const shown = new Map<string, string>()
  const note = (entries: readonly LogEntry[]): void => {
    for (const one of entries) shown.set(one.id, stateOf(one))
  }
  for (note(before); ; ) {
    await Bun.sleep(lookMilliseconds)
    const entries = await look(mostFollowed)
    if (entries === null) continue
    show(entries.filter(one => shown.get(one.id) !== stateOf(one)))
    note(entries)
  }
}

/** All that is said of what became of a message. */
const stateOf = ({ state, reason, peerState, peerReason }: LogEntry): string =>
  JSON.stringify([state, reason, peerState, peerReason])

/** Shows messages below the headings of their days, and one that was shown before as a line of what became of it. */
function pageTo(io: Io, page: Page): (entries: readonly LogEntry[]) => void {
  const shown = new Set<string>()
  let today = ""
  const head = (at: string): void => {
    const day = dayLine(page, at)
    if (day !== today) print(io, day)
    today = day
  }
  return entries => {
    for (const entry of entries) {
      const now = formatTimestamp(Date.now())
      const isKnown = shown.has(entry.id)
      head(isKnown ? now : entry.at)
      printRows(io, isKnown ? changeLines(page, entry, now) : messageLines(page, entry))
      shown.add(entry.id)
    }
  }
}

function readCount(text: string): number {
  const count = Number(text)
  if (/^\d{1,5}$/.test(text) && count > 0) return count
  throw new SentoError("usage", `${JSON.stringify(text)} is no number of messages`, "run `sento log -n 100`")
}

/** @throws usage */
function readWish(name: string | null, { thread, since, grep, sent, received }: LogOptions): LogWish {
  const wish = { name, thread: thread ?? null, grep: grep ?? null }
  const way = sent === received ? null : sent ? "out" : "in"
  if (since === undefined) return { ...wish, since: null, way }
  const age = readDuration(since)
  if (age !== null) return { ...wish, since: Date.now() - age, way }
  throw new SentoError(
    "usage",
    `${JSON.stringify(since)} is no span of time`,
    "give seconds, minutes, hours or days: `sento log --since 2h`",
  )
}

function noneWords({ name, since, grep, thread, way }: LogWish): string {
  if (since === null && grep === null && thread === null && way === null)
    return name === null ? "no messages yet" : `no messages from or to ${name} yet`
  return "no such messages; `sento log` shows all"
}

/** At the agent's side of hardened mode the config is not to be read. */
async function ownName(io: Io, paths: Paths): Promise<string> {
  if (!paths.isAgentSide) return needConfig(io, paths).name
  return (await callDoor(paths, "agent", { op: "alive" })).name
}

const askDoor =
  (paths: Paths, wish: LogWish): Look =>
  most =>
    callDoor(paths, "agent", { op: "log", ...wish, limit: Math.min(most, mostTold) })

/** Reads again only what somebody wrote to. */
function lookInto(io: Io, paths: Paths, wish: LogWish): Look {
  let reader: Reader | null = null
  let version: number | null = null
  return most => {
    reader ??= openReader(paths.database)
    const changed = reader === null ? 0 : reader.version()
    if (changed === version) return null
    version = changed
    const config = needConfig(io, paths)
    if (reader === null) return noneIn(wish, Object.keys(config.agents))
    const { inbox, outbox, peers } = reader
    return logOf({ config, inbox, outbox, peers }, wish, most, Date.now())
  }
}

/** Of a home in which no Guardian has run. @throws unknown-agent */
function noneIn({ name }: LogWish, names: readonly string[]): LogEntry[] {
  if (name !== null && !names.includes(name)) throw unknownAgent(name, names)
  return []
}
