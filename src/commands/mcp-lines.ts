/**
 * Lines of JSON-RPC that the SDK (2.4.0) takes for nothing, noting them on stderr at best, while whoever sent one waits
 * for an answer: what is no message, what has an id that the Model Context Protocol does not know, and batches, which
 * its revision 2025-03-26 had alone.
 */
import { Transform } from "node:stream"
import { deserializeMessage } from "@modelcontextprotocol/server"

/** JSON-RPC 2.0, section 5.1. */
const parseError = { code: -32700, message: "Parse error: a line is not JSON" }
const invalidRequest = (what: string) => ({ code: -32600, message: `Invalid Request: ${what}` })
const batch = invalidRequest("a batch is not taken; send each request on a line of its own")
const noMessage = invalidRequest(
  'a request has "jsonrpc": "2.0", a method, and as its id a string or a whole number of at most 2^53 - 1',
)

type Id = string | number | null

/**
 * A stream of the lines that hold a message, each as it came; but where a call has null for its arguments, which
 * stands for what is not given, it has none.
 * @param answer - is given the line that refuses another one
 */
export function messagesOf(answer: (line: string) => void): Transform {
  let rest = Buffer.alloc(0)
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const whole = Buffer.concat([rest, chunk])
      const end = whole.lastIndexOf("\n") + 1
      rest = whole.subarray(end)
      for (const line of whole.toString("utf8", 0, end).split(/(?<=\n)/)) {
        const { message, refusal } = read(line)
        if (message !== null) this.push(message)
        if (refusal !== null) answer(`${JSON.stringify(refusal)}\n`)
      }
      done()
    },
  })
}

type Read = { readonly message: string | null; readonly refusal: object | null }

const refused = (error: object, id: Id): object => ({ jsonrpc: "2.0", id, error })

function read(line: string): Read {
  if (line.trim() === "") return { message: null, refusal: null }
  const value = parsed(line)
  if (value === undefined) return { message: null, refusal: refused(parseError, null) }
  if (Array.isArray(value)) return { message: null, refusal: batchRefusal(value) }
  const said = isBareCall(value) ? `${JSON.stringify(withoutArguments(value))}\n` : line
  if (isMessage(said) || isResponse(value)) return { message: said, refusal: null }
  return { message: null, refusal: refused(noMessage, idOf(value)) }
}

/** Undefined for what is no JSON. */
function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function isMessage(line: string): boolean {
  try {
    deserializeMessage(line)
    return true
  } catch {
    return false
  }
}

/** One answers no answer, be it a broken one. */
const isResponse = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  !("method" in value) &&
  ("result" in value || "error" in value)

/** Null where it cannot be given back as it came: JavaScript reads 9007199254740993 as another number. */
function idOf(value: unknown): Id {
  const { id } = (value ?? {}) as { id?: unknown }
  if (typeof id === "string") return id
  return typeof id === "number" && Number.isFinite(id) && (!Number.isInteger(id) || Number.isSafeInteger(id))
    ? id
    : null
}

/** An error for each of its requests, or one without an id. */
function batchRefusal(messages: readonly unknown[]): object {
  const ids = messages.flatMap(one => {
    const { method, id } = (one ?? {}) as { method?: unknown; id?: unknown }
    return typeof method === "string" && id !== undefined ? [idOf(one)] : []
  })
  return ids.length === 0 ? refused(batch, null) : ids.map(id => refused(batch, id))
}

type BareCall = { readonly params: Readonly<Record<string, unknown>> }

const isBareCall = (value: unknown): value is BareCall =>
  (value as { params?: { arguments?: unknown } | null } | null)?.params?.arguments === null

const withoutArguments = (call: BareCall): object => ({
  ...call,
  params: Object.fromEntries(Object.entries(call.params).filter(([key]) => key !== "arguments")),
})
