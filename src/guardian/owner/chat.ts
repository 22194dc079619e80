/**
 * The owner in a chat: asks there, listens while a question waits, and says what became of it. Nothing is asked
 * of the chat's server, and no timer stands, while nothing waits.
 * @see docs/CONSENT.md, "In a chat"
 */

import * as v from "valibot"
import { type Chat, ChatError } from "../../http/chats/chat.ts"
import {
  type ChatMessage,
  type ChatOwner,
  type ChatQuestion,
  judge,
  latestVersions,
} from "../../protocol/answers.ts"
import type { Question } from "../../protocol/questions.ts"
import { questionLine, questionText } from "../../protocol/questions.ts"
import type { ChatStore } from "../../store/chats.ts"
import type { QuestionEnd } from "../door/results.ts"
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

/** A question whose message stands in the chat, as it is kept on disk. */
const askedSchema = v.object({
  message: v.string(),
  /** Its one line, for the text that takes its place in the end. */
  line: v.string(),
  isAlone: v.boolean(),
  /** For which reasons the owner was asked again: once each. */
  reminded: v.array(v.picklist(["word", "which"])),
  /** What became of it, until the chat shows it. */
  ended: v.nullable(v.string()),
  /** The chat took no edit: the message looks open as long as it says it is. */
  isLeft: v.optional(v.boolean(), false),
  /** As the message says; milliseconds since the epoch. */
  expiresAt: v.optional(v.number(), 0),
})
type Asked = v.InferOutput<typeof askedSchema>

type Line = { readonly text: string; tries: number }

const reminders = {
  word: "Please answer yes or no.",
  which: "Please answer by replying to the very question you mean.",
} as const

/** After that many failures a line or a withdrawal is left: the log has it, and the question is over. */
const mostTries = 8
/** How long a call under way may take when the Guardian stops. */
const graceMilliseconds = 2000

export function createChat(options: ChatSurfaceOptions): Surface {
  const { chat, owner, self, store, log, stopping } = options
  const { random = Math.random, pause = rest } = options
  const questions = new Map<string, Question>()
  const asked = new Map(store.all().flatMap(([id, state]) => readAsked(id, state)))
  const lines: Line[] = []
  /** Answers from here under way, and whether their question was withdrawn meanwhile. */
  const answering = new Map<string, boolean>()
  const withdrawing = new Map<string, number>()
  /** The question whose message is on its way, and what became of it meanwhile. */
  let putting: { readonly id: string; ended: string | null } | null = null
  const hard = new AbortController()
  let wake = new AbortController()
  let running: Promise<void> | null = null
  let isDead = false
  let failures = 0
  let lastTrouble = ""
  let quietPolls = 0

  stopping.addEventListener("abort", () => {
    wake.abort()
    setTimeout(() => hard.abort(), graceMilliseconds).unref()
  })

  const isBusy = (): boolean =>
    !isDead && !stopping.aborted && (questions.size > 0 || lines.length > 0 || endedOnes().length > 0)
  const endedOnes = () => [...asked].filter(([, { ended, isLeft }]) => ended !== null && !isLeft)
  const openOnes = (): (ChatQuestion & Asked)[] =>
    [...asked].flatMap(([id, one]) => (one.ended === null ? [{ id, ...one }] : []))

  /** What is under way is looked at again: a question that came, or went, changes what is to be done. */
  function kick(): void {
    wake.abort()
    if (running !== null || !isBusy()) return
    running = run().finally(() => {
      running = null
      kick()
    })
  }

  async function run(): Promise<void> {
    await nextTurn()
    while (isBusy()) {
      wake = new AbortController()
      try {
        await step()
        failures = 0
        lastTrouble = ""
      } catch (error) {
        if (!stopping.aborted && error !== wake.signal.reason) await trouble(error)
      }
    }
  }

  /** One call: what is to be written comes before listening. */
  async function step(): Promise<void> {
    const next = [...questions.values()].find(one => !asked.has(one.id))
    if (next !== undefined) return put(next)
    const [ended] = endedOnes()
    if (ended !== undefined) return withdrawn(...ended)
    if (lines[0] !== undefined) return write(lines[0])
    await listen()
  }

  /** From before it is sent, none is alone whose message looks open: a bare yes could be for either. */
  async function put(question: Question): Promise<void> {
    for (const [id, { isLeft, expiresAt }] of asked) if (isLeft && expiresAt <= question.createdAt) forget(id)
    const isAlone = asked.size === 0
    const others = openOnes()
    if (others.length === 0) store.setCursor(null)
    for (const { id } of others) change(id, { isAlone: false })
    const under = { id: question.id, ended: null }
    putting = under
    const message = await chat.send(chatText(question, self()), hard.signal).finally(() => {
      putting = null
    })
    const line = questionLine(question, self())
    quietPolls = 0
    const { expiresAt } = question
    keep(question.id, { message, line, isAlone, reminded: [], ended: under.ended, isLeft: false, expiresAt })
  }

  /** Puts what became of a question in its place; the chat may refuse that, where its message is gone. */
  async function withdrawn(id: string, one: Asked): Promise<void> {
    const { message, line, ended } = one
    const tries = (withdrawing.get(id) ?? 0) + 1
    withdrawing.set(id, tries)
    const isShown = await leaving(tries, chat.edit(message, `${line}\n→ ${ended}`, hard.signal))
    withdrawing.delete(id)
    if (isShown) forget(id)
    else keep(id, { ...one, isLeft: true })
    if (openOnes().length === 0) store.setCursor(null)
  }

  async function write(line: Line): Promise<void> {
    line.tries += 1
    await leaving(line.tries, chat.send(line.text, hard.signal))
    lines.shift()
  }

  /**
   * What cannot be done is left, at once where it is refused, after some tries where nothing answers.
   * @returns whether it was done
   */
  async function leaving(tries: number, call: Promise<unknown>): Promise<boolean> {
    try {
      await call
      return true
    } catch (error) {
      const failure = error instanceof ChatError ? error.failure : null
      if (failure?.kind === "unauthorised" || (failure?.kind !== "refused" && tries < mostTries)) throw error
      log(`${chat.name}: ${(error as Error).message}`)
      return false
    }
  }

  async function listen(): Promise<void> {
    const began = performance.now()
    const waiting = openOnes().map(one => one.message)
    const { messages, cursor } = await chat.receive(store.cursor(), waiting, wake.signal)
    for (const message of latestVersions(messages)) await take(message)
    if (openOnes().length > 0) store.setCursor(cursor)
    quietPolls = messages.length > 0 ? 0 : quietPolls + 1
    const hasWaited = chat.waits && (messages.length > 0 || performance.now() - began > 1000)
    const isQuiet = lines.length === 0 && endedOnes().length === 0
    if (isQuiet && !hasWaited) await pause(pollMilliseconds(quietPolls), wake.signal)
  }

  async function take(message: ChatMessage): Promise<void> {
    const verdict = judge(owner, openOnes(), message)
    if (verdict.kind === "answer") await give(verdict.id, verdict.answer)
    if (verdict.kind !== "unclear") return
    const { ids, reason } = verdict
    const fresh = openOnes().filter(one => ids.includes(one.id) && !one.reminded.includes(reason))
    for (const { id, reminded } of fresh) change(id, { reminded: [...reminded, reason] })
    if (fresh.length > 0) say(reminders[reason])
  }

  async function give(id: string, word: "yes" | "no"): Promise<void> {
    answering.set(id, false)
    const answered = await options.answer(id, word, chat.name)
    const isGone = answering.get(id) ?? false
    answering.delete(id)
    say(answered.kind === "late" ? "That question was answered elsewhere." : answered.text)
    if (answered.kind === "late") end(id, "answered elsewhere")
    else if (answered.kind === "done" || isGone) end(id, `answered here: ${word}`)
  }

  const say = (text: string): void => {
    lines.push({ text, tries: 0 })
  }

  /** The first word about a question's end is the one that stays. */
  function end(id: string, words: string): void {
    questions.delete(id)
    if (putting?.id === id) putting.ended ??= words
    if (asked.get(id)?.ended === null) change(id, { ended: words })
  }

  function change(id: string, difference: Partial<Asked>): void {
    const before = asked.get(id)
    if (before !== undefined) keep(id, { ...before, ...difference })
  }

  function keep(id: string, one: Asked): void {
    asked.set(id, one)
    store.remember(id, JSON.stringify(one))
  }

  function forget(id: string): void {
    asked.delete(id)
    store.forget(id)
  }

  async function trouble(error: unknown): Promise<void> {
    const failure = error instanceof ChatError ? error.failure : null
    const message = failure === null ? `bug: ${(error as Error).stack}` : (error as Error).message
    if (failure?.kind === "unauthorised") {
      isDead = true
      return log(`${message}; run \`sento owner add ${chat.name}\`, then \`sento guard restart\``)
    }
    if (message !== lastTrouble) log(message)
    lastTrouble = message
    failures += 1
    const asks = failure?.kind === "later" ? failure.retryAfterSeconds * 1000 : 0
    await pause(Math.max(asks, backOffMilliseconds(failures, random())), stopping)
  }

  /** What waited when the Guardian stopped and is not asked any more; the others are asked in this very turn. */
  function settleOld(): void {
    if (stopping.aborted) return
    for (const { id } of openOnes()) if (!questions.has(id)) end(id, "it has ended")
    kick()
  }

  if (asked.size > 0) setImmediate(settleOld)
  return {
    name: chat.name,

    ask(question) {
      questions.set(question.id, question)
      kick()
    },

    withdraw(id, how) {
      if (answering.has(id)) {
        answering.set(id, true)
        return
      }
      end(id, endWords[how])
      kick()
    },

    tell({ text }) {
      if (!isDead) say(text)
      kick()
    },

    async stopped() {
      await running
    },
  }
}

const endWords: Readonly<Record<QuestionEnd, string>> = {
  approved: "answered elsewhere: approved",
  denied: "answered elsewhere: denied",
  expired: "nobody answered in time",
  failed: "approved elsewhere, and it failed",
}

/** One that this build cannot read is asked again. */
function readAsked(id: string, state: string): [string, Asked][] {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), askedSchema), state)
  return parsed.success ? [[id, parsed.output]] : []
}

const chatText = (question: Question, self: string): string =>
  `${questionText(question, self)}\nReply to this message with the one word yes or no.`

const nextTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** A chat that does not wait by itself is looked at every 2 s first, and every 30 s when nothing comes. */
export const pollMilliseconds = (quietPolls: number): number => Math.min(30_000, 2000 * 1.2 ** quietPolls)

/** 1 s doubling to 5 min, and up to half of it off. @param failures - how many in a row, from 1 */
export const backOffMilliseconds = (failures: number, random: number): number =>
  Math.min(5 * 60 * 1000, 1000 * 2 ** (failures - 1)) * (1 - random / 2)

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
