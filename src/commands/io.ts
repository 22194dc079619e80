/** What a command has of the world around it, handed in: so that it can be called as a function, and needs no process. */
import { fstatSync, writeSync } from "node:fs"
import { SentoError } from "../protocol/errors.ts"

export type Io = {
  /** Writes to stdout, all of it before this returns. @throws OutputLost */
  readonly out: (text: string) => void
  /** Writes to stderr, all of it before this returns; where that takes nothing, there is nobody to tell. */
  readonly err: (text: string) => void
  /** Whether each of them is a terminal. */
  readonly isTerminal: Readonly<Record<"stdin" | "stdout" | "stderr", boolean>>
  /** The size of the terminal that one of them is, in characters; infinite where it is none. */
  readonly sizeOf: (stream: "stdout" | "stderr") => TerminalSize
  readonly stdin: () => ReadableStream<Uint8Array>
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The directory of relative paths. */
  readonly cwd: () => string
}

type TerminalSize = { readonly columns: number; readonly rows: number }

/** stdout takes no more: who read it has gone (`isReaderGone`), or its disk is full. */
export class OutputLost extends SentoError {
  readonly isReaderGone: boolean

  constructor({ code, message }: NodeJS.ErrnoException) {
    super(
      "failed",
      `cannot write to stdout: ${message.replace(/, write$/, "")}`,
      code === "ENOSPC" ? "free some space on the disk that it goes to" : null,
    )
    this.name = "OutputLost"
    this.isReaderGone = code === "EPIPE"
  }
}

/**
 * This process' own. It writes to the descriptors: Node's streams take five times as long to make as `sento --version`
 * takes besides (Bun 1.4.5), and are made only where a person is asked.
 */
export function processIo(): Io {
  const out = (text: string): void => {
    try {
      writeAll(1, text)
    } catch (error) {
      throw new OutputLost(error as NodeJS.ErrnoException)
    }
  }
  const err = (text: string): void => {
    try {
      writeAll(2, text)
    } catch {
      // Nobody is left to tell.
    }
  }
  return {
    out,
    err,
    isTerminal: {
      get stdin() {
        return isTerminal(0)
      },
      get stdout() {
        return isTerminal(1)
      },
      get stderr() {
        return isTerminal(2)
      },
    },
    sizeOf: stream => (isTerminal(stream === "stdout" ? 1 : 2) ? sizeOf(process[stream]) : noTerminal),
    stdin: () => Bun.stdin.stream(),
    environment: process.env,
    cwd: () => process.cwd(),
  }
}

/** For what goes to no terminal. */
export const noTerminal: TerminalSize = {
  columns: Number.POSITIVE_INFINITY,
  rows: Number.POSITIVE_INFINITY,
}

const sizeOf = ({ columns, rows }: Partial<TerminalSize>): TerminalSize => ({
  columns: columns ?? noTerminal.columns,
  rows: rows ?? noTerminal.rows,
})

const firstWaitMilliseconds = 1
const longestWaitMilliseconds = 32

/** Whoever shares the descriptor may have made it one that does not wait: a full pipe says so, and is tried again. */
function writeAll(descriptor: 1 | 2, text: string): void {
  const bytes = Buffer.from(text)
  let wait = firstWaitMilliseconds
  for (let at = 0; at < bytes.length; )
    try {
      at += writeSync(descriptor, bytes, at)
      wait = firstWaitMilliseconds
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error
      Bun.sleepSync(wait)
      wait = Math.min(2 * wait, longestWaitMilliseconds)
    }
}

/** `node:tty` takes 3 ms to load (Bun 1.4.5), which a pipe or a file need not pay. */
function isTerminal(descriptor: 0 | 1 | 2): boolean {
  try {
    return (
      fstatSync(descriptor).isCharacterDevice() && process.getBuiltinModule("node:tty").isatty(descriptor)
    )
  } catch {
    // A descriptor that is closed.
    return false
  }
}
