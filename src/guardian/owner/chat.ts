/**
 * The owner in a chat: asks there, listens while a question waits, and says what became of it. Nothing is asked
 * of the chat's server, and no timer stands, while nothing waits. What is to be done is decided in chat-questions.ts.
 * @see docs/CONSENT.md, "In a chat"
 */
import { type Chat, ChatError } from "../../http/chats/chat.ts"
import type { ChatOwner } from "../../protocol/answers.ts"
import type { ChatStore } from "../../store/chats.ts"
import { step } from "./chat-questions.ts"
import { type ChatEffect, type ChatEvent, isBusy, startChat } from "./chat-state.ts"
import type { AnswerQuestion, Surface } from "./surfaces.ts"

export type ChatSurfaceOptions = {
  readonly chat: Chat
  readonly owner: ChatOwner
  /** This agent's name. */
  readonly self: () => string
  readonly store: ChatStore
  readonly answer: AnswerQuestion
  readonly log: (line: string) => void
  /** Aborted when the Guardian stops. */
  readonly stopping: AbortSignal
  /** Uniform in [0, 1). */
  readonly random?: () => number
  /** Waits that long, or until the signal. */
  readonly pause?: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/** How long a call under way may take when the Guardian stops. */
const graceMilliseconds = 2000

export function createChat(options: ChatSurfaceOptions): Surface {
  const { chat, owner, self, store, stopping } = options
  const { pause = rest } = options
  let state = startChat(store.all())
  /** Ends a call under way when the Guardian stops and it takes too long. */
  const hard = new AbortController()
  /** Ends what waits for news. */
  let wake = new AbortController()
  let running: Promise<void> | null = null

  stopping.addEventListener("abort", () => {
    wake.abort()
    setTimeout(() => hard.abort(), graceMilliseconds).unref()
  })

  /** @returns the outcome of the call that this leads to; null without one */
  function apply(event: ChatEvent): Promise<ChatEvent | null> | null {
    const next = step(state, event, { chat: chat.name, owner, self: self() })
    state = next.state
    return next.effects.reduce<ReturnType<typeof perform>>((call, effect) => perform(effect) ?? call, null)
  }

  function perform(effect: ChatEffect): Promise<ChatEvent | null> | null {
    switch (effect.kind) {
      case "keep":
        store.remember(effect.id, JSON.stringify(effect.asked))
        return null
      case "forget":
        store.forget(effect.id)
        return null
      case "move-cursor":
        store.setCursor(effect.cursor)
        return null
      case "log":
        options.log(effect.line)
        return null
      case "ask":
        return chat.send(effect.text, hard.signal).then(message => ({ kind: "asked", message }))
      case "show":
        return chat.edit(effect.message, effect.text, hard.signal).then(() => ({ kind: "shown" }))
      case "say":
        return chat.send(effect.text, hard.signal).then(() => ({ kind: "said" }))
      case "listen":
        return listen(effect.asked)
      case "answer":
        return options
          .answer(effect.id, effect.answer, chat.name)
          .then(answered => ({ kind: "answered", answered }))
      case "pause":
        return pause(effect.milliseconds, effect.until === "news" ? wake.signal : stopping).then(() => null)
      default:
        return effect satisfies never
    }
  }

  async function listen(asked: readonly string[]): Promise<ChatEvent> {
    const began = performance.now()
    const { messages, cursor } = await chat.receive(store.cursor(), asked, wake.signal)
    const hasWaited = chat.waits && (messages.length > 0 || performance.now() - began > 1000)
    return { kind: "heard", messages, cursor, hasWaited }
  }

  /** What is under way is looked at again: a question that came, or went, changes what is to be done. */
  function kick(): void {
    wake.abort()
    if (running !== null || !hasWork()) return
    running = run().finally(() => {
      running = null
      kick()
    })
  }

  const hasWork = (): boolean => !stopping.aborted && isBusy(state)

  async function run(): Promise<void> {
    await nextTurn()
    while (hasWork()) {
      wake = new AbortController()
      for (let event: ChatEvent | null = { kind: "free" }; event !== null; ) event = await outcomeOf(event)
    }
  }

  async function outcomeOf(event: ChatEvent): Promise<ChatEvent | null> {
    try {
      return await apply(event)
    } catch (error) {
      const { message, stack = message } = error as Error
      const failure = error instanceof ChatError ? error.failure : null
      const isCut = stopping.aborted || error === wake.signal.reason
      return { kind: "failed", failure, message, stack, isCut, random: (options.random ?? Math.random)() }
    }
  }

  function takeNews(event: ChatEvent): void {
    apply(event)
    kick()
  }

  // What waited when the Guardian stopped and is not asked any more; the others are asked in this very turn.
  if (state.asked.size > 0)
    setImmediate(() => {
      if (!stopping.aborted) takeNews({ kind: "restarted" })
    })
  return {
    name: chat.name,
    ask: question => takeNews({ kind: "question", question }),
    withdraw: (id, how) => takeNews({ kind: "ended", id, how }),
    tell: ({ text }) => takeNews({ kind: "notice", text }),
    async stopped() {
      await running
    },
  }
}

const nextTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

function rest(milliseconds: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, signal.aborted ? 0 : milliseconds)
  const stop = (): void => resolve()
  signal.addEventListener("abort", stop, { once: true })
  return promise.finally(() => {
    clearTimeout(timer)
    signal.removeEventListener("abort", stop)
  })
}
