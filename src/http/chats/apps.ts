/** The chat apps that Sentō knows. */
import type { ChatOwner } from "../../protocol/answers.ts"
import type { ChatSettings } from "../../protocol/chat-settings.ts"
import { type ChatName, chatNames } from "../../protocol/names.ts"
import type { Chat, ChatApp } from "./chat.ts"
import { discord } from "./discord.ts"
import { slack } from "./slack.ts"
import { telegram } from "./telegram.ts"

export const chatApps: { readonly [Name in ChatName]: ChatApp<Name> } = { telegram, discord, slack }

/** The settings of those chats that are set up. */
export type ChosenChats = { readonly [Name in ChatName]?: ChatSettings[Name] | undefined }

/** A chat that is set up. @property key - under which its questions are kept: another bot's are not its own */
export type OwnerChat = { readonly chat: Chat; readonly owner: ChatOwner; readonly key: string }

/** The chats in which the owner is asked. Nothing is sent yet. */
export const openChats = (chosen: ChosenChats): OwnerChat[] =>
  chatNames.flatMap(name => openChat(name, chosen[name]))

function openChat<Name extends ChatName>(name: Name, settings: ChatSettings[Name] | undefined): OwnerChat[] {
  if (settings === undefined) return []
  const app: ChatApp<Name> = chatApps[name]
  return [{ chat: app.open(settings), owner: app.ownerOf(settings), key: app.keyOf(settings) }]
}
