/** Confirmed pairings that wait for an owner, and what became of them. */
import type { Database } from "bun:sqlite"
import { type ConfirmedPairing, type PairingRole, requestLifetimeMilliseconds } from "../protocol/requests.ts"
import { requireShortId } from "./short-ids.ts"

export type RequestState = "waiting" | "approved" | "denied" | "expired"

/** A request as stored. */
export type PairingRequest = ConfirmedPairing & {
  /** What `sento approve` takes. */
  readonly id: string
  /** The name under which the other agent will be known here. */
  readonly localName: string
  /** Whether an agent already known by that name is to be replaced, on its owner's word. */
  readonly replaces: boolean
  readonly state: RequestState
  readonly createdAt: number
}

/** A 202 to a confirm, to be given again to a byte-identical one. Both in base64url. */
export type ConfirmAnswer = { readonly digest: string; readonly tag: string }

type Row = {
  id: string
  role: PairingRole
  pairing: string
  name: string
  local_name: string
  replaces: number
  agent: string
  host: string
  port: number
  features: string
  verifier: string
  pair_id: string
  send_key: string
  receive_key: string
  decision_key: string
  state: RequestState
  created_at: number
}

export type Requests = ReturnType<typeof createRequests>

export function createRequests(database: Database, random: (length: number) => Uint8Array) {
  const insert = database.query(
    `INSERT INTO requests (id, role, pairing, name, local_name, replaces, agent, host, port, features, verifier,
       pair_id, send_key, receive_key, decision_key, confirm_digest, confirm_answer, state, created_at)
     VALUES ($id, $role, $pairing, $name, $localName, $replaces, $agent, $host, $port, $features, $verifier,
       $pairId, $sendKey, $receiveKey, $decisionKey, $digest, $tag, 'waiting', $now)`,
  )
  const settle = database.query(
    "UPDATE requests SET state = $state, settled_at = $now, local_name = coalesce($localName, local_name) WHERE id = $id AND state = 'waiting'",
  )
  const expire = database.query<Row, { now: number; before: number }>(
    "UPDATE requests SET state = 'expired', settled_at = $now WHERE state = 'waiting' AND created_at < $before RETURNING *",
  )
  /** The keys of a settled request are of no more use than to answer polls: 24 h, then all goes. */
  const forget = database.query("DELETE FROM requests WHERE state <> 'waiting' AND settled_at < $before")
  const blank = database.query("UPDATE requests SET send_key = '', receive_key = '' WHERE state <> 'waiting'")
  const byState = database.query<Row, { role: string }>(
    "SELECT * FROM requests WHERE state = 'waiting' AND role = $role ORDER BY created_at, id",
  )
  const byPairing = database.query<Row, { pairing: string; role: string }>(
    "SELECT * FROM requests WHERE pairing = $pairing AND role = $role",
  )
  const byId = database.query<Row, { id: string }>("SELECT * FROM requests WHERE id = $id")
  const byDigest = database.query<{ confirm_answer: string }, { digest: string }>(
    "SELECT confirm_answer FROM requests WHERE confirm_digest = $digest AND role = 'minter'",
  )

  function keep(
    request: ConfirmedPairing,
    extra: { id?: string; localName: string; replaces: boolean; confirm: ConfirmAnswer | null },
    now: number,
  ): PairingRequest {
    const { localName, replaces, confirm } = extra
    const isTaken = (id: string): boolean => byId.get({ id }) !== null
    const id = extra.id !== undefined && !isTaken(extra.id) ? extra.id : requireShortId(random, isTaken)
    insert.run({
      ...request,
      id,
      localName,
      replaces: replaces ? 1 : 0,
      features: JSON.stringify(request.features),
      digest: confirm?.digest ?? null,
      tag: confirm?.tag ?? null,
      now,
    })
    return { ...request, id, localName, replaces, state: "waiting", createdAt: now }
  }

  return {
    /** Stores a request that waits from now on, under the id of the join that led to it where there was one. */
    keep,

    /** The requests of one role that wait, oldest first. */
    waiting: (role: PairingRole): PairingRequest[] => byState.all({ role }).map(fromRow),

    /** The request of this handshake, or null. */
    ofPairing: (pairing: string, role: PairingRole): PairingRequest | null =>
      rowOrNull(byPairing.get({ pairing, role })),

    get: (id: string): PairingRequest | null => rowOrNull(byId.get({ id })),

    /** The tag that answered this very confirm, or null. */
    confirmAnswer: (digest: string): string | null => byDigest.get({ digest })?.confirm_answer ?? null,

    /**
     * Gives a waiting request its outcome; false where another answer was first. The keys leave the row with
     * it: an approved pair's are in the config, the others' are of no use.
     */
    settle(
      id: string,
      state: Exclude<RequestState, "waiting">,
      now: number,
      localName: string | null = null,
    ): boolean {
      const isFirst = settle.run({ id, state, now, localName }).changes > 0
      blank.run()
      return isFirst
    },

    /** Expires what waited 24 h, forgets what was settled as long ago, and returns what expired now. */
    sweep(now: number): PairingRequest[] {
      const before = now - requestLifetimeMilliseconds
      forget.run({ before })
      const expired = expire.all({ now, before }).map(fromRow)
      blank.run()
      return expired
    },
  }
}

const rowOrNull = (row: Row | null): PairingRequest | null => (row === null ? null : fromRow(row))

function fromRow(row: Row): PairingRequest {
  return {
    id: row.id,
    role: row.role,
    pairing: row.pairing,
    name: row.name,
    localName: row.local_name,
    replaces: row.replaces === 1,
    agent: row.agent,
    host: row.host,
    port: row.port,
    features: JSON.parse(row.features) as string[],
    verifier: row.verifier,
    pairId: row.pair_id,
    sendKey: row.send_key,
    receiveKey: row.receive_key,
    decisionKey: row.decision_key,
    state: row.state,
    createdAt: row.created_at,
  }
}
