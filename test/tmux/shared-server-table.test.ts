/** Who works for a shared server, from tables of processes. Real ones: shared-server.test.ts. */
import { afterEach, beforeEach, expect, type Mock, spyOn, test } from "bun:test"
import * as kernel from "../../src/tmux/process.ts"
import { clientsOf, sharedServerAbove, sharedServerOf } from "../../src/tmux/shared-server.ts"

type Given = {
  readonly exe?: string
  readonly words?: readonly string[]
  readonly parent?: number
  readonly environment?: readonly string[]
  readonly files?: readonly string[]
  readonly reads?: boolean
}

let table: Readonly<Record<number, Given>> = {}
const spies: Mock<(...words: never[]) => unknown>[] = []

beforeEach(() => {
  const stat = { name: "", state: "S", group: 1, terminal: 1, foregroundGroup: 1, startTicks: 1 }
  const parentOf = (pid: number): number => table[pid]?.parent ?? 1
  spies.push(
    spyOn(kernel, "allProcesses").mockImplementation(() => Object.keys(table).map(Number)),
    spyOn(kernel, "ancestryOf").mockImplementation(function* (pid) {
      for (let next = pid; table[next] !== undefined; next = parentOf(next))
        yield { ...stat, pid: next, parent: parentOf(next) }
    }),
    spyOn(kernel, "argumentsOf").mockImplementation(pid => table[pid]?.words?.slice() ?? null),
    spyOn(kernel, "executableOf").mockImplementation(pid => table[pid]?.exe ?? null),
    spyOn(kernel, "environmentOf").mockImplementation(pid => [...(table[pid]?.environment ?? [])]),
    spyOn(kernel, "openFilesOf").mockImplementation(pid => [...(table[pid]?.files ?? [])]),
    spyOn(kernel, "readsTerminal").mockImplementation(pid => table[pid]?.reads ?? null),
  )
})
afterEach(() => {
  for (const spy of spies.splice(0)) spy.mockRestore()
})

const exe = "/opt/codex"
const environment = ["HOME=/home/me", "CODEX_HOME=/x", "TERM=a"]
const serves = ["codex", "app-server", "--listen", "unix://"]
const server: Given = { exe, words: serves, environment }
const client: Given = {
  exe,
  words: ["codex"],
  environment: ["CODEX_HOME=/x", "HOME=/home/me", "TERM=b"],
  reads: true,
}
const lock = "/x/thread-writer-locks/7"

test("those below it work for it, and those below nobody's", () => {
  table = {
    10: server,
    11: { parent: 10, exe: "/bin/sh" },
    12: { parent: 11, exe: "/bin/cat" },
    20: client,
    21: { parent: 20 },
    22: { exe },
  }
  expect([10, 11, 12].map(pid => sharedServerAbove(pid)?.pid)).toEqual([10, 10, 10])
  expect([20, 21, 22, 99].map(sharedServerAbove)).toEqual([null, null, null, null])
})

test.each([
  ["at a terminal, with its settings", client, true],
  ["whose arguments may not be read", { ...client, words: undefined } as Given, true],
  ["of other settings", { ...client, environment: ["HOME=/home/me"] }, false],
  ["of another home", { ...client, environment: ["HOME=/home/you", "CODEX_HOME=/x"] }, false],
  ["at no terminal", { ...client, reads: false }, false],
  ["of which nobody knows", { exe, words: ["codex"], environment }, false],
  ["that is a server itself", { ...client, words: serves }, false],
  ["that does without", { ...client, words: ["codex", "--no-daemon"] }, false],
  ["that has a file of its own open", { ...client, files: ["/a", lock] }, false],
  ["that has other files open", { ...client, files: ["/a", "/b"] }, true],
  ["that is another program", { ...client, exe: "/bin/cat" }, false],
  ["that is another agent program", { ...client, exe: "/opt/claude" }, false],
  ["whose file may not be read", { ...client, exe: undefined } as Given, false],
] as const)("a program may be using it: one %s", (_, one, isClient) => {
  table = { 10: server, 20: one }
  const found = sharedServerAbove(10)
  expect(found && clientsOf(found)).toEqual(isClient ? [20] : [])
})

test("all of them", () => {
  table = { 10: server, 20: client, 21: client }
  const found = sharedServerAbove(10)
  expect(found && clientsOf(found)).toEqual([20, 21])
})

test.each([
  ["with its settings", server, client, 10],
  ["of other settings", { ...server, environment: ["HOME=/home/you"] }, client, null],
  ["that is none", { ...server, words: ["codex", "exec"] }, client, null],
  ["whose arguments may not be read", { exe, environment }, client, null],
  ["of another program", { ...server, exe: "/opt/claude" }, client, null],
  ["for one that does without", server, { ...client, words: ["codex", "--no-daemon"] }, null],
  ["for one that has a file of its own", server, { ...client, files: [lock] }, null],
  ["for another program", server, { ...client, exe: "/bin/cat" }, null],
] as const)("the one that a program may be using: one %s", (_, one, user, want) => {
  table = { 10: one, 20: user }
  expect(sharedServerOf(20)?.pid ?? null).toBe(want)
})
