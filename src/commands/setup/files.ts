/** Other people's files: read as they are, replaced whole, with their mode and behind their symbolic links. */
import { randomBytes } from "node:crypto"
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { dirname } from "node:path"
import { SentoError } from "../../protocol/errors.ts"
import { shellWord } from "../../protocol/shell.ts"
import { behindLinks } from "../../store/links.ts"

/**
 * The text of a file, byte for byte (a BOM included), or null where there is none.
 * @throws config, for what is no regular file too
 */
export function readFile(path: string): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytesOf(path))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === "ENOENT") return null
    const why = code === "EACCES" ? "permission denied" : code === "ENXIO" ? irregular : message
    const reason = error instanceof TypeError ? "it is not UTF-8" : why
    throw new SentoError("config", `cannot read ${path}: ${reason}`, `see \`ls -ld ${shellWord(path)}\``)
  }
}

const irregular = "it is no regular file"

/** Opened without waiting: a named pipe without a writer would hold whoever opens it (fifo(7)); a socket is ENXIO. */
function bytesOf(path: string): Buffer {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(file)
    if (stat.isDirectory()) throw new Error("it is a directory")
    if (!stat.isFile()) throw new Error(irregular)
    return readFileSync(file)
  } finally {
    closeSync(file)
  }
}

/** Replaced whole, a file with a second name (a hard link) would have two contents. @throws config */
export function requireOneName(path: string): void {
  const names = statSync(path, { throwIfNoEntry: false })?.nlink ?? 1
  if (names <= 1) return
  throw new SentoError(
    "config",
    `${path} has ${names} names (hard links), and would be changed under this one alone`,
    `make it a symbolic link or a file of its own; \`find / -xdev -samefile ${shellWord(path)}\` finds the others`,
  )
}

/** Whether a symbolic link stands there, be there a file behind it or not. */
export const isLink = (path: string): boolean =>
  lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false

/** A file that somebody else wrote since it was read: what is there is theirs, and is read anew. */
export class ChangedMeanwhile extends SentoError {
  constructor(path: string) {
    super("config", `${path} was changed while sento looked at it`, "close what writes it and run this again")
    this.name = "ChangedMeanwhile"
  }
}

/** A file as it is and as it will be; null is no file. */
export type Change = { readonly path: string; readonly before: string | null; readonly after: string | null }

/**
 * Writes a file, or removes it, with directories that are missing then or empty. Looked at once more right before: what
 * is not as it was read is not replaced. Between that look and the rename nothing holds others off.
 * @throws ChangedMeanwhile; config
 */
export function replaceFile({ path, before, after }: Change, root: string): void {
  const requireUnchanged = (): void => {
    if (readFile(path) !== before) throw new ChangedMeanwhile(path)
  }
  try {
    if (after === null) {
      requireUnchanged()
      removeFile(path, root)
    } else writeWhole(behindLinks(path), after, requireUnchanged)
  } catch (error) {
    if (error instanceof SentoError) throw error
    throw new SentoError(
      "config",
      `cannot write ${path}: ${(error as Error).message}`,
      `see \`ls -ld ${shellWord(dirname(path))}\`; what was there is as it was`,
    )
  }
}

function writeWhole(path: string, text: string, requireUnchanged: () => void): void {
  const made = mkdirSync(dirname(path), { recursive: true })
  const old = statSync(path, { throwIfNoEntry: false })
  const beside = `${path}.${randomBytes(4).toString("hex")}.sento`
  try {
    writeFileSync(beside, text, { flag: "wx", flush: true })
    if (old !== undefined) {
      if (old.uid !== process.getuid?.() || old.gid !== process.getgid?.())
        chownSync(beside, old.uid, old.gid)
      chmodSync(beside, old.mode & 0o7777)
    }
    requireUnchanged()
    renameSync(beside, path)
  } catch (error) {
    rmSync(beside, { force: true })
    if (made !== undefined) removeEmpty(dirname(path), dirname(made))
    throw error
  }
}

/** Directories that are empty then go too, up to `root`. */
function removeFile(path: string, root: string): void {
  rmSync(behindLinks(path), { force: true })
  removeEmpty(dirname(path), root)
}

function removeEmpty(lowest: string, root: string): void {
  for (let folder = lowest; folder.startsWith(`${root}/`); folder = dirname(folder)) {
    if (lstatSync(folder).isSymbolicLink() || readdirSync(folder).length > 0) return
    rmdirSync(folder)
  }
}
