/** What is read of processes: real ones, of the test's own. */
import { afterAll, afterEach, expect, test } from "bun:test"
import { copyFileSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  allProcesses,
  ancestryOf,
  argumentsOf,
  childrenOf,
  directoryOf,
  environmentOf,
  executableOf,
  foregroundProcess,
  isAlive,
  namespacesOf,
  openFilesOf,
  processStat,
  readsTerminal,
  terminalAt,
} from "../../src/tmux/process.ts"
import { until } from "../support/world.ts"

const folder = realpathSync(mkdtempSync(join(tmpdir(), "sento-process-")))
const tmux = (...words: string[]): string =>
  Bun.spawnSync(["tmux", "-f", "/dev/null", "-S", join(folder, "tmux"), ...words]).stdout.toString()
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const children: Bun.Subprocess[] = []
afterEach(async () => {
  tmux("kill-server")
  for (const child of children.splice(0)) {
    child.kill("SIGKILL")
    await child.exited
  }
})
function start(words: readonly string[], env: Record<string, string> = {}): number {
  const child = Bun.spawn([...words], {
    ...{ cwd: folder, stdin: "pipe", stdout: "ignore", stderr: "ignore" },
    env: { PATH: process.env.PATH ?? "", ...env },
  })
  children.push(child)
  return child.pid
}

/** A pid that nobody has: the kernel gives none so high. */
const nobody = 2 ** 30

test("a process by its name, whatever signs are in it, and its place among the others", async () => {
  const strange = join(folder, "a) (b 1 2")
  copyFileSync(Bun.which("sleep") ?? "", strange)
  const pid = start([strange, "600"])
  // The kernel sets the one a moment before the other.
  await until("its program", () => executableOf(pid) === strange && processStat(pid)?.name === "a) (b 1 2")
  const stat = processStat(pid)
  expect(stat).toMatchObject({
    pid,
    name: "a) (b 1 2",
    parent: process.pid,
    group: processStat(process.pid)?.group as number,
  })
  expect(stat?.state).toBeOneOf(["S", "R", "D"])
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? []
  expect([stat?.terminal, stat?.foregroundGroup, stat?.startTicks].map(String)).toEqual([
    fields[4],
    fields[5],
    fields[19],
  ] as string[])
  expect(processStat(nobody)).toBeNull()
})

test("those above it up to the first, none of them twice", () => {
  const pid = start(["sleep", "600"])
  const above = [...ancestryOf(pid)].map(one => one.pid)
  expect(above.slice(0, 2)).toEqual([pid, process.pid])
  expect(above.includes(1)).toBe(false)
  for (const [i, one] of above.slice(1).entries()) expect(processStat(above[i] ?? 0)?.parent).toBe(one)
  expect([...ancestryOf(nobody), ...ancestryOf(1)]).toEqual([])
})

test("one that has ended and is not reaped does not run", async () => {
  // The shell becomes another program, which reaps nobody.
  const pid = start(["sh", "-c", "sleep 0 & exec sleep 600"])
  const child = await until("its child's end", () =>
    childrenOf(pid).find(one => processStat(one)?.state === "Z"),
  )
  expect([isAlive(pid), isAlive(child), isAlive(nobody)]).toEqual([true, false, false])
})

test("what it is, where it works, what it was told, what it has open and started", async () => {
  const own = join(folder, "own")
  copyFileSync(Bun.which("sleep") ?? "", own)
  const pid = start([own, "600"], { NAME: "a=b", EMPTY: "" })
  await until("its program", () => executableOf(pid) === own && argumentsOf(pid)?.[0] === own)
  expect([directoryOf(pid), argumentsOf(pid)]).toEqual([folder, [own, "600"]])
  const words = ["sh", "-c", "read -r _", "", ""]
  const shell = start(words)
  await until("its arguments", () => Bun.deepEquals(argumentsOf(shell), words))
  expect(environmentOf(pid).toSorted()).toEqual(["EMPTY=", "NAME=a=b", `PATH=${process.env.PATH}`].toSorted())
  rmSync(own)
  expect(executableOf(pid)).toBe(own)
  expect(openFilesOf(pid)).toContain("/dev/null")
  expect(readsTerminal(pid)).toBe(false)
  expect(childrenOf(process.pid)).toContain(pid)
  expect(allProcesses()).toContain(pid)
  expect(allProcesses().every(Number.isInteger)).toBe(true)
})

test("of one that is gone nothing", () => {
  expect([executableOf(nobody), directoryOf(nobody), argumentsOf(nobody), readsTerminal(nobody)]).toEqual([
    null,
    null,
    null,
    null,
  ])
  expect([environmentOf(nobody), openFilesOf(nobody), childrenOf(nobody), namespacesOf(nobody)]).toEqual([
    [],
    [],
    [],
    0,
  ])
  expect([terminalAt(nobody, 0, 1), foregroundProcess(nobody)]).toEqual(["none", null])
})

test("how deep it is among namespaces of processes", () => {
  const line = /^NSpid:(.*)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? ""
  expect(namespacesOf(process.pid)).toBe(line.trim().split(/\s+/).length)
})

test("its terminal, and who has its keys", async () => {
  tmux("new-session", "-d", "-s", "a", "cat")
  tmux(
    "new-session",
    "-d",
    "-s",
    "b",
    `exec 3<> /dev/tty; sh -c 'exec cat <&3' & sleep 600 < /dev/null > /dev/tty & wait`,
  )
  const pidOf = (session: string): number =>
    Number(tmux("display-message", "-p", "-t", `=${session}:`, "#{pane_pid}"))
  const [a, b] = [pidOf("a"), pidOf("b")]
  await until("cat", () => argumentsOf(a)?.[0]?.includes("cat"))
  const terminal = processStat(a)?.terminal ?? 0
  expect([terminalAt(a, 0, terminal), terminalAt(a, 2, terminal), readsTerminal(a)]).toEqual([
    "this",
    "this",
    true,
  ])
  expect([terminalAt(b, 0, terminal), terminalAt(a, 0, terminal + 1)]).toEqual(["none", "none"])
  const below = await until("what the shell started", () =>
    childrenOf(b).length === 2 ? childrenOf(b) : null,
  )
  const inputs = () => below.map(pid => terminalAt(pid, 0, processStat(b)?.terminal ?? 0)).toSorted()
  await until("both inputs", () => Bun.deepEquals(inputs(), ["none", "some"]))
  expect(foregroundProcess(a)?.pid).toBe(a)
  expect(foregroundProcess(process.pid)?.pid).toBe(
    (processStat(process.pid)?.foregroundGroup ?? 0) > 0 ? expect.any(Number) : process.pid,
  )
})

test("a link of another name is the program that it leads to", async () => {
  const link = join(folder, "link")
  symlinkSync(Bun.which("sleep") ?? "", link)
  const pid = start([link, "600"])
  const target = realpathSync(link)
  // The kernel notes the file before the words.
  await until(
    "its program and its words",
    () => executableOf(pid) === target && argumentsOf(pid)?.[0] === link,
  )
})
