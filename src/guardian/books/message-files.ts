/** The long messages that lie in files of their own, for the agent to read. */
import { chmodSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { readShortId } from "../../protocol/codes.ts"
import type { FileSizes } from "../../store/retention.ts"
import type { Store } from "../../store/store.ts"
import { type Context, peerById } from "../context.ts"

type FileBooks = Pick<Context, "config" | "paths"> & { readonly store: Pick<Store, "inbox"> }

/** Writes a message's text anew. */
export function keepInFile(context: Context, shortId: string, text: string): void {
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

/** Where the text of a long message lies, for a short id. */
export const fileOf = (context: Pick<Context, "config" | "paths">, shortId: string): string =>
  join(folderOf(context), `${shortId}.txt`)

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
