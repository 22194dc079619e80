/** One process for several panes: who works for it, and which of the programs at terminals may be using it. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { argumentsOf, childrenOf, executableOf, openFilesOf } from "../../src/tmux/process.ts"
import { clientsOf, sharedServerAbove, sharedServerOf } from "../../src/tmux/shared-server.ts"
import { signalTo, until } from "../support/world.ts"

const folder = realpathSync(mkdtempSync(join(tmpdir(), "sento-shared-")))
const codex = join(folder, "codex")
const [home, elsewhere] = [join(folder, "home"), join(folder, "elsewhere")]
const tmux = (...words: string[]): string =>
  Bun.spawnSync(["tmux", "-f", "/dev/null", "-S", join(folder, "tmux"), ...words]).stdout.toString()

/** By what it is called for: pids. */
const pids: Record<string, number> = {}
let server: Bun.Subprocess

/** In a pane of its own: Codex, which is a shell here. */
async function startClient(name: string, words: string, settings: string = home): Promise<void> {
  const command = `cd ${folder} && exec env -i HOME=${settings} ${codex} ${words}`
  tmux("new-session", "-d", "-s", name, command)
  const pid = Number(tmux("display-message", "-p", "-t", `=${name}:`, "#{pane_pid}"))
  await until(name, () => argumentsOf(pid)?.[0] === codex)
  pids[name] = pid
}

beforeAll(async () => {
  copyFileSync(realpathSync(Bun.which("bash") ?? ""), codex)
  for (const name of ["app-server", "resume", "own", "--no-daemon"])
    writeFileSync(join(folder, name), "sleep 600 & read -r _\n")
  mkdirSync(join(folder, "thread-writer-locks"))
  writeFileSync(join(folder, "holds"), `exec 9> ${folder}/thread-writer-locks/7\nread -r _\n`)
  server = Bun.spawn([codex, "app-server", "--listen", "unix://"], {
    ...{ cwd: folder, env: { PATH: process.env.PATH ?? "", HOME: home, OTHER: "1" } },
    ...{ stdin: "pipe", stdout: "ignore", stderr: "ignore" },
  })
  await startClient("client", "resume")
  await startClient("other settings", "resume", elsewhere)
  await startClient("alone", "-c 'read -r _' --no-daemon")
  await startClient("holds", "holds")
  await until("what it holds", () =>
    openFilesOf(pids.holds ?? 0).includes(join(folder, "thread-writer-locks/7")),
  )
  await until("what the server started", () =>
    childrenOf(server.pid).some(pid => executableOf(pid) !== executableOf(server.pid)),
  )
})
afterAll(async () => {
  tmux("kill-server")
  // What it started has no terminal with which it would end.
  for (const pid of childrenOf(server.pid)) signalTo(pid, "SIGKILL")
  server.kill("SIGKILL")
  await server.exited
  rmSync(folder, { recursive: true, force: true })
})

test("what runs below it works for it, and so does it itself; nobody beside it does", () => {
  const [child = 0] = childrenOf(server.pid)
  for (const pid of [child, server.pid]) expect(sharedServerAbove(pid)?.pid).toBe(server.pid)
  for (const pid of [pids.client ?? 0, process.pid, 2 ** 30]) expect(sharedServerAbove(pid)).toBeNull()
})

test("those that may be using it: at a terminal, of the same settings, and not certainly without", () => {
  const found = sharedServerAbove(server.pid)
  expect(found && clientsOf(found)).toEqual([pids.client as number])
})

test("which one a program may be using", () => {
  expect(sharedServerOf(pids.client ?? 0)?.pid).toBe(server.pid)
  for (const name of ["other settings", "alone", "holds"]) expect(sharedServerOf(pids[name] ?? 0)).toBeNull()
  expect(sharedServerOf(process.pid)).toBeNull()
})
