/** What is made of the files of /proc: of processes that no test could start, or look at. Real ones: process.test.ts. */
import { expect, spyOn, test } from "bun:test"
import * as fs from "node:fs"
import {
  ancestryOf,
  argumentsOf,
  childrenOf,
  environmentOf,
  foregroundProcess,
  isAlive,
  namespacesOf,
  openFilesOf,
  processStat,
  readsTerminal,
  terminalAt,
} from "../../src/tmux/process.ts"

const failing = (code?: string): never => {
  throw Object.assign(new Error("no"), code === undefined ? {} : { code })
}

/** Has /proc hold these files for as long as the test asks. */
function withFiles<T>(files: Readonly<Record<string, string>>, ask: () => T): T {
  using _ = spyOn(fs, "readFileSync").mockImplementation(
    ((path: string) => files[path] ?? failing("ENOENT")) as never,
  )
  return ask()
}

type Numbers = { state?: string; parent?: number; group?: number; terminal?: number; foreground?: number }
const stat = (
  pid: number,
  { state = "S", parent = 1, group = 7, terminal = 34816, foreground = 7 }: Numbers = {},
) => ({
  [`/proc/${pid}/stat`]: `${pid} (a) S 9 (b) ${state} ${parent} ${group} 3 ${terminal} ${foreground} 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20 21\n`,
})

test("the fields of a process, behind the last bracket of its name", () => {
  const numbers = { state: "R", parent: 11, group: 12, terminal: 13, foreground: 14 }
  expect(withFiles(stat(10, numbers), () => processStat(10))).toEqual({
    ...{ pid: 10, name: "a) S 9 (b", state: "R", parent: 11, group: 12, terminal: 13 },
    ...{ foregroundGroup: 14, startTicks: 4242 },
  })
  expect(withFiles({}, () => processStat(10))).toBeNull()
})

test("a process that waits to be reaped is not alive, nor is one that is gone", () => {
  const files = { ...stat(10), ...stat(11, { state: "Z" }) }
  expect(withFiles(files, () => [10, 11, 12].map(isAlive))).toEqual([true, false, false])
})

test("those above a process, up to the first's child, or as far as they are there", () => {
  const files = {
    ...stat(10, { parent: 9 }),
    ...stat(9, { parent: 2 }),
    ...stat(2),
    ...stat(1, { parent: 0 }),
    ...stat(20, { parent: 19 }),
  }
  const above = (pid: number) => withFiles(files, () => [...ancestryOf(pid)].map(one => one.pid))
  expect([above(10), above(20), above(1), above(0), above(30)]).toEqual([[10, 9, 2], [20], [], [], []])
})

test.each([
  ["the leader of its terminal's foreground group", 20, 20],
  ["that leader, the first process", 1, 1],
  ["itself, where that leader is gone", 21, 10],
  ["itself, where there is no such group", 0, 10],
  ["itself, without a terminal", -1, 10],
] as const)("the keys of its terminal has %s", (_, foreground, want) => {
  const files = { ...stat(10, { foreground }), ...stat(20), ...stat(1), ...stat(0) }
  expect(withFiles(files, () => foregroundProcess(10))?.pid).toBe(want)
  expect(withFiles(files, () => foregroundProcess(11))).toBeNull()
})

test("in how many namespaces it is, 0 where that is not to be seen", () => {
  const files = {
    "/proc/10/status": "Name:\ta\nNSpid:\t10\t3\t1\nNSpgid:\t10\n",
    "/proc/11/status": "Name:\ta\nNSpid:\t11\n",
    "/proc/12/status": "Name:\ta\n",
  }
  expect(withFiles(files, () => [10, 11, 12, 13].map(namespacesOf))).toEqual([3, 1, 0, 0])
})

test("its words and variables, empty ones among the words alone", () => {
  const files = {
    "/proc/10/cmdline": "a\0\0b c\0",
    "/proc/11/cmdline": "",
    "/proc/10/environ": "A=1\0\0B=\0",
  }
  expect(withFiles(files, () => [10, 11, 12].map(argumentsOf))).toEqual([["a", "", "b c"], [], null])
  expect(withFiles(files, () => [10, 11].map(environmentOf))).toEqual([["A=1", "B="], []])
})

test("what each of its threads started", () => {
  const files = {
    "/proc/10/task/10/children": "11 12 ",
    "/proc/10/task/13/children": "",
    "/proc/10/task/15/children": "16 ",
  }
  using _ = spyOn(fs, "readdirSync").mockImplementation(((path: string) =>
    path === "/proc/10/task" ? ["10", "13", "14", "15"] : failing("ENOENT")) as never)
  expect(withFiles(files, () => [10, 11].map(childrenOf))).toEqual([[11, 12, 16], []])
  expect(openFilesOf(10)).toEqual([])
})

test("whether it reads from a terminal", () => {
  const links: Readonly<Record<string, string>> = {
    10: "/dev/pts/3",
    11: "/dev/tty1",
    12: "/dev/console",
    13: "pipe:[1]",
    14: "/tmp/dev/pts/3",
    15: "/dev/pts/3x",
  }
  using _ = spyOn(fs, "readlinkSync").mockImplementation(
    ((path: string) => links[path.split("/")[2] ?? ""] ?? failing("EACCES")) as never,
  )
  expect([10, 11, 12, 13, 14, 15, 16].map(readsTerminal)).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
    null,
  ])
})

type Terminal = { readonly rdev: number; readonly dev: number }
const terminal: Terminal = { rdev: 34819, dev: 24 }

test.each([
  ["this one", "/dev/pts/3", terminal, terminal, "this"],
  ["this one, which has no name here", "/dev/pts/3", terminal, undefined, "this"],
  ["this one, whose name is another's here", "/dev/pts/3", terminal, { ...terminal, rdev: 1 }, "this"],
  ["a container's of the same number", "/dev/pts/3", terminal, { ...terminal, dev: 25 }, "none"],
  ["another one", "/dev/pts/4", { ...terminal, rdev: 34820 }, { ...terminal, rdev: 34820 }, "none"],
  ["whichever it was when it was opened", "/dev/tty", terminal, terminal, "some"],
  ["no terminal", "/tmp/x", terminal, terminal, "none"],
  ["not to be seen", "EACCES", terminal, terminal, "unreadable"],
  ["not to be seen for another reason", "EPERM", terminal, terminal, "unreadable"],
  ["not there", "ENOENT", terminal, terminal, "none"],
  ["not to be read for no reason", undefined, terminal, terminal, "none"],
] as const)("a descriptor of a process is %s", (_, target, file, named, want) => {
  const asked: string[] = []
  using _link = spyOn(fs, "readlinkSync").mockImplementation(((path: string) => {
    asked.push(path)
    return target?.startsWith("/") ? target : failing(target)
  }) as never)
  using _stat = spyOn(fs, "statSync").mockImplementation(((path: string) =>
    path.startsWith("/proc") ? file : named) as never)
  expect(terminalAt(10, 2, terminal.rdev)).toBe(want)
  expect(asked).toEqual(["/proc/10/fd/2"])
})
