/**
 * The agent program's turns, as its hooks tell of them: the answers to peers that go back by themselves, and the
 * word to those whom none will reach.
 */
import { SentoError } from "../../protocol/errors.ts"
import type { HookEvent, Tag } from "../../protocol/hook-events.ts"
import { digestOf } from "../../protocol/hooks.ts"
import { sanitise, visibleText } from "../../protocol/layout.ts"
import { mostTextUnits } from "../../protocol/messages.ts"
import {
  idsIn,
  noAnswerReasons,
  stepTurn,
  type TurnEffect,
  type TurnEvent,
  type TurnState,
} from "../../protocol/turns.ts"
import type { Received } from "../../store/inbox.ts"
import { type Context, peerById } from "../context.ts"
import type { TurnAnswer } from "../door/results.ts"
import { traceStep } from "../log.ts"
import type { OutboxWorker } from "../outbound/outbox-worker.ts"
import { typedTexts } from "./typed-text.ts"

export type Turns = ReturnType<typeof createTurns>

/** A prompt that starts a turn comes right behind the typing; one that was `uncertain` may be submitted later. */
const typedLatelyMilliseconds = 60 * 60 * 1000
/**
 * For how long a prompt of which nothing is known may be what runs where no turn was told of. Longer than the moment in
 * which a message is typed into a box that a person has just submitted; a prompt that no hook could tell is that rare.
 */
const unseenMilliseconds = 60 * 60 * 1000
/** While a peer waits for the end of a turn: how often the pane is looked at, and how long it must be idle. */
const usualPatience = { lookMilliseconds: 3000, idleMilliseconds: 12_000 }
/**
 * Two sets of hooks, of the user and of the project, tell each event twice and at once (Codex 0.169.0, OpenCode
 * 1.18.33). The same prompt given twice by a person has another turn's id, or the end of a turn in between.
 */
const twiceMilliseconds = 3000

const nameOf = ({ open }: TurnState): string => (open === null ? "no turn" : "open")

export type TurnParts = {
  readonly outbox: Pick<OutboxWorker, "send" | "tellSender">
  /** Whether the pane shows that no turn runs. */
  readonly isIdle: () => Promise<boolean>
}

export function createTurns(
  context: Context,
  { outbox, isIdle }: TurnParts,
  { lookMilliseconds, idleMilliseconds } = usualPatience,
) {
  const { store, log, now } = context
  /** Events are taken one after the other: hooks of one turn may overlap. */
  let last: Promise<unknown> = Promise.resolve()
  let timer: ReturnType<typeof setTimeout> | undefined
  let idleSince: number | null = null
  /** When somebody's part was last told of that may belong to any turn. */
  let unseenAt: number | null = null
  /** By session, what was told last, for as long as it may be told again. */
  const lately = new Map<
    string,
    { readonly told: string; readonly at: number; readonly answer: Promise<TurnAnswer> }
  >()

  function take(session: string | null, event: HookEvent): Promise<TurnAnswer> {
    if (session === null || event.kind === "unseen") return takeUnseen()
    const at = now()
    for (const [key, before] of lately) if (at - before.at >= twiceMilliseconds) lately.delete(key)
    const told = JSON.stringify(event)
    const before = lately.get(session)
    if (before?.told === told) return before.answer
    const answer = takeOnce(session, event)
    lately.set(session, { told, at, answer })
    return answer
  }

  function takeOnce(session: string, event: HookEvent): Promise<TurnAnswer> {
    idleSince = null
    const taken = last.then(() => apply(session, eventOf(session, event)))
    last = taken.catch(() => {})
    return taken.finally(watch)
  }

  async function takeUnseen(): Promise<TurnAnswer> {
    unseenAt = now()
    const taken = last.then(markAll)
    last = taken.catch(() => {})
    await taken
    return { block: null }
  }

  /** Whoever had a part in a turn that is open: its words go back to nobody by themselves. */
  function markAll(): void {
    for (const { session, state, at } of store.turns.all()) {
      const [next] = stepTurn(state, { kind: "unseen" }, new Set(), mostTextUnits)
      // As old as before: a Guardian that starts every day would keep it for ever.
      store.turns.put(session, next, at)
    }
  }

  const wasUnseenLately = (): boolean => unseenAt !== null && Math.abs(now() - unseenAt) < unseenMilliseconds

  /** What the hook said, with the tags that are true in place of those that it saw. */
  function eventOf(session: string, event: HookEvent): TurnEvent {
    if (event.kind === "ended") {
      const { digest, text, ...rest } = event
      const hasOthers = digest !== null && !isTyped(digest, idsIn(store.turns.of(session)))
      return { ...rest, text: sanitise(text).trim(), hasOthers }
    }
    if (event.kind !== "prompt") return event
    const { turn, tags, author, digest } = event
    const ids = author !== null ? [] : store.now(() => [...new Set(tags.flatMap(tag => takenBy(tag)))])
    const hasOthers = author === null ? !isTyped(digest, ids) || wasUnseenLately() : author === "program"
    return { kind: "prompt", turn, isOwn: author !== null, ids, hasOthers }
  }

  /**
   * Whether a prompt is what this Guardian typed for its only message, and not a character more. It is laid out again
   * rather than remembered; where that comes out otherwise (the agent was renamed meanwhile), the words count as
   * others' too.
   */
  function isTyped(digest: string | null, [id, ...others]: readonly string[]): boolean {
    const message = id === undefined || others.length > 0 ? null : store.inbox.byShortId(id)
    const peer = message === null ? null : peerById(context, message.pair)
    if (digest === null || message === null || peer === null) return false
    return typedTexts(context, peer.name, message).some(text => digestOf(text) === digest)
  }

  /**
   * The id of a tag that is true: a message that this Guardian typed lately, from the agent that the tag names,
   * which no turn has taken before. One that is itself an answer needs none, or two agents would thank for ever.
   */
  function takenBy({ name, id }: Tag): string[] {
    const message = store.inbox.byShortId(id)
    if (message === null || message.inReplyTo !== null || !wasTypedLately(message)) return []
    if (peerById(context, message.pair)?.name !== name) return []
    return store.turns.take(message.seq, now()) ? [id] : []
  }

  /** The hook may come before the Guardian has seen that the prompt was taken. */
  function wasTypedLately({ state, settledAt }: Received): boolean {
    if (state === "typing") return true
    const isTyped = state === "delivered" || state === "uncertain"
    return isTyped && settledAt !== null && now() - settledAt < typedLatelyMilliseconds
  }

  /** The effects first, then the state: a Guardian that dies in between tells a peer too much, not too little. */
  async function apply(session: string, event: TurnEvent): Promise<TurnAnswer> {
    const state = store.turns.of(session)
    const answered = new Set(idsIn(state).filter(isAnswered))
    const [next, effects] = stepTurn(state, event, answered, mostTextUnits)
    traceStep(log, "turns", [nameOf(state), event, nameOf(next)], effects)
    let block: string | null = null
    for (const effect of effects) block = (await perform(effect)) ?? block
    store.turns.put(session, next, now())
    return { block }
  }

  function isAnswered(id: string): boolean {
    const message = store.inbox.byShortId(id)
    return message === null || store.turns.isAnswered(message.pair, message.id)
  }

  /** @returns what the program is told, where that is the effect */
  async function perform(effect: TurnEffect): Promise<string | null> {
    switch (effect.kind) {
      case "block":
        log.write("a turn goes on: the agent is asked for its answer")
        return effect.sentence
      case "reply": {
        const message = store.inbox.byShortId(effect.id)
        if (message !== null) await answer(message, effect.text)
        return null
      }
      case "no-answer": {
        const message = store.inbox.byShortId(effect.id)
        if (message !== null) tellNone(message, effect.reason)
        return null
      }
      default:
        return effect satisfies never
    }
  }

  function tellNone(message: Received, reason: string): void {
    log.write(`[${message.shortId}] from ${message.name}: no answer: ${reason}`)
    outbox.tellSender(message, "failed", reason)
  }

  /** Resolves when the answer is on disk; that it arrives is the outbox' work, and no turn waits for it. */
  async function answer(message: Received, text: string): Promise<void> {
    const peer = peerById(context, message.pair)
    if (peer === null) return
    const { promise: kept, resolve: onKept, reject } = Promise.withResolvers<unknown>()
    const { id: inReplyTo, hops } = message
    const outgoing = { id: null, text: visibleText(text), inReplyTo, hops: hops + 1, onKept }
    outbox.send(peer.name, outgoing).catch(reject)
    try {
      await kept
      log.write(`[${message.shortId}] from ${message.name} answered with the last words of its turn`)
    } catch (error) {
      if (!(error instanceof SentoError)) throw error
      log.write(`[${message.shortId}] from ${message.name}: ${error.message}`)
      tellNone(message, noAnswerReasons.failed)
    }
  }

  /** An interrupted turn has no hook: while a peer waits, a pane that stays idle says that it is over. */
  function watch(): void {
    if (timer !== undefined || context.stopping.aborted) return
    if (store.turns.waiting().length === 0) {
      idleSince = null
      return
    }
    timer = setTimeout(() => {
      void looked()
        .catch(error => log.write(`cannot look at the turn: ${(error as Error).message}`))
        .finally(() => {
          timer = undefined
          watch()
        })
    }, lookMilliseconds)
    timer.unref()
  }

  async function looked(): Promise<void> {
    idleSince ??= performance.now()
    const since = idleSince
    // Null again: a hook told of something meanwhile.
    if (!(await isIdle()) || idleSince === null || context.stopping.aborted) idleSince = null
    else if (performance.now() - since >= idleMilliseconds) await interrupt()
  }

  async function interrupt(): Promise<void> {
    idleSince = null
    for (const session of store.turns.waiting()) {
      const told = last.then(() => apply(session, { kind: "idle" }))
      last = told.catch(() => {})
      await told
    }
  }

  return {
    /** What a hook told; the sentence with which the turn goes on, or null. */
    take,

    /** Goes on with the turns that were open when the Guardian stopped: nobody knows what was said meanwhile. */
    resume(): void {
      markAll()
      watch()
    },

    async stopped(): Promise<void> {
      clearTimeout(timer)
      await last
    },
  }
}
