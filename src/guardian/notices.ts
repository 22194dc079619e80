/** What the owner is told without having asked: one line an event, and never twice. */
import type { Owner } from "../store/owner.ts"
import type { Log } from "./log.ts"
import type { Notice } from "./surfaces.ts"

export type Notices = {
  /** @param key - the event's own: what has the same key is told no more */
  tell(key: string, text: string): void
  on(listener: (notice: Notice) => void): void
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
