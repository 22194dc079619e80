/** The short form of `bun run chaos`: kills and a hostile network, on every change. */
import { afterEach, describe, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { type ChaosReport, runChaos } from "../../bench/chaos/run.ts"
import { isClean, table } from "../../bench/chaos/table.ts"
import { sightings } from "../../bench/chaos/texts.ts"
import { type Evidence, judge, type Verdict } from "../../bench/chaos/verdict.ts"

const binary = join(import.meta.dir, "../../dist/sento-faults")
const hasBuild = existsSync(binary)
const seed = process.env.SENTO_CHAOS_SEED ?? crypto.randomUUID().slice(0, 8)

let stopping = new AbortController()
let running: Promise<unknown> = Promise.resolve()
afterEach(async () => {
  stopping.abort()
  await running.catch(() => {})
  stopping = new AbortController()
})

/** Ends a run that hangs, and no other: a machine with much else to do may take its time. */
const hungMilliseconds = 30 * 60_000

/** What waits still, every 10 s of a drain: of one that lasts, it says where to look. */
const tellLeft = (line: string): void => (line.startsWith("left:") ? console.error(line) : undefined)

describe.skipIf(!hasBuild)(
  "nothing is lost and nothing comes twice while both Guardians are killed, and",
  () => {
    test.each([
      ["each can dial the other", "dialled"],
      ["nobody can dial one of them", "carried"],
      ["now and then somebody can", "mixed"],
    ] as const)(
      `%s (seed ${seed})`,
      async (_, way) => {
        const run = runChaos({
          binary,
          way,
          seed,
          messages: 40,
          kills: 4,
          life: way === "dialled" ? [300, 2500] : [1000, 6000],
          wayLasts: [500, 4000],
          mostStallMilliseconds: 1000,
          hastens: true,
          fillsDisks: false,
          upgrades: null,
          keep: null,
          signal: stopping.signal,
          say: tellLeft,
        })
        running = run
        const report = await run
        expect(isClean(report) || table(seed, report)).toBe(true)
      },
      hungMilliseconds,
    )
  },
)

const key = (number: number): string => `m2k-${number}-0000000${number}`
const text = (number: number): string => `<${key(number)}|hello\nthere|0000000${number}>`
const typed = (number: number): string => text(number).replace("\n", " ⏎ ")
const sent = (...numbers: number[]): Evidence["texts"] =>
  numbers.map(number => ({ key: key(number), text: text(number), fate: "taken" }))

test("a sighting is whole only where the text is there to its last character", () => {
  const expected = new Map([1, 2].map(number => [key(number), text(number)]))
  expect(sightings(`${typed(1)}${typed(2).slice(0, -3)}`, expected)).toEqual([
    { key: key(1), isWhole: true },
    { key: key(2), isWhole: false },
  ])
})

test.each<[string, boolean, Record<string, unknown>]>([
  ["nothing", true, {}],
  ["a message lost", false, { lost: ["m2k-1"] }],
  ["one twice", false, { duplicated: ["m2k-1"] }],
  ["one that was refused", false, { ghosts: ["m2k-1"] }],
  ["one that waits", false, { waiting: 1 }],
  ["one out of order", false, { inversions: 1 }],
  ["one that was not sent", false, { undrained: 1 }],
  ["a link that was bypassed", false, { bypassed: ["mira"] }],
  ["a bug in a log", false, { bugs: ["bug: x"] }],
  ["a Guardian that ended by itself", false, { crashed: 1 }],
  ["another build that was not told of", false, { told: 0 }],
])("a run with %s wrong is clean: %p", (_, want, { undrained = 0, bypassed = [], bugs = [], ...wrong }) => {
  const verdict = { lost: [], duplicated: [], ghosts: [], waiting: 0, inversions: 0, ...wrong }
  const sides = { mira: { crashed: wrong.crashed ?? 0 } }
  const upgrades = { times: 1, asked: 1, told: wrong.told ?? 1 }
  const report = {
    way: "dialled",
    verdicts: { "mira > kai": verdict },
    sides,
    undrained,
    bypassed,
    bugs,
    upgrades,
  }
  expect(isClean(report as unknown as ChaosReport)).toBe(want)
})

const counts = { pass: 0, duplicate: 0, carried: 0 }

test.each<[string, boolean, ChaosReport["way"], number, number]>([
  ["nothing carried is no carried run", false, "carried", 0, 0],
  ["something carried is one", true, "carried", 0, 1],
  ["something dialled too is none", false, "carried", 1, 1],
  ["both is a mixed one", true, "mixed", 1, 1],
  ["nothing dialled is none", false, "mixed", 0, 1],
])("%s: %p", (_, want, way, pass, carried) => {
  const links = { mira: { ...counts, pass }, kai: { ...counts, carried } }
  const report = {
    way,
    links,
    verdicts: {},
    sides: {},
    undrained: 0,
    bypassed: [],
    bugs: [],
    upgrades: { times: 0, asked: 0, told: 0 },
  }
  expect(isClean(report as unknown as ChaosReport)).toBe(want)
})

const nothing = { texts: sent(1, 2), record: "", inbox: new Map<string, string>(), outbox: [key(1), key(2)] }

test.each<[string, Partial<Evidence>, Partial<Verdict>]>([
  ["sees what never came", { record: typed(1) }, { delivered: 1, lost: [key(2)] }],
  [
    "does not call lost what the receiver is unsure of",
    { record: typed(1), inbox: new Map([[key(2), "uncertain"]]) },
    { lost: [], uncertain: 1, uncertainSeen: 0 },
  ],
  [
    "sees what came in part and was called delivered",
    { record: `${typed(1)}${typed(2).slice(0, -3)}`, inbox: new Map([[key(2), "delivered"]]) },
    { lost: [key(2)], torn: 1 },
  ],
  ["sees what came twice", { record: `${typed(1)}${typed(2)}${typed(1)}` }, { duplicated: [key(1)] }],
  [
    "sees a second time in part as twice",
    { record: `${typed(1).slice(0, -3)}${typed(2)}${typed(1)}` },
    { duplicated: [key(1)] },
  ],
  ["counts what came before its turn", { record: `${typed(2)}${typed(1)}` }, { inversions: 1 }],
  [
    "sees what came although it was refused",
    { texts: [{ key: key(1), text: text(1), fate: "refused" }], record: typed(1) },
    { ghosts: [key(1)], lost: [] },
  ],
])("the judge %s", (_, evidence, want) => {
  expect(judge({ ...nothing, ...evidence })).toMatchObject(want)
})
