/** What an owner's command does itself where no Guardian runs: under the Guardian's lock, in the same books. */
import { randomBytes } from "node:crypto"
import * as v from "valibot"
import { SentoError } from "../protocol/errors.ts"
import { makeFolder, requireConfig } from "../store/config.ts"
import { takeLock } from "../store/lock.ts"
import type { Paths } from "../store/paths.ts"
import { openStore, type Store } from "../store/store.ts"
import { reasonToDistrust } from "./callers.ts"
import { holdConfig } from "./context.ts"
import { openLog } from "./log.ts"
import { type Books, noteLoss } from "./pairs.ts"
import { createWaiters } from "./waiters.ts"

const pinSchema = v.object({ pid: v.number() })

/**
 * Opens the books, lets `work` change them, and closes them again.
 * @throws try-later when a Guardian has the lock after all; refused to a process that the agent started
 */
export async function withBooks<Result>(
  paths: Paths,
  work: (books: Books) => Result | Promise<Result>,
): Promise<Result> {
  const config = holdConfig(paths, requireConfig(paths))
  makeFolder(paths)
  const lock = takeLock(paths.lock)
  if (lock === null)
    throw new SentoError("try-later", "the Guardian is just starting or stopping", "run the command again")
  try {
    const store = openStore(paths.database, length => randomBytes(length))
    requireOwner(store)
    try {
      const log = openLog(paths.log, Date.now)
      noteLoss({ store, config, log, now: Date.now })
      return await work({ store, config, log, now: Date.now, waiters: createWaiters() })
    } finally {
      store.close()
    }
  } finally {
    lock.release()
  }
}

/** The check of the owner's door, made here: there is no Guardian to make it. */
function requireOwner(store: Store): void {
  const pane = v.safeParse(pinSchema, store.facts.get("pane"))
  const reason = reasonToDistrust(process.pid, pane.success ? [pane.output.pid] : [])
  if (reason === null) return
  store.close()
  throw new SentoError(
    "not-owner",
    `only the owner may do this: ${reason}`,
    "run it in a terminal of your own",
  )
}
