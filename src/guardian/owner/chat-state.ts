/** What is known of the questions in one chat, what may happen to them, and what is to be done then. */
import * as v from "valibot"
import type { ChatFailure } from "../../http/chats/chat.ts"
import type { ChatMessage, ChatOwner, ChatQuestion } from "../../protocol/answers.ts"
import type { ChatName } from "../../protocol/names.ts"
import type { Question } from "../../protocol/questions.ts"
import type { QuestionEnd } from "../door/results.ts"
import type { Answered } from "./surfaces.ts"

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
export type Asked = v.InferOutput<typeof askedSchema>

/** Messages that came together. */
export type Heard = {
  /** Those that are still to be judged. */
  readonly rest: readonly ChatMessage[]
  /** How many came. */
  readonly count: number
  readonly cursor: string
  readonly hasWaited: boolean
}

/** The one call that is under way, and what has to be known of it when it ends. */
export type UnderWay =
  | { readonly kind: "nothing" }
  /** @property ended - what became of the question meanwhile */
  | {
      readonly kind: "asking"
      readonly question: Question
      readonly isAlone: boolean
      readonly ended: string | null
    }
  | { readonly kind: "showing"; readonly id: string }
  | { readonly kind: "saying" }
  | { readonly kind: "listening" }
  /** The owner's word is being acted on. @property isGone - the question was withdrawn meanwhile */
  | {
      readonly kind: "answering"
      readonly id: string
      readonly answer: "yes" | "no"
      readonly isGone: boolean
      readonly heard: Heard
    }

export type ChatState = {
  readonly now: UnderWay
  /** Those that wait for the owner. */
  readonly questions: ReadonlyMap<string, Question>
  /** Those whose message stands in the chat, oldest first. */
  readonly asked: ReadonlyMap<string, Asked>
  /** What is to be said, and how often it was tried. */
  readonly lines: readonly { readonly text: string; readonly tries: number }[]
  /** How often it was tried to show what became of a question. */
  readonly showing: ReadonlyMap<string, number>
  /** The token is no longer taken: nothing more is done. */
  readonly isDead: boolean
  /** Failures in a row, and what the last one said. */
  readonly failures: number
  readonly trouble: string
  /** How often in a row nothing was heard. */
  readonly quietPolls: number
}

export type ChatEvent =
  /** From outside, at any time. */
  | { readonly kind: "question"; readonly question: Question }
  | { readonly kind: "ended"; readonly id: string; readonly how: QuestionEnd }
  | { readonly kind: "notice"; readonly text: string }
  /** All that still waited when the Guardian stopped has come again as `question`. */
  | { readonly kind: "restarted" }
  /** No call is under way: what is next? */
  | { readonly kind: "free" }
  /** How the call ended. @property message - the id of the question's message */
  | { readonly kind: "asked"; readonly message: string }
  | { readonly kind: "shown" }
  | { readonly kind: "said" }
  /** @property hasWaited - the call took its time, so that the next one may follow at once */
  | {
      readonly kind: "heard"
      readonly messages: readonly ChatMessage[]
      readonly cursor: string
      readonly hasWaited: boolean
    }
  | { readonly kind: "answered"; readonly answered: Answered }
  /**
   * @property failure - null for a bug, of which `stack` tells
   * @property isCut - it was ended from here: something else is to be done, or the Guardian stops
   * @property random - uniform in [0, 1)
   */
  | {
      readonly kind: "failed"
      readonly failure: ChatFailure | null
      readonly message: string
      readonly stack: string
      readonly isCut: boolean
      readonly random: number
    }

export type ChatEffect =
  /** For the books, done at once. */
  | { readonly kind: "keep"; readonly id: string; readonly asked: Asked }
  | { readonly kind: "forget"; readonly id: string }
  /** @property cursor - null: begin anew */
  | { readonly kind: "move-cursor"; readonly cursor: string | null }
  | { readonly kind: "log"; readonly line: string }
  /** Calls: `ask`, `show`, `say` and `listen` to the chat, `answer` to the Guardian. */
  | { readonly kind: "ask"; readonly text: string }
  | { readonly kind: "show"; readonly message: string; readonly text: string }
  | { readonly kind: "say"; readonly text: string }
  | { readonly kind: "listen"; readonly asked: readonly string[] }
  | { readonly kind: "answer"; readonly id: string; readonly answer: "yes" | "no" }
  /** @property until - what ends it before its time: whatever is new, or nothing but the Guardian's end */
  | { readonly kind: "pause"; readonly milliseconds: number; readonly until: "news" | "end" }

/** Who is asked where, and who asks. @property self - this agent's name */
export type ChatPlace = { readonly chat: ChatName; readonly owner: ChatOwner; readonly self: string }

/** What is known at a start. @param kept - what was kept of each question; one that cannot be read is asked again */
export function startChat(kept: readonly (readonly [id: string, state: string])[]): ChatState {
  return {
    now: nothing,
    questions: new Map(),
    asked: new Map(kept.flatMap(([id, state]) => readAsked(id, state))),
    lines: [],
    showing: new Map(),
    isDead: false,
    failures: 0,
    trouble: "",
    quietPolls: 0,
  }
}

/** Whether there is anything to do; where not, nothing is asked of the chat. */
export const isBusy = (state: ChatState): boolean =>
  !state.isDead && (state.questions.size > 0 || state.lines.length > 0 || unshown(state).length > 0)

/** Those of which the chat does not show yet what became of them. */
export const unshown = ({ asked }: Pick<ChatState, "asked">): (readonly [id: string, one: Asked])[] =>
  [...asked].filter(([, { ended, isLeft }]) => ended !== null && !isLeft)

/** Those that wait for a word in the chat. */
export const openOnes = ({ asked }: Pick<ChatState, "asked">): (ChatQuestion & Asked)[] =>
  [...asked].flatMap(([id, one]) => (one.ended === null ? [{ id, ...one }] : []))

function readAsked(id: string, state: string): [string, Asked][] {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), askedSchema), state)
  return parsed.success ? [[id, parsed.output]] : []
}

export const nothing: UnderWay = { kind: "nothing" }
