/**
 * `bun run soak`: the typing loop against the double of each agent program, in the counts of docs/DELIVERY.md.
 * First deliveries of every kind of text, compared with what the double took as submitted; then the race, in
 * which a dialog opens at a random moment around the paste. Exit status 1 when a dialog was approved, or a
 * text was lost, doubled or changed. For each approval it says how long the dialog had been open: within a few
 * milliseconds, the return had left before it opened and lay unread in the terminal, where nothing can call it
 * back; after more, it was sent too late.
 *
 *   bun run soak [--program claude,codex] [--count 200] [--seed 1]
 */
import { parseArgs } from "node:util"
import { layOut } from "../src/protocol/layout.ts"
import { type TypingOutcome, typeIntoPane } from "../src/tmux/typing.ts"
import {
  type DoubleName,
  type DoublePane,
  holdOptions,
  startDouble,
  typeUntilSettled,
  until,
  untilState,
} from "../test/support/pane.ts"
import { asTyped, textKinds } from "../test/support/texts.ts"

const { values } = parseArgs({
  options: {
    program: { type: "string", default: "claude,codex,gemini,opencode" },
    count: { type: "string", default: "200" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
})
const count = Number(values.count)

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

type Deliveries = { readonly asSent: number; readonly wrong: number; readonly medianMilliseconds: number }

/** How long a call takes to reach its paste, and from there to the submission. */
const leads: number[] = []

async function deliver(pane: DoublePane, name: DoubleName): Promise<Deliveries> {
  const sent: string[] = []
  const took: number[] = []
  for (let index = 0; index < count; index++) {
    const [, body] = textKinds[index % textKinds.length] ?? ["", ""]
    const text = layOut("mira", shortId(index), body)
    sent.push(asTyped(name, text))
    const started = performance.now()
    let pastedAt = started
    const onPasted = (): void => {
      pastedAt = performance.now()
      leads.push(pastedAt - started)
    }
    const outcome = await typeIntoPane(pane.server, pane.pinned, name, text, { ...holdOptions, onPasted })
    if (outcome.kind === "submitted") took.push(performance.now() - pastedAt)
    else if (outcome.kind === "held") await typeUntilSettled(pane, name, text, outcome)
  }
  const got = pane.logged("submitted")
  const asSent = sent.filter((text, index) => got[index] === text).length
  return { asSent, wrong: Math.max(sent.length, got.length) - asSent, medianMilliseconds: median(took) }
}

type Race = {
  tries: number
  approved: number
  lost: number
  doubled: number
  stuck: number
  uncertain: number
  /** The dialog opened before the paste, and nothing was pasted; or after it, before the submission; or later. */
  before: number
  between: number
  after: number
}

async function race(pane: DoublePane, name: DoubleName, random: () => number): Promise<Race> {
  const result: Race = {
    ...{ tries: 0, approved: 0, lost: 0, doubled: 0, stuck: 0, uncertain: 0 },
    ...{ before: 0, between: 0, after: 0 },
  }
  for (let index = 0; index < count; index++) {
    load = index >= count / 2 ? startLoad() : []
    try {
      await raceOnce(
        pane,
        name,
        random() * 600 - 300,
        layOut("mira", shortId(index), "will you look at this?"),
        result,
      )
    } finally {
      for (const child of load) child.kill("SIGKILL")
      load = []
    }
  }
  return result
}

/** @param offset - milliseconds from the moment when the paste is expected to the dialog's */
async function raceOnce(
  pane: DoublePane,
  name: DoubleName,
  offset: number,
  text: string,
  result: Race,
): Promise<void> {
  await untilState(pane, name, "ready")
  const count = pane.logged("submitted").length
  const approved = pane.logged("approved").length
  const dialogAfter = median(leads) + offset
  let hasPasted = false
  const type = (): Promise<TypingOutcome> =>
    typeIntoPane(pane.server, pane.pinned, name, text, {
      ...holdOptions,
      onPasted: () => {
        hasPasted = true
      },
    })
  const typing = dialogAfter < 0 ? Bun.sleep(-dialogAfter).then(type) : type()
  if (dialogAfter > 0) await Bun.sleep(dialogAfter)
  const submittedBefore = pane.logged("submitted").length > count
  pane.signal("SIGUSR1")
  const first = await typing
  await untilState(pane, name, "dialog").catch(() => {})
  result.tries++
  const approvals = pane.logged("approved").slice(approved)
  result.approved += approvals.length
  for (const after of approvals)
    note(`${name}: offset ${Math.round(offset)} ms: approved ${after} ms after the dialog opened`)
  result[submittedBefore ? "after" : hasPasted ? "between" : "before"]++
  const denied = pane.logged("denied").length
  pane.tmux("send-keys", "-t", "sento", "Escape")
  await until(() => pane.logged("denied").length > denied).catch(() => {})
  const last = first.kind === "held" ? await typeUntilSettled(pane, name, text, first) : first
  const copies = pane.logged("submitted").slice(count)
  if (last.kind === "stuck") result.stuck++
  if (last.kind === "vanished") result.uncertain++
  if (copies[0] !== text) result.lost++
  if (copies.length > 1) result.doubled++
  if (last.kind !== "submitted" || copies.length !== 1)
    note(`${name}: offset ${Math.round(offset)} ms: ${JSON.stringify(first)} → ${JSON.stringify(last)}`)
}

/** Another one for each text, so that two of the same kind are told apart. */
function shortId(index: number): string {
  return index.toString(36).padStart(4, "k")
}

/** One busy loop for every core. */
function startLoad(): Bun.Subprocess[] {
  return Array.from({ length: navigator.hardwareConcurrency }, () =>
    Bun.spawn([process.execPath, "-e", "for (;;);"], { stdin: "ignore", stdout: "ignore", stderr: "ignore" }),
  )
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
}

function note(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** What is running, to be ended with this process. */
let pane: DoublePane | null = null
let load: Bun.Subprocess[] = []
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, async () => {
    for (const child of load) child.kill("SIGKILL")
    await pane?.[Symbol.asyncDispose]()
    process.exit(130)
  })
}

let failed = false
const rows: Record<string, unknown>[] = []
for (const name of values.program.split(",") as DoubleName[]) {
  pane = await startDouble(name)
  note(`${name}: ${count} deliveries, ${count} races, seed ${values.seed}`)
  leads.length = 0
  const deliveries = await deliver(pane, name)
  const raced = await race(pane, name, seeded(Number(values.seed)))
  failed ||= deliveries.wrong + raced.approved + raced.lost + raced.doubled > 0
  const row = {
    program: name,
    delivered: `${deliveries.asSent}/${count}`,
    "paste→submitted": `${Math.round(deliveries.medianMilliseconds)} ms`,
    ...raced,
  }
  note(JSON.stringify(row))
  rows.push(row)
  await pane[Symbol.asyncDispose]()
}
process.stdout.write(`${Bun.inspect.table(rows, { colors: false })}\n`)
process.exit(failed ? 1 : 0)
