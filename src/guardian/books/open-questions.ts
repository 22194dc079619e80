/** The questions that wait for the owner, as the disk has them. */

import { formatTimestamp } from "../../protocol/freshness.ts"
import { requestLifetimeMilliseconds } from "../../protocol/requests.ts"
import type { Config } from "../../store/config.ts"
import { type AskedJoin, joinLifetimeMilliseconds } from "../../store/joins.ts"
import type { PairingRequest } from "../../store/requests.ts"
import type { Store } from "../../store/store.ts"
import type { Context } from "../context.ts"
import type { Answer, PairingEvent } from "../door/requests.ts"
import { claimOf } from "./claims.ts"
import { isNameKept } from "./pairs.ts"

/** What waits for the owner's yes: an agent that proved our code, or a join that our own agent asked for. */
export type Question = {
  /** What `sento approve` takes. */
  readonly id: string
  readonly kind: "request" | "join"
  /** What the other agent calls itself. */
  readonly name: string
  /** What it will be called here: not the same where an agent joins with `--as`. */
  readonly as: string
  /** Of a request: the address it called from. */
  readonly host: string
  /** Where a joiner says that it is, if that is not where it called from; or null. */
  readonly claimedHost: string | null
  readonly port: number
  /** Null before the other side has proved anything. */
  readonly verifier: string | null
  /** Whether an agent called like that is paired here already, or a join waits that is to be called so. */
  readonly taken: boolean
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly expiresAt: number
}

/** What waits for the owner, requests first. */
export function listQuestions(
  store: Pick<Store, "requests" | "joins" | "facts">,
  config: Config,
): Question[] {
  const isTaken = takenIn(store, config)
  const requests = store.requests.waiting("minter").map(one => questionOf(store, isTaken, one))
  return [...requests, ...store.joins.waiting().map(one => questionOfJoin(isTaken, one))]
}

type IsTaken = (name: string) => boolean

/** Whether a name is a paired agent's, or kept for one. */
export const takenIn =
  (store: Pick<Store, "requests">, config: Config): IsTaken =>
  name =>
    Object.hasOwn(config.agents, name) || isNameKept(store, name)

function questionOf(store: Pick<Store, "facts">, isTaken: IsTaken, request: PairingRequest): Question {
  const { id, name, host, port, verifier, createdAt, localName: as } = request
  const claimedHost = claimOf(store, id)
  const taken = isTaken(as)
  const expiresAt = createdAt + requestLifetimeMilliseconds
  return { id, kind: "request", name, as, host, claimedHost, port, verifier, taken, createdAt, expiresAt }
}

/** The question for a join. */
export function questionOfJoin(isTaken: IsTaken, join: AskedJoin): Question {
  const { id, name, host, port, createdAt, localName: as } = join
  const taken = isTaken(as)
  const expiresAt = createdAt + joinLifetimeMilliseconds
  const unknown = { claimedHost: null, verifier: null }
  return { id, kind: "join", name, as, host, port, ...unknown, taken, createdAt, expiresAt }
}

/** The question, as the commands get it. */
export function questionEvent({ createdAt: _, expiresAt, ...same }: Question): PairingEvent {
  return { event: "request", ...same, expiresAt: formatTimestamp(expiresAt) }
}

/** The event of a request that has just been kept. */
export const requestEvent = (context: Context, request: PairingRequest): PairingEvent =>
  questionEvent(questionOf(context.store, takenIn(context.store, context.config.current), request))

/** What an answer came to, in one line for the owner. */
export function answerWords(answer: Answer): string {
  if (answer.outcome === "paired") return `Paired with ${answer.name}.`
  return `${answer.name} is asked. Verifier: ${answer.verifier}; ${answer.name}'s owner sees the same and must say yes too.`
}
