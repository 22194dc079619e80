/** Copies of the repository in which mutants are tried: the tree itself is never touched. */
import { accessSync, chmodSync, cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export type Copy = { readonly root: string } & Disposable

/** `failed`: the file of the first test that failed. */
export type Ran = {
  readonly outcome: "passed" | "failed" | "timeout"
  readonly failed: string | null
  readonly cpuSeconds: number
}

/**
 * What a run may take. A loop without an end is seen by the processor's time it takes, which says nothing of how busy
 * the machine is; what only waits, by the clock.
 */
export type Limits = { readonly cpuSeconds: number; readonly milliseconds: number }

const kept = ["src", "test", "docs", "build.ts", "package.json", "tsconfig.json", "bunfig.toml"]

export function openCopy(root: string): Copy {
  const copy = mkdtempSync(join(tmpdir(), "sento-mutants-"))
  // As the repository, so that another user of a test's can load what is in it.
  chmodSync(copy, 0o755)
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

/** A mutant that writes for ever fills no disk: in blocks of 512 bytes or 1,024, as the shell has them. */
const mostBlocks = 1_000_000

/**
 * What is wrong on purpose must not reach anything: with one `||` changed, tests once took the user's own home for a
 * temporary one and removed it. All of the disk can be read alone, but the copy and the folder of this run; no other
 * process can be seen or signalled, and there is no network but the loopback of this run.
 */
const isolated = [
  'mount --bind "$COPY" "$COPY"',
  'mount --bind "$HOME" "$HOME"',
  "mount -o remount,bind,ro /",
  "ip link set lo up",
].join(" && ")

const unshare = [
  ...["unshare", "--mount", "--propagation", "private", "--net"],
  // Whatever was started ends with the run.
  ...["--pid", "--fork", "--kill-child", "--mount-proc"],
  ...(process.getuid?.() === 0 ? [] : ["--map-root-user"]),
]

/** Whether a run can be kept from all else; without it none is begun. */
export function canIsolate({ root }: Copy): boolean {
  const script = `${isolated} && ! touch ${process.execPath} 2>/dev/null && touch "$HOME"`
  const env = { ...process.env, COPY: root, HOME: root }
  const ran = Bun.spawnSync([...unshare, "sh", "-c", script], { env, stdout: "ignore", stderr: "ignore" })
  return ran.exitCode === 0
}

/** What is run. `name`: a pattern, and null for all of these files. */
export type Tests = { readonly files: readonly string[]; readonly name: string | null }

/**
 * How long a test may take, and what is waited for in one: long for a busy machine, as what fails by it counts as
 * noticed, and not too long, as waiting in vain is how many a change is noticed.
 */
const testMilliseconds = 60_000
const patienceMilliseconds = 12_000

/** The runs that are under way, each with its folder. */
const underWay = new Map<number, string>()

/** Ends them, and leaves nothing of them: for a signal, at which nobody waits for their ends. */
export function endRuns(): void {
  for (const [pid, folder] of underWay) {
    process.kill(-pid, "SIGKILL")
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs tests up to the first that fails. */
export async function runTests({ root }: Copy, { files, name }: Tests, limits: Limits): Promise<Ran> {
  const folder = mkdtempSync(join(temporary, "sento-mutant-"))
  try {
    // As /tmp is, for the same.
    chmodSync(folder, 0o711)
    // The shell stays between: a mutant that signals the parent of the tests does not end this process.
    const limited = `ulimit -t ${Math.ceil(limits.cpuSeconds)}; ulimit -S -f ${mostBlocks}; "$0" "$@"; exit $?`
    const words = [
      ...[process.execPath, "test", "--bail", `--timeout=${testMilliseconds}`],
      ...(name === null ? [] : ["--test-name-pattern", name]),
      ...files.map(file => `./${file}`),
    ]
    const child = Bun.spawn(
      [...unshare, "sh", "-c", `${isolated} || exit 1; cd "$COPY"; ${limited}`, ...words],
      {
        cwd: root,
        env: {
          ...process.env,
          ...{ COPY: root, HOME: folder, TMPDIR: folder },
          SENTO_TEST_PATIENCE: String(patienceMilliseconds),
        },
        stdin: "ignore",
        stdout: "ignore",
        stderr: "pipe",
        // A group of its own: what a test has started ends with it.
        detached: true,
      },
    )
    underWay.set(child.pid, folder)
    let isLate = false
    const alarm = setTimeout(() => {
      isLate = true
      process.kill(-child.pid, "SIGKILL")
    }, limits.milliseconds)
    const said = await new Response(child.stderr).text()
    await child.exited
    underWay.delete(child.pid)
    clearTimeout(alarm)
    const cpuSeconds = Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6
    if (child.exitCode === 0) return { outcome: "passed", failed: null, cpuSeconds }
    const isEndless = isLate || cpuSeconds >= limits.cpuSeconds
    return { outcome: isEndless ? "timeout" : "failed", failed: lastFileIn(said), cpuSeconds }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Bun names each file before its tests, and stops at the first that fails. */
const lastFileIn = (said: string): string | null => said.match(/^\S+\.test\.ts(?=:$)/gm)?.at(-1) ?? null
