/** One Guardian a home: a SQLite file held exclusively, which the kernel frees when its holder dies. */
import { Database } from "bun:sqlite"
import { chmodSync } from "node:fs"
import { SentoError } from "../protocol/errors.ts"

/** Held from construction to disposal. Nothing but SQLite may open the file meanwhile: POSIX locks would drop. */
export type Lock = { release(): void }

/** The lock, or null when another process holds it. @throws config when the file cannot be used */
export function takeLock(path: string): Lock | null {
  let database: Database | null = null
  try {
    database = openPrivately(path)
    database.run("PRAGMA locking_mode = EXCLUSIVE")
    database.run("BEGIN EXCLUSIVE")
    const held = database
    return { release: () => held.close() }
  } catch (error) {
    database?.close()
    if (/locked|busy/i.test((error as Error).message)) return null
    throw new SentoError(
      "config",
      `cannot lock ${path}: ${(error as Error).message}`,
      `run \`rm -r ${path}\`, for it holds nothing, then \`sento guard\``,
    )
  }
}

/** 0600, also where an older one is not: who may read the file may hold a lock on it too (fcntl(2), F_RDLCK). */
function openPrivately(path: string): Database {
  const umask = process.umask(0o077)
  try {
    const database = new Database(path, { create: true })
    chmodSync(path, 0o600)
    return database
  } finally {
    process.umask(umask)
  }
}
