/**
 * A screen that is redrawn in place, and given back whole: on every way out of {@link withScreen}, whatever throws, and
 * on every signal that can be caught. The sequences are those of xterm, as tmux 3.2 and the Linux console take them.
 */
import { constants } from "node:os"
import type { Io } from "../io.ts"

/** What a person did. */
export type Press = "quit" | "interrupt" | "other"

export type Screen = {
  /** Puts these lines there, from the top; each is cut where the screen ends. */
  draw(lines: readonly string[]): void
  size(): { readonly columns: number; readonly rows: number }
}

/** What ends it, and the exit status of that. */
type End = { readonly status: number }

const csi = "\u001b["
/** The other screen, whose lines do not scroll away; no cursor; no line runs on into the next. */
const enter = `${csi}?1049h${csi}?25l${csi}?7l${csi}2J`
const leave = `${csi}0m${csi}?7h${csi}?25h${csi}?1049l`

/** All that end a process and that Bun 1.4.5 lets one catch. */
const endings = [
  ...(["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const),
  ...(["SIGALRM", "SIGVTALRM", "SIGPROF", "SIGXCPU", "SIGIO"] as const),
]

/**
 * Shows what `show` draws until it is ended by a key or a signal.
 * @param show - is called at first, after each resize, and as often as it asks: it resolves when it has drawn, with the
 * milliseconds to wait before the next time
 * @returns the exit status: 0 for q and Ctrl-C, which are how it ends; 128 and its number for a signal
 */
export async function withScreen(io: Io, show: (screen: Screen) => Promise<number>): Promise<number> {
  const { promise: ended, resolve: end } = Promise.withResolvers<End>()
  let wake = (): void => {}
  const onKey = (typed: Buffer): void => {
    if (typed.includes("q") || typed.includes(interruptByte)) end({ status: 0 })
    wake()
  }
  const onResize = (): void => {
    io.out(`${csi}2J`)
    wake()
  }
  const terminal = terminalOf(io, onKey, onResize)
  // Before the terminal is taken and until it is given back: in between a signal would end this with it in its hands.
  const release = onSignals(terminal, end, () => wake())
  try {
    terminal.take()
    for (;;) {
      const woken = new Promise<null>(resolve => {
        wake = () => resolve(null)
      })
      const wait = await Promise.race([ended, show(screenOf(io))])
      if (typeof wait !== "number") return wait.status
      const timer = Promise.withResolvers<null>()
      const id = setTimeout(timer.resolve, wait, null)
      const over = await Promise.race([ended, woken, timer.promise])
      clearTimeout(id)
      if (over !== null) return over.status
    }
  } finally {
    terminal.giveBack()
    release()
  }
}

/** @returns what leaves the signals to do what they do by themselves */
function onSignals(terminal: Terminal, end: (how: End) => void, wake: () => void): () => void {
  const retake = (): void => {
    terminal.giveBack()
    terminal.take()
    wake()
  }
  const stop = (): void => {
    terminal.giveBack()
    // By the system's own hand, which stops nobody whom no shell could wake: then this goes on at once.
    process.off("SIGTSTP", stop)
    process.kill(process.pid, "SIGTSTP")
    process.on("SIGTSTP", stop)
    retake()
  }
  const handlers: [NodeJS.Signals, () => void][] = [
    ...endings.map((signal): [NodeJS.Signals, () => void] => [
      signal,
      () => end({ status: 128 + constants.signals[signal] }),
    ]),
    ["SIGTSTP", stop],
    // Whoever stopped it with SIGSTOP had the terminal meanwhile.
    ["SIGCONT", retake],
  ]
  for (const [signal, handler] of handlers) process.on(signal, handler)
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler)
  }
}

/** Ctrl-C, which a raw terminal passes on as it is. */
const interruptByte = 3

/** Taken, and given back in the state in which it was; either may be asked for again. */
type Terminal = { readonly take: () => void; readonly giveBack: () => void }

function terminalOf(io: Io, onKey: (typed: Buffer) => void, onResize: () => void): Terminal {
  const { stdin, stdout } = process
  const hasKeys = io.isTerminal.stdin
  let isTaken = false
  const take = (): void => {
    isTaken = true
    // What is thrown where nobody catches it ends the process without the way back from here.
    process.once("exit", giveBack)
    io.out(enter)
    if (hasKeys) {
      stdin.setRawMode(true)
      stdin.on("data", onKey)
      stdin.resume()
    }
    stdout.on("resize", onResize)
  }
  const giveBack = (): void => {
    if (!isTaken) return
    isTaken = false
    process.off("exit", giveBack)
    stdout.off("resize", onResize)
    if (hasKeys) {
      stdin.off("data", onKey)
      stdin.pause()
      stdin.setRawMode(false)
    }
    try {
      io.out(leave)
    } catch {
      // The terminal is gone.
    }
  }
  return { take, giveBack }
}

const screenOf = (io: Io): Screen => ({
  size: () => io.sizeOf("stdout"),
  draw(lines) {
    const { rows } = io.sizeOf("stdout")
    const placed = lines.slice(0, rows).map((line, i) => `${csi}${i + 1};1H${csi}K${line}${csi}0m`)
    const below = lines.length < rows ? `${csi}${lines.length + 1};1H${csi}J` : ""
    io.out(placed.join("") + below)
  },
})
