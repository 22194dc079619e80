/** A peer of a Guardian under test: a server that answers as the test says. */
import {
  type ClientPair,
  openAnswer,
  post,
  readRequest,
  signAnswer,
  signPlain,
  stamp,
  uuidV7,
} from "./client.ts"
import type { TestGuardian } from "./guardian.ts"
import { freePort } from "./ports.ts"

export type Asked = {
  readonly re: string
  readonly id: string
  readonly isSealed: boolean
  readonly body: Readonly<Record<string, unknown>>
}
export type Answerer = (asked: Asked) => Response | Promise<Response>

export type Peer = {
  readonly port: number
  /** What it was asked, oldest first. */
  readonly asked: readonly Asked[]
  count(): number
} & AsyncDisposable

/** A peer that answers every request of its pair in its own way; one that looks for somebody else is told 403. */
export async function openPeer(pair: ClientPair, answerer: Answerer, port = freePort()): Promise<Peer> {
  const asked: Asked[] = []
  const server = Bun.serve({
    port,
    hostname: "127.0.0.1",
    async fetch(request) {
      // Another test's peer had this port a moment ago.
      if (request.headers.get("x-sento-pair") !== pair.id) return new Response(null, { status: 403 })
      const isSealed = request.headers.get("content-encoding") === "aes128gcm"
      const body = readRequest(pair, isSealed, Buffer.from(await request.arrayBuffer()))
      const re = request.headers.get("x-sento-signature") ?? ""
      const one = { re, id: String(body.id), isSealed, body }
      asked.push(one)
      return answerer(one)
    },
  })
  return {
    port: server.port ?? 0,
    asked,
    count: () => asked.length,
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}

/** The answer of a peer that keeps what it is sent. */
export const accepted = ({ re, id }: Pick<Asked, "re" | "id">) => ({
  v: 1,
  re,
  status: 202,
  id,
  state: "accepted",
})

export const accepts =
  (pair: ClientPair): Answerer =>
  asked =>
    signed(pair, accepted(asked), asked.isSealed)

/** A signed answer of the peer's. */
export function signed(pair: ClientPair, content: Record<string, unknown>, isSealed = true): Response {
  const { body, headers } = signAnswer(pair, content, isSealed)
  return new Response(new Uint8Array(body), { status: Number(content.status), headers })
}

/** What the peer itself tells a Guardian, and the answer. */
export async function tell(
  guardian: TestGuardian,
  pair: ClientPair,
  fields: Readonly<Record<string, unknown>>,
): Promise<Record<string, unknown>> {
  const base = { v: 1, id: uuidV7(guardian.now), timestamp: stamp(guardian.now), type: "message", text: "hi" }
  const request = signPlain(pair, { ...base, ...fields })
  return openAnswer(pair, request, await post(guardian.port, request))
}
