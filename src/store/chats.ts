/** What the Guardian must know of the owner's chats after a restart. */
import type { Database } from "bun:sqlite"

/** One chat's part: the questions asked there, and how far it was read. */
export type ChatStore = {
  /** The state of each question that was kept, by its id. */
  all(): readonly (readonly [id: string, state: string])[]
  remember(id: string, state: string): void
  forget(id: string): void
  cursor(): string | null
  /** @param cursor - null: begin anew */
  setCursor(cursor: string | null): void
}

export type Chats = ReturnType<typeof createChats>

export function createChats(database: Database) {
  const list = database.query<{ id: string; state: string }, { chat: string }>(
    "SELECT id, state FROM chat_questions WHERE chat = $chat ORDER BY rowid",
  )
  const keep = database.query(
    "INSERT INTO chat_questions (chat, id, state) VALUES ($chat, $id, $state) ON CONFLICT DO UPDATE SET state = $state",
  )
  const forget = database.query("DELETE FROM chat_questions WHERE chat = $chat AND id = $id")
  const read = database.query<{ cursor: string }, { chat: string }>(
    "SELECT cursor FROM chat_cursors WHERE chat = $chat",
  )
  const move = database.query(
    "INSERT INTO chat_cursors (chat, cursor) VALUES ($chat, $cursor) ON CONFLICT DO UPDATE SET cursor = $cursor",
  )
  const drop = database.query("DELETE FROM chat_cursors WHERE chat = $chat")
  return {
    /** @param chat - names the app and the chat in it: another chat's questions are not this one's */
    of: (chat: string): ChatStore => ({
      all: () => list.all({ chat }).map(({ id, state }) => [id, state] as const),
      remember(id, state) {
        keep.run({ chat, id, state })
      },
      forget(id) {
        forget.run({ chat, id })
      },
      cursor: () => read.get({ chat })?.cursor ?? null,
      setCursor(cursor) {
        if (cursor === null) drop.run({ chat })
        else move.run({ chat, cursor })
      },
    }),
  }
}
