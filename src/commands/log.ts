/** `sento log [NAME] [-f]`: the messages both ways, read from sento.db; needs no Guardian. */
import type { LogEntry } from "../guardian/door-requests.ts"
import { historyOf } from "../guardian/history.ts"
import { unknownAgent } from "../guardian/requirements.ts"
import { SentoError } from "../protocol/errors.ts"
import { indented, sanitise, visibleLine } from "../protocol/layout.ts"
import { reasonWords } from "../protocol/receipts.ts"
import type { Config } from "../store/config.ts"
import { readDatabase } from "../store/database.ts"
import { createInbox, createOutbox } from "../store/messages.ts"
import type { Paths } from "../store/paths.ts"
import { createPeers } from "../store/peers.ts"
import { callDoor } from "./door.ts"
import { needConfig } from "./home.ts"
import { print, printJson, tell } from "./terminal.ts"

export type LogOptions = { readonly json?: boolean; readonly follow?: boolean; readonly lines: string }

/** Of all messages, so many are looked at for those of one agent. */
const mostRead = 10_000
const lookMilliseconds = 250

/** `sento log` */
export async function log(paths: Paths, name: string | null, options: LogOptions): Promise<number> {
  const most = readCount(options.lines)
  const read = (): LogEntry[] | Promise<LogEntry[]> =>
    paths.isAgentSide ? askDoor(paths, name) : entriesOf(paths, needConfig(paths), name)
  const shown = new Map<string, string>()
  const show = (entries: readonly LogEntry[]): void => {
    for (const entry of entries) {
      if (shown.get(entry.id) === entry.state) continue
      shown.set(entry.id, entry.state)
      if (options.json) printJson(entry)
      else print(lineOf(entry))
    }
  }
  const all = await read()
  for (const { id, state } of all) shown.set(id, state)
  const latest = all.slice(-most)
  for (const { id } of latest) shown.delete(id)
  show(latest)
  if (all.length === 0 && !options.follow && !options.json) tell("no messages yet")
  while (options.follow) {
    await Bun.sleep(lookMilliseconds)
    show(await read())
  }
  return 0
}

function readCount(text: string): number {
  const count = Number(text)
  if (/^\d{1,5}$/.test(text) && count > 0) return count
  throw new SentoError("usage", `${JSON.stringify(text)} is no number of lines`, "run `sento log -n 100`")
}

/** As many as the agent's door tells at once. */
const askDoor = (paths: Paths, name: string | null): Promise<LogEntry[]> =>
  callDoor<LogEntry[]>(paths, "agent", { op: "log", name, limit: 1000 })

/** Both ways, the latest last, with the names of today. @throws unknown-agent */
function entriesOf(paths: Paths, config: Config, name: string | null): LogEntry[] {
  const entries = readEntries(paths, config, name)
  if (name !== null && entries.length === 0 && !Object.hasOwn(config.agents, name))
    throw unknownAgent(name, Object.keys(config.agents))
  return entries
}

function readEntries(paths: Paths, config: Config, name: string | null): LogEntry[] {
  const database = readDatabase(paths.database)
  if (database === null) return []
  const books = {
    config,
    inbox: createInbox(database, () => new Uint8Array()),
    outbox: createOutbox(database),
    peers: createPeers(database),
  }
  const entries = historyOf(books, name, mostRead, Date.now())
  database.close()
  return entries
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
