import { expect, test } from "bun:test"
import { tellOwners } from "../../src/tmux/status-line.ts"
import { startDouble, until } from "../support/pane.ts"

test("the status line: told on each attached client, as it is written, and nothing in it is run", async () => {
  await using pane = await startDouble("claude")
  const text = "100% of #{pane_id} #(echo ran) %H:%M held;"
  expect(await tellOwners(pane.server, "sento", text)).toBe(0)
  const attach = `env -u TMUX TERM=xterm-256color tmux -u -S ${pane.server.socket} attach -t =sento`
  pane.tmux("new-session", "-d", "-s", "viewer", "-x", "100", "-y", "30", attach)
  await until(() => pane.tmux("list-clients", "-t", "=sento:").trim() !== "")
  await until(() => pane.tmux("capture-pane", "-p", "-t", "=viewer:").includes("❯"))
  expect(await tellOwners(pane.server, "sento", text)).toBe(1)
  await until(() => pane.tmux("capture-pane", "-p", "-t", "=viewer:").includes(text))
  expect(await tellOwners(pane.server, "sent", text)).toBe(0)
})
