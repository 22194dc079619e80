/** Runs rounds of inputs against everything that takes any, until enough were made; the same seed, the same inputs. */
import { createHash } from "node:crypto"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { parsers } from "./parsers.ts"
import { type FuzzedGuardian, openFuzzed, type WireTarget } from "./wire.ts"

export type Failure = { readonly target: string; readonly why: string; readonly bytes: Buffer }

export type FuzzReport = {
  readonly counts: Readonly<Record<string, number>>
  /** By target: how often each kind of answer came. */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly failures: readonly Failure[]
  readonly forgeries: readonly string[]
  /** MiB of the Guardian's, one for each round. */
  readonly memory: readonly number[]
}

export type FuzzOptions = {
  readonly seed: number
  /** @param inputs - those that were made so far */
  readonly isEnough: (inputs: number) => boolean
}

const parserBatch = 100
const wireBatch = 48
const casesFolder = join(import.meta.dir, "cases")

export async function runFuzz({ seed, isEnough }: FuzzOptions): Promise<FuzzReport> {
  const guardian = await openFuzzed()
  const counts: Record<string, number> = {}
  const outcomes: Record<string, Record<string, number>> = {}
  const failures: Failure[] = []
  const memory: number[] = []
  const total = (): number => Object.values(counts).reduce((sum, count) => sum + count, 0)
  try {
    for (let round = 0; failures.length === 0 && !isEnough(total()); round += 1) {
      for (const [name, parser] of Object.entries(parsers)) {
        const inputs = fc.sample(parser.inputs, { numRuns: parserBatch, seed: seed + round })
        for (const bytes of inputs) failures.push(...parse(name, bytes))
        counts[name] = (counts[name] ?? 0) + inputs.length
      }
      for (const [name, target] of Object.entries(guardian.targets)) {
        const inputs = fc.sample(target.inputs(), { numRuns: wireBatch, seed: seed + round })
        outcomes[name] ??= {}
        failures.push(...(await sendAll(guardian, name, target, inputs, outcomes[name])))
        counts[name] = (counts[name] ?? 0) + inputs.length
      }
      memory.push(guardian.memory())
    }
    return { counts, outcomes, failures, forgeries: guardian.forgeries(), memory }
  } finally {
    await guardian.close()
  }
}

function parse(target: string, bytes: Buffer): Failure[] {
  try {
    parsers[target]?.run(bytes)
    return []
  } catch (error) {
    return [{ target, bytes, why: String((error as Error).stack ?? error) }]
  }
}

/** All at once; where the Guardian minds, one by one again, to find the one that it minds. */
async function sendAll(
  guardian: FuzzedGuardian,
  name: string,
  target: WireTarget,
  inputs: readonly Buffer[],
  outcomes: Record<string, number>,
): Promise<Failure[]> {
  const sent = await Promise.all(inputs.map(bytes => sendOne(name, target, bytes, outcomes)))
  const trouble = guardian.trouble()
  if (trouble === null) return sent.flat()
  for (const bytes of inputs) {
    await guardian.restart()
    await sendOne(name, target, bytes, {})
    const again = guardian.trouble()
    if (again !== null) return [{ target: name, bytes, why: again }]
  }
  return inputs.map(bytes => ({ target: name, bytes, why: `${trouble}, with others at the same time` }))
}

async function sendOne(
  name: string,
  target: WireTarget,
  bytes: Buffer,
  outcomes: Record<string, number>,
): Promise<Failure[]> {
  try {
    const word = await target.run(bytes)
    outcomes[word] = (outcomes[word] ?? 0) + 1
    return []
  } catch (error) {
    return [{ target: name, bytes, why: String((error as Error).stack ?? error) }]
  }
}

/** Keeps an input that broke something: `bun test test/fuzz` tries it first from then on. */
export function keepCase({ target, bytes, why }: Failure): string {
  const name = `${target.replaceAll(/\W+/g, "-")}-${createHash("sha256").update(bytes).digest("hex").slice(0, 8)}.json`
  const text = JSON.stringify({ target, why: why.split("\n")[0], bytes: bytes.toString("base64") }, null, 2)
  writeFileSync(join(casesFolder, name), `${text}\n`)
  return name
}

/** Inputs that once broke something. */
export function keptCases(): { readonly name: string; readonly target: string; readonly bytes: Buffer }[] {
  return readdirSync(casesFolder)
    .filter(name => name.endsWith(".json"))
    .map(name => {
      const { target, bytes } = JSON.parse(readFileSync(join(casesFolder, name), "utf8"))
      return { name, target, bytes: Buffer.from(bytes, "base64") }
    })
}

/** How much more memory the last quarter of the rounds took than the second, by their medians, in MiB. */
export function growthOf(memory: readonly number[]): number {
  const quarter = Math.floor(memory.length / 4)
  if (quarter === 0) return 0
  const median = (of: readonly number[]): number =>
    [...of].sort((a, b) => a - b)[Math.floor(of.length / 2)] ?? 0
  return median(memory.slice(-quarter)) - median(memory.slice(quarter, 2 * quarter))
}
