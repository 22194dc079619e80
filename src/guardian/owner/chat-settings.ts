/** From the config to the owner's chats. */
import type { Chat, ChatName } from "../../http/chats/chat.ts"
import { createDiscord } from "../../http/chats/discord.ts"
import { createSlack } from "../../http/chats/slack.ts"
import { createTelegram } from "../../http/chats/telegram.ts"
import type { ChatOwner } from "../../protocol/answers.ts"
import type { Config } from "../../store/config.ts"
import type { Store } from "../../store/store.ts"
import { createChat } from "./chat.ts"
import type { AnswerQuestion, Surface } from "./surfaces.ts"

export type ChatSettings = Pick<NonNullable<Config["owner"]>, ChatName>

export const chatNames: readonly ChatName[] = ["telegram", "discord", "slack"]

/** A chat that is set up. @property key - under which its questions are kept: another bot's are not its own */
export type OwnerChat = { readonly chat: Chat; readonly owner: ChatOwner; readonly key: string }

export function chatsOf({ telegram, discord, slack }: ChatSettings): OwnerChat[] {
  const chats: OwnerChat[] = []
  if (telegram !== undefined) {
    const bot = telegram.token.split(":")[0]
    chats.push({ chat: createTelegram(telegram), owner: telegram, key: `telegram:${bot}:${telegram.chat}` })
  }
  if (discord !== undefined) chats.push(inChannel(createDiscord(discord), discord))
  if (slack !== undefined) chats.push(inChannel(createSlack(slack), slack))
  return chats
}

/** A channel of direct messages belongs to one bot and one person. */
const inChannel = (chat: Chat, { user, channel }: { user: string; channel: string }): OwnerChat => ({
  chat,
  owner: { user, chat: channel },
  key: `${chat.name}:${channel}`,
})

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
  return chatsOf(config.current.owner ?? {}).map(({ chat, owner, key }) =>
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
