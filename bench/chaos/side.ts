/** One agent of the run: its Guardian is killed and started again, over and over. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { GuardStatus } from "../../src/guardian/door/results.ts"
import type { FaultPoint } from "../../src/store/faults.ts"
import { isAlive } from "../../src/tmux/process.ts"
import { guardiansOf, signalTo, until, type World } from "../../test/support/world.ts"
import type { Disk } from "./disk.ts"
import type { Random } from "./random.ts"
import { sleep } from "./sleep.ts"

export type SideCounts = {
  /** SIGKILL from outside, at a random moment. */
  killed: number
  /** SIGKILL from inside, at a named point of the code. */
  diedAtPoint: number
  /** Asked to stop by SIGTERM. */
  stopped: number
  /** Ended, and nobody knows why: a bug. */
  crashed: number
  skewedStarts: number
  /** `sento guard` that failed while the disk was full. */
  failedStarts: number
  /** Times its owner had to press Enter, because a message was held behind a text that nobody submitted. */
  ownerEnters: number
}

export type Side = {
  readonly name: string
  readonly home: string
  readonly counts: SideCounts
  /** The disk of its own, or null where there is none. */
  readonly disk: Disk | null
  /** What the pane's program was given, so far. */
  record(): string
  /** Where its Guardian listens, as of its last start. */
  port(): number
  setDiskFull(isFull: boolean): void
  isDiskFull(): boolean
  /** Presses Enter in the pane, if a message is held because of what stands there. */
  clearDraft(): Promise<void>
  /** Asks the Guardian to stop, if one runs. */
  askToStop(): void
  /** What `sento guard status` says of the Guardian that runs before and after it, and of which build that is; or null. */
  statusWords(): Promise<{ readonly words: string; readonly commit: string | undefined } | null>
  /** Kills and starts until the signal ends it. @throws when a start fails for no reason of ours */
  live(signal: AbortSignal): Promise<void>
  /** Starts it, without any fault, and leaves it. */
  settle(): Promise<void>
}

export type SideOptions = {
  readonly world: World
  readonly name: string
  readonly random: Random
  readonly disk: Disk | null
  /** The shortest and the longest life of a Guardian, in milliseconds. */
  readonly life: readonly [number, number]
}

/** Points of the code that lie on a message's way. */
const points: readonly [FaultPoint, ...FaultPoint[]] = [
  "before-message-is-kept",
  "after-message-is-kept",
  "before-typing-is-noted",
  "after-typing-is-noted",
  "after-text-is-typed",
  "after-delivery-is-noted",
  "before-outgoing-is-kept",
  "after-outgoing-is-kept",
  "before-attempt",
  "after-attempt",
  "after-settle",
  "after-hand-over",
  "before-carried-answer",
  "after-carried-answer",
  "after-fetching",
  "after-answer-is-kept",
  "after-answer-is-brought",
]

/** Every clock within a minute of the true one, or wrong by this many seconds: tolerated, and too much. */
const skewsSeconds = [-200, 200, -420, 420] as const

/** A start may fail for this long before it counts as broken; a full disk lasts less. */
const brokenMilliseconds = 30_000

type State = SideOptions & {
  readonly home: string
  readonly counts: SideCounts
  pid: number | null
  port: number
  isDiskFull: boolean
  wasAsked: boolean
}

export function createSide(options: SideOptions): Side {
  const { world, name } = options
  const state: State = {
    ...options,
    home: world.home(name),
    counts: {
      killed: 0,
      diedAtPoint: 0,
      stopped: 0,
      crashed: 0,
      skewedStarts: 0,
      failedStarts: 0,
      ownerEnters: 0,
    },
    pid: null,
    port: 0,
    isDiskFull: false,
    wasAsked: false,
  }
  return {
    name,
    home: state.home,
    counts: state.counts,
    disk: options.disk,
    record: () => readFileSync(recordPath(world, name), "utf8"),
    port: () => state.port,
    setDiskFull(isFull) {
      state.isDiskFull = isFull
    },
    isDiskFull: () => state.isDiskFull,
    clearDraft: () => clearDraft(state),
    askToStop: () => askToStop(state),
    statusWords: () => statusWords(state),
    live: signal => live(state, signal),
    settle: () => settle(state),
  }
}

export const recordPath = (world: World, name: string): string => join(world.folder, `${name}.typed`)

async function live(state: State, signal: AbortSignal): Promise<void> {
  let failingSince: number | null = null
  for (let lives = 0; !signal.aborted; ) {
    // The n-th life is the same in every run of a seed, however many starts failed before.
    const random = state.random.fork(String(lives))
    const point = random.chance(0.2) ? random.pick(points) : null
    const failure = await start(state, {
      ...skew(random, state.counts),
      ...(point === null ? {} : { SENTO_FAULT: point }),
    })
    if (failure === null || point !== null) {
      lives += 1
      failingSince = null
      await endLife(state, { point, milliseconds: random.between(...state.life) }, signal)
      await sleep(random.between(0, 1000), signal)
      continue
    }
    failingSince ??= Date.now()
    if (state.isDiskFull) state.counts.failedStarts += 1
    else if (Date.now() - failingSince > brokenMilliseconds) throw new Error(`${state.name}: ${failure}`)
    await sleep(200, signal)
  }
}

function skew(random: Random, counts: SideCounts): Record<string, string> {
  if (!random.chance(0.15)) return {}
  counts.skewedStarts += 1
  return { SENTO_CLOCK_OFFSET: String(random.pick(skewsSeconds)) }
}

/** Null when it runs, otherwise what was said. */
async function start(state: State, env: Record<string, string>): Promise<string | null> {
  state.pid = null
  state.wasAsked = false
  const ran = await state.world.sento(state.name, ["guard", "--json"], {
    env: { SENTO_LIMITS: "off", ...env },
  })
  if (ran.exit !== 0) return `${ran.stdout}${ran.stderr}`
  const status = JSON.parse(ran.stdout) as GuardStatus
  state.pid = status.pid
  state.port = status.port
  return null
}

/** Waits until this Guardian's time has come, or it ended before, and counts how it went. */
async function endLife(
  state: State,
  { point, milliseconds }: { readonly point: FaultPoint | null; readonly milliseconds: number },
  signal: AbortSignal,
): Promise<void> {
  const { counts } = state
  const deadline = Date.now() + milliseconds
  while (!signal.aborted && Date.now() < deadline && isRunning(state)) await sleep(10, signal)
  if (signal.aborted) return
  if (isRunning(state)) {
    signalTo(state.pid ?? 0, "SIGKILL")
    counts.killed += 1
  } else if (state.wasAsked) counts.stopped += 1
  else if (point !== null) counts.diedAtPoint += 1
  else counts.crashed += 1
  await gone(state)
}

const isRunning = ({ pid }: State): boolean => pid !== null && isAlive(pid)

const gone = (state: State): Promise<unknown> =>
  until(`the end of ${state.name}'s Guardian`, () => guardiansOf(state.home).length === 0)

function askToStop(state: State): void {
  if (!isRunning(state)) return
  state.wasAsked = true
  signalTo(state.pid ?? 0, "SIGTERM")
}

async function statusWords(state: State): ReturnType<Side["statusWords"]> {
  const { world, name } = state
  const before = await world.status(name)
  if (before === null) return null
  const { exit, stdout, stderr } = await world.sento(name, ["guard", "status"])
  const after = await world.status(name)
  return exit === 0 && after?.pid === before.pid
    ? { words: `${stdout}${stderr}`, commit: before.commit }
    : null
}

async function clearDraft({ world, name, counts }: State): Promise<void> {
  const status = await world.status(name)
  if (!/\bbox\b/.test(status?.held?.reason ?? "")) return
  counts.ownerEnters += 1
  await world.type(name, "")
}

async function settle(state: State): Promise<void> {
  for (const pid of guardiansOf(state.home)) signalTo(pid, "SIGTERM")
  await gone(state)
  const failure = await start(state, {})
  if (failure !== null) throw new Error(`${state.name}'s Guardian does not start: ${failure}`)
}
