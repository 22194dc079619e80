/** Hardened mode with two real users, set up by the very steps that `sento init --hardened` prints. */
import { afterEach, expect, test } from "bun:test"
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { findUser, sharedProgram } from "../../src/guardian/hardening.ts"
import { updateConfig } from "../../src/store/config.ts"
import { pathsOf } from "../../src/store/paths.ts"
import {
  built,
  createWorld,
  finished,
  initAgent,
  pairAgents,
  type Ran,
  setUpAgent,
  until,
  type World,
} from "../support/world.ts"

const isRoot = process.getuid?.() === 0
const isBuilt = built.length === 1
const skipped = isRoot ? (isBuilt ? null : "no built binary") : "not root, so no users can be made"
if (skipped !== null) console.log(`hardened mode: skipped (${skipped})`)

/** Two users, made for one test; names of at most 32 characters. */
type Users = { readonly name: string; readonly owner: string; readonly agent: string }

let world: World
let users: Users | null = null

afterEach(async () => {
  if (users !== null) await removeUsers(users)
  users = null
  await world.close()
})

const ranOf = (words: readonly string[], env: Record<string, string>): Promise<Ran> =>
  finished(Bun.spawn([...words], { env, cwd: "/", stdin: "ignore", stdout: "pipe", stderr: "pipe" }))

/** Runs a shell line as a user, with an environment like that of a login. */
function as(user: string, line: string, more: Record<string, string> = {}): Promise<Ran> {
  // In place of /usr/local/bin, which is this machine's; the owner has a sento of their own besides.
  const shared = users === null ? "" : `/srv/sento/${users.name}/bin:`
  const own = user === users?.owner ? `/home/${user}/bin:` : ""
  const PATH = `${shared}${own}/usr/bin:/bin:/usr/sbin:/sbin`
  const env = {
    PATH,
    HOME: user === "root" ? "/root" : `/home/${user}`,
    LANG: "C.UTF-8",
    TERM: "xterm-256color",
    ...more,
  }
  const words = ["sh", "-ec", line]
  return ranOf(user === "root" ? words : ["runuser", "-u", user, "--", ...words], env)
}

async function must(user: string, line: string): Promise<string> {
  const ran = await as(user, line)
  if (ran.exit !== 0) throw new Error(`${user}: ${line}\n${ran.stdout}${ran.stderr}`)
  return ran.stdout
}

async function makeUsers(): Promise<Users> {
  const name = `t${process.pid}${Math.floor(performance.now())}`.slice(0, 20)
  // A Guardian that another file ran in this process leaves its own, which would keep the users from the binary.
  process.umask(0o022)
  users = { name, owner: `${name}-own`, agent: `${name}-agent` }
  await must("root", `useradd --create-home --user-group ${users.owner}`)
  const home = `/home/${users.owner}`
  await must("root", `chmod 700 ${home} && install -D -m 755 ${built[0]} ${home}/bin/sento`)
  return users
}

async function removeUsers({ name, owner, agent }: Users): Promise<void> {
  await as(owner, "sento guard stop")
  await as(agent, `tmux -S /srv/sento/${name}/tmux/socket kill-server`)
  await until(
    "no process of the two users",
    async () => (await as("root", `ps -u ${owner},${agent} -o pid=`)).stdout.trim() === "",
  )
  for (const user of [owner, agent]) await as("root", `userdel -r ${user}`)
  rmSync(`/srv/sento/${name}`, { recursive: true, force: true })
  if (existsSync("/srv/sento") && readdirSync("/srv/sento").length === 0) rmdirSync("/srv/sento")
}

/** Follows the printed steps, each part as the user it names. The agent's program is a `cat`. */
async function harden(): Promise<Users> {
  const made = await makeUsers()
  const init = `sento init --name ${made.name} --session main --profile plain --port 0`
  await must(made.owner, init)
  const printed = await must(made.owner, `${init} --hardened`)
  expect(printed).toContain(
    `install -D -o root -g root -m 755 /home/${made.owner}/bin/sento ${sharedProgram}\n`,
  )
  const steps = printed.replaceAll(sharedProgram, `/srv/sento/${made.name}/bin/sento`)
  for (const part of steps.split("\n\n")) {
    const [, user] = /^# as (\S+?)[,:]/.exec(part) ?? []
    await must(user ?? "", part.replace(/(tmux .*new-session .*)/, "$1 cat"))
  }
  return made
}

/** A command in a new window of the agent's own server: it runs as the agent's user, as all it starts does. */
async function agentRuns({ agent, name }: Users, line: string): Promise<Ran> {
  return as(agent, line, { SENTO_DOOR: `/srv/sento/${name}/door/agent.sock` })
}

/** A code that the agent opened, proved by kai; the request waits for the agent's owner. */
async function openRequest(made: Users): Promise<string> {
  const minted = await agentRuns(made, "sento pair --json")
  const code = (JSON.parse(minted.stdout.split("\n")[0] ?? "") as { code: string }).code
  const { port } = JSON.parse(await must(made.owner, "sento guard status --json")) as { port: number }
  await world.session("kai", ["cat"])
  initAgent(world, "kai")
  world.start("kai", ["pair", `${code}@127.0.0.1:${port}`])
  return until("the request", async () => {
    const { requests } = JSON.parse(await must(made.owner, "sento status --json")) as {
      requests: { id: string }[]
    }
    return requests[0]?.id
  })
}

const paired = async (made: Users): Promise<string[]> => {
  const { agents } = JSON.parse(await must(made.owner, "sento agents --json")) as {
    agents: { name: string }[]
  }
  return agents.map(agent => agent.name)
}

test.skipIf(skipped !== null)(
  "hardened: whatever the agent runs, only its owner's user can say yes",
  async () => {
    world = createWorld()
    const made = await harden()
    expect(await must(made.owner, "sento doctor")).not.toContain("wrong")
    await openRequest(made)
    const home = `/home/${made.owner}`
    const socket = `/srv/sento/${made.name}/tmux/socket`
    const tricks = [
      "sento approve",
      `env -u SENTO_DOOR SENTO_HOME=${home} sento approve`,
      `setsid -f script -qec 'env -u SENTO_DOOR SENTO_HOME=${home} sento approve' /dev/null`,
      `tmux -S ${socket} new-window -d 'env -u SENTO_DOOR SENTO_HOME=${home} sento approve'`,
      `bash -c 'exec 3<>${home}/.sento/owner.sock'`,
      `printf '{"op":"approve","id":null}\\n' | nc -U ${home}/.sento/owner.sock`,
      `cat ${home}/.sento-config.json`,
      `cat ${home}/.sento/sento.db`,
      `echo '{}' > ${home}/.sento-config.json`,
      `rm /srv/sento/${made.name}/door/agent.sock`,
    ]
    for (const trick of tricks) await agentRuns(made, trick)
    expect((await agentRuns(made, "sento approve")).stderr).toContain("only the owner may do this")
    expect((await agentRuns(made, `cat ${home}/.sento-config.json`)).stderr).toContain("Permission denied")
    expect((await agentRuns(made, `rm /srv/sento/${made.name}/door/agent.sock`)).exit).not.toBe(0)
    expect(await paired(made)).toEqual([])
    await must(made.owner, "sento approve")
    expect(await paired(made)).toEqual(["kai"])

    // And the agent can do what is its own: take a message in its pane, read a long one, answer.
    await until("kai's pair", async () => (await world.sento("kai", ["agents"])).stdout.includes(made.name))
    await world.sento("kai", ["send", made.name, "long ".repeat(900)])
    const screen = (): Promise<Ran> => as(made.agent, `tmux -S ${socket} capture-pane -p -J -t =main:`)
    const path = await until(
      "the message",
      async () => /\/srv\/sento\/\S+\.txt/.exec((await screen()).stdout)?.[0],
    )
    expect(await must(made.agent, `cat ${path}`)).toContain("long long long")
    const shortId = /\[([0-9a-z]{4})\]/.exec((await screen()).stdout)?.[1]
    expect((await agentRuns(made, `sento reply ${shortId} read`)).stderr).toBe(
      "kai has your answer; nothing more to do\n",
    )
    expect((await agentRuns(made, "sento log")).stdout).toContain("read")
    expect((await agentRuns(made, "sento agents remove kai")).exit).toBe(77)

    // Its hooks know nothing but that door, and the answer finds its way.
    await world.sento("kai", ["send", made.name, "and now?"])
    const tag = await until(
      "the question",
      async () => /← agent kai \[\w+\]: and/.exec((await screen()).stdout)?.[0],
    )
    const hook = (event: string, input: object): Promise<Ran> =>
      agentRuns(made, `echo '${JSON.stringify({ session_id: "s", ...input })}' | sento hook ${event}`)
    const quiet = { exit: 0, stdout: "", stderr: "" }
    expect(await hook("UserPromptSubmit", { prompt: `${tag} now?` })).toEqual(quiet)
    expect(await hook("Stop", { last_assistant_message: "found its way" })).toEqual(quiet)
    await world.shows("kai", "found its way")
  },
  60_000,
)

test.skipIf(!isRoot)(
  "hardened: nothing is typed into a session of the owner's own, to which the agent made its socket lead",
  async () => {
    world = createWorld()
    await setUpAgent(world, "kai")
    await world.session("mira", ["cat"])
    initAgent(world, "mira")
    // The agent's user is another one; what is at the socket's path is the very server of the Guardian's user.
    const folder = join(world.folder, "door")
    mkdirSync(folder)
    chownSync(folder, 0, findUser("daemon")?.gid ?? 0)
    chmodSync(folder, 0o2750)
    updateConfig(pathsOf(world.home("mira")), config => ({ ...config, hardened: { folder, user: "daemon" } }))
    await world.guard("mira")
    await pairAgents(world, "mira", "kai")
    await world.sento("kai", ["send", "mira", "rm -rf everything"])
    const held = await until("the hold", async () => (await world.status("mira"))?.held)
    expect(held.reason).toBe("the session mira runs as the Guardian's own user, not as the agent's")
    expect(await world.screen("mira")).not.toContain("everything")
  },
  30_000,
)
