/** The exact text that goes into the pane for one message. */
import { chmodSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { readShortId } from "../protocol/codes.ts"
import {
  answerHint,
  answerHints,
  excerpt,
  fileText,
  layOut,
  mostTypedUnits,
  visibleText,
  wholeTextNote,
} from "../protocol/layout.ts"
import type { ProfileName } from "../protocol/names.ts"
import type { Received } from "../store/messages.ts"
import type { FileSizes } from "../store/retention.ts"
import type { Store } from "../store/store.ts"
import { profiles } from "../tmux/profile.ts"
import { type Context, peerById } from "./context.ts"

const hintMilliseconds = 60 * 60 * 1000

type Typed = Pick<Received, "pair" | "shortId" | "text">

type FileBooks = Pick<Context, "config" | "paths"> & { readonly store: Pick<Store, "inbox"> }

/**
 * A terminal that reads lines for its program takes 4,095 bytes of one and drops the rest (Linux 6.18), and the
 * profile plain makes one line of every message: 1,000 lines of two letters become 6,995 bytes.
 */
const mostLineBytes = 3500

/**
 * The message laid out under the peer's local name; of a long one the beginning, and where the whole lies; and, for a
 * pair's first message and then at most once an hour, the line that says how to answer.
 */
export function typedText(context: Context, name: string, message: Typed, profile: ProfileName): string {
  const text = visibleText(message.text)
  if (isTooLong(text, profile)) keepInFile(context, message.shortId, fileText(name, message.shortId, text))
  const hint = isHintDue(context, message.pair) ? answerHint(message.shortId) : null
  return laidOut(context, name, message, profile, hint)
}

/** Every text that can have been typed for a message: as each profile is given it, with such a line and without. */
export function typedTexts(context: Context, name: string, message: Typed): string[] {
  return Object.values(profiles).flatMap(profile =>
    [null, ...answerHints(message.shortId)].map(hint =>
      profile.adapt(laidOut(context, name, message, profile.name, hint)),
    ),
  )
}

function laidOut(
  context: Context,
  name: string,
  { shortId, text: given }: Typed,
  profile: ProfileName,
  hint: string | null,
): string {
  const text = visibleText(given)
  const isLong = isTooLong(text, profile)
  const lines = [layOut(name, shortId, isLong ? excerpt(text) : text)]
  if (isLong) lines.push(wholeTextNote(text.length, fileOf(context, shortId)))
  if (hint !== null) lines.push(hint)
  return lines.join("\n")
}

function isTooLong(text: string, profile: ProfileName): boolean {
  const bytes = profile === "plain" ? Buffer.byteLength(profiles.plain.adapt(text)) : 0
  return text.length > mostTypedUnits || bytes > mostLineBytes
}

/** To be called once the text was typed: the hint is not due again for an hour. */
export function noteHint(context: Context, message: Typed): void {
  if (isHintDue(context, message.pair)) context.store.facts.set(`hint ${message.pair}`, context.now())
}

function isHintDue(context: Context, pair: string): boolean {
  const last = context.store.facts.get(`hint ${pair}`)
  return typeof last !== "number" || Math.abs(context.now() - last) >= hintMilliseconds
}

function keepInFile(context: Context, shortId: string, text: string): void {
  const folder = folderOf(context)
  const path = fileOf(context, shortId)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  rmSync(path, { force: true })
  writeFileSync(path, text, { mode: 0o600, flag: "wx" })
  // The agent's user reads it by group, which the directory above hands down (setgid).
  if (context.config.current.hardened !== undefined) {
    chmodSync(folder, 0o2750)
    chmodSync(path, 0o640)
  }
}

const fileOf = (context: Context, shortId: string): string => join(folderOf(context), `${shortId}.txt`)

const folderOf = ({ config, paths }: Pick<Context, "config" | "paths">): string =>
  join(config.current.hardened?.folder ?? paths.folder, "inbox")

const fileSuffix = ".txt"

/** The files that are there, by the short ids of their messages; nothing else that lies beside them. */
function filesIn(folder: string): { readonly shortId: string; readonly path: string }[] {
  if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) return []
  return readdirSync(folder)
    .filter(name => name.endsWith(fileSuffix))
    .map(name => ({ shortId: name.slice(0, -fileSuffix.length), path: join(folder, name) }))
    .filter(({ shortId }) => readShortId(shortId) === shortId)
}

/** What the files take on the disk, by the `seq` of their messages. */
export function fileSizes(books: FileBooks): FileSizes {
  const sizes = new Map<number, number>()
  for (const { shortId, path } of filesIn(folderOf(books))) {
    const message = books.store.inbox.holderOf(shortId)
    const bytes = lstatSync(path, { throwIfNoEntry: false })?.size
    if (message !== null && bytes !== undefined) sizes.set(message.seq, bytes)
  }
  return sizes
}

/** Removes the files whose message was forgotten, or whose pair has ended. */
export function forgetFiles(books: FileBooks & Pick<Context, "log">): void {
  try {
    for (const { shortId, path } of filesIn(folderOf(books))) {
      const message = books.store.inbox.holderOf(shortId)
      if (message === null || peerById(books, message.pair) === null) rmSync(path, { force: true })
    }
  } catch (error) {
    books.log.write(`cannot remove files of messages: ${(error as Error).message}`)
  }
}
