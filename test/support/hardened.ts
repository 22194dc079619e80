/**
 * Two real users, an owner and an agent of theirs, set up by the very steps that `sento init --hardened` prints. Only
 * root can make users: elsewhere {@link skipped} says why the tests that need them are skipped.
 */

import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs"
import { sharedProgram } from "../../src/guardian/door/shared-folder.ts"
import { findUser } from "../../src/store/users.ts"
import { built, finished, initAgent, type Ran, until, type World } from "./world.ts"

const isRoot = process.getuid?.() === 0
export const skipped = isRoot
  ? built.length === 1
    ? null
    : "no built binary"
  : "not root, so no users can be made"

type Process = Bun.Subprocess<"ignore", "pipe", "pipe">

export type Hardened = {
  readonly name: string
  /** The users' names. */
  readonly owner: string
  readonly agent: string
  /** A directory of both, writable by nobody but root. */
  readonly folder: string
  readonly door: string
  /** Runs a shell line as a user, with an environment like that of a login. */
  as(user: string, line: string, more?: Record<string, string>): Promise<Ran>
  /** The same, where it must not fail. @returns stdout */
  must(user: string, line: string): Promise<string>
  /** A shell line that lasts; it is killed at the end whatever becomes of the test. */
  start(user: string, line: string, more?: Record<string, string>): Process
  /** As the agent's program runs it. */
  agentRuns(line: string): Promise<Ran>
  /** What the agent's session shows. */
  screen(): Promise<string>
  /** What the owner's programs asked of tmux since the agent is hardened, but for its version. */
  ownersTmux(): string[]
  /** The command by which the agent's user starts the hands, as it is printed. */
  readonly handsCommand: string
  close(): Promise<void>
}

/** As the user, in the very process that is killed when it is. */
const becoming = (user: string): string[] => {
  const group = String(findUser(user)?.gid)
  return ["setpriv", "--reuid", user, "--regid", group, "--init-groups"]
}

/** What the agent is. `command`: what runs in its session `main`; `prepare` makes what that needs, as root. */
export type Agent = {
  readonly profile: string
  readonly command: (folder: string) => string
  readonly prepare?: (folder: string, agent: string) => void
}

export async function createHardened({ profile, command, prepare }: Agent): Promise<Hardened> {
  const name = `t${process.pid}${Math.floor(performance.now())}`.slice(0, 20)
  const [owner, agent, folder] = [`${name}-own`, `${name}-agent`, `/srv/sento/${name}`]
  const home = `/home/${owner}`
  const lasting: Process[] = []
  // A Guardian that another file ran in this process leaves its own, which would keep the users from the binary.
  process.umask(0o022)

  function spawn(user: string, line: string, more: Record<string, string> = {}): Process {
    // The first in place of /usr/local/bin, which is this machine's; the owner has a sento of their own besides.
    const own = user === owner ? `${home}/bin:` : ""
    const env = {
      PATH: `${folder}/bin:${own}/usr/bin:/bin:/usr/sbin:/sbin`,
      HOME: user === "root" ? "/root" : `/home/${user}`,
      LANG: "C.UTF-8",
      TERM: "xterm-256color",
      // In place of /tmp, so that nothing stays there.
      TMUX_TMPDIR: `/home/${user}`,
      ...more,
    }
    const words = [...(user === "root" ? [] : becoming(user)), "sh", "-ec", line]
    return Bun.spawn(words, { env, cwd: "/", stdin: "ignore", stdout: "pipe", stderr: "pipe" })
  }

  const as = (user: string, line: string, more: Record<string, string> = {}): Promise<Ran> =>
    finished(spawn(user, line, more))

  async function must(user: string, line: string): Promise<string> {
    const ran = await as(user, line)
    if (ran.exit !== 0) throw new Error(`${user}: ${line}\n${ran.stdout}${ran.stderr}`)
    return ran.stdout
  }

  async function makeOwner(): Promise<void> {
    await must("root", `useradd --create-home --user-group ${owner}`)
    await must("root", `chmod 700 ${home} && install -D -m 755 ${built[0]} ${home}/bin/sento`)
    // Whatever of the owner's runs tmux runs this one, which only notes it.
    writeFileSync(`${home}/bin/tmux`, `#!/bin/sh\necho "$*" >> ${home}/tmux-ran\n`, { mode: 0o755 })
  }

  /** Follows the printed steps, each part as the user it names. */
  async function follow(printed: string): Promise<void> {
    for (const part of printed.replaceAll(sharedProgram, `${folder}/bin/sento`).split("\n\n")) {
      const [, user] = /^# as (\S+?)[,:]/.exec(part) ?? []
      if (user === agent) prepare?.(folder, agent)
      const session = /^tmux new-session .*-s main .*$/m
      const line = part.replace(session, `$& ${command(folder)}`)
      // The agent's program may still be starting when doctor looks.
      if (line.endsWith("sento doctor")) await until("a doctor without a finding", () => isWell(line))
      else if (user !== undefined) await must(user, line)
    }
  }

  const isWell = async (line: string): Promise<boolean> => (await as(owner, line)).exit === 0

  async function close(): Promise<void> {
    for (const child of lasting) child.kill("SIGKILL")
    await as(owner, "sento guard stop")
    await as(agent, "tmux kill-server")
    const processes = async (): Promise<string> =>
      (await as("root", `ps -u ${owner},${agent} -o pid=`)).stdout
    await until("no process of the two users", async () => (await processes()).trim() === "")
    for (const user of [owner, agent]) await as("root", `userdel -r ${user}`)
    rmSync(folder, { recursive: true, force: true })
    if (existsSync("/srv/sento") && readdirSync("/srv/sento").length === 0) rmdirSync("/srv/sento")
  }

  async function harden(): Promise<string> {
    await makeOwner()
    const init = `sento init --name ${name} --session main --profile ${profile} --port 0`
    await must(owner, init)
    const printed = await must(owner, `${init} --hardened`)
    await follow(printed)
    // Until its config said so, the session was looked for in the owner's own tmux.
    rmSync(`${home}/tmux-ran`, { force: true })
    return printed
  }

  const printed = await harden().catch(async error => {
    await close()
    throw error
  })
  return {
    name,
    owner,
    agent,
    folder,
    door: `${folder}/door/agent.sock`,
    as,
    must,
    start(user, line, more) {
      const child = spawn(user, line, more)
      lasting.push(child)
      return child
    },
    agentRuns: line => as(agent, line, { SENTO_DOOR: `${folder}/door/agent.sock` }),
    screen: async () => (await as(agent, "tmux capture-pane -p -J -t =main:")).stdout,
    ownersTmux() {
      const text = existsSync(`${home}/tmux-ran`) ? readFileSync(`${home}/tmux-ran`, "utf8") : ""
      return text.split("\n").filter(line => line !== "" && line !== "-u -V")
    },
    handsCommand: /^tmux new-session .* sento hands$/m.exec(printed)?.[0] ?? "",
    close,
  }
}

/** A code that the agent opened, proved by kai; the request waits for the agent's owner. @returns its id */
export async function openRequest(world: World, made: Hardened): Promise<string> {
  const minted = await made.agentRuns("sento pair --json")
  const code = (JSON.parse(minted.stdout.split("\n")[0] ?? "") as { code: string }).code
  const { port } = JSON.parse(await made.must(made.owner, "sento guard status --json")) as { port: number }
  initAgent(world, "kai")
  world.start("kai", ["pair", `${code}@127.0.0.1:${port}`])
  return until("the request", async () => {
    const { requests } = JSON.parse(await made.must(made.owner, "sento status --json")) as {
      requests: { id: string }[]
    }
    return requests[0]?.id
  })
}
