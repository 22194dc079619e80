/** Each mutant against the tests that load its file, a few at a time. */
import { type Copy, canIsolate, type Limits, runTests, type Tests } from "./copies.ts"
import type { Explanation } from "./explained.ts"
import { applied, changeWords, type Mutant } from "./mutant.ts"

/** `untested`: no quick test loads the file, or those fail without a change. An explained one is not tried. */
export type Outcome = "killed" | "timeout" | "survived" | "explained" | "untested"

export type Tried = Mutant & { readonly outcome: Outcome; readonly explanation: Explanation | null }

type Work = {
  readonly mutants: readonly Mutant[]
  readonly copies: readonly Copy[]
  textOf(file: string): string
  testsOf(mutant: Mutant): Tests
  explanationOf(mutant: Mutant): Explanation | null
  say(words: string): void
}

/** A mutant with which the tests take so many times what they take without one has no end. */
const slowest = 8
const least: Limits = { cpuSeconds: 10, milliseconds: 60_000 }
const unlimited: Limits = { cpuSeconds: 3600, milliseconds: 3_600_000 }

/** Goes on while there is work; in the order given. */
export async function tryAll(work: Work): Promise<readonly Tried[]> {
  if (!work.copies.every(canIsolate))
    throw new Error(
      "unshare(1) cannot keep the tests from the disk, and what is wrong on purpose could remove anything",
    )
  const measured = await measure(work)
  const killers = new Map<string, Map<string, number>>()
  const left = [...work.mutants.entries()]
  const tried: Tried[] = []
  const goOn = async (copy: Copy): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [place, mutant] = next
      tried[place] = await tryOne(work, copy, mutant, measured, killers)
      const { outcome } = tried[place]
      if (outcome === "survived") work.say(`${mutant.file}:${mutant.line}: ${changeWords(mutant)}`)
      if (place % 50 === 49) work.say(`… ${place + 1} of ${work.mutants.length}`)
    }
  }
  await Promise.all(work.copies.map(goOn))
  return tried
}

/** What each file of tests takes without a change; those that fail without one, twice, are not among them. */
async function measure({ mutants, copies, testsOf, explanationOf, say }: Work): Promise<Measured> {
  const tried = mutants.filter(one => explanationOf(one) === null).map(testsOf)
  const each = new Map(
    tried.flatMap(({ files, name }) => files.map(file => [keyOf(file, name), { file, name }])),
  )
  const left = [...each]
  const measured = new Map<string, Limits>()
  const goOn = async (copy: Copy): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [key, { file, name }] = next
      const tests = { files: [file], name }
      const taken = (await measureTests(copy, tests)) ?? (await measureTests(copy, tests))
      if (taken === null) say(`without a change fails: ${file}`)
      else measured.set(key, taken)
    }
  }
  await Promise.all(copies.map(goOn))
  return measured
}

type Measured = ReadonlyMap<string, Limits>

const keyOf = (file: string, name: string | null): string => `${file} ${name ?? ""}`

/** What all of these may take; null where one of them fails without a change, or there is none. */
function limitsOf(measured: Measured, { files, name }: Tests): Limits | null {
  const each = files.map(file => measured.get(keyOf(file, name)))
  const known = each.filter(one => one !== undefined)
  if (known.length < each.length || known.length === 0) return null
  const sumOf = (what: keyof Limits): number => known.reduce((sum, one) => sum + one[what], 0)
  return {
    cpuSeconds: Math.max(least.cpuSeconds, slowest * sumOf("cpuSeconds")),
    milliseconds: Math.max(least.milliseconds, slowest * sumOf("milliseconds")),
  }
}

async function measureTests(copy: Copy, tests: Tests): Promise<Limits | null> {
  const startedAt = performance.now()
  const { outcome, cpuSeconds } = await runTests(copy, tests, unlimited)
  return outcome === "passed" ? { cpuSeconds, milliseconds: performance.now() - startedAt } : null
}

async function tryOne(
  { textOf, testsOf, explanationOf }: Work,
  copy: Copy,
  mutant: Mutant,
  measured: Measured,
  killers: Map<string, Map<string, number>>,
): Promise<Tried> {
  const explanation = explanationOf(mutant)
  if (explanation !== null) return { ...mutant, outcome: "explained", explanation }
  const counts = killers.get(mutant.file) ?? new Map<string, number>()
  killers.set(mutant.file, counts)
  const all = testsOf(mutant)
  // What has noticed most so far goes first.
  const files = all.files.toSorted((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0))
  const limit = limitsOf(measured, all)
  if (limit === null) return { ...mutant, outcome: "untested", explanation }
  const text = textOf(mutant.file)
  await Bun.write(`${copy.root}/${mutant.file}`, applied(text, mutant))
  const { outcome, failed } = await runTests(copy, { ...all, files }, limit)
  await Bun.write(`${copy.root}/${mutant.file}`, text)
  if (failed !== null) counts.set(failed, (counts.get(failed) ?? 0) + 1)
  return {
    ...mutant,
    outcome: ({ passed: "survived", failed: "killed", timeout: "timeout" } as const)[outcome],
    explanation,
  }
}
