/**
 * Two real Guardians that send each other messages while everything goes wrong, then peace, then the count:
 * whatever `sento send` took must have been typed once, or be told to be uncertain.
 */
import { Database } from "bun:sqlite"
import { cpSync, existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { longestWaitMilliseconds } from "../../src/protocol/retries.ts"
import { updateConfig } from "../../src/store/config.ts"
import { pathsOf } from "../../src/store/paths.ts"
import {
  createWorld,
  guardiansOf,
  initAgent,
  pairAgents,
  signalTo,
  until,
  type World,
} from "../../test/support/world.ts"
import { type Disk, mountDisk } from "./disk.ts"
import { type Link, type LinkCounts, openLink } from "./link.ts"
import { createRandom, type Random } from "./random.ts"
import { createSide, recordPath, type Side, type SideCounts } from "./side.ts"
import { sleep } from "./sleep.ts"
import { createTraffic, type Traffic } from "./traffic.ts"
import { type UpgradeCounts, upgrade } from "./upgrade.ts"
import { judge, type Verdict } from "./verdict.ts"

/**
 * How the two reach each other: each dials the other; or nobody can dial the one that is behind a router, so that it
 * fetches; or that changes in the middle, again and again.
 */
export type Way = "dialled" | "carried" | "mixed"

export type ChaosOptions = {
  readonly way: Way
  /** The build with fault points. */
  readonly binary: string
  readonly seed: string
  /** At least so many are taken, both directions together. */
  readonly messages: number
  /** At least so many random kills, both sides together. */
  readonly kills: number
  /** The shortest and the longest life of a Guardian, in milliseconds. */
  readonly life: readonly [number, number]
  /** How long a way lasts that changes, in milliseconds. */
  readonly wayLasts: readonly [number, number]
  readonly mostStallMilliseconds: number
  /**
   * Whether each sends one more once the faults stopped, and where nothing goes for 5 s, so that what waits is tried at
   * once, as in a day's use.
   */
  readonly hastens: boolean
  /** Whether disks are filled, where this user may mount one. */
  readonly fillsDisks: boolean
  /** What replaces `binary` in turn, while all of it runs; null: nothing does. */
  readonly upgrades: Upgrades | null
  /** Where logs, databases and records are copied to before all is removed, or null. */
  readonly keep: string | null
  readonly signal: AbortSignal
  readonly say: (line: string) => void
}

export type Upgrades = {
  /** Files of two builds, the first of which lies at `binary` now. */
  readonly builds: readonly [string, string]
  /** At least so many replacements. */
  readonly times: number
}

export type ChaosReport = {
  readonly verdicts: Readonly<Record<string, Verdict>>
  readonly sides: Readonly<Record<string, SideCounts>>
  readonly links: Readonly<Record<string, LinkCounts>>
  readonly queued: number
  readonly timeouts: number
  readonly again: number
  readonly refusals: readonly (readonly [string, number])[]
  /** How often a disk was filled; null where none could be. */
  readonly diskFull: number | null
  readonly way: Way
  /** How often the way changed. */
  readonly changes: number
  /** How often the binary was replaced, and how often a command said so of a Guardian that ran, and was to. */
  readonly upgrades: UpgradeCounts
  /** In the outboxes when for long nothing had gone any more. */
  readonly undrained: number
  /** What kept them: the heads of the outboxes. */
  readonly stuck: readonly string[]
  readonly outboxStates: Readonly<Record<string, number>>
  /** Replayed once more when all was over. */
  readonly replayedAtEnd: number
  /** Connections that came to a Guardian not through the link show as a changed port here: names. */
  readonly bypassed: readonly string[]
  /** Lines of the logs that name a bug. */
  readonly bugs: readonly string[]
  readonly faultSeconds: number
  readonly drainSeconds: number
}

/** What stands between the two, in one piece so that all of it can be taken down. */
type Stage = {
  readonly world: World
  readonly sides: readonly [Side, Side]
  readonly links: readonly [Link, Link]
  readonly traffics: readonly [Traffic, Traffic]
}

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const world = createWorld([options.binary])
  const disks = new Map<string, Disk>()
  const links: Link[] = []
  try {
    const stage = await setUp(options, world, disks, links)
    options.say("paired; the faults begin")
    return await play(options, stage)
  } finally {
    await takeDown(options, world, disks, links)
  }
}

const names = ["mira", "kai"] as const
const recorder = join(import.meta.dir, "recorder.ts")

async function setUp(
  options: ChaosOptions,
  world: World,
  disks: Map<string, Disk>,
  links: Link[],
): Promise<Stage> {
  const random = createRandom(options.seed)
  for (const name of names) {
    const disk = options.fillsDisks ? mountDisk(join(world.home(name), ".sento")) : null
    if (disk !== null) disks.set(name, disk)
    await world.session(name, [process.execPath, recorder, recordPath(world, name)])
    await world.shows(name, "ready")
    initAgent(world, name)
    await world.guard(name)
  }
  await pairAgents(world, "mira", "kai")
  const side = (name: string): Side => {
    const disk = disks.get(name) ?? null
    return createSide({ world, name, random: random.fork(name), disk, life: options.life })
  }
  const [mira, kai] = [side("mira"), side("kai")]
  await connect(options, random, { from: mira, to: kai, isOpen: options.way !== "carried" }, links)
  await connect(options, random, { from: kai, to: mira, isOpen: true }, links)
  return {
    world,
    sides: [mira, kai],
    links: links as unknown as readonly [Link, Link],
    traffics: [
      createTraffic("m2k", mira, kai, random.fork("m2k")),
      createTraffic("k2m", kai, mira, random.fork("k2m")),
    ],
  }
}

/** Puts a link of ours in place of the peer's address, while this Guardian is stopped. */
async function connect(
  options: ChaosOptions,
  random: Random,
  { from, to, isOpen }: { readonly from: Side; readonly to: Side; readonly isOpen: boolean },
  links: Link[],
): Promise<void> {
  const { mostStallMilliseconds } = options
  const link = await openLink({
    target: to.port,
    random: random.fork(`to ${to.name}`),
    mostStallMilliseconds,
    isOpen,
  })
  links.push(link)
  for (const pid of guardiansOf(from.home)) signalTo(pid, "SIGTERM")
  await until("the Guardian to stop", () => guardiansOf(from.home).length === 0)
  updateConfig(pathsOf(from.home), config => {
    const peer = config.agents[to.name]
    if (peer === undefined) throw new Error(`${from.name} is not paired with ${to.name}`)
    // Fixed, because each says its own port in a hello, which leads past the link.
    return { ...config, agents: { [to.name]: { ...peer, port: link.port, fixed: true } } }
  })
}

async function play(options: ChaosOptions, stage: Stage): Promise<ChaosReport> {
  const startedAt = Date.now()
  const { diskFull, changes, upgrades } = await misbehave(options, stage)
  const calmAt = Date.now()
  options.say("the faults are over; waiting for the outboxes")
  for (const link of stage.links) link.calm()
  const clearing = new AbortController()
  const signal = AbortSignal.any([clearing.signal, options.signal])
  const owners = stage.sides.map(side => clearDrafts(side, signal))
  for (const side of stage.sides) await side.settle()
  if (options.hastens) await Promise.all(stage.traffics.map(one => one.send(signal)))
  const undrained = await drain(options, stage)
  const stuck = stage.traffics.flatMap(({ from }) => headOf(from))
  let replayedAtEnd = 0
  for (const link of stage.links) replayedAtEnd += await link.replayAll()
  await drain(options, stage)
  clearing.abort()
  await Promise.all(owners)
  const drainSeconds = (Date.now() - calmAt) / 1000
  const faultSeconds = (calmAt - startedAt) / 1000
  const { way } = options
  return report(stage, {
    way,
    changes,
    upgrades,
    diskFull,
    undrained,
    stuck,
    replayedAtEnd,
    faultSeconds,
    drainSeconds,
  })
}

/**
 * Of all messages, how many go this way. What is to be fetched is the subject where nobody can dial, and each message
 * the other way has receipts that are to be fetched too.
 */
const shareOf = (way: Way, { direction }: Traffic): number =>
  way === "dialled" ? 0.5 : direction === "m2k" ? 0.8 : 0.2

/** Everything at once until enough was sent and killed; the first part that fails ends all of them. */
async function misbehave(
  options: ChaosOptions,
  { sides, traffics, links }: Stage,
): Promise<Pick<ChaosReport, "diskFull" | "changes" | "upgrades">> {
  const over = new AbortController()
  const signal = AbortSignal.any([over.signal, options.signal])
  const counts = { diskFull: 0, changes: 0 }
  const upgrades: UpgradeCounts = { times: 0, asked: 0, told: 0 }
  const isEnough = (traffic: Traffic): boolean =>
    traffic.taken() >= options.messages * shareOf(options.way, traffic) &&
    (shareOf(options.way, traffic) < 0.5 || killsOf(sides) >= options.kills) &&
    upgrades.times >= (options.upgrades?.times ?? 0) &&
    (options.way === "dialled" || links[1].counts.carried > 0)
  const jobs = [
    ...sides.map(side => side.live(signal)),
    fillDisks(sides, createRandom(`${options.seed}/disks`), signal, counts),
    changeWay(options, links[0], signal, counts),
    upgrade(options, sides, signal, upgrades),
    ...sides.map(side => clearDrafts(side, signal)),
    tell(options, sides, traffics, signal),
    Promise.all(traffics.map(one => one.flow(() => isEnough(one), signal))).then(() => over.abort()),
  ]
  const ended = await Promise.allSettled(
    jobs.map(job =>
      job.catch(error => {
        over.abort()
        throw error
      }),
    ),
  )
  for (const side of sides) free(side)
  options.signal.throwIfAborted()
  for (const one of ended) if (one.status === "rejected") throw one.reason
  const { diskFull, changes } = counts
  return { diskFull: sides.some(side => side.disk !== null) ? diskFull : null, changes, upgrades }
}

/** A mixed run: the way to the one behind the router opens and closes. */
async function changeWay(
  { way, seed, wayLasts }: ChaosOptions,
  link: Link,
  signal: AbortSignal,
  counts: { changes: number },
): Promise<void> {
  const random = createRandom(`${seed}/way`)
  while (way === "mixed" && !signal.aborted) {
    await sleep(random.between(...wayLasts), signal)
    if (signal.aborted) return
    link.setOpen(!link.isOpen())
    counts.changes += 1
  }
}

const ownerMilliseconds = 500

/** The owner of a pane in which a text stands that a killed Guardian did not submit: presses Enter. */
async function clearDrafts(side: Side, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(ownerMilliseconds, signal)
    if (!signal.aborted) await side.clearDraft()
  }
}

/** Now and then one disk is full, for some seconds; half the time from before its Guardian starts. */
async function fillDisks(
  sides: readonly Side[],
  random: Random,
  signal: AbortSignal,
  counts: { diskFull: number },
): Promise<void> {
  const some = sides.filter(side => side.disk !== null)
  for (let turn = 0; some.length > 0; turn += 1) {
    await sleep(random.between(8000, 15_000), signal)
    if (signal.aborted) return
    const side = some[turn % some.length] as Side
    side.setDiskFull(true)
    side.disk?.fill()
    counts.diskFull += 1
    if (random.chance(0.5)) side.askToStop()
    await sleep(random.between(2000, 6000), signal)
    free(side)
  }
}

function free(side: Side): void {
  side.disk?.free()
  side.setDiskFull(false)
}

const progressMilliseconds = 10_000

async function tell(
  options: ChaosOptions,
  sides: readonly Side[],
  traffics: readonly Traffic[],
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await sleep(progressMilliseconds, signal)
    if (signal.aborted) return
    options.say(`taken ${traffics.map(one => one.taken()).join(" + ")}, killed ${killsOf(sides)}`)
  }
}

/**
 * For so long nothing may go while something waits: the longest rest of an attempt, which a clock that was ahead may
 * have begun later by as much, an attempt, and a machine that has much else to do.
 */
const stillMilliseconds = 2 * longestWaitMilliseconds + 2 * 60_000

/** A way that closed is known to the one behind it by the next answer alone that it has, or an hour later. */
const hastenMilliseconds = 5000

/**
 * Waits until nothing is left to send or to type, as long as something goes.
 * @returns what is left when nothing does
 */
async function drain(options: ChaosOptions, { world, traffics }: Stage): Promise<number> {
  let saidAt = Date.now()
  let hastenedAt = Date.now()
  let least = Number.POSITIVE_INFINITY
  let movedAt = Date.now()
  for (;;) {
    options.signal.throwIfAborted()
    const statuses = await Promise.all(names.map(name => world.status(name)))
    const waiting = statuses.map(one => one?.waiting ?? { inbox: 1, outbox: 1 })
    const left = sum(waiting.map(one => one.inbox + one.outbox))
    if (left < least) movedAt = Date.now()
    least = Math.min(least, left)
    if (left === 0 || Date.now() - movedAt > stillMilliseconds) return sum(waiting.map(one => one.outbox))
    if (Date.now() - saidAt > progressMilliseconds) {
      saidAt = Date.now()
      const heads = traffics.flatMap(({ from }) => headOf(from))
      options.say(`left: ${JSON.stringify(waiting)}; ${heads.join("; ")}`)
    }
    if (options.hastens && Date.now() - Math.max(movedAt, hastenedAt) > hastenMilliseconds) {
      await Promise.all(traffics.map(one => one.send(options.signal)))
      hastenedAt = Date.now()
    }
    await sleep(100, options.signal)
  }
}

type Times = Pick<
  ChaosReport,
  | "way"
  | "changes"
  | "upgrades"
  | "diskFull"
  | "undrained"
  | "stuck"
  | "replayedAtEnd"
  | "faultSeconds"
  | "drainSeconds"
>

/** What waits longest to be sent, in words. */
function headOf({ name, home }: Side): string[] {
  using database = new Database(pathsOf(home).database, { readonly: true })
  type Head = { attempts: number; nextAt: number; askedFor: number | null; reason: string | null }
  return database
    .query<Head, []>(
      "SELECT attempts, next_at AS nextAt, asked_for AS askedFor, reason FROM outbox WHERE state = 'queued' ORDER BY seq LIMIT 1",
    )
    .all()
    .map(
      ({ attempts, nextAt, askedFor, reason }) =>
        `${name}: ${attempts} attempts, the next in ${((nextAt - Date.now()) / 1000).toFixed(1)} s${askedFor === null ? "" : " by the peer's word"}: ${reason}`,
    )
}

function report({ sides, links, traffics }: Stage, times: Times): ChaosReport {
  const outboxes = traffics.map(({ from }) => outboxOf(from))
  const states: Record<string, number> = {}
  for (const { state } of outboxes.flat()) states[state] = (states[state] ?? 0) + 1
  return {
    ...times,
    verdicts: Object.fromEntries(
      traffics.map((one, i) => [one.direction, verdictOf(one, outboxes[i] ?? [])]),
    ),
    sides: Object.fromEntries(sides.map(side => [side.name, side.counts])),
    links: Object.fromEntries(sides.map((side, i) => [side.name, (links[i] as Link).counts])),
    queued: sum(traffics.map(one => one.queued())),
    timeouts: sum(traffics.map(one => one.timeouts())),
    again: sum(traffics.map(one => one.again())),
    refusals: traffics.flatMap(one => [...one.refusals]),
    outboxStates: states,
    bypassed: traffics
      .filter(({ from, to }, i) => portOf(from, to) !== links[i]?.port)
      .map(one => one.from.name),
    bugs: sides.flatMap(bugsOf),
  }
}

type Row = { readonly text: string; readonly state: string }

function verdictOf({ texts, to }: Traffic, outbox: readonly Row[]): Verdict {
  const inbox = rowsOf(to, "inbox").map(({ text, state }) => [keyOf(text), state] as const)
  return judge({
    texts,
    record: to.record(),
    inbox: new Map(inbox),
    outbox: outbox.map(one => keyOf(one.text)),
  })
}

const outboxOf = (side: Side): Row[] => rowsOf(side, "outbox")

const keyOf = (text: string): string => text.slice(1, text.indexOf("|"))

function rowsOf(side: Side, table: "inbox" | "outbox"): Row[] {
  using database = new Database(pathsOf(side.home).database, { readonly: true })
  return database.query<Row, []>(`SELECT text, state FROM ${table} ORDER BY seq`).all()
}

function portOf(from: Side, to: Side): number | null {
  const config = JSON.parse(readFileSync(pathsOf(from.home).config, "utf8"))
  return config.agents[to.name]?.port ?? null
}

function bugsOf(side: Side): string[] {
  const { log } = pathsOf(side.home)
  return (
    [log, `${log}.1`, `${log}.2`]
      .filter(path => existsSync(path))
      .flatMap(path => readFileSync(path, "utf8").split("\n"))
      // A full disk is one of the faults: that it is said is no bug.
      .filter(line => /\bbug: |failed: /.test(line) && !line.includes("disk is full"))
      .map(line => `${side.name}: ${line}`)
  )
}

const killsOf = (sides: readonly Side[]): number => sum(sides.map(side => side.counts.killed))

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)

/** Links first, so that no timer starts anything; mounts after the processes that use them. */
async function takeDown(
  options: ChaosOptions,
  world: World,
  disks: ReadonlyMap<string, Disk>,
  links: readonly Link[],
): Promise<void> {
  for (const link of links) await link.close()
  if (options.keep !== null) cpSync(world.folder, options.keep, { recursive: true, filter: isRegular })
  for (const name of names) {
    for (const pid of guardiansOf(world.home(name))) signalTo(pid, "SIGKILL")
    await until("the Guardians to end", () => guardiansOf(world.home(name)).length === 0)
    disks.get(name)?.unmount()
  }
  await world.close()
}

const isRegular = (path: string): boolean => !/\.sock$|\/tmux$|\/ballast$/.test(path)
