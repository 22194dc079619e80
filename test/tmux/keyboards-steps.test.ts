/** Keys that are kept back, step by step: false shells, and a clock of the test's own. Real terminals: keyboards.test.ts. */
import { afterEach, beforeEach, expect, type Mock, spyOn, test } from "bun:test"
import { giveBack, keepKeys } from "../../src/tmux/keyboards.ts"
import { settle } from "../support/settle.ts"

type Shell = {
  readonly kind: "keep" | "give"
  readonly words: readonly string[]
  readonly script: string
  readonly options: { readonly detached?: boolean; readonly env?: unknown }
  readonly say: (words: string) => void
  /** Ends with a status, or by a signal. */
  readonly end: (status: number | null, signal?: string) => void
  isClosed: boolean
}

const shells: Shell[] = []
const timers: { readonly wait: number; readonly act: () => void }[] = []
const killed: unknown[][] = []
const spies: Mock<(...words: never[]) => unknown>[] = []
/** Whether a keeper whose input ends does. */
let isDeaf = false

beforeEach(() => {
  isDeaf = false
  for (const list of [shells, timers, killed]) list.length = 0
  const spawn = (command: string[], options: Shell["options"]) => {
    const { promise: exited, resolve } = Promise.withResolvers<void>()
    const out = new TransformStream<Uint8Array, Uint8Array>()
    const writer = out.writable.getWriter()
    const child = {
      ...{ pid: 4242, exited, stdout: out.readable },
      exitCode: null as number | null,
      signalCode: null as string | null,
      stdin: {
        end: () => {
          shell.isClosed = true
          if (!isDeaf) shell.end(0)
        },
      },
    }
    const shell: Shell = {
      kind: command[2]?.startsWith("trap") ? "keep" : "give",
      words: command.slice(4),
      script: command[2] ?? "",
      options,
      say: words => void writer.write(new TextEncoder().encode(words)),
      end: (status, signal) => {
        if (child.exitCode !== null || child.signalCode !== null) return
        child.exitCode = status
        child.signalCode = signal ?? null
        // Nobody may be reading any more.
        void Promise.try(() => writer.close()).catch(() => {})
        resolve()
      },
      isClosed: false,
    }
    shells.push(shell)
    if (shell.kind === "give") shell.end(0)
    return child
  }
  spies.push(
    spyOn(Bun, "spawn").mockImplementation(spawn as never),
    spyOn(globalThis, "setTimeout").mockImplementation(((act: () => void, wait: number) => {
      timers.push({ wait, act })
      return 0
    }) as never),
    spyOn(process, "kill").mockImplementation(((...words: unknown[]) => {
      killed.push(words)
      return true
    }) as never),
  )
})
afterEach(() => {
  for (const spy of spies.splice(0)) spy.mockRestore()
})

const terminal = "/dev/pts/1"
const only = (): Shell => {
  const [shell] = shells
  if (shell === undefined) throw new Error("no shell was started")
  return shell
}
const words = (kind: Shell["kind"]) => shells.filter(one => one.kind === kind).map(one => one.words)

/** Keys that are kept, and the shell that does so. */
async function kept(said = `before  ${terminal} 7\nkept\n`) {
  const keeping = keepKeys([terminal])
  only().say(said)
  return { keys: await keeping, shell: only() }
}

test("keys of terminals alone, in a shell of its own session", async () => {
  const keeping = keepKeys(["/dev/tty3", terminal, "/dev/ptmx", "", "/dev/pts/x", "/tmp/dev/pts/1"])
  only().say("kept\n")
  await (await keeping).letGo()
  expect(words("keep")).toEqual([["/dev/tty3", terminal]])
  expect(only().options.detached).toBe(true)
  expect(only().options.env).toEqual({ PATH: process.env.PATH ?? "" })
})

test("where there is no terminal, or no shell, nothing is kept", async () => {
  await (await keepKeys(["x"])).letGo()
  await giveBack(["x"])
  expect(shells).toEqual([])
  spies[0]?.mockImplementation(() => {
    throw new Error("no sh")
  })
  await (await keepKeys([terminal])).letGo()
  await giveBack([terminal])
})

test("they are kept until they are let go, and the shell gives them back itself", async () => {
  const { keys, shell } = await kept()
  await settle()
  expect(shell.isClosed).toBe(false)
  await keys.letGo()
  expect(shell.isClosed).toBe(true)
  expect([words("give"), killed]).toEqual([[], []])
  // For its word, for the time in which it keeps them, and for its end.
  expect(timers.map(({ wait }) => wait)).toEqual([1500, 1000, 3000, 1000])
})

test("they are kept when it says so, in whatever pieces", async () => {
  const keeping = keepKeys([terminal])
  const shell = only()
  let isDone = false
  void keeping.then(() => {
    isDone = true
  })
  shell.say("before /dev/pts/1 7\nke")
  await settle()
  expect(isDone).toBe(false)
  shell.say("pt\n")
  await (await keeping).letGo()
  expect(words("give")).toEqual([])
})

test("one that has begun to keep them has a second to say so, and two to keep them", async () => {
  const keeping = keepKeys([terminal])
  only().say("before  /dev/pts/1 7\n")
  await settle()
  expect(timers.map(({ wait }) => wait)).toEqual([1500, 1000])
  timers[1]?.act()
  await settle()
  timers[2]?.act()
  await (await keeping).letGo()
  expect([only().isClosed, only().script.includes("timeout -s KILL 2 cat\n")]).toEqual([true, true])
})

test("a shell that says nothing in time keeps nothing, and is not waited for", async () => {
  const keeping = keepKeys([terminal])
  await settle()
  timers[0]?.act()
  await settle()
  timers[1]?.act()
  await settle()
  expect(timers.map(({ wait }) => wait)).toEqual([1500, 1000, 0])
  timers[2]?.act()
  await (await keeping).letGo()
  expect(only().isClosed).toBe(true)
})

test.each([
  ["what it said was there before", `before  ${terminal} 7\nkept\n`, "7"],
  ["the usual, where it said none", `kept\n`, "1"],
  ["the usual, where it said no more", `kept ${terminal}`, "1"],
] as const)("a shell that failed leaves it to this process: %s", async (_, said, min) => {
  const { keys, shell } = await kept(said)
  shell.end(1)
  await keys.letGo()
  expect(words("give")).toEqual([[terminal, min]])
  expect(killed).toEqual([])
})

test("and so does one that was killed, which is not killed again, before anybody lets go", async () => {
  const { keys, shell } = await kept()
  shell.end(null, "SIGKILL")
  await settle()
  expect(words("give")).toEqual([[terminal, "7"]])
  await keys.letGo()
  expect(words("give")).toHaveLength(1)
  expect(killed).toEqual([])
})

test("one that does not end is ended with all that it started", async () => {
  isDeaf = true
  const { keys } = await kept()
  const letting = keys.letGo()
  await settle()
  timers.at(-1)?.act()
  await letting
  expect(killed).toEqual([[-4242, "SIGKILL"]])
  expect(words("give")).toEqual([[terminal, "7"]])
})

test("keys that nobody lets go are given back all the same", async () => {
  const { shell } = await kept()
  await settle()
  timers.find(({ wait }) => wait === 3000)?.act()
  await settle()
  expect(shell.isClosed).toBe(true)
})
