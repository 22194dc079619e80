/** Everything in sento.db, opened once by the Guardian. */
import type { Database } from "bun:sqlite"
import { type Chats, createChats } from "./chats.ts"
import { type Codes, createCodes, createJoinTries, type JoinTries } from "./codes.ts"
import { type Commit, groupCommits } from "./commits.ts"
import { openDatabase, withoutWaiting } from "./database.ts"
import { createFacts, type Facts } from "./facts.ts"
import { createInbox, type Inbox } from "./inbox.ts"
import { createJoins, type Joins } from "./joins.ts"
import { createKeptTurns, type KeptTurns } from "./open-turns.ts"
import { createOutbox, type Outbox } from "./outbox.ts"
import { createOwner, type Owner } from "./owner.ts"
import { createPeers, type Peers } from "./peers.ts"
import { createReceipts, type Receipts } from "./receipts-to-send.ts"
import { createRequests, type Requests } from "./requests.ts"
import { createRetention, type Retention } from "./retention.ts"
import { createWaitingRoom, type WaitingRoom } from "./waiting-room.ts"

export type Store = {
  readonly codes: Codes
  readonly joinTries: JoinTries
  readonly requests: Requests
  readonly joins: Joins
  readonly owner: Owner
  readonly inbox: Inbox
  readonly outbox: Outbox
  readonly waitingRoom: WaitingRoom
  readonly peers: Peers
  readonly receipts: Receipts
  readonly facts: Facts
  readonly retention: Retention
  readonly chats: Chats
  readonly turns: KeptTurns
  /** Runs a change durably, grouped with others of the same turn. */
  readonly commit: Commit
  /** Runs a change durably now, as one transaction. */
  readonly now: <Value>(change: () => Value) => Value
  /**
   * Overwrites what was forgotten in the log of changes too (sento.db-wal); to be called within no transaction.
   * @returns false where somebody reads it, or the disk refuses: to be tried again
   */
  scrub(): boolean
  close(): void
}

/** @param random - a source of random bytes, for ids */
export function openStore(path: string, random: (length: number) => Uint8Array): Store {
  return storeOf(openDatabase(path), random)
}

export function storeOf(database: Database, random: (length: number) => Uint8Array): Store {
  const { commit, flush } = groupCommits(database)
  return {
    codes: createCodes(database),
    joinTries: createJoinTries(database),
    requests: createRequests(database, random),
    joins: createJoins(database, random),
    owner: createOwner(database),
    inbox: createInbox(database, random),
    outbox: createOutbox(database, random),
    waitingRoom: createWaitingRoom(database),
    peers: createPeers(database),
    receipts: createReceipts(database),
    facts: createFacts(database),
    retention: createRetention(database),
    chats: createChats(database),
    turns: createKeptTurns(database),
    commit,
    now: change => database.transaction(change).immediate(),
    scrub: () => isTruncated(database),
    close() {
      flush()
      database.close()
    },
  }
}

function isTruncated(database: Database): boolean {
  try {
    return withoutWaiting(
      database,
      () => database.query<{ busy: number }, []>("PRAGMA wal_checkpoint(TRUNCATE)").get()?.busy === 0,
    )
  } catch {
    return false
  }
}
