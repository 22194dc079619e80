/** Over which clients a question is shown: a tmux surface alone, and a command that only waits in its popup. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import type { Context } from "../../../src/guardian/context.ts"
import type { Distrusted } from "../../../src/guardian/door/callers.ts"
import { createTmuxSurface } from "../../../src/guardian/owner/popup.ts"
import type { Surface } from "../../../src/guardian/owner/surfaces.ts"
import { openTerminal } from "../../../src/guardian/terminal/own-terminal.ts"
import type { Config } from "../../../src/store/config.ts"
import { kai } from "../../support/chats/asked.ts"
import { createWorld, until, type World } from "../../support/world.ts"

let world: World
let viewer: World
beforeEach(async () => {
  world = createWorld()
  viewer = createWorld()
  await world.session("mira", ["cat"])
})
afterEach(async () => {
  await viewer.close()
  await world.close()
})

/** A client in a session of the other server. @returns its pid */
async function attach(name: string): Promise<number> {
  const command = `exec env -u TMUX tmux -u -S ${world.socket} attach -t =mira`
  await viewer.session(name, ["sh", "-c", command])
  const { stdout } = await viewer.tmux("display-message", "-p", "-t", `=${name}:`, "#{pane_pid}")
  const pid = Number(stdout)
  await until("the client", async () => {
    const { stdout: clients } = await world.tmux("list-clients", "-F", "#{client_pid}")
    return clients.split("\n").includes(String(pid))
  })
  return pid
}

function surfaceOf(config: object, distrusted: () => Promise<Distrusted>): Surface {
  const current = { name: "mira", tmux: { session: "mira", socket: world.socket }, ...config }
  const log = { write() {}, refused() {}, sparingly: () => true }
  const stopping = new AbortController().signal
  const { hands } = openTerminal(current as unknown as Config, { log, stopping })
  const context = {
    config: { current },
    paths: { home: world.folder },
    log,
    hands,
    stopping,
  } as unknown as Context
  return createTmuxSurface(context, ["sh", "-c", "echo Approve?; exec sleep 600"], distrusted)
}

test("a client that was started in the agent's own pane gets no popup, its owner's beside it does", async () => {
  const own = await attach("agent")
  const owner = await attach("owner")
  const surface = surfaceOf({}, async () => new Map([[own, "it was started in the agent's own pane"]]))
  surface.ask(kai)
  await viewer.shows("owner", "Approve?")
  const { stdout } = await world.tmux("list-clients", "-F", "#{client_pid} #{client_name}")
  const { stdout: messages } = await world.tmux("show-messages")
  const nameOf = (pid: number) => new RegExp(`^${pid} (.+)$`, "m").exec(stdout)?.[1]
  const targets = [...messages.matchAll(/display-popup .*?-c (\S+)/g)].map(match => match[1])
  expect(targets).toEqual([nameOf(owner)])
  surface.withdraw(kai.id, "denied")
  await surface.stopped()
}, 120_000)

test("in hardened mode no client is even looked for: the server is the agent's", async () => {
  await attach("owner")
  let looks = 0
  const look = async (): Promise<Distrusted> => {
    looks += 1
    return new Map()
  }
  const ask = async (config: object): Promise<void> => {
    const surface = surfaceOf(config, look)
    surface.ask(kai)
    await surface.stopped()
    surface.withdraw(kai.id, "denied")
  }
  await ask({ hardened: { folder: "/nowhere", user: "daemon" } })
  expect(looks).toBe(0)
  await ask({})
  expect(looks).toBe(1)
}, 120_000)
