/** The latest messages of one way: of all agents, or of one. */
import type { Database } from "bun:sqlite"
import type { Box } from "./waiting-room.ts"

/** The agent of a name: the pair that has it today, and pairs that ended and had it when the message went. */
export type Correspondent = {
  readonly name: string
  /** The pair id of who has it today, or null. */
  readonly pair: string | null
  /** The ids of all pairs of today. */
  readonly paired: readonly string[]
}

/** Which messages are wanted. */
export type Wanted = {
  /** None that is older, in milliseconds since the epoch; null: whatever its age. */
  readonly since: number | null
  /** Whether a text is wanted; null: each is. */
  readonly matches: ((text: string) => boolean) | null
}

const everything: Wanted = { since: null, matches: null }

/** When a message came, or was sent. */
const times: Readonly<Record<Box, string>> = { inbox: "received_at", outbox: "created_at" }

type Row = { readonly seq: number; readonly text: string }

/** Newest first; of an agent its own latest, however many others have sent since: each by an index that ends there. */
export function createRecent<Kind extends Row>(database: Database, box: Box) {
  const latest = (where: string): string =>
    `SELECT * FROM ${box} WHERE ${where} AND ${times[box]} >= $since ORDER BY seq DESC LIMIT $most`
  type Bounds = { since: number; most: number }
  const all = database.query<Kind, Bounds>(latest("true"))
  const ofPair = database.query<Kind, Bounds & { pair: string | null }>(latest("pair = $pair"))
  const ofFormer = database.query<Kind, Bounds & { pair: string; name: string }>(
    latest("pair = $pair AND name = $name"),
  )
  // One step of the index for each pair that had the name, not one for each message.
  const pairsOf = database.query<{ pair: string }, { name: string; paired: string }>(
    `WITH RECURSIVE had(pair) AS (
       SELECT min(pair) FROM ${box} WHERE name = $name
       UNION ALL SELECT (SELECT min(pair) FROM ${box} WHERE name = $name AND pair > had.pair)
         FROM had WHERE had.pair IS NOT NULL)
     SELECT pair FROM had WHERE pair IS NOT NULL AND pair NOT IN (SELECT value FROM json_each($paired))`,
  )

  function ofAgent({ name, pair, paired }: Correspondent, bounds: Bounds): Iterable<Kind>[] {
    const former = pairsOf.all({ name, paired: JSON.stringify(paired) })
    // Of no pair, SQL finds none.
    return [
      ofPair.iterate({ ...bounds, pair }),
      ...former.map(one => ofFormer.all({ ...bounds, pair: one.pair, name })),
    ]
  }

  return (most: number, of: Correspondent | null, { since, matches } = everything): Kind[] => {
    const bounds = { since: since ?? 0, most: matches === null ? most : unlimited }
    const sources = of === null ? [all.iterate(bounds)] : ofAgent(of, bounds)
    const found = sources.flatMap(rows => firstOf(rows, most, matches))
    return found.sort((a, b) => b.seq - a.seq).slice(0, most)
  }
}

/** What LIMIT takes for none (sqlite.org/lang_select.html, section 4). */
const unlimited = -1

function firstOf<Kind extends Row>(rows: Iterable<Kind>, most: number, matches: Wanted["matches"]): Kind[] {
  const found: Kind[] = []
  for (const row of rows) {
    if (matches !== null && !matches(row.text)) continue
    found.push(row)
    if (found.length === most) break
  }
  return found
}
