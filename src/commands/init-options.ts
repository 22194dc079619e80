/** The options of `sento init`, read: what is wrong with one is told with the command that would be right. */
import { resolve } from "node:path"
import { isHost } from "../protocol/addresses.ts"
import { SentoError } from "../protocol/errors.ts"
import { isName, nameRule, type ProfileName, profileNames } from "../protocol/names.ts"
import { everyAddress, hostsBeside } from "../store/config.ts"
import { agentIn } from "../tmux/agent-programs.ts"
import type { Io } from "./io.ts"

/** An option that may be repeated, or have commas. */
export const eachOf = (text: string, before: readonly string[] | undefined): string[] => [
  ...(before ?? []),
  ...text.split(","),
]

/** @throws usage */
export function requireName(name: string): string {
  if (isName(name)) return name
  throw new SentoError(
    "usage",
    `${JSON.stringify(name)} is no name: ${nameRule}`,
    "run `sento init --name NAME`",
  )
}

/** tmux itself replaces `:` and `.` in the names of sessions (session_check_name, tmux 3.3a). */
export const isSession = (text: string): boolean => /^[^:.\p{Cc}]+$/u.test(text)

/** @throws usage */
export function requireSession(session: string): string {
  if (isSession(session)) return session
  throw new SentoError(
    "usage",
    `${JSON.stringify(session)} is no name of a tmux session`,
    "see `tmux list-sessions`",
  )
}

/** `--listen`, as the config has it. @throws usage */
export function readHosts(words: readonly string[]): string[] {
  const wrong = words.find(word => !isHost(word))
  if (wrong !== undefined)
    throw new SentoError(
      "usage",
      `${JSON.stringify(wrong)} is no address`,
      "give an IP address of this machine, `--listen 192.0.2.7`, or `--listen network`, or `--listen all`",
    )
  const hosts = [...new Set(words.flatMap(hostsBeside))]
  return hosts.includes(everyAddress) ? [everyAddress] : hosts
}

/** @throws usage */
export function readPort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65535) return Number(text)
  throw new SentoError(
    "usage",
    `${JSON.stringify(text)} is no port`,
    "give 1 to 65535, or 0 for any free one: `--port 9876`",
  )
}

/** @throws usage */
export function readProfile(text: string): ProfileName {
  const profile = profileNames.find(name => name === text)
  if (profile !== undefined) return profile
  const agent = agentIn([text])
  throw new SentoError(
    "usage",
    `${JSON.stringify(text)} is no profile`,
    agent === null
      ? `give one of ${profileNames.join(", ")}: \`--profile plain\` fits any program`
      : `give the program's short name: \`--profile ${agent}\``,
  )
}

/** The path of a tmux socket, absolute, because the Guardian runs in another directory. @throws usage */
export function readSocket({ cwd }: Io, path: string): string {
  if (path !== "") return resolve(cwd(), path)
  throw new SentoError(
    "usage",
    "the tmux socket's path is empty",
    "see `tmux display-message -p '#{socket_path}'`",
  )
}
