/** What starts a Guardian with the machine: a unit of the user's systemd, or a line of the user's crontab. Pure. */
import { createHash } from "node:crypto"
import { basename, dirname, join } from "node:path"
import { shellWord } from "../../protocol/shell.ts"

/** What is started, and with which environment. */
export type Service = {
  /** Of the unit, without `.service`. */
  readonly name: string
  readonly description: string
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** Whether it goes on for ever: hands do, a Guardian ends when its owner stops it. */
  readonly isEndless: boolean
}

/**
 * The name of a home's unit. It is the directory's, which stays when the agent gets another name.
 * @param userHome - the directory of the user's first agent
 */
export function unitName(home: string, userHome: string): string {
  if (home === userHome) return "sento"
  const isRegistered = dirname(home) === join(userHome, ".sento", "agents")
  const digest = createHash("sha256").update(home).digest("hex").slice(0, 8)
  return `sento-${isRegistered ? basename(home) : digest}`
}

/** The first line of a unit of ours: another one of this name is somebody else's. */
export const unitMark = "# Written by `sento guard install`; `sento guard uninstall` takes it away."

/**
 * A unit for `systemctl --user`. It is closed as far as tmux and the owner's `notify` command allow: their sockets lie
 * in /tmp and below the home directory, and Bun's JIT writes what it runs. 75 and 78: another Guardian runs, or the
 * config is wrong, which no restart mends.
 */
export const unitText = ({ description, command, environment, isEndless }: Service): string =>
  `${unitMark}
[Unit]
Description=${value(description)}

[Service]
Type=exec
${Object.entries(environment)
  .map(([name, text]) => `Environment=${word(`${name}=${text}`)}\n`)
  .join("")}ExecStart=${execLine(command)}
Restart=${isEndless ? "always" : "on-failure"}
RestartSec=2
RestartPreventExitStatus=75 78
KillMode=mixed
UMask=0077
LimitCORE=0
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallFilter=~@clock @cpu-emulation @debug @module @mount @obsolete @raw-io @reboot @swap
SystemCallErrorNumber=EPERM
SystemCallArchitectures=native

[Install]
WantedBy=default.target
`

/** `%` begins a specifier (systemd.unit(5)). */
const value = (text: string): string => text.replaceAll("%", "%%")

/** A word in quotes (systemd.syntax(7)). */
const word = (text: string): string => `"${value(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`

/**
 * systemd takes no quotes and backslashes in the path of what it starts, and no variables, so that a `$` is itself there;
 * behind it `$` begins one (systemd.service(5); systemd 252).
 */
function execLine([file = "", ...words]: readonly string[]): string {
  if (!/["'\\]/.test(file)) return [word(file), ...words.map(argument)].join(" ")
  return ["/bin/sh", "-c", 'exec "$0" "$@"', file, ...words].map(argument).join(" ")
}

const argument = (text: string): string => word(text).replaceAll("$", "$$$$")

/** The file that a unit starts, or null where it is none of these. */
export function startedBy(unit: string): string | null {
  const line = /^ExecStart=(.*)$/m.exec(unit)?.[1] ?? ""
  const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, quoted = ""]) =>
    quoted.replace(/\\(.)/g, "$1").replaceAll("%%", "%"),
  )
  const [file = null] = words
  return file === "/bin/sh" ? (words[3]?.replaceAll("$$", "$") ?? null) : file
}

/** What marks the line of a home in a crontab. */
export const cronMark = (home: string): string => `# sento: ${home}`

/** A line for crontab(5), where `%` ends the command unless it is escaped. */
export function cronLine({ command, environment }: Service, home: string): string {
  const variables = Object.entries(environment).map(([name, text]) => `${name}=${shellWord(text)}`)
  const words = ["env", ...variables, ...command.map(shellWord)].join(" ")
  return `@reboot ${words} >/dev/null 2>&1 ${cronMark(home)}`.replaceAll("%", "\\%")
}

/** A crontab with every other byte as it was: without the line of a home, and with `line` where one is given. */
export function amendCrontab(text: string, home: string, line: string | null): string {
  const mark = ` ${cronMark(home).replaceAll("%", "\\%")}`
  const others = text
    .split(/(?<=\n)/)
    .filter(one => !one.trimEnd().endsWith(mark))
    .join("")
  if (line === null) return others
  return `${others}${others === "" || others.endsWith("\n") ? "" : "\n"}${line}\n`
}
