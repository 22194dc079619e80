/**
 * `bun run mutants [PATH …] [--changed[=COMMIT]] [--sample COUNT [--seed WORD]] [--no-removals] [--control] [--jobs 2]
 * [--json] [--list]`: changes one thing of the source at a time, in a copy, and runs the tests of its layer that load
 * the file: each change should make one of them fail. A PATH is a file, a folder of src/ or one line, as in
 * src/store/codes.ts:16 (src/protocol and src/store where none is named); `--changed` tries what git says is new alone,
 * `--sample` a draw, the same for the same word, `--no-removals` none that takes a statement or a call away; `--control`
 * tries the same without a change, to see how many die by themselves; `--list` says what would be tried. Survivors that
 * cannot be noticed are explained in bench/mutants/explained.json. `--hand` tries the changes of
 * bench/mutants/hand.json instead, each with the test that it names, or those of them that are below a PATH. Exit 1
 * where one survives that is not explained, or in a control dies.
 */
import { cpus } from "node:os"
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import { type Changed, changedSince } from "./mutants/changed.ts"
import { endRuns, openCopy, type Tests } from "./mutants/copies.ts"
import { readImports, testsOf } from "./mutants/covering.ts"
import { drawOf } from "./mutants/drawing.ts"
import { explanationOf, explanations } from "./mutants/explained.ts"
import { handMade, handMutantOf } from "./mutants/hand.ts"
import { applied, changeWords, isRemoval, type Mutant, mutantOf } from "./mutants/mutant.ts"
import { reportOf } from "./mutants/report.ts"
import { type Tried, tryAll } from "./mutants/trying.ts"
import { changesOf } from "./mutants/typescript.ts"

const root = resolve(import.meta.dir, "..")
const { values, positionals } = parseArgs({
  args: Bun.argv.slice(2).map(word => (word === "--changed" ? "--changed=HEAD" : word)),
  allowPositionals: true,
  options: {
    changed: { type: "string" },
    control: { type: "boolean", default: false },
    hand: { type: "boolean", default: false },
    jobs: { type: "string", default: String(Math.min(2, cpus().length)) },
    json: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    "no-removals": { type: "boolean", default: false },
    sample: { type: "string" },
    seed: { type: "string", default: crypto.randomUUID().slice(0, 4) },
  },
})

const say = (words: string): void => void process.stderr.write(`${words}\n`)
const changed = values.changed === undefined ? null : readChanged(values.changed)
const hand = values.hand ? handMade.filter(({ file }) => isBelow(file, positionals)) : []
const files = values.hand ? [...new Set(hand.map(({ file }) => file))] : chosenFiles(positionals, changed)
const texts = new Map(
  await Promise.all(files.map(async file => [file, await Bun.file(`${root}/${file}`).text()] as const)),
)
const testsByHand = new Map(
  hand.map(one => [
    handMutantOf(one, texts.get(one.file) ?? ""),
    { files: [one.test], name: one.name ?? null } satisfies Tests,
  ]),
)
const found = values.hand ? [...testsByHand.keys()] : await findMutants(files, changed)
const all = values["no-removals"] ? found.filter(one => !isRemoval(one)) : found
const drawn = values.sample === undefined ? all : draw(all, Number(values.sample))
const mutants = values.control ? drawn.map(unchanged) : drawn
if (values.list)
  for (const one of mutants) process.stdout.write(`${one.file}:${one.line}: ${changeWords(one)}\n`)
else await tryThem(mutants)

function readChanged(commit: string): Changed {
  try {
    return changedSince(root, commit)
  } catch (error) {
    say((error as Error).message)
    process.exit(2)
  }
}

function chosenFiles(paths: readonly string[], only: Changed | null): readonly string[] {
  const below = paths.length === 0 ? (only === null ? ["src/protocol", "src/store"] : ["src"]) : paths
  const all = [...new Bun.Glob("src/**/*.ts").scanSync(root)].sort()
  const chosen = all.filter(file => isBelow(file, below) && (only === null || only.has(file)))
  if (chosen.length > 0 || only !== null) return chosen
  say(`no source file is below ${below.join(", ")}`)
  process.exit(2)
}

/** Of no path, everything is below. */
function isBelow(file: string, paths: readonly string[]): boolean {
  return (
    paths.length === 0 ||
    paths.some(path => file === path.replace(/:\d+$/, "") || file.startsWith(`${path.replace(/\/$/, "")}/`))
  )
}

async function findMutants(of: readonly string[], only: Changed | null): Promise<readonly Mutant[]> {
  const found = await changesOf(
    root,
    of.map(file => `${root}/${file}`),
  )
  return of.flatMap(file => {
    const text = texts.get(file) ?? ""
    const named = linesNamed(file)
    const lines = only?.get(file) ?? (named.size > 0 ? named : "all")
    return (found.get(`${root}/${file}`) ?? [])
      .map(change => mutantOf(file, text, change))
      .filter(one => isCode(applied(text, one)) && (lines === "all" || lines.has(one.line)))
  })
}

function draw(from: readonly Mutant[], count: number): readonly Mutant[] {
  if (!(count > 0)) {
    say(`--sample takes a number above 0, not ${JSON.stringify(values.sample)}`)
    process.exit(2)
  }
  say(`${Math.min(count, from.length)} of ${from.length}, drawn with --seed ${values.seed}`)
  return drawOf(from, count, values.seed, one => [one.file, one.start, one.end, one.replacement].join("\n"))
}

/** The same place, with what stands there. */
function unchanged(mutant: Mutant): Mutant {
  return { ...mutant, replacement: texts.get(mutant.file)?.slice(mutant.start, mutant.end) ?? "" }
}

/** The lines of a file that were asked for one by one. */
function linesNamed(file: string): ReadonlySet<number> {
  const ofFile = positionals.filter(path => path.startsWith(`${file}:`))
  return new Set(ofFile.map(path => Number(path.slice(file.length + 1))))
}

/** What does not parse is no mutant. */
function isCode(text: string): boolean {
  try {
    new Bun.Transpiler({ loader: "ts" }).transformSync(text)
    return true
  } catch {
    return false
  }
}

async function tryThem(those: readonly Mutant[]): Promise<void> {
  const graph = await readImports(root)
  const copies = Array.from({ length: Number(values.jobs) }, () => openCopy(root))
  const stop = (): void => {
    endRuns()
    for (const copy of copies) copy[Symbol.dispose]()
    process.exit(130)
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop)
  try {
    const tried = await tryAll({
      mutants: those,
      copies,
      textOf: file => texts.get(file) ?? "",
      testsOf: one => testsByHand.get(one) ?? { files: testsOf(graph, one.file), name: null },
      explanationOf: one => explanationOf(one, texts.get(one.file) ?? ""),
      say: values.control ? () => {} : say,
    })
    if (values.control) reportControl(tried)
    else report(tried)
  } finally {
    for (const copy of copies) copy[Symbol.dispose]()
  }
}

function reportControl(tried: readonly Tried[]): void {
  const count = tried.filter(({ outcome }) => outcome !== "explained" && outcome !== "untested").length
  const died = tried.filter(({ outcome }) => outcome === "killed" || outcome === "timeout")
  for (const { file, line, outcome } of died) process.stdout.write(`${file}:${line}: ${outcome}\n`)
  process.stdout.write(`Without a change, ${died.length} of ${count} died.\n`)
  if (died.length > 0) process.exitCode = 1
}

function report(tried: readonly Tried[]): void {
  const used = new Set(tried.map(one => one.explanation))
  const stale = explanations.filter(
    one =>
      !values.hand &&
      !values["no-removals"] &&
      values.sample === undefined &&
      files.includes(one.file) &&
      changed === null &&
      linesNamed(one.file).size === 0 &&
      !used.has(one),
  )
  if (values.json) process.stdout.write(`${JSON.stringify({ tried, stale })}\n`)
  else process.stdout.write(reportOf(tried, stale, mutants.length < all.length))
  if (tried.some(({ outcome }) => outcome === "survived")) process.exitCode = 1
}
