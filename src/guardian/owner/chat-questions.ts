/**
 * The questions in one chat, as a machine: what is asked there, heard there, and said of it in the end. Pure: what is
 * to be done goes out as effects, at most one of them a call, whose outcome comes back as an event.
 * @see docs/CONSENT.md, "In a chat"
 */
import { judge, latestVersions } from "../../protocol/answers.ts"
import type { ChatName } from "../../protocol/names.ts"
import { type Question, questionLine, questionText } from "../../protocol/questions.ts"
import type { QuestionEnd } from "../door/results.ts"
import {
  type Asked,
  type ChatEffect,
  type ChatEvent,
  type ChatPlace,
  type ChatState,
  type Heard,
  nothing,
  openOnes,
  unshown,
} from "./chat-state.ts"
import type { Answered } from "./surfaces.ts"

export type ChatStep = { readonly state: ChatState; readonly effects: readonly ChatEffect[] }

/** What an event changes, and what is to be done. An outcome of a call that is not under way changes nothing. */
export function step(before: ChatState, event: ChatEvent, place: ChatPlace): ChatStep {
  const draft: Draft = {
    ...before,
    questions: new Map(before.questions),
    asked: new Map(before.asked),
    lines: [...before.lines],
    showing: new Map(before.showing),
    effects: [],
  }
  react(draft, event, place)
  const { effects, ...state } = draft
  return { state, effects }
}

/** The state that comes to be, and its effects so far. */
type Draft = {
  -readonly [Field in keyof ChatState]: ChatState[Field]
} & {
  questions: Map<string, Question>
  asked: Map<string, Asked>
  lines: { readonly text: string; readonly tries: number }[]
  showing: Map<string, number>
  effects: ChatEffect[]
}

function react(draft: Draft, event: ChatEvent, place: ChatPlace): void {
  switch (event.kind) {
    case "question":
      draft.questions.set(event.question.id, event.question)
      return
    case "ended":
      withdraw(draft, event.id, endWords[event.how])
      return
    case "notice":
      if (!draft.isDead) say(draft, event.text)
      return
    case "restarted":
      for (const { id } of openOnes(draft)) if (!draft.questions.has(id)) end(draft, id, "it has ended")
      return
    case "free":
      callNext(draft, place)
      return
    case "asked":
      stand(draft, event.message, place)
      return
    case "shown":
      finishShowing(draft, true)
      return
    case "said":
      finishSaying(draft)
      return
    case "heard":
      hear(draft, event, place)
      return
    case "answered":
      heed(draft, event.answered, place)
      return
    case "failed":
      fail(draft, event, place)
      return
    default:
      event satisfies never
  }
}

/** What is to be written comes before listening. */
function callNext(draft: Draft, place: ChatPlace): void {
  const question = [...draft.questions.values()].find(one => !draft.asked.has(one.id))
  const [ended] = unshown(draft)
  const [line] = draft.lines
  if (question !== undefined) ask(draft, question, place)
  else if (ended !== undefined) show(draft, ...ended)
  else if (line !== undefined) tryToSay(draft, line)
  else listen(draft)
}

/** From before it is sent, none is alone whose message looks open: a bare yes could be for either. */
function ask(draft: Draft, question: Question, { self }: ChatPlace): void {
  for (const [id, { isLeft, expiresAt }] of draft.asked)
    if (isLeft && expiresAt <= question.createdAt) forget(draft, id)
  const isAlone = draft.asked.size === 0
  beginAnewWhereNoneIsOpen(draft)
  for (const { id } of openOnes(draft)) change(draft, id, { isAlone: false })
  draft.now = { kind: "asking", question, isAlone, ended: null }
  draft.effects.push({ kind: "ask", text: askingText(question, self) })
}

function stand(draft: Draft, message: string, { self }: ChatPlace): void {
  if (draft.now.kind !== "asking") return
  const { question, isAlone, ended } = draft.now
  const { id, expiresAt } = question
  draft.quietPolls = 0
  succeed(draft)
  keep(draft, id, {
    message,
    line: questionLine(question, self),
    isAlone,
    reminded: [],
    ended,
    isLeft: false,
    expiresAt,
  })
}

/** Puts what became of a question in its place; the chat may refuse that, where its message is gone. */
function show(draft: Draft, id: string, { message, line, ended }: Asked): void {
  draft.showing.set(id, (draft.showing.get(id) ?? 0) + 1)
  draft.now = { kind: "showing", id }
  draft.effects.push({ kind: "show", message, text: `${line}\n→ ${ended}` })
}

function finishShowing(draft: Draft, isShown: boolean): void {
  if (draft.now.kind !== "showing") return
  const { id } = draft.now
  succeed(draft)
  draft.showing.delete(id)
  if (isShown) forget(draft, id)
  else change(draft, id, { isLeft: true })
  beginAnewWhereNoneIsOpen(draft)
}

function tryToSay(draft: Draft, { text, tries }: Draft["lines"][number]): void {
  draft.lines[0] = { text, tries: tries + 1 }
  draft.now = { kind: "saying" }
  draft.effects.push({ kind: "say", text })
}

function finishSaying(draft: Draft): void {
  if (draft.now.kind !== "saying") return
  succeed(draft)
  draft.lines.shift()
}

function listen(draft: Draft): void {
  draft.now = { kind: "listening" }
  draft.effects.push({ kind: "listen", asked: openOnes(draft).map(one => one.message) })
}

function hear(draft: Draft, event: Extract<ChatEvent, { kind: "heard" }>, place: ChatPlace): void {
  if (draft.now.kind !== "listening") return
  const { messages, cursor, hasWaited } = event
  judgeAll(draft, { rest: latestVersions(messages), count: messages.length, cursor, hasWaited }, place)
}

/** Up to the first word that has to be acted on: what comes behind it is judged by what that has changed. */
function judgeAll(draft: Draft, heard: Heard, { owner }: ChatPlace): void {
  for (const [index, message] of heard.rest.entries()) {
    const verdict = judge(owner, openOnes(draft), message)
    if (verdict.kind === "answer") {
      const { id, answer } = verdict
      const rest = heard.rest.slice(index + 1)
      draft.now = { kind: "answering", id, answer, isGone: false, heard: { ...heard, rest } }
      draft.effects.push({ kind: "answer", id, answer })
      return
    }
    if (verdict.kind === "unclear") remind(draft, verdict.ids, verdict.reason)
  }
  finishHearing(draft, heard)
}

function finishHearing(draft: Draft, { count, cursor, hasWaited }: Heard): void {
  succeed(draft)
  if (openOnes(draft).length > 0) draft.effects.push({ kind: "move-cursor", cursor })
  draft.quietPolls = count > 0 ? 0 : draft.quietPolls + 1
  const isQuiet = draft.lines.length === 0 && unshown(draft).length === 0
  if (!isQuiet || hasWaited) return
  draft.effects.push({ kind: "pause", milliseconds: pollMilliseconds(draft.quietPolls), until: "news" })
}

function remind(draft: Draft, ids: readonly string[], reason: keyof typeof reminders): void {
  const fresh = openOnes(draft).filter(one => ids.includes(one.id) && !one.reminded.includes(reason))
  for (const { id, reminded } of fresh) change(draft, id, { reminded: [...reminded, reason] })
  if (fresh.length > 0) say(draft, reminders[reason])
}

function heed(draft: Draft, answered: Answered, place: ChatPlace): void {
  if (draft.now.kind !== "answering") return
  const { id, answer, isGone, heard } = draft.now
  draft.now = nothing
  say(draft, answered.kind === "late" ? "That question was answered elsewhere." : answered.text)
  if (answered.kind === "late") end(draft, id, "answered elsewhere")
  else if (answered.kind === "done" || isGone) end(draft, id, `answered here: ${answer}`)
  judgeAll(draft, heard, place)
}

/** While the owner's word is being acted on, what comes of that is the question's end. */
function withdraw(draft: Draft, id: string, words: string): void {
  if (draft.now.kind === "answering" && draft.now.id === id) draft.now = { ...draft.now, isGone: true }
  else end(draft, id, words)
}

/** The first word about a question's end is the one that stays. */
function end(draft: Draft, id: string, words: string): void {
  draft.questions.delete(id)
  const { now } = draft
  if (now.kind === "asking" && now.question.id === id) draft.now = { ...now, ended: now.ended ?? words }
  if (draft.asked.get(id)?.ended === null) change(draft, id, { ended: words })
}

type Failed = Extract<ChatEvent, { kind: "failed" }>

/** What cannot be done is left, at once where it is refused, after some tries where nothing answers. */
function fail(draft: Draft, event: Failed, { chat }: ChatPlace): void {
  const { now } = draft
  const { failure, message } = event
  const isLeft =
    failure?.kind === "refused" || (failure?.kind !== "unauthorised" && triesOf(draft) >= mostTries)
  if (isLeft && (now.kind === "showing" || now.kind === "saying")) {
    draft.effects.push({ kind: "log", line: `${chat}: ${message}` })
    if (now.kind === "showing") finishShowing(draft, false)
    else finishSaying(draft)
    return
  }
  draft.now = nothing
  if (!event.isCut) waitOut(draft, event, chat)
}

function triesOf({ now, showing, lines }: Draft): number {
  return now.kind === "showing" ? (showing.get(now.id) ?? 0) : (lines[0]?.tries ?? 0)
}

function waitOut(draft: Draft, { failure, message, stack, random }: Failed, chat: ChatName): void {
  const words = failure === null ? `bug: ${stack}` : message
  if (failure?.kind === "unauthorised") {
    draft.isDead = true
    const line = `${words}; run \`sento owner add ${chat}\`, then \`sento guard restart\``
    draft.effects.push({ kind: "log", line })
    return
  }
  if (words !== draft.trouble) draft.effects.push({ kind: "log", line: words })
  draft.trouble = words
  draft.failures += 1
  const wished = failure?.kind === "later" ? failure.retryAfterSeconds * 1000 : 0
  const milliseconds = Math.max(wished, backOffMilliseconds(draft.failures, random))
  draft.effects.push({ kind: "pause", milliseconds, until: "end" })
}

function succeed(draft: Draft): void {
  draft.now = nothing
  draft.failures = 0
  draft.trouble = ""
}

function say(draft: Draft, text: string): void {
  draft.lines.push({ text, tries: 0 })
}

function beginAnewWhereNoneIsOpen(draft: Draft): void {
  if (openOnes(draft).length === 0) draft.effects.push({ kind: "move-cursor", cursor: null })
}

function change(draft: Draft, id: string, difference: Partial<Asked>): void {
  const before = draft.asked.get(id)
  if (before !== undefined) keep(draft, id, { ...before, ...difference })
}

function keep(draft: Draft, id: string, asked: Asked): void {
  draft.asked.set(id, asked)
  draft.effects.push({ kind: "keep", id, asked })
}

function forget(draft: Draft, id: string): void {
  draft.asked.delete(id)
  draft.effects.push({ kind: "forget", id })
}

const reminders = {
  word: "Please answer yes or no.",
  which: "Please answer by replying to the very question you mean.",
} as const

const endWords: Readonly<Record<QuestionEnd, string>> = {
  approved: "answered elsewhere: approved",
  denied: "answered elsewhere: denied",
  expired: "nobody answered in time",
  failed: "approved elsewhere, and it failed",
}

const askingText = (question: Question, self: string): string =>
  `${questionText(question, self)}\nReply to this message with the one word yes or no.`

/** After that many failures a line or a withdrawal is left: the log has it, and the question is over. */
const mostTries = 8

/** A chat that does not wait by itself is looked at every 2 s first, and every 30 s when nothing comes. */
export const pollMilliseconds = (quietPolls: number): number => Math.min(30_000, 2000 * 1.2 ** quietPolls)

/** 1 s doubling to 5 min, and up to half of it off. @param failures - how many in a row, from 1 */
export const backOffMilliseconds = (failures: number, random: number): number =>
  Math.min(5 * 60 * 1000, 1000 * 2 ** (failures - 1)) * (1 - random / 2)
