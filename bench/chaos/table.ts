/** A run in words and numbers. */
import type { ChaosReport } from "./run.ts"
import type { Verdict } from "./verdict.ts"

/**
 * Whether the bar is met: nothing lost, twice, out of order or said not to be taken, no Guardian at fault, and the
 * messages on the way that was to be tried.
 */
export function isClean(report: ChaosReport): boolean {
  const { verdicts, sides, undrained, bypassed, bugs } = report
  const wrong = Object.values(verdicts).map(
    one => one.lost.length + one.duplicated.length + one.ghosts.length + one.waiting + one.inversions,
  )
  const crashed = Object.values(sides).map(one => one.crashed)
  const untold = report.upgrades.asked - report.upgrades.told
  const faults = sum([...wrong, ...crashed, undrained, bypassed.length, bugs.length, untold])
  return faults === 0 && isOnItsWay(report)
}

function isOnItsWay({ way, links }: ChaosReport): boolean {
  if (way === "dialled") return true
  const [out, back] = Object.values(links)
  const wasDialled = out !== undefined && out.pass + out.duplicate > 0
  return back !== undefined && back.carried > 0 && wasDialled === (way === "mixed")
}

export function table(seed: string, report: ChaosReport): string {
  const directions = Object.keys(report.verdicts)
  const rows = rowsOf.map(([title, pick]) => [title, ...Object.values(report.verdicts).map(pick)] as const)
  const cells = [
    ["", ...directions, "both"],
    ...rows.map(([title, ...counts]) => [title, ...counts, sum(counts)]),
  ]
  return `${cells.map(row => row.map(padded).join("")).join("\n")}\n\n${facts(seed, report).join("\n")}\n`
}

const rowsOf: readonly (readonly [string, (verdict: Verdict) => number])[] = [
  ["sent (taken)", one => one.taken],
  ["delivered (whole, in the pane)", one => one.delivered],
  ["lost", one => one.lost.length],
  ["duplicated", one => one.duplicated.length],
  ["uncertain", one => one.uncertain],
  ["  of them in the pane", one => one.uncertainSeen],
  ["torn (begun, not ended)", one => one.torn],
  ["still waiting", one => one.waiting],
  ["delivered though refused", one => one.ghosts.length],
  ["sender died before an answer", one => one.unanswered],
  ["inversions of order", one => one.inversions],
]

function facts(seed: string, report: ChaosReport): string[] {
  const { sides, links, diskFull, refusals, bugs } = report
  const lines = Object.entries(sides).map(([name, counts]) => `${name}: ${words(counts)}`)
  const ways = Object.entries(links).map(([name, counts]) => `link from ${name}: ${words(counts)}`)
  const named = Object.entries(report.verdicts).flatMap(([direction, one]) => [
    ...one.lost.map(key => `lost ${direction}: ${key}`),
    ...one.duplicated.map(key => `duplicated ${direction}: ${key}`),
    ...one.ghosts.map(key => `delivered though refused ${direction}: ${key}`),
  ])
  return [
    ...lines,
    ...ways,
    `disk full: ${diskFull ?? "skipped: only root can mount a small disk"}`,
    `answered queued: ${report.queued}; no answer in time: ${report.timeouts}; said again with the same id: ${report.again}; refused: ${sum(refusals.map(([, n]) => n))}`,
    ...refusals.map(([reason, count]) => `  ${count}× ${reason}`),
    `way: ${report.way}, changed ${report.changes} times`,
    `binary replaced ${report.upgrades.times} times; ${report.upgrades.told} of ${report.upgrades.asked} commands said that another build runs`,
    `outbox: ${words(report.outboxStates)}; undrained: ${report.undrained}`,
    `replayed once more at the end: ${report.replayedAtEnd}; links bypassed: ${report.bypassed.join(", ") || "none"}`,
    `bugs in the logs: ${bugs.length}`,
    ...bugs.slice(0, 10).map(line => `  ${line.slice(0, 300)}`),
    ...named,
    ...report.stuck.map(line => `stuck: ${line}`),
    `seed ${seed}; faults for ${report.faultSeconds.toFixed(1)} s, drained in ${report.drainSeconds.toFixed(1)} s`,
    isClean(report) ? "nothing lost, nothing twice, all in order" : "FAILED",
  ]
}

const words = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ")

const padded = (cell: string | number, column: number): string =>
  column === 0 ? String(cell).padEnd(34) : String(cell).padStart(9)

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)
