/** The places where the owner is asked and told: all at once, the first answer wins, the others withdraw. */

import type { Question } from "../../protocol/questions.ts"
import type { Context } from "../context.ts"
import type { QuestionEnd } from "../door/results.ts"
import type { Notice } from "../notices.ts"

/** A place where the owner is asked. None of these calls throws or waits. */
export type Surface = {
  readonly name: string
  /** Shows the question; after a restart it is asked of the surface again, which knows whether it was shown. */
  ask(question: Question): void
  /** The question was answered or ended, here or elsewhere. */
  withdraw(id: string, how: QuestionEnd): void
  /** One line for the owner; each notice comes once. */
  tell(notice: Notice): void
  /** Resolves when nothing of it runs any more. */
  stopped(): Promise<void>
}

/** What a surface does with the owner's word. The first answer wins: `late` where another was first. */
export type AnswerQuestion = (id: string, answer: "yes" | "no", by: string) => Promise<Answered>

export type Answered =
  | { readonly kind: "done"; readonly text: string }
  | { readonly kind: "late" }
  /** It cannot be answered here, and why: a name that is taken, say. */
  | { readonly kind: "impossible"; readonly text: string }

/** Keeps the surfaces up to date, beginning with what waited when the Guardian stopped. */
export function connectSurfaces(
  context: Context,
  waiting: () => readonly Question[],
  surfaces: readonly Surface[],
): { stopped(): Promise<void> } {
  context.events.on(event => {
    if (event.event === "request") {
      const question = waiting().find(one => one.id === event.id)
      if (question !== undefined) for (const surface of surfaces) surface.ask(question)
    }
    if (event.event === "answered") for (const surface of surfaces) surface.withdraw(event.id, event.state)
  })
  context.notices.on(notice => {
    for (const surface of surfaces) surface.tell(notice)
  })
  for (const question of waiting()) for (const surface of surfaces) surface.ask(question)
  return {
    async stopped() {
      await Promise.allSettled(surfaces.map(surface => surface.stopped()))
    },
  }
}
