/** What the config keeps of each chat in which the owner is asked; an id is the chat app's own, never a name that can be chosen. */
import * as v from "valibot"
import type { ChatName } from "./names.ts"

/** Where a chat app answers, in place of the vendor's own: a server of the owner's, or a test's. */
export const baseUrlPattern = /^https?:\/\/[^\s/?#]+(?:\/[^\s?#]*[^\s/?#])?$/

const baseUrl = v.optional(v.pipe(v.string(), v.regex(baseUrlPattern)))
const bot = { token: v.string(), user: v.string() }

/** Fields of the config's `owner`: unknown ones of a chat are kept. */
export const chatFields = {
  telegram: v.optional(v.looseObject({ ...bot, chat: v.string(), baseUrl })),
  discord: v.optional(v.looseObject({ ...bot, channel: v.string(), baseUrl })),
  slack: v.optional(v.looseObject({ ...bot, channel: v.string(), baseUrl })),
} satisfies Readonly<Record<ChatName, v.GenericSchema>>

/** The settings of each chat, where it is set up. */
export type ChatSettings = {
  readonly [Name in ChatName]: NonNullable<v.InferOutput<(typeof chatFields)[Name]>>
}
