/** The user's systemd: its units, and what becomes of them when the user logs out. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { SentoError } from "../../protocol/errors.ts"
import { ownUser } from "../../store/users.ts"
import type { Io } from "../io.ts"
import { userHomeOf } from "../which-agent.ts"
import { unitMark } from "./unit.ts"

type Answer = { readonly isWell: boolean; readonly text: string }

/** Where a unit of the user's lies (systemd.unit(5)). */
export const unitPath = (io: Io, name: string): string =>
  join(
    io.environment.XDG_CONFIG_HOME || join(userHomeOf(io), ".config"),
    "systemd",
    "user",
    `${name}.service`,
  )

/** Whether the user's systemd answers. */
export const hasUserBus = async (io: Io): Promise<boolean> =>
  Bun.which("systemctl") !== null && (await systemctl(io, "show", "--property=Version")).isWell

/** @throws config where a unit of this name is somebody else's */
export function requireOwnUnit(io: Io, name: string): void {
  const path = unitPath(io, name)
  if (!existsSync(path) || readUnit(io, name) !== null) return
  throw new SentoError(
    "config",
    `${path} is there, and \`sento guard install\` did not write it`,
    "move it away, and run this again",
  )
}

/** Writes a unit, and has it started now and with the machine. @throws failed */
export async function enableUnit(io: Io, name: string, text: string): Promise<void> {
  const path = unitPath(io, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text, { mode: 0o644 })
  await must(io, "daemon-reload")
  await must(io, "enable", "--quiet", `${name}.service`)
  await must(io, "restart", `${name}.service`)
}

/** Stops it, and leaves nothing of it. @returns whether there was one @throws failed */
export async function removeUnit(io: Io, name: string): Promise<boolean> {
  const path = unitPath(io, name)
  if (readUnit(io, name) === null) return false
  if (await hasUserBus(io)) await must(io, "disable", "--quiet", "--now", `${name}.service`)
  rmSync(path)
  if (await hasUserBus(io)) await must(io, "daemon-reload")
  return true
}

/** The text of a unit of ours, or null where there is none. */
export function readUnit(io: Io, name: string): string | null {
  try {
    const text = readFileSync(unitPath(io, name), "utf8")
    return text.startsWith(unitMark) ? text : null
  } catch {
    return null
  }
}

/** Starts a unit that is there; false where the user's systemd cannot be reached from here. @throws failed */
export async function startUnit(io: Io, name: string): Promise<boolean> {
  if (!(await hasUserBus(io))) return false
  await must(io, "start", `${name}.service`)
  return true
}

/** Whether the user's units run without a login; null where nobody can say. */
export async function lingers(): Promise<boolean | null> {
  const { isWell, text } = await run(["loginctl", "show-user", ownUser(), "--property=Linger", "--value"])
  return isWell ? text === "yes" : null
}

/** @throws failed where the system does not let the user */
export async function enableLinger(): Promise<void> {
  const { isWell, text } = await run(["loginctl", "enable-linger", ownUser()])
  if (isWell) return
  throw new SentoError(
    "failed",
    `loginctl: ${text}`,
    `as root, \`loginctl enable-linger ${ownUser()}\` does it`,
  )
}

async function must(io: Io, ...words: readonly string[]): Promise<void> {
  const { isWell, text } = await systemctl(io, ...words)
  if (isWell) return
  throw new SentoError(
    "failed",
    `systemctl --user ${words.join(" ")}: ${text.split("\n")[0]}`,
    `see \`systemctl --user status ${words.at(-1)}\``,
  )
}

const systemctl = (io: Io, ...words: readonly string[]): Promise<Answer> =>
  run(["systemctl", "--user", ...words], io.environment)

async function run(
  command: readonly string[],
  environment: Io["environment"] = process.env,
): Promise<Answer> {
  if (Bun.which(command[0] ?? "") === null) return { isWell: false, text: `${command[0]} is not installed` }
  const child = Bun.spawn([...command], { env: environment, stdio: ["ignore", "pipe", "pipe"] })
  const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { isWell: status === 0, text: (status === 0 ? out : err).trim() }
}
