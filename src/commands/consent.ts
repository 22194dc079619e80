/** The owner's answers in a terminal: the question with its words, and the PIN where one is set. */

import { answerWords as outcomeWords } from "../guardian/books/open-questions.ts"
import type { Books } from "../guardian/books/pairs.ts"
import { requirePin } from "../guardian/books/pin.ts"
import { callDoor, NoGuardian } from "../guardian/door/client.ts"
import type { DoorRequestInput, OpName, ResultOf } from "../guardian/door/operations.ts"
import type { Approval, QuestionEvent } from "../guardian/door/results.ts"
import { SentoError } from "../protocol/errors.ts"
import { isName, nameRule } from "../protocol/names.ts"
import {
  briefQuestionLine,
  briefQuestionLines,
  questionLine,
  questionLines,
  readYesNo,
} from "../protocol/questions.ts"
import type { Paths } from "../store/paths.ts"
import { needConfig } from "./home.ts"
import type { Io } from "./io.ts"
import { ask, askSecret, untilQuiet } from "./prompts.ts"
import { bold, isPerson, tell, toldRows } from "./terminal.ts"

export type Request = QuestionEvent

/**
 * Who asks, from where, what a yes grants, and what happens without one.
 * @param unasked - what says that our own agent acts without asking, or null
 */
export function tellQuestion(io: Io, paths: Paths, request: Request, unasked: string | null): void {
  const { lines, isBrief } = wordsFor(io, paths, request, unasked)
  const [who, compare, ...others] = lines
  // Where there is little room the terminal breaks lines, which takes fewer of them than words do.
  const say = isBrief ? (line: string): void => io.err(`${line}\n`) : (line: string): void => tell(io, line)
  if (!isBrief) say("")
  say(who ?? "")
  say(bold(io, compare ?? ""))
  for (const line of others) say(line)
}

/** What the prompt puts around its question (@clack/prompts 1.9.0): a rule above it, the answer, an end. */
const promptRows = 3

/** Who asks, and what to compare, must not scroll away where the terminal is small. */
function wordsFor(io: Io, paths: Paths, request: Request, unasked: string | null = null) {
  const self = needConfig(io, paths).name
  const { columns, rows } = io.sizeOf("stderr")
  const about = { ...request, expiresAt: Date.parse(request.expiresAt), unasked }
  const lines = questionLines(about, self)
  const line = questionLine(request, self)
  const rowsOf = (text: string): number => toldRows(text, columns).length
  // The blank line before, and the mark before the question.
  const needed = ["", ...lines, `◆  ${line}`].reduce((sum, text) => sum + rowsOf(text), promptRows)
  if (needed <= rows) return { lines, line, isBrief: false }
  return { lines: briefQuestionLines(about, self), line: briefQuestionLine, isBrief: true }
}

export type Answered = Approval | { readonly outcome: "denied" }

/** A question that nobody called for: what was typed before it stood there does not answer it. */
export async function answerHere(
  io: Io,
  paths: Paths,
  request: Request,
  withdrawn: AbortSignal,
): Promise<Answered | null> {
  await untilQuiet()
  return withdrawn.aborted ? null : askYesNo(io, paths, request, withdrawn)
}

type NameWish = { readonly as: string | null; readonly replace: boolean }

/**
 * Asks for yes or no, and gives the answer to the Guardian.
 * @param wish - what the owner said already of the other agent's name here, or null
 * @returns what the answer came to; null where it was given elsewhere
 * @throws interrupted on Ctrl-C or Esc: unanswered is not no
 */
export async function askYesNo(
  io: Io,
  paths: Paths,
  request: Request,
  withdrawn: AbortSignal,
  wish: NameWish | null = null,
): Promise<Answered | null> {
  const word = await ask(wordsFor(io, paths, request).line, {
    check: text => (readYesNo(text) === null ? "type yes or no" : undefined),
    signal: withdrawn,
  })
  if (word === null) return null
  if (readYesNo(word) === "no") {
    await callDoor(paths, "owner", { op: "deny", id: request.id })
    return { outcome: "denied" }
  }
  return sayYes(io, paths, request, withdrawn, wish)
}

/** The yes itself; where the name is another pair's, what to call this one is asked first. */
export async function sayYes(
  io: Io,
  paths: Paths,
  request: Request,
  withdrawn: AbortSignal,
  wish: NameWish | null = null,
): Promise<Approval | null> {
  const isOpen = wish === null && request.taken
  const as = isOpen ? await askOtherName(io, request.as, withdrawn) : wish
  if (isOpen && as === null) return null
  const yes = { op: "approve", id: request.id, ...as } as const
  return approveWith(io, paths, yes, request.name, withdrawn).catch(error => {
    // The prompt for the PIN was withdrawn; a yes of ours that failed is told.
    if (withdrawn.aborted && isInterrupted(error)) return null
    throw error
  })
}

const isInterrupted = (error: unknown): boolean => error instanceof SentoError && error.code === "interrupted"

/** The name is another one's: a new name for this one, or the same for replacing that one. */
async function askOtherName(io: Io, name: string, withdrawn: AbortSignal): Promise<NameWish | null> {
  tell(
    io,
    `The name ${name} is another one's here: of a pair, or of a join that waits. Give this one another name, or type ${name} to end that one`,
  )
  const answer = await ask("Name for it here", {
    check: text => (isName(text) ? undefined : nameRule),
    signal: withdrawn,
  })
  return answer === null ? null : { as: answer, replace: answer === name }
}

/** What an answer came to, in one line. */
export function answerWords(answer: Answered): string {
  if (answer.outcome === "denied") return deniedWords
  return answer.outcome === "paired" ? pairedWords(answer.name) : outcomeWords(answer)
}

export const deniedWords = "The answer was no. Nothing is paired."

export const pairedWords = (name: string): string => `Paired with ${name}. Try:  sento send ${name} "hello"`

export const approveWith = (
  io: Io,
  paths: Paths,
  request: DoorRequestInput<"approve">,
  name: string,
  withdrawn: AbortSignal | null = null,
): Promise<Approval> =>
  withPin(io, `to pair with ${name}`, pin => callDoor(paths, "owner", { ...request, pin }), withdrawn)

/**
 * Does it without a PIN, and asks for one where one is needed and somebody sits there.
 * @param what - what the PIN is for: `to remove kai`
 */
export async function withPin<Result>(
  io: Io,
  what: string,
  act: (pin: string | null) => Promise<Result>,
  withdrawn: AbortSignal | null = null,
): Promise<Result> {
  for (let pin: string | null = null; ; pin = await askSecret(`Owner PIN, ${what}`, { signal: withdrawn })) {
    try {
      return await act(pin)
    } catch (error) {
      if (!(error instanceof SentoError) || error.code !== "needs-pin" || !isPerson(io, false)) throw error
      if (pin !== null) tell(io, error.message)
    }
  }
}

/** An owner's request: by the Guardian where one runs, otherwise here under its lock, after the same check. */
export async function askOrDo<Op extends OpName>(
  io: Io,
  paths: Paths,
  request: { readonly op: Op } & NoInfer<DoorRequestInput<Op>>,
  work: (books: Books) => ResultOf<Op> | Promise<ResultOf<Op>>,
): Promise<ResultOf<Op>> {
  needConfig(io, paths)
  try {
    return await callDoor(paths, "owner", request)
  } catch (error) {
    if (!(error instanceof NoGuardian)) throw error
    const { withBooks } = await import("../guardian/books/offline.ts")
    return withBooks(paths, work)
  }
}

/** For what the owner's commands do by themselves: not for an agent's process. @throws not-owner */
export const requireOwner = (io: Io, paths: Paths): Promise<unknown> =>
  askOrDo(io, paths, { op: "requests" }, () => [])

/** The same, and asks for the PIN where one is set. @throws not-owner, needs-pin */
export async function confirmOwner(io: Io, paths: Paths, what: string): Promise<void> {
  await withPin(io, what, pin => askOrDo(io, paths, { op: "confirm", pin }, books => requirePin(books, pin)))
}
