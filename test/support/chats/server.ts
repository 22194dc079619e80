/** What the local chat servers have in common: who is who, which calls came, and answers that are made to fail. */

import type { ChatName } from "../../../src/protocol/names.ts"
import { createDiscordServer } from "./discord.ts"
import { createSlackServer } from "./slack.ts"
import { createTelegramServer } from "./telegram.ts"

export type Written = {
  readonly text: string
  /** The owner's own id where it is not said. */
  readonly author?: string
  readonly isBot?: boolean
  readonly isEdited?: boolean
  readonly isForwarded?: boolean
  readonly repliesTo?: string
  /** The chat with the owner where it is not said. */
  readonly chat?: string
}

export type Reply = (request: Request) => Response | Promise<Response>

export type ChatServer = {
  readonly name: ChatName
  readonly token: string
  readonly owner: { readonly user: string; readonly chat: string }
  readonly baseUrl: string
  /** The methods called so far, as the vendor names them. */
  readonly calls: string[]
  /** The bot's messages as they look now. */
  readonly sent: { readonly id: string; text: string }[]
  /** Somebody writes. @returns the message's id */
  write(message: Written): string
  /** The next calls of this method get these answers. */
  answerNext(method: string, ...replies: readonly Reply[]): void
  /** From now on the token is no longer taken. */
  revoke(): void
  close(): Promise<void>
}

export const chatServers: Readonly<Record<ChatName, () => ChatServer>> = {
  telegram: createTelegramServer,
  discord: createDiscordServer,
  slack: createSlackServer,
}

/** An answer that never comes. */
export const hang: Reply = request =>
  new Promise(resolve => request.signal.addEventListener("abort", () => resolve(new Response())))

export function createPlan() {
  const planned = new Map<string, Reply[]>()
  const calls: string[] = []
  return {
    calls,
    answerNext(method: string, ...replies: readonly Reply[]): void {
      planned.set(method, [...(planned.get(method) ?? []), ...replies])
    },
    /** Notes the call; the planned answer, if there is one. */
    take(method: string): Reply | null {
      calls.push(method)
      return planned.get(method)?.shift() ?? null
    },
  }
}
