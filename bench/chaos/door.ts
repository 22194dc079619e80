/** Asks an agent's door to send one text, and tells what can be known of it afterwards. */
import { createConnection } from "node:net"

export type Asked =
  /** The Guardian said that it has the message. */
  | { readonly kind: "taken"; readonly id: string; readonly status: string }
  /** It said that it has not: nobody may ever see this text. */
  | { readonly kind: "refused"; readonly reason: string }
  /** Nobody heard the request. */
  | { readonly kind: "absent" }
  /** It died, or took too long, before it answered: asked again with the same id, it says what became of it. */
  | { readonly kind: "unanswered"; readonly isTimeout: boolean }

const answerMilliseconds = 60_000

/** @param messageId - the same for each try of one text: the Guardian keeps it once */
export function askToSend(socketPath: string, to: string, text: string, messageId: string): Promise<Asked> {
  const { promise, resolve } = Promise.withResolvers<Asked>()
  let received = ""
  let isConnected = false
  const socket = createConnection(socketPath, () => {
    isConnected = true
    socket.write(`${JSON.stringify({ op: "send", to, text, messageId })}\n`)
  })
  const giveUp = setTimeout(() => finish({ kind: "unanswered", isTimeout: true }), answerMilliseconds)
  function finish(asked: Asked): void {
    clearTimeout(giveUp)
    socket.destroy()
    resolve(asked)
  }
  socket.setEncoding("utf8")
  socket.on("data", (chunk: string) => {
    received += chunk
    const answer = lastAnswer(received)
    if (answer !== null) finish(answer)
  })
  const ended = (): void =>
    finish(isConnected ? { kind: "unanswered", isTimeout: false } : { kind: "absent" })
  socket.on("error", ended)
  socket.on("close", ended)
  return promise
}

type Line = {
  readonly result?: { readonly id: string; readonly status: string }
  readonly error?: { readonly code: string; readonly message: string }
}

/** The line that ends the conversation, once it is whole. */
function lastAnswer(received: string): Asked | null {
  for (const text of received.split("\n").slice(0, -1)) {
    const { result, error } = JSON.parse(text) as Line
    if (result !== undefined) return { kind: "taken", id: result.id, status: result.status }
    if (error !== undefined) return { kind: "refused", reason: `${error.code}: ${error.message}` }
  }
  return null
}
