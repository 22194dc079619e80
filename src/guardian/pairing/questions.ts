/**
 * What waits for the owner's yes, and what an answer does. There are two kinds: an agent that proved the code
 * of `sento pair` (stored as a request), and a join that this machine's own agent asked for (stored as a join,
 * of which nothing that could pair has been sent).
 */

import * as v from "valibot"
import { formatAddress } from "../../protocol/addresses.ts"
import { readShortId } from "../../protocol/codes.ts"
import { SentoError } from "../../protocol/errors.ts"
import { secondsUntilFree } from "../../protocol/limiter.ts"
import type { Question } from "../../protocol/questions.ts"
import { type AskedJoin, joinLifetimeMilliseconds, lookBucket, mostJoinsWaiting } from "../../store/joins.ts"
import type { Store } from "../../store/store.ts"
import {
  answerWords,
  listQuestions,
  questionEvent,
  questionOfJoin,
  takenIn,
} from "../books/open-questions.ts"
import { requireFreeName } from "../books/pairs.ts"
import { announce, type Context } from "../context.ts"
import type { Approval, PairingEvent } from "../door/results.ts"
import type { Sender } from "../outbound/sender.ts"
import type { Answered } from "../owner/surfaces.ts"
import { noteHeardJoin } from "./heard.ts"
import type { Joining, JoinWish } from "./joining.ts"
import { storePair } from "./settling.ts"

export type Questions = ReturnType<typeof createQuestions>

type NameWish = { readonly as: string | null; readonly replace: boolean }

export function createQuestions(context: Context, sender: Sender, joining: Joining) {
  const { store, events, log, now } = context
  /** Joins that were said yes to and are under way. */
  const busy = new Set<string>()
  let expiry: ReturnType<typeof setTimeout> | undefined

  const waiting = (): Question[] =>
    listQuestions(store, context.config.current).filter(one => !busy.has(one.id) && one.expiresAt > now())

  /** The question an answer is for. Without an id it must be the only one: with several, nothing is decided. */
  function requireOne(id: string | null): Question {
    const all = waiting()
    const [only] = all
    if (only === undefined) throw nothingWaits(context, id)
    if (id === null && all.length > 1)
      throw new SentoError(
        "usage",
        `several requests wait: ${listOf(all)}`,
        "name one: `sento approve ID` or `sento deny ID`",
      )
    const named = id === null ? only : all.find(one => one.id === readShortId(id))
    if (named !== undefined) return named
    throw (
      answeredAlready(context, id) ??
      new SentoError("usage", `no request ${JSON.stringify(id)} waits`, `waiting: ${listOf(all)}`)
    )
  }

  /** The question that a yes of this wish would be for. @throws usage, also for a name that is taken */
  function requireAnswerable(id: string | null, wish: NameWish): Question {
    const question = requireOne(id)
    const as = { name: wish.as ?? question.as, replace: wish.replace }
    requireFreeName(context, as, `sento approve ${question.id}`)
    return question
  }

  async function approve(id: string | null, wish: NameWish): Promise<Approval> {
    const question = requireAnswerable(id, wish)
    if (question.kind === "join") return approveJoin(question.id, wish)
    const request = store.requests.get(question.id)
    if (request === null) throw nothingWaits(context, id)
    const as = { name: wish.as ?? request.localName, replace: wish.replace }
    storePair(context, request, as, sender)
    announce(context, request, { state: "approved", name: as.name })
    return { outcome: "paired", name: as.name, id: request.pairId }
  }

  /** The code is tried only now. What goes wrong ends the question: the owner can join by their own hand. */
  async function approveJoin(id: string, wish: NameWish): Promise<Approval> {
    const asked = store.joins.waiting().find(one => one.id === id)
    if (asked === undefined) throw nothingWaits(context, id)
    const as = { name: wish.as ?? asked.localName, replace: wish.replace }
    busy.add(id)
    try {
      const request = await joining.carryOut(asked, as)
      events.emit({ event: "answered", id, state: "approved" }, { role: "join", id })
      events.emit({ event: "verifier", verifier: request.verifier, name: request.name }, { role: "join", id })
      return { outcome: "asked", name: request.name, id, verifier: request.verifier }
    } catch (error) {
      // Cut by the end of the Guardian: the question stands, and is asked again.
      if (context.stopping.aborted) throw error
      store.joins.settle(id, "failed")
      events.emit({ event: "answered", id, state: "failed" }, { role: "join", id })
      events.emit(failedEvent(error), { role: "join", id })
      throw error
    } finally {
      busy.delete(id)
      if (!context.stopping.aborted) sweep()
    }
  }

  function deny(id: string | null): { name: string; id: string } {
    const { kind, id: named, name } = requireOne(id)
    log.write(`${name} was denied (${named})`)
    if (kind === "join") endJoin(named, "denied")
    else settle(named)
    return { name, id: named }
  }

  function settle(id: string): void {
    const request = store.requests.get(id)
    store.requests.settle(id, "denied", now())
    if (request !== null) announce(context, request, { state: "denied" })
  }

  function endJoin(id: string, state: "denied" | "expired"): void {
    store.joins.settle(id, state)
    events.emit({ event: "answered", id, state }, { role: "join", id })
    events.emit({ event: state }, { role: "join", id })
  }

  /** Ends joins that waited too long, but none that is under way; a timer stands only while one waits. */
  function sweep(): void {
    clearTimeout(expiry)
    expiry = undefined
    if (busy.size > 0) return
    for (const { id, name } of store.joins.sweep(now())) {
      log.write(`nobody answered whether to join ${name} (${id})`)
      endJoin(id, "expired")
    }
    const next = store.joins.waiting()[0]
    if (next === undefined) return
    expiry = setTimeout(sweep, Math.max(1000, next.createdAt + joinLifetimeMilliseconds - now()))
    expiry.unref()
  }

  function requireRoom(all: readonly AskedJoin[]): void {
    if (all.length < mostJoinsWaiting) return
    throw tooMany(`the owner is asked no more than ${mostJoinsWaiting} such questions at once`)
  }

  /** Counted on disk, before a name is resolved or a host dialled. @throws try-later */
  function countLook(): void {
    requireRoom(store.joins.waiting())
    const times = lookTimes(store.facts)
    const wait = secondsUntilFree(lookBucket, times, now())
    if (wait !== null)
      throw tooMany(`an agent may look for others ${lookBucket.most} times an hour; again in ${wait} s`)
    store.facts.set(looksKey, [...times, now()].slice(-lookBucket.most))
  }

  /** The question that stands already for what an agent asks; nothing is looked for again. */
  function askedBefore({ symbols, host, port }: JoinWish): AskedJoin | null {
    const isSame = (one: AskedJoin): boolean =>
      one.symbols === symbols && one.host === (host ?? "127.0.0.1") && (port === null || one.port === port)
    return store.joins.waiting().find(isSame) ?? null
  }

  async function lookAndKeep(wish: JoinWish, emit: (event: PairingEvent) => void): Promise<AskedJoin> {
    countLook()
    const { isHeard, ...found } = await joining.find(wish, emit)
    return store.now(() => {
      const kept = keepJoin(wish, found)
      if (isHeard) noteHeardJoin(store, kept.id)
      return kept
    })
  }

  /** Asked again for the same, the same question stands. */
  function keepJoin(wish: JoinWish, found: Omit<AskedJoin, "id" | "symbols" | "localName" | "createdAt">) {
    const all = store.joins.waiting()
    const same = all.find(
      one => one.symbols === wish.symbols && one.host === found.host && one.port === found.port,
    )
    if (same !== undefined) return same
    requireRoom(all)
    return store.joins.keep({ ...found, symbols: wish.symbols, localName: wish.as ?? found.name }, now())
  }

  sweep()
  return {
    waiting,
    requireAnswerable,
    approve,
    deny,

    /**
     * Asks the owner whether to join, for an agent. Nothing that could pair has been sent before the yes.
     * @throws usage, unreachable, try-later
     */
    async askToJoin(wish: JoinWish, emit: (event: PairingEvent) => void): Promise<Question> {
      const before = askedBefore(wish)
      if (before !== null) emit({ event: "found", name: before.name, host: before.host, port: before.port })
      const asked = before ?? (await lookAndKeep(wish, emit))
      const question = questionOfJoin(takenIn(store, context.config.current), asked)
      log.write(
        `the agent asks to join ${asked.name} at ${formatAddress(asked.host, asked.port)} (${asked.id})`,
      )
      sweep()
      events.emit(questionEvent(question), { role: "join", id: asked.id })
      return question
    },

    /** The owner's word from a surface, never an exception. */
    async answer(id: string, answer: "yes" | "no", by: string): Promise<Answered> {
      if (!waiting().some(one => one.id === id)) return { kind: "late" }
      // Every yes takes the PIN, and only a terminal has a place for it.
      if (answer === "yes" && context.config.current.owner?.pin !== undefined)
        return {
          kind: "impossible",
          text: `A PIN is set: say yes in a terminal, with \`sento approve ${id}\`.`,
        }
      log.write(`the owner said ${answer} to ${id} by ${by}`)
      try {
        if (answer === "no") {
          deny(id)
          return { kind: "done", text: "Denied. Nothing is paired." }
        }
        return { kind: "done", text: answerWords(await approve(id, { as: null, replace: false })) }
      } catch (error) {
        if (error instanceof SentoError) return { kind: "impossible", text: wordsOf(error) }
        log.write(`bug: ${(error as Error).stack ?? String(error)}`)
        return { kind: "impossible", text: "the Guardian failed; see `sento guard logs`" }
      }
    },

    stop(): void {
      clearTimeout(expiry)
    },
  }
}

const looksKey = "looks for joins"
const looksSchema = v.array(v.number())

/** When an agent had others looked for, in milliseconds since the epoch. */
function lookTimes(facts: Pick<Store["facts"], "get">): number[] {
  const times = v.safeParse(looksSchema, facts.get(looksKey))
  return times.success ? times.output : []
}

const tooMany = (what: string): SentoError =>
  new SentoError("try-later", what, "the owner can run `sento pair CODE` in a terminal of their own")

const wordsOf = ({ message, hint }: SentoError): string => (hint === null ? message : `${message}; ${hint}`)

function failedEvent(error: unknown): PairingEvent {
  if (error instanceof SentoError)
    return { event: "failed", code: error.code, message: error.message, hint: error.hint }
  return { event: "failed", code: "failed", message: "the Guardian failed", hint: "see `sento guard logs`" }
}

const listOf = (questions: readonly Question[]): string =>
  questions
    .map(
      ({ id, kind, name, verifier }) =>
        `${id} (${kind === "join" ? `join ${name}` : name}${verifier === null ? "" : `, ${verifier}`})`,
    )
    .join(", ")

/** What became of a request that was once asked; null for an id that is nobody's. */
function answeredAlready({ store }: Context, id: string | null): SentoError | null {
  const shortId = id === null ? null : readShortId(id)
  if (shortId === null) return null
  const request = store.requests.get(shortId)
  const settled = request?.role === "minter" ? request : store.joins.stateOf(shortId)
  if (settled === null) return null
  // One that waits and is not to be found was said yes to, and is under way.
  const state = settled.state === "waiting" ? "approved" : settled.state
  return new SentoError("refused", `the request of ${settled.name} was answered already: ${state}`)
}

const nothingWaits = (context: Context, id: string | null): SentoError =>
  answeredAlready(context, id) ??
  new SentoError(
    "refused",
    "no request waits",
    "a request appears when another agent has proved the code of `sento pair`, or this agent asks to join one",
  )
