/** Which pane is the agent's: at first, where there are several, and when the session is another one. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createHands } from "../../src/tmux/own-hands.ts"
import { findPane, type PinnedPane, panesOf } from "../../src/tmux/pane.ts"
import { attachPerson, type DoublePane, doubleCommand, startDouble, until } from "../support/pane.ts"

let pane: DoublePane
beforeEach(async () => {
  pane = await startDouble("claude")
})
const folders: string[] = []
afterEach(async () => {
  await pane[Symbol.asyncDispose]()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const wish = { session: "sento", profile: null }
const hands = () => createHands(pane.server)
const active = async (): Promise<PinnedPane> => {
  const found = await findPane(pane.server, "sento")
  if (found === null) throw new Error("no pane")
  return found
}
/** Another window, the active one from now on. */
async function openWindow(command: string): Promise<PinnedPane> {
  pane.tmux("new-window", "-t", "=sento:", command)
  const found = await active()
  if (found.pane === pane.pinned.pane) throw new Error("it is not the active one")
  return found
}
/** Another double there, whose program runs. */
async function openDouble(name: "claude" | "codex"): Promise<PinnedPane> {
  const folder = mkdtempSync(join(tmpdir(), "sento-pane-"))
  folders.push(folder)
  const { command } = doubleCommand(folder, name)
  const found = await openWindow(`exec ${command}`)
  await until(async () => (await hands().find(found, wish)).target.kind === "pane")
  return found
}
const paneOf = (found: PinnedPane, profile: "claude" | "codex" | "plain") => ({
  pane: found,
  target: { kind: "pane", pane: found, profile },
})

test("at first the active one, where its program is known; its profile is the program's, or the owner's word", async () => {
  expect(await hands().find(null, wish)).toEqual(paneOf(pane.pinned, "claude") as never)
  expect(await hands().find(null, { ...wish, profile: "plain" })).toEqual(
    paneOf(pane.pinned, "plain") as never,
  )
  expect(await hands().find(null, { ...wish, session: "sent" })).toEqual({
    pane: null,
    target: { kind: "none", state: "absent", reason: "there is no tmux session named sent" },
  })
})

test("at first the one in which alone the program runs, though another one is active", async () => {
  const cat = await openWindow("cat")
  expect(await hands().find(null, wish)).toEqual(paneOf(pane.pinned, "claude") as never)
  expect((await hands().find(null, { ...wish, profile: "codex" })).pane).toEqual(cat)
  const taken = [pane.pinned.pid]
  expect((await hands().find(null, { ...wish, taken })).pane).toEqual(cat)
})

test("of several in which it runs the active one, and none that is another agent's", async () => {
  const other = await openDouble("claude")
  expect((await hands().find(null, wish)).pane).toEqual(other)
  expect((await hands().find(null, { ...wish, taken: [other.pid] })).pane).toEqual(pane.pinned)
  const cat = await openWindow("cat")
  // Two of them, of which neither is active: nobody can say which one.
  expect((await hands().find(null, wish)).pane).toEqual(cat)
})

test("of several programs the one that its owner named", async () => {
  const codex = await openDouble("codex")
  expect((await hands().find(null, wish)).pane).toEqual(codex)
  expect((await hands().find(null, { ...wish, profile: "claude" })).pane).toEqual(pane.pinned)
})

test("none where the active one is another agent's", async () => {
  expect(await hands().find(null, { ...wish, taken: [pane.pinned.pid] })).toEqual({
    pane: null,
    target: { kind: "none", state: "other", reason: "its active pane in sento is another agent's" },
  })
})

test("the pinned one as long as it is the same, whatever is active", async () => {
  await openWindow("cat")
  expect(await hands().find(pane.pinned, wish)).toEqual(paneOf(pane.pinned, "claude") as never)
})

test.each([
  ["another start", { startTicks: 1 }],
  ["another pane", { pane: "%99" }],
  ["a process that is gone", { pid: 2 ** 30 }],
])("one that is not there any more, by %s: the new one, where the program runs", async (_, more) => {
  expect((await hands().find({ ...pane.pinned, ...more }, wish)).pane).toEqual(pane.pinned)
})

test("and where nothing says that the new one is the agent's, the owner has to", async () => {
  const gone = { ...pane.pinned, startTicks: 1 }
  await openWindow("cat")
  expect(await hands().find(gone, wish)).toEqual({
    pane: gone,
    target: {
      ...{ kind: "none", state: "other", isAnew: true },
      reason: "the session sento is another one now; `sento guard attach` takes it as it is",
    },
  })
  expect((await hands().find(gone, { ...wish, session: "none" })).pane).toEqual(gone)
})

test("the panes of a session, of all, and of none", async () => {
  const cat = await openWindow("cat")
  pane.tmux("new-session", "-d", "-s", "sento2", "cat")
  const idsOf = async (session: string | null) => (await panesOf(pane.server, session))?.map(one => one.pane)
  expect(await idsOf("sento")).toEqual([pane.pinned.pane, cat.pane])
  expect((await idsOf(null))?.length).toBe(3)
  expect(await idsOf("sent")).toEqual([])
  expect(await panesOf(pane.server, "sento")).toContainEqual({ pane: cat.pane, pid: cat.pid })
})

test("the one of an id, in its session alone", async () => {
  await openWindow("cat")
  pane.tmux("new-session", "-d", "-s", "other", "cat")
  expect(await findPane(pane.server, "sento", pane.pinned.pane)).toEqual(pane.pinned)
  expect(await findPane(pane.server, "other", pane.pinned.pane)).toBeNull()
  expect(await findPane(pane.server, "sento", "%99")).toBeNull()
  expect(await findPane(pane.server, "sent")).toBeNull()
})

test("what acts unasked is said of the agent program alone", async () => {
  expect(await hands().unasked("sento")).toBeNull()
  expect(await hands().unasked("none")).toBeNull()
  await openWindow("cat")
  expect(await hands().unasked("sento")).toBeNull()
})

test("its clients, and at which of them a person can type", async () => {
  await attachPerson(pane)
  const reading = `env -u TMUX TERM=xterm-256color tmux -u -S ${pane.server.socket} attach -r -t =sento`
  pane.tmux("new-session", "-d", "-s", "reader", "-x", "100", "-y", "30", reading)
  await until(async () => (await hands().clients("sento")).length === 2)
  const clients = await hands().clients("sento")
  expect(clients.map(one => one.canType).toSorted()).toEqual([false, true])
  expect(clients.find(one => one.canType)).toMatchObject({ columns: 120, rows: 41 })
  const pidOf = (session: string): number =>
    Number(pane.tmux("display-message", "-p", "-t", `=${session}:`, "#{pane_pid}"))
  expect(clients.map(one => one.pid).toSorted()).toEqual([pidOf("viewer"), pidOf("reader")].toSorted())
  expect(clients.find(one => one.canType)?.pid).toBe(pidOf("viewer"))
  expect([
    await hands().clients("viewer"),
    await hands().clients("none"),
    await hands().isOwnServer(),
  ]).toEqual([[], [], true])
})
