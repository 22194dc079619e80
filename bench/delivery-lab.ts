/**
 * `bun run delivery-lab claude|codex|gemini|opencode [--count N] [--races N] [--from DIR] [--kind WORDS] [--sizes]`
 * (`--kind none` runs the dialogs alone, `--races 0` the deliveries alone.)
 * `--signs` (`--kind 2500-25FF`, `--pane 200x60`), `--ends`, `--owner`, `--first`: what docs/DELIVERY.md says of them, and nothing else.
 * `bun run delivery-lab --ways [PROGRAM …] --from DIR [--from DIR …] [--kind WORDS]`: each way of installing and starting.
 *
 * Delivers messages to the real program and compares what it sent to its model with what was handed in,
 * character for character. The program runs in a private tmux with a temporary home, a made-up key and a
 * stub of its model, all in a network namespace without a way out. See docs/DELIVERY.md.
 */
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import { profiles } from "../src/tmux/readiness.ts"
import { type Delivered, deliverKind } from "./lab/deliveries.ts"
import { holdAtDialog, type RaceResult, raceDialogs } from "./lab/dialogs.ts"
import { deliverFirst } from "./lab/first.ts"
import { type Kind, kinds } from "./lab/kinds.ts"
import { deliverBesideOwner } from "./lab/owner.ts"
import { executableOf, type LabProgram, labPrograms } from "./lab/programs.ts"
import { startSession } from "./lab/session.ts"
import { deliverEndings, sweepSigns } from "./lab/signs.ts"
import { deliverSizes, lengths } from "./lab/sizes.ts"
import { printTable } from "./lab/table.ts"
import { prefixOf, ways } from "./lab/ways.ts"
import { tryWays } from "./lab/ways-table.ts"

const usage = "usage: bun run delivery-lab claude|codex|gemini|opencode [--count N] [--races N] [--from DIR]"
const insideVariable = "SENTO_LAB_NAMESPACE"

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string", default: "20" },
    races: { type: "string", default: "20" },
    from: { type: "string", multiple: true, default: [] },
    kind: { type: "string", default: "" },
    sizes: { type: "boolean", default: false },
    signs: { type: "boolean", default: false },
    ends: { type: "boolean", default: false },
    owner: { type: "boolean", default: false },
    first: { type: "boolean", default: false },
    ways: { type: "boolean", default: false },
    pane: { type: "string" },
  },
})

async function main(): Promise<number> {
  if (values.ways) return process.env[insideVariable] === undefined ? insideNamespace() : runWays()
  const program = labPrograms[positionals[0] as LabProgram["name"]]
  if (program === undefined) return fail(64, usage)
  const [from = null] = values.from
  const executable = executableOf(program, from)
  if (executable === null) {
    const where = from === null ? "on PATH" : `below ${from}`
    return fail(
      69,
      `${program.name} is not ${where}`,
      `${program.install} && bun run delivery-lab ${program.name} --from DIR`,
    )
  }
  if (process.env[insideVariable] === undefined) return insideNamespace()
  const version = versionOf(program, executable)
  if (values.sizes) await runSizes(program, executable, version)
  else if (values.signs) await runSigns(program, executable, version)
  else if (values.ends) await runEndings(program, executable, version)
  else if (values.owner) await runOwner(program, executable, version)
  else if (values.first) await runFirst(program, executable, version)
  else await run(program, executable, version)
  return 0
}

/** Runs this script again where no packet can leave: a network namespace with a loopback interface alone. */
async function insideNamespace(): Promise<number> {
  const unshare = process.getuid?.() === 0 ? ["unshare", "-n"] : ["unshare", "-r", "-n"]
  const start = 'ip link set lo up && exec "$0" "$@"'
  const child = Bun.spawn([...unshare, "sh", "-c", start, process.execPath, ...process.argv.slice(1)], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, [insideVariable]: "1" },
  })
  return await child.exited
}

async function run(program: LabProgram, executable: string, version: string): Promise<void> {
  const rows: string[][] = []
  for (const kind of kinds.filter(candidate => candidate.name.includes(values.kind))) {
    const all = await deliverAll(program, executable, kind)
    rows.push([program.name, version, kind.name, ...cells(all)])
  }
  printTable(
    "program|version|kind|tries|exact|changed|lost|doubled|stuck|vanished|median ms".split("|"),
    rows,
  )
  if (Number(values.races) === 0) return
  const held = await holdAtDialog(program, executable)
  console.log(`\na delivery at an open dialog: ${held}\n`)
  const races: RaceResult[] = [await raceDialogs(program, executable, "hold", Number(values.races))]
  if (profiles[program.name].queueKey !== null)
    races.push(await raceDialogs(program, executable, "queue", Number(values.races)))
  printTable(
    "program|version|mode|races|pasted before the dialog|approved|lost|doubled|changed".split("|"),
    races.map(race => [program.name, version, race.mode, ...race.counts.map(String)]),
  )
}

/** `--kind 80x24` takes one size alone. */
async function runSizes(program: LabProgram, executable: string, version: string): Promise<void> {
  const rows: string[][] = []
  for await (const { size, exact, wrong } of deliverSizes(program, executable, values.kind))
    rows.push([program.name, version, size, `${exact} of ${lengths.length}`, wrong.join("; ")])
  printTable("program|version|pane|exact|otherwise".split("|"), rows)
}

/** `--kind 2500-25FF` takes some code points alone, `--pane 200x60` one size, with longer texts for OpenCode. */
async function runSigns(program: LabProgram, executable: string, version: string): Promise<void> {
  const rows: string[][] = []
  const [, columns, height] = /^(\d+)x(\d+)$/.exec(values.pane ?? "") ?? []
  const pane = columns === undefined ? null : { columns: Number(columns), rows: Number(height) }
  for await (const row of sweepSigns(program, executable, values.kind, pane)) {
    const counts = [row.texts, row.codePoints, row.takenOut.length, row.failed.length]
    rows.push([
      program.name,
      version,
      row.kind,
      ...counts.map(String),
      [...row.takenOut, ...row.failed].join("; "),
    ])
  }
  printTable("program|version|kind|texts|code points|taken out|failed|which".split("|"), rows)
}

async function runEndings(program: LabProgram, executable: string, version: string): Promise<void> {
  const { tries, wrong } = await deliverEndings(program, executable)
  const row = [program.name, version, `${tries - wrong.length} of ${tries}`, wrong.join("; ")]
  printTable("program|version|exact|otherwise".split("|"), [row])
}

async function runOwner(program: LabProgram, executable: string, version: string): Promise<void> {
  const counts = Object.entries(await deliverBesideOwner(program, executable, Number(values.count)))
  const names = counts.map(([name]) => name.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`))
  printTable(
    ["program", "version", ...names],
    [[program.name, version, ...counts.map(([, count]) => String(count))]],
  )
}

async function runFirst(program: LabProgram, executable: string, version: string): Promise<void> {
  const rows: string[][] = []
  for await (const row of deliverFirst(program, executable, Number(values.count))) {
    const { kind, sessions, once, prompts, wrong } = row
    const words = wrong.join("; ").slice(0, 400)
    rows.push([program.name, version, kind, String(sessions), String(once), String(prompts ?? "–"), words])
  }
  printTable("program|version|message|sessions|once|owner's prompt once|otherwise".split("|"), rows)
}

/** The programs that npm installed below the given directories; `--kind docker` takes one way alone. */
async function runWays(): Promise<number> {
  const names = positionals.length === 0 ? Object.keys(labPrograms) : positionals
  const all = names.flatMap(name => {
    const program = labPrograms[name as LabProgram["name"]]
    const prefix = program === undefined ? null : prefixOf(program, values.from)
    const executable = prefix === null ? null : executableOf(program, prefix)
    if (prefix === null || executable === null) return []
    return [{ program, prefix: resolve(prefix), executable, version: versionOf(program, executable) }]
  })
  if (all.length === 0) return fail(64, "--ways needs the directories of npm: `--from DIR`")
  await tryWays(
    all,
    ways.filter(way => way.name.includes(values.kind)),
  )
  return 0
}

/** What could be delivered: a program that does not start, or stays busy, ends a kind but not the run. */
async function deliverAll(program: LabProgram, executable: string, kind: Kind): Promise<Delivered[]> {
  const all: Delivered[] = []
  try {
    await using session = await startSession(program, executable, noTool)
    for await (const delivered of deliverKind(session, kind, Number(values.count))) {
      if (delivered.note !== null) console.error(`${kind.name}: ${delivered.arrival}\n${delivered.note}`)
      all.push(delivered)
    }
  } catch (error) {
    console.error(`${kind.name}: ended after ${all.length} tries: ${error}`)
  }
  return all
}

const noTool = () => ({ command: () => "true", delayMilliseconds: () => 0 })

function cells(all: readonly Delivered[]): string[] {
  const arrived = (arrival: Delivered["arrival"]) => all.filter(one => one.arrival === arrival).length
  const ended = (kind: string) => all.filter(one => one.outcome.kind === kind).length
  const times = all.flatMap(one => one.milliseconds ?? [])
  return [
    ...[all.length, arrived("exact"), arrived("changed"), arrived("lost"), arrived("doubled")],
    ...[ended("stuck"), ended("vanished"), Math.round(median(times))],
  ].map(String)
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
}

function versionOf(program: LabProgram, executable: string): string {
  const home = process.env.TMPDIR ?? "/tmp"
  const answer = Bun.spawnSync([executable, "--version"], {
    env: { PATH: process.env.PATH ?? "", HOME: home },
  })
  return /\d+\.\d+\.\d+\S*/.exec(answer.stdout.toString())?.[0] ?? `${program.name} of unknown version`
}

function fail(status: number, message: string, hint: string | null = null): number {
  console.error(`delivery-lab: error: ${message}`)
  if (hint !== null) console.error(`delivery-lab: hint: ${hint}`)
  return status
}

process.exit(await main())
