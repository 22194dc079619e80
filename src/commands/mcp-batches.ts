/**
 * Batches of JSON-RPC, which revision 2025-03-26 of the Model Context Protocol had alone: the SDK (2.4.0) drops them
 * without a word, and whoever sent one would wait for ever.
 */
import { Transform } from "node:stream"

/** -32600, "Invalid Request" (JSON-RPC 2.0, section 5.1). */
const error = {
  code: -32600,
  message: "Invalid Request: a batch is not taken; send each request on a line of its own",
}

/**
 * A stream of lines without those that hold a batch.
 * @param answer - is given the line that refuses one: an error for each of its requests, or one without an id
 */
export function withoutBatches(answer: (line: string) => void): Transform {
  let rest = Buffer.alloc(0)
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const whole = Buffer.concat([rest, chunk])
      const end = whole.lastIndexOf("\n") + 1
      rest = whole.subarray(end)
      for (const line of whole.toString("utf8", 0, end).split(/(?<=\n)/)) {
        const refusal = refusalOf(line)
        if (refusal === null) this.push(line)
        else answer(refusal)
      }
      done()
    },
  })
}

/** Null for a line that is no batch. */
function refusalOf(line: string): string | null {
  if (!/^\s*\[/.test(line)) return null
  const ids = idsIn(line)
  if (ids === null) return null
  const refusals = ids.map(id => ({ jsonrpc: "2.0", id, error }))
  return `${JSON.stringify(refusals.length === 0 ? { jsonrpc: "2.0", id: null, error } : refusals)}\n`
}

/** Of the requests in a batch; null where it is no JSON. */
function idsIn(line: string): (string | number)[] | null {
  try {
    return (JSON.parse(line) as ({ method?: unknown; id?: unknown } | null)[]).flatMap(one =>
      typeof one?.method === "string" && (typeof one.id === "string" || typeof one.id === "number")
        ? [one.id]
        : [],
    )
  } catch {
    return null
  }
}
