/** The users of this machine, wherever the system keeps them. */
import { readFileSync } from "node:fs"

export type UserId = { readonly uid: number; readonly gid: number }

/** A user of this machine by name, wherever the system keeps its users; null for none. */
export function findUser(name: string): UserId | null {
  const uid = idOf("-u", name)
  const gid = idOf("-g", name)
  return uid === null || gid === null ? null : { uid: Number(uid), gid: Number(gid) }
}

/** The name of the user this process runs as. */
export const ownUser = (): string => idOf("-un") ?? String(process.getuid?.())

/** What id(1) says, or null where it knows no such user. */
function idOf(...words: readonly string[]): string | null {
  const { exitCode, stdout } = Bun.spawnSync(["id", ...words], { stderr: "ignore" })
  return exitCode === 0 ? stdout.toString().trim() : null
}

/** The system's users or groups, as passwd(5) and group(5) have them. */
export function entries(database: "passwd" | "group"): string[][] {
  const text =
    Bun.which("getent") === null
      ? readFileSync(`/etc/${database}`, "utf8")
      : Bun.spawnSync(["getent", database], { stderr: "ignore" }).stdout.toString()
  return text.split("\n").map(line => line.split(":"))
}

/** The directory that passwd(5) has for this user, whatever HOME says; null where the file does not know the user. */
export function passwdHome(): string | null {
  try {
    const own = String(process.getuid?.())
    const lines = readFileSync("/etc/passwd", "utf8").split("\n")
    return lines.map(line => line.split(":")).find(([, , uid]) => uid === own)?.[5] || null
  } catch {
    return null
  }
}
