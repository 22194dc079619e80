/** What the loss of sento.db is known by, and what it means. */

import * as v from "valibot"
import type { Facts } from "../../store/facts.ts"
import type { Books } from "./pairs.ts"

const lossKey = "database lost"
const lossSchema = v.number()

/**
 * Notes it where sento.db does not know pairs that the config has: it was lost, or an old copy was put back. They go
 * on with the keys of the config.
 */
export function noteLoss({ store, config, log, now }: Pick<Books, "store" | "config" | "log" | "now">): void {
  const known = new Set([
    ...store.peers.lastContacts().keys(),
    ...store.peers.revocations().map(({ pair }) => pair),
  ])
  const unknown = Object.values(config.current.agents).filter(({ id }) => !known.has(id))
  if (unknown.length === 0) return
  store.now(() => {
    for (const { id } of unknown) store.peers.add(id, null)
    store.facts.set(lossKey, now())
  })
  log.write(lossWords)
}

/** When a loss of sento.db was noted last, in milliseconds since the epoch, or null. */
export function lossOf(facts: Pick<Facts, "get">): number | null {
  const at = v.safeParse(lossSchema, facts.get(lossKey))
  return at.success ? at.output : null
}

/** What the loss of sento.db means, for the owner. */
export const lossWords =
  "sento.db was lost, or an old copy of it was put back: messages that waited in it are gone, those that came may come again, and pairs that had ended may be back (`sento agents` shows them)"
