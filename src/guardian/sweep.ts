/** What the Guardian removes from the disk: what is old or takes too much, and what a crash has left. */

import { lookAgain, type Moment, mayForget, type Steadiness } from "../protocol/freshness.ts"
import { removeCopies } from "../store/copies.ts"
import type { Paths } from "../store/paths.ts"
import { defaultRetention, type FileSizes } from "../store/retention.ts"
import { fileSizes, forgetFiles } from "./books/message-files.ts"
import { endPair } from "./books/pairs.ts"
import { announce, type Context, peerById } from "./context.ts"
import type { Log } from "./log.ts"
import type { Sender } from "./outbound/sender.ts"
import { tellEnded } from "./pairing/unpairing.ts"

/** What time ends: requests nobody answered, pairs that never appeared, and what may be forgotten. */
export function createSweep(context: Context, sender: Sender): () => void {
  const read = (): Moment => ({ now: context.now(), elapsed: context.elapsed() })
  const began = read()
  let clock: Steadiness = { last: began, since: began.elapsed }
  return () => {
    clock = lookAgain(clock, read())
    endOverdue(context, clock.last.now)
    if (mayForget(clock)) forget(context, clock.last.now)
    tellEnded(context, sender)
  }
}

function endOverdue(context: Context, now: number): void {
  const { store } = context
  for (const request of store.requests.sweep(now)) announce(context, request, { state: "expired" })
  for (const pair of store.peers.overdue(now)) {
    const peer = peerById(context, pair)
    if (peer === null) store.peers.forget(pair)
    else endPair(context, peer)
  }
}

/** What time and size end; to be called only where the clock is known to be right. @param now - milliseconds since the epoch */
export function forget(context: Context, now: number): void {
  const { store } = context
  store.inbox.forgetIds(now)
  store.receipts.forget(now)
  store.turns.forget(now)
  forgetMessages(context)
  forgetFiles(context)
  store.scrub()
}

function forgetMessages(context: Context): void {
  const { store, config, log, now } = context
  const { days, megabytes } = { ...defaultRetention, ...config.current.retention }
  try {
    const removed = store.retention.sweep({ days, bytes: megabytes * 1_000_000 }, now(), sizesOf(context))
    if (removed > 0) log.write(`forgot ${removed} settled messages`)
  } catch (error) {
    log.write(`cannot forget messages: ${(error as Error).message}`)
  }
}

/** Where the files cannot be looked at, the messages are forgotten all the same. */
function sizesOf(context: Context): FileSizes {
  try {
    return fileSizes(context)
  } catch (error) {
    context.log.write(`cannot see the files of messages: ${(error as Error).message}`)
    return new Map()
  }
}

/** Copies of the config that a crash left. Where that fails, the next write of the config tries it again, and says why not. */
export function forgetCopies(paths: Paths, log: Log): void {
  try {
    const count = removeCopies(paths)
    if (count > 0) log.write(`removed ${count} of the config's copies that a crash had left`)
  } catch (error) {
    log.write(`cannot remove a copy of the config that a crash has left: ${(error as Error).message}`)
  }
}
