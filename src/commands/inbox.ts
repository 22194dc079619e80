/** `sento inbox`: what came and waits to be typed; `read`, `drop` and `release`. The owner's: an agent's is `sento log`. */
import { dropReceived, releaseReceived, requireReceived } from "../guardian/books/handling.ts"
import { listPaused, pauseWords } from "../guardian/books/pauses.ts"
import type { GuardStatus } from "../guardian/door/results.ts"
import { formatTimestamp } from "../protocol/freshness.ts"
import { visibleText } from "../protocol/layout.ts"
import type { Config } from "../store/config.ts"
import type { Received } from "../store/inbox.ts"
import type { Paths } from "../store/paths.ts"
import { openReader, type Reader } from "../store/reader.ts"
import { type AddCommand, command, group, isJson, refuseUnknown } from "./command.ts"
import { askOrDo } from "./consent.ts"
import { needConfig } from "./home.ts"
import type { Io } from "./io.ts"
import { excerptLine } from "./log-lines.ts"
import { wrap } from "./rows.ts"
import { guardStatus } from "./running.ts"
import { ago, paintFor, printJson, printRows, tell } from "./terminal.ts"

/** The words of `sento inbox`. */
export const addInbox: AddCommand = (program, { io, paths, finish }) => {
  const listing = group(program, "inbox", "what came and waits to be typed, and why").action(
    ({ json = false }, self) => {
      refuseUnknown(self)
      return finish(inbox(io, paths(), json))
    },
  )
  command(listing, "read", "print a message here, and leave it where it is")
    .argument("<id>")
    .action((id, _, self) => finish(read(io, paths(), id, isJson(self))))
  command(listing, "drop", "have it never typed; its sender is told")
    .argument("<id>")
    .action((id, _, self) => finish(drop(io, paths(), id, isJson(self))))
  command(listing, "release", "have this one typed though its sender is paused")
    .argument("<id>")
    .action((id, _, self) => finish(release(io, paths(), id, isJson(self))))
}

/** A message that waits, as `sento inbox --json` lists it. */
export type Waiting = {
  readonly id: string
  readonly from: string
  /** RFC 3339. */
  readonly receivedAt: string
  /** What it waits for, for a person. */
  readonly waitsFor: string
  readonly text: string
}

/** `sento inbox`: only reads, and needs no Guardian. */
async function inbox(io: Io, paths: Paths, isJson: boolean): Promise<number> {
  const config = needConfig(io, paths)
  using reader = openReader(paths.database)
  const waiting = listWaiting(reader, config, await guardStatus(paths), Date.now())
  if (isJson) printJson(io, waiting)
  else if (waiting.length === 0) tell(io, `nothing waits to be typed into ${config.name}'s session`)
  else
    printRows(
      io,
      waiting.flatMap(one => linesOf(io, one)),
    )
  return 0
}

/** What waits, the next one first, and what each waits for. @param running - null where no Guardian runs */
export function listWaiting(
  reader: Pick<Reader, "inbox" | "peers"> | null,
  config: Config,
  running: GuardStatus | null,
  now: number,
): Waiting[] {
  if (reader === null) return []
  const names = new Map(Object.entries(config.agents).map(([name, { id }]) => [id, name]))
  const paused = new Map(listPaused(config, reader.peers.pauses(now), new Map()).map(one => [one.name, one]))
  return reader.inbox.waiting().map(message => {
    const from = names.get(message.pair) ?? message.name
    const pause = message.isReleased ? undefined : paused.get(from)
    return {
      id: message.shortId,
      from,
      receivedAt: formatTimestamp(message.receivedAt),
      waitsFor:
        pause === undefined
          ? waitsFor(message, config.name, running)
          : `${from} is paused ${pauseWords(pause)}`,
      text: message.text,
    }
  })
}

function waitsFor({ shortId, state }: Received, self: string, running: GuardStatus | null): string {
  if (running === null) return "no Guardian runs: `sento guard` starts it"
  const { held } = running
  if (held?.id === shortId) return held.reason
  if (state === "typing") return `it is being typed into ${self}'s session`
  return held === undefined
    ? "its turn comes"
    : `its turn comes after [${held.id}], which waits: ${held.reason}`
}

const indent = "  "

function linesOf(io: Io, { id, from, receivedAt, waitsFor, text }: Waiting): string[] {
  const { columns } = io.sizeOf("stdout")
  const paint = paintFor(io, "stdout")
  const head = `${paint("bold", `[${id}]`)} from ${paint("green", from)}, ${ago(receivedAt, Date.now())}`
  return [
    ...wrap(head, columns),
    ...wrap(paint("yellow", `waits: ${waitsFor}`), columns, indent),
    ...wrap(excerptLine(text, (Number.isFinite(columns) ? columns : 200) - indent.length), columns, indent),
  ]
}

/** `sento inbox read ID` */
async function read(io: Io, paths: Paths, id: string, isJson: boolean): Promise<number> {
  needConfig(io, paths)
  using reader = openReader(paths.database)
  const message = requireReceived({ store: { inbox: reader?.inbox ?? nothing } }, id)
  const { shortId, name, receivedAt, state, text } = message
  const at = formatTimestamp(receivedAt)
  if (isJson) printJson(io, { id: shortId, from: name, receivedAt: at, state, text })
  else {
    tell(io, `[${shortId}] from ${name}, ${ago(at, Date.now())}:`)
    printRows(io, wrap(visibleText(text), io.sizeOf("stdout").columns, indent))
  }
  return 0
}

const nothing = { byShortId: () => null }

/** `sento inbox drop ID` */
async function drop(io: Io, paths: Paths, id: string, isJson: boolean): Promise<number> {
  const dropped = await askOrDo(io, paths, { op: "drop", id }, books => dropReceived(books, id))
  if (isJson) printJson(io, { dropped: dropped.id, from: dropped.from })
  else tell(io, `dropped [${dropped.id}]: it is never typed, and ${dropped.from} is told so`)
  return 0
}

/** `sento inbox release ID` */
async function release(io: Io, paths: Paths, id: string, isJson: boolean): Promise<number> {
  const noGuardian = "no Guardian runs: `sento guard` starts it"
  const released = await askOrDo(io, paths, { op: "release", id }, books =>
    releaseReceived(books, id, noGuardian),
  )
  const { from, waitsFor } = released
  if (isJson) printJson(io, { released: released.id, from, waitsFor })
  else {
    tell(io, `released [${released.id}]: it is typed, and whatever else ${from} says stays paused`)
    if (waitsFor !== null) tell(io, `it waits only for this: ${waitsFor}`)
  }
  return 0
}
