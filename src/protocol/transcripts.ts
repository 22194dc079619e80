/**
 * The last words of a turn, out of the transcript that an agent program keeps. Gemini CLI 0.61.0 appends a line of
 * JSON for each prompt, each answer of its model and each round of tool results, before its hooks run; an answer that
 * was interrupted is not among them. A line with the id of an earlier one replaces it.
 */
import { isSentence } from "./turns.ts"

type Fields = { readonly [key: string]: unknown }

/** Tools by which a person says something in the middle of a turn. */
const personsTools: readonly unknown[] = ["ask_user", "exit_plan_mode"]

/**
 * What the model said last to a prompt, behind every tool call; null whenever that is not beyond doubt.
 * @param transcript - whole lines of JSON, the end of the file
 * @param prompt - what the turn began with, as the hook tells it
 * @param response - the words as the hook tells them: all of the turn's, with blanks between
 */
export function lastWordsIn(transcript: string, prompt: string, response: string): string | null {
  const answers = answersTo(prompt, transcript)
  const [last] = answers ?? []
  if (answers === null || last === undefined || answers.some(hasPersonsPart)) return null
  const { content } = last
  if (typeof content !== "string" || callsOf(last).length > 0) return null
  return isWhole(content, response) ? content : null
}

/**
 * The transcript leaves out invisible characters and HTML's comments. What the hook tells ends in the whole of the
 * words, and in most of them once more, with other blanks.
 */
function isWhole(content: string, response: string): boolean {
  const [words, said] = [withoutBlanks(content), withoutBlanks(response)]
  const at = said.lastIndexOf(words)
  return at >= 0 && words.endsWith(said.slice(at + words.length)) && !said.includes("<!--")
}

/** What the model said since the prompt, the latest first; null where anything else stands between. */
function answersTo(prompt: string, transcript: string): readonly Fields[] | null {
  const answers = new Map<unknown, Fields>()
  for (const line of linesFromEnd(transcript)) {
    const record = parse(line)
    if (record === null || isRevision(record)) return null
    if (record.type === "gemini" && !answers.has(record.id)) answers.set(record.id, record)
    if (record.type !== "user" || isToolResult(record)) continue
    const text = textOf(record)
    if (text === prompt) return [...answers.values()]
    // Asked for its answer, the agent went on in the same turn: what it said before is not it.
    if (text === null || !isSentence(text) || answers.size === 0) return null
  }
  return null
}

function* linesFromEnd(text: string): Generator<string> {
  let end = text.length
  while (end > 0) {
    const start = text.lastIndexOf("\n", end - 1)
    if (end - start > 1) yield text.slice(start + 1, end)
    end = start
  }
}

function parse(line: string): Fields | null {
  try {
    const record: unknown = JSON.parse(line)
    return typeof record === "object" ? (record as Fields | null) : null
  } catch {
    return null
  }
}

/** Whether a line takes back earlier ones: a person went back, or the history was compressed. */
const isRevision = ({ $rewindTo: rewind, $set: set }: Fields): boolean =>
  rewind !== undefined || (typeof set === "object" && set !== null && "messages" in set)

const partsOf = ({ content }: Fields): readonly Fields[] =>
  typeof content === "string" ? [{ text: content }] : Array.isArray(content) ? (content as Fields[]) : []

/** Results and what comes with them; with words beside them a person has had a say (Gemini CLI's hints). */
const isToolResult = (record: Fields): boolean =>
  partsOf(record).some(part => part.functionResponse !== undefined) &&
  partsOf(record).every(part => part.text === undefined)

/** Null where it has anything but text: an image is a person's. */
function textOf(record: Fields): string | null {
  const texts = partsOf(record).map(part => part.text)
  return texts.every(text => typeof text === "string") ? texts.join("") : null
}

const callsOf = ({ toolCalls }: Fields): readonly Fields[] =>
  Array.isArray(toolCalls) ? (toolCalls as Fields[]) : []

const hasPersonsPart = (answer: Fields): boolean =>
  callsOf(answer).some(({ name }) => personsTools.includes(name))

const withoutBlanks = (text: string): string => text.replace(/\s+/g, "")
