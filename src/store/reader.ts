/** sento.db as commands read it where no Guardian is asked: nothing is written, and nothing is prepared unused. */
import { type Codes, createCodes } from "./codes.ts"
import { OlderDatabase, readDatabase } from "./database.ts"
import { createFacts, type Facts } from "./facts.ts"
import { createInbox, type Inbox } from "./inbox.ts"
import { createJoins, type Joins } from "./joins.ts"
import { createOutbox, type Outbox } from "./outbox.ts"
import { createPeers, type Peers } from "./peers.ts"
import { createRequests, type Requests } from "./requests.ts"
import { createWaitingRoom, type WaitingRoom } from "./waiting-room.ts"

/** Each part is opened where it is asked for; SQLite refuses what would write. */
export type Reader = {
  readonly inbox: Inbox
  readonly outbox: Outbox
  readonly waitingRoom: WaitingRoom
  readonly peers: Peers
  readonly requests: Requests
  readonly joins: Joins
  readonly codes: Codes
  readonly facts: Facts
  /** Another number as soon as another process has written. */
  version(): number
} & Disposable

/**
 * Opens sento.db to look into it; null where there is none yet.
 * @param waitMilliseconds - for another program that has it locked (2 s)
 * @throws config when the file is no database or of a newer sento
 */
export function openReader(path: string, waitMilliseconds?: number): Reader | null {
  const database = readDatabase(path, waitMilliseconds)
  if (database === null) return null
  return {
    get inbox() {
      return createInbox(database, noRandom)
    },
    get outbox() {
      return createOutbox(database, noRandom)
    },
    get waitingRoom() {
      return createWaitingRoom(database)
    },
    get peers() {
      return createPeers(database)
    },
    get requests() {
      return createRequests(database, noRandom)
    },
    get joins() {
      return createJoins(database, noRandom)
    },
    get codes() {
      return createCodes(database)
    },
    get facts() {
      return createFacts(database)
    },
    version: () => (database.query("PRAGMA data_version").get() as { data_version: number }).data_version,
    [Symbol.dispose]() {
      database.close()
    },
  }
}

/** Whoever reads gives nothing an id. */
function noRandom(): never {
  throw new Error("a reader has no random bytes")
}

/** The same for those who say besides that another build runs: null for an older sento's file, too. @throws config */
export function openCurrentReader(path: string): Reader | null {
  try {
    return openReader(path)
  } catch (error) {
    if (error instanceof OlderDatabase) return null
    throw error
  }
}
