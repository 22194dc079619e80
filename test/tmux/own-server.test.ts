/** Of a tmux server of another user's nothing here becomes a client, whenever its socket appears. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { plainEnvironment } from "../support/world.ts"

const tmux = Bun.which("tmux") ?? ""
const source = join(import.meta.dir, "../../src/tmux/tmux.ts")

let folder: string
let socket: string
let clients: number
let close: () => void
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sento-own-"))
  socket = join(folder, "socket")
  clients = 0
  const open = (): void => {
    clients += 1
  }
  const server = Bun.listen({ unix: join(folder, "false"), socket: { open, data() {} } })
  close = () => {
    server.stop(true)
    Bun.spawnSync([tmux, "-S", join(folder, "moved"), "kill-server"], { stderr: "ignore" })
    Bun.spawnSync([tmux, "-S", socket, "kill-server"], { stderr: "ignore" })
    rmSync(folder, { recursive: true, force: true })
  }
})
afterEach(() => close())

/** What runTmux answers, where this is done between its look at the socket and tmux' connecting. */
async function ask(
  between: string,
  ...words: string[]
): Promise<{ status?: number; stdout?: string; code?: string }> {
  mkdirSync(join(folder, "bin"))
  writeFileSync(join(folder, "bin/tmux"), `#!/bin/sh\n${between}\nexec ${tmux} "$@"\n`)
  chmodSync(join(folder, "bin/tmux"), 0o755)
  const script = `import { runTmux } from ${JSON.stringify(source)}
    const [socket, ...words] = JSON.parse(process.env.ASK)
    console.log(JSON.stringify(await runTmux({ socket }, words).catch(error => ({ code: error.code }))))`
  const child = Bun.spawn([process.execPath, "-e", script], {
    env: {
      ...plainEnvironment,
      PATH: `${folder}/bin:${plainEnvironment.PATH}`,
      ASK: JSON.stringify([socket, ...words]),
    },
    stdout: "pipe",
    timeout: 60_000,
  })
  return JSON.parse(await new Response(child.stdout).text())
}

const say = ["display-message", "-p", "-t", "=mine:", "#{session_name}"]
const putFalse = () => `ln -s ${folder}/false ${socket}`

test("a socket that appears after the look at it is not connected to", async () => {
  expect(await ask(putFalse(), ...say)).toMatchObject({ status: 1 })
  expect(clients).toBe(0)
})

test("a socket that is exchanged after the look at it: the one that was looked at answers", async () => {
  Bun.spawnSync([tmux, "-f", "/dev/null", "-S", socket, "new-session", "-d", "-s", "mine", "cat"])
  const exchange = `mv ${socket} ${folder}/moved; ${putFalse()}`
  expect(await ask(exchange, ...say)).toMatchObject({ status: 0, stdout: "mine\n" })
  expect(clients).toBe(0)
})

test("no server is started where none runs", async () => {
  expect(await ask("", "new-session", "-d", "-s", "mine", "cat")).toMatchObject({ status: 1 })
})

test.skipIf(process.getuid?.() !== 0)("another user's socket is refused, also behind a link", async () => {
  chownSync(join(folder, "false"), 65000, 65000)
  Bun.spawnSync(["ln", "-s", join(folder, "false"), socket])
  expect(await ask("", ...say)).toEqual({ code: "config" })
  expect(clients).toBe(0)
})
