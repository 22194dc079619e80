import type { PinnedPane } from "../../src/tmux/pane.ts"
import { argumentsOf, processStat } from "../../src/tmux/process.ts"
import type { TmuxAnswer, TmuxServer } from "../../src/tmux/tmux.ts"
import { until } from "./pane.ts"

/** What a look at the pane finds; the window is `@1`, and its one pane the active one. */
export type Drawn = {
  rows: readonly string[]
  x: number
  y: number
  title: string
  mode: 0 | 1
  alternate: 0 | 1
  dead: 0 | 1
  width: number
  height: number
  /** Lines of scrollback above the rows. */
  above: readonly string[]
  /** When a person at this terminal had a key, in seconds since the epoch; null: nobody is attached. */
  keyAt: number | null
  terminal: string
  /** tmux' own error in place of it all. */
  error: string | null
}

/** A delivery that looks every 10 ms for 20 s has 2,000. */
const mostCalls = 3000

/** A process that is called by a name, and does nothing. */
export type Idle = Disposable & { readonly name: string; readonly pid: number }

/** Starts one, of no terminal; its name stands for a program's. */
export async function startIdle(name: string): Promise<Idle> {
  const child = Bun.spawn(["sleep", "1000"], {
    ...{ argv0: name, detached: true },
    stdio: ["ignore", "ignore", "ignore"],
  })
  await until(() => argumentsOf(child.pid)?.[0] === name)
  return { name, pid: child.pid, [Symbol.dispose]: () => child.kill("SIGKILL") }
}

/** A pane that a false tmux of this process answers for; its program does nothing, and a test draws its screen. */
export type FalsePane = {
  readonly server: TmuxServer
  readonly pinned: PinnedPane
  readonly drawn: Drawn
  /** The words of each call. */
  readonly calls: (readonly string[])[]
  /** What was pasted, and so was there as it had been seen. */
  readonly pasted: string[]
  /** Told of each paste that comes; false: tmux found that something had moved. */
  onPaste: (text: string) => boolean | undefined
  /** Before each look, counted from 1. */
  onLook: (count: number) => void
}

/** @param idle - what stands for the program in the pane */
export function falsePane({ name, pid }: Idle): FalsePane {
  const startTicks = processStat(pid)?.startTicks ?? 0
  const pinned = { pane: "%7", pid, startTicks }
  const drawn: Drawn = {
    ...{ rows: [], x: 2, y: 0, title: "", mode: 0, alternate: 0, dead: 0, width: 60, height: 40 },
    ...{ above: [], keyAt: null, terminal: "/dev/pts/none", error: null },
  }
  let looks = 0
  const answer = (stdout: string, status = 0, stderr = ""): TmuxAnswer => ({ status, stdout, stderr })
  const look = (words: readonly string[]): TmuxAnswer => {
    looks++
    pane.onLook(looks)
    if (drawn.error !== null) return answer("", 1, drawn.error)
    const { x, y, mode, alternate, dead, width, height, keyAt } = drawn
    const numbers = [pinned.pane, pinned.pid, dead, x, y, mode, alternate, width, height].join(" ")
    const clients = keyAt === null ? [] : [`${keyAt} @1 0  ${drawn.terminal}`]
    const above = words.includes("-S") ? drawn.above : []
    const head = [numbers, "@1 10", name, drawn.title, "1 ", ...clients, "end of clients"]
    const blanks = Array(Math.max(0, height - drawn.rows.length)).fill("")
    return answer([...head, ...above, ...drawn.rows, ...blanks, ""].join("\n"))
  }
  const pane: FalsePane = {
    server: {
      socket: null,
      run: async (words, input) => {
        pane.calls.push(words)
        // Where nothing takes time, what never ends would not let a test's limit have its turn.
        if (pane.calls.length > mostCalls) throw new Error("tmux is asked without an end")
        if (words.includes("capture-pane")) return look(words)
        if (words[0] !== "load-buffer") return answer("\n")
        if (pane.onPaste(input ?? "") === false) return answer("MOVED\n")
        pane.pasted.push(input ?? "")
        return answer("TYPED\n")
      },
    },
    pinned,
    drawn,
    calls: [],
    pasted: [],
    onPaste: () => undefined,
    onLook: () => {},
  }
  return pane
}
