/** sento.db: what must survive the Guardian. */
import { Database, SQLiteError } from "bun:sqlite"
import { chmodSync, statSync } from "node:fs"
import { SentoError } from "../protocol/errors.ts"

/** Each entry takes the schema one version further; `user_version` counts those that ran. Times are ms since the epoch. */
const migrations: readonly string[] = [
  `
  CREATE TABLE codes (
    seq INTEGER PRIMARY KEY,
    symbols TEXT NOT NULL,          -- emptied when the code is no longer open
    opened_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    tries_left INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'spent', 'burned', 'expired', 'replaced'))
  );
  CREATE TABLE join_tries (symbols TEXT PRIMARY KEY, count INTEGER NOT NULL, last_at INTEGER NOT NULL);
  CREATE TABLE requests (
    id TEXT PRIMARY KEY,            -- what approve and deny take
    role TEXT NOT NULL CHECK (role IN ('minter', 'joiner')),
    pairing TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    local_name TEXT NOT NULL,       -- under which it will be stored
    replaces INTEGER NOT NULL DEFAULT 0,
    agent TEXT NOT NULL,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    features TEXT NOT NULL,         -- JSON
    verifier TEXT NOT NULL,
    pair_id TEXT NOT NULL,
    send_key TEXT NOT NULL,
    receive_key TEXT NOT NULL,
    decision_key TEXT NOT NULL,
    confirm_digest TEXT,            -- of the confirm that was answered with 202, to answer it alike again
    confirm_answer TEXT,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'denied', 'expired')),
    created_at INTEGER NOT NULL,
    settled_at INTEGER
  );
  CREATE TABLE peers (
    pair TEXT PRIMARY KEY,
    last_contact_at INTEGER,        -- the last authenticated request or answer
    must_appear_by INTEGER          -- dropped when nothing authenticated came until then
  );
  CREATE TABLE revoked (
    pair TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    by_us INTEGER NOT NULL,
    at INTEGER NOT NULL,
    unpair TEXT                     -- JSON: what is needed to say so to the other side, until it was said
  );
  CREATE TABLE seen (
    pair TEXT NOT NULL,
    id TEXT NOT NULL,
    is_message INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (pair, id)
  ) WITHOUT ROWID;
  CREATE INDEX seen_by_time ON seen (pair, is_message, first_at);
  CREATE INDEX seen_by_age ON seen (last_at);
  CREATE TABLE other_requests (pair TEXT NOT NULL, at INTEGER NOT NULL);
  CREATE INDEX other_requests_by_time ON other_requests (pair, at);
  CREATE TABLE inbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    pair TEXT NOT NULL,
    name TEXT NOT NULL,             -- of the peer when it came, for the log
    id TEXT NOT NULL,
    short_id TEXT NOT NULL,
    text TEXT NOT NULL,
    in_reply_to TEXT,
    hops INTEGER NOT NULL,
    created_at INTEGER,
    received_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'typing', 'delivered', 'uncertain', 'dropped')),
    settled_at INTEGER,
    UNIQUE (pair, id)
  );
  CREATE INDEX inbox_by_state ON inbox (state, seq);
  CREATE INDEX inbox_by_short_id ON inbox (short_id, seq);
  CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    pair TEXT NOT NULL,
    name TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL,
    in_reply_to TEXT,
    hops INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'accepted', 'refused', 'failed', 'expired', 'dropped')),
    reason TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL DEFAULT 0,
    settled_at INTEGER
  );
  CREATE INDEX outbox_by_state ON outbox (state, pair, seq);
  CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL);  -- JSON
  `,
  `
  ALTER TABLE outbox ADD COLUMN peer_state TEXT;      -- what the peer last said became of it
  ALTER TABLE outbox ADD COLUMN peer_reason TEXT;
  ALTER TABLE outbox ADD COLUMN receipts INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX outbox_by_pair ON outbox (pair, id);
  CREATE INDEX inbox_by_answer ON inbox (in_reply_to) WHERE in_reply_to IS NOT NULL;
  CREATE TABLE receipts (             -- what we have to say of messages that came; the latest word alone
    pair TEXT NOT NULL,
    of TEXT NOT NULL,
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    made INTEGER NOT NULL,            -- how many were made for this message
    pending INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL DEFAULT 0,
    at INTEGER NOT NULL,
    PRIMARY KEY (pair, of)
  );
  CREATE INDEX receipts_pending ON receipts (pending, pair);
  ALTER TABLE peers ADD COLUMN paused_until INTEGER;  -- its messages are kept and not typed until then
  ALTER TABLE peers ADD COLUMN pause_reason TEXT;     -- 'owner' or 'loop'
  ALTER TABLE peers ADD COLUMN hop_limit INTEGER;     -- replies in a row that may still be typed; null: the default
  `,
  `
  CREATE TABLE joins (                -- asked for by the agent, waiting for its own owner
    id TEXT PRIMARY KEY,
    symbols TEXT NOT NULL,            -- emptied when it is settled
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    name TEXT NOT NULL,
    agent TEXT NOT NULL,
    local_name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'denied', 'expired', 'failed'))
  );
  CREATE TABLE pin_tries (at INTEGER NOT NULL);
  CREATE TABLE notices (key TEXT PRIMARY KEY, at INTEGER NOT NULL);  -- what the owner was told
  `,
  `
  CREATE TABLE chat_questions (       -- which message in the owner's chat asks which question
    chat TEXT NOT NULL,               -- the app and the chat in it
    id TEXT NOT NULL,
    state TEXT NOT NULL,              -- JSON, of guardian/owner/chat.ts
    PRIMARY KEY (chat, id)
  );
  CREATE TABLE chat_cursors (chat TEXT PRIMARY KEY, cursor TEXT NOT NULL);
  `,
  `
  ALTER TABLE outbox ADD COLUMN asked_for INTEGER;    -- ms that the peer itself asked us to wait; null: our own wait
  ALTER TABLE receipts ADD COLUMN asked_for INTEGER;
  `,
  `
  CREATE INDEX outbox_held ON outbox (pair) WHERE peer_state = 'held';
  `,
  `
  ALTER TABLE inbox ADD COLUMN taken_at INTEGER;      -- when an agent program's turn took it as its prompt
  CREATE INDEX outbox_by_answer ON outbox (in_reply_to) WHERE in_reply_to IS NOT NULL;
  CREATE TABLE turns (                -- open turns of the agent program
    session TEXT PRIMARY KEY,         -- the program's own id of it
    state TEXT NOT NULL,              -- JSON, of protocol/turns.ts
    at INTEGER NOT NULL
  );
  `,
  `
  CREATE TABLE waiting (              -- bytes of text that wait, kept by the triggers below
    pair TEXT NOT NULL,
    box TEXT NOT NULL CHECK (box IN ('inbox', 'outbox')),
    bytes INTEGER NOT NULL,
    PRIMARY KEY (pair, box)
  ) WITHOUT ROWID;
  INSERT INTO waiting SELECT pair, 'inbox', sum(length(CAST(text AS BLOB))) FROM inbox
    WHERE state IN ('waiting', 'typing') GROUP BY pair;
  INSERT INTO waiting SELECT pair, 'outbox', sum(length(CAST(text AS BLOB))) FROM outbox
    WHERE state = 'queued' GROUP BY pair;
  CREATE TRIGGER inbox_waits AFTER INSERT ON inbox WHEN NEW.state IN ('waiting', 'typing') BEGIN
    INSERT INTO waiting VALUES (NEW.pair, 'inbox', length(CAST(NEW.text AS BLOB)))
      ON CONFLICT (pair, box) DO UPDATE SET bytes = bytes + excluded.bytes;
  END;
  CREATE TRIGGER inbox_settles AFTER UPDATE OF state ON inbox
    WHEN OLD.state IN ('waiting', 'typing') AND NEW.state NOT IN ('waiting', 'typing') BEGIN
    UPDATE waiting SET bytes = bytes - length(CAST(OLD.text AS BLOB)) WHERE pair = OLD.pair AND box = 'inbox';
  END;
  CREATE TRIGGER outbox_waits AFTER INSERT ON outbox WHEN NEW.state = 'queued' BEGIN
    INSERT INTO waiting VALUES (NEW.pair, 'outbox', length(CAST(NEW.text AS BLOB)))
      ON CONFLICT (pair, box) DO UPDATE SET bytes = bytes + excluded.bytes;
  END;
  CREATE TRIGGER outbox_settles AFTER UPDATE OF state ON outbox
    WHEN OLD.state = 'queued' AND NEW.state <> 'queued' BEGIN
    UPDATE waiting SET bytes = bytes - length(CAST(OLD.text AS BLOB)) WHERE pair = OLD.pair AND box = 'outbox';
  END;
  `,
  `
  CREATE TABLE sent (                 -- the outbox with a state more: SQLite cannot change a CHECK in place
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    pair TEXT NOT NULL,
    name TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    short_id TEXT,                    -- what \`sento cancel\` takes; null: none was free
    text TEXT NOT NULL,
    in_reply_to TEXT,
    hops INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    state TEXT NOT NULL
      CHECK (state IN ('queued', 'accepted', 'refused', 'expired', 'dropped', 'withdrawn')),
    reason TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    exposed INTEGER NOT NULL DEFAULT 0, -- an attempt may have brought it, though nobody said so
    next_at INTEGER NOT NULL DEFAULT 0,
    asked_for INTEGER,
    settled_at INTEGER,
    peer_state TEXT,
    peer_reason TEXT,
    receipts INTEGER NOT NULL DEFAULT 0
  );
  INSERT INTO sent (seq, pair, name, id, short_id, text, in_reply_to, hops, created_at, state, reason, attempts, exposed,
      next_at, asked_for, settled_at, peer_state, peer_reason, receipts)
    SELECT seq, pair, name, id, iif(state = 'queued', ${["", "", "", ""].map(() => "substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + (random() & 31), 1)").join(" || ")}, NULL),
      text, in_reply_to, hops, created_at, iif(state = 'failed', 'expired', state), reason, attempts, state = 'queued',
      next_at, asked_for, settled_at, peer_state, peer_reason, receipts FROM outbox;
  UPDATE sqlite_sequence SET seq = (SELECT max(seq) FROM sqlite_sequence WHERE name IN ('sent', 'outbox'))
    WHERE name = 'sent';
  DROP TABLE outbox;
  ALTER TABLE sent RENAME TO outbox;
  CREATE INDEX outbox_by_state ON outbox (state, pair, seq);
  CREATE INDEX outbox_held ON outbox (pair) WHERE peer_state = 'held';
  CREATE INDEX outbox_by_answer ON outbox (in_reply_to) WHERE in_reply_to IS NOT NULL;
  CREATE INDEX outbox_by_short_id ON outbox (short_id, seq);
  CREATE INDEX outbox_by_pair ON outbox (pair, seq);    -- an agent's latest, however many others there are
  CREATE INDEX outbox_by_name ON outbox (name, pair);
  CREATE INDEX inbox_by_pair ON inbox (pair, seq);
  CREATE INDEX inbox_by_name ON inbox (name, pair);
  CREATE TRIGGER outbox_waits AFTER INSERT ON outbox WHEN NEW.state = 'queued' BEGIN
    INSERT INTO waiting VALUES (NEW.pair, 'outbox', length(CAST(NEW.text AS BLOB)))
      ON CONFLICT (pair, box) DO UPDATE SET bytes = bytes + excluded.bytes;
  END;
  CREATE TRIGGER outbox_settles AFTER UPDATE OF state ON outbox
    WHEN OLD.state = 'queued' AND NEW.state <> 'queued' BEGIN
    UPDATE waiting SET bytes = bytes - length(CAST(OLD.text AS BLOB)) WHERE pair = OLD.pair AND box = 'outbox';
  END;
  ALTER TABLE inbox ADD COLUMN released INTEGER NOT NULL DEFAULT 0;  -- typed though its pair is paused: its owner's word
  ALTER TABLE inbox ADD COLUMN reason TEXT;           -- why it was dropped
  ALTER TABLE revoked ADD COLUMN is_cleared INTEGER NOT NULL DEFAULT 0;  -- its owner has seen that it ended
  `,
]

/**
 * Opens sento.db for the Guardian, which is its one writer, and brings its schema up to date.
 * @param version - of the schema, where it is to be that of an older build
 * @throws config when the file is no database or of a newer sento
 */
export function openDatabase(path: string, version = migrations.length): Database {
  const database = openChecked(path, { create: true, strict: true })
  chmodSync(path, 0o600)
  // Has an effect on a file that is empty still: what retention frees goes back to the disk.
  database.run("PRAGMA auto_vacuum = INCREMENTAL")
  database.run("PRAGMA journal_mode = WAL")
  database.run("PRAGMA synchronous = FULL")
  // What is forgotten, a key or a text, is overwritten.
  database.run("PRAGMA secure_delete = ON")
  database.run(`PRAGMA journal_size_limit = ${8 * 1024 * 1024}`)
  migrate(database, path, version)
  return database
}

/**
 * To a newer version in one transaction: what fails on the way, a disk or a kill, leaves the file as it was, for the sento
 * that wrote it.
 * @throws config
 */
function migrate(database: Database, path: string, version: number): void {
  const from = versionOf(database)
  if (from >= version) return
  try {
    database.transaction(() => {
      for (const migration of migrations.slice(from, version)) database.run(migration)
      database.run(`PRAGMA user_version = ${version}`)
    })()
  } catch (error) {
    database.close()
    throw new SentoError(
      "config",
      `cannot bring ${path} from version ${from} to ${version}: ${(error as Error).message}`,
      "it is as it was, for the sento that wrote it; free some space on its disk, and run this again",
    )
  }
}

/** SQLite waits within the call, and nothing else runs meanwhile: no longer than a reader or a backup takes. */
const lockMilliseconds = 2000
const waitWhenLocked = (milliseconds = lockMilliseconds): string => `PRAGMA busy_timeout = ${milliseconds}`

/** Does what is to fail at once where another process has the database locked. */
export function withoutWaiting<Value>(database: Database, work: () => Value): Value {
  database.run("PRAGMA busy_timeout = 0")
  try {
    return work()
  } finally {
    database.run(waitWhenLocked())
  }
}

/**
 * sento.db to look into, without a Guardian; null where there is none yet.
 * @param waitMilliseconds - for another program that has it locked
 * @throws OlderDatabase; config for one that is none, or newer
 */
export function readDatabase(path: string, waitMilliseconds = lockMilliseconds): Database | null {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) return null
  // SQLite would wait for somebody who writes into a pipe.
  if (found.isFIFO())
    throw new SentoError("config", `${path} is no file`, "move it away, and run `sento guard`")
  const database = openChecked(path, { readonly: true, strict: true }, waitMilliseconds)
  const version = versionOf(database)
  if (version === migrations.length) return database
  database.close()
  // Nothing was ever kept in it.
  if (version === 0) return null
  throw new OlderDatabase(path)
}

/** What waits in it is there, and this build cannot read it before a Guardian of it has run. */
export class OlderDatabase extends SentoError {
  constructor(path: string) {
    super("config", `${path} is an older sento's`, "`sento guard restart` brings it up to date")
  }
}

/** Another process has had the database locked for too long, and nothing was changed. */
export class DatabaseLocked extends Error {
  constructor() {
    super("another program has sento.db locked")
  }
}

export const isLocked = (error: unknown): boolean =>
  error instanceof DatabaseLocked ||
  (error instanceof SQLiteError && error.code !== undefined && error.code.startsWith("SQLITE_BUSY"))

/** Whether something failed because of the disk or the database on it, which time or the owner may mend. */
export const isDiskTrouble = (error: unknown): boolean =>
  error instanceof SQLiteError ||
  error instanceof DatabaseLocked ||
  ["ENOSPC", "EDQUOT", "EROFS", "EIO"].includes((error as { code?: string }).code ?? "")

function openChecked(
  path: string,
  options: { create?: boolean; readonly?: boolean; strict: true },
  waitMilliseconds = lockMilliseconds,
): Database {
  let database: Database | null = null
  try {
    database = new Database(path, options)
    database.run(waitWhenLocked(waitMilliseconds))
    versionOf(database)
  } catch (error) {
    database?.close()
    throw new SentoError("config", `cannot open ${path}: ${(error as Error).message}`, hintFor(error))
  }
  if (versionOf(database) <= migrations.length) return database
  const version = versionOf(database)
  database.close()
  throw new SentoError(
    "config",
    `${path} is of version ${version}; this sento knows ${migrations.length}`,
    "use a newer sento",
  )
}

/** Nobody is told to move away a database that is whole, behind a full disk or a wrong permission. */
function hintFor(error: unknown): string {
  const { code = "" } = error as { code?: string }
  return code.startsWith("SQLITE_IOERR") || ["SQLITE_FULL", "SQLITE_CANTOPEN"].includes(code)
    ? "free some space on its disk and make it yours to read and write; nothing in it is lost"
    : "mend or move it away (what waits in it is then lost), and run `sento guard`"
}

function versionOf(database: Database): number {
  return (database.query("PRAGMA user_version").get() as { user_version: number }).user_version
}
