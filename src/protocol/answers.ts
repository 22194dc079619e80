/**
 * What a message in the owner's chat means for the questions that wait there.
 * @see docs/CONSENT.md, "In a chat"
 */
import { readYesNo } from "./questions.ts"

/** A message as its chat shows it, whichever chat that is. */
export type ChatMessage = {
  /** Unique in its chat, and later ones are greater: see {@link compareMessages}. */
  readonly id: string
  readonly chat: string
  /** A chat of the bot with one person alone. */
  readonly isPrivate: boolean
  /** The author's own id, never a name that can be chosen; null where the chat names none. */
  readonly author: string | null
  /** Written by a program, on behalf of a chat, or by the chat itself. */
  readonly isBot: boolean
  readonly isEdited: boolean
  /** The words are somebody else's: forwarded, or put in by an inline bot. */
  readonly isForwarded: boolean
  /** The id of the message it answers; null where it answers none. */
  readonly repliesTo: string | null
  readonly text: string
}

/** Where the owner is asked, and who they are there. */
export type ChatOwner = { readonly user: string; readonly chat: string }

/** A question that waits in the chat. */
export type ChatQuestion = {
  readonly id: string
  /** The id of the message that asked it. */
  readonly message: string
  /** No other question was open at any time since it was asked. */
  readonly isAlone: boolean
}

export type Verdict =
  | { readonly kind: "answer"; readonly id: string; readonly answer: "yes" | "no" }
  /** The owner's, and not to be understood: each of these questions is asked again once for each reason. */
  | { readonly kind: "unclear"; readonly ids: readonly string[]; readonly reason: "word" | "which" }
  | {
      readonly kind: "ignored"
      readonly reason: "stranger" | "bot" | "elsewhere" | "early" | "other" | "none"
    }

/**
 * What one message means. Only the owner's own words count, in the one chat, written after the question: as a
 * reply to it, or in private while it was the only one.
 * @param questions - those that wait
 */
export function judge(owner: ChatOwner, questions: readonly ChatQuestion[], message: ChatMessage): Verdict {
  if (message.chat !== owner.chat) return ignored("elsewhere")
  if (message.isBot) return ignored("bot")
  if (message.author !== owner.user) return ignored("stranger")
  if (questions.length === 0) return ignored("none")
  return message.repliesTo === null ? judgeBare(questions, message) : judgeReply(questions, message)
}

function judgeReply(questions: readonly ChatQuestion[], message: ChatMessage): Verdict {
  const question = questions.find(one => one.message === message.repliesTo)
  if (question === undefined) return ignored("other")
  return isAfter(message, question) ? judgeWord(question, message) : ignored("early")
}

/** In a group, people talk to each other: what is no reply is not for us. */
function judgeBare(questions: readonly ChatQuestion[], message: ChatMessage): Verdict {
  if (!message.isPrivate) return ignored("other")
  const asked = questions.filter(one => isAfter(message, one))
  const [only] = asked
  if (only === undefined) return ignored("early")
  if (questions.length === 1 && only.isAlone) return judgeWord(only, message)
  return { kind: "unclear", ids: asked.map(one => one.id), reason: "which" }
}

function judgeWord({ id }: ChatQuestion, message: ChatMessage): Verdict {
  const answer = message.isEdited || message.isForwarded ? null : readYesNo(message.text)
  return answer === null ? { kind: "unclear", ids: [id], reason: "word" } : { kind: "answer", id, answer }
}

const ignored = (reason: Extract<Verdict, { kind: "ignored" }>["reason"]): Verdict => ({
  kind: "ignored",
  reason,
})

const isAfter = (message: ChatMessage, question: ChatQuestion): boolean =>
  compareMessages(message.id, question.message) > 0

/**
 * Orders the ids of messages of one chat: Telegram's counts, Discord's snowflakes and Slack's time stamps,
 * which have six decimals, all grow. Not our clock, which may differ from the chat's.
 */
export function compareMessages(one: string, other: string): number {
  const difference = BigInt(one.replace(".", "")) - BigInt(other.replace(".", ""))
  return difference === 0n ? 0 : difference < 0n ? -1 : 1
}

/** The greatest of some ids; "0" is before all of any chat. @param ids - at least one */
export const latestMessage = (ids: readonly string[]): string =>
  ids.reduce((latest, id) => (compareMessages(id, latest) > 0 ? id : latest))

/** What {@link compareMessages} takes. */
export const messageIdPattern = /^\d{1,20}(?:\.\d{6})?$/

/**
 * The messages that came together, each once: one that was edited meanwhile is an edited one, whichever of its
 * versions came first.
 */
export function latestVersions(messages: readonly ChatMessage[]): ChatMessage[] {
  const keyOf = ({ chat, id }: ChatMessage): string => `${chat} ${id}`
  const latest = new Map<string, ChatMessage>()
  for (const message of messages) {
    const before = latest.get(keyOf(message))
    latest.set(keyOf(message), { ...message, isEdited: message.isEdited || (before?.isEdited ?? false) })
  }
  return [...latest.values()]
}
