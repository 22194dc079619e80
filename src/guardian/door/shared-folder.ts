/**
 * Hardened mode: the agent runs as a user of its own, so that it cannot reach the owner's door, the config or
 * sento.db whatever it runs. What the two users share is one directory with the agent's door; tmux is the agent's
 * alone, and `sento hands` works there as the agent's user.
 */

import { statSync } from "node:fs"
import { SentoError } from "../../protocol/errors.ts"
import { shellWord } from "../../protocol/shell.ts"
import { entries, findUser } from "../../store/users.ts"

/**
 * What is wrong with the directory of the agent's door, or null where nothing is: ours, of the agent's group,
 * 2750 (the group hands itself down to what is made in it).
 */
export function sharedFolderFault(folder: string, user: string, ownUid: number): string | null {
  const stat = statSync(folder, { throwIfNoEntry: false })
  const agent = findUser(user)
  if (agent === null) return `is for the user ${user}, who is not there`
  if (stat === undefined || !stat.isDirectory()) return "is not there"
  if (agent.uid === ownUid) return `is for the user ${user}, who is the Guardian's own`
  if (stat.uid !== ownUid) return "belongs to another user than the Guardian's"
  if (stat.gid !== agent.gid) return `is not of ${user}'s group`
  return (stat.mode & 0o7777) === 0o2750 ? null : `has the mode ${(stat.mode & 0o7777).toString(8)}, not 2750`
}

/**
 * Who else is in the agent's group, by name, and so can read what lies in the door's directory: everybody but the
 * agent's user and the Guardian's. A directory service may not list all that are.
 */
export function othersInGroup(user: string, ownUid: number): string[] {
  const gid = String(findUser(user)?.gid)
  const members = entries("group")
    .filter(([, , id]) => id === gid)
    .flatMap(([, , , names = ""]) => names.split(",").filter(Boolean))
  const users = entries("passwd").filter(([name, , , group]) => group === gid || members.includes(name ?? ""))
  const own = new Set([user, ...users.filter(([, , uid]) => uid === String(ownUid)).map(([name]) => name)])
  return [...new Set([...members, ...users.map(([name = ""]) => name)])].filter(name => !own.has(name)).sort()
}

/** Where the steps put the door's directory. */
export const doorFolder = (name: string): string => `/srv/sento/${name}/door`

/** Where every user finds a program, also in a login shell. */
export const sharedProgram = "/usr/local/bin/sento"

/** How the agent's user starts something in a session of its own, told where the Guardian's door is. */
const inSession = (door: string, session: string): string =>
  `tmux new-session -d -s ${shellWord(session)} -e SENTO_DOOR=${shellWord(`${door}/agent.sock`)}`

/** How the agent's user starts the hands, beside the agent's session. @param door - its directory */
export const handsCommand = (name: string, door: string): string =>
  `${inSession(door, `hands-${name}`)} sento hands`

/** @property program - the path of this very `sento`, which may lie where the agent's user cannot reach it */
type Wish = {
  readonly name: string
  readonly session: string
  readonly owner: string
  readonly user: string
  readonly program: string
}

/** The exact steps, each with the user who runs it. */
export function hardeningSteps({ name, session, owner, user, program }: Wish): string[] {
  const door = doorFolder(name)
  const attach = `tmux attach -t ${shellWord(`=${session}`)}`
  return [
    "# as root, once: a user for the agent, a sento for both, and the directory they share",
    `id ${user} 2>/dev/null || useradd --create-home --user-group --shell /bin/bash ${user}`,
    ...(program === sharedProgram
      ? []
      : [`install -D -o root -g root -m 755 ${shellWord(program)} ${sharedProgram}`]),
    `install -d -o root -g root -m 755 /srv/sento /srv/sento/${name}`,
    `install -d -o ${owner} -g $(id -g ${user}) -m 2750 ${door}`,
    "",
    `# as ${owner}: the Guardian`,
    `sento init --name ${name} --session ${shellWord(session)} --agent-user ${user}`,
    "sento guard restart",
    "",
    `# as ${user}, in a login of its own (root's or a sudoer's \`sudo -iu ${user}\`), and again whenever the machine`,
    "# starts: the session in which the agent runs,",
    "# and the hands that type there; SENTO_DOOR tells sento where the Guardian's door is",
    inSession(door, session),
    handsCommand(name, door),
    "",
    `# as ${owner}: whether all is well`,
    "sento doctor",
    "",
    "# To watch the session, never run tmux as yourself on its socket: a tmux server can run programs as whoever attaches.",
    `# Attach as ${user}, with sudo 1.9.14 or newer: sudo -iu ${user} ${attach}`,
    `# or, once you have given ${user} a key of yours: ssh -a -x -t ${user}@localhost ${shellWord(attach)}`,
    "# What that terminal shows is the agent's word: type no PIN, no password and no yes there.",
  ]
}

/** @throws usage for a name that is no user's */
export function requireUserName(user: string): string {
  if (/^[a-z_][a-z0-9_-]{0,31}$/.test(user)) return user
  throw new SentoError(
    "usage",
    `${JSON.stringify(user)} is no name of a user`,
    "give one: `--agent-user USER`",
  )
}
