/** The sessions of a server, and where its socket is. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { sessionsOf } from "../../src/tmux/sessions.ts"
import { socketPath } from "../../src/tmux/socket-path.ts"

const folder = mkdtempSync(join(tmpdir(), "sento-sessions-"))
const server = { socket: join(folder, "tmux") }
const tmux = (...words: string[]): string =>
  Bun.spawnSync(["tmux", "-f", "/dev/null", "-S", server.socket, ...words]).stdout.toString()
afterAll(() => {
  tmux("kill-server")
  rmSync(folder, { recursive: true, force: true })
})

test("none where no server runs; each by its active pane, whatever its name is, the oldest first", async () => {
  expect(await sessionsOf(server)).toEqual([])
  tmux("new-session", "-d", "-s", "z of two words", "cat")
  const first = Number(tmux("display-message", "-p", "#{pane_pid}"))
  tmux("split-window", "-d", "-t", "=z of two words:", "cat")
  tmux("new-window", "-d", "-t", "=z of two words:", "cat")
  // tmux counts in whole seconds.
  await Bun.sleep(1100)
  tmux("new-session", "-d", "-s", "a", "cat")
  const second = Number(tmux("display-message", "-p", "-t", "=a:", "#{pane_pid}"))
  expect(await sessionsOf(server)).toEqual([
    { name: "z of two words", pid: first },
    { name: "a", pid: second },
  ])
})

test("the socket is the one that is named, or tmux' own", () => {
  const uid = process.getuid?.()
  expect([
    socketPath("/x/y", { TMUX_TMPDIR: "/z" }),
    socketPath(null, {}),
    socketPath(null, { TMUX_TMPDIR: "" }),
    socketPath(null, { TMUX_TMPDIR: "/z" }),
  ]).toEqual(["/x/y", `/tmp/tmux-${uid}/default`, `/tmp/tmux-${uid}/default`, `/z/tmux-${uid}/default`])
})
