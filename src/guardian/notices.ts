/** What the owner is told without having asked: one line an event, and never twice. */
import * as v from "valibot"
import type { Facts } from "../store/facts.ts"
import type { Owner } from "../store/owner.ts"
import type { Log } from "./log.ts"

/** One line for the owner, under the key of its event. */
export type Notice = { readonly key: string; readonly text: string }

export type Notices = {
  /** @param key - the event's own: what has the same key is told no more */
  tell(key: string, text: string): void
  on(listener: (notice: Notice) => void): void
}

/** What tells the owner, now or when a Guardian runs. */
export type Teller = Pick<Notices, "tell">

const deferredKey = "notices to be told"
const deferredSchema = v.array(v.object({ key: v.string(), text: v.string() }))
const mostDeferred = 20

/** Where no Guardian runs: kept until one does; of many, the latest. */
export const deferNotices = (facts: Pick<Facts, "get" | "set">): Teller => ({
  tell(key, text) {
    facts.set(deferredKey, [...deferredIn(facts), { key, text }].slice(-mostDeferred))
  },
})

/** Tells what was kept while no Guardian ran. */
export function tellDeferred(facts: Facts, notices: Teller): void {
  const deferred = deferredIn(facts)
  for (const { key, text } of deferred) notices.tell(key, text)
  if (deferred.length > 0) facts.remove(deferredKey)
}

function deferredIn(facts: Pick<Facts, "get">): v.InferOutput<typeof deferredSchema> {
  const kept = v.safeParse(deferredSchema, facts.get(deferredKey))
  return kept.success ? kept.output : []
}

/** Noted before it is told: after a crash in between it is in the log alone, and never comes twice. */
export function createNotices(owner: Owner, log: Log, now: () => number): Notices {
  const listeners: ((notice: Notice) => void)[] = []
  return {
    tell(key, text) {
      if (!owner.note(key, now())) return
      log.write(`told the owner: ${text}`)
      for (const listener of listeners) listener({ key, text })
    },
    on(listener) {
      listeners.push(listener)
    },
  }
}
