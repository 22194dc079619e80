/** The questions that wait for the owner, as the disk has them. */

import { formatTimestamp } from "../../protocol/freshness.ts"
import type { Question } from "../../protocol/questions.ts"
import { requestLifetimeMilliseconds } from "../../protocol/requests.ts"
import type { Config } from "../../store/config.ts"
import { type AskedJoin, joinLifetimeMilliseconds } from "../../store/joins.ts"
import type { PairingRequest } from "../../store/requests.ts"
import type { Store } from "../../store/store.ts"
import type { Context } from "../context.ts"
import type { Approval, QuestionEvent } from "../door/results.ts"
import { claimOf } from "./claims.ts"
import { isNameKept } from "./pairs.ts"

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
export function questionEvent({ createdAt: _, expiresAt, ...same }: Question): QuestionEvent {
  return { event: "request", ...same, expiresAt: formatTimestamp(expiresAt) }
}

/** The event of a request that has just been kept. */
export const requestEvent = (context: Context, request: PairingRequest): QuestionEvent =>
  questionEvent(questionOf(context.store, takenIn(context.store, context.config.current), request))

/** What an answer came to, in one line for the owner. */
export function answerWords(answer: Approval): string {
  if (answer.outcome === "paired") return `Paired with ${answer.name}.`
  return `${answer.name} is asked. Verifier: ${answer.verifier}; ${answer.name}'s owner sees the same and must say yes too.`
}
