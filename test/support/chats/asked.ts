/** A surface over a local chat server, with a store on disk that survives its restarts. */

import { type ChatSurfaceOptions, createChat } from "../../../src/guardian/owner/chat.ts"
import type { Answered, Surface } from "../../../src/guardian/owner/surfaces.ts"
import { openChats } from "../../../src/http/chats/apps.ts"
import type { ChatName } from "../../../src/protocol/names.ts"
import type { Question } from "../../../src/protocol/questions.ts"
import { createTestStore } from "../store.ts"
import { until } from "../world.ts"
import { type ChatServer, chatServers } from "./server.ts"

export type AskedOwner = {
  readonly server: ChatServer
  readonly surface: Surface
  /** What was answered, as `yes k7q2`. */
  readonly answers: string[]
  readonly log: string[]
  /** The pauses asked for, in milliseconds; none of them is waited for in full. */
  readonly pauses: number[]
  /** The next answers come to this; without, all are done. */
  readonly results: Answered[]
  /** The id of the message that asks, once it stands in the chat. */
  message(question: Question): Promise<string>
  /** The texts in the chat, once one of them has `words` in it. */
  shows(words: string): Promise<string>
  /** Resolves when everything that was written until now has been looked at. */
  looked(): Promise<void>
  /** Stops the surface, and makes another one over the same store. */
  restart(): Promise<void>
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const day = 24 * 60 * 60 * 1000

export const kai: Question = {
  id: "k7q2",
  kind: "request",
  name: "kai",
  as: "kai",
  claimedHost: null,
  host: "192.0.2.7",
  port: 9877,
  verifier: "65T6V-3FSB8",
  taken: false,
  createdAt: 0,
  expiresAt: day,
}
export const ada: Question = { ...kai, id: "m3x9", name: "ada", as: "ada", verifier: "AAAAA-BBBBB" }

export function askOwner(name: ChatName): AskedOwner {
  const server = chatServers[name]()
  const { token, baseUrl, owner } = server
  const books = createTestStore()
  const answers: string[] = []
  const log: string[] = []
  const pauses: number[] = []
  const results: Answered[] = []
  const place = name === "telegram" ? { chat: owner.chat } : { channel: owner.chat }
  const settings = { [name]: { token, user: owner.user, baseUrl, ...place } }
  let running = start()

  function start() {
    const stopping = new AbortController()
    const [made] = openChats(settings)
    if (made === undefined) throw new Error("no chat")
    const options: ChatSurfaceOptions = {
      chat: made.chat,
      owner: made.owner,
      self: () => "mira",
      store: books.store.chats.of(made.key),
      answer: async (id, answer, by) => {
        answers.push(`${answer} ${id}`)
        const word = answer === "yes" ? "Paired with kai." : "Denied. Nothing is paired."
        if (by !== name) throw new Error(`answered by ${by}`)
        return results.shift() ?? { kind: "done", text: word }
      },
      log: line => log.push(line),
      stopping: stopping.signal,
      random: () => 0,
      pause: async milliseconds => {
        pauses.push(milliseconds)
        await Bun.sleep(1)
      },
    }
    return { surface: createChat(options), stopping }
  }

  const texts = (): string => server.sent.map(one => one.text).join("\n---\n")
  const stop = async (): Promise<void> => {
    running.stopping.abort()
    await running.surface.stopped()
  }

  return {
    server,
    get surface() {
      return running.surface
    },
    answers,
    log,
    pauses,
    results,
    message: question =>
      until(`the question about ${question.name}`, () => {
        return server.sent.findLast(one => one.text.includes(`Agent ${question.name} wants`))?.id ?? null
      }),
    shows: words => until(`${words} in ${texts()}`, () => (texts().includes(words) ? texts() : null)),
    async looked() {
      const [listens = ""] = {
        telegram: ["getUpdates"],
        discord: ["GET messages"],
        slack: ["conversations.history"],
      }[name]
      const count = (): number => server.calls.filter(one => one === listens).length
      // A look that follows a stranger's words comes after what was there before them was judged, or is the
      // one that reads it; the second time there is no such doubt.
      for (const text of ["hello", "anybody?"]) {
        const before = count()
        server.write({ text, author: "9" })
        await until("another look", () => count() > before)
      }
    },
    stop,
    async restart() {
      await stop()
      running = start()
    },
    async [Symbol.asyncDispose]() {
      await stop()
      await server.close()
      books[Symbol.dispose]()
    },
  }
}
