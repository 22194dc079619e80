/** `sento log [NAME] [-f]`: the messages both ways, read from sento.db; needs no Guardian. */
import { historyOf } from "../guardian/books/history.ts"
import { unknownAgent } from "../guardian/books/requirements.ts"
import { callDoor } from "../guardian/door/client.ts"
import type { LogEntry } from "../guardian/door/results.ts"
import { SentoError } from "../protocol/errors.ts"
import { indented, sanitise, visibleLine } from "../protocol/layout.ts"
import { reasonWords } from "../protocol/receipts.ts"
import type { Config } from "../store/config.ts"
import type { Paths } from "../store/paths.ts"
import { openReader, type Reader } from "../store/reader.ts"
import { type AddCommand, command, type OptionsOf, type Program } from "./command.ts"
import { needConfig } from "./home.ts"
import type { Io } from "./io.ts"
import { print, printJson, tell } from "./terminal.ts"

const grammar = (program: Program) =>
  command(program, "log", "the messages both ways, the latest last; times are UTC")
    .argument("[name]", "only those from and to this agent")
    .option("-f, --follow", "go on as messages come and go")
    .option("-n, --lines <count>", "how many", "100")

type LogOptions = OptionsOf<typeof grammar>

/** The words of `sento log`. */
export const addLog: AddCommand = (program, { io, paths, finish }) =>
  grammar(program).action((name, options) => finish(log(io, paths(), name ?? null, options)))

/** So many messages of each way are looked at while they are followed. */
const mostFollowed = 500
const lookMilliseconds = 250

/** The messages now, of the latest so many each way; null where nothing has changed since the last look. */
type Look = (most: number) => LogEntry[] | null | Promise<LogEntry[]>

/** `sento log` */
export async function log(io: Io, paths: Paths, name: string | null, options: LogOptions): Promise<number> {
  const most = readCount(options.lines)
  const look = paths.isAgentSide ? askDoor(paths, name) : lookInto(io, paths, name)
  const shown = new Map<string, string>()
  const show = (entries: readonly LogEntry[]): void => {
    for (const entry of entries)
      if (options.json) printJson(io, entry)
      else print(io, lineOf(entry))
  }
  const note = (entries: readonly LogEntry[]): void => {
    for (const one of entries) shown.set(one.id, fateOf(one))
  }
  const all = (await look(Math.max(most, mostFollowed))) ?? []
  show(all.slice(-most))
  if (all.length === 0 && !options.follow && !options.json) tell(io, "no messages yet")
  note(all)
  while (options.follow) {
    await Bun.sleep(lookMilliseconds)
    const entries = await look(mostFollowed)
    if (entries === null) continue
    show(entries.filter(one => shown.get(one.id) !== fateOf(one)))
    note(entries)
  }
  return 0
}

/** All that a line says of what became of a message. */
const fateOf = ({ state, reason, peerState, peerReason }: LogEntry): string =>
  JSON.stringify([state, reason, peerState, peerReason])

function readCount(text: string): number {
  const count = Number(text)
  if (/^\d{1,5}$/.test(text) && count > 0) return count
  throw new SentoError("usage", `${JSON.stringify(text)} is no number of lines`, "run `sento log -n 100`")
}

/** As many as the agent's door tells at once. */
const askDoor =
  (paths: Paths, name: string | null): Look =>
  most =>
    callDoor(paths, "agent", { op: "log", name, limit: Math.min(most, 1000) })

/** Both ways, the latest last, with the names of today. Reads again only what somebody wrote to. */
function lookInto(io: Io, paths: Paths, name: string | null): Look {
  let reader: Reader | null = null
  let version: number | null = null
  return most => {
    reader ??= openReader(paths.database)
    const changed = reader === null ? 0 : reader.version()
    if (changed === version) return null
    version = changed
    const config = needConfig(io, paths)
    const entries = reader === null ? [] : entriesIn(reader, config, name, most)
    if (name !== null && entries.length === 0 && !Object.hasOwn(config.agents, name))
      throw unknownAgent(name, Object.keys(config.agents))
    return entries
  }
}

function entriesIn(reader: Reader, config: Config, name: string | null, most: number): LogEntry[] {
  const { inbox, outbox, peers } = reader
  return historyOf({ config, inbox, outbox, peers }, name, most, Date.now())
}

/** One line, harmless to look at: what came from others is cleaned as it is for the pane. */
export function lineOf({
  at,
  direction,
  name,
  shortId,
  text,
  state,
  reason,
  peerState,
  peerReason,
}: LogEntry): string {
  const way = direction === "in" ? `← ${name} [${shortId}]` : `→ ${name}`
  const words = indented(sanitise(text).trim())
  const [last, why] =
    state === "accepted" && peerState !== null
      ? [peerState, reason ?? (peerReason && reasonWords(peerReason))]
      : [state, reason]
  const outcome = why === null ? last : `${last}: ${visibleLine(why)}`
  return `${at.slice(0, 19).replace("T", " ")}  ${way}: ${words}  (${outcome})`
}
