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

/** Newest first; of an agent its own latest, however many others have sent since. */
export function createRecent<Kind>(database: Database, box: Box) {
  const all = database.query<Kind, { most: number }>(`SELECT * FROM ${box} ORDER BY seq DESC LIMIT $most`)
  const ofAgent = database.query<
    Kind,
    { most: number; name: string; pair: string | null; paired: string }
  >(`SELECT * FROM ${box} WHERE pair = $pair
     OR (name = $name AND pair NOT IN (SELECT value FROM json_each($paired))) ORDER BY seq DESC LIMIT $most`)
  return (most: number, of: Correspondent | null): Kind[] =>
    of === null ? all.all({ most }) : ofAgent.all({ most, ...of, paired: JSON.stringify(of.paired) })
}
