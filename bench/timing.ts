/**
 * `bun run timing [--samples 4000] [--seed 1]`: whether the time of a refusal tells its cause. An unknown pair, a
 * signature wrong in its first byte and one wrong in its last are sent in random order over one connection. Two
 * cases may differ by no more than a case differs from itself: the medians of its halves, and how often one half
 * is slower than the other (0.5: as often as not), over 500 random splits, of which the 99th percentile counts.
 */
import { parseArgs } from "node:util"
import { besiege } from "../test/support/besieged.ts"
import { messageBody, newPair, type Request, signPlain, spell } from "../test/support/client.ts"

const { values } = parseArgs({
  options: { samples: { type: "string", default: "4000" }, seed: { type: "string", default: "1" } },
})
const samples = Number(values.samples)
const splits = 500
const warmUp = 500
const random = seeded(Number(values.seed))

const mira = await besiege({ peers: 1, session: "nobody" })
let exit = 1
try {
  exit = report(await measure())
} finally {
  await mira.close()
}
process.exit(exit)

type Samples = Readonly<Record<string, readonly number[]>>

/** Microseconds, for each case. */
async function measure(): Promise<Samples> {
  const good = signPlain(mira.peer().pair, messageBody(Date.now()))
  const other = (digit: string | undefined): string => (digit === "0" ? "1" : "0")
  const sign = (signature: string): Uint8Array => withHeader(good, "X-Sento-Signature", signature)
  const { signature } = good
  const cases: Record<string, Uint8Array> = {
    "unknown pair": withHeader(good, "X-Sento-Pair", newPair().id),
    "wrong first byte": sign(other(signature[0]) + signature.slice(1)),
    "wrong last byte": sign(signature.slice(0, -1) + other(signature.at(-1))),
  }
  const ask = await openAsker()
  const names = Object.keys(cases)
  const taken: Record<string, number[]> = Object.fromEntries(names.map(name => [name, []]))
  for (let i = 0; i < warmUp + 2 * samples; i += 1)
    for (const name of shuffled(names)) {
      const microseconds = await ask(cases[name] ?? new Uint8Array())
      if (i >= warmUp) taken[name]?.push(microseconds)
    }
  return taken
}

function withHeader(request: Request, name: string, value: string): Uint8Array {
  const headers = request.headers.map(([key, old]) => [key, key === name ? value : old] as const)
  return new Uint8Array(spell(mira.port, { ...request, headers }))
}

/** One connection; each request is answered before the next is sent. */
async function openAsker(): Promise<(bytes: Uint8Array) => Promise<number>> {
  let answered: (at: number) => void = () => {}
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: mira.port,
    socket: {
      data(_, chunk) {
        const at = performance.now()
        if (!chunk.toString("latin1").startsWith("HTTP/1.1 403")) throw new Error("not refused")
        answered(at)
      },
      close: () => answered(Number.NaN),
    },
  })
  return async bytes => {
    const { promise, resolve } = Promise.withResolvers<number>()
    answered = resolve
    const startedAt = performance.now()
    socket.write(bytes)
    const took = (await promise) - startedAt
    if (Number.isNaN(took)) throw new Error("the connection was cut")
    return took * 1000
  }
}

type Difference = { readonly medians: number; readonly slower: number }

function report(taken: Samples): number {
  const noise = Object.entries(taken).map(([name, of]) => ({ name, ...noiseOf(of) }))
  const most: Difference = {
    medians: Math.max(...noise.map(one => one.medians)),
    slower: Math.max(...noise.map(one => one.slower)),
  }
  for (const { name, medians, slower } of noise) {
    const median = medianOf(taken[name] ?? []).toFixed(1)
    process.stdout.write(`${name}: median ${median} µs; against itself ${words({ medians, slower })}\n`)
  }
  let isGood = true
  for (const [a, b] of pairsOf(Object.keys(taken))) {
    const difference = differenceOf(half(taken[a]), half(taken[b]))
    const isWithin = difference.medians <= most.medians && difference.slower <= most.slower
    isGood &&= isWithin
    process.stdout.write(
      `${a} against ${b}: ${words(difference)}${isWithin ? "" : "  MORE THAN THE NOISE"}\n`,
    )
  }
  process.stdout.write(isGood ? "no cause can be told from the time\n" : "FAILED: a cause may be told\n")
  return isGood ? 0 : 1
}

function words({ medians, slower }: Difference): string {
  return `${medians.toFixed(2)} µs apart, slower ${(slower + 0.5).toFixed(3)} of the time`
}

/** As many as the halves against which the noise is measured. */
function half(of: readonly number[] = []): readonly number[] {
  return of.filter((_, i) => i % 2 === 0)
}

function noiseOf(of: readonly number[]): Difference {
  const found = Array.from({ length: splits }, () => {
    const mixed = shuffled(of)
    return differenceOf(mixed.slice(0, mixed.length / 2), mixed.slice(mixed.length / 2))
  })
  const late = (pick: (one: Difference) => number): number =>
    found.map(pick).sort((a, b) => a - b)[Math.floor(splits * 0.99)] ?? 0
  return { medians: late(one => one.medians), slower: late(one => one.slower) }
}

/** The Mann-Whitney statistic as a share, and how far the medians are apart. */
function differenceOf(a: readonly number[], b: readonly number[]): Difference {
  const ranked = [...a.map(value => ({ value, isA: true })), ...b.map(value => ({ value, isA: false }))]
  ranked.sort((x, y) => x.value - y.value)
  const ranks = ranked.reduce((sum, { isA }, i) => sum + (isA ? i + 1 : 0), 0)
  const share = (ranks - (a.length * (a.length + 1)) / 2) / (a.length * b.length)
  return { medians: Math.abs(medianOf(a) - medianOf(b)), slower: Math.abs(share - 0.5) }
}

function medianOf(of: readonly number[]): number {
  return [...of].sort((x, y) => x - y)[Math.floor(of.length / 2)] ?? 0
}

function pairsOf(names: readonly string[]): (readonly [string, string])[] {
  return names.flatMap((a, i) => names.slice(i + 1).map(b => [a, b] as const))
}

function shuffled<Value>(of: readonly Value[]): Value[] {
  const mixed = [...of]
  for (let i = mixed.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1))
    ;[mixed[i], mixed[j]] = [mixed[j] as Value, mixed[i] as Value]
  }
  return mixed
}

/** Uniform in [0, 1), the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
