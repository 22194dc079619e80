/** Other people's files: read as they are, replaced whole, with their mode and behind their symbolic links. */
import { randomBytes } from "node:crypto"
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
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

/** The text of a file, byte for byte (a BOM included), or null where there is none. @throws config */
export function readFile(path: string): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(path))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === "ENOENT") return null
    const why = code === "EISDIR" ? "it is a directory" : code === "EACCES" ? "permission denied" : message
    const reason = error instanceof TypeError ? "it is not UTF-8" : why
    throw new SentoError("config", `cannot read ${path}: ${reason}`, `see \`ls -ld ${shellWord(path)}\``)
  }
}

/** Whether a symbolic link stands there, be there a file behind it or not. */
export const isLink = (path: string): boolean =>
  lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false

/** Writes a file, or removes it, with directories that are missing then or empty. @throws config */
export function replaceFile(path: string, text: string | null, root: string): void {
  try {
    if (text === null) removeFile(path, root)
    else writeWhole(behindLinks(path), text)
  } catch (error) {
    throw new SentoError(
      "config",
      `cannot write ${path}: ${(error as Error).message}`,
      `see \`ls -ld ${shellWord(dirname(path))}\`; what was there is as it was`,
    )
  }
}

function writeWhole(path: string, text: string): void {
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
    renameSync(beside, path)
  } catch (error) {
    rmSync(beside, { force: true })
    if (made !== undefined) rmSync(made, { recursive: true })
    throw error
  }
}

/** Directories that are empty then go too, up to `root`. */
function removeFile(path: string, root: string): void {
  rmSync(behindLinks(path), { force: true })
  for (let folder = dirname(path); folder.startsWith(`${root}/`); folder = dirname(folder)) {
    if (lstatSync(folder).isSymbolicLink() || readdirSync(folder).length > 0) return
    rmdirSync(folder)
  }
}
