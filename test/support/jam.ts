/**
 * Two kinds of peers in turn: one sends what is made to be misread, the other an honest line right behind it. What
 * counts is how long the honest line waits.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ask, type Besieged, besiege } from "./besieged.ts"
import { type ClientPair, messageBody, signSealed } from "./client.ts"
import { type DoubleName, doubleCommand } from "./pane.ts"
import { until } from "./world.ts"

/** What runs in the pane, and how it is asked what it was given. */
export type Jammed = {
  readonly profile: DoubleName
  readonly command: readonly string[]
  /** What the program submitted so far, oldest first. */
  readonly submitted: () => readonly string[]
  /** What it did that nobody asked for. */
  readonly mishaps: () => readonly string[]
}

export type JamResult = {
  /** Milliseconds from its acceptance to `delivered`, for each honest line that came. */
  readonly waits: readonly number[]
  /** Honest lines that did not come in time, each with the hostile text before it and what was to be seen. */
  readonly jams: readonly {
    readonly text: string
    readonly state: string
    readonly log: string
    readonly screen: string
  }[]
  /** Honest lines that the program was not given once, though the Guardian says so. */
  readonly lost: readonly string[]
  /** Hostile texts by what became of them. */
  readonly hostile: Readonly<Record<string, number>>
  readonly mishaps: readonly string[]
}

/** A new message a pair every six seconds on the average: as many pairs as are needed to wait for none. */
const messagesPerPair = 10

const lastLines = 10

/**
 * Sends each text and an honest line behind it to one Guardian of the built file.
 * @param patienceMilliseconds - how long a line is waited for; one that waits longer has been jammed
 * @param onStep - called after each, with the wait of the line in milliseconds or null
 * @returns early at the first jam: what comes after it would only wait behind it
 */
export async function jam(
  pane: Jammed,
  texts: readonly string[],
  patienceMilliseconds: number,
  onStep: (wait: number | null) => void = () => {},
): Promise<JamResult> {
  const pairs = Math.ceil(texts.length / messagesPerPair)
  const besieged = await besiege({ peers: 2 * pairs, command: pane.command, profile: pane.profile })
  try {
    const peers = Array.from({ length: 2 * pairs }, () => besieged.peer().pair)
    const waits: number[] = []
    const honest: string[] = []
    const jams: JamResult["jams"][number][] = []
    for (const [index, text] of texts.entries()) {
      const turn = 2 * Math.floor(index / messagesPerPair)
      await sendTo(besieged, peers[turn], text)
      const line = `honest line ${index}, is the build good?`
      const id = await sendTo(besieged, peers[turn + 1], line)
      const row = await settledRow(besieged, id, patienceMilliseconds)
      const isThere = row.state === "delivered"
      onStep(isThere ? row.milliseconds : null)
      if (!isThere) {
        const log = besieged.log().split("\n").slice(-lastLines).join("\n")
        jams.push({ text, state: row.state, log, screen: await besieged.world.screen("mira") })
        break
      }
      waits.push(row.milliseconds)
      honest.push(line)
    }
    // The Guardian knows of the submission before the program has told its model.
    const hasCome = (): boolean => honest.every(line => timesOf(pane, line) > 0)
    await until("the last line", hasCome, patienceMilliseconds).catch(() => null)
    return { waits, jams, ...verdict(besieged, pane, honest) }
  } finally {
    await besieged.close()
  }
}

/** @returns its id */
async function sendTo(besieged: Besieged, pair: ClientPair | undefined, text: string): Promise<string> {
  if (pair === undefined) throw new Error("too few pairs")
  const body = messageBody(Date.now(), { text })
  const answer = await ask(besieged, pair, signSealed(pair, body))
  if (answer.status !== 202) throw new Error(`not accepted: ${JSON.stringify(answer)}`)
  return String(body.id)
}

type Row = { readonly state: string; readonly milliseconds: number }

async function settledRow(besieged: Besieged, id: string, patienceMilliseconds: number): Promise<Row> {
  const read = (): Row | undefined =>
    besieged.query<Row>(
      "SELECT state, coalesce(settled_at, 0) - received_at AS milliseconds FROM inbox WHERE id = ?",
      id,
    )[0]
  const isSettled = (): boolean => !["waiting", "typing"].includes(read()?.state ?? "waiting")
  await until("the honest line", isSettled, patienceMilliseconds).catch(() => null)
  const row = read()
  if (row === undefined) throw new Error("an accepted message is not kept")
  return row
}

function verdict(
  besieged: Besieged,
  pane: Jammed,
  honest: readonly string[],
): Pick<JamResult, "lost" | "hostile" | "mishaps"> {
  const rows = besieged.query<{ state: string; count: number }>(
    "SELECT state, count(*) AS count FROM inbox WHERE text NOT LIKE 'honest line %' GROUP BY state",
  )
  return {
    lost: honest.filter(line => timesOf(pane, line) !== 1),
    hostile: Object.fromEntries(rows.map(({ state, count }) => [state, count])),
    mishaps: pane.mishaps(),
  }
}

const timesOf = ({ submitted }: Jammed, line: string): number =>
  submitted().filter(one => one.includes(line)).length

/** A double of the program, in a folder that is gone afterwards. */
export async function withDouble<Result>(
  profile: DoubleName,
  act: (pane: Jammed) => Promise<Result>,
): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), "sento-jam-"))
  const { command, log } = doubleCommand(directory, profile)
  const logged = (kinds: readonly string[]): string[] =>
    readFileSync(log, "utf8")
      .split("\n")
      // The last one may not be whole.
      .slice(0, -1)
      .map(line => JSON.parse(line) as { kind: string; text: string })
      .filter(({ kind }) => kinds.includes(kind))
      .map(({ text }) => text)
  try {
    return await act({
      profile,
      command: ["sh", "-c", command],
      submitted: () => logged(["submitted"]),
      mishaps: () => logged(["approved", "executed", "completed", "answered", "cancelled"]),
    })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
