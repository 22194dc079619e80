/** What somebody can do to a pairing from outside: a machine in the middle, a false minter, a joiner that guesses. */

import { toBase64Url } from "../../src/protocol/bytes.ts"
import { type JoinerState, startJoiner } from "../../src/protocol/joiner.ts"
import { type Confirm, nonceLength, type Self } from "../../src/protocol/pairing-messages.ts"
import { json } from "./bytes.ts"
import { confirmOf, meet } from "./pairing.ts"
import { freePort } from "./ports.ts"

export type Heard = { readonly path: string; readonly request: string; readonly answer: string }

/** Passes requests on to `port`, as it pleases, and keeps what it heard. */
export function openMiddle(
  port: number,
  change: (text: string, path: string, way: "request" | "answer") => string = text => text,
): { readonly port: number; readonly heard: Heard[]; stop(): Promise<void> } {
  const heard: Heard[] = []
  const server = Bun.serve({
    port: freePort(),
    hostname: "127.0.0.1",
    idleTimeout: 60,
    async fetch(incoming) {
      const path = new URL(incoming.url).pathname
      if (!path.startsWith("/v1/pair/")) return passOn(port, path, incoming)
      const request = change(await incoming.text(), path, "request")
      const response = await postJson(port, path, request)
      const answer = change(response.text, path, "answer")
      heard.push({ path, request, answer })
      return new Response(answer === "" ? null : answer, { status: response.status })
    },
  })
  return { port: server.port ?? 0, heard, stop: () => server.stop(true) }
}

/** A signed request and its answer, as they are: the pair goes on at the port at which the minter was reached. */
async function passOn(port: number, path: string, incoming: Request): Promise<Response> {
  const { host: _, connection: __, ...headers } = Object.fromEntries(incoming.headers)
  const body = await incoming.bytes()
  const init = { method: "POST", headers, body, decompress: false } as unknown as RequestInit
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, init)
  return new Response(await answer.bytes(), { status: answer.status, headers: answer.headers })
}

/** Answers `hello` and `confirm` as it is told, and counts what it was asked. */
export function openFalseMinter(
  hello: (body: Uint8Array) => unknown,
  confirm: (body: Uint8Array) => unknown = () => ({ tag: "A".repeat(43) }),
): { readonly port: number; readonly asked: string[]; stop(): Promise<void> } {
  const asked: string[] = []
  const server = Bun.serve({
    port: freePort(),
    hostname: "127.0.0.1",
    async fetch(request) {
      const path = new URL(request.url).pathname
      asked.push(path)
      const body = new Uint8Array(await request.arrayBuffer())
      if (path === "/v1/pair/hello") return Response.json(hello(body))
      return Response.json(confirm(body), { status: 202 })
    },
  })
  return { port: server.port ?? 0, asked, stop: () => server.stop(true) }
}

export async function postJson(
  port: number,
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
): Promise<{ status: number; text: string }> {
  const headers = { "Content-Type": "application/json" }
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", headers, body })
  return { status: response.status, text: await response.text() }
}

/** A joiner of the attacker's making. */
export const attacker: Self = { name: "mallory", agent: "mallory-0001", port: 9, host: null }

/** Says hello with these symbols; null where the door is closed to it. */
export async function greet(
  port: number,
  symbols: string,
  self: Self = attacker,
): Promise<JoinerState | null> {
  const start = startJoiner(symbols, self, crypto.getRandomValues(new Uint8Array(nonceLength)))
  const { status, text } = await postJson(port, "/v1/pair/hello", start.hello)
  return status === 200 ? meet(start, JSON.parse(text)) : null
}

/** The body of a confirm that a greeted joiner would send, with changes. */
export function proofOf(
  met: JoinerState,
  changes: Partial<Record<keyof Confirm, string>> = {},
): Uint8Array<ArrayBuffer> {
  const { pairing, Y, tag } = confirmOf(met).confirm
  return json({ pairing: toBase64Url(pairing), Y: toBase64Url(Y), tag: toBase64Url(tag), ...changes })
}
