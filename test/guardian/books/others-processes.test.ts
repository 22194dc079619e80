/** Whose processes are another agent's of the same user: what its books have pinned, or what runs in its session. */
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  agentProcesses,
  othersPanes,
  othersProcesses,
  pinOf,
  processesOf,
} from "../../../src/guardian/books/agent-processes.ts"
import { SentoError } from "../../../src/protocol/errors.ts"
import type { Config } from "../../../src/store/config.ts"
import { pathsOf } from "../../../src/store/paths.ts"
import { openStore } from "../../../src/store/store.ts"
import * as ownHands from "../../../src/tmux/own-hands.ts"
import type { PinnedPane } from "../../../src/tmux/pane.ts"
import { processStat } from "../../../src/tmux/process.ts"
import { rejectionOf } from "../../support/errors.ts"

type Panes = Awaited<ReturnType<ownHands.OwnHands["panes"]>>

let user: string
/** What tmux says of a session, or of all of them (""); an error is thrown. */
let said: Map<string, Panes | Error>
/** How long it was to be waited for each time, in milliseconds. */
let patiences: (number | undefined)[]
let hands: { mockRestore(): void }
beforeEach(() => {
  user = mkdtempSync(join(tmpdir(), "sento-others-"))
  said = new Map()
  patiences = []
  hands = spyOn(ownHands, "createHands").mockImplementation(
    () =>
      ({
        panes: async (session: string | null, milliseconds?: number) => {
          patiences.push(milliseconds)
          const panes = said.get(session ?? "")
          if (panes instanceof Error) throw panes
          return panes === undefined ? [] : panes
        },
      }) as ownHands.OwnHands,
  )
})
afterEach(() => {
  hands.mockRestore()
  rmSync(user, { recursive: true })
})

const running: PinnedPane = {
  pane: "%1",
  pid: process.pid,
  startTicks: processStat(process.pid)?.startTicks ?? 0,
}
/** The same pid, of a process that has ended. */
const gone: PinnedPane = { ...running, startTicks: running.startTicks + 1 }

const configOf = (name: string, more: Partial<Config> = {}): Config => ({
  ...{ version: 1, name, agent: "agent-0001", agents: {} },
  listen: { hosts: [], port: 0, names: [] },
  tmux: { session: name, socket: null, profile: null },
  ...more,
})
const homeOf = (folder: string) => pathsOf(join(user, ".sento/agents", folder))

/** An agent in a directory of its own. @param config - null for one that cannot be read */
function keepAgent(
  name: string,
  pin: PinnedPane | null | "no books",
  config: Config | null = configOf(name),
) {
  const paths = homeOf(name)
  mkdirSync(paths.folder, { recursive: true })
  writeFileSync(paths.config, config === null ? "broken" : JSON.stringify(config), { mode: 0o600 })
  if (pin === "no books") return paths
  const store = openStore(paths.database, length => crypto.getRandomValues(new Uint8Array(length)))
  if (pin !== null) store.facts.set("pane", pin)
  store.close()
  return paths
}

const mine = (pin: PinnedPane | null = null, config = configOf("mira")) =>
  agentProcesses({
    config: { current: config, update: () => {} },
    paths: pathsOf(user),
    store: { facts: { get: () => pin } } as never,
  }).then(found => [...found])

const ofKai = "it was started in kai's own pane"

test("another agent's pinned pane is its own, as long as its process runs", async () => {
  keepAgent("kai", running)
  said.set("kai", [{ pane: "%9", pid: 9 }])
  expect([...(await othersProcesses({ home: user }))]).toEqual([[process.pid, ofKai]])
  expect(await mine()).toEqual([[process.pid, ofKai]])
  expect(othersPanes({ home: user })).toEqual([process.pid])
})

test("where that has ended every pane of its session is, and no pid of today's", async () => {
  keepAgent("kai", gone)
  said.set("kai", [
    { pane: "%8", pid: 8 },
    { pane: "%9", pid: 9 },
  ])
  const wanted = [8, 9].map(pid => [pid, "it was started in kai's session"] as [number, string])
  expect([...(await othersProcesses({ home: user }))]).toEqual(wanted)
  expect(await mine()).toEqual(wanted)
  expect(othersPanes({ home: user })).toEqual([])
})

test.each<readonly [string, () => unknown]>([
  ["that never had a pane", () => keepAgent("kai", null)],
  ["without books", () => keepAgent("kai", "no books")],
  ["whose config cannot be read", () => keepAgent("kai", gone, null)],
  [
    "in hardened mode",
    () => keepAgent("kai", gone, configOf("kai", { hardened: { folder: "/nowhere", user: "daemon" } })),
  ],
])("of an agent %s nobody's process is", async (_, prepare) => {
  prepare()
  for (const session of ["kai", ""]) said.set(session, [{ pane: "%9", pid: 9 }])
  expect([...(await othersProcesses({ home: user }))]).toEqual([])
  expect(othersPanes({ home: user })).toEqual([])
})

test("a pinned pane that runs is known without the config, by the directory's name", async () => {
  keepAgent("kai", running, null)
  expect([...(await othersProcesses({ home: user }))]).toEqual([[process.pid, ofKai]])
})

test.each([
  ["its session is not there", []],
  ["tmux is not installed", new SentoError("no-tmux", "", "")],
  ["its server is another user's", new SentoError("config", "", "")],
] as const)("%s: none is another agent's, whose own ones are told still", async (_, answer) => {
  keepAgent("kai", gone)
  keepAgent("lea", running)
  said.set("kai", answer as never)
  const wanted = [[process.pid, "it was started in lea's own pane"]] as [number, string][]
  expect([...(await othersProcesses({ home: user }))]).toEqual(wanted)
  expect(await mine()).toEqual(wanted)
})

test("a tmux that says nothing: nobody is let in, but whoever only asks for the others is told of those known", async () => {
  const kai = keepAgent("kai", gone)
  const lea = keepAgent("lea", running)
  said.set("kai", null)
  expect(await rejectionOf(mine())).toMatchObject({
    code: "try-later",
    message: "tmux does not say which pane is that of your agent kai",
  })
  patiences = []
  expect([...(await othersProcesses({ home: user }))]).toEqual([
    [process.pid, "it was started in lea's own pane"],
  ])
  await expect(processesOf([kai, lea])).rejects.toThrow("which pane is that of your agent kai")
  expect([...(await processesOf([lea]))]).toEqual([[process.pid, "it was started in lea's own pane"]])
  // A hook waits for two seconds in all, an owner for as long as is usual.
  expect(patiences).toEqual([1000, undefined])
})

test.each([
  ["a fault", new Error("out of memory")],
  ["another error of ours", new SentoError("usage", "out of memory", "")],
])("%s of tmux' is told as it is", async (_, error) => {
  keepAgent("kai", gone)
  said.set("kai", error)
  await expect(othersProcesses({ home: user })).rejects.toThrow("out of memory")
  said.clear()
  said.set("mira", error)
  await expect(mine()).rejects.toThrow("out of memory")
})

test.each([
  ["tmux is not installed", new SentoError("no-tmux", "", ""), []],
  [
    "the session is there, but not the pane",
    [{ pane: "%9", pid: 9 }],
    ["it was started in the agent's session"],
  ],
  [
    "a pane of that number is there, of another server",
    [{ pane: gone.pane, pid: 9 }],
    ["it was started in the agent's session"],
  ],
  [
    "that process is in a pane of another number",
    [{ pane: "%9", pid: gone.pid }],
    ["it was started in the agent's session"],
  ],
] as const)("where the pinned program has ended and %s, the pin names nobody", async (_, answer, reasons) => {
  said.set("mira", answer as never)
  expect((await mine(gone)).map(([, reason]) => reason)).toEqual([...reasons])
})

test("the session is not there: all panes are, but only where the agent was given one and its program has ended", async () => {
  said.set("", [{ pane: "%9", pid: 9 }])
  expect(await mine(null)).toEqual([])
  expect(await mine(running)).toEqual([[process.pid, "it was started in the agent's own pane"]])
  expect(await mine(gone)).toEqual([[9, expect.stringContaining("in another one, which may be the agent's")]])
  said.set("", null)
  await expect(mine(gone)).rejects.toThrow("tmux does not say which pane is the agent's")
  said.set("", new SentoError("no-tmux", "", ""))
  expect(await mine(gone)).toEqual([])
})

test("the agent's own word on a process is the last one", async () => {
  keepAgent("kai", running)
  expect(await mine(running)).toEqual([[process.pid, "it was started in the agent's own pane"]])
})

test("books that are broken have no pane", () => {
  const kai = keepAgent("kai", running)
  expect(pinOf(kai)).toEqual(running)
  writeFileSync(kai.database, "no database, but long enough to be none".repeat(100))
  expect(pinOf(kai)).toBeNull()
})
