/**
 * Thousands that fetch from one Guardian: `bun bench/collectors.ts [--collectors 2000] [--seconds 60]
 * [--descriptors N]`. What it holds of memory and descriptors, what those are told for which there is no room, and
 * how long messages take to these and to the others; then the same with a flood of strangers beside. Exit 1 where a
 * message does not come, or one that fetches and is held is cut.
 */
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { callDoor } from "../src/guardian/door/client.ts"
import { type Besieged, besiege } from "../test/support/besieged.ts"
import { type ClientPair, openExchange, packAnswer, spell } from "../test/support/client.ts"
import {
  acceptedAnswer,
  type Collected,
  collectedOf,
  collectOf,
  type Fields,
} from "../test/support/collecting.ts"
import { until } from "../test/support/world.ts"
import { cpuOf, memoryOf } from "./bench/proc.ts"

const { values } = parseArgs({
  options: {
    collectors: { type: "string", default: "2000" },
    seconds: { type: "string", default: "60" },
    descriptors: { type: "string" },
  },
})
const count = Number(values.collectors)
const watchMilliseconds = Number(values.seconds) * 1000
/** All of them at once would be a flood of its own. */
const startMilliseconds = 5000
/** After a connection that was cut, as a Guardian does it. */
const cutMilliseconds = 1000
/** Messages to those that are held, and to those that are not. */
const messages = 20
const patienceMilliseconds = 90_000
const strangers = ["silent 3000", "asking 64"] as const

type Collector = {
  readonly name: string
  readonly pair: ClientPair
  isOpen: boolean
  /** Was told to come later, and has not come since. */
  isTold: boolean
  readonly got: Map<string, number>
}

const told = { later: 0, cutWhileHeld: 0, cutAtOnce: 0, others: new Map<string, number>() }
const stopping = new AbortController()
const mira = await besiege({
  peers: count,
  session: "nobody",
  ...(values.descriptors === undefined ? {} : { descriptors: Number(values.descriptors) }),
})
let exit = 1
try {
  exit = await measure()
} finally {
  stopping.abort()
  await mira.close()
}
process.exit(exit)

async function measure(): Promise<number> {
  say("nobody fetches", [])
  const collectors = Array.from({ length: count }, (): Collector => {
    const { name, pair } = mira.peer()
    return { name, pair, isOpen: false, isTold: false, got: new Map() }
  })
  collectors.forEach((one, i) => void live(one, i))
  const held = (): Collector[] => collectors.filter(one => one.isOpen && !one.isTold)
  const later = (): Collector[] => collectors.filter(one => one.isTold)
  await Bun.sleep(startMilliseconds + 1000)
  say("all have come", collectors)
  const before = await watch("they come again and again", collectors)
  const calm = [
    await bring("to one that is held", held()),
    await bring("to one that was told to wait", later()),
  ]
  say("after the messages", collectors)
  const cutBefore = told.cutWhileHeld
  const flood = strangers.map(words => openFlood(mira, words.split(" ")))
  try {
    await Bun.sleep(startMilliseconds)
    say("a flood of strangers begins", collectors)
    await watch("a flood beside", collectors)
    calm.push(await bring("to one that is held, in the flood", held()))
    calm.push(await bring("to one that was told to wait, in the flood", later()))
  } finally {
    for (const one of flood) one.kill()
  }
  await Bun.sleep(cutMilliseconds)
  say("the flood is over", collectors)
  print(`answers of other kinds: ${JSON.stringify([...told.others])}`)
  const isClean = calm.every(Boolean) && told.cutWhileHeld === cutBefore && before
  print(isClean ? "every message came, and nobody was cut" : "FAILED")
  return isClean ? 0 : 1
}

async function live(one: Collector, index: number): Promise<void> {
  await Bun.sleep((index / count) * startMilliseconds)
  let stamp = 0
  let fields: Fields = {}
  while (!stopping.signal.aborted) {
    stamp = Math.max(stamp + 1, Date.now())
    const collected = await collectOnce(one, index, stamp, fields)
    fields = {}
    if (collected.kind === "carried") {
      one.got.set(String(collected.body.text), performance.now())
      fields = { answer: packAnswer(one.pair, collected, acceptedAnswer(collected)) }
    } else if (collected.kind === "cut") await Bun.sleep(cutMilliseconds)
    else if (collected.kind === "unsigned") note(`HTTP ${collected.status}`)
    else if (collected.word.status === 503) {
      told.later += 1
      one.isTold = true
      await Bun.sleep(Number(collected.word.retryAfter) * 1000)
    } else if (collected.word.status !== 202) note(JSON.stringify(collected.word.status))
  }
}

/** From an address of its own. */
async function collectOnce(one: Collector, index: number, stamp: number, fields: Fields): Promise<Collected> {
  const request = collectOf(one.pair, stamp, fields)
  const from = `127.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`
  const began = performance.now()
  one.isOpen = true
  const { answer } = openExchange(mira.port, spell(mira.port, request), from)
  const held = setTimeout(() => {
    one.isTold = false
  }, 1000)
  const collected = await answer
    .then(response => collectedOf(one.pair, request, response))
    .catch((): Collected => ({ kind: "cut" }))
  clearTimeout(held)
  one.isOpen = false
  if (collected.kind === "cut" && !stopping.signal.aborted)
    if (performance.now() - began > 1000) told.cutWhileHeld += 1
    else told.cutAtOnce += 1
  return collected
}

function note(what: string): void {
  told.others.set(what, (told.others.get(what) ?? 0) + 1)
}

/** Whether so many are held as there are at the most, or all. */
async function watch(what: string, collectors: readonly Collector[]): Promise<boolean> {
  const cpu = cpuOf(mira.pid)
  const looks = 3
  for (let look = 1; look <= looks; look += 1) {
    await Bun.sleep(watchMilliseconds / looks)
    say(what, collectors)
  }
  const share = ((cpuOf(mira.pid) - cpu) / watchMilliseconds) * 100
  print(`  processor: ${share.toFixed(1)} % of a core`)
  return true
}

/** Sends to some of them. @returns whether all came */
async function bring(what: string, to: readonly Collector[]): Promise<boolean> {
  const some = to.slice(0, messages)
  if (some.length === 0) {
    print(`  a message ${what}: there is none`)
    return true
  }
  const text = what
  const waits = await Promise.all(
    some.map(async one => {
      const startedAt = performance.now()
      const sending = callDoor(mira.paths, "agent", { op: "send", to: one.name, text }).catch(() => null)
      const came = await until("the message", () => one.got.get(text), patienceMilliseconds).catch(() => null)
      await sending
      return came === null ? null : came - startedAt
    }),
  )
  const there = waits.filter(wait => wait !== null).sort((a, b) => a - b)
  const [median, most] = [there[there.length >> 1] ?? Number.NaN, there.at(-1) ?? Number.NaN]
  print(
    `  a message ${what}: ${there.length} of ${some.length} came, median ${median.toFixed(0)} ms, most ${most.toFixed(0)} ms`,
  )
  return there.length === some.length
}

function openFlood({ port }: Besieged, [shape = "", connections = ""]: readonly string[]) {
  const load = join(import.meta.dir, "flood/load.ts")
  const forged = Buffer.from("POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n")
  return Bun.spawn([process.execPath, load, String(port), connections, shape], {
    stdin: forged,
    stdout: "ignore",
  })
}

function say(what: string, collectors: readonly Collector[]): void {
  const { anonymous, resident } = memoryOf(mira.pid)
  const open = collectors.filter(one => one.isOpen).length
  const descriptors = readdirSync(`/proc/${mira.pid}/fd`).length
  print(
    `${what}: ${open} open, ${told.later} times told to come later, ${told.cutWhileHeld} cut while held, ${told.cutAtOnce} cut before; ${anonymous.toFixed(1)} MiB of its own, ${resident.toFixed(1)} resident, ${descriptors} descriptors`,
  )
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
