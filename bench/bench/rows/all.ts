import type { Row } from "../row.ts"
import { accepted } from "./accepted.ts"
import { carried, carriedFar } from "./carried.ts"
import { delivery } from "./delivery.ts"
import { five } from "./five.ts"
import { flood } from "./flood.ts"
import { idle } from "./idle.ts"
import { idleCollecting } from "./idle-collecting.ts"
import { logOfFew, logOfOne } from "./log.ts"
import { acceptsWithMany, startsWithMany } from "./many-peers.ts"
import { pairing } from "./pairing.ts"
import { send } from "./send.ts"
import { size } from "./size.ts"
import { agents, hook, hookAlone, version } from "./start-up.ts"
import { year } from "./year.ts"

/** In the order of the table. */
export const rows: readonly Row[] = [
  version,
  agents,
  hook,
  hookAlone,
  send,
  flood,
  accepted,
  delivery,
  carried,
  carriedFar,
  idle,
  five,
  idleCollecting,
  pairing,
  ...startsWithMany,
  ...acceptsWithMany,
  logOfOne,
  logOfFew,
  year,
  size,
]
