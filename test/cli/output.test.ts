/** Output into a pipe that is full and says so instead of waiting, as whoever shares it may have made it. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { built, plainEnvironment, until } from "../support/world.ts"

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sento-output-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** A pipe of which neither end waits. */
function openPipe(): { readonly reader: number; readonly writer: number; [Symbol.dispose](): void } {
  const path = join(folder, "pipe")
  Bun.spawnSync(["mkfifo", path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  return {
    reader,
    writer,
    [Symbol.dispose]: () => closeSync(reader),
  }
}

/** What is there now; null where nothing is, and "" at the end. */
function readChunk(reader: number): string | null {
  const bytes = Buffer.alloc(65_536)
  try {
    return bytes.toString("latin1", 0, readSync(reader, bytes))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return null
    throw error
  }
}

/** The ticks of the processor that a process and all its threads have had. */
async function ticksOf(pid: number): Promise<number> {
  const fields = (await Bun.file(`/proc/${pid}/stat`).text()).replace(/^.*\) /s, "").split(" ")
  return Number(fields[11]) + Number(fields[12])
}

/** So many looks in a row, 10 ms or more from one to the next, at a process that rests. */
const restfulLooks = 20

/**
 * Starts a program whose stdout and stderr are the pipe, reads nothing until it is full and the program rests, then
 * all. One that waits busily never rests, however busy the machine is.
 */
async function readSlowly(command: readonly string[]): Promise<{ text: string; exit: number }> {
  using pipe = openPipe()
  const env = { ...plainEnvironment, SENTO_HOME: folder }
  const child = Bun.spawn([...command], { env, stdio: ["ignore", pipe.writer, pipe.writer] })
  closeSync(pipe.writer)
  // The kernel gives a pipe 16 pages, and puts no line of a writer that does not wait across two of them.
  const isFull = async (): Promise<boolean> => {
    const status = await Bun.file(`/proc/${child.pid}/io`).text()
    return Number(/^wchar: (\d+)/m.exec(status)?.[1]) >= 60_000
  }
  await until("a full pipe", isFull)
  let [ticks, looks] = [-1, 0]
  await until("it to rest", async () => {
    const now = await ticksOf(child.pid)
    looks = now === ticks ? looks + 1 : 0
    ticks = now
    return looks >= restfulLooks
  })
  let text = ""
  await until("its end", () => {
    for (let chunk = readChunk(pipe.reader); chunk !== null; chunk = readChunk(pipe.reader)) {
      if (chunk === "") return true
      text += chunk
    }
    return false
  })
  return { text, exit: await child.exited }
}

test("a long log comes whole to who reads slowly, and the wait burns nothing", async () => {
  mkdirSync(join(folder, ".sento"), { mode: 0o700 })
  const lines = Array.from({ length: 20_000 }, (_, i) => `2026-01-01T00:00:00.000Z line ${i} ← é\n`)
  writeFileSync(join(folder, ".sento/guardian.log"), lines.join(""))
  const { text, exit } = await readSlowly([...built, "guard", "logs"])
  expect(Buffer.from(text, "latin1").toString()).toBe(lines.join(""))
  expect(exit).toBe(0)
}, 120_000)

test("what goes to stdout and stderr stays in its order", async () => {
  const script = join(folder, "write.ts")
  const io = join(import.meta.dir, "../../src/commands/io.ts")
  writeFileSync(
    script,
    `import { processIo } from ${JSON.stringify(io)}
    const { out, err } = processIo()
    for (let i = 0; i < 20_000; i += 1) (i % 3 === 0 ? err : out)(\`line \${i}\\n\`)`,
  )
  const { text, exit } = await readSlowly([process.execPath, script])
  expect(text).toBe(Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join(""))
  expect(exit).toBe(0)
}, 120_000)
