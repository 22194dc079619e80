/** Hardened mode with two real users, set up by the very steps that `sento init --hardened` prints. */

import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { findUser } from "../../src/store/users.ts"
import { createHardened, type Hardened, openRequest, skipped } from "../support/hardened.ts"
import { createWorld, type Ran, until, type World } from "../support/world.ts"

if (skipped !== null) console.log(`hardened mode: skipped (${skipped})`)

let world: World
let made: Hardened

/** One pair of users for all tests: making them costs more than most of what they show. */
beforeAll(async () => {
  if (skipped !== null) return
  world = createWorld()
  made = await createHardened({ profile: "plain", command: () => "cat" })
  await world.session("kai", ["cat"])
}, 120_000)

afterAll(async () => {
  try {
    await made?.close()
  } finally {
    await world?.close()
  }
}, 120_000)

const paired = async (made: Hardened): Promise<string[]> => {
  const { agents } = JSON.parse(await made.must(made.owner, "sento agents --json")) as {
    agents: { name: string }[]
  }
  return agents.map(agent => agent.name)
}

const hardenedTest = (name: string, work: (made: Hardened) => Promise<void>): void =>
  test.skipIf(skipped !== null)(name, () => work(made), 120_000)

hardenedTest("hardened: whatever the agent runs, only its owner's user can say yes", async made => {
  const doctor = await made.must(made.owner, "sento doctor")
  expect(doctor).not.toContain("wrong")
  expect(doctor).toContain(`ok    hands: ${made.agent}'s are at the terminal`)
  await openRequest(world, made)
  const home = `/home/${made.owner}`
  const tricks = [
    "sento approve",
    `env -u SENTO_DOOR SENTO_HOME=${home} sento approve`,
    `setsid -f script -qec 'env -u SENTO_DOOR SENTO_HOME=${home} sento approve' /dev/null`,
    `tmux new-window -d 'env -u SENTO_DOOR SENTO_HOME=${home} sento approve'`,
    `bash -c 'exec 3<>${home}/.sento/owner.sock'`,
    `printf '{"op":"approve","id":null}\\n' | nc -U ${home}/.sento/owner.sock`,
    `cat ${home}/.sento-config.json`,
    `cat ${home}/.sento/sento.db`,
    `echo '{}' > ${home}/.sento-config.json`,
    `rm /srv/sento/${made.name}/door/agent.sock`,
    `touch /srv/sento/${made.name}/door/mine`,
    ...["deny", "guard stop", "agents", "owner pin", "init --listen 0.0.0.0"].map(
      words => `env -u SENTO_DOOR SENTO_HOME=${home} sento ${words}`,
    ),
    ...["STOP", "KILL"].map(signal => `kill -${signal} $(pgrep -u ${made.owner})`),
    `cat /proc/$(pgrep -u ${made.owner} | head -1)/environ`,
  ]
  const running = JSON.parse(await made.must(made.owner, "sento guard status --json"))
  const config = readFileSync(`${home}/.sento-config.json`, "utf8")
  for (const trick of tricks) await made.agentRuns(trick)
  expect((await made.agentRuns("sento approve")).stderr).toContain("only the owner may do this")
  expect((await made.agentRuns(`cat ${home}/.sento-config.json`)).stderr).toContain("Permission denied")
  expect((await made.agentRuns(`rm /srv/sento/${made.name}/door/agent.sock`)).exit).not.toBe(0)
  expect(existsSync(`/srv/sento/${made.name}/door/mine`)).toBe(false)
  expect(await paired(made)).toEqual([])
  expect(JSON.parse(await made.must(made.owner, "sento guard status --json")).pid).toBe(running.pid)
  expect(readFileSync(`${home}/.sento-config.json`, "utf8")).toBe(config)
  await made.must(made.owner, "sento approve")
  expect(await paired(made)).toEqual(["kai"])

  // And the agent can do what is its own: take a message in its pane, read a long one, answer.
  await until("kai's pair", async () => (await world.sento("kai", ["agents"])).stdout.includes(made.name))
  await world.sento("kai", ["send", made.name, "long ".repeat(900)])
  const path = await until("the message", async () => /\/srv\/sento\/\S+\.txt/.exec(await made.screen())?.[0])
  expect(await made.must(made.agent, `cat ${path}`)).toContain("long long long")
  const shortId = /\[([0-9a-z]{4})\]/.exec(await made.screen())?.[1]
  expect((await made.agentRuns(`sento reply ${shortId} read`)).stderr).toBe(
    "kai has your answer; nothing more to do\n",
  )
  expect((await made.agentRuns("sento log")).stdout).toContain("read")
  expect((await made.agentRuns("sento agents remove kai")).exit).toBe(77)

  // Its hooks know nothing but that door, and the answer finds its way.
  await world.sento("kai", ["send", made.name, "and now?"])
  const tag = await until(
    "the question",
    async () => /← agent kai \[\w+\]: and/.exec(await made.screen())?.[0],
  )
  const hook = (event: string, input: object): Promise<Ran> =>
    made.agentRuns(`echo '${JSON.stringify({ session_id: "s", ...input })}' | sento hook ${event}`)
  const quiet = { exit: 0, stdout: "", stderr: "" }
  // One that cannot tell it within two seconds says nothing.
  await until("the answer", async () => {
    expect(await hook("UserPromptSubmit", { prompt: `${tag} now?` })).toEqual(quiet)
    expect(await hook("Stop", { last_assistant_message: "found its way" })).toEqual(quiet)
    return (await world.log("kai")).some(one => one.text === "found its way")
  })
  await world.shows("kai", "found its way")
  expect(made.ownersTmux()).toEqual([])
})

hardenedTest(
  "hardened: without hands messages wait, and status and doctor say so; with hands they are typed",
  async made => {
    await made.must(made.agent, `tmux kill-session -t =hands-${made.name}`)
    const nobody = `no \`sento hands\` of ${made.agent} is connected`
    await until("their end", async () => (await made.must(made.owner, "sento status")).includes(nobody))
    await world.sento("kai", ["send", made.name, "is anybody there?"])
    const status = await until("the hold", async () => {
      const said = await made.must(made.owner, "sento status")
      return said.includes("held") ? said : null
    })
    expect(status).toContain(`session   main: ${nobody}, messages wait\n`)
    expect(status).toMatch(new RegExp(`held {6}\\[\\w{4}\\] from kai, for .*: ${nobody}`))
    expect(await made.must(made.owner, "sento guard status")).toContain(`hands: ${nobody}, messages wait\n`)
    const doctor = await made.as(made.owner, "sento doctor")
    expect(doctor.exit).toBe(1)
    const command = `tmux new-session -d -s hands-${made.name} -e SENTO_DOOR=/srv/sento/${made.name}/door/agent.sock sento hands`
    expect(doctor.stdout).toContain(
      `wrong hands: ${nobody}; messages wait; ${made.agent} starts them: \`${command}\`\n`,
    )
    expect(await made.screen()).not.toContain("is anybody there?")
    await made.must(made.agent, command)
    await until("the message", async () => (await made.screen()).includes("is anybody there?"))

    // The Guardian made anew is found by the hands that are there.
    await made.must(made.owner, "sento guard restart")
    await world.sento("kai", ["send", made.name, "and after a restart?"])
    await until("the message", async () => (await made.screen()).includes("and after a restart?"))
    expect(made.ownersTmux()).toEqual([])
  },
)

hardenedTest("hardened: nobody but the agent's user can be the hands, not even the owner", async made => {
  const door = `/srv/sento/${made.name}/door/agent.sock`
  const refused = await made.as(made.owner, `SENTO_DOOR=${door} sento hands`)
  expect(refused.exit).toBe(77)
  expect(refused.stderr).toContain(`only ${made.agent} can be this agent's hands`)
  for (const user of ["root", "daemon"]) {
    const stranger = await made.as(user, `SENTO_DOOR=${door} sento hands`)
    expect(stranger).toMatchObject({ exit: 78 })
    expect(stranger.stderr).toContain("is not a directory that a Guardian shares with this user")
  }
  // Nor are the owner's hands lent to a door that the agent made.
  await made.must(made.agent, "install -d -m 755 ~/door && chmod 755 ~")
  const lent = await made.as(made.owner, `SENTO_DOOR=/home/${made.agent}/door/agent.sock sento hands`)
  expect(lent).toMatchObject({ exit: 78 })
  expect(JSON.parse(await made.must(made.owner, "sento guard status --json")).hands).toMatchObject({
    connected: true,
  })
})

hardenedTest(
  "hardened: another user in the agent's group is refused, and doctor names who is in it",
  async made => {
    const door = `/srv/sento/${made.name}/door/agent.sock`
    const group = `$(id -g ${made.agent})`
    const stranger = `setpriv --reuid 65000 --regid ${group} --clear-groups env SENTO_DOOR=${door} HOME=/ sento`
    for (const command of ["log", "status", "send kai hello", "pair", "agents"]) {
      const ran = await made.as("root", `${stranger} ${command}`)
      expect(ran).toMatchObject({ exit: 77, stdout: "" })
      expect(ran.stderr).toContain("this door is another user's")
    }
    expect(await made.must(made.owner, "sento guard logs")).toMatch(/this door is another user's.*uid 65000/)
    try {
      for (const user of ["daemon", made.owner]) await made.must("root", `usermod -aG ${made.agent} ${user}`)
      const doctor = await made.as(made.owner, "sento doctor")
      expect(doctor).toMatchObject({ exit: 1 })
      expect(doctor.stdout).toContain(
        `/door can be read by others in ${made.agent}'s group: daemon; as root,`,
      )
    } finally {
      for (const user of ["daemon", made.owner]) await made.as("root", `gpasswd -d ${user} ${made.agent}`)
    }
    expect(await made.must(made.owner, "sento doctor")).toContain(`is shared with ${made.agent} alone`)
    // The steps, told again, are for the user that there is.
    expect(await made.must(made.owner, "sento init --hardened")).toContain(`--agent-user ${made.agent}\n`)
  },
)

/** What an owner may run, by the first words. */
const ownersCommands = [
  "guard restart",
  "guard status",
  "guard attach",
  "guard",
  "status",
  "doctor",
  "doctor kai",
  "agents",
  "requests",
  "log",
  "owner",
  "approve",
  "deny",
  "send kai hello",
  "agents pause kai 1s",
  "agents resume kai",
  "init --profile plain",
  "init --hardened",
]

hardenedTest(
  "hardened: a false tmux server of the agent's has no client of the owner's, and would have all of one",
  async made => {
    const folder = `/srv/sento/${made.name}/false`
    const [socket, heard] = [`${folder}/socket`, `${folder}/heard`]
    const [planted, ran] = [`${folder}/planted`, `${folder}/ran`]
    const secret = `/home/${made.owner}/secret`
    await made.must("root", `install -d -m 777 ${folder}`)
    await made.must(made.owner, `echo the-owners-file > ${secret}; chmod 600 ${secret}`)
    writeFileSync(`${folder}/false-tmux.ts`, readFileSync(join(import.meta.dir, "../support/false-tmux.ts")))
    writeFileSync(`${folder}/program`, `#!/bin/sh\nid -un > ${ran}\n`, { mode: 0o755 })
    const served = [`${folder}/false-tmux.ts`, socket, secret, planted, `${folder}/program`, heard].join(" ")
    const server = made.start(made.agent, `BUN_BE_BUN=1 exec sento ${served}`)
    await until("the false server", () => existsSync(socket))

    // As an owner's config that was made by earlier steps, or by hand, may be.
    const point = `const p = process.env.HOME + "/.sento-config.json"; const c = JSON.parse(require("fs").readFileSync(p)); c.tmux.socket = "${socket}"; require("fs").writeFileSync(p, JSON.stringify(c))`
    for (const command of ownersCommands) {
      await made.must(made.owner, `BUN_BE_BUN=1 sento -e '${point}'`)
      await made.as(made.owner, `sento ${command}`)
    }
    await made.must(made.owner, `BUN_BE_BUN=1 sento -e '${point}'; sento guard restart`)
    await world.sento("kai", ["send", made.name, "past the false one"])
    await until("the message", async () => (await made.screen()).includes("past the false one"))
    expect(existsSync(heard)).toBe(false)
    expect(made.ownersTmux()).toEqual([])

    // In plain mode a config can name any socket; nobody's but the owner's own is one to speak to.
    const plain = "export SENTO_HOME=$HOME/plain PATH=/usr/bin:$PATH; mkdir -p $SENTO_HOME; sento"
    const words = `init --name p --session main --port 0 --tmux-socket ${socket}`
    const refused = `the tmux socket ${socket} is another user's`
    expect((await made.as(made.owner, `${plain} ${words}`)).stderr).toContain(refused)
    for (const command of ["status", "doctor"]) await made.as(made.owner, `${plain} ${command}`)
    const guard = await made.as(made.owner, `${plain} guard`)
    expect(guard).toMatchObject({ exit: 78 })
    expect(guard.stderr).toContain(refused)
    expect(existsSync(heard)).toBe(false)

    // The very same server, and a client of the owner's: it does as it is told.
    const attach = `OWNERS_SECRET=42 exec ${Bun.which("tmux")} -S ${socket} attach`
    const client = made.start(made.owner, attach)
    const who = await until("what it was told", () =>
      existsSync(ran) && /\n$/.test(readFileSync(ran, "utf8")) ? readFileSync(ran, "utf8") : null,
    )
    expect(who).toBe(`${made.owner}\n`)
    expect(readFileSync(planted, "utf8")).toBe("written\n")
    expect(statSync(planted).uid).toBe(findUser(made.owner)?.uid as number)
    const all = readFileSync(heard, "utf8")
    expect(all).toContain("the-owners-file")
    expect(all).toContain("OWNERS_SECRET=42")
    for (const child of [client, server]) child.kill("SIGKILL")
  },
)
