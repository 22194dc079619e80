/**
 * `bun run flood [--seconds 5] [--rounds 4]`: how long a peer waits for the answer to a signed message while 64
 * connections send forged ones as fast as they are refused; next to a bare `Bun.serve` under the same flood, in
 * turns. Then the same for one connection that pipelines and reads nothing, and for 3,000 silent ones,
 * by themselves. Exit 1 where a 99th percentile is 50 ms or more, but for the silent ones, which are only told; or
 * where the log grows by 100 KB a minute or more.
 */
import { join } from "node:path"
import { parseArgs } from "node:util"
import { besiege } from "../test/support/besieged.ts"
import { exchange, messageBody, newPair, openAnswer, signSealed, spell } from "../test/support/client.ts"
import { until } from "../test/support/world.ts"

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "5" }, rounds: { type: "string", default: "4" } },
})
const milliseconds = Number(values.seconds) * 1000
const rounds = Number(values.rounds)
type Shape = { readonly connections: number; readonly shape: "asking" | "pipelining" | "silent" }
const asking: Shape = { connections: 64, shape: "asking" }
const pipelining: Shape = { connections: 1, shape: "pipelining" }
const silent: Shape = { connections: 3000, shape: "silent" }
const pauseMilliseconds = 10
const barMilliseconds = 50
const barBytes = 100_000
/** A pair may send 10 messages a minute, and a bench should not be refused for that. */
const peers = Math.ceil((milliseconds * (rounds + 3)) / pauseMilliseconds / 9)

type Round = { readonly waits: readonly number[]; readonly floodPerSecond: number }

const own = (file: string): string => join(import.meta.dir, "flood", file)
const bare = Bun.spawn([process.execPath, own("bare.ts")], { stdout: "pipe" })
process.on("exit", () => bare.kill())
const barePorts = numbersOf(bare.stdout)
const barePort = await until("the bare server", () => barePorts[0])
const mira = await besiege({ peers, session: "nobody" })
let sent = 0
let repeated = 0
const cut = "cut without an answer"
let { pair } = mira.peer()
let exit = 1
try {
  exit = await measure()
} finally {
  await mira.close()
}
process.exit(exit)

async function measure(): Promise<number> {
  const guarded: Round[] = []
  const unguarded: Round[] = []
  const calm = await probe(() => sendSigned(), milliseconds / 4)
  const logBefore = mira.log().length
  const startedAt = performance.now()
  for (let round = 0; round < rounds; round += 1) {
    guarded.push(await flooded(mira.port, sendSigned, asking))
    unguarded.push(await flooded(barePort, sendBare, asking))
  }
  const minutes = (performance.now() - startedAt) / 2 / 60_000
  const logPerMinute = Math.round((mira.log().length - logBefore) / minutes)
  process.stdout.write(`a Guardian without a flood:  ${words(calm)}\n`)
  process.stdout.write(`a Guardian under the flood:  ${describe(guarded)}\n`)
  process.stdout.write(`a bare Bun.serve under it:   ${describe(unguarded)}\n`)
  process.stdout.write(`the log grows by ${logPerMinute} bytes a minute of flood\n`)
  const deaf = await flooded(mira.port, sendSigned, pipelining)
  process.stdout.write(
    `one that pipelines:          ${words(deaf.waits)}; cut ${deaf.floodPerSecond} times a second\n`,
  )
  const mute = await flooded(mira.port, insist, silent)
  process.stdout.write(
    `3,000 silent connections:    ${words(mute.waits)}; ${mute.floodPerSecond} cut a second, ${repeated} tries repeated\n`,
  )
  const isMet = [guarded.flatMap(({ waits }) => waits), deaf.waits].every(
    waits => percentile(waits, 99) < barMilliseconds,
  )
  process.stdout.write(isMet ? "p99 under 50 ms\n" : "FAILED: a p99 of 50 ms or more\n")
  return isMet && logPerMinute < barBytes ? 0 : 1
}

/** Probes while another process floods. Of one that asks the first second does not count; of others it is the worst. */
async function flooded(
  port: number,
  once: () => Promise<void>,
  { connections, shape }: Shape,
): Promise<Round> {
  const forged = spell(port, signSealed(newPair(), messageBody(Date.now())))
  const load = Bun.spawn([process.execPath, own("load.ts"), String(port), String(connections), shape], {
    stdin: new Uint8Array(forged),
    stdout: "pipe",
  })
  try {
    const counts = numbersOf(load.stdout)
    if (shape === "asking") await until("the flood", () => counts.length > 0)
    const before = counts.at(-1) ?? 0
    const startedAt = performance.now()
    const waits = await probe(once, milliseconds)
    const seconds = (performance.now() - startedAt) / 1000
    return { waits, floodPerSecond: Math.round(((counts.at(-1) ?? 0) - before) / seconds) }
  } finally {
    load.kill()
  }
}

async function probe(once: () => Promise<void>, forMilliseconds: number): Promise<number[]> {
  const waits: number[] = []
  for (const end = performance.now() + forMilliseconds; performance.now() < end; ) {
    const startedAt = performance.now()
    await once()
    waits.push(performance.now() - startedAt)
    await Bun.sleep(pauseMilliseconds)
  }
  return waits
}

/** On a connection of its own, as a Guardian does it: connect, sign, encrypt, commit, answer, check. */
async function sendSigned(): Promise<void> {
  if (sent > 0 && sent % 9 === 0) pair = mira.peer().pair
  sent += 1
  const request = signSealed(pair, messageBody(Date.now()))
  const response = await exchange(mira.port, spell(mira.port, request))
  if (response === null) throw new Error(cut)
  if (openAnswer(pair, request, response).status !== 202) throw new Error(`HTTP ${response.status}`)
}

/** From the address of a crowd one may be cut with it, and tries again, as a Guardian does; it is counted. */
async function insist(): Promise<void> {
  const isCut = await sendSigned().then(
    () => false,
    (error: Error) => {
      if (error.message !== cut) throw error
      return true
    },
  )
  if (!isCut) return
  repeated += 1
  return insist()
}

async function sendBare(): Promise<void> {
  const request = signSealed(pair, messageBody(Date.now()))
  if ((await exchange(barePort, spell(barePort, request))) === null) throw new Error(cut)
}

/** The numbers that a process has written so far, a line each. */
function numbersOf(stream: ReadableStream<Uint8Array>): number[] {
  const numbers: number[] = []
  void (async () => {
    for await (const chunk of stream)
      numbers.push(...new TextDecoder().decode(chunk).split("\n").filter(Boolean).map(Number))
  })()
  return numbers
}

function percentile(waits: readonly number[], percent: number): number {
  const sorted = [...waits].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN
}

function words(waits: readonly number[]): string {
  const [median, late] = [50, 99].map(percent => percentile(waits, percent).toFixed(1))
  return `median ${median} ms, p99 ${late} ms, most ${Math.max(...waits).toFixed(1)} ms, of ${waits.length}`
}

function describe(of: readonly Round[]): string {
  const waits = of.flatMap(one => one.waits)
  const perSecond = Math.round(of.reduce((sum, one) => sum + one.floodPerSecond, 0) / of.length)
  return `${words(waits)}; ${perSecond} forged requests refused a second`
}
