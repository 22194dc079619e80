import type { Row } from "../row.ts"
import { carried, carriedFar } from "./carried.ts"
import { delivery } from "./delivery.ts"
import { flood } from "./flood.ts"
import { idle } from "./idle.ts"
import { idleCollecting } from "./idle-collecting.ts"
import { logOfFew, logOfOne } from "./log.ts"
import { agents, hook, hookAlone, version } from "./start-up.ts"

/** In the order of the table. */
export const rows: readonly Row[] = [
  version,
  agents,
  hook,
  hookAlone,
  logOfOne,
  logOfFew,
  delivery,
  carried,
  carriedFar,
  idle,
  idleCollecting,
  flood,
]
