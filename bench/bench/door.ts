/** One thing asked at a Guardian's local door, and what is told meanwhile. */
import { createConnection } from "node:net"

export type AskedDoor = {
  /** The first event of this name, which may have come before. */
  event<Event = unknown>(name: string): Promise<Event>
  readonly result: Promise<unknown>
}

type Word = {
  readonly event?: { readonly event: string }
  readonly result?: unknown
  readonly error?: { readonly code: string; readonly message: string }
}

/** @returns at once; what the door refuses rejects everything that is waited for */
export function askDoor(path: string, request: Record<string, unknown>): AskedDoor {
  const result = Promise.withResolvers<unknown>()
  const events = new Map<string, PromiseWithResolvers<unknown>>()
  const eventOf = (name: string): PromiseWithResolvers<unknown> => {
    const known = events.get(name) ?? Promise.withResolvers<unknown>()
    events.set(name, known)
    // It may come to nothing before anybody waits for it.
    known.promise.catch(() => {})
    return known
  }
  result.promise.catch(() => {})
  const fail = (error: Error): void => {
    result.reject(error)
    for (const { reject } of events.values()) reject(error)
  }
  const take = (text: string): void => {
    const { event, result: value, error } = JSON.parse(text) as Word
    if (event !== undefined) eventOf(event.event).resolve(event)
    else if (error !== undefined) fail(new Error(`${error.code}: ${error.message}`))
    else result.resolve(value)
  }
  let received = ""
  const socket = createConnection(path, () => socket.write(`${JSON.stringify(request)}\n`))
  socket.setEncoding("utf8")
  socket.on("data", (chunk: string) => {
    const lines = (received + chunk).split("\n")
    received = lines.pop() ?? ""
    lines.forEach(take)
  })
  socket.on("error", fail)
  socket.on("close", () =>
    fail(new Error(`the door closed before all was told: ${JSON.stringify(request.op)}`)),
  )
  return { event: name => eventOf(name).promise as Promise<never>, result: result.promise }
}
