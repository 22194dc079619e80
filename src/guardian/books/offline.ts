/** What an owner's command does itself where no Guardian runs: under the Guardian's lock, in the same books. */

import { randomBytes } from "node:crypto"
import { SentoError } from "../../protocol/errors.ts"
import { makeFolder, requireConfig } from "../../store/config.ts"
import { takeLock } from "../../store/lock.ts"
import type { Paths } from "../../store/paths.ts"
import { openStore } from "../../store/store.ts"
import { holdConfig } from "../context.ts"
import { refuseDistrusted } from "../door/callers.ts"
import { openLog } from "../log.ts"
import { deferNotices } from "../notices.ts"
import { createWaiters } from "../waiters.ts"
import { agentProcesses } from "./agent-processes.ts"
import { noteLoss } from "./losses.ts"
import type { Books } from "./pairs.ts"

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
    try {
      refuseDistrusted(process.pid, await agentProcesses({ config, store, paths }))
      const log = openLog(paths.log, Date.now)
      noteLoss({ store, config, log, now: Date.now })
      const notices = deferNotices(store.facts)
      return await work({ paths, store, config, log, now: Date.now, waiters: createWaiters(), notices })
    } finally {
      store.close()
    }
  } finally {
    lock.release()
  }
}
