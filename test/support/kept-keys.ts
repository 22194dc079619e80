/** Keys that are kept for long, however busy the machine is: what gives them back is then seen to, and not the time. */
import { type Mock, spyOn } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** After so many milliseconds a process gives up on who is to keep them, or looks after what was kept for two seconds. */
const givenUp = [1500, 3000]

export type LongKept = {
  /** A PATH whose `timeout` takes its time. */
  readonly path: string
  /** What a process of the test's own begins with. */
  readonly code: string
} & Disposable

/** Here and in what is started with `path` and `code`, until it is disposed of. */
export function keepLong(seconds = 600): LongKept {
  const directory = mkdtempSync(join(tmpdir(), "sento-kept-"))
  const timeout = `#!/bin/sh\nexec ${Bun.which("timeout")} -s KILL ${seconds} cat\n`
  writeFileSync(join(directory, "timeout"), timeout, { mode: 0o755 })
  const before = process.env.PATH
  const path = `${directory}:${before}`
  process.env.PATH = path
  const real = setTimeout
  const most = (seconds + 1) * 1000
  const longer = (wait = 0): number => (givenUp.includes(wait) ? most : wait)
  const timers: Mock<(...words: never[]) => unknown> = spyOn(globalThis, "setTimeout").mockImplementation(((
    act: () => void,
    wait?: number,
    ...values: never[]
  ) => real(act, longer(wait), ...values)) as never)
  const code = `const real = setTimeout; globalThis.setTimeout = (act, wait, ...values) => real(act, [${givenUp}].includes(wait) ? ${most} : wait, ...values);`
  return {
    path,
    code,
    [Symbol.dispose]() {
      timers.mockRestore()
      process.env.PATH = before
      rmSync(directory, { recursive: true })
    },
  }
}
