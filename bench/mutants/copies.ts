/** Copies of the repository in which mutants are tried: the tree itself is never touched. */
import { accessSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export type Copy = { readonly root: string } & Disposable

export type Ran = { readonly outcome: "passed" | "failed" | "timeout"; readonly failed: string | null }

const kept = ["src", "test", "docs", "build.ts", "package.json", "tsconfig.json", "bunfig.toml"]

export function openCopy(root: string): Copy {
  const copy = mkdtempSync(join(tmpdir(), "sento-mutants-"))
  for (const name of kept)
    if (isThere(join(root, name))) cpSync(join(root, name), join(copy, name), { recursive: true })
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"))
  return {
    root: copy,
    [Symbol.dispose]() {
      rmSync(copy, { recursive: true, force: true })
    },
  }
}

function isThere(path: string): boolean {
  try {
    accessSync(path)
    return true
  } catch {
    return false
  }
}

/** Memory where there is such a disk: a run waits for no sync. */
const temporary = isThere("/dev/shm") ? "/dev/shm" : tmpdir()

/** Runs tests up to the first that fails. @returns which file that was in */
export async function runTests({ root }: Copy, tests: readonly string[], milliseconds: number): Promise<Ran> {
  const folder = mkdtempSync(join(temporary, "sento-mutant-"))
  mkdirSync(join(folder, "tmp"))
  try {
    const child = Bun.spawn([process.execPath, "test", "--bail", ...tests.map(test => `./${test}`)], {
      cwd: root,
      env: { ...process.env, TMPDIR: join(folder, "tmp") },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      // A group of its own: what a test has started ends with it.
      detached: true,
    })
    let isLate = false
    const alarm = setTimeout(() => {
      isLate = true
      process.kill(-child.pid, "SIGKILL")
    }, milliseconds)
    const said = await new Response(child.stderr).text()
    await child.exited
    clearTimeout(alarm)
    if (isLate) return { outcome: "timeout", failed: null }
    return child.exitCode === 0
      ? { outcome: "passed", failed: null }
      : { outcome: "failed", failed: lastFileIn(said) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Bun names each file before its tests, and stops at the first that fails. */
const lastFileIn = (said: string): string | null => said.match(/^\S+\.test\.ts(?=:$)/gm)?.at(-1) ?? null
