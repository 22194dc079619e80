/** The owner's chats as surfaces, from the config. */
import { openChats } from "../../http/chats/apps.ts"
import type { Config } from "../../store/config.ts"
import type { Store } from "../../store/store.ts"
import { createChat } from "./chat.ts"
import type { AnswerQuestion, Surface } from "./surfaces.ts"

type Books = {
  readonly config: { readonly current: Config }
  readonly store: Pick<Store, "chats">
  readonly log: { write(line: string): void }
  readonly stopping: AbortSignal
}

/**
 * A surface for each chat of the config. The questions that wait are to be asked in the same turn.
 */
export function createChatSurfaces(
  { config, store, log, stopping }: Books,
  answer: AnswerQuestion,
): Surface[] {
  return openChats(config.current.owner ?? {}).map(({ chat, owner, key }) =>
    createChat({
      chat,
      owner,
      self: () => config.current.name,
      store: store.chats.of(key),
      answer,
      log: line => log.write(line),
      stopping,
    }),
  )
}
