/** One Guardian a home: a SQLite file held exclusively, which the kernel frees when its holder dies. */
import { Database } from "bun:sqlite"

/** Held from construction to disposal. Nothing but SQLite may open the file meanwhile: POSIX locks would drop. */
export type Lock = { release(): void }

/** The lock, or null when another process holds it. */
export function takeLock(path: string): Lock | null {
  const database = new Database(path, { create: true })
  try {
    database.run("PRAGMA locking_mode = EXCLUSIVE")
    database.run("BEGIN EXCLUSIVE")
    return { release: () => database.close() }
  } catch (error) {
    database.close()
    if (/locked|busy/i.test((error as Error).message)) return null
    throw error
  }
}
